"""Fifty stdio servers at once: connecting takes as long as the slowest, and then each of them answers."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from mcp_tui.config.schema import Origin, ServerSpec
from mcp_tui.core.state import ServerStatus
from mcp_tui.sessions.manager import SessionManager
from tests.benchmarks.loop_lag import lateness_ms
from tests.benchmarks.table import Row, show

_SERVER = Path(__file__).with_name("slow_start_server.py")
_COUNT = 50
_SLOWEST_S = 6.0


def _specs(delays_s: list[float]) -> list[ServerSpec]:
    return [
        ServerSpec(
            f"server{number}", Origin("benchmark"), command=sys.executable, args=("-I", str(_SERVER), str(delay_s))
        )
        for number, delay_s in enumerate(delays_s)
    ]


async def measure(delays_s: list[float]) -> tuple[float, float, float]:
    """(seconds until all are ready, milliseconds of one call to each at once, latest the loop was)."""
    async with SessionManager(_specs(delays_s)) as manager, lateness_ms() as late:
        started = time.perf_counter()
        await manager.wait_settled(timeout_s=120)
        connected_s = time.perf_counter() - started
        states = {server.status for server in manager.snapshot()}
        if states != {ServerStatus.READY}:
            raise RuntimeError(f"not all servers became ready: {states}")
        started = time.perf_counter()
        await asyncio.gather(*(manager.call_tool(server.name, "noop", {}) for server in manager.snapshot()))
        calls_ms = (time.perf_counter() - started) * 1000
    return connected_s, calls_ms, max(late)


async def _measure_both() -> tuple[tuple[float, float, float], float]:
    await measure([0.0])  # imports
    alone, _, _ = await measure([_SLOWEST_S])
    return await measure([_SLOWEST_S * (number + 1) / _COUNT for number in range(_COUNT)]), alone


def rows() -> list[Row]:
    (together, calls_ms, late_ms), alone = asyncio.run(_measure_both())
    note = f"a call to each at once {calls_ms:.0f} ms; the loop late at most {late_ms:.0f} ms"
    slowest = f"the slowest alone {alone:.2f} s"
    return [Row("connect 50 servers", f"{together:.2f} s", slowest, together / alone, goal=1.25, note=note)]


if __name__ == "__main__":
    show(rows())
