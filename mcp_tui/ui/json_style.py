"""How text in editors is drawn: JSON coloured line by line, control characters made visible.

No JSON text value spans a line, so each line stands for itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_tui.core.text import replace_hidden

KINDS = ("key", "string", "number", "literal")
MAX_LINE_CHARS = 4_000
"""Longer lines stay plain."""

_TOKEN = re.compile(
    r'(?P<string>"(?:[^"\\]|\\.)*+"?)(?P<colon>\s*:)?'
    r"|(?P<number>-?\b\d+(?:\.\d+)?(?:[eE][-+]?\d+)?\b)"
    r"|(?P<literal>\b(?:true|false|null)\b)"
)


def json_spans(line: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, kind) for each coloured piece; kind is one of KINDS."""
    if len(line) > MAX_LINE_CHARS:
        return
    for match in _TOKEN.finditer(line):
        if match.group("string") is not None:
            start, end = match.span("string")
            yield start, end, "key" if match.group("colon") else "string"
        else:
            kind = "number" if match.group("number") is not None else "literal"
            yield *match.span(), kind


def visible(line: str) -> str:
    """One character for each, so that a cursor stays where it is: `�` for what is hidden (see `core.text`)."""
    return replace_hidden(line.replace("\n", "\ufffd"), lambda character: "\ufffd")
