"""The model columns side by side; where they do not fit, tabs above the ones in view."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult, RenderResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from mcp_tui.core.events import ColumnEvent, MetricsChanged
from mcp_tui.core.state import Metrics
from mcp_tui.core.text import clean
from mcp_tui.ui import keys
from mcp_tui.ui.component_colours import ink
from mcp_tui.ui.status import COLUMN

if TYPE_CHECKING:
    from mcp_tui.ui.stream.metrics_line import Best
    from mcp_tui.ui.stream.model_column import ModelColumn

LEAST_CELLS = 38
"""Narrower than this a column is not worth reading."""
ONE_COLUMN_BELOW = 100
"""A screen with fewer cells shows one column at a time."""


class ColumnTabs(Widget):
    """One tab per column with its state and figures; a click goes there."""

    COMPONENT_CLASSES = {
        "column-tabs--active",
        "column-tabs--shown",
        "column-tabs--idle",
        "column-tabs--good",
        "column-tabs--warn",
        "column-tabs--bad",
        "column-tabs--wait",
        "column-tabs--muted",
    }

    class Chosen(Message):
        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column

    def __init__(self) -> None:
        super().__init__()
        self.columns: list[ModelColumn] = []
        self.active = ""
        self.shown: frozenset[str] = frozenset()

    def _tab(self, number: int, column: ModelColumn, width: int) -> Text:
        def part(name: str) -> Style:
            return ink(self, f"column-tabs--{name}")

        state = COLUMN[column.status]
        active = column.column_id == self.active
        look = part("active" if active else "shown" if column.column_id in self.shown else "idle")
        room = width - 1
        # By worth: which model, what it does, its figures; the provider's name goes before the figures do.
        short = column.label.rpartition("/")[2]
        status = f"{state.glyph} {column.state_text() or state.word}"
        tab = Text.assemble(f" {number} ", (column.label, look), " ", (status, part(state.tone)), no_wrap=True, end="")
        figures = column.metrics_text(max(0, room - tab.cell_len - 1)) if tab.cell_len < room else ""
        if not figures:
            tab = Text.assemble(f" {number} ", (short, look), " ", (status, part(state.tone)), no_wrap=True, end="")
            figures = column.metrics_text(max(0, room - tab.cell_len - 1)) if tab.cell_len < room else ""
        if tab.cell_len > room:
            # The state's word outlives the name's end: a glyph alone says too little.
            status = f"{state.glyph} {state.word}" if len(state.word) + 12 <= room else state.glyph
            name = Text(short, look, no_wrap=True, end="")
            name.truncate(max(1, room - 4 - len(status)), overflow="ellipsis")
            tab = Text.assemble(f" {number} ", name, " ", (status, part(state.tone)), no_wrap=True, end="")
        elif figures:
            tab.append(f" {figures}", part("muted"))
        return tab

    def _tabs(self) -> list[tuple[int, int, str, Text]]:
        count = len(self.columns)
        if not count:
            return []
        share, rest = divmod(self.size.width, count)
        tabs: list[tuple[int, int, str, Text]] = []
        start = 0
        for number, column in enumerate(self.columns, 1):
            width = share + (1 if number <= rest else 0)
            tabs.append((start, width, column.column_id, self._tab(number, column, width)))
            start += width
        return tabs

    def render(self) -> RenderResult:
        line = Text(no_wrap=True, end="")
        for _, width, _, tab in self._tabs():
            tab.pad_right(max(0, width - tab.cell_len))
            line.append_text(tab)
        return line

    def on_click(self, event: events.Click) -> None:
        for start, width, column, _ in self._tabs():
            if start <= event.x < start + width:
                self.post_message(self.Chosen(column))
                return


class Placeholder(Static, can_focus=True):
    """Stands where the columns will be; a model can be added from here."""

    BINDINGS = [binding for binding in keys.bindings("column") if binding.id == "column.add"]


class ColumnsArea(Vertical):
    """Decides who is in view: all, as many as fit around the current one, or one alone."""

    class CurrentChanged(Message):
        """Another column has the attention."""

        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._columns: list[ModelColumn] = []
        self._current = ""
        self.maximised = False
        self.tabs = ColumnTabs()
        self.row = Horizontal(id="column-row")
        self.placeholder = Placeholder(id="columns-placeholder")

    def compose(self) -> ComposeResult:
        yield self.tabs
        yield self.placeholder
        yield self.row

    def on_mount(self) -> None:
        self._arrange()

    @property
    def columns(self) -> tuple[ModelColumn, ...]:
        return tuple(self._columns)

    @property
    def current(self) -> ModelColumn | None:
        return self.find(self._current)

    def find(self, column: str) -> ModelColumn | None:
        return next((c for c in self._columns if c.column_id == column), None)

    def say(self, text: str) -> None:
        """Stands here while there is no column."""
        self.placeholder.update(Content(clean(text)))

    async def replace(self, columns: Iterable[ModelColumn]) -> None:
        """Other columns altogether: a new conversation."""
        await self.row.remove_children()
        self._columns = list(columns)
        self._current = self._columns[0].column_id if self._columns else ""
        self.maximised = False
        await self.row.mount_all(self._columns)
        self._arrange()

    async def add_column(self, column: ModelColumn) -> None:
        self._columns.append(column)
        await self.row.mount(column)
        self._current = column.column_id
        self._arrange()

    async def drop(self, column: str) -> None:
        gone = self.find(column)
        if gone is None:
            return
        at = self._columns.index(gone)
        had_focus = gone.has_focus
        self._columns.remove(gone)
        await gone.remove()
        if self._current == column:
            self._current = self._columns[min(at, len(self._columns) - 1)].column_id if self._columns else ""
        self._arrange()
        if had_focus and self.current is not None:
            self.current.focus()

    def handle(self, event: ColumnEvent) -> None:
        """Per event and cheap: one column takes it; the tabs are drawn again when a state or figure changed."""
        column = self.find(event.column)
        if column is None:
            return
        column.handle(event)
        if self.tabs.display and isinstance(event, MetricsChanged):
            self.tabs.refresh()

    def mark_best(self, best: Mapping[str, AbstractSet[Best]]) -> None:
        for column in self._columns:
            column.mark_best(best.get(column.column_id, frozenset()))

    def metrics(self) -> dict[str, Metrics]:
        return {column.column_id: column.metrics for column in self._columns}

    # Who is in view

    def focus_number(self, number: int) -> None:
        """1-based."""
        if 1 <= number <= len(self._columns):
            self.go_to(self._columns[number - 1].column_id)

    def focus_neighbour(self, step: int) -> None:
        if self._columns:
            ids = [column.column_id for column in self._columns]
            at = ids.index(self._current) if self._current in ids else 0
            self.go_to(ids[(at + step) % len(ids)])

    def go_to(self, column: str, *, focus: bool = True) -> None:
        target = self.find(column)
        if target is None:
            return
        self._current = column
        self._arrange()
        self.post_message(self.CurrentChanged(column))
        if focus:
            target.focus()

    def toggle_maximised(self) -> None:
        self.maximised = not self.maximised
        self._arrange()

    def _visible(self) -> Sequence[ModelColumn]:
        count = len(self._columns)
        if count < 2:
            return self._columns
        width = self.size.width
        fit = (
            1
            if self.maximised or self.screen.size.width < ONE_COLUMN_BELOW
            else max(1, width // LEAST_CELLS)
            if width
            else count
        )
        if fit >= count:
            return self._columns
        at = next((i for i, column in enumerate(self._columns) if column.column_id == self._current), 0)
        start = max(0, min(at - fit // 2, count - fit))
        return self._columns[start : start + fit]

    def _arrange(self) -> None:
        visible = self._visible()
        for column in self._columns:
            column.display = column in visible
        self.tabs.columns = self._columns
        self.tabs.active = self._current
        self.tabs.shown = frozenset(column.column_id for column in visible)
        self.tabs.display = len(visible) < len(self._columns)
        self.row.display = bool(self._columns)
        self.placeholder.display = not self._columns
        self.tabs.refresh()

    def on_resize(self) -> None:
        self._arrange()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        for column in self._columns:
            if (event.widget is column or column in event.widget.ancestors) and column.column_id != self._current:
                self._current = column.column_id
                self.tabs.active = self._current
                self.tabs.refresh()
                self.post_message(self.CurrentChanged(self._current))

    def on_model_column_title_changed(self, event: ModelColumn.TitleChanged) -> None:
        event.stop()
        if self.tabs.display:
            self.tabs.refresh()

    def on_column_tabs_chosen(self, event: ColumnTabs.Chosen) -> None:
        event.stop()
        self.go_to(event.column)
