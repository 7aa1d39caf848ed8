"""The Workbench's list: tools, resources or prompts of every server, grouped, filtered as you type."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.text import Text
from textual import on
from textual.message import Message

from mcp_tui.core.state import PromptInfo, ServerSnapshot, TemplateInfo, ToolInfo
from mcp_tui.core.text import clean_line
from mcp_tui.ui import keys
from mcp_tui.ui.status import hint_mark, server_state
from mcp_tui.ui.widgets.browser import BrowserPane, EntryList
from mcp_tui.ui.widgets.catalog_rows import TABS, Entry, Item, Tab, identity
from mcp_tui.ui.widgets.row_list import RowList, fill

_TAB_OF = {"tool": "tools", "resource": "resources", "template": "resources", "prompt": "prompts"}


class ItemsList(EntryList):
    BINDINGS = keys.bindings("items")

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self.servers: dict[str, ServerSnapshot] = {}
        self._now = now

    def heading_text(self, entry: Entry, width: int) -> Text:
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

    def item_text(self, entry: Entry, item: Item, width: int) -> Text:
        muted = self.part("row-list--muted")
        left = Text(f"  {entry.label}", "" if entry.usable else muted, end="")
        word, tone = _mark(item)
        return fill(left, Text(word, self.part(f"row-list--{tone}") if entry.usable else muted, end=""), width)

    def action_refresh_catalog(self) -> None:
        self.post_message(self.Asked("refresh"))


def _mark(item: Item) -> tuple[str, str]:
    """The word at the right end and its tone."""
    word, tone = _word(item)
    return (f"! hidden  {word}".rstrip(), "warn") if item.hidden else (word, tone)


def _word(item: Item) -> tuple[str, str]:
    if isinstance(item, ToolInfo):
        return hint_mark(item.hints)
    if isinstance(item, PromptInfo):
        count = len(item.arguments)
        return (f"{count} arg{'' if count == 1 else 's'}" if count else "", "muted")
    if isinstance(item, TemplateInfo):
        return "template", "muted"
    return clean_line(item.mime_type or "").rpartition("/")[2][:12], "muted"


class ItemsPane(BrowserPane):
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
        self.list = ItemsList(now)
        super().__init__(self.list, id=id, classes="pane")
        self.border_title = "Catalog"
        self._servers: tuple[ServerSnapshot, ...] = ()

    def on_mount(self) -> None:
        self.set_interval(1.0, self._tick)

    def _tick(self) -> None:
        """Countdowns and elapsed times in the headings."""
        if any(not server.status.settled for server in self._servers):
            self.list.refresh()

    def show(self, servers: Sequence[ServerSnapshot]) -> None:
        before = tuple((server.name, server.status) for server in self._servers)
        self._servers = tuple(servers)
        self.list.servers = {server.name: server for server in servers}
        changed = self.update_model(servers)
        if changed or before != tuple((server.name, server.status) for server in servers):
            self.rebuild()

    def entries(self) -> list[Entry]:
        rows = super().entries()
        if self.words:
            return rows
        listed = {entry.server for entry in rows}
        # A server without entries still has a state that somebody may be waiting for.
        return rows + [
            Entry(f"{server.name}\n", server.name, clean_line(server.name), usable=server.status.usable)
            for server in self._servers
            if server.name not in listed
        ]

    def rows_drawn(self) -> None:
        self.list.empty = f"no {self.tab} match" if self.words else "no servers yet"

    def rebuild(self) -> None:
        key = self.list.current_key
        super().rebuild()
        if key in (None, ""):
            self._to_first_item()
        self._highlight()

    def filtered(self) -> None:
        self._to_first_item()

    def go(self, tab: Tab) -> None:
        super().go(tab)
        if tab not in self._places:
            self._to_first_item()

    def _to_first_item(self) -> None:
        """From the heading at the top to the first thing to use."""
        rows = self.list.rows
        if self.list.cursor == 0 and len(rows) > 1 and rows[0].item is None and rows[1].item is not None:
            self.list.cursor = 1

    def reveal(self, server: str, kind: str, name: str) -> None:
        """Put the cursor on an item, changing tab and filter as far as needed."""
        self.tabs.active = TABS[TABS.index(_TAB_OF.get(kind, "tools"))]  # pyright: ignore[reportArgumentType]  values are Tab words
        key = f"{server}\n{kind}\n{name}"
        self.unfold(server)
        self.rebuild()
        if not self.list.move_to(key) and self.filter.value:
            self.filter.value = ""
            self.rebuild()
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

    @on(RowList.Clicked)
    def _clicked(self, event: RowList.Clicked) -> None:
        event.stop()
        if event.again:
            self.open_current()

    def asked(self, verb: str) -> None:
        if verb == "refresh":
            entry = self.list.current
            self.post_message(self.RefreshWanted(entry.server if entry is not None else None))

    def open_item(self, entry: Entry, item: Item) -> None:
        self.post_message(self.Opened(entry.server, *identity(item)))
