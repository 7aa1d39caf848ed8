"""Tools, resources and prompts of all servers in one filtered list, with switches for what models may use."""

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

from mcp_tui.core.media import size_text
from mcp_tui.core.state import PromptInfo, ResourceInfo, ServerSnapshot, TemplateInfo, ToolInfo
from mcp_tui.core.text import clean_line
from mcp_tui.runs.switches import is_on
from mcp_tui.ui import keys
from mcp_tui.ui.catalog_rows import (
    TABS,
    CatalogRows,
    Entry,
    Off,
    Tab,
    identity,
    server_mark,
    toggled_server,
    toggled_tool,
)
from mcp_tui.ui.ink import ink
from mcp_tui.ui.screens.mode import ItemChosen
from mcp_tui.ui.status import hint_mark, tokens
from mcp_tui.ui.widgets.row_list import RowList, fill

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
            shown = str(count) if count < 10_000 else tokens(count)
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


class CatalogList(RowList):
    BINDINGS = keys.bindings("catalog")

    class Asked(Message):
        """verb: `filter`, `toggle`, `open`, `previous` or `next`."""

        def __init__(self, verb: str) -> None:
            super().__init__()
            self.verb = verb

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Entry] = []
        self.off: Off = frozenset()
        self.marks: dict[str, str] = {}
        self.empty = ""
        self.switches = True

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
        if isinstance(entry.item, ToolInfo):
            return self._tool(entry, entry.item, width)
        name = Text(f"  {entry.label}", "" if entry.usable else self.part("row-list--muted"), end="")
        return fill(name, Text(_aside(entry.item), self.part("row-list--muted")), width)

    def _heading(self, entry: Entry, width: int) -> Text:
        muted = self.part("row-list--muted")
        name = Text(entry.label, self.part("row-list--strong") if entry.usable else muted, end="")
        if self.switches:
            name = Text.assemble((f"[{self.marks.get(entry.server, ' ')}] ", muted), name, end="")
        right = f"~{tokens(entry.tokens)}" if self.switches else str(entry.count)
        return fill(name, Text(right if entry.usable else "not connected", muted), width)

    def _tool(self, entry: Entry, tool: ToolInfo, width: int) -> Text:
        muted = self.part("row-list--muted")
        on = is_on(self.off, entry.server, tool.name)
        lit = on and entry.usable
        box = ("[x]" if on else "[ ]", self.part("row-list--good") if lit else muted)
        left = Text.assemble(" ", box, " ", (entry.label, "" if lit else muted), end="")
        word, tone = hint_mark(tool.hints)
        right = Text(word, self.part(f"row-list--{tone}") if lit else muted, end="")
        right.append(f"{f'~{tokens(entry.tokens)}t':>6}", muted)
        return fill(left, right, width)

    def action_focus_filter(self) -> None:
        self.post_message(self.Asked("filter"))

    def action_toggle_entry(self) -> None:
        self.post_message(self.Asked("toggle"))

    def action_open_entry(self) -> None:
        self.post_message(self.Asked("open"))

    def action_previous_tab(self) -> None:
        self.post_message(self.Asked("previous"))

    def action_next_tab(self) -> None:
        self.post_message(self.Asked("next"))


def _neighbour(tab: Tab, step: int) -> Tab:
    return TABS[(TABS.index(tab) + step) % len(TABS)]


def _aside(item: ResourceInfo | TemplateInfo | PromptInfo) -> str:
    if isinstance(item, PromptInfo):
        count = len(item.arguments)
        return f"{count} arg{'' if count == 1 else 's'}" if count else ""
    if isinstance(item, TemplateInfo):
        return "template"
    if item.size_bytes is not None:
        return size_text(item.size_bytes)
    return clean_line(item.mime_type or "").rpartition("/")[2]


class CatalogPane(Vertical):
    """Posts `SwitchesChanged` when tools are switched and `ItemChosen` when one is to be opened."""

    class SwitchesChanged(Message):
        def __init__(self, off: Off) -> None:
            super().__init__()
            self.off = off

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._model = CatalogRows()
        self._folded: set[str] = set()
        self._places: dict[Tab, str] = {}
        self.off: Off = frozenset()
        self.tabs = CatalogTabs()
        self.filter = CatalogFilter(placeholder="/ filter", compact=True, select_on_focus=False)
        self.list = CatalogList()

    def compose(self) -> ComposeResult:
        yield self.tabs
        yield self.filter
        yield self.list

    @property
    def tab(self) -> Tab:
        return self.tabs.active

    @property
    def model(self) -> CatalogRows:
        return self._model

    def show(self, servers: Sequence[ServerSnapshot]) -> None:
        if self._model.update(servers):
            self.tabs.counts = (
                self._model.count("tools"),
                self._model.count("resources"),
                self._model.count("prompts"),
            )
            self._rebuild()

    def _rebuild(self) -> None:
        rows = self.list
        key = rows.current_key
        rows.rows = self._model.rows(self.tab, self.filter.value, frozenset(self._folded))
        rows.switches = self.tab == "tools"
        rows.empty = f"no {self.tab} match" if self.filter.value.strip() else f"no {self.tab} yet"
        self._remark()
        rows.rows_replaced(key)

    def _remark(self) -> None:
        rows = self.list
        rows.off = self.off
        rows.marks = {
            entry.server: server_mark(self.off, entry.server, self._model.tools_of(entry.server))
            for entry in rows.rows
            if entry.item is None
        }

    @on(Input.Changed)
    def _filter_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._rebuild()

    @on(CatalogFilter.Left)
    def _filter_left(self) -> None:
        self.list.focus()

    @on(CatalogTabs.Chosen)
    def _tab_chosen(self, event: CatalogTabs.Chosen) -> None:
        self._go(event.tab)
        self.list.focus()

    def _go(self, tab: Tab) -> None:
        """To another tab, and there to the row the cursor was on last."""
        key = self.list.current_key
        if key is not None:
            self._places[self.tab] = key
        self.tabs.active = tab
        self.list.cursor = 0
        self._rebuild()
        self.list.move_to(self._places.get(tab, ""))

    @on(RowList.Clicked)
    def _clicked(self, event: RowList.Clicked) -> None:
        event.stop()
        entry = self.list.current
        on_mark = event.x < (3 if entry is not None and entry.item is None else 4)
        if self.tab == "tools" and on_mark:
            self._toggle()
        elif event.again:
            self._open()

    @on(CatalogList.Asked)
    def _asked(self, event: CatalogList.Asked) -> None:
        if event.verb == "filter":
            self.filter.focus()
        elif event.verb == "toggle":
            self._toggle()
        elif event.verb == "open":
            self._open()
        else:
            step = 1 if event.verb == "next" else -1
            self._go(_neighbour(self.tab, step))

    def _toggle(self) -> None:
        entry = self.list.current
        if entry is None or self.tab != "tools":
            return
        tools = self._model.tools_of(entry.server)
        if entry.item is None:
            self.off = toggled_server(self.off, entry.server, tools)
        else:
            self.off = toggled_tool(self.off, entry.server, entry.item.name, tools)
        self._remark()
        self.list.refresh()
        self.post_message(self.SwitchesChanged(self.off))

    def _open(self) -> None:
        entry = self.list.current
        if entry is None:
            return
        if entry.item is None:
            self._folded ^= {entry.server}
            self._rebuild()
        else:
            kind, name = identity(entry.item)
            self.post_message(ItemChosen(entry.server, kind, name))
