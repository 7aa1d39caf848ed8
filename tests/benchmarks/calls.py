"""A tool call through the session manager against one through the bare SDK client, on the same kind of child."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from mcp_tui.config.schema import Origin, ServerSpec
from mcp_tui.sessions.manager import SessionManager
from tests.benchmarks.table import Row, show

_SERVER = Path(__file__).with_name("slow_start_server.py")
_ARGV = ("-I", str(_SERVER), "0")
_CALLS = 60
_ROUNDS = 40
_WARM_UP = 3


async def _seconds(call: Callable[[], Awaitable[object]]) -> float:
    """Of _CALLS calls, one after the other."""
    started = time.perf_counter()
    for _ in range(_CALLS):
        await call()
    return time.perf_counter() - started


async def measure() -> tuple[float, float, float]:
    """(median seconds per call of ours, of the bare client, median of the ratios), taken in short turns.

    Neighbours on the machine disturb whole stretches of time: both sides of one turn, and so not its ratio.
    """
    spec = ServerSpec("bench", Origin("benchmark"), command=sys.executable, args=_ARGV, protocol="legacy")
    streams = stdio_client(StdioServerParameters(command=sys.executable, args=list(_ARGV)))
    ours: list[float] = []
    bare: list[float] = []
    async with SessionManager([spec]) as manager, Client(streams, mode="legacy") as client:
        await manager.wait_settled(timeout_s=30)
        await client.list_tools()
        for number in range(_WARM_UP + _ROUNDS):
            a = await _seconds(lambda: manager.call_tool("bench", "noop", {}))
            b = await _seconds(lambda: client.call_tool("noop", {}))
            if number >= _WARM_UP:
                ours.append(a / _CALLS)
                bare.append(b / _CALLS)
    ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
    return statistics.median(ours), statistics.median(bare), ratio


def rows() -> list[Row]:
    ours, bare, ratio = asyncio.run(measure())
    return [Row("tool call", f"{ours * 1000:.2f} ms", f"bare SDK client {bare * 1000:.2f} ms", ratio, goal=1.1)]


if __name__ == "__main__":
    show(rows())
