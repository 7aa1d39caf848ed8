"""The highest rate of eight streams at which a key is still answered at once, against `Markdown.get_stream`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from math import sqrt

from tests.benchmarks.stream_stage import Figures, into_columns, into_markdown, percentile
from tests.benchmarks.table import Row, show

COLUMNS = 8
SECONDS = 5.0
LIMIT_MS = 50.0
FIRST = {"ours": 250.0, "stock": 4.0}
"""Tokens per second and column to begin with."""
HIGHEST = 8_000.0
STEP = sqrt(2)


async def highest_rate(stream: Callable[[float], Awaitable[Figures]], first: float) -> tuple[float, Figures | None]:
    """Tokens per second and column, found by steps; 0 when the first step down to 1/s is too much already."""

    async def carried(rate: float) -> Figures | None:
        # Neighbours on the machine may spoil one run, hardly two.
        for _ in range(2):
            figures = await stream(rate)
            behind = figures.seconds - SECONDS
            if percentile(figures.key_ms, 99) < LIMIT_MS and behind < 1.0:
                return figures
        return None

    rate = first
    best = await carried(rate)
    while best is None and rate > 1:
        rate /= STEP
        best = await carried(rate)
    if best is None:
        return 0.0, None
    while rate < HIGHEST and rate >= first:
        higher = await carried(rate * STEP)
        if higher is None:
            break
        rate, best = rate * STEP, higher
    return rate, best


async def _measure() -> Row:
    stock, _ = await highest_rate(lambda rate: into_markdown(COLUMNS, rate, SECONDS, keys=True), FIRST["stock"])
    ours, at = await highest_rate(lambda rate: into_columns(COLUMNS, rate, SECONDS, keys=True), FIRST["ours"])
    return Row(
        f"highest rate, {COLUMNS} columns, p99 key to paint < {LIMIT_MS:g} ms",
        f"{ours:.0f}/s each",
        f"get_stream {stock:.0f}/s",
        ours / max(stock, 1.0),
        20,
        higher=True,
        note=f"p99 {percentile(at.key_ms, 99):.0f} ms at {at.share:.0%} of a core" if at is not None else "",
    )


def rows() -> list[Row]:
    return [asyncio.run(_measure())]


if __name__ == "__main__":
    show(rows())
