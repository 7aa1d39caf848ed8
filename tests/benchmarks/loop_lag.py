"""How late an event loop gets while something runs on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from time import perf_counter

_SAMPLE_S = 0.002


@asynccontextmanager
async def lateness_ms() -> AsyncGenerator[list[float]]:
    """Milliseconds by which each short sleep was longer than asked for; complete after the block."""
    late: list[float] = []

    async def sample() -> None:
        while True:
            started = perf_counter()
            await asyncio.sleep(_SAMPLE_S)
            late.append((perf_counter() - started - _SAMPLE_S) * 1000)

    task = asyncio.create_task(sample())
    try:
        yield late
    finally:
        task.cancel()
        await asyncio.wait({task})
