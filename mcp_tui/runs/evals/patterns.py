"""Regular expressions of a suite on texts of models and servers: none can hold up the program.

`re` keeps the interpreter's lock while it searches, so a thread alone is no protection. What is certainly quick is
searched here; everything else by a process of its own that is ended at a deadline.
"""

from __future__ import annotations

import json
import subprocess
import sys

from mcp_tui.core.patterns import judged

DEADLINE_S = 5.0
MOST_CHARS = 1_000_000

_SEARCH = (
    "import json, re, sys\n"
    "pattern, text = json.load(sys.stdin.buffer)\n"
    "sys.stdout.write('yes' if re.search(pattern, text) else 'no')\n"
)


class SearchError(Exception):
    """Nobody knows whether it matches; the message says why."""


def found(pattern: str, text: str) -> bool:
    """Whether the pattern matches somewhere in the text. SearchError. Blocks up to DEADLINE_S: call it on a thread."""
    if len(text) > MOST_CHARS:
        raise SearchError(f"the text is longer than {MOST_CHARS:,} characters and was not searched")
    quick = judged(pattern)
    if quick.compiled is not None and not quick.fault(len(text)):
        return quick.compiled.search(text) is not None
    try:
        ended = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _SEARCH],
            input=json.dumps([pattern, text]).encode(),
            capture_output=True,
            timeout=DEADLINE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SearchError(f"searching took longer than {DEADLINE_S:g} s: the pattern is too costly") from error
    except OSError as error:
        raise SearchError(f"no process could be started for the search: {error.strerror}") from error
    if ended.stdout not in (b"yes", b"no"):
        raise SearchError(f"the search ended with code {ended.returncode}")
    return ended.stdout == b"yes"
