"""Connecting 20 servers at once against connecting the slowest of them alone."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from mcp_tui.config.schema import Origin, ServerSpec
from mcp_tui.core.state import ServerStatus
from mcp_tui.sessions.manager import SessionManager
from tests.benchmarks.table import Row, show

_SERVER = Path(__file__).with_name("slow_start_server.py")
_SLOWEST_S = 4.0


def _spec(name: str, delay_s: float) -> ServerSpec:
    return ServerSpec(name, Origin("benchmark"), command=sys.executable, args=("-I", str(_SERVER), str(delay_s)))


async def connect_s(delays_s: list[float]) -> float:
    """Seconds from starting these servers to the last one being ready."""
    specs = [_spec(f"server{number}", delay_s) for number, delay_s in enumerate(delays_s)]
    async with SessionManager(specs) as manager:
        started = time.perf_counter()
        await manager.wait_settled(timeout_s=60)
        elapsed = time.perf_counter() - started
        states = {server.status for server in manager.snapshot()}
        if states != {ServerStatus.READY}:
            raise RuntimeError(f"not all servers became ready: {states}")
    return elapsed


async def measure() -> tuple[float, float]:
    """(20 servers of 0.2 to 4 s, the slowest alone), in seconds."""
    await connect_s([0.0])
    alone = await connect_s([_SLOWEST_S])
    together = await connect_s([_SLOWEST_S * (number + 1) / 20 for number in range(20)])
    return together, alone


def rows() -> list[Row]:
    together, alone = asyncio.run(measure())
    slowest = f"the slowest alone {alone:.2f} s"
    return [Row("connect 20 servers", f"{together:.2f} s", slowest, together / alone, goal=1.2)]


if __name__ == "__main__":
    show(rows())
