"""Many calls over one connection: does the process grow? 10,000 of them, with --full 100,000 (some minutes)."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from mcp_tui.config.schema import Origin, ServerSpec
from mcp_tui.sessions.manager import SessionManager
from tests.benchmarks.table import Row, show

_SERVER = Path(__file__).with_name("busy_server.py")
_CALLS = 10_000
_FULL_CALLS = 100_000
_WARM_UP = 2_000
"""Until pools, caches and the wire log's files have their size."""
_AT_ONCE = 8


@dataclass(frozen=True)
class Sample:
    calls: int
    rss_mb: float
    objects: int
    tasks: int


def _sample(calls: int) -> Sample:
    gc.collect()
    rss = psutil.Process().memory_info().rss / (1 << 20)
    return Sample(calls, rss, len(gc.get_objects()), len(asyncio.all_tasks()))


async def _calls(manager: SessionManager, count: int) -> None:
    async def some(number: int) -> None:
        for index in range(number, count, _AT_ONCE):
            await manager.call_tool("busy", "noop", {"bytes": 500, "index": index})

    await asyncio.gather(*(some(number) for number in range(_AT_ONCE)))


async def measure(calls: int, steps: int = 4) -> tuple[list[Sample], float]:
    """(samples after the warm-up and after each part of the calls, seconds)."""
    spec = ServerSpec("busy", Origin("benchmark"), command=sys.executable, args=("-I", str(_SERVER), "0"))
    async with SessionManager([spec]) as manager:
        heard: list[int] = []
        manager.subscribe(lambda: heard.clear())
        await manager.wait_settled(timeout_s=30)
        await _calls(manager, _WARM_UP)
        samples = [_sample(0)]
        started = time.perf_counter()
        for step in range(steps):
            await _calls(manager, calls // steps)
            samples.append(_sample(calls * (step + 1) // steps))
        return samples, time.perf_counter() - started


def rows() -> list[Row]:
    calls = _FULL_CALLS if "--full" in sys.argv else _CALLS
    with tempfile.TemporaryDirectory() as home:
        os.environ["XDG_STATE_HOME"] = home
        samples, seconds = asyncio.run(measure(calls))
    first, last = samples[0], samples[-1]
    course = ", ".join(f"{sample.rss_mb:.1f}" for sample in samples[1:-1])
    note = (
        f"on the way {course}; {last.objects - first.objects:+,} objects, {last.tasks - first.tasks:+} tasks, "
        f"{seconds:.0f} s"
    )
    before = f"before them {first.rss_mb:.1f} MB"
    return [Row(f"{calls:,} calls", f"{last.rss_mb:.1f} MB", before, last.rss_mb / first.rss_mb, goal=1.05, note=note)]


if __name__ == "__main__":
    show(rows())
