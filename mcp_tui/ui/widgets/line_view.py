"""A long text of which only the visible lines are drawn: wrapped, selectable, JSON coloured."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rich.cells import cell_len
from rich.style import Style
from rich.text import Span, Text
from textual import events
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from mcp_tui.ui.component_colours import ink
from mcp_tui.ui.json_style import json_spans
from mcp_tui.ui.running_app import host
from mcp_tui.ui.terminal.pictures import CellRow

RowKind: TypeAlias = Literal["plain", "json", "head", "muted", "good", "warning", "error", "picture"]

THREAD_ABOVE_CHARS = 40_000
"""Longer texts are wrapped on a thread."""


@dataclass(frozen=True, slots=True)
class ViewRow:
    """One line before wrapping; `text` is clean and holds neither line breaks nor tabs."""

    text: str
    kind: RowKind = "plain"
    spans: CellRow = ()
    """Of a line of a picture, which is never wrapped, and never copied."""


@dataclass(frozen=True, slots=True)
class _Piece:
    row: int
    start: int
    end: int


def wrap(rows: Sequence[ViewRow], width: int) -> list[_Piece]:
    """Where each row breaks so that no piece is wider than `width` cells; at a space where there is one."""
    pieces: list[_Piece] = []
    width = max(1, width)
    for number, row in enumerate(rows):
        text = row.text
        if row.kind == "picture" or (len(text) <= width and (text.isascii() or cell_len(text) <= width)):
            pieces.append(_Piece(number, 0, len(text)))
            continue
        start, ascii_only = 0, text.isascii()
        while start < len(text):
            end = min(start + width, len(text))
            if not ascii_only:
                while end > start + 1 and cell_len(text[start:end]) > width:
                    end -= 1
            if end < len(text) and not text[end].isspace():
                space = text.rfind(" ", start + width // 2, end)
                if space > start:
                    end = space + 1
            pieces.append(_Piece(number, start, end))
            # The space a line breaks at is not drawn.
            start = end + 1 if text[end : end + 1] == " " else end
    return pieces


class LineView(ScrollView, can_focus=True):
    """`show(rows)` replaces the text; costs per frame what is visible."""

    DEFAULT_CSS = """
    LineView {
        height: 1fr; background: transparent; overflow-x: hidden; scrollbar-size-vertical: 1;
        scrollbar-color: $foreground 20%; scrollbar-background: $foreground 5%;
    }
    LineView > .line-view--key { color: $text-primary; }
    LineView > .line-view--string { color: $text-success; }
    LineView > .line-view--number { color: $text-warning; }
    LineView > .line-view--literal { color: $text-accent; }
    LineView > .line-view--head { color: $text-accent; text-style: bold; }
    LineView > .line-view--muted { color: $text-muted; }
    LineView > .line-view--good { color: $text-success; }
    LineView > .line-view--warning { color: $text-warning; }
    LineView > .line-view--error { color: $text-error; }
    """
    COMPONENT_CLASSES = {
        f"line-view--{name}"
        for name in ("key", "string", "number", "literal", "head", "muted", "good", "warning", "error")
    }

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  the framework's name
        super().__init__(id=id)
        self._rows: Sequence[ViewRow] = ()
        self._chars = 0
        self._pieces: list[_Piece] = []
        self._wrapped_at = 0
        self._coloured: dict[int, list[Span]] = {}
        self._base = Style.null()

    @property
    def allow_select(self) -> bool:
        return True

    @property
    def rows(self) -> Sequence[ViewRow]:
        return self._rows

    def show(self, rows: Sequence[ViewRow], *, keep_place: bool = False) -> None:
        """keep_place: stay at the same line (an update), else go to the top."""
        self._rows = rows
        self._chars = sum(len(row.text) for row in rows)
        self._coloured.clear()
        self._wrapped_at = 0
        self._rewrap()
        if not keep_place:
            self.scroll_home(animate=False, immediate=True)

    def _rewrap(self) -> None:
        width = self.scrollable_content_region.width
        if width <= 0 or width == self._wrapped_at:
            return
        self._wrapped_at = width
        if self._chars <= THREAD_ABOVE_CHARS:
            self._use(wrap(self._rows, width), width)
        else:
            self.run_worker(self._wrap_on_thread(self._rows, width), group="wrap", exclusive=True)

    async def _wrap_on_thread(self, rows: Sequence[ViewRow], width: int) -> None:
        pieces = await asyncio.to_thread(wrap, rows, width)
        if rows is self._rows and width == self._wrapped_at:
            self._use(pieces, width)

    def _use(self, pieces: list[_Piece], width: int) -> None:
        self._pieces = pieces
        self.virtual_size = Size(width, len(pieces))
        self.refresh()

    def on_resize(self, _event: events.Resize) -> None:
        self._rewrap()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._coloured.clear()

    def _spans(self, number: int) -> list[Span]:
        """The colours of a row, in order and without overlap."""
        spans = self._coloured.get(number)
        if spans is None:
            row = self._rows[number]
            if row.kind == "picture":
                spans = _spans_of(row.spans)
            elif row.kind == "json":
                spans = [Span(start, end, ink(self, f"line-view--{kind}")) for start, end, kind in json_spans(row.text)]
            elif row.kind == "plain":
                spans = []
            else:
                spans = [Span(0, len(row.text), ink(self, f"line-view--{row.kind}"))]
            if len(self._coloured) > 2_000:
                self._coloured.clear()
            self._coloured[number] = spans
        return spans

    def _text(self, piece: _Piece) -> Text:
        """Made of the piece alone: rich copies a whole text to take a slice of it, which costs milliseconds for each
        line on screen where a row has hundreds of thousands of characters.
        """
        spans = [
            Span(max(0, span.start - piece.start), min(span.end, piece.end) - piece.start, span.style)
            for span in self._spans(piece.row)
            if span.end > piece.start and span.start < piece.end
        ]
        return Text(self._rows[piece.row].text[piece.start : piece.end], no_wrap=True, end="", spans=spans)

    def render_lines(self, crop: Region) -> list[Strip]:
        self._base = self.rich_style  # once for all lines
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        base = self._base
        number = y + self.scroll_offset.y
        if number >= len(self._pieces):
            return Strip.blank(width, base)
        piece = self._pieces[number]
        if piece.row >= len(self._rows):  # a new text whose wrapping is still on its way
            return Strip.blank(width, base)
        text = self._text(piece)
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(number)) is not None:
            start, end = span
            style = self.selection_style
            text.stylize(style, start, len(text) if end == -1 else end)
        strip = Strip(text.render(host(self).console), cell_len(text.plain)).apply_style(base)
        # apply_style puts the base under what is there already.
        return strip.extend_cell_length(width, base).crop(0, width).apply_offsets(0, number)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        parts: list[str] = []
        for number, piece in enumerate(self._pieces):
            span = selection.get_span(number)
            if span is None or piece.row >= len(self._rows):
                continue
            row = self._rows[piece.row]
            text = "" if row.kind == "picture" else row.text
            if parts:
                before = self._pieces[number - 1]
                # What wrapping broke is one line again, with the space it broke at.
                parts.append("\n" if before.row != piece.row else text[before.end : piece.start])
            start, end = span
            parts.append(text[piece.start : piece.end][start : None if end == -1 else end])
        return "".join(parts), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()


def _spans_of(cells: CellRow) -> list[Span]:
    spans: list[Span] = []
    at = 0
    for text, style in cells:
        spans.append(Span(at, at + len(text), style))
        at += len(text)
    return spans


def rows_of(text: str, kind: RowKind = "plain") -> list[ViewRow]:
    """Clean text as rows; tabs become spaces."""
    return [ViewRow(line.expandtabs(4), kind) for line in text.split("\n")]
