"""What one server logs: its `notifications/message` and the lines of its stderr, in one bounded list."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from mcp_tui.core.tasks import LOG_LEVELS, STDERR, LogLine

if TYPE_CHECKING:
    from mcp_types import LoggingMessageNotificationParams

MAX_LINES = 1_000
MAX_LINE_CHARS = 4_000
QUIET_S = 0.2
"""A flood of lines is announced at most this often."""


class ServerLog:
    """`changed` is called after new lines; `heard` (settable) with each line of the server itself at once."""

    def __init__(self, changed: Callable[[], None], clock: Callable[[], float] = time.time) -> None:
        self.heard: Callable[[LogLine], None] | None = None
        self._changed = changed
        self._clock = clock
        self._lines: deque[LogLine] = deque(maxlen=MAX_LINES)
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    def lines(self) -> tuple[LogLine, ...]:
        return tuple(self._lines)

    async def received(self, params: LoggingMessageNotificationParams) -> None:
        """The SDK's logging callback."""
        self.message(str(params.level), params.logger, params.data)

    def message(self, level: str, logger: str | None, data: object) -> None:
        line = self._add(level if level in LOG_LEVELS else "info", (logger or "")[:200], _text(data))
        if self.heard is not None:
            self.heard(line)

    def stderr(self, text: str) -> None:
        self._add(STDERR, "", text[:MAX_LINE_CHARS])

    def _add(self, level: str, logger: str, text: str) -> LogLine:
        self._count += 1
        line = LogLine(self._count, self._clock(), level, logger, text)
        self._lines.append(line)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(QUIET_S, self._announce)
        return line

    def _announce(self) -> None:
        self._timer = None
        self._changed()


def _text(data: object) -> str:
    """Logged data is any JSON; a text stands for itself."""
    if isinstance(data, str):
        return data[:MAX_LINE_CHARS]
    try:
        return json.dumps(data, ensure_ascii=False)[:MAX_LINE_CHARS]
    except (TypeError, ValueError, RecursionError):
        return "(data that cannot be shown)"
