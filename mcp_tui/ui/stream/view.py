"""A stream to read: folding, walking its calls, links and code blocks, searching it.

Three cursors, one at a time: the current item (a call, thinking, a block of code), the current spot (a link or a
fence), the current match of a search. What is marked costs only while it is visible: finished rows stay cached.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from rich.cells import cell_len
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message

from mcp_tui.ui.stream.canvas import FRAME_BUDGET_S, GUTTER, StreamCanvas
from mcp_tui.ui.stream.code_rows import COPY_MARK
from mcp_tui.ui.stream.document import Changes
from mcp_tui.ui.stream.items import CallItem, Item
from mcp_tui.ui.stream.rows import Palette, Row
from mcp_tui.ui.stream.search import StreamSearch
from mcp_tui.ui.stream.spots import Spot, SpotIndex
from mcp_tui.ui.widgets.scroll_lane import LANE


class StreamView(StreamCanvas):
    class ItemChanged(Message):
        """The current item moved or was folded."""

    class SpotChosen(Message):
        """A link or a code block is to be acted on; copy: its code is to be copied, without a question."""

        def __init__(self, spot: Spot, *, copy: bool = False) -> None:
            super().__init__()
            self.spot = spot
            self.copy = copy

    class SearchMoved(Message):
        """Another match is current, or there are more or fewer."""

    def __init__(
        self,
        placeholder: Sequence[str] = (),
        *,
        clock: Callable[[], float] = monotonic,
        id: str | None = None,  # noqa: A002  the framework's name
    ) -> None:
        super().__init__(placeholder, clock=clock, id=id)
        self._current: Item | None = None
        self._show_current = False
        self._spots = SpotIndex()
        self._spot: Spot | None = None
        self._search: StreamSearch | None = None
        self._search_told: tuple[int | None, int] = (None, 0)
        self._reading: tuple[Item | None, int, bool] = (None, 0, True)
        """Where the reader was when the search began: item, row within it, following the end."""

    def start_turn(self, turn: int, prompt: str) -> None:
        super().start_turn(turn, prompt)
        items = self._document.items
        if self._current is not None and self._current not in items:
            self._current = None
        if self._spot is not None and self._spot.item not in items:
            self._spot = None
        self._spots.forget()

    @property
    def current(self) -> Item | None:
        return self._current

    # What is drawn over the lines

    def is_marked(self, item: Item, index: int, row: Row) -> bool:
        if not self._show_current:
            return False
        spot = self._spot
        if spot is None:
            return item is self._current
        if spot.item is not item or spot.kind != "code":
            return False
        now = self._spots.current(spot)
        return now is not None and now.first <= index < now.end

    def marks_over(self, item: Item, index: int, row: Row, palette: Palette) -> Sequence[tuple[int, int, Style]]:
        marks: list[tuple[int, int, Style]] = []
        spot = self._spot
        if spot is not None and spot.item is item and spot.kind == "link" and self._show_current:
            now = self._spots.current(spot)
            pieces = now.pieces if now is not None else ()
            marks += [(start, end, palette.spot) for at, start, end in pieces if at == index]
        if self._search is not None:
            for start, end, current in self._search.marks(item, index):
                marks.append((start, end, palette.match_current if current else palette.match))
        return marks

    def settled(self, changes: Changes) -> None:
        if self._search is not None and changes.first_item is not None:
            self._search.sync(self._document.items, changes.first_item)
            self._tell_search()

    def show_current(self, shown: bool) -> None:
        """The column has the focus: its current item is marked."""
        if shown != self._show_current:
            self._show_current = shown
            self._refresh_item(self._spot.item if self._spot is not None else self._current)

    def _refresh_item(self, item: Item | None) -> None:
        if item is None or item.index >= len(self._document.items):
            return
        first = self._document.top(item.index) - self._scroll
        start, stop = max(0, first), min(self.size.height, first + item.height)
        if start < stop:
            self.refresh(Region(0, start, self.size.width, stop - start))

    def _head_row(self, item: Item) -> int:
        return self._document.top(item.index) + item.gap

    def _in_view(self, row: int) -> bool:
        return self._scroll <= row < self._scroll + self.size.height

    def _reveal(self, first: int, end: int) -> None:
        """Scroll just as far as these rows need; the first one counts most."""
        height = self.size.height
        if first < self._scroll:
            self._go_to(first)
        elif end > self._scroll + height:
            self._go_to(min(first, end - height))

    # Items

    def move_item(self, step: int) -> bool:
        """Make the next (1) or previous (-1) item current; the first time, one that is in view."""
        stops = [item for item in self._document.items if item.stop and item.height]
        if not stops:
            return False
        if self._current in stops:
            index = max(0, min(len(stops) - 1, stops.index(self._current) + step))
        else:
            in_view = [index for index, item in enumerate(stops) if self._in_view(self._head_row(item))]
            in_view = in_view or [len(stops) - 1]
            index = in_view[0] if step > 0 else in_view[-1]
        self._choose(stops[index])
        return True

    def toggle_current(self) -> bool:
        """Fold or unfold the current item, else the last foldable one in view."""
        item = self._current
        if item is None or not item.foldable:
            foldable = [
                item
                for item in self._document.items
                if item.foldable and item.height and self._in_view(self._head_row(item))
            ]
            if not foldable:
                return False
            item = foldable[-1]
        self._toggle(item)
        return True

    def _toggle(self, item: Item) -> None:
        if self.text_selection is not None:
            self.screen.clear_selection()
        if self._head_row(item) < self._document.height - self.size.height:
            self._follow = False
        self._document.toggle(item)
        self._lay_out(FRAME_BUDGET_S)
        self._choose(item)

    def _choose(self, item: Item) -> None:
        self._leave_spot()
        before, self._current = self._current, item
        self._refresh_item(before)
        self._refresh_item(item)
        self._reveal(self._head_row(item), self._document.top(item.index) + item.height)
        self.post_message(self.ItemChanged())

    # Links and code blocks

    @property
    def spot(self) -> Spot | None:
        """The current link or code block, as it is now."""
        return self._spots.current(self._spot) if self._spot is not None else None

    def walk_spots(self, step: int) -> bool:
        """To the next (1) or previous (-1) link or code block; the first time, to one in view. False: there is none."""
        items = self._document.items
        spot = self.spot
        if spot is not None:
            found = self._spots.beside(items, spot, step)
            if found is None:
                return True  # at the first or last one
        else:
            found = self._first_spot(step)
            if found is None:
                return False
        self._choose_spot(found)
        return True

    def _first_spot(self, step: int) -> Spot | None:
        items = self._document.items
        if not items:
            return None
        edge = self._scroll if step > 0 else min(self._scroll + self.size.height, self._document.height) - 1
        seen = self._document.item_at(edge)
        if seen is None:
            return None
        item, row = seen
        there = self._spots.of(item)
        if step > 0:
            inside = [spot for spot in there if spot.end > row]
        else:
            inside = [spot for spot in reversed(there) if spot.first <= row]
        found = inside[0] if inside else self._spots.from_item(items, item.index + step, step)
        # Nothing in the direction asked for: what there is stands on the other side.
        return found or self._spots.from_item(items, item.index, -step)

    def _choose_spot(self, spot: Spot) -> None:
        before = self._spot.item if self._spot is not None else self._current
        self._spot = spot
        self._current = None
        self._follow = False
        self._refresh_item(before)
        self._refresh_item(spot.item)
        top = self._head_row(spot.item)
        self._reveal(top + spot.first, top + spot.end)
        self.post_message(self.ItemChanged())

    def _leave_spot(self) -> bool:
        spot, self._spot = self._spot, None
        self._refresh_item(spot.item if spot is not None else None)
        return spot is not None

    def act(self) -> bool:
        """Act on the current spot, else fold or unfold. False: there is nothing to act on."""
        spot = self.spot
        if spot is None:
            return self.toggle_current()
        self.post_message(self.SpotChosen(spot))
        return True

    def leave(self) -> bool:
        """One step back from what the cursor is on: the search, then the current spot. False: nothing to leave."""
        if self._search is not None:
            self.end_search(stay=True)
            return True
        return self._leave_spot()

    def code_in_view(self) -> str | None:
        """The current code block, else that of the current item, else the one nearest to the middle of the view."""
        spot = self.spot
        if spot is not None and spot.kind == "code":
            return spot.text
        if self._current is not None and self._current.codes:
            return self._current.codes[0]
        middle = self._scroll + self.size.height // 2
        best: tuple[int, str] | None = None
        for item in self._document.items:
            top = self._document.top(item.index)
            distance = max(top - middle, middle - (top + item.height), 0)
            for code in item.codes:
                if best is None or distance <= best[0]:
                    best = (distance, code)
        return best[1] if best else None

    def on_click(self, event: events.Click) -> None:
        if self.text_selection is not None or self.in_lane(event):
            return
        found = self._document.item_at(self._scroll + event.y)
        if found is None or found[1] < 0:
            return
        item, index = found
        row = item.rows[index]
        for spot in self._spots.of(item):
            if spot.kind == "code" and spot.holds(index, 0) and self._on_copy_mark(row, event.x):
                event.stop()
                self.post_message(self.SpotChosen(spot, copy=True))
                return
            if spot.kind == "link" and spot.holds(index, _character(row, event.x - GUTTER)):
                event.stop()
                self._choose_spot(spot)
                self.post_message(self.SpotChosen(spot))
                return
        if item.foldable and index == 0:
            event.stop()
            self._toggle(item)
        elif isinstance(item, CallItem) and item.stop:
            self._choose(item)

    def _on_copy_mark(self, row: Row, x: int) -> bool:
        end = self.size.width - LANE
        return row.drawn_tail(end - GUTTER) is not None and end - len(COPY_MARK) <= x < end

    # Search

    @property
    def search_state(self) -> tuple[str, int | None, int] | None:
        """(query, number of the current match from 1 on, how many there are); None: no search."""
        search = self._search
        return None if search is None else (search.query, search.position, search.total)

    def begin_search(self) -> None:
        """Remember where the reader is: `end_search(stay=False)` goes back there."""
        seen = self._document.item_at(self._scroll)
        item, row = seen if seen is not None else (None, 0)
        self._reading = (item, row, self._follow)
        if self._search is None:
            self._search = StreamSearch("")

    def search(self, query: str) -> None:
        """Find `query`; the first match at or below the place where the search began becomes current."""
        if self._search is None:
            self.begin_search()
        self._search = search = StreamSearch(query)
        search.sync(self._document.items, 0)
        item, row, follow = self._reading
        if item is None or item not in self._document.items:
            item, row = None, 0
        if search.choose_from(item.index if item is not None else 0, row):
            self._show_match()
        elif follow:
            self.scroll_bottom()
        self.refresh()
        self._tell_search()

    def step_match(self, by: int) -> bool:
        """To the next (1) or previous (-1) match, round the ends. False: nothing is found."""
        if self._search is None or not self._search.step(by):
            return False
        self._show_match()
        self.refresh()
        self._tell_search()
        return True

    def end_search(self, *, stay: bool) -> None:
        """stay: keep reading here; else go back to where the search began."""
        if self._search is None:
            return
        self._search = None
        item, row, follow = self._reading
        if not stay:
            if follow:
                self.scroll_bottom()
            elif item is not None and item in self._document.items:
                self._go_to(self._head_row(item) + row)
        self.refresh()
        self._tell_search()

    def _show_match(self) -> None:
        """Bring the current match into view, with a few rows around it, and hold it there."""
        found = self._search.rows_of_current() if self._search is not None else None
        if found is None:
            return
        item, first, end = found
        top = self._head_row(item)
        self._follow = False
        if not (self._in_view(top + first) and self._in_view(top + end - 1)):
            self._go_to(max(0, top + first - self.size.height // 3))

    def _tell_search(self) -> None:
        state = self.search_state
        told = (state[1], state[2]) if state is not None else (None, 0)
        if told != self._search_told:
            self._search_told = told
            self.post_message(self.SearchMoved())


def _character(row: Row, cells: int) -> int:
    """Which character of a row's text stands so many cells from its start."""
    at = 0
    for index, character in enumerate(row.text):
        at += cell_len(character)
        if cells < at:
            return index
    return len(row.text)
