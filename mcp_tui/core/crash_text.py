"""A crash card in words: the same rows on screen, from `doctor` and in a bug report."""

from __future__ import annotations

import shlex

from mcp_tui.core.state import CrashCard, ServerSnapshot
from mcp_tui.core.text import clean


def ending(crash: CrashCard) -> str:
    if crash.unanswered:
        return "by mcp-tui: it gave no answer in time"
    if crash.signal:
        return f"ended by {crash.signal}"
    if crash.exit_code is not None:
        return f"exit code {crash.exit_code}"
    # Without a word of its own it was never started, or it closed its output and was ended by us.
    return "closed its output" if crash.started else "never started"


def rows(crash: CrashCard) -> tuple[tuple[str, str], ...]:
    """(name, text), hostile text as it came: how it ended, command, folder, variables it did not get."""
    found = [
        ("ended", ending(crash)),
        ("command", shlex.join(crash.argv)),
        ("folder", crash.cwd),
    ]
    if crash.env_withheld:
        found.append(("not passed", ", ".join(crash.env_withheld)))
    return tuple(found)


def last_words(server: ServerSnapshot, count: int) -> list[str]:
    """The newest lines of its error output, cleaned; their indentation stays, since stack traces are read by it."""
    lines = server.stderr_tail or (server.crash.stderr_tail if server.crash is not None else ())
    cleaned = [" ".join(clean(line).rstrip().splitlines()) for line in lines]
    while cleaned and not cleaned[-1]:
        cleaned.pop()
    return cleaned[-count:]
