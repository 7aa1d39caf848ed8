"""A result of 20 MB through the session manager: the time it takes, and how late the loop gets meanwhile."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from mcp_tui.config.schema import Origin, ServerSpec
from mcp_tui.sessions.manager import SessionManager
from tests.benchmarks.loop_lag import lateness_ms
from tests.benchmarks.table import Row, show

_SERVER = Path(__file__).with_name("busy_server.py")
_BYTES = 20_000_000


async def measure() -> tuple[float, float]:
    """(seconds, milliseconds the loop was late at most)."""
    spec = ServerSpec("busy", Origin("benchmark"), command=sys.executable, args=("-I", str(_SERVER), "0"))
    async with SessionManager([spec]) as manager:
        await manager.wait_settled(timeout_s=30)
        await manager.call_tool("busy", "big", {"bytes": 1000})
        async with lateness_ms() as late:
            started = time.perf_counter()
            await manager.call_tool("busy", "big", {"bytes": _BYTES})
            elapsed = time.perf_counter() - started
            await asyncio.sleep(1.0)  # the wire log writes it down
    return elapsed, max(late)


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as home:
        os.environ["XDG_STATE_HOME"] = home
        elapsed, late_ms = asyncio.run(measure())
    note = f"whole call {elapsed:.2f} s"
    return [
        Row("a result of 20 MB", f"loop late {late_ms:.0f} ms", "a blink 250 ms", late_ms / 250, goal=1.0, note=note)
    ]


if __name__ == "__main__":
    show(rows())
