"""The files an engine keeps: opened when they are needed, closed when it is left."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from mcp_tui.config import paths
from mcp_tui.config.schema import Limits
from mcp_tui.core.errors import AppError, ErrorInfo
from mcp_tui.core.events import ColumnEvent
from mcp_tui.store.provider_keys import ProviderKeys
from mcp_tui.store.response_cache import ResponseCache
from mcp_tui.store.usage import UsageLedger

if TYPE_CHECKING:
    from mcp_tui.runs.recording import RunRecorder
    from mcp_tui.runs.saved import Continuation
    from mcp_tui.store.history.writer import HistoryWriter

logger = logging.getLogger(__name__)

_DAY_S = 86_400.0
_MB = 1_000_000


class Stores:
    """Making it opens nothing. `notice` is called on the event loop; without one, faults only reach the log."""

    def __init__(self, limits: Limits, notice: Callable[[ErrorInfo], None] | None) -> None:
        self.limits = limits
        """Of the cache; count when it is opened."""
        self._notice = notice
        self._responses: ResponseCache | None = None
        self._history: HistoryWriter | None = None
        self._recorders: weakref.WeakSet[RunRecorder] = weakref.WeakSet()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.ledger = UsageLedger(paths.data_dir() / "usage.sqlite", on_fault=self._tell)

    def responses(self) -> ResponseCache:
        if self._responses is None:
            self._responses = ResponseCache(
                paths.cache_dir() / "responses.sqlite",
                max_age_s=self.limits.cache_days * _DAY_S,
                max_bytes=round(self.limits.cache_mb * _MB),
            )
        return self._responses

    def recorder(
        self,
        listener: Callable[[ColumnEvent], None],
        *,
        source: str,
        clock: Callable[[], float],
        continued: Continuation | None,
    ) -> RunRecorder:
        """A listener that also saves the run, and tells `listener`."""
        from mcp_tui.runs.recording import RunRecorder
        from mcp_tui.store.history.tables import FILE_NAME
        from mcp_tui.store.history.writer import HistoryWriter

        if self._history is None:
            self._history = HistoryWriter(paths.data_dir() / FILE_NAME, on_fault=self._tell)
        self._history.max_bytes = round(self.limits.history_mb * _MB) or None
        self._history.max_age_s = self.limits.history_days * _DAY_S or None
        recorder = RunRecorder(self._history, listener, source=source, clock=clock, continued=continued)
        self._recorders.add(recorder)
        return recorder

    async def empty_responses(self) -> int:
        """The number of answers forgotten. AppError when it cannot be done."""
        try:
            return (await self.responses().clear()).entries
        except (sqlite3.Error, OSError, TimeoutError) as error:
            raise AppError("The response cache cannot be emptied", str(error) or "it does not answer") from error

    def attend(self) -> None:
        """From now on faults are told on the running loop."""
        self._loop = asyncio.get_running_loop()

    async def provider_keys(self) -> dict[str, str]:
        """From the keyring; a keyring that refuses is told, and nothing waits for it long."""
        try:
            return await asyncio.to_thread(ProviderKeys().load)
        except AppError as error:
            self._tell(error.info)
            return {}

    async def aclose(self) -> None:
        """What was recorded is written before this returns, as far as the disk allows within seconds."""
        for recorder in tuple(self._recorders):
            recorder.flush()
        stores = [store for store in (self.ledger, self._responses, self._history) if store is not None]
        closed = await asyncio.gather(*(asyncio.to_thread(store.close) for store in stores))
        for store, done in zip(stores, closed, strict=True):
            if not done:
                logger.warning("%s: not everything was written", store.path)

    def _tell(self, info: ErrorInfo) -> None:
        """From any thread."""
        logger.warning("%s", info.line())
        if self._notice is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._notice, info)
