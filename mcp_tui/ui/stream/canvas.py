"""The stream of one column as lines on the screen: scrolling, painting, selecting, on the line API.

It keeps its own scroll offset and draws its own scrollbar: `virtual_size` never changes, so nothing is ever laid
out again while text arrives. Appending marks the view; the application's `FrameClock` paints it. While it is hidden
it only collects.

CPU per 1,000 tokens with 8 columns at 250 tokens/s (`Markdown.get_stream`: 3.7 s and more, and it falls behind):

    finished blocks kept as rows, only the open tail parsed, one paint per column and turn     0.21 s
    strips of unchanged rows kept, no second cache of the framework below them                 0.19 s
    changed rows taken as they are, no other widget drawn (`mcp_tui.ui.terminal.compositor`)            0.13 s
    an unfinished code line coloured alone (`code_body`)                                       0.11 s
    at most 80 paints a second for all columns together (`frame_clock`)                        0.09 s
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic, perf_counter
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.color import Color
from textual.geometry import Region
from textual.selection import Selection
from textual.strip import Strip

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.state import CallRecord, ColumnStatus
from mcp_tui.ui.running_app import host
from mcp_tui.ui.stream.document import Changes, StreamDocument
from mcp_tui.ui.stream.frame_clock import FrameClock
from mcp_tui.ui.stream.items import CallItem, Item, Layout, NoteItem, NoticeItem
from mcp_tui.ui.stream.rows import Palette, Row
from mcp_tui.ui.stream.strip_marks import centred, restyled, with_cursor
from mcp_tui.ui.terminal.pictures import PictureShelf, can_draw
from mcp_tui.ui.widgets import glyphs
from mcp_tui.ui.widgets.scroll_lane import LANE, ScrollLane

GUTTER = 1
"""Cells left of the text; the current item is marked there."""
FRAME_BUDGET_S = 0.004
"""Time for rows that are not visible, per frame."""
STRIPS_KEPT = 3
"""Heights of the view whose strips are kept."""


class StreamCanvas(ScrollLane, can_focus=False):
    ALLOW_SELECT = True
    COMPONENT_CLASSES: ClassVar[set[str]] = Palette.component_classes()
    DEFAULT_CSS = """
    StreamCanvas { width: 1fr; height: 1fr; }
    """

    def __init__(
        self,
        placeholder: Sequence[str] = (),
        *,
        clock: Callable[[], float] = monotonic,
        id: str | None = None,  # noqa: A002  the framework's name
    ) -> None:
        super().__init__(id=id)
        self._clock = clock
        self._document = StreamDocument(clock)
        self._placeholder = tuple(placeholder)
        self._palette: Palette | None = None
        self._base = Style()
        self._layout: Layout | None = None
        self._pictures: PictureShelf[CallItem] | None = None
        self._scroll = 0
        self._follow = True
        self._drawn_lane: tuple[range, bool] = (range(0), False)
        self._drawn_scroll = 0
        self._cursor_row: int | None = None
        self._hidden = False
        self._gone = False
        """Unmounted: a last paint may still ask for lines, but the component styles are lost."""
        self._strips: dict[Row, tuple[tuple[str, bool, Layout], Strip]] = {}
        """What was drawn of rows in or near the view: an unchanged row costs nothing to draw again."""

    # What happens

    def start_turn(self, turn: int, prompt: str) -> None:
        self._document.start_turn(turn, prompt)
        self._follow = True
        self._mark()

    def append_text(self, text: str) -> None:
        self._document.append_text(text)
        self._mark()

    def append_reasoning(self, text: str) -> None:
        self._document.append_reasoning(text)
        self._mark()

    def put_call(self, call: CallRecord) -> None:
        self._document.put_call(call)
        self._mark()

    def add_notice(
        self, status: ColumnStatus, error: ErrorInfo | None = None, retry_at: float | None = None, attempt: int = 0
    ) -> NoticeItem:
        notice = NoticeItem(status, error, retry_at, attempt)
        self._document.add_notice(notice)
        self._mark()
        return notice

    def say_when_empty(self, placeholder: Sequence[str]) -> None:
        self._placeholder = tuple(placeholder)
        self.refresh()

    def add_note(self, text: str) -> None:
        self._document.add_notice(NoteItem(text))
        self._mark()

    def settle_notice(self, notice: NoticeItem) -> None:
        """A retry's wait ended."""
        notice.settle()
        self._document.invalidate(notice)
        self._mark()

    def close_writing(self) -> None:
        """The model stopped writing: what is open is complete."""
        self._document.close_writing()
        self._mark()

    def tick(self) -> None:
        """A second passed: times that still run are drawn again."""
        for item in self._document.live_items():
            self._document.invalidate(item)
        if self._document.pending:
            self._mark()

    # What is there

    @property
    def items(self) -> Sequence[Item]:
        return self._document.items

    @property
    def calls(self) -> tuple[CallRecord, ...]:
        return self._document.calls

    @property
    def following(self) -> bool:
        return self._follow

    @property
    def view_top(self) -> int:
        return self._scroll

    @property
    def content_height(self) -> int:
        return self._document.height

    def answer_text(self) -> str:
        return self._document.answer_text()

    def plain_rows(self) -> list[str]:
        """All rows as text, top to bottom, as of the last paint."""
        return [row.text if row else "" for _, row in self._document.rows()]

    # Painting

    def _mark(self) -> None:
        if self.is_mounted and not self._hidden:
            FrameClock.of(host(self)).mark(self)

    def on_mount(self) -> None:
        if self._document.pending:
            self._mark()

    def on_unmount(self) -> None:
        self._gone = True
        FrameClock.of(host(self)).forget(self)

    def paint_frame(self) -> bool:
        """One frame: parse and lay out for a bounded time, refresh the rows that changed. True: more to do."""
        if self._gone or self._hidden or not self.size.width or not self.size.height or not self.display:
            return False  # a hidden view only collects; it catches up when it is shown: `on_resize`, `on_show`
        self._document.drain()
        self._use_layout()
        self._lay_out(FRAME_BUDGET_S)
        return self._document.pending

    def flush(self) -> None:
        """Bring everything up to date now."""
        while self.paint_frame():
            pass

    def _use_layout(self) -> Layout:
        width = max(4, self.size.width - GUTTER - LANE)
        if self._palette is None:
            self._palette = Palette.of(self)
            self._base = self._palette.text
        layout = self._layout
        if layout is None or layout.width != width or layout.palette != self._palette:
            layout = self._layout = Layout(width, self._palette, self._shelf())
            self._document.invalidate_all()
            self._document.changes.from_row(0)
        return layout

    def _shelf(self) -> PictureShelf[CallItem] | None:
        if not can_draw(host(self).console.color_system):
            return None
        if self._pictures is None:
            self._pictures = PictureShelf(lambda drawing: self.run_worker(drawing, group="pictures"), self._drawn)
        return self._pictures

    def _drawn(self, item: CallItem) -> None:
        """A picture of it is there now."""
        item.forget_details()
        if item in self._document.items:
            self._document.invalidate(item)
            self._mark()

    def _lay_out(self, budget_s: float) -> None:
        layout = self._use_layout()
        deadline = perf_counter() + budget_s
        shift = self._document.lay_out(
            layout,
            first=self._scroll,
            height=self.size.height,
            follow=self._follow,
            until=lambda: perf_counter() >= deadline,
        )
        if not self._follow:
            self._scroll += shift
        self._refresh_changes()

    def _refresh_changes(self) -> None:
        changes, self._document.changes = self._document.changes, Changes()
        width, height = self.size
        top_most = self.last_top
        self._scroll = top_most if self._follow else max(0, min(self._scroll, top_most))
        self._move_cursor(changes)
        self.settled(changes)
        if self._scroll != self._drawn_scroll or (changes.below is not None and changes.below <= self._scroll):
            self._drawn_scroll = self._scroll
            self._drawn_lane = self._lane_look()
            self.refresh()
            return
        regions: list[Region] = []
        for first, end in changes.spans:
            start, stop = max(first - self._scroll, 0), min(end - self._scroll, height)
            if start < stop:
                regions.append(Region(0, start, width, stop - start))
        if changes.below is not None and changes.below - self._scroll < height:
            start = changes.below - self._scroll
            regions.append(Region(0, start, width, height - start))
        if self._lane_look() != self._drawn_lane:
            self._drawn_lane = self._lane_look()
            regions.append(Region(width - LANE, 0, LANE, height))
        if regions:
            self.refresh(*regions)

    def _move_cursor(self, changes: Changes) -> None:
        """The block at the end of a text that is being written."""
        document = self._document
        row = document.height - 1 if document.writing_text and document.height else None
        if row != self._cursor_row:
            for changed in (self._cursor_row, row):
                if changed is not None:
                    changes.spans.append((changed, changed + 1))
            self._cursor_row = row

    def notify_style_update(self) -> None:
        super().notify_style_update()
        # Also called for focus and hover: `_use_layout` restyles only what really changed.
        self._palette = None
        if self.is_mounted and self.is_attached:
            self._mark()

    def on_resize(self) -> None:
        self._restyle()

    def on_show(self) -> None:
        self._hidden = False
        self._restyle()

    def on_hide(self) -> None:
        self._hidden = True
        FrameClock.of(host(self)).forget(self)

    def _restyle(self) -> None:
        """Width, height or visibility changed: what is visible is right at once, the rest follows."""
        if self.size.width and self.size.height and not self._gone:
            self._document.drain()
            self._lay_out(FRAME_BUDGET_S)
            self._drawn_lane = self._lane_look()
            self.refresh()
            if self._document.pending:
                self._mark()

    def render_lines(self, crop: Region) -> list[Strip]:
        # The widget has neither border nor padding, and its strips are kept between frames: the framework's
        # cache of styled lines would only copy them.
        if self._gone:
            return [Strip.blank(crop.width)] * crop.height
        layout, thumb = self._use_layout(), self._lane_look()
        selection = self.text_selection
        strips = [self._line(y, layout, thumb, selection) for y in crop.line_range]
        filters = self.get_line_filters()
        if filters:
            background: Color = self.background_colors[1]
            for line_filter in filters:
                strips = [strip.apply_filter(line_filter, background) for strip in strips]
        first, end = crop.column_span
        if (first, end) != (0, self.size.width):
            strips = [strip.crop(first, end) for strip in strips]
        return strips

    def render_line(self, y: int) -> Strip:
        """A line with the offsets the framework asks for when text is selected; painting does without."""
        if self._gone:
            return Strip.blank(self.size.width)
        number = self._scroll + y
        found = self._document.row_at(number)
        row = found[1] if found is not None and found[1] is not None else _BLANK
        layout = self._use_layout()
        gutter = Strip([Segment(" ", self._base)], GUTTER).apply_offsets(0, number)
        body = Strip(row.segments(layout.width, self._base), layout.width).apply_offsets(0, number)
        return Strip.join([gutter, body, Strip([Segment(" ", self._base)], LANE)])

    def _line(self, y: int, layout: Layout, thumb: tuple[range, bool], selection: Selection | None) -> Strip:
        if not self._document.items:
            empty = centred(self._placeholder, y, self.size.width, self.size.height, layout.palette.muted)
            return Strip([empty], self.size.width)
        number = self._scroll + y
        found = self._document.item_at(number)
        item, index = found if found is not None else (None, -1)
        row = item.rows[index] if item is not None and index >= 0 else _BLANK
        marked = item is not None and index >= 0 and self.is_marked(item, index, row)
        marks = self.marks_over(item, index, row, layout.palette) if item is not None and index >= 0 else ()
        lane = self._lane(y, thumb)
        cursor = number == self._cursor_row
        span = selection.get_span(number) if selection is not None else None
        plain = span is None and not cursor and not marks
        key = (lane.text, marked, layout)
        if plain and (kept := self._strips.get(row)) is not None and kept[0] == key:
            return kept[1]
        base = self._base
        segments = with_cursor(row, layout.width, base, layout.palette) if cursor else row.segments(layout.width, base)
        for start, end, style in marks:
            segments = restyled(segments, base, start, end, style)
        if span is not None:
            chosen = self.selection_style
            length = len(row.text)
            segments = restyled(segments, base, span[0], length if span[1] == -1 else min(span[1], length), chosen)
        gutter = Segment(glyphs.CURRENT, layout.palette.marker) if marked else Segment(" ", base)
        strip = Strip([gutter, *segments, lane], GUTTER + layout.width + LANE)
        if plain:
            if len(self._strips) > STRIPS_KEPT * self.size.height:
                self._strips.clear()
            self._strips[row] = (key, strip)
        return strip

    # What a reader's view draws over the lines

    def is_marked(self, item: Item, index: int, row: Row) -> bool:
        """Whether this row of an item has the mark in the gutter."""
        return False

    def marks_over(self, item: Item, index: int, row: Row, palette: Palette) -> Sequence[tuple[int, int, Style]]:
        """(first character, end, style) of what is laid over this row of an item."""
        return ()

    def settled(self, changes: Changes) -> None:
        """Rows are as they will be drawn; `changes` may be added to."""

    # Scrolling

    def lane_rows(self) -> tuple[int, int]:
        return self._document.height, self._scroll

    def _lane_look(self) -> tuple[range, bool]:
        """The thumb, and whether unseen text lies below."""
        thumb = self.thumb()
        return thumb, bool(thumb) and not self._follow and self._document.writing_text

    def _lane(self, y: int, thumb: tuple[range, bool]) -> Segment:
        assert self._palette is not None
        lines, more = thumb
        if more and y == self.size.height - 1:
            return Segment(glyphs.MORE_BELOW, self._palette.accent)
        if y in lines:
            return Segment(glyphs.THUMB, self._palette.thumb)
        return Segment(" ", self._base)

    def scroll_rows(self, rows: int) -> None:
        """Move the view; at the bottom it follows what arrives, above it holds its place."""
        self._go_to(self._scroll + rows)

    def scroll_page(self, pages: int) -> None:
        self.scroll_rows(pages * max(1, self.size.height - 2))

    def scroll_top(self) -> None:
        self._go_to(0)

    def scroll_bottom(self) -> None:
        self._go_to(self.last_top)

    def _go_to(self, row: int) -> None:
        self._scroll = max(0, min(row, self.last_top))
        self._follow = self._scroll >= self.last_top
        self._lay_out(FRAME_BUDGET_S)
        if self._document.pending:
            self._mark()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if not self._dragging and event.button and self.text_selection is not None:
            # Selecting beyond an edge pulls more text in.
            if event.y <= 0:
                self.scroll_rows(-1)
            elif event.y >= self.size.height - 1:
                self.scroll_rows(1)

    # Selection

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        first = selection.start.y if selection.start is not None else 0
        last = selection.end.y if selection.end is not None else self._document.height - 1
        parts: list[str] = []
        for number, row in self._document.rows(first, last + 1):
            text = row.text if row is not None else ""
            lead = row.lead if row is not None else 0
            span = selection.get_span(number)
            if span is None:
                continue
            start, end = span
            if parts:
                join = row.join if row is not None else "\n"
                parts[-1] = parts[-1].rstrip() if join == "\n" else parts[-1]
                parts.append(join)
            parts.append(text[max(start, lead) : len(text) if end == -1 else end])
        text = "".join(parts).rstrip()
        return (text, "\n") if text else None

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()


_BLANK = Row()
