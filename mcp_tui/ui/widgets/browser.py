"""What lists everything servers offer: tabs, a filter and the rows grouped by server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult, RenderResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input

from mcp_tui.core.figures import tokens_text
from mcp_tui.core.state import ServerSnapshot
from mcp_tui.ui.component_colours import ink
from mcp_tui.ui.widgets.catalog_rows import TABS, CatalogRows, Entry, Item, Tab
from mcp_tui.ui.widgets.row_list import RowList

_NAMES: dict[Tab, tuple[str, str, str]] = {
    "tools": ("Tools", "Tools", "T"),
    "resources": ("Resources", "Res", "R"),
    "prompts": ("Prompts", "Prompts", "P"),
}


class CatalogTabs(Widget):
    """One line whatever the width: the words shorten, the counts stay."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"catalog-tabs--active", "catalog-tabs--idle"}
    DEFAULT_CSS = """
    CatalogTabs { height: 1; }
    CatalogTabs > .catalog-tabs--active { color: $text-accent; text-style: bold underline; }
    CatalogTabs > .catalog-tabs--idle { color: $text-muted; }
    """
    active: reactive[Tab] = reactive[Tab]("tools")
    counts: reactive[tuple[int, int, int]] = reactive((0, 0, 0))

    class Chosen(Message):
        def __init__(self, tab: Tab) -> None:
            super().__init__()
            self.tab: Tab = tab

    def _line(self, words: int, gap: int) -> tuple[Text, list[tuple[int, int, Tab]]]:
        line = Text(no_wrap=True, end="")
        spans: list[tuple[int, int, Tab]] = []
        for tab, count in zip(TABS, self.counts, strict=True):
            active = tab == self.active
            style = ink(self, f"catalog-tabs--{'active' if active else 'idle'}")
            start = line.cell_len
            shown = str(count) if count < 10_000 else tokens_text(count)
            line.append(f"{_NAMES[tab][words]} {shown}", style)
            spans.append((start, line.cell_len, tab))
            if tab != TABS[-1]:
                line.append(" " * gap)
        return line, spans

    def _fitting(self) -> tuple[Text, list[tuple[int, int, Tab]]]:
        for words, gap in ((0, 3), (0, 2), (0, 1), (1, 2), (1, 1), (2, 1)):
            line, spans = self._line(words, gap)
            if line.cell_len <= self.size.width:
                return line, spans
        return self._line(2, 1)

    def render(self) -> RenderResult:
        return self._fitting()[0]

    def on_click(self, event: events.Click) -> None:
        for start, end, tab in self._fitting()[1]:
            if start <= event.x < end:
                self.post_message(self.Chosen(tab))


class CatalogFilter(Input):
    """The list follows every keystroke."""

    BINDINGS = [
        Binding("down,enter", "leave(False)", "list"),
        Binding("escape", "leave(True)", "clear"),
    ]

    class Left(Message):
        """Back to the list."""

    def action_leave(self, clear: bool) -> None:
        if clear:
            self.value = ""
        self.post_message(self.Left())


class EntryList(RowList):
    """A subclass draws a server's heading (`heading_text`) and what stands below it (`item_text`)."""

    class Asked(Message):
        """verb: `filter`, `open`, `previous`, `next`, or one of the subclass."""

        def __init__(self, verb: str) -> None:
            super().__init__()
            self.verb = verb

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Entry] = []

    @property
    def current(self) -> Entry | None:
        return self.rows[self.cursor] if 0 <= self.cursor < len(self.rows) else None

    def row_count(self) -> int:
        return len(self.rows)

    def row_key(self, index: int) -> str:
        return self.rows[index].key

    def row_text(self, index: int, width: int) -> Text:
        entry = self.rows[index]
        if entry.item is None:
            return self.heading_text(entry, width)
        return self.item_text(entry, entry.item, width)

    def heading_text(self, entry: Entry, width: int) -> Text:
        raise NotImplementedError

    def item_text(self, entry: Entry, item: Item, width: int) -> Text:
        raise NotImplementedError

    def action_focus_filter(self) -> None:
        self.post_message(self.Asked("filter"))

    def action_open_entry(self) -> None:
        self.post_message(self.Asked("open"))

    def action_previous_tab(self) -> None:
        self.post_message(self.Asked("previous"))

    def action_next_tab(self) -> None:
        self.post_message(self.Asked("next"))


class BrowserPane(Vertical):
    """A subclass says which rows there are (`entries`) and what opening one does (`open_item`)."""

    def __init__(self, rows: EntryList, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.model = CatalogRows()
        self._folded: set[str] = set()
        self._places: dict[Tab, str] = {}
        self.tabs = CatalogTabs()
        self.filter = CatalogFilter(placeholder="/ filter", compact=True, select_on_focus=False)
        self.rows = rows

    def compose(self) -> ComposeResult:
        yield self.tabs
        yield self.filter
        yield self.rows

    @property
    def tab(self) -> Tab:
        return self.tabs.active

    @property
    def words(self) -> str:
        """What is filtered for."""
        return self.filter.value.strip()

    def update_model(self, servers: Sequence[ServerSnapshot]) -> bool:
        """Take the servers' catalogs; False when nothing in them changed."""
        if not self.model.update(servers):
            return False
        self.tabs.counts = (self.model.count("tools"), self.model.count("resources"), self.model.count("prompts"))
        return True

    def entries(self) -> list[Entry]:
        return self.model.rows(self.tab, self.words, frozenset(self._folded))

    def rebuild(self) -> None:
        key = self.rows.current_key
        self.rows.rows = self.entries()
        self.rows_drawn()
        self.rows.rows_replaced(key)

    def rows_drawn(self) -> None:
        """The rows are new and not yet shown."""
        raise NotImplementedError

    def filtered(self) -> None:
        """The rows follow another filter."""

    def open_item(self, entry: Entry, item: Item) -> None:
        raise NotImplementedError

    def asked(self, verb: str) -> None:
        """A verb of the subclass's own list."""
        raise NotImplementedError

    def go(self, tab: Tab) -> None:
        """To another tab, and there to the row the cursor was on last."""
        key = self.rows.current_key
        if key is not None:
            self._places[self.tab] = key
        self.tabs.active = tab
        self.rows.cursor = 0
        self.rebuild()
        self.rows.move_to(self._places.get(tab, ""))

    @on(Input.Changed)
    def _filter_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.rebuild()
        self.filtered()

    @on(CatalogFilter.Left)
    def _filter_left(self, event: CatalogFilter.Left) -> None:
        event.stop()
        self.rows.focus()

    @on(CatalogTabs.Chosen)
    def _tab_chosen(self, event: CatalogTabs.Chosen) -> None:
        event.stop()
        self.go(event.tab)
        self.rows.focus()

    @on(EntryList.Asked)
    def _asked(self, event: EntryList.Asked) -> None:
        event.stop()
        if event.verb == "filter":
            self.filter.focus()
        elif event.verb == "open":
            self.open_current()
        elif event.verb in ("previous", "next"):
            step = 1 if event.verb == "next" else -1
            self.go(TABS[(TABS.index(self.tab) + step) % len(TABS)])
        else:
            self.asked(event.verb)

    def open_current(self) -> None:
        """Open what the cursor is on; a server's heading folds."""
        entry = self.rows.current
        if entry is None:
            return
        if entry.item is None:
            self._folded ^= {entry.server}
            self.rebuild()
        else:
            self.open_item(entry, entry.item)

    def unfold(self, server: str) -> None:
        self._folded.discard(server)
