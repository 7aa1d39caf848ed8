"""TOML with the lines of its keys: tomllib says what a file means, a scan of its statements says where."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from mcp_tui.config.document import Document, DocumentSyntaxError, KeyPath, LineIndex
from mcp_tui.core.json_values import is_object

_PLACE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)")
_PART = r"""(?:"(?:\\.|[^"\\\n])*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_KEY = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_STATEMENT = re.compile(rf"[ \t]*(?:(\[\[?)[ \t]*({_KEY})[ \t]*\]|({_KEY})[ \t]*=)")
_VALUE_PIECE = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'" r"|#[^\n]*|[\[\]{}]|\n",
    re.DOTALL,
)


def parse(text: str, path: Path) -> Document:
    """The document of a TOML text. DocumentSyntaxError names the first fault."""
    text = text.removeprefix("\ufeff")
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason = str(error)
        place = _PLACE.search(reason)
        index = LineIndex(text)
        line, column = (index.line(len(text)), 0) if place is None or place[1] is None else map(int, place.groups())
        raise DocumentSyntaxError(_PLACE.sub("", reason).lower(), line, column) from error
    except RecursionError as error:
        raise DocumentSyntaxError("nested too deep") from error
    return Document(path, value, _lines(text), syntax="toml")


def _lines(text: str) -> dict[KeyPath, int]:
    """The line of each table header and each key; of a valid text only."""
    index = LineIndex(text)
    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    counts: dict[KeyPath, int] = {}
    at = 0
    while at < len(text):
        found = _STATEMENT.match(text, at)
        if found is None:
            at = _after_line(text, at)
            continue
        line = index.line(at)
        opener, header, key = found.groups()
        if header is not None:
            table = _placed(_parts(header), counts)
            for length in range(1, len(table)):
                lines.setdefault(table[:length], line)
            if opener == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            lines[table] = line
            at = _after_line(text, found.end())
            continue
        keys = (*table, *_parts(key))
        for length in range(len(table) + 1, len(keys) + 1):
            lines.setdefault(keys[:length], line)
        at = _after_value(text, found.end())
    return lines


def _placed(header: KeyPath, counts: dict[KeyPath, int]) -> KeyPath:
    """Where a header's table is: `[list.inner]` belongs to the newest entry of `[[list]]`."""
    placed: KeyPath = ()
    for part in header[:-1]:
        placed = (*placed, part)
        if placed in counts:
            placed = (*placed, counts[placed])
    return (*placed, *header[-1:])


def _parts(key: str) -> KeyPath:
    """The parts of a dotted key, unquoted."""
    parts: list[str | int] = []
    value: Any = tomllib.loads(f"{key} = 0")
    while is_object(value):
        name, value = next(iter(value.items()))
        parts.append(name)
    return tuple(parts)


def _after_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _after_value(text: str, at: int) -> int:
    """The start of the line after a value, which may span several lines."""
    depth = 0
    for piece in _VALUE_PIECE.finditer(text, at):
        token = piece.group()
        if token in "[{":
            depth += 1
        elif token in "]}":
            depth -= 1
        elif token == "\n" and depth <= 0:
            return piece.end()
    return len(text)
