"""Rows of a stream: what one screen line shows, and the wrapping that makes them.

Everything here works in cells, not characters, and on text that was cleaned before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeAlias

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style

if TYPE_CHECKING:
    from textual.widget import Widget

    from mcp_tui.ui.stream.code_body import CodeBody

Span: TypeAlias = tuple[str, Style]

TAIL_GAP = 2
"""Blank cells at least between a row's text and its tail."""
HANGING_INDENT = 2
"""Cells by which the second row of a code line stands deeper."""

BOLD = Style(bold=True)
ITALIC = Style(italic=True)
STRIKE = Style(strike=True)
UNDERLINE = Style(underline=True)

_WIDE = "\u1100-\u115f\u2e80-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6"
# Closing marks must not begin a line, so they stay with the character before them.
_CLOSERS = "、。，．！？：；）」』】〉》〕｝］ー々"
_TOKEN = re.compile(rf"[ \n]+|[{_WIDE}][{_CLOSERS}]*|[^ \n{_WIDE}]+")


@dataclass(frozen=True, slots=True)
class Palette:
    """The styles of a stream under the present theme; every one has the background to draw on.

    Field `x_y` is the component class `stream--x-y`.
    """

    text: Style
    muted: Style
    heading: Style
    subheading: Style
    code_inline: Style
    link: Style
    quote: Style
    rule: Style
    bullet: Style
    table_head: Style
    code: Style
    code_keyword: Style
    code_name: Style
    code_string: Style
    code_number: Style
    code_comment: Style
    code_added: Style
    code_removed: Style
    code_mark: Style
    prompt: Style
    thinking: Style
    tool: Style
    ok: Style
    warning: Style
    error: Style
    accent: Style
    marker: Style
    thumb: Style
    match: Style
    match_current: Style
    spot: Style

    @classmethod
    def component_classes(cls) -> set[str]:
        return {f"stream--{field.name.replace('_', '-')}" for field in fields(cls)}

    @classmethod
    def of(cls, widget: Widget) -> Palette:
        return cls(
            **{
                field.name: widget.get_component_rich_style(f"stream--{field.name.replace('_', '-')}")
                for field in fields(cls)
            }
        )


class Row:
    """One line of content, without the gutter and the scrollbar.

    lead: how many characters at its start are decoration, left out of selected text.
    join: what stands between this row and the one before it in selected text: a line break, or what wrapping
    removed (a space, or nothing inside a chopped word).
    fill: style of the cells right of the text, None for the stream's own.
    code: the body of the fence it belongs to; compared by identity, never by content.
    tail: drawn at the right edge where there is room; no part of the text.
    """

    __slots__ = ("code", "fill", "join", "lead", "spans", "tail")

    def __init__(
        self,
        spans: Iterable[Span] = (),
        *,
        lead: int = 0,
        join: str = "\n",
        fill: Style | None = None,
        code: CodeBody | None = None,
        tail: Span | None = None,
    ) -> None:
        self.spans: tuple[Span, ...] = tuple(spans)
        self.lead = lead
        self.join = join
        self.fill = fill
        self.code = code
        self.tail = tail

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.spans)

    @property
    def content(self) -> str:
        return self.text[self.lead :]

    def segments(self, width: int, base: Style) -> list[Segment]:
        """Exactly `width` cells."""
        segments: list[Segment] = []
        used = 0
        for text, style in self.spans:
            if not text:
                continue
            size = cell_len(text)
            if used + size > width:
                if used < width:  # nothing can be chopped to no cells
                    segments.extend(Segment(part, style) for part in chop_cells(text, width - used)[:1] if part)
                    used = sum(segment.cell_length for segment in segments)
                break
            segments.append(Segment(text, style))
            used += size
        tail = self._tail_beside(used, width)
        if tail is not None:
            used += cell_len(tail[0])
        if used < width:
            segments.append(Segment(" " * (width - used), self.fill or base))
        if tail is not None:
            segments.append(Segment(*tail))
        return segments

    def drawn_tail(self, width: int) -> Span | None:
        """The tail, if it is drawn at this width."""
        return self._tail_beside(width_of(self.spans), width)

    def _tail_beside(self, used: int, width: int) -> Span | None:
        if self.tail is None or used + cell_len(self.tail[0]) + TAIL_GAP > width:
            return None
        return self.tail

    def prefixed(self, spans: Sequence[Span]) -> Row:
        """This row behind more decoration."""
        size = sum(len(text) for text, _ in spans)
        return Row(
            (*spans, *self.spans),
            lead=self.lead + size,
            join=self.join,
            fill=self.fill,
            code=self.code,
            tail=self.tail,
        )

    def same(self, other: Row) -> bool:
        """Looks alike, and gives the same text when it is selected."""
        return self is other or (
            self.spans == other.spans
            and self.fill == other.fill
            and self.lead == other.lead
            and self.join == other.join
            and self.tail == other.tail
        )

    def __repr__(self) -> str:
        return f"Row({self.text!r})"


