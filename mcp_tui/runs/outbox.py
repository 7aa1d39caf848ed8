"""Events on their way to a face: merged within one tick of the loop, never reordered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from mcp_tui.core.events import CallChanged, ColumnEvent, ReasoningAppended, TextAppended
from mcp_tui.core.state import CallRecord

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Pieces:
    column: str
    reasoning: bool
    texts: list[str]


@dataclass(slots=True)
class _NewestCall:
    column: str
    record: Callable[[], CallRecord]
    id: str


class Outbox:
    """One column's way to the listener. A listener that fails is logged; it cannot hurt the column."""

    def __init__(self, column: str, listener: Callable[[ColumnEvent], None]) -> None:
        self._column = column
        self._listener = listener
        self._waiting: list[_Pieces | _NewestCall] = []
        self._scheduled = False
        self.closed = False
        """Nothing is delivered any more (the column was removed)."""

    def text(self, text: str, *, reasoning: bool = False) -> None:
        last = self._waiting[-1] if self._waiting else None
        if isinstance(last, _Pieces) and last.reasoning is reasoning:
            last.texts.append(text)
        else:
            self._wait(_Pieces(self._column, reasoning, [text]))

    def call(self, id_: str, record: Callable[[], CallRecord]) -> None:
        """The record is asked for when it is delivered: changes within a tick are one event."""
        last = self._waiting[-1] if self._waiting else None
        if not (isinstance(last, _NewestCall) and last.id == id_):
            self._wait(_NewestCall(self._column, record, id_))

    def event(self, event: ColumnEvent) -> None:
        """Deliver now, after what was waiting."""
        self.flush()
        self._deliver(event)

    def flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for entry in waiting:
            if isinstance(entry, _NewestCall):
                self._deliver(CallChanged(entry.column, entry.record()))
            else:
                appended = ReasoningAppended if entry.reasoning else TextAppended
                self._deliver(appended(entry.column, "".join(entry.texts)))

    def _wait(self, entry: _Pieces | _NewestCall) -> None:
        self._waiting.append(entry)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush_scheduled)

    def _flush_scheduled(self) -> None:
        self._scheduled = False
        self.flush()

    def _deliver(self, event: ColumnEvent) -> None:
        if self.closed:
            return
        try:
            self._listener(event)
        except Exception:
            logger.exception("a listener of column %s failed", self._column)
