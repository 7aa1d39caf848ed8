"""List items and quotes: which lines of a text belong to one, and what they hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

TAB_STOP = 4
TASK = re.compile(r"\[([ xX])\] +")
"""The box of a task, at the beginning of a list item's text."""
_MARKER = re.compile(r" *(?:[-+*]|\d{1,9}[.)])(?=[ \t]|$)")
_QUOTE = re.compile(r" {0,3}>")
_WIDEST_SPACE = 4
"""Columns between a list marker and its text; with more of them the text is indented code."""


@dataclass(frozen=True, slots=True)
class Container:
    kind: Literal["list", "quote"]
    marker: str = ""
    """What items of one list share: the bullet, or what stands behind the number."""
    number: int | None = None
    """Of an item of an ordered list."""
    offset: int = 0
    """Columns by which the lines of an item are indented."""
    done: bool | None = None
    """Of an item that is a task."""

    def content(self, line: str) -> str | None:
        """What a complete line after the first one holds; None: it does not belong to the container."""
        if self.kind == "quote":
            match = _QUOTE.match(line)
            if match is None:
                return None
            held = line[match.end() :]
            return _without(held, 1 if held[:1] in (" ", "\t") else 0, match.end())
        if not line.strip(" \t"):
            return ""
        return _without(line, self.offset, 0)

    def undecided(self, line: str) -> bool:
        """Whether `content` needs more than this beginning of a line."""
        if self.kind == "quote" and (match := _QUOTE.match(line)) is not None:
            line = line[match.end() :]
        return not line.strip(" \t")


@dataclass(frozen=True, slots=True)
class Frame:
    """A container around a block."""

    container: Container
    kind: str
    """Of the block, as a part of the container."""
    opens: bool
    """It is the first in the container: the mark of an item stands beside it."""
    after: str
    """Kind of the block before it in the container; "" where it goes on with that one."""


def item(line: str, marker: str, number: int | None) -> tuple[Container, str] | None:
    """The item of a list that begins with this line, and what the line holds. None: it looks like no item."""
    match = _MARKER.match(line)
    if match is None:
        return None
    text = line[match.end() :]
    space = _columns(text, match.end())
    if not text.strip(" \t") or space > _WIDEST_SPACE:
        space = 1
    held = _without(text, space, match.end()) or ""
    task = TASK.match(held.rstrip())
    done = task[1] != " " if task is not None else None
    return Container("list", marker, number, match.end() + space, done), held


def _columns(text: str, at: int) -> int:
    """Columns of the white space a text that stands at column `at` begins with."""
    column = at
    for character in text[: len(text) - len(text.lstrip(" \t"))]:
        column += TAB_STOP - column % TAB_STOP if character == "\t" else 1
    return column - at


def _without(text: str, columns: int, at: int) -> str | None:
    """A text at column `at` without so many columns of white space; None: it has fewer."""
    have = _columns(text, at)
    return " " * (have - columns) + text.lstrip(" \t") if have >= columns else None
