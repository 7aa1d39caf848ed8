"""The message streams of a child process, without a session on top."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AbstractAsyncContextManager

import anyio
import pytest
from mcp.client._transport import TransportStreams
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCNotification, JSONRPCRequest

from mcp_tui.sessions.transport.processes import ProcessGroups
from mcp_tui.sessions.transport.stderr import StderrTail
from mcp_tui.sessions.transport.stdio import ChildReport, stdio_streams

_ECHO = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"
_DEAF = "import time; print(flush=True); time.sleep(600)"
_LIMIT_S = 30


def streams(code: str, report: ChildReport | None = None) -> AbstractAsyncContextManager[TransportStreams]:
    return stdio_streams(
        (sys.executable, "-I", "-c", code),
        env=dict(os.environ),
        cwd=None,
        stderr=StderrTail(lambda: None),
        groups=ProcessGroups(),
        report=report or ChildReport(),
    )


def request(number: int, size: int = 0) -> SessionMessage:
    return SessionMessage(JSONRPCRequest(jsonrpc="2.0", id=number, method="m", params={"text": "x" * size}))


def number_of(item: SessionMessage | Exception) -> object:
    assert isinstance(item, SessionMessage)
    assert isinstance(item.message, JSONRPCRequest)
    return item.message.id


async def test_what_waits_for_a_full_pipe_is_written_in_order() -> None:
    seen: list[object] = []
    with anyio.fail_after(_LIMIT_S):
        async with streams(_ECHO) as (reads, writes), anyio.create_task_group() as tasks:
            for number in range(40):
                tasks.start_soon(writes.send, request(number, 100_000))
            seen.extend([number_of(await reads.receive()) for _ in range(40)])
    assert seen == list(range(40))


async def test_whoever_waits_for_a_full_pipe_is_released_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EXIT_S", "TERM_S", "FLUSH_S"):
        monkeypatch.setattr(f"mcp_tui.sessions.transport.stdio.{name}", 0.2)
    with anyio.fail_after(_LIMIT_S):
        async with streams(_DEAF) as (_, writes):
            # The first fills the pipe, so that the others wait.
            await writes.send(request(0, 1_000_000))
            waiting = [asyncio.ensure_future(writes.send(request(number))) for number in (1, 2)]
            await anyio.lowlevel.checkpoint()
            assert not any(task.done() for task in waiting)
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(result is None or isinstance(result, anyio.BrokenResourceError) for result in results)
        with pytest.raises(anyio.ClosedResourceError):
            await writes.send(request(3))


async def test_a_request_that_is_no_json_is_answered_with_an_error() -> None:
    bad = SessionMessage(JSONRPCRequest(jsonrpc="2.0", id=7, method="m", params={"half": "\ud800"}))
    with anyio.fail_after(_LIMIT_S):
        async with streams(_ECHO) as (reads, writes):
            await writes.send(bad)
            answer = await reads.receive()
            await writes.send(request(8))
            assert number_of(await reads.receive()) == 8
    assert isinstance(answer, SessionMessage)
    assert isinstance(answer.message, JSONRPCError)
    assert answer.message.id == 7


async def test_a_flood_leaves_others_their_turn() -> None:
    count = 3_000
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    line = '{"jsonrpc":"2.0","method":"n"}\n'
    with anyio.fail_after(_LIMIT_S):
        async with streams(
            f"import sys; sys.stdout.write({line!r} * {count}); sys.stdout.flush(); sys.stdin.read()"
        ) as (
            reads,
            _,
        ):
            await reads.receive()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(other)
                for _ in range(count - 1):
                    item = await reads.receive()
                    assert isinstance(item, SessionMessage)
                    assert isinstance(item.message, JSONRPCNotification)
                tasks.cancel_scope.cancel()
    assert turns >= count // 2


@pytest.mark.parametrize("ending", ["", "\n", "\n\n \n"])
async def test_the_end_comes_after_the_last_line(ending: str) -> None:
    report = ChildReport()
    text = '{"jsonrpc":"2.0","id":1,"method":"m"}' + ending
    with anyio.fail_after(_LIMIT_S):
        async with streams(f"print({text!r}, end='')", report) as (reads, _):
            assert number_of(await reads.receive()) == 1
            for _ in range(2):
                with pytest.raises(anyio.EndOfStream):
                    await reads.receive()
    assert report.ended_alone
    assert report.exit_code == 0


async def test_bytes_that_are_no_utf8_become_replacement_characters() -> None:
    raw = b'{"jsonrpc":"2.0","id":1,"method":"\xff"}\n'
    with anyio.fail_after(_LIMIT_S):
        async with streams(f"import sys; sys.stdout.buffer.write({raw!r})") as (reads, _):
            item = await reads.receive()
    assert isinstance(item, SessionMessage)
    assert isinstance(item.message, JSONRPCRequest)
    assert item.message.method == "\ufffd"
