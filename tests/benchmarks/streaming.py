"""CPU time of streaming Markdown: columns against `Markdown.get_stream`, and 16 columns at once."""

from __future__ import annotations

import asyncio

from tests.benchmarks.stream_stage import Figures, into_columns, into_markdown, percentile
from tests.benchmarks.table import Row, show

SECONDS = 8.0
PEER_SECONDS = 4.0
"""What it is measured over stays a rate; more of it would only take longer."""


def _said(figures: Figures) -> str:
    return f"{figures.cpu_per_1000:.3f} s"


async def _against_stock(columns: int, rate: float, goal: float) -> Row:
    ours = await into_columns(columns, rate, SECONDS, keys=True)
    stock = await into_markdown(columns, rate, PEER_SECONDS)
    behind = stock.seconds - PEER_SECONDS
    return Row(
        f"CPU per 1,000 tokens, {columns} x {rate:g}/s",
        _said(ours),
        f"get_stream {_said(stock)}",
        ours.cpu_per_1000 / stock.cpu_per_1000,
        goal,
        note=f"{ours.share:.0%} of a core, key to paint p99 {percentile(ours.key_ms, 99):.0f} ms;"
        f" stock {behind:.0f} s behind after {PEER_SECONDS:g} s",
    )


async def _sixteen() -> Row:
    """16 columns at 250/s carry four times the tokens of 4 columns at 250/s."""
    four = await into_columns(4, 250, SECONDS, keys=True)
    sixteen = await into_columns(16, 250, SECONDS, keys=True)
    return Row(
        "16 columns x 250/s, CPU per token",
        _said(sixteen),
        f"4 columns {_said(four)}",
        sixteen.cpu_per_1000 / four.cpu_per_1000,
        1.0,
        note=f"{sixteen.share:.0%} of a core, key to paint p99 {percentile(sixteen.key_ms, 99):.0f} ms,"
        f" {sixteen.seconds - SECONDS:.2f} s behind",
    )


def rows() -> list[Row]:
    return [
        asyncio.run(_against_stock(4, 100, 0.2)),
        asyncio.run(_against_stock(8, 250, 0.04)),
        asyncio.run(_sixteen()),
    ]


if __name__ == "__main__":
    show(rows())
