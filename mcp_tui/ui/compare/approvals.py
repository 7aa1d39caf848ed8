"""Tools that run without asking, and a way to let them ask again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from mcp_tui.core.errors import AppError
from mcp_tui.core.text import clean_line
from mcp_tui.ui.stylesheets import sheets
from mcp_tui.ui.widgets.row_list import RowList, fill

if TYPE_CHECKING:
    from mcp_tui.runs.approval import ApprovalDesk, RememberedTool


class RememberedList(RowList):
    def __init__(self) -> None:
        super().__init__()
        self.rows: tuple[RememberedTool, ...] = ()

    def row_count(self) -> int:
        return len(self.rows) or 1

    def row_key(self, index: int) -> str:
        return f"{self.rows[index].server}\n{self.rows[index].tool}" if self.rows else ""

    def row_text(self, index: int, width: int) -> Text:
        muted = self.part("row-list--muted")
        if not self.rows:
            return Text("every tool asks", muted)
        row = self.rows[index]
        name = Text(f"{clean_line(row.server)}.{clean_line(row.tool)}", "" if row.current else muted, end="")
        return fill(name, Text(_standing(row), muted), width)


def _standing(row: RememberedTool) -> str:
    if row.since is None:
        return "until you quit"
    day = time.strftime("%Y-%m-%d", time.localtime(row.since))
    return f"always, since {day}" if row.current else f"since {day}, for another program of that name"


class ApprovalsScreen(ModalScreen[None]):
    CSS_PATH = sheets("compare_dialogs")
    BINDINGS = [
        Binding("escape", "dismiss(None)", "back"),
        Binding("d,delete", "forget", "ask again"),
    ]

    def __init__(self, desk: ApprovalDesk) -> None:
        super().__init__()
        self._desk = desk
        self._list = RememberedList()

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = "Remembered approvals"
        box.border_subtitle = "d ask again · esc back"
        with box:
            yield self._list
            yield Static("A tool asks again by itself when its definition changes.", classes="note", markup=False)

    def on_mount(self) -> None:
        self._list.focus()
        self._show()
        self.run_worker(self._look(), group="approvals")

    async def _look(self) -> None:
        """What was said in other dashboards."""
        try:
            await self._desk.refresh()
        except AppError as error:
            self.notify(clean_line(error.info.line()), severity="warning", markup=False)
        else:
            self._show()

    def _show(self) -> None:
        key = self._list.current_key
        self._list.rows = tuple(sorted(self._desk.remembered(), key=lambda row: (row.server, row.tool)))
        self._list.rows_replaced(key)

    def action_forget(self) -> None:
        if not self._list.rows:
            return
        row = self._list.rows[self._list.cursor]
        self._desk.forget(row.server, row.tool)
        self._show()
