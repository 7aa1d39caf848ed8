"""What goes on at servers beside single requests: tasks, followed resources, log levels. `SessionManager.live`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.names import known_names_hint
from mcp_tui.core.state import CallResult, Progress
from mcp_tui.core.tasks import LOG_LEVELS, LogLine, SubscriptionInfo, TaskInfo
from mcp_tui.sessions.supervisor import Supervisor

LIST_TIMEOUT_S = 30.0


class Live:
    """Errors are AppError; "unknown_server" from every method. States are in the servers' snapshots."""

    def __init__(self, supervisor: Callable[[str], Supervisor], load: Callable[[], Awaitable[ModuleType]]) -> None:
        self._supervisor = supervisor
        self._load = load

    # ------------------------------------------------------------------ tasks

    async def tasks(self, server: str, *, timeout_s: float = LIST_TIMEOUT_S) -> tuple[TaskInfo, ...]:
        """The tasks of the server with their newest state: all it names, else those we know of."""
        source = self._supervisor(server)
        sdk: Any = await self._load()
        return await sdk.list_tasks(source, timeout_s=timeout_s)

    async def task_result(
        self,
        server: str,
        task_id: str,
        *,
        timeout_s: float | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> CallResult:
        """Wait for a task, whoever started it. Giving up waiting leaves it running."""
        source = self._supervisor(server)
        sdk: Any = await self._load()
        limit = source.spec.task_timeout_s if timeout_s is None else timeout_s
        return await sdk.task_outcome(source, task_id, timeout_s=limit, on_progress=on_progress)

    async def cancel_task(self, server: str, task_id: str) -> None:
        """Ask the server to stop it. `rejected` when it will not; whoever waits for the task hears how it ends."""
        source = self._supervisor(server)
        sdk: Any = await self._load()
        await sdk.cancel_known_task(source, task_id)

    # ------------------------------------------------------------------ resources

    def follow(self, server: str, uri: str) -> SubscriptionInfo:
        """Have changes of a resource announced until `unfollow`, also over reconnects. Each call counts."""
        return self._supervisor(server).feeds.subscriptions.follow(uri)

    def unfollow(self, server: str, uri: str) -> None:
        self._supervisor(server).feeds.subscriptions.unfollow(uri)

    # ------------------------------------------------------------------ log

    async def set_log_level(self, server: str, level: str) -> None:
        """From now on, until the program ends. `bad_level`, or `rejected` with what the server says.

        2026-07-28: it goes with every request from now on; nothing is sent now.
        """
        source = self._supervisor(server)
        title = f"{server}: the log level was not set"
        if level not in LOG_LEVELS:
            hint = known_names_hint(level, LOG_LEVELS, what="levels")
            detail = f"there is no level {level[:40]!r}"
            raise AppError(title, detail, hint, kind=ErrorKind.USAGE, code="bad_level")
        connection = await source.usable()
        if not connection.modern:
            if connection.client.server_capabilities.logging is None:
                detail = "the server does not say that it logs"
                raise AppError(title, detail, kind=ErrorKind.TOOL, code="rejected")
            sdk: Any = await self._load()
            refused = await sdk.set_log_level(connection, level)
            if refused:
                raise AppError(title, refused, kind=ErrorKind.TOOL, code="rejected")
        source.feeds.log_level = level
        source.changed()

    def hear(self, server: str, heard: Callable[[LogLine], None] | None) -> None:
        """Each message the server logs, at once (its stderr excluded). None ends it."""
        self._supervisor(server).feeds.log.heard = heard
