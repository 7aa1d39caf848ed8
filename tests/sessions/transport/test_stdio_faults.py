"""What a child process can do wrong: it costs one call at most."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.state import ServerStatus
from mcp_tui.sessions.manager import SessionManager
from tests.sessions.conftest import PATIENCE_S, logged, stdio, until, until_status
from tests.sessions.servers.peer import DEFAULT_TOOLS, tool

TOOLS = [*DEFAULT_TOOLS, *(tool(name) for name in ("die", "bad_utf8", "garbage", "batch", "null_result", "deep"))]


async def test_invalid_utf8_from_the_server_does_not_hang_the_call() -> None:
    async with SessionManager([stdio(tools=TOOLS)]) as manager:
        result = await manager.call_tool("one", "bad_utf8", {}, timeout_s=PATIENCE_S)
        assert result.content == [{"type": "text", "text": "a\ufffd\ufffdb"}]
        assert (await manager.call_tool("one", "echo", {"text": "still here"})).content[0]["text"] == "still here"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"text": "\ud800"}, "text"),
        ({"\udfff": 1}, "the value"),
        ({"a": [1, {"b": math.nan}]}, "a[1].b"),
        ({"a": math.inf}, "a"),
        ({"a": {1, 2}}, "a"),
    ],
)
async def test_arguments_that_are_no_json_are_refused_before_they_are_sent(
    arguments: dict[str, object], named: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    async with SessionManager([stdio(log=str(log))]) as manager:
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "echo", arguments)
        assert (caught.value.info.code, caught.value.info.kind) == ("bad_arguments", ErrorKind.USAGE)
        assert f"sent: {named} " in caught.value.info.detail
        assert (await manager.call_tool("one", "echo", {"text": "é 漢 😀"})).content[0]["text"] == "é 漢 😀"
        assert len(logged(log, "tools/call")) == 1


async def test_arguments_arrive_exactly_as_given() -> None:
    arguments = {"null": None, "nested": {"n": None, "f": 1.0, "i": 12345678901234567890123}, "list": [1, 1.5, ""]}
    async with SessionManager([stdio()]) as manager:
        result = await manager.call_tool("one", "echo", arguments)
        assert result.raw["_meta"]["arguments"] == arguments
        assert isinstance(result.raw["_meta"]["arguments"]["nested"]["f"], float)


async def test_a_result_of_many_megabytes_arrives_whole() -> None:
    size = 24_000_000
    async with SessionManager([stdio()]) as manager:
        result = await manager.call_tool("one", "big", {"bytes": size}, timeout_s=PATIENCE_S)
        assert len(result.content[0]["text"]) == size


@pytest.mark.parametrize("name", ["null_result"])
async def test_an_answer_that_is_no_response_fails_its_call_at_once(name: str) -> None:
    async with SessionManager([stdio(tools=TOOLS)]) as manager:
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", name, {}, timeout_s=PATIENCE_S)
        assert caught.value.info.code == "rejected"
        assert "not a valid JSON-RPC response" in caught.value.info.detail


async def test_an_answer_too_deep_to_read_fails_its_call_alone() -> None:
    async with SessionManager([stdio(tools=TOOLS)]) as manager:
        await until_status(manager, ServerStatus.READY)
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "deep", {}, timeout_s=0.5)
        # Newer interpreters read it, and the protocol's types refuse it; older ones cannot read it at all.
        assert caught.value.info.code in ("timeout", "rejected")
        assert (await manager.call_tool("one", "echo", {"text": "on"})).content[0]["text"] == "on"


async def test_a_batch_of_responses_is_taken_apart() -> None:
    async with SessionManager([stdio(tools=TOOLS)]) as manager:
        result = await manager.call_tool("one", "batch", {}, timeout_s=PATIENCE_S)
        assert result.content[0]["text"] == "from a batch"


async def test_garbage_lines_are_counted_and_change_nothing() -> None:
    async with SessionManager([stdio(tools=TOOLS)]) as manager:
        result = await manager.call_tool("one", "garbage", {}, timeout_s=PATIENCE_S)
        assert not result.is_error
        server = await until(manager, lambda server: any("(18 times)" in text for text in server.warnings))
        assert server.status is ServerStatus.READY
        assert len(server.warnings) == 1


async def test_a_flood_of_stderr_neither_blocks_the_server_nor_grows() -> None:
    async with SessionManager([stdio(flood_stderr=20_000_000)]) as manager:
        server = await until_status(manager, ServerStatus.READY)
        assert len(server.stderr_tail) == 200
        assert server.stderr_tail[-1] == "x" * 99


async def test_nothing_of_a_server_or_the_sdk_reaches_our_terminal() -> None:
    """In a process of its own, since pytest replaces the streams."""
    script = """
import asyncio, sys
from tests.sessions.conftest import stdio
from tests.sessions.transport.test_stdio_faults import TOOLS
from mcp_tui.sessions.manager import SessionManager
async def main():
    specs = [stdio(tools=TOOLS, stderr="SECRET NOISE"), stdio("two", exit_code=3, stderr="BYE")]
    async with SessionManager(specs) as m:
        await m.wait_settled(timeout_s=30)
        await m.call_tool("one", "garbage", {})
        await m.call_tool("one", "bad_utf8", {})
        assert m.server("one").stderr_tail == ("SECRET NOISE",), m.server("one")
asyncio.run(main())
"""
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
