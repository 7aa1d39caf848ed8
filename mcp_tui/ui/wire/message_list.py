"""The messages, one line each: only the visible rows are ever built, and a flood costs one repaint per frame.

It keeps its own place and draws its own scrollbar: `virtual_size` never changes, so that nothing is laid out again
when rows arrive.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from mcp_tui.core.figures import duration_text, size_text
from mcp_tui.core.text import clean_line
from mcp_tui.sessions.wirelog.index import IndexRow
from mcp_tui.sessions.wirelog.record import Head
from mcp_tui.ui import keys
from mcp_tui.ui.component_colours import ink, paper
from mcp_tui.ui.widgets import glyphs
from mcp_tui.ui.wire.text import ARROWS, clock, title

WHEEL_ROWS = 3
LINKED = "◆"
MARKED = "■"
FAILED = "✗ "
_TIME, _ID, _MS, _SIZE = 12, 7, 7, 8
_INKS = ("muted", "sent", "received", "bad", "event", "mark")


class WireList(Widget, can_focus=True):
    """Give it `numbers` (ascending) and `row_of`, and call `rows_changed` when they are not as they were.

    At the last row it follows what comes; anywhere else it holds its place.
    """

    BINDINGS: ClassVar[list[Binding]] = keys.bindings("wire")  # pyright: ignore[reportIncompatibleVariableOverride]  narrower on purpose
    COMPONENT_CLASSES = {f"wire-list--{name}" for name in (*_INKS, "cursor", "cursor-blurred", "thumb")}
    DEFAULT_CSS = """
    WireList {
        height: 1fr; background: transparent;
        & > .wire-list--cursor { background: $primary 40%; text-style: bold; }
        & > .wire-list--cursor-blurred { background: $foreground 8%; }
        & > .wire-list--muted { color: $text-muted; }
        & > .wire-list--sent { color: $text-primary; }
        & > .wire-list--received { color: $text-success; }
        & > .wire-list--bad { color: $text-error; }
        & > .wire-list--event { color: $text-warning; }
        & > .wire-list--mark { color: $text-accent; text-style: bold; }
        & > .wire-list--thumb { color: $foreground 30%; }
        &:ansi > .wire-list--cursor { text-style: reverse; }
    }
    """

    class Moved(Message):
        """Another row has the cursor, or none."""

    class Asked(Message):
        """verb: `filter`, `open`, `link`, `edit`, `mark`, `diff`, `export` or `copy`."""

        def __init__(self, verb: str) -> None:
            super().__init__()
            self.verb = verb

    def __init__(self, *, zone: tzinfo | None = None, today: Callable[[], str]) -> None:
        super().__init__()
        self.numbers: Sequence[int] = ()
        self.row_of: Callable[[int], IndexRow | None] = lambda number: None
        self.empty = ""
        self.linked: int | None = None
        self.marked: int | None = None
        self.follow = True
        self.cursor: int | None = None
        """The number of the row, not its place."""
        self._top: int | None = None
        """The number of the first visible row."""
        self._zone = zone
        self._today = today
        self._day = ""
        self._server_width = 6
        self._inks: dict[str, Style] = {}
        self._base = self._cursor_look = Style.null()
        self._drawn_top = 0
        self._drawn_thumb = range(0)
        self._dragging = False
        self.built = 0
        """Rows built since the start: what painting costs."""

    # ------------------------------------------------------------------ places

    def place(self, number: int | None) -> int:
        """Where a row stands, or the next one after it; 0 for none."""
        if number is None or not self.numbers:
            return 0
        return min(bisect_left(self.numbers, number), len(self.numbers) - 1)

    @property
    def current(self) -> IndexRow | None:
        return self.row_of(self.cursor) if self.cursor is not None else None

    @property
    def _last_top(self) -> int:
        return max(0, len(self.numbers) - self.size.height)

    @property
    def _top_place(self) -> int:
        if self.follow:
            return self._last_top
        return min(self.place(self._top), self._last_top)

    @property
    def below(self) -> int:
        """Rows below the visible ones."""
        return max(0, len(self.numbers) - self._top_place - self.size.height)

    # ------------------------------------------------------------------ changes

    def rows_changed(self) -> None:
        """Rows came, went, or another filter chose them. The cursor stays on its row, or goes to the nearest one."""
        before = self.cursor
        if not self.numbers:
            self.cursor = None
        elif self.follow or self.cursor is None:
            self.cursor = self.numbers[-1]
        else:
            self.cursor = self.numbers[self.place(self.cursor)]
        if self.cursor != before:
            self.post_message(self.Moved())
        self.refresh()

    def filter_changed(self, numbers: Sequence[int]) -> None:
        """Other rows are shown: what is looked at stays, in the middle of its new neighbours."""
        at = bisect_left(numbers, self.cursor) if self.cursor is not None else len(numbers)
        self.numbers = numbers
        if at < len(numbers) - 1 and numbers[at] == self.cursor:
            self.follow = False
            self._set_top(at - self.size.height // 2)
        self.rows_changed()

    def go_to(self, number: int) -> bool:
        """Put the cursor on a row; False when it is not among the shown ones."""
        at = bisect_left(self.numbers, number)
        if at >= len(self.numbers) or self.numbers[at] != number:
            return False
        self._move_to(at)
        return True

    def follow_now(self) -> None:
        self.follow = True
        self.rows_changed()

    def _move_to(self, place: int) -> None:
        if not self.numbers:
            return
        place = max(0, min(place, len(self.numbers) - 1))
        top, height = self._top_place, max(1, self.size.height)
        self.follow = place == len(self.numbers) - 1
        self._set_top(min(max(top, place - height + 1), place))
        if self.numbers[place] != self.cursor:
            self.cursor = self.numbers[place]
            self.post_message(self.Moved())
        self.refresh()

    def on_resize(self) -> None:
        """What is looked at stays in view, also in fewer rows."""
        if self.follow or self.cursor is None:
            return
        place, top, height = self.place(self.cursor), self._top_place, max(1, self.size.height)
        self._set_top(min(max(top, place - height + 1), place))

    def _set_top(self, place: int) -> None:
        place = max(0, min(place, self._last_top))
        self._top = self.numbers[place] if self.numbers else None

    def _scroll(self, rows: int) -> None:
        """Move the view; the cursor stays where it is. At the end of the rows with the cursor it follows again."""
        target = self._top_place + rows
        self.follow = target >= self._last_top and bool(self.numbers) and self.cursor == self.numbers[-1]
        self._set_top(target)
        self.refresh()

    def set_linked(self, number: int | None) -> None:
        if number != self.linked:
            self.linked = number
            self.refresh()

    def set_marked(self, number: int | None) -> None:
        self.marked = number
        self.refresh()

    def set_servers(self, names: Sequence[str]) -> None:
        """The column of the servers is as wide as their names."""
        width = max([4, *(cell_len(clean_line(name)) for name in names)])
        if width != self._server_width:
            self._server_width = width
            self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._inks.clear()

    # ------------------------------------------------------------------ drawing

    def _mix_inks(self) -> None:
        if not self._inks:
            self._inks = {name: ink(self, f"wire-list--{name}") for name in (*_INKS, "thumb")}

    def render_lines(self, crop: Region) -> list[Strip]:
        self._mix_inks()
        self._day = self._today()
        # Once for all lines: each of these took longer than putting a line together.
        self._base = self.rich_style
        self._cursor_look = paper(self, f"wire-list--{'cursor' if self.has_focus else 'cursor-blurred'}")
        self._drawn_top, self._drawn_thumb = self._top_place, self._thumb()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        self._mix_inks()  # the framework asks for a single line, under the mouse, also between two paints
        width = self.size.width
        base = self._base
        if not self.numbers:
            text = self.empty if y == 0 else ""
            return Strip([Segment(set_cell_size(text, width), self._inks["muted"])], width).apply_style(base)
        place = self._drawn_top + y
        body = width - 1
        row = self.row_of(self.numbers[place]) if place < len(self.numbers) else None
        segments = self._segments(row, body) if row is not None else [Segment(" " * body)]
        strip = Strip(segments, body)
        if row is not None and row.number == self.cursor:
            strip = strip.apply_style(self._cursor_look)
        lane = Segment(glyphs.THUMB if y in self._drawn_thumb else " ", self._inks["thumb"])
        return Strip([*strip, lane], width).apply_style(base)

    def _thumb(self) -> range:
        """The lines of the scrollbar's thumb."""
        total, height = len(self.numbers), self.size.height
        if total <= height:
            return range(0)
        length = max(1, height * height // total)
        start = round(self._top_place * (height - length) / (total - height))
        return range(start, start + length)

    def _segments(self, row: IndexRow, width: int) -> list[Segment]:
        """Exactly `width` cells. What finds no room goes by worth: size, id, then the milliseconds."""
        self.built += 1
        head, inks = row.head, self._inks
        server = min(self._server_width, max(6, width // 5))
        room = width - 2 - _TIME - 1 - server - 1 - 1 - 1
        showing: list[tuple[str, int]] = []
        # An event has words instead of figures.
        figures = () if head.kind == "event" and head.ms is None else (("ms", _MS), ("id", _ID), ("size", _SIZE))
        for name, cells in figures:
            if room - cells - 1 >= 16:
                showing.append((name, cells))
                room -= cells + 1
        mark = MARKED if row.number == self.marked else LINKED if row.number == self.linked else " "
        tone = inks["bad"] if head.failed else inks["event"] if head.kind == "event" else Style.null()
        words = f"{FAILED if head.failed else ''}{title(head)}"
        segments = [
            Segment(f"{mark} ", inks["mark"]),
            Segment(clock(head.order, self._day, self._zone).ljust(_TIME) + " ", inks["muted"]),
            Segment(fitted(clean_line(head.server), server) + " "),
            Segment(ARROWS[head.direction] + " ", inks.get(head.direction, inks["event"])),
            Segment(fitted(words, room), tone),
        ]
        order = {"id": 0, "ms": 1, "size": 2}
        for name, cells in sorted(showing, key=lambda item: order[item[0]]):
            segments.append(Segment(" " + fitted(_figure(head, name), cells, right=True), inks["muted"]))
        return segments

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    # ------------------------------------------------------------------ keys and mouse

    def action_move(self, rows: int) -> None:
        self._move_to(self.place(self.cursor) + rows)

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self.size.height - 1))

    def action_edge(self, end: int) -> None:
        if end:
            self.follow_now()
        else:
            self._move_to(0)

    def action_ask(self, verb: str) -> None:
        self.post_message(self.Asked(verb))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._scroll(-WHEEL_ROWS)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._scroll(WHEEL_ROWS)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.x >= self.size.width - 1 and self._last_top:
            self._dragging = True
            self.capture_mouse()
            self._drag_to(event.y)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragging:
            self._drag_to(event.y)

    def on_mouse_up(self) -> None:
        if self._dragging:
            self._dragging = False
            self.release_mouse()

    def _drag_to(self, y: int) -> None:
        span = max(1, self.size.height - 1)
        self._scroll(round(self._last_top * max(0, min(y, span)) / span) - self._top_place)

    def on_click(self, event: events.Click) -> None:
        place = self._top_place + event.y
        if event.x >= self.size.width - 1 or place >= len(self.numbers):
            return
        if self.numbers[place] == self.cursor:
            self.post_message(self.Asked("open"))
        else:
            self._move_to(place)


def _figure(head: Head, name: str) -> str:
    if name == "id":
        return "" if head.id is None else clean_line(str(head.id))
    if name == "ms":
        return "" if head.ms is None else duration_text(head.ms)
    return "" if head.kind == "event" else size_text(head.size_bytes)


def fitted(text: str, cells: int, *, right: bool = False) -> str:
    """`text` in exactly so many cells, the last one `…` when something was cut."""
    used = len(text) if text.isascii() else cell_len(text)
    if used > cells:
        return set_cell_size(text, max(0, cells - 1)) + "…" if cells > 0 else ""
    space = " " * (cells - used)
    return space + text if right else text + space
