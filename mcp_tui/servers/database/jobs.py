"""Work in threads that can really be stopped: by its deadline, and when the caller cancels."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

import anyio

from mcp_tui.servers.database.faults import DatabaseError, too_slow

T = TypeVar("T")
WORKERS = 5
"""As many as there are connections."""
_GRACE_S = 2.0
"""The database's own limit comes first: its message is better."""
_STOP_S = 10.0
_log = logging.getLogger(__name__)


class Job:
    """One piece of work. `stop` may be called from any thread, at any time, more than once."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.deadline = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._stopped: Literal["", "timeout", "cancelled"] = ""
        self._interrupt: Callable[[], None] | None = None

    def attach(self, interrupt: Callable[[], None]) -> None:
        """How to interrupt what the thread does from now on; DatabaseError when it is to end already."""
        with self._lock:
            self._interrupt = interrupt
        self.check()

    def detach(self) -> None:
        """Nothing is to be interrupted any more. Waits for an interruption that is under way."""
        with self._lock:
            self._interrupt = None

    def stop(self, reason: Literal["timeout", "cancelled"]) -> None:
        with self._lock:
            self._stopped = self._stopped or reason
            # Inside the lock: the connection cannot go back to the pool and be interrupted there.
            if self._interrupt is not None:
                self._interrupt()

    @property
    def is_over(self) -> bool:
        return bool(self._stopped) or time.monotonic() >= self.deadline

    def check(self) -> None:
        """DatabaseError once the work is to end."""
        if self.is_over:
            raise self.ended()

    def ended(self) -> DatabaseError:
        if self._stopped == "cancelled":
            return DatabaseError("cancelled", "cancelled")
        return too_slow(self.seconds)

    def remaining_s(self) -> float:
        return max(0.0, self.deadline - time.monotonic())


class Jobs:
    """Runs jobs one thread each; `async with` ends what still runs."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="database")
        self._stoppers = ThreadPoolExecutor(WORKERS, thread_name_prefix="database-stop")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._stoppers.shutdown(wait=False, cancel_futures=True)

    async def run(self, work: Callable[[Job], T], seconds: float) -> T:
        """The result of `work`. It has ended, or was told to and given time for it, when this returns or raises."""
        job = Job(seconds)
        running = self._threads.submit(work, job)
        future = asyncio.wrap_future(running)
        try:
            done, _ = await asyncio.wait((future,), timeout=seconds + _GRACE_S)
        except asyncio.CancelledError:
            if not running.cancel():
                await self._stop(job, future, "cancelled")
            raise
        if not done:
            if running.cancel():
                raise DatabaseError(f"all {WORKERS} connections are busy: nothing was run; try again", "limit")
            await self._stop(job, future, "timeout")
            if not future.done():
                raise too_slow(seconds)
        return future.result()

    async def _stop(self, job: Job, future: asyncio.Future[T], reason: Literal["timeout", "cancelled"]) -> None:
        stopping = asyncio.get_running_loop().run_in_executor(self._stoppers, job.stop, reason)
        with anyio.CancelScope(shield=True):
            await asyncio.wait((future, stopping), timeout=_STOP_S)
        if not (future.done() and stopping.done()):
            _log.warning("a statement did not end within %s s of being told to", _STOP_S)
        future.add_done_callback(_retrieve)
        stopping.add_done_callback(_retrieve)


def _retrieve(future: asyncio.Future[Any]) -> None:
    """Nobody waits for it any more; a surprise is logged."""
    if not future.cancelled() and (error := future.exception()) is not None and not isinstance(error, DatabaseError):
        _log.warning("after the end of a call: %s", type(error).__name__)
