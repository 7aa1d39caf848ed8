"""What a child process writes, cut into lines; what it is too slow to read is held back."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import cast

from mcp_tui.sessions.transport.stderr import StderrTail

MAX_LINE_BYTES = 256 << 20
_PAUSE_BYTES = 4 << 20


class Child(asyncio.SubprocessProtocol):
    """Receives what the process writes; holds back its output while nobody takes it."""

    def __init__(self, stderr: StderrTail) -> None:
        self._stderr = stderr
        self._parts: list[bytes] = []
        self._size = 0
        self._lines: deque[bytes] = deque()
        self._queued = 0
        self.news = asyncio.Event()
        """Set whenever there may be another line, and when the output ended."""
        self.may_write = asyncio.Event()
        self.may_write.set()
        self._output: asyncio.ReadTransport | None = None
        self._paused = False
        self.output_ended = False
        self.discarding = False
        self.fault: str | None = None
        self.exited = asyncio.Event()
        self.released = asyncio.Event()
        """Nobody has the other end of its output and error output any more."""
        self._lost: set[int] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        output = cast("asyncio.SubprocessTransport", transport).get_pipe_transport(1)
        self._output = cast("asyncio.ReadTransport", output)

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        data = cast("bytes", data)
        if fd == 2:
            self._stderr.feed(data)
        elif not self.discarding:
            self._take(data)

    def _take(self, data: bytes) -> None:
        first, *rest = data.split(b"\n")
        self._parts.append(first)
        self._size += len(first)
        if self._size > MAX_LINE_BYTES:
            self.fault = f"The server wrote a line of more than {MAX_LINE_BYTES >> 20} MiB"
            self.discarding = True
            self._parts.clear()
            self._end_output()
            return
        if not rest:
            return
        *whole, last = rest
        for line in (b"".join(self._parts), *whole):
            self._put(line)
        self._parts, self._size = [last], len(last)
        if self._queued > _PAUSE_BYTES and not self._paused and self._output is not None:
            self._paused = True
            self._output.pause_reading()
        self.news.set()

    def _put(self, line: bytes) -> None:
        if line and not line.isspace():
            self._lines.append(line)
            self._queued += len(line)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1:
            if self._size:
                self._put(b"".join(self._parts))
                self._parts, self._size = [], 0
            self._end_output()
        elif fd == 0:
            self.may_write.set()
        self._lost.add(fd)
        if {1, 2} <= self._lost:
            self.released.set()

    def _end_output(self) -> None:
        self.output_ended = True
        self.news.set()

    def process_exited(self) -> None:
        self.exited.set()

    def pause_writing(self) -> None:
        self.may_write.clear()

    def resume_writing(self) -> None:
        self.may_write.set()

    @property
    def has_lines(self) -> bool:
        return bool(self._lines)

    def line(self) -> bytes | None:
        """The next line without its break; None when there is none now (`news` tells of more, and of the end)."""
        if not self._lines:
            return None
        line = self._lines.popleft()
        self._queued -= len(line)
        if self._paused and self._queued < _PAUSE_BYTES // 2:
            self.resume()
        return line

    def resume(self) -> None:
        if self._paused and self._output is not None and not self._output.is_closing():
            self._paused = False
            self._output.resume_reading()

    def discard(self) -> None:
        """From now on output is read and dropped, so that a server blocked on a full pipe can end."""
        self.discarding = True
        self._lines.clear()
        self._queued = 0
        self.resume()

    async def writable(self) -> None:
        while not self.may_write.is_set():
            await self.may_write.wait()
