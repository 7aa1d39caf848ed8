"""The Workbench's list: tools, resources or prompts of every server, grouped, filtered as you type."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.style import Style
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from mcp_tui.core.state import PromptInfo, ServerSnapshot, TemplateInfo, ToolInfo
from mcp_tui.core.text import clean_line
from mcp_tui.ui import keys
from mcp_tui.ui.catalog_rows import TABS, CatalogRows, Entry, Item, Tab, identity
from mcp_tui.ui.ink import ink
from mcp_tui.ui.panes.catalog import CatalogFilter, CatalogTabs
from mcp_tui.ui.status import hint_mark, server_state
from mcp_tui.ui.widgets.row_list import RowList, fill

_INKS = frozenset(f"row-list--{tone}" for tone in ("muted", "strong", "good", "warn", "bad", "wait"))
_TAB_OF = {"tool": "tools", "resource": "resources", "template": "resources", "prompt": "prompts"}


class ItemsList(RowList):
    BINDINGS = keys.bindings("items")

    class Asked(Message):
        """verb: `filter`, `open`, `refresh`, `previous` or `next`."""

        def __init__(self, verb: str) -> None:
            super().__init__()
            self.verb = verb

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self.rows: list[Entry] = []
        self.servers: dict[str, ServerSnapshot] = {}
        self.empty = ""
        self._now = now

    def part(self, name: str) -> Style:
        return ink(self, name) if name in _INKS else super().part(name)

    @property
    def current(self) -> Entry | None:
        return self.rows[self.cursor] if 0 <= self.cursor < len(self.rows) else None

    def row_count(self) -> int:
        return len(self.rows) or 1

    def row_key(self, index: int) -> str:
        return self.rows[index].key if self.rows else ""

    def row_text(self, index: int, width: int) -> Text:
        if not self.rows:
            return Text(self.empty, self.part("row-list--muted"))
        entry = self.rows[index]
        if entry.item is None:
            return self._heading(entry, width)
        muted = self.part("row-list--muted")
        left = Text(f"  {entry.label}", "" if entry.usable else muted, end="")
        word, tone = _mark(entry.item)
        return fill(left, Text(word, self.part(f"row-list--{tone}") if entry.usable else muted, end=""), width)

    def _heading(self, entry: Entry, width: int) -> Text:
        muted = self.part("row-list--muted")
        server = self.servers.get(entry.server)
        if server is None:
            return Text(entry.label, self.part("row-list--strong"))
        state = server_state(server, self._now())
        left = Text.assemble(
            (f"{state.glyph} ", self.part(f"row-list--{state.tone}")),
            (entry.label, self.part("row-list--strong")),
            end="",
        )
        if server.status.usable:
            return fill(left, Text(str(entry.count), muted, end=""), width)
        return fill(left, Text(state.word, self.part(f"row-list--{state.tone}"), end=""), width)

    def action_focus_filter(self) -> None:
        self.post_message(self.Asked("filter"))

    def action_open_item(self) -> None:
        self.post_message(self.Asked("open"))

    def action_refresh_catalog(self) -> None:
        self.post_message(self.Asked("refresh"))

    def action_previous_tab(self) -> None:
        self.post_message(self.Asked("previous"))

    def action_next_tab(self) -> None:
        self.post_message(self.Asked("next"))


def _mark(item: Item) -> tuple[str, str]:
    """The word at the right end and its tone."""
    if isinstance(item, ToolInfo):
        return hint_mark(item.hints)
    if isinstance(item, PromptInfo):
        count = len(item.arguments)
        return (f"{count} arg{'' if count == 1 else 's'}" if count else "", "muted")
    if isinstance(item, TemplateInfo):
        return "template", "muted"
    return clean_line(item.mime_type or "").rpartition("/")[2][:12], "muted"


class ItemsPane(Vertical):
    """Posts what the person looks at (`Highlighted`) and what they want to use (`Opened`)."""

    class Highlighted(Message):
        def __init__(self, server: str, kind: str, name: str) -> None:
            super().__init__()
            self.server = server
            self.kind = kind
            self.name = name

    class Opened(Message):
        def __init__(self, server: str, kind: str, name: str) -> None:
            super().__init__()
            self.server = server
            self.kind = kind
            self.name = name

    class RefreshWanted(Message):
        """Of one server, or of all with None."""

        def __init__(self, server: str | None) -> None:
            super().__init__()
            self.server = server

    def __init__(self, now: Callable[[], float], *, id: str | None = None) -> None:  # noqa: A002  the framework's name
        super().__init__(id=id, classes="pane")
        self.border_title = "Catalog"
        self._model = CatalogRows()
        self._folded: set[str] = set()
        self._servers: tuple[ServerSnapshot, ...] = ()
        self.tabs = CatalogTabs()
        self.filter = CatalogFilter(placeholder="/ filter", compact=True, select_on_focus=False)
        self.list = ItemsList(now)

    def compose(self) -> ComposeResult:
        yield self.tabs
        yield self.filter
        yield self.list

    def on_mount(self) -> None:
        self.set_interval(1.0, self._tick)

    def _tick(self) -> None:
        """Countdowns and elapsed times in the headings."""
        if any(not server.status.settled for server in self._servers):
            self.list.refresh()

    @property
    def tab(self) -> Tab:
        return self.tabs.active

    def show(self, servers: Sequence[ServerSnapshot]) -> None:
        before = tuple((server.name, server.status) for server in self._servers)
        self._servers = tuple(servers)
        self.list.servers = {server.name: server for server in servers}
        changed = self._model.update(servers)
        if changed or before != tuple((server.name, server.status) for server in servers):
            self.tabs.counts = (
                self._model.count("tools"),
                self._model.count("resources"),
                self._model.count("prompts"),
            )
            self._rebuild()

    def _rebuild(self) -> None:
        key = self.list.current_key
        words = self.filter.value.strip()
        rows = self._model.rows(self.tab, words, frozenset(self._folded))
        if not words:
            listed = {entry.server for entry in rows}
            # A server without entries still has a state that somebody may be waiting for.
            rows += [
                Entry(f"{server.name}\n", server.name, clean_line(server.name), usable=server.status.usable)
                for server in self._servers
                if server.name not in listed
            ]
        self.list.rows = rows
        self.list.empty = f"no {self.tab} match" if words else "no servers yet"
        self.list.rows_replaced(key)
        entry = self.list.current
        if (
            key in (None, "")
            and entry is not None
            and entry.item is None
            and len(rows) > 1
            and rows[1].item is not None
        ):
            self.list.cursor = 1  # the first thing to use, not the heading above it
        self._highlight()

    def reveal(self, server: str, kind: str, name: str) -> None:
        """Put the cursor on an item, changing tab and filter as far as needed."""
        self.tabs.active = TABS[TABS.index(_TAB_OF.get(kind, "tools"))]  # pyright: ignore[reportArgumentType]  values are Tab words
        key = f"{server}\n{kind}\n{name}"
        self._folded.discard(server)
        self._rebuild()
        if not self.list.move_to(key) and self.filter.value:
            self.filter.value = ""
            self._rebuild()
            self.list.move_to(key)

    def clear_filter(self) -> bool:
        """False when there was nothing to clear."""
        if not self.filter.value:
            return False
        self.filter.value = ""
        return True

    def _highlight(self) -> None:
        entry = self.list.current
        if entry is not None and entry.item is not None:
            self.post_message(self.Highlighted(entry.server, *identity(entry.item)))

    @on(RowList.Moved)
    def _moved(self, event: RowList.Moved) -> None:
        event.stop()
        self._highlight()

    @on(Input.Changed)
    def _filter_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._rebuild()
        entry = self.list.current
        if entry is not None and entry.item is None and len(self.list.rows) > 1:
            self.list.cursor = 1

    @on(CatalogFilter.Left)
    def _filter_left(self) -> None:
        self.list.focus()

    @on(CatalogTabs.Chosen)
    def _tab_chosen(self, event: CatalogTabs.Chosen) -> None:
        self._go(event.tab)
        self.list.focus()

    def _go(self, tab: Tab) -> None:
        self.tabs.active = tab
        self._rebuild()
        entry = self.list.current
        if entry is not None and entry.item is None and len(self.list.rows) > 1:
            self.list.cursor = 1

    @on(RowList.Clicked)
    def _clicked(self, event: RowList.Clicked) -> None:
        event.stop()
        if event.again:
            self._open()

    @on(ItemsList.Asked)
    def _asked(self, event: ItemsList.Asked) -> None:
        event.stop()
        entry = self.list.current
        if event.verb == "filter":
            self.filter.focus()
        elif event.verb == "open":
            self._open()
        elif event.verb == "refresh":
            self.post_message(self.RefreshWanted(entry.server if entry is not None else None))
        else:
            step = 1 if event.verb == "next" else -1
            self._go(TABS[(TABS.index(self.tab) + step) % len(TABS)])

    def _open(self) -> None:
        entry = self.list.current
        if entry is None:
            return
        if entry.item is None:
            self._folded ^= {entry.server}
            self._rebuild()
        else:
            self.post_message(self.Opened(entry.server, *identity(entry.item)))
