"""The tasks of one server, as far as we know them; kept through its reconnects."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mcp_tui.core.tasks import TaskInfo, TaskStatus

if TYPE_CHECKING:
    from mcp_tui.core.types import JsonObject

MAX_TASKS = 200


class TaskBook:
    """`changed` is called after every change; `keep` with each task of ours that starts and ends."""

    def __init__(
        self,
        server: str,
        changed: Callable[[], None],
        keep: Callable[[TaskInfo], None] = lambda info: None,
    ) -> None:
        self._keep = keep
        self._server = server
        self._changed = changed
        self._tasks: dict[str, TaskInfo] = {}
        self._news: dict[str, list[asyncio.Future[JsonObject]]] = {}

    def infos(self) -> tuple[TaskInfo, ...]:
        return tuple(self._tasks.values())

    def get(self, task_id: str) -> TaskInfo | None:
        return self._tasks.get(task_id)

    def recall(self, task_id: str, tool: str) -> None:
        """A task of an earlier start; what became of it is not known yet."""
        if task_id not in self._tasks:
            note = "from an earlier start, not asked for yet"
            info = TaskInfo(self._server, task_id, tool, TaskStatus.WORKING, time.monotonic(), note=note)
            self._tasks[task_id] = info
            self._changed()

    def saw(self, raw: Mapping[str, Any], *, tool: str = "", followed: bool | None = None) -> TaskInfo | None:
        """What an answer says about a task; None for what names none."""
        from mcp_tui.sessions.tasks.messages import read_task, task_id

        known = self._tasks.get(task_id(raw))
        info = read_task(self._server, raw, known, tool=tool)
        if not info.id:
            return None
        if followed is not None:
            info = replace(info, followed=followed)
        if known is not None and known.note.startswith("from an earlier"):
            info = replace(info, note="from an earlier start")
        self._put(info)
        return info

    def notified(self, raw: JsonObject) -> None:
        """A status notification: whoever follows the task hears of it at once."""
        info = self.saw(raw)
        if info is not None:
            for waiting in self._news.pop(info.id, ()):
                if not waiting.done():
                    waiting.set_result(raw)

    async def news(self, task_id: str) -> JsonObject:
        """The next notification about this task, as it came."""
        waiting: asyncio.Future[JsonObject] = asyncio.get_running_loop().create_future()
        self._news.setdefault(task_id, []).append(waiting)
        try:
            return await waiting
        finally:
            others = [other for other in self._news.get(task_id, ()) if other is not waiting]
            if others:
                self._news[task_id] = others
            else:
                self._news.pop(task_id, None)

    def mark(
        self, task_id: str, *, status: TaskStatus | None = None, note: str | None = None, followed: bool | None = None
    ) -> TaskInfo | None:
        """What we found out about it ourselves."""
        info = self._tasks.get(task_id)
        if info is None:
            return None
        if status is not None and not info.status.ended:
            info = replace(info, status=status, ended_at=time.monotonic() if status.ended else None)
        if note is not None:
            info = replace(info, note=note)
        if followed is not None:
            info = replace(info, followed=followed)
        self._put(info)
        return info

    def _put(self, info: TaskInfo) -> None:
        if self._tasks.get(info.id) == info:
            return
        before = self._tasks.get(info.id)
        self._tasks[info.id] = info
        if info.tool and (before is None or before.status.ended is not info.status.ended):
            self._keep(info)
        if len(self._tasks) > MAX_TASKS:
            # Ended ones go first; of a server that makes up tasks without end the oldest go too.
            spare = next((key for key, task in self._tasks.items() if task.status.ended), None)
            del self._tasks[spare if spare is not None else next(iter(self._tasks))]
        self._changed()
