"""What a long answer costs: per token, a fence of 2,400 lines, and the memory of 100 kB."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from time import perf_counter, process_time

import psutil
from textual.widgets import Log, Markdown

from mcp_tui.core.events import StatusChanged, TextAppended, TurnStarted
from mcp_tui.core.state import ColumnStatus
from mcp_tui.ui.stream.model_column import ModelColumn
from tests.benchmarks.stream_stage import SIZE, BenchmarkApp, tokens
from tests.benchmarks.table import Row, show

SHORT, LONG = 5_000, 100_000
"""Characters that are there already."""
RATE, SECONDS = 250, 6.0
FENCE_LINES = 2_400
LINES_PER_FRAME = 3


def _text(characters: int) -> str:
    source = tokens()
    parts: list[str] = []
    size = 0
    while size < characters:
        parts.append(next(source))
        size += len(parts[-1])
    return "".join(parts)


async def cpu_per_token(characters: int) -> float:
    """Seconds per token that is added to an answer of so many characters, through the frame clock."""
    column = ModelColumn("c1", "provider/model")
    app = BenchmarkApp([column], stock=False)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        column.handle(TurnStarted("c1", 1, "why?"))
        column.handle(TextAppended("c1", _text(characters)))
        column.view.flush()
        await pilot.pause()
        gc.collect()
        source = tokens()
        began, started = process_time(), perf_counter()
        count, total = 0, round(RATE * SECONDS)
        while count < total:
            while count < min(total, (perf_counter() - started) * RATE):
                column.handle(TextAppended("c1", next(source)))
                count += 1
            await asyncio.sleep(1 / RATE)
        column.view.flush()
        return (process_time() - began) / total


async def _growth() -> Row:
    shorter: list[float] = []
    longer: list[float] = []
    for _ in range(2):
        shorter.append(await cpu_per_token(SHORT))
        longer.append(await cpu_per_token(LONG))
    a, b = min(longer), min(shorter)
    return Row("CPU per token at 100 kB of answer", f"{a * 1e6:.0f} µs", f"at 5 kB {b * 1e6:.0f} µs", a / b, 1.2)


def _code(number: int) -> str:
    return f"    value_{number} = compute({number}, 'text')  # step {number}\n"


async def fence_s(lines: int) -> tuple[float, float]:
    """CPU seconds of a fence that grows to so many lines, a frame every few: (all of it, the last tenth)."""
    column = ModelColumn("c1", "provider/model")
    app = BenchmarkApp([column], stock=False)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        column.handle(TurnStarted("c1", 1, "why?"))
        column.handle(TextAppended("c1", "```python\n"))
        column.view.flush()
        return await _frames(lines, lambda text: column.handle(TextAppended("c1", text)), column.view.paint_frame)


async def log_s(lines: int) -> tuple[float, float]:
    """The same text into the framework's widget for plain lines."""
    log = Log()
    app = BenchmarkApp([log], stock=False)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        return await _frames(lines, lambda text: log.write(text), lambda: None)


async def _frames(lines: int, write: Callable[[str], object], paint: Callable[[], object]) -> tuple[float, float]:
    costs: list[float] = []
    for first in range(0, lines, LINES_PER_FRAME):
        began = process_time()
        write("".join(_code(number) for number in range(first, first + LINES_PER_FRAME)))
        paint()
        # Long enough for the screen's own timer: both are drawn at every step.
        await asyncio.sleep(0.02)
        costs.append(process_time() - began)
    tenth = max(1, len(costs) // 10)
    return sum(costs), sum(costs[-tenth:])


async def _fence() -> Row:
    await fence_s(60)  # the lexer is imported once
    fence, last = await fence_s(FENCE_LINES)
    plain, _ = await log_s(FENCE_LINES)
    steps = FENCE_LINES // LINES_PER_FRAME
    return Row(
        f"a fence of {FENCE_LINES:,} lines",
        f"{fence / steps * 1000:.2f} ms/frame",
        f"plain lines into Log {plain / steps * 1000:.2f} ms",
        fence / plain,
        2.0,
        note=f"coloured; its last tenth {last / (steps // 10) * 1000:.2f} ms/frame",
    )


async def _grown_mb(kind: str) -> float:
    process = psutil.Process()
    text = _text(100_000)
    warm = _text(3_000)
    column = ModelColumn("c1", "provider/model")
    markdown = Markdown()
    app = BenchmarkApp([column if kind == "ours" else markdown], stock=kind != "ours")
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()

        async def put(what: str) -> None:
            if kind == "ours":
                column.handle(TurnStarted("c1", 1, "why?"))
                column.handle(TextAppended("c1", what))
                column.handle(StatusChanged("c1", ColumnStatus.DONE))
                column.view.flush()
            else:
                await markdown.update(what)
            await pilot.pause()

        await put(warm)
        gc.collect()
        before = process.memory_info().rss
        await put(text)
        gc.collect()
        return (process.memory_info().rss - before) / 1e6


def _in_child(kind: str, answer: Connection) -> None:
    answer.send(asyncio.run(_grown_mb(kind)))


def grown_mb(kind: str) -> float:
    """Megabytes that 100 kB of answer take, in a process of their own."""
    mine, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_in_child, args=(kind, theirs))
    process.start()
    try:
        if not mine.poll(300):
            raise TimeoutError(f"memory of {kind} was not measured within 300 s")
        return float(mine.recv())
    finally:
        process.join(10)


def _memory() -> Row:
    ours, stock = grown_mb("ours"), grown_mb("stock")
    return Row("memory of 100 kB of answer", f"{ours:.1f} MB", f"Markdown {stock:.1f} MB", ours / stock, 0.5)


def rows() -> list[Row]:
    return [asyncio.run(_growth()), asyncio.run(_fence()), _memory()]


if __name__ == "__main__":
    show(rows())
