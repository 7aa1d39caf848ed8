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

_SERVER = Path(__file__).with_name("slow_start_server.py")
_ARGV = ("-I", str(_SERVER), "0")
_CALLS = 300
_ROUNDS = 7


async def _seconds(call: Callable[[], Awaitable[object]]) -> float:
    """Of _CALLS calls, one after the other."""
    started = time.perf_counter()
    for _ in range(_CALLS):
        await call()
    return time.perf_counter() - started


async def measure() -> tuple[float, float]:
    """(median seconds per call of ours, of the bare client), taken in turn."""
    spec = ServerSpec("bench", Origin("benchmark"), command=sys.executable, args=_ARGV, protocol="legacy")
    streams = stdio_client(StdioServerParameters(command=sys.executable, args=list(_ARGV)))
    ours: list[float] = []
    bare: list[float] = []
    async with SessionManager([spec]) as manager, Client(streams, mode="legacy") as client:
        await manager.wait_settled(timeout_s=30)
        await client.list_tools()
        for number in range(_ROUNDS + 1):
            a = await _seconds(lambda: manager.call_tool("bench", "noop", {}))
            b = await _seconds(lambda: client.call_tool("noop", {}))
            if number:
                ours.append(a / _CALLS)
                bare.append(b / _CALLS)
    return statistics.median(ours), statistics.median(bare)


def main() -> None:
    ours, bare = asyncio.run(measure())
    figures = f"{ours * 1000:7.2f} ms   the bare SDK client {bare * 1000:5.2f} ms     {ours / bare:.2f}x"
    print(f"tool call              {figures}")


if __name__ == "__main__":
    main()
