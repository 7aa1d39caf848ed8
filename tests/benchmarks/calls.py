"""A tool call through the session manager against one through the bare SDK client, on servers of the same kind."""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Literal

from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from mcp_tui.config.schema import Origin, ServerSpec
from mcp_tui.sessions.manager import SessionManager
from tests.benchmarks.table import Row, show
from tests.servers.child import http_child

_SERVER = Path(__file__).with_name("slow_start_server.py")
_ARGV = ("-I", str(_SERVER), "0")
_CALLS = 60
_ROUNDS = 40
_WARM_UP = 3
_IDLE_S = 6.0
"""The first catalog is fetched over four connections at once. Idle ones are looked at with every request, 15 us each,
until they are given up after 5 s: what is measured is the session, not its first seconds."""

Mode = Literal["legacy", "2026-07-28"]
Streams = AbstractAsyncContextManager[Any]


async def _seconds(call: Callable[[], Awaitable[object]]) -> float:
    """Of _CALLS calls, one after the other."""
    started = time.perf_counter()
    for _ in range(_CALLS):
        await call()
    return time.perf_counter() - started


async def measure(name: str, spec: ServerSpec, streams: Streams, mode: Mode, tool: str) -> Row:
    """The median of the ratios of short turns, one after the other.

    Neighbours on the machine disturb whole stretches of time: both sides of one turn, and so not its ratio.
    """
    ours: list[float] = []
    bare: list[float] = []

    async def checked() -> None:
        await (await manager.call_tool(spec.name, tool, {})).late_warning()

    async with SessionManager([spec]) as manager, Client(streams, mode=mode) as client:
        await manager.wait_settled(timeout_s=30)
        await client.list_tools()
        if spec.transport == "http":
            await asyncio.sleep(_IDLE_S)
        for number in range(_WARM_UP + _ROUNDS):
            a = await _seconds(checked)
            b = await _seconds(lambda: client.call_tool(tool, {}))
            if number >= _WARM_UP:
                ours.append(a / _CALLS)
                bare.append(b / _CALLS)
    ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
    return Row(
        name,
        f"{statistics.median(ours) * 1000:.2f} ms",
        f"bare SDK client {statistics.median(bare) * 1000:.2f} ms",
        ratio,
        goal=1.1,
    )


async def _over_stdio(name: str, tool: str) -> Row:
    spec = ServerSpec("bench", Origin("benchmark"), command=sys.executable, args=_ARGV, protocol="legacy")
    streams = stdio_client(StdioServerParameters(command=sys.executable, args=list(_ARGV)))
    return await measure(name, spec, streams, "legacy", tool)


async def _over_http(name: str, mode: Mode) -> Row:
    with tempfile.TemporaryDirectory() as folder, http_child(Path(folder), "demo") as server:
        url = await server.url()
        spec = ServerSpec("bench", Origin("benchmark"), transport="http", url=url, protocol=mode)
        return await measure(name, spec, streamable_http_client(url), mode, "current_time")


def rows() -> list[Row]:
    return [
        asyncio.run(_over_stdio("tool call", "noop")),
        asyncio.run(_over_stdio("tool call, result checked against its schema", "measure")),
        asyncio.run(_over_http("tool call over HTTP", "2026-07-28")),
        asyncio.run(_over_http("tool call over HTTP, 2025-11-25", "legacy")),
    ]


if __name__ == "__main__":
    show(rows())
