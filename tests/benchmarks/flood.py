"""The dashboard under 500 list changes a second: what they cost, and how late a frame gets."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from mcp_tui.ui.app import McpTuiApp
from mcp_tui.ui.bridge import DashboardOptions
from tests.benchmarks.loop_lag import lateness_ms
from tests.benchmarks.table import Row, show

_SERVER = Path(__file__).with_name("busy_server.py")
_RATE = 500
_SECONDS = 8.0


async def measure(rate: int, seconds: float = _SECONDS) -> tuple[float, list[float]]:
    """(share of a core, milliseconds the loop was late) of a dashboard with a server that announces `rate` a second."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mcp.json"
        entry = {"command": sys.executable, "args": ["-I", str(_SERVER), str(rate)]}
        file.write_text(json.dumps({"mcpServers": {"busy": entry}}))
        app = McpTuiApp(DashboardOptions(config_files=(file,)))
        async with app.run_test(size=(160, 45)) as pilot:
            async with asyncio.timeout(60):
                while not any(server.status.usable for server in app.servers):
                    await pilot.pause(0.1)
            await asyncio.sleep(2.0)
            gc.collect()
            async with lateness_ms() as late:
                cpu, started = time.process_time(), time.perf_counter()
                await asyncio.sleep(seconds)
                share = (time.process_time() - cpu) / (time.perf_counter() - started)
        return share, late


async def _both() -> tuple[float, float, list[float]]:
    idle, _ = await measure(0, 3.0)
    share, late = await measure(_RATE)
    return share, idle, late


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as home:
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
            os.environ[name] = home
        share, idle, late = asyncio.run(_both())
    ordered = sorted(late)
    p99, latest = ordered[int(len(ordered) * 0.99)], ordered[-1]
    note = f"idle {idle * 100:.1f} %"
    return [
        Row("500 list changes/s", f"{share * 100:.1f} % CPU", "one core 100 %", share, goal=0.25, note=note),
        Row("  latest frame", f"{latest:.0f} ms", "limit 100 ms", latest / 100, goal=1.0, note=f"p99 {p99:.0f} ms"),
    ]


if __name__ == "__main__":
    show(rows())