def width_of(spans: Iterable[Span]) -> int:
    return sum(cell_len(text) for text, _ in spans)


def prefix(rows: Iterable[Row], first: Sequence[Span], rest: Sequence[Span]) -> list[Row]:
    return [row.prefixed(rest if index else first) for index, row in enumerate(rows)]


def wrap(spans: Iterable[Span], width: int, *, fill: Style | None = None) -> list[Row]:
    """Break at spaces and between wide characters; words longer than a line are chopped.

    A line break in the text breaks the row. Always at least one row.
    """
    rows: list[Row] = []
    line: list[Span] = []
    for text, style in spans:
        if "\n" in text:
            *breaks, last = text.split("\n")
            for part in breaks:
                line.append((part, style))
                rows.extend(_wrap_line(line, width, fill))
                line = []
            line.append((last, style))
        else:
            line.append((text, style))
    rows.extend(_wrap_line(line, width, fill))
    return rows


def _wrap_line(spans: list[Span], width: int, fill: Style | None) -> list[Row]:
    width = max(1, width)
    if width_of(spans) <= width:
        return [Row([span for span in spans if span[0]], fill=fill)]
    rows: list[Row] = []
    line: list[Span] = []
    line_width = 0
    space: list[Span] = []
    space_width = 0
    word: list[Span] = []
    word_width = 0
    join = "\n"

    def flush_line(next_join: str) -> None:
        nonlocal line, line_width, space, space_width, join
        rows.append(Row(_merged(line), join=join, fill=fill))
        line, line_width, space, space_width, join = [], 0, [], 0, next_join

    def flush_word() -> None:
        nonlocal line, line_width, space, space_width, word, word_width
        if not word:
            return
        if line_width + space_width + word_width > width and (line or space):
            flush_line(" " if space else "")
        if word_width > width:
            for text, style in word:
                rest = text
                while rest:
                    piece = chop_cells(rest, max(1, width - line_width))[0] if width > line_width else ""
                    if not piece or (line_width and line_width + cell_len(piece) > width):
                        flush_line("")
                        continue
                    line.append((piece, style))
                    line_width += cell_len(piece)
                    rest = rest[len(piece) :]
        else:
            line += space
            line += word
            line_width += space_width + word_width
            space, space_width = [], 0
        word, word_width = [], 0

    for text, style in spans:
        for token in _TOKEN.findall(text):
            if token[0] == " ":
                flush_word()
                space.append((token, style))
                space_width += len(token)
            elif token[0] >= "\u1100" and cell_len(token[0]) == 2:
                flush_word()
                word, word_width = [(token, style)], cell_len(token)
                flush_word()
            else:
                word.append((token, style))
                word_width += cell_len(token)
    flush_word()
    if line or not rows:
        rows.append(Row(_merged(line), join=join, fill=fill))
    return rows


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Neighbours of one style as one span: fewer bytes for the terminal."""
    merged: list[Span] = []
    for text, style in spans:
        if merged and merged[-1][1] == style:
            merged[-1] = (merged[-1][0] + text, style)
        else:
            merged.append((text, style))
    return merged


def chop(spans: Sequence[Span], width: int, *, fill: Style | None = None) -> list[Row]:
    """For code: every character stays; rows break behind a space where one is near the edge, else anywhere.

    What goes on is indented a little deeper than the line it belongs to.
    """
    width = max(2, width)
    if width_of(spans) <= width:
        return [Row([span for span in spans if span[0]], fill=fill)]
    text = "".join(part for part, _ in spans)
    depth = min(len(text) - len(text.lstrip(" ")) + HANGING_INDENT, width // 2)
    rows: list[Row] = []
    rest = list(spans)
    while rest:
        room = width - (depth if rows else 0)
        line, rest = _split(rest, room)
        row = Row(line, join="" if rows else "\n", fill=fill)
        rows.append(row.prefixed(((" " * depth, fill or Style.null()),)) if rows else row)
    return rows


def _split(spans: Sequence[Span], room: int) -> tuple[list[Span], list[Span]]:
    """What fits into `room` cells, and the rest."""
    text = "".join(part for part, _ in spans)
    if cell_len(text) <= room:
        return list(spans), []
    cut = len(chop_cells(text, room)[0]) or 1
    space = text.rfind(" ", cut - cut // 3, cut)
    if space > 0 and text[:space].strip():
        cut = space + 1
    line: list[Span] = []
    rest: list[Span] = []
    at = 0
    for part, style in spans:
        here = max(0, min(len(part), cut - at))
        if part[:here]:
            line.append((part[:here], style))
        if part[here:]:
            rest.append((part[here:], style))
        at += len(part)
    return line, rest


def shorten(text: str, width: int) -> str:
    """At most `width` cells, with an ellipsis where something is missing."""
    if cell_len(text) <= width:
        return text
    if width < 1:
        return ""
    return (chop_cells(text, width - 1)[0] if width > 1 else "") + "…"
