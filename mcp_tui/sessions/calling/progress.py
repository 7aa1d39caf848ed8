"""Progress as a person can read it: never backwards, never beyond its total, not more often than the eye follows."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import replace

from mcp_tui.core.state import Progress
from mcp_tui.core.tasks import TaskInfo

MIN_INTERVAL_S = 0.05
_MAX_MESSAGE = 500

_log = logging.getLogger(__name__)


class ProgressFeed:
    """Async callable for the SDK. Values are clamped; of those within `MIN_INTERVAL_S` the newest is delivered.

    Once the call became a task, each one tells the task too.
    """

    def __init__(self, listener: Callable[[Progress], None]) -> None:
        self._listener = listener
        self._best = -math.inf
        self._last = Progress(0.0, None, "")
        self._task: TaskInfo | None = None
        self._pending: Progress | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        self.take(progress, total, message)

    def take(self, progress: float, total: float | None, message: str | None) -> None:
        if not math.isfinite(progress):
            return
        if total is not None and (not math.isfinite(total) or total <= 0):
            total = None
        value = max(progress, 0.0, self._best)
        if total is not None:
            value = min(value, total)
        self._best = value
        self._last = Progress(value, total, (message or "")[:_MAX_MESSAGE], self._task)
        self._hold(self._last)

    def show_task(self, task: TaskInfo) -> None:
        """Its newest state; what the server says of it stands where no progress says more."""
        said = self._task.message if self._task is not None else ""
        message = task.message if self._last.message in ("", said) else self._last.message
        self._task = task
        self._last = replace(self._last, message=message, task=task)
        self._hold(self._last)

    def _hold(self, progress: Progress) -> None:
        self._pending = progress
        if self._timer is None:
            self._deliver()
            self._timer = asyncio.get_running_loop().call_later(MIN_INTERVAL_S, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._pending is not None:
            self._deliver()
            self._timer = asyncio.get_running_loop().call_later(MIN_INTERVAL_S, self._tick)

    def _deliver(self) -> None:
        newest, self._pending = self._pending, None
        if newest is None:
            return
        try:
            self._listener(newest)
        except Exception:  # noqa: BLE001 - a listener must not end the call; logged
            _log.exception("a progress listener failed")

    def close(self) -> None:
        """Deliver what is held back; nothing comes later."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._deliver()
