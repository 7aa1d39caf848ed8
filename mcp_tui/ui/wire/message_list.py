"""The messages, one line each, the newest last: at the last row it follows what comes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from mcp_tui.core.figures import duration_text, size_text
from mcp_tui.core.text import clean_line
from mcp_tui.sessions.wirelog.index import IndexRow
from mcp_tui.sessions.wirelog.record import Head
from mcp_tui.ui import keys
from mcp_tui.ui.widgets import glyphs
from mcp_tui.ui.widgets.row_list import RowList
from mcp_tui.ui.widgets.scroll_lane import LANE, ScrollLane
from mcp_tui.ui.wire.text import ARROWS, clock, title

LINKED = "◆"
MARKED = "■"
FAILED = "✗ "
_TIME, _ID, _MS, _SIZE = 12, 7, 7, 8
_INKS = {
    "muted": "row-list--muted",
    "sent": "wire-list--sent",
    "received": "row-list--good",
    "bad": "row-list--bad",
    "event": "row-list--warn",
    "mark": "wire-list--mark",
}


class WireList(RowList, ScrollLane, inherit_bindings=False):  # pyright: ignore[reportIncompatibleMethodOverride]  of the framework: `ScrollView.scroll_to`
    """Give it `row_of`, and `show` it the numbers of the rows, ascending, whenever they are not as they were.

    At the last row it follows what comes; anywhere else it holds its place.
    """

    BINDINGS: ClassVar[list[Binding]] = keys.bindings("wire")  # pyright: ignore[reportIncompatibleVariableOverride]  narrower on purpose
    COMPONENT_CLASSES: ClassVar[set[str]] = {"wire-list--sent", "wire-list--mark", "wire-list--thumb"}
    DEFAULT_CSS = """
    WireList {
        height: 1fr; overflow-y: hidden;
        & > .wire-list--sent { color: $text-primary; }
        & > .wire-list--mark { color: $text-accent; text-style: bold; }
        & > .wire-list--thumb { color: $foreground 30%; }
    }
    """

    class Asked(Message):
        """verb: `filter`, `open`, `link`, `edit`, `mark`, `diff`, `export` or `copy`."""

        def __init__(self, verb: str) -> None:
            super().__init__()
            self.verb = verb

    def __init__(self, *, zone: tzinfo | None = None, today: Callable[[], str]) -> None:
        super().__init__()
        self.numbers: Sequence[int] = ()
        self.row_of: Callable[[int], IndexRow | None] = lambda number: None
        self.linked: int | None = None
        self.marked: int | None = None
        self.follow = True
        self._zone = zone
        self._today = today
        self._day = ""
        self._server_width = 6
        self._drawn_thumb = range(0)

    # ------------------------------------------------------------------ rows

    def row_count(self) -> int:
        return len(self.numbers)

    def row_key(self, index: int) -> str:
        return str(self.numbers[index])

    def row_index(self, key: str) -> int | None:
        place = bisect_left(self.numbers, int(key))
        return place if place < len(self.numbers) and self.numbers[place] == int(key) else None

    def _number_at(self, index: int) -> int | None:
        return self.numbers[index] if 0 <= index < len(self.numbers) else None

    def _nearest(self, number: int | None) -> int:
        """Where a row is, or the next one after it; 0 for none."""
        return 0 if number is None else min(bisect_left(self.numbers, number), max(0, len(self.numbers) - 1))

    @property
    def number(self) -> int | None:
        """Of the row with the cursor."""
        return self._number_at(self.cursor)

    @property
    def current(self) -> IndexRow | None:
        return self.row_of(self.number) if self.number is not None else None

    @property
    def below(self) -> int:
        """Rows below the visible ones."""
        return max(0, self.last_top - self.top)

    # ------------------------------------------------------------------ changes

    def show(self, numbers: Sequence[int]) -> None:
        """Rows came, went, or another filter chose them. The cursor stays on its row, or goes to the nearest one."""
        before, at, top = self.number, self.cursor, self._number_at(self.top)
        self.numbers = numbers
        newest = self.follow or before is None
        self.rows_replaced(str(numbers[-1] if newest else numbers[self._nearest(before)]) if numbers else None)
        self.scroll_top_to(len(numbers) if self.follow else self._nearest(top))
        if self.cursor == at and self.number != before:
            self.post_message(self.Moved(self))

    def filter_changed(self, numbers: Sequence[int]) -> None:
        """Other rows are shown: what is looked at stays, in the middle of its new neighbours."""
        number = self.number
        at = bisect_left(numbers, number) if number is not None else len(numbers)
        stays = at < len(numbers) - 1 and numbers[at] == number
        self.follow = self.follow and not stays
        self.show(numbers)
        if stays:
            self.scroll_top_to(at - self.size.height // 2)

    def follow_now(self) -> None:
        self.follow = True
        self.show(self.numbers)

    def move_cursor(self, index: int) -> None:
        if self.numbers:
            super().move_cursor(index)
            self.follow = self.cursor == len(self.numbers) - 1

    def lane_rows(self) -> tuple[int, int]:
        return len(self.numbers), self.top

    def scroll_rows(self, rows: int) -> None:
        """Move the view; the cursor stays where it is. At the end of the rows with the cursor it follows again."""
        target = self.top + rows
        self.follow = target >= self.last_top and bool(self.numbers) and self.cursor == len(self.numbers) - 1
        self.scroll_top_to(target)

    def on_resize(self) -> None:
        if self.follow:
            self.scroll_top_to(len(self.numbers))

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

    # ------------------------------------------------------------------ drawing

    @property
    def row_cells(self) -> int:
        return self.size.width - (LANE if self.numbers else 0)

    def empty_text(self, width: int) -> Text:
        return Text(set_cell_size(self.empty, width), self.part("row-list--muted"))

    def render_lines(self, crop: Region) -> list[Strip]:
        self._day, self._drawn_thumb = self._today(), self.thumb()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        if not self.numbers:
            return super().render_line(y)
        lane = Segment(glyphs.THUMB if y in self._drawn_thumb else " ", self.part("wire-list--thumb"))
        return Strip([*super().render_line(y), *Strip([lane]).apply_style(self._base)], self.size.width)

    def row_strip(self, index: int, width: int) -> Strip:
        """What finds no room goes by worth: size, id, then the milliseconds."""
        row = self.row_of(self.numbers[index])
        return Strip(self._segments(row, width), width) if row is not None else Strip.blank(width)

    def _segments(self, row: IndexRow, width: int) -> list[Segment]:
        head, inks = row.head, {name: self.part(part) for name, part in _INKS.items()}
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

    # ------------------------------------------------------------------ keys and mouse

    def action_edge(self, end: int) -> None:
        if end:
            self.follow_now()
        else:
            super().action_edge(end)

    def action_ask(self, verb: str) -> None:
        self.post_message(self.Asked(verb))

    def on_row_list_clicked(self, event: RowList.Clicked) -> None:
        event.stop()
        if event.again:
            self.post_message(self.Asked("open"))


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
