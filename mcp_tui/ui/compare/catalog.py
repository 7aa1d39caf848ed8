"""Tools, resources and prompts of all servers in one filtered list, with switches for what models may use."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import on
from textual.message import Message

from mcp_tui.core.figures import size_text, tokens_text
from mcp_tui.core.state import PromptInfo, ServerSnapshot, TemplateInfo, ToolInfo
from mcp_tui.core.text import clean_line
from mcp_tui.runs.tool_switches import is_on
from mcp_tui.ui import keys
from mcp_tui.ui.messages import ItemChosen
from mcp_tui.ui.status import hint_mark
from mcp_tui.ui.widgets.browser import BrowserPane, EntryList
from mcp_tui.ui.widgets.catalog_rows import Entry, Item, Off, identity, server_mark, toggled_server, toggled_tool
from mcp_tui.ui.widgets.row_list import RowList, fill


class CatalogList(EntryList):
    BINDINGS = keys.bindings("catalog")

    def __init__(self) -> None:
        super().__init__()
        self.off: Off = frozenset()
        self.marks: dict[str, str] = {}
        self.switches = True

    def heading_text(self, entry: Entry, width: int) -> Text:
        muted = self.part("row-list--muted")
        name = Text(entry.label, self.part("row-list--strong") if entry.usable else muted, end="")
        if self.switches:
            name = Text.assemble((f"[{self.marks.get(entry.server, ' ')}] ", muted), name, end="")
        right = tokens_text(entry.tokens, estimate=True) if self.switches else str(entry.count)
        return fill(name, Text(right if entry.usable else "not connected", muted), width)

    def item_text(self, entry: Entry, item: Item, width: int) -> Text:
        muted = self.part("row-list--muted")
        if isinstance(item, ToolInfo):
            return self._tool(entry, item, width)
        right = self._flag(item).append(_aside(item), muted)
        return fill(Text(f"  {entry.label}", "" if entry.usable else muted, end=""), right, width)

    def _flag(self, item: Item) -> Text:
        """What nobody can read in its definition is said before anything reads it."""
        return Text("! hidden  " if item.hidden else "", self.part("row-list--warn"), end="")

    def _tool(self, entry: Entry, tool: ToolInfo, width: int) -> Text:
        muted = self.part("row-list--muted")
        on = is_on(self.off, entry.server, tool.name)
        lit = on and entry.usable
        box = ("[x]" if on else "[ ]", self.part("row-list--good") if lit else muted)
        left = Text.assemble(" ", box, " ", (entry.label, "" if lit else muted), end="")
        word, tone = hint_mark(tool.hints)
        right = self._flag(tool)
        right.append(word, self.part(f"row-list--{tone}") if lit else muted)
        if not tool.hidden:  # its heading has the sum: the name needs the room
            right.append(f"{tokens_text(entry.tokens, estimate=True) + 't':>6}", muted)
        return fill(left, right, width)

    def action_toggle_entry(self) -> None:
        self.post_message(self.Asked("toggle"))


def _aside(item: Item) -> str:
    if isinstance(item, PromptInfo):
        count = len(item.arguments)
        return f"{count} arg{'' if count == 1 else 's'}" if count else ""
    if isinstance(item, TemplateInfo):
        return "template"
    if isinstance(item, ToolInfo):
        return ""
    if item.size_bytes is not None:
        return size_text(item.size_bytes)
    return clean_line(item.mime_type or "").rpartition("/")[2]


class CatalogPane(BrowserPane):
    """Posts `SwitchesChanged` when tools are switched and `ItemChosen` when one is to be opened."""

    class SwitchesChanged(Message):
        def __init__(self, off: Off) -> None:
            super().__init__()
            self.off = off

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        self.list = CatalogList()
        super().__init__(self.list, id=id)
        self.off: Off = frozenset()

    def show(self, servers: Sequence[ServerSnapshot]) -> None:
        if self.update_model(servers):
            self.rebuild()

    def rows_drawn(self) -> None:
        self.list.switches = self.tab == "tools"
        self.list.empty = f"no {self.tab} match" if self.words else f"no {self.tab} yet"
        self._remark()

    def _remark(self) -> None:
        self.list.off = self.off
        self.list.marks = {
            entry.server: server_mark(self.off, entry.server, self.model.tools_of(entry.server))
            for entry in self.list.rows
            if entry.item is None
        }

    @on(RowList.Clicked)
    def _clicked(self, event: RowList.Clicked) -> None:
        event.stop()
        entry = self.list.current
        on_mark = event.x < (3 if entry is not None and entry.item is None else 4)
        if self.tab == "tools" and on_mark:
            self._toggle()
        elif event.again:
            self.open_current()

    def asked(self, verb: str) -> None:
        if verb == "toggle":
            self._toggle()

    def _toggle(self) -> None:
        entry = self.list.current
        if entry is None or self.tab != "tools":
            return
        tools = self.model.tools_of(entry.server)
        if entry.item is None:
            self.off = toggled_server(self.off, entry.server, tools)
        else:
            self.off = toggled_tool(self.off, entry.server, entry.item.name, tools)
        self._remark()
        self.list.refresh()
        self.post_message(self.SwitchesChanged(self.off))

    def open_item(self, entry: Entry, item: Item) -> None:
        self.post_message(ItemChosen(entry.server, *identity(item)))
