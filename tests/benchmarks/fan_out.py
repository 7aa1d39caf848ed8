"""What a run of 16 columns adds to each token: from a provider's event to what a screen is told."""

from __future__ import annotations

import asyncio
import gc
import statistics
from collections.abc import AsyncGenerator
from time import process_time

from mcp_tui.core.chat import ChatEvent, ChatRequest, Finished, Message, StopReason, TextBlock, TextDelta
from mcp_tui.core.state import ColumnStatus, Usage
from tests.benchmarks.table import Row, show
from tests.runs.doubles import Stage

COLUMNS = 16
TOKENS = 4_000
RATE = 250
"""Tokens per second and column that are to be carried."""
ROUNDS = 5
SHARE = 0.1
"""Of a core, at most, at that rate."""


class _Fast:
    """Tokens from memory; every few of them the loop gets its turn, as between two reads of a socket."""

    name = "a"

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        for number in range(TOKENS):
            yield TextDelta(f"t{number % 100:02} ")
            if number % 16 == 15:
                await asyncio.sleep(0)
        yield Finished(Message("assistant", (TextBlock("x" * TOKENS * 4),)), StopReason.STOP, "stop", Usage())

    async def list_models(self, *, timeout_s: float = 10.0) -> tuple[str, ...]:
        return ()


async def _read(provider: _Fast) -> None:
    async for _ in provider.stream(ChatRequest("m", ())):
        pass


async def _bare_s() -> float:
    """The same streams, read side by side by nobody in particular."""
    began = process_time()
    await asyncio.gather(*(_read(_Fast()) for _ in range(COLUMNS)))
    return process_time() - began


async def _run_s() -> float:
    async with Stage() as stage:
        stage.providers.known["a"] = _Fast()
        run = stage.run(*["a"] * COLUMNS)
        began = process_time()
        run.send("Go")
        await run.wait()
        taken = process_time() - began
        if any(run.status(f"c{number + 1}") is not ColumnStatus.DONE for number in range(COLUMNS)):
            raise RuntimeError("not every column ended well")
        return taken


def rows() -> list[Row]:
    ours: list[float] = []
    bare: list[float] = []
    for number in range(ROUNDS + 1):
        gc.collect()
        a = asyncio.run(_run_s())
        gc.collect()
        b = asyncio.run(_bare_s())
        if number:
            ours.append(a)
            bare.append(b)
    added_s = (statistics.median(ours) - statistics.median(bare)) / (COLUMNS * TOKENS)
    share = added_s * COLUMNS * RATE
    return [
        Row(
            f"fan-out of {COLUMNS} columns x {RATE}/s",
            f"{added_s * 1e6:.1f} µs/token",
            f"a core {1e6 / (COLUMNS * RATE):.0f} µs/token",
            share,
            SHARE,
            note=f"beyond reading the streams, {statistics.median(bare) / (COLUMNS * TOKENS) * 1e6:.1f} µs",
        )
    ]


if __name__ == "__main__":
    show(rows())
