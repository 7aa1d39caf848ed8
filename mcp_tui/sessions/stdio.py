"""A server as a child process: newline-delimited JSON-RPC over its standard streams.

Ours rather than the SDK's `stdio_client`, because that one hides the process (no pid, exit code or signal to show),
joins a long line again for every 64 KiB read (a 50 MB result takes 22 s), and reports an unreadable answer to nobody,
so that the call waits for its deadline.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import anyio
from anyio.streams.memory import MemoryObjectSendStream
from mcp.client._transport import TransportStreams
from mcp.shared.message import SessionMessage
from mcp_types import PARSE_ERROR, ErrorData, JSONRPCError, JSONRPCRequest, jsonrpc_message_adapter

from mcp_tui.sessions.processes import ProcessGroups
from mcp_tui.sessions.stderr import StderrTail
from mcp_tui.sessions.wirelog.log import Recorder

_log = logging.getLogger(__name__)

MAX_LINE_BYTES = 256 << 20
_PAUSE_BYTES = 4 << 20
FLUSH_S = 0.5
EXIT_S = 2.0
TERM_S = 1.5
KILL_S = 0.8
_GROUP_S = 0.3


@dataclass(slots=True)
class ChildReport:
    """Filled in as things happen; final once the transport is closed."""

    pid: int | None = None
    exit_code: int | None = None
    signal: str | None = None
    ended_alone: bool = False
    """Its output ended before we began to close it."""
    stopped: bool = False
    """We had to signal it, so the way it ended says nothing about it."""

    def ended(self, code: int) -> None:
        if self.stopped:
            return
        if code >= 0:
            self.exit_code = code
        else:
            try:
                self.signal = signal.Signals(-code).name
            except ValueError:
                self.signal = f"signal {-code}"


class _Child(asyncio.SubprocessProtocol):
    """Receives what the process writes; holds back its output while nobody takes it."""

    def __init__(self, stderr: StderrTail) -> None:
        self._stderr = stderr
        self._parts: list[bytes] = []
        self._size = 0
        self._lines: deque[bytes] = deque()
        self._queued = 0
        self._news = asyncio.Event()
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._output: asyncio.ReadTransport | None = None
        self._paused = False
        self.output_ended = False
        self.discarding = False
        self.fault: str | None = None
        self.exited = asyncio.Event()
        self.stderr_ended = asyncio.Event()

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
            self._lines.append(line)
            self._queued += len(line)
        self._parts, self._size = [last], len(last)
        if self._queued > _PAUSE_BYTES and not self._paused and self._output is not None:
            self._paused = True
            self._output.pause_reading()
        self._news.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1:
            if self._size:
                self._lines.append(b"".join(self._parts))
                self._parts, self._size = [], 0
            self._end_output()
        elif fd == 2:
            self.stderr_ended.set()
        else:
            self._may_write.set()

    def _end_output(self) -> None:
        self.output_ended = True
        self._news.set()

    def process_exited(self) -> None:
        self.exited.set()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    async def line(self) -> bytes | None:
        """The next line without its break; None after the last one."""
        while not self._lines:
            if self.output_ended:
                return None
            self._news.clear()
            await self._news.wait()
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
        await self._may_write.wait()


def _parse(line: bytes) -> list[SessionMessage | Exception]:
    """What one line holds; a batch (2025-03-26) gives several. Invalid UTF-8 becomes U+FFFD instead of an end."""
    text = line.decode("utf-8", "replace")
    try:
        return [SessionMessage(jsonrpc_message_adapter.validate_json(text, by_name=False))]
    except ValueError as error:
        return _salvage(text, error)


def _salvage(text: str, error: ValueError) -> list[SessionMessage | Exception]:
    """An answer that is no valid JSON-RPC still names its request: fail that one instead of letting it wait."""
    try:
        decoded: Any = json.loads(text)
    except (ValueError, RecursionError):
        return [error]
    if isinstance(decoded, list):
        found: list[SessionMessage | Exception] = []
        for item in cast("list[Any]", decoded):
            try:
                found.append(SessionMessage(jsonrpc_message_adapter.validate_python(item, by_name=False)))
            except ValueError as fault:
                found.extend(_unreadable(item, fault))
        return found or [error]
    return _unreadable(decoded, error)


def _unreadable(decoded: Any, error: ValueError) -> list[SessionMessage | Exception]:
    if isinstance(decoded, dict):
        item = cast("dict[str, Any]", decoded)
        request_id = item.get("id")
        if isinstance(request_id, str | int) and not isinstance(request_id, bool) and "method" not in item:
            message = "The server's answer is not a valid JSON-RPC response"
            answer = JSONRPCError(jsonrpc="2.0", id=request_id, error=ErrorData(code=PARSE_ERROR, message=message))
            return [error, SessionMessage(answer)]
    return [error]


@asynccontextmanager
async def stdio_streams(
    argv: Sequence[str],
    *,
    env: dict[str, str],
    cwd: str | None,
    stderr: StderrTail,
    groups: ProcessGroups,
    report: ChildReport,
    recorder: Recorder | None = None,
) -> AsyncGenerator[TransportStreams]:
    """Start the command in a process group of its own; leaving ends the whole group within about 4.5 s.

    Raises OSError when it cannot be started and ValueError for arguments with NUL bytes.
    """
    loop = asyncio.get_running_loop()
    transport, child = await loop.subprocess_exec(
        lambda: _Child(stderr), *argv, env=env, cwd=cwd, start_new_session=True
    )
    # No await between the start and the try below: a cancellation in the gap would leak the process.
    pid = transport.get_pid()
    report.pid = pid
    groups.add(pid)
    read_send, read_receive = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write_send, write_receive = anyio.create_memory_object_stream[SessionMessage](0)
    flushed = anyio.Event()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_pump_output, child, read_send, report, recorder)
            tasks.start_soon(_pump_input, transport, child, write_receive, read_send, flushed, recorder)
            try:
                yield read_receive, write_send
            finally:
                with anyio.CancelScope(shield=True):
                    child.discard()
                    read_receive.close()
                    write_send.close()
                    with anyio.move_on_after(FLUSH_S):
                        await flushed.wait()
                    await _stop(transport, child, pid, report)
                tasks.cancel_scope.cancel()
    finally:
        for stream in (read_send, read_receive, write_send, write_receive):
            stream.close()
        code = transport.get_returncode()
        if code is not None:
            report.ended(code)
            groups.discard(pid)
        transport.close()


async def _pump_output(
    child: _Child,
    send: MemoryObjectSendStream[SessionMessage | Exception],
    report: ChildReport,
    recorder: Recorder | None,
) -> None:
    with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):  # the session is gone
        async with send:
            while (line := await child.line()) is not None:
                if line.strip():
                    if recorder is not None:
                        recorder.received(line)
                    for item in _parse(line):
                        await send.send(item)
            report.ended_alone = not child.discarding or child.fault is not None
            if child.fault is not None:
                await send.send(ValueError(child.fault))


async def _pump_input(
    transport: asyncio.SubprocessTransport,
    child: _Child,
    receive: anyio.abc.ObjectReceiveStream[SessionMessage],
    answers: MemoryObjectSendStream[SessionMessage | Exception],
    flushed: anyio.Event,
    recorder: Recorder | None,
) -> None:
    pipe = cast("asyncio.WriteTransport", transport.get_pipe_transport(0))
    try:
        async for item in receive:
            try:
                data = item.message.model_dump_json(by_alias=True, exclude_unset=True).encode()
            except ValueError as error:
                _log.warning("A message could not be encoded as JSON: %s", error)
                if isinstance(item.message, JSONRPCRequest):
                    fault = ErrorData(code=PARSE_ERROR, message="The request could not be encoded as JSON")
                    answer = JSONRPCError(jsonrpc="2.0", id=item.message.id, error=fault)
                    with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
                        await answers.send(SessionMessage(answer))
                continue
            if pipe.is_closing():
                continue  # the process closed its input; its output ends too, and that is what is acted on
            if recorder is not None:
                recorder.sent(data)
            pipe.write(data + b"\n")
            await child.writable()
    finally:
        flushed.set()


async def _stop(transport: asyncio.SubprocessTransport, child: _Child, pid: int, report: ChildReport) -> None:
    """Close its input, wait, then signal the whole group: the order the specification gives (lifecycle, shutdown)."""
    if (pipe := transport.get_pipe_transport(0)) is not None:
        pipe.close()
    if not await _within(child.exited, EXIT_S):
        report.stopped = True
        _signal_group(pid, signal.SIGTERM)
        if not await _within(child.exited, TERM_S):
            _signal_group(pid, signal.SIGKILL)
            if not await _within(child.exited, KILL_S):
                _log.warning("Process %d is still there after SIGKILL", pid)
    # What it started (npx starts node) may need a moment longer, or be orphaned by a killed parent.
    for number in (0, signal.SIGTERM, signal.SIGKILL):
        if not _signal_group(pid, number):
            break
        await _group_gone(pid, _GROUP_S)
    await _within(child.stderr_ended, _GROUP_S)


async def _within(event: asyncio.Event, seconds: float) -> bool:
    with anyio.move_on_after(seconds):
        await event.wait()
    return event.is_set()


async def _group_gone(pid: int, seconds: float) -> None:
    with anyio.move_on_after(seconds):
        while _signal_group(pid, 0):  # noqa: ASYNC110 - the kernel tells nobody when a group is empty
            await anyio.sleep(0.02)


def _signal_group(pid: int, number: int) -> bool:
    """False when no process of the group is left (or none that may be signalled)."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
