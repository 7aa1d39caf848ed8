"""Takes messages in on the event loop, where it costs an append, and writes them on a thread."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.sessions.wirelog.cause import current_cause
from mcp_tui.sessions.wirelog.files import MAX_FILE_BYTES, Appender, LogFiles, default_folder
from mcp_tui.sessions.wirelog.scribe import (
    Broken,
    Bytes,
    Chunk,
    Happened,
    Headers,
    HttpAnswer,
    Item,
    Orders,
    Post,
    Scribe,
)
from mcp_tui.sessions.wirelog.secrets import Secrets

_log = logging.getLogger(__name__)

_LINES_AT_ONCE = 2_000
_LOOKS = 20
"""How often nothing may have come before the thread sleeps until it is woken."""


@dataclass(frozen=True, slots=True)
class Limits:
    file_bytes: int = MAX_FILE_BYTES
    queued_items: int = 20_000
    queued_bytes: int = 64 << 20
    gather_s: float = 0.05
    """From the first message of a batch until it is written and flushed."""
    close_s: float = 2.0
    """For what is still to be written at the end."""


DEFAULT_LIMITS = Limits()


class _Taken(NamedTuple):
    now_us: int
    at: float
    recorder: Recorder
    item: Item
    size_bytes: int


class Recorder:
    """One connection to one server. All methods return at once; call them on the event loop."""

    def __init__(self, log: WireLog, server: str, connection: int, secrets: Secrets, orders: Orders) -> None:
        self.secrets = secrets
        self.server = server
        self.causes: dict[str | int, str] = {}
        self.scribe = Scribe(server, connection, secrets, self.causes, orders)
        self.dropped = 0
        """Messages that found no room in the queue; only ever counts up."""
        self.dropped_told = 0
        """Of these, the ones that are in the log as an event. Belongs to the writing thread."""
        self._log = log
        self._authorisation = ""
        self._numbers = itertools.count(1)

    def asked(self, request_id: str | int) -> None:
        """A request is on its way to the transport, in the context of whoever caused it."""
        cause = current_cause()
        if cause:
            self.causes[request_id] = cause

    def authorised(self, header: str) -> None:
        """What a request was authorised with: from now on hidden wherever it appears."""
        if header != self._authorisation:
            self._authorisation = header
            self.secrets.hide(header)
            self.secrets.hide(header.rpartition(" ")[2])

    def sent(self, raw: bytes) -> None:
        self._log.take(self, Bytes("sent", raw), len(raw))

    def received(self, raw: bytes) -> None:
        self._log.take(self, Bytes("received", raw), len(raw))

    def event(self, name: str, *, failed: bool = False, **detail: object) -> None:
        """Lifecycle: what happened to the connection. Members that are None are left out."""
        kept = {key: value for key, value in detail.items() if value is not None}
        self._log.take(self, Happened(name, kept, failed), 200)

    def http_request(self, verb: str, url: object, headers: Headers, body: bytes) -> int:
        """The number of this exchange, for what follows. url: what becomes one as text, on the log's thread."""
        number = next(self._numbers)
        self._log.take(self, Post(number, verb, url, headers, body), len(body) + 500)
        return number

    def http_answer(self, number: int, status: int, headers: Headers, body: bytes | None, *, streams: bool) -> None:
        """`streams`: an event stream; its bytes follow as `http_chunk`, its end as an empty one."""
        size = len(body or b"") + 500
        self._log.take(self, HttpAnswer(number, status, headers, body, streams), size)

    def http_chunk(self, number: int, data: bytes) -> None:
        self._log.take(self, Chunk(number, data), len(data))

    def http_broken(self, number: int, reason: str, *, failed: bool) -> None:
        self._log.take(self, Broken(number, reason, failed), 200)


