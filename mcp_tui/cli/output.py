"""What goes to stdout and stderr: JSON, clean text, tables, notices and errors."""

from __future__ import annotations

import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any, cast

import click

from mcp_tui.core.errors import EXIT_CODES, ErrorInfo
from mcp_tui.core.json_values import is_object
from mcp_tui.core.text import clean, clean_line, json_escaped, marked_line

__all__ = [
    "colour_allowed",
    "cut_cells",
    "error_object",
    "notice",
    "print_error",
    "print_json",
    "print_json_line",
    "say",
    "say_block",
    "styled",
    "table",
    "warn",
    "width_cells",
]


def print_json(value: object) -> None:
    """One JSON document on stdout, UTF-8 in any locale. What a reader cannot see is a `\\u` escape: nothing is lost."""
    click.echo(_encoded(value, indent=2))


def print_json_line(value: object) -> None:
    """The same on one line, for output that goes on."""
    click.echo(_encoded(value, indent=None))


def _encoded(value: object, *, indent: int | None) -> bytes:
    try:
        text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), indent=indent, ensure_ascii=False)
    return json_escaped(text).encode()


def _finite(value: object) -> object:
    """NaN and infinities are no JSON: null."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if is_object(value):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in cast("Sequence[object]", value)]
    return value


def colour_allowed(*, err: bool = False) -> bool:
    stream = sys.stderr if err else sys.stdout
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, *, fg: str | None = None, bold: bool = False, dim: bool = False, err: bool = False) -> str:
    """Clean text of one line, coloured where the stream shows colours."""
    text = clean_line(text)
    return click.style(text, fg=fg, bold=bold or None, dim=dim or None) if colour_allowed(err=err) else text


def say(text: str = "", *, newline: bool = True) -> None:
    """Human text on stdout; `text` is clean already, or styled."""
    click.echo(text, nl=newline, color=colour_allowed())


def say_block(text: str) -> None:
    """A text from outside, line breaks kept."""
    say(clean(text))


def notice(text: str) -> None:
    """One line on stderr for a person."""
    click.echo(marked_line(text), err=True, color=colour_allowed(err=True))


def warn(info: ErrorInfo) -> None:
    """Something is wrong, but the command goes on."""
    head = styled("warning:", fg="yellow", err=True)
    click.echo(f"{head} {marked_line(info.line())}", err=True, color=colour_allowed(err=True))


def error_object(info: ErrorInfo) -> dict[str, Any]:
    """Clean, because scripts print what they get."""
    return {
        "title": marked_line(info.title),
        "detail": marked_line(info.detail),
        "hint": marked_line(info.hint),
        "kind": info.kind.value,
        "code": info.code,
    }


def print_error(info: ErrorInfo, *, as_json: bool) -> None:
    """`error: TITLE: DETAIL (HINT)` on stderr, or `{"error": {...}}` with the exit code in it."""
    if as_json:
        value = {"error": {**error_object(info), "exit_code": EXIT_CODES[info.kind]}}
        click.echo(json.dumps(value), err=True)
        return
    head = styled("error:", fg="red", err=True)
    click.echo(f"{head} {marked_line(info.line())}", err=True, color=colour_allowed(err=True))


def width_cells(text: str) -> int:
    """Terminal cells of clean text: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_character_cells(character) for character in text)


def _character_cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut_cells(text: str, width: int) -> str:
    """At most `width` cells, the last one `…` when something was cut."""
    if width_cells(text) <= width:
        return text
    kept: list[str] = []
    room = width - 1
    for character in text:
        room -= _character_cells(character)
        if room < 0:
            break
        kept.append(character)
    return f"{''.join(kept)}…" if width > 0 else ""


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> None:
    """Aligned columns; cells are cleaned. On a terminal the last column is cut to its width.

    right: indices of columns aligned to the right.
    """
    cells = [[clean_line(cell) for cell in row] for row in rows]
    widths = [max([len(header), *(width_cells(row[index]) for row in cells)]) for index, header in enumerate(headers)]
    if sys.stdout.isatty():
        room = shutil.get_terminal_size().columns - sum(width + 2 for width in widths[:-1])
        widths[-1] = max(min(widths[-1], room), 10)
    say(styled(_table_line(headers, widths, right), bold=True))
    for row in cells:
        say(_table_line([*row[:-1], cut_cells(row[-1], widths[-1])], widths, right))


def _table_line(cells: Sequence[str], widths: Sequence[int], right: frozenset[int]) -> str:
    padded: list[str] = []
    for index, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        space = " " * (width - width_cells(cell))
        padded.append(space + cell if index in right else cell + space)
    return "  ".join(padded).rstrip()
