"""The tasks of all servers: their states, live; fetch a result, or have one stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from mcp_tui.core.errors import AppError
from mcp_tui.core.tasks import TaskInfo
from mcp_tui.core.text import clean_line
from mcp_tui.ui import safe
from mcp_tui.ui.messages import TaskOpened
from mcp_tui.ui.running_app import host
from mcp_tui.ui.servers.activity_text import task_age, task_state, task_words
from mcp_tui.ui.stylesheets import sheets
from mcp_tui.ui.widgets.row_list import RowList, fill

if TYPE_CHECKING:
    from mcp_tui.sessions.manager import SessionManager

_NO_TASKS = ("no_tasks", "not_ready", "needs_auth")
"""Not worth a word: such a server has no list to show."""


class TasksList(RowList):
    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self.tasks: list[TaskInfo] = []
        self.empty = "asking the servers …"
        self._now = now

    @property
    def current(self) -> TaskInfo | None:
        return self.tasks[self.cursor] if 0 <= self.cursor < len(self.tasks) else None

    def row_count(self) -> int:
        return len(self.tasks)

    def row_key(self, index: int) -> str:
        return f"{self.tasks[index].server}\n{self.tasks[index].id}"

    def row_text(self, index: int, width: int) -> Text:
        muted = self.part("row-list--muted")
        task = self.tasks[index]
        state = task_state(task)
        tone = self.part(f"row-list--{state.tone}")
        name = f"{clean_line(task.server)}.{clean_line(task.tool)}" if task.tool else clean_line(task.server)
        left = Text.assemble(
            (f"{state.glyph} {state.word:<10}", tone), f" {name}  ", (task_words(task), muted), no_wrap=True, end=""
        )
        mark = "waited for  " if task.followed else ""
        right = Text(f"{mark}{clean_line(task.id)[:12]}  {task_age(task, self._now()):>6}", muted, end="")
        return fill(left, right, width)


class TasksScreen(ModalScreen[None]):
    """Newest first. Asks every server when it opens; states then come as they change."""

    CSS_PATH = sheets("live")
    BINDINGS = [
        Binding("escape,q,t", "dismiss(None)", "close"),
        Binding("enter", "open", "result"),
        Binding("x", "cancel", "cancel"),
        Binding("r", "refresh", "refresh"),
    ]

    def __init__(self, manager: SessionManager, *, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._manager = manager
        self._undo: Callable[[], None] | None = None
        self.list = TasksList(now)
        self.note = Static("", classes="note")

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = "Tasks"
        box.border_subtitle = "enter result · x cancel · r refresh · esc close"
        with box:
            yield self.list
            yield self.note

    def on_mount(self) -> None:
        self._undo = self._manager.subscribe(self._draw)
        self.set_interval(1.0, self.list.refresh)
        self.list.focus()
        self._draw()
        self.action_refresh()

    def on_unmount(self) -> None:
        if self._undo is not None:
            self._undo()

    def _draw(self) -> None:
        key = self.list.current_key
        found = [task for server in self._manager.snapshot() for task in server.tasks]
        self.list.tasks = sorted(found, key=lambda task: (task.status.ended, -task.seen_at))
        self.list.rows_replaced(key)

    # What a person does

    def action_refresh(self) -> None:
        self.run_worker(self._refresh(), group="refresh", exclusive=True)

    async def _refresh(self) -> None:
        names = [server.name for server in self._manager.snapshot() if server.status.usable]
        faults = await asyncio.gather(*(self._ask(name) for name in names))
        self.note.update(safe.label(next((fault for fault in faults if fault), "")))
        self.list.empty = "no tasks: calls that become tasks stand here"
        self._draw()

    async def _ask(self, name: str) -> str:
        """Why a server's tasks could not be had; empty when they could, or it has none."""
        try:
            await self._manager.list_tasks(name)
        except AppError as error:
            return "" if error.info.code in _NO_TASKS else error.info.line()
        return ""

    @on(RowList.Clicked)
    def _clicked(self, event: RowList.Clicked) -> None:
        event.stop()
        if event.again:
            self.action_open()

    def action_open(self) -> None:
        task = self.list.current
        if task is not None:
            # To the app itself: this screen is gone in a moment, with what waits in its queue.
            host(self).post_message(TaskOpened(task.server, task.id, task.tool))
            self.dismiss(None)

    def action_cancel(self) -> None:
        task = self.list.current
        if task is None:
            return
        if task.status.ended:
            self.note.update(safe.label("It has ended already."))
            return
        self.run_worker(self._cancel(task), group=f"cancel-{task.id}", exclusive=True)

    async def _cancel(self, task: TaskInfo) -> None:
        self.note.update(safe.label("Asking the server to stop it …"))
        try:
            await self._manager.cancel_task(task.server, task.id)
        except AppError as error:
            self.note.update(safe.label(error.info.line()))
        else:
            self.note.update(safe.label("The server was asked to stop it."))