class WireLog:
    """`start` before the first message, `close` after the last one. The folder defaults to the state directory."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        limits: Limits = DEFAULT_LIMITS,
        now_ns: Callable[[], int] = time.time_ns,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.folder = folder if folder is not None else default_folder()
        self.problem: ErrorInfo | None = None
        """Why messages are lost: the disk refuses. Cleared when it takes them again."""
        self._limits = limits
        self._now_ns = now_ns
        self._clock = clock
        self._connections: dict[str, int] = {}
        self._queue: deque[_Taken] = deque()
        # Each counter has one writing thread, so that no lock is needed.
        self._bytes_in = 0
        self._bytes_out = 0
        self._orders = Orders()
        self._dropping: set[Recorder] = set()
        self._wake = threading.Event()
        self._closed = False
        self._closing = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._appenders: dict[str, Appender] = {}
        self._newest: dict[str, Recorder] = {}
        self._lost: dict[str, int] = {}
        """Records that the disk refused, per server, since it last took one."""
        self._listeners: list[Callable[[], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def recorder(self, server: str, secrets: Secrets) -> Recorder:
        """For one connection; they are numbered per server."""
        number = self._connections[server] = self._connections.get(server, 0) + 1
        return Recorder(self, server, number, secrets, self._orders)

    def start(self) -> None:
        """On the event loop."""
        self._loop = asyncio.get_running_loop()
        if self._thread is None:
            # A daemon: a disk that hangs must not hold up the end of the process.
            self._thread = threading.Thread(target=self._run, name="wire log", daemon=True)
            self._thread.start()

    async def close(self) -> None:
        """Write what is there; returns after `close_s` at the latest."""
        self._closed = True
        self._closing.set()
        self._wake.set()
        thread = self._thread
        if thread is not None:
            await asyncio.to_thread(thread.join, self._limits.close_s)
            if thread.is_alive():
                _log.warning("the wire log could not be written to its end within %g s", self._limits.close_s)
        self._listeners.clear()
        self._loop = None

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` on the loop after records were written. Returns the undo."""
        self._listeners.append(listener)

        def undo() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return undo

    def take(self, recorder: Recorder, item: Item, size_bytes: int) -> None:
        """Put it into the queue, or count it as dropped when the queue is full."""
        if self._closed:
            return
        if (
            len(self._queue) >= self._limits.queued_items
            or self._bytes_in - self._bytes_out + size_bytes > self._limits.queued_bytes
        ):
            recorder.dropped += 1
            self._dropping.add(recorder)
            return
        self._bytes_in += size_bytes
        self._queue.append(_Taken(self._now_ns() // 1000, self._clock(), recorder, item, size_bytes))
        if not self._wake.is_set():
            self._wake.set()

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        try:
            while not (self._closing.is_set() and not self._queue):
                self._wake.wait()
                self._write_while_they_come()
                self._wake.clear()
                if self._queue:  # taken between the last look and the line above
                    self._wake.set()
        finally:
            for appender in self._appenders.values():
                appender.close()
            self._ended.set()

    def _write_while_they_come(self) -> None:
        """Looks by itself for a while: to wake this thread costs the event loop more than to take a message."""
        left = _LOOKS
        while left and not (self._closing.is_set() and not self._queue):
            self._closing.wait(self._limits.gather_s)
            if self._queue:
                left = _LOOKS
                self._write_batch()
            else:
                left -= 1

    def _write_batch(self) -> None:
        by_server: dict[str, list[bytes]] = {}
        while self._queue:
            taken = self._queue.popleft()
            self._bytes_out += taken.size_bytes
            recorder = self._newest[taken.recorder.server] = taken.recorder
            lines = by_server.setdefault(recorder.server, [])
            try:
                lines.extend(recorder.scribe.lines(taken.now_us, taken.at, taken.item))
            except Exception:  # noqa: BLE001 - logged and told: one message must not end the log
                _log.exception("a message of %s could not be put into the wire log", recorder.server)
                lines.append(self._dropped(recorder, 1, "an internal fault"))
            if len(lines) >= _LINES_AT_ONCE:
                self._append(recorder.server, by_server.pop(recorder.server))
        for recorder in tuple(self._dropping):
            self._newest.setdefault(recorder.server, recorder)
            lost, recorder.dropped_told = recorder.dropped - recorder.dropped_told, recorder.dropped
            if lost:
                line = self._dropped(recorder, lost, "they came faster than they could be written")
                by_server.setdefault(recorder.server, []).append(line)
        for server, lines in by_server.items():
            self._append(server, lines)
        self._tell()

    def _dropped(self, recorder: Recorder, count: int, reason: str) -> bytes:
        return recorder.scribe.event(self._now_ns() // 1000, "dropped", {"count": count, "reason": reason}, failed=True)

    def _append(self, server: str, lines: list[bytes]) -> None:
        if not lines:
            return
        appender = self._appenders.get(server)
        if appender is None:
            files = LogFiles.of(self.folder, server)
            appender = self._appenders[server] = Appender(files, max_bytes=self._limits.file_bytes)
        lost = self._lost.get(server, 0)
        if lost:
            lines = [self._dropped(self._newest[server], lost, "the disk refused them"), *lines]
        try:
            appender.append(lines)
        except OSError as error:
            if self.problem is None:
                _log.warning("the wire log cannot be written: %s", error)
            self._lost[server] = lost + len(lines) - (1 if lost else 0)
            self.problem = ErrorInfo(
                "The wire log cannot be written",
                f"{error.strerror or error}: {self.folder}",
                "messages are lost until it can; make room, or set XDG_STATE_HOME to a folder that can be written",
                code="wire_log",
            )
        else:
            self._lost.pop(server, None)
            if not self._lost:
                self.problem = None

    def _tell(self) -> None:
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(self._heard)

    def _heard(self) -> None:
        for listener in tuple(self._listeners):
            listener()
