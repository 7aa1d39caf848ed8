"""Progress notifications of a model call: how many tokens have come, and from which model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
from mcp.server.mcpserver import Context

from mcp_tui.core.events import ColumnEvent, MetricsChanged, ReasoningAppended, StatusChanged, TextAppended
from mcp_tui.core.state import ColumnStatus
from mcp_tui.runs.metrics import CHARACTERS_PER_TOKEN
from mcp_tui.servers.log_messages import log

INTERVAL_S = 0.25
"""Between two notifications, at least."""
LOGGER = "llm"
_NUDGE = 0.001
_WORDS = {
    ColumnStatus.CONNECTING: "waiting",
    ColumnStatus.RETRYING: "trying again",
    ColumnStatus.DONE: "done",
    ColumnStatus.INCOMPLETE: "cut",
    ColumnStatus.ERROR: "failed",
    ColumnStatus.CANCELLED: "cancelled",
}


class Progress:
    """Takes a run's events as its listener; `tell` sends what they add up to until `end`.

    The progress is the number of tokens so far, of all models together; there is no total. While an answer comes it is
    an estimate from its length, marked ~.
    """

    def __init__(self, columns: Sequence[tuple[str, str]]) -> None:
        """columns: (id, label) of each."""
        self._labels = dict(columns)
        self._characters = dict.fromkeys(self._labels, 0)
        self._counted = dict.fromkeys(self._labels, 0)
        self._status = dict.fromkeys(self._labels, ColumnStatus.CONNECTING)
        self._changed = anyio.Event()
        self._ended = anyio.Event()
        self._notes: list[tuple[str, str]] = []
        """(label, why) of what is tried again, or elsewhere."""
        self._told = 0.0
        self._message = ""

    def take(self, event: ColumnEvent) -> None:
        match event:
            case TextAppended(column=column, text=text) | ReasoningAppended(column=column, text=text):
                self._characters[column] += len(text)
            case MetricsChanged(column=column, metrics=metrics):
                self._counted[column] = max(self._counted[column], metrics.usage.output_tokens or 0)
            case StatusChanged(column=column, status=status, error=error):
                self._status[column] = status
                if status is ColumnStatus.RETRYING and error is not None:
                    self._notes.append((self._labels[column], error.line()))
            case _:
                return
        self._changed.set()

    async def tell(self, context: Context[Any, Any]) -> None:
        """Until `end` was called and everything is told."""
        while not self._ended.is_set():
            await self._changed.wait()
            self._changed = anyio.Event()
            await self._tell(context)
            with anyio.move_on_after(INTERVAL_S):
                await self._ended.wait()
        await self._tell(context)

    def end(self) -> None:
        self._ended.set()
        self._changed.set()

    async def _tell(self, context: Context[Any, Any]) -> None:
        notes, self._notes = self._notes, []
        for label, why in notes:
            await log(context, "warning", f"{label}: {why}", logger=LOGGER)
        now = self.message()
        if now != self._message:
            # It must grow with every notification, also when only the words change.
            tokens = sum(self._tokens(column) for column in self._labels)
            self._told = max(float(tokens), self._told + _NUDGE)
            self._message = now
            await context.report_progress(self._told, None, now)

    def message(self) -> str:
        """`~12 tokens`, or `demo/swift 12 tokens, done · demo/scholar waiting` for several models."""
        parts = {column: self._part(column) for column in self._labels}
        if len(parts) == 1:
            return next(iter(parts.values()))
        return " · ".join(f"{self._labels[column]} {part}" for column, part in parts.items())

    def _tokens(self, column: str) -> int:
        return self._counted[column] or round(self._characters[column] / CHARACTERS_PER_TOKEN)

    def _part(self, column: str) -> str:
        tokens, word = self._tokens(column), _WORDS.get(self._status[column], "")
        about = "" if self._counted[column] else "~"
        count = f"{about}{tokens} tokens" if tokens else ""
        return ", ".join(part for part in (count, word) if part) or "answering"
