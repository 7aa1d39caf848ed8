"""A server as a child process: newline-delimited JSON-RPC over its standard streams.

Ours rather than the SDK's `stdio_client`, because that one hides the process (no pid, exit code or signal to show),
joins a long line again for every 64 KiB read (a 50 MB result takes 22 s), and reports an unreadable answer to nobody,
so that the call waits for its deadline.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO, cast

import anyio
from mcp.client._transport import TransportStreams

from mcp_tui.sessions.transport.child import Child
from mcp_tui.sessions.transport.pipe import PipeReads, PipeWrites
from mcp_tui.sessions.transport.pipe_holders import pipe_numbers, signal_holders
from mcp_tui.sessions.transport.processes import ProcessGroups
from mcp_tui.sessions.transport.stderr import StderrTail
from mcp_tui.sessions.wirelog.log import Recorder

_log = logging.getLogger(__name__)

FLUSH_S = 0.5
EXIT_S = 2.0
TERM_S = 1.5
KILL_S = 0.8
_GROUP_S = 0.3
_ESCAPED_S = 0.4


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
    async with groups.starting:
        transport, child = await loop.subprocess_exec(
            lambda: Child(stderr), *argv, env=env, cwd=cwd, start_new_session=True
        )
    # No await between the start and the try below: a cancellation in the gap would leak the process.
    pid = transport.get_pid()
    report.pid = pid
    pipes = _output_pipes(transport)
    groups.add(pid, pipes)
    reads = PipeReads(child, recorder)
    writes = PipeWrites(cast("asyncio.WriteTransport", transport.get_pipe_transport(0)), child, reads, recorder)
    try:
        try:
            yield reads, writes
        finally:
            with anyio.CancelScope(shield=True):
                report.ended_alone = child.output_ended and not child.has_lines
                child.discard()
                reads.close()
                await writes.aclose()
                with anyio.move_on_after(FLUSH_S):
                    await writes.flush()
                await _stop(transport, child, pid, pipes, report)
    finally:
        writes.abandon()
        code = transport.get_returncode()
        if code is not None:
            report.ended(code)
            groups.discard(pid)
        transport.close()


def _output_pipes(transport: asyncio.SubprocessTransport) -> tuple[int, ...]:
    """Of what has ended already, nobody can have the other end."""
    streams = [stream for fd in (1, 2) if (stream := transport.get_pipe_transport(fd)) is not None]
    files = [cast("IO[bytes]", stream.get_extra_info("pipe")) for stream in streams]
    return pipe_numbers(file.fileno() for file in files if not file.closed)


async def _stop(
    transport: asyncio.SubprocessTransport, child: Child, pid: int, pipes: tuple[int, ...], report: ChildReport
) -> None:
    """Close its input, wait, then signal the whole group: the order the specification gives (lifecycle, shutdown)."""
    gone_by = anyio.current_time() + EXIT_S
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
    if not await _within(child.released, _GROUP_S):
        await _end_escaped(child, pipes, gone_by)


async def _end_escaped(child: Child, pipes: tuple[int, ...], gone_by: float) -> None:
    """Somebody outside the group still has its output. gone_by: until when it may end by itself, its input ended."""
    if await _within(child.released, max(0.0, gone_by - anyio.current_time())):
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        left = await anyio.to_thread.run_sync(signal_holders, pipes, number)
        if not left or await _within(child.released, _ESCAPED_S):
            return


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
