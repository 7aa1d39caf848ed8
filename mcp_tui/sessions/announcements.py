"""What a server tells by itself, and what is remembered of it through reconnects. One per server."""

from __future__ import annotations

import time
from collections.abc import Callable

from mcp_tui.config.schema import ServerSpec
from mcp_tui.core.tasks import TaskInfo
from mcp_tui.sessions.calling.output_check import OutputChecks
from mcp_tui.sessions.known_servers import KnownServers, identity
from mcp_tui.sessions.server_log import ServerLog
from mcp_tui.sessions.subscriptions import Subscriptions
from mcp_tui.sessions.tasks.book import TaskBook

KEPT_S = 30 * 86_400.0
"""A task that nobody asked for in this time is forgotten."""


class Announcements:
    """`changed` is called after every change of any of them. memory: keeps the tasks of ours that did not end yet."""

    def __init__(self, spec: ServerSpec, changed: Callable[[], None], memory: KnownServers | None = None) -> None:
        self.tasks = TaskBook(spec.name, changed, self._keep)
        self.log = ServerLog(changed)
        self.subscriptions = Subscriptions(changed)
        self.output_checks = OutputChecks()
        self.log_level = spec.log_level
        """What the server is asked to log; "" asks for nothing. `SessionManager.set_log_level` changes it."""
        self._spec = spec
        self._memory = memory

    def recall(self) -> None:
        """Tasks of an earlier start; needs the memory to be loaded."""
        if self._memory is None:
            return
        for task_id, entry in self._memory.of_server("tasks", self._spec).items():
            at = entry.get("at")
            if isinstance(at, int | float) and 0 <= time.time() - at < KEPT_S:
                self.tasks.recall(task_id, str(entry.get("tool", "")))
            else:
                self._memory.put("tasks", f"{identity(self._spec)}/{task_id}", None)

    def _keep(self, info: TaskInfo) -> None:
        if self._memory is not None:
            entry = None if info.status.ended else {"tool": info.tool, "at": int(time.time())}
            self._memory.put("tasks", f"{identity(self._spec)}/{info.id}", entry)
