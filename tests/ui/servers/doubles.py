"""Servers with tasks, followed resources and a log, without servers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mcp_tui.core.errors import AppError
from mcp_tui.core.state import CallResult, Progress, ServerFacts, ServerSnapshot
from mcp_tui.core.tasks import LogLine, SubscriptionInfo, SubscriptionState, TaskInfo, TaskStatus
from tests.builders import server
from tests.ui.workbench.doubles import ManagerDouble, catalogs

NOTES = "file:///notes.md"


def task(name: str, status: TaskStatus, tool: str = "list_roots", server: str = "fs", **changes: Any) -> TaskInfo:
    return TaskInfo(server, name, tool, status, changes.pop("seen_at", 60.0), **changes)


def facts(era: str = "legacy") -> ServerFacts:
    version = "2025-11-25" if era == "legacy" else "2026-07-28"
    return ServerFacts(version, era, "peer", "1.0", "", {"logging": {}, "resources": {"subscribe": True}})


LINES = (
    LogLine(1, 1_000.0, "stderr", "", "listening on port 8080"),
    LogLine(2, 1_001.0, "debug", "cache", "12 entries"),
    LogLine(3, 1_002.5, "info", "index", "indexed 4,120 files in 1.8 s"),
    LogLine(4, 1_003.0, "warning", "disk", "only 2 GB are left"),
    LogLine(5, 1_004.0, "error", "index", '{"path": "a[/x]b\x1b]52;c;x\x07", "why": "no permission"}'),
    LogLine(6, 1_005.0, "critical", "", "first line\nsecond line"),
)
TASKS = (
    task("786512e2-9e0d", TaskStatus.WORKING, message="reading part 3 of 9", followed=True),
    task("a1", TaskStatus.INPUT_REQUIRED, "wipe", message="Which folder?", seen_at=90.0),
    task("b2", TaskStatus.COMPLETED, "query", server="db", ended_at=99.0),
    task("c3", TaskStatus.FAILED, "query", server="db", message="rate limit", ended_at=80.0),
    task("d4", TaskStatus.CANCELLED, note="asked to stop", ended_at=70.0),
    task("e5", TaskStatus.LOST, note="Task not found (-32602)", ended_at=70.0),
)


class LiveManager(ManagerDouble):
    """A manager with a snapshot that tests change."""

    def __init__(self) -> None:
        super().__init__()
        self.followed: list[str] = []
        self.unfollowed: list[str] = []
        self.cancelled_tasks: list[str] = []
        self.refuse_cancel = ""
        self.levels: list[str] = []
        self.results: list[str] = []
        self.asked: list[str] = []
        self.shown: tuple[ServerSnapshot, ...] = tuple(
            server(name, catalog=catalog, facts=facts()) for name, catalog in catalogs().items()
        )
        self._listeners: list[Callable[[], None]] = []

    def snapshot(self) -> tuple[ServerSnapshot, ...]:
        return self.shown

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def change(self, name: str = "fs", **changes: Any) -> tuple[ServerSnapshot, ...]:
        self.shown = tuple(replace(server, **changes) if server.name == name else server for server in self.shown)
        for listener in tuple(self._listeners):
            listener()
        return self.shown

    # ------------------------------------------------------------------ live

    def follow(self, server: str, uri: str) -> SubscriptionInfo:
        self.followed.append(uri)
        return SubscriptionInfo(uri, SubscriptionState.WAITING)

    def unfollow(self, server: str, uri: str) -> None:
        self.unfollowed.append(uri)

    async def list_tasks(self, server: str, *, timeout_s: float = 30.0) -> tuple[TaskInfo, ...]:
        self.asked.append(server)
        return ()

    async def cancel_task(self, server: str, task_id: str) -> None:
        self.cancelled_tasks.append(task_id)
        if self.refuse_cancel:
            raise AppError("The task was not cancelled", self.refuse_cancel, code="rejected")

    async def task_result(
        self,
        server: str,
        task_id: str,
        *,
        timeout_s: float | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> CallResult:
        self.results.append(task_id)
        await asyncio.sleep(0)
        return CallResult({"content": [{"type": "text", "text": f"result of {task_id}"}]}, 5.0)

    async def set_log_level(self, server: str, level: str) -> None:
        self.levels.append(level)
        self.change(server, log_level=level)
