"""What can be opened about a server from anywhere: its log, and the tasks of all servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from mcp_tui.ui.app import McpTuiApp


class LogAsked(Message):
    """Show what this server logs."""

    def __init__(self, server: str) -> None:
        super().__init__()
        self.server = server


class TasksAsked(Message):
    """Show the tasks of all servers."""


class TaskOpened(Message):
    """Wait for this task, and show its result in the Workbench."""

    def __init__(self, server: str, task_id: str, tool: str) -> None:
        super().__init__()
        self.server = server
        self.task_id = task_id
        self.tool = tool


def open_log(app: McpTuiApp, server: str) -> None:
    from mcp_tui.ui.servers.log import LogScreen

    if app.engine is not None and not isinstance(app.screen, LogScreen):
        app.push_screen(LogScreen(app.engine.manager, server))


def open_tasks(app: McpTuiApp) -> None:
    from mcp_tui.ui.servers.tasks import TasksScreen

    if app.engine is not None and not isinstance(app.screen, TasksScreen):
        app.push_screen(TasksScreen(app.engine.manager))


async def open_task(app: McpTuiApp, message: TaskOpened) -> None:
    from mcp_tui.ui.workbench.screen import WorkbenchScreen

    await app.switch_mode("workbench")
    if isinstance(app.screen, WorkbenchScreen):
        app.screen.open_task(message.server, message.task_id, message.tool)
