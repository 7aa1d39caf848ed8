"""The history of 10,000 runs: a search against a plain scan of the same texts; and what saving costs per event."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from mcp_tui.core.events import ColumnEvent, TextAppended, TurnStarted
from mcp_tui.runs.recording import RunRecorder
from mcp_tui.store.history.query import RunQuery
from mcp_tui.store.history.reader import HistoryReader
from mcp_tui.store.history.writer import HistoryWriter
from tests.benchmarks.table import Row, show
from tests.store.history_runs import Scribe, answer, in_order

RUNS = 10_000
WORDS = 20_000
"""Different ones, as often as words of a language are: few of them most of the time."""
VISIBLE = 40
EVENTS = 200_000
RARE = "bazoku"
"""Put into one run of a thousand."""
BUDGET_MS = 100
COLUMNS, TOKENS_PER_S, SHARE_BUDGET = 16, 250, 2.0
_ROUNDS = 9


def fill(path: Path) -> None:
    """Two answers of 120 words each per run."""
    rng = random.Random(7)
    syllables = [a + b for a in "bcdfghklmnprstvz" for b in "aeiou"]
    words = ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(WORDS)]
    weights = [1 / (rank + 5) for rank in range(WORDS)]
    texts = rng.choices(words, weights, k=RUNS * 260)
    scribe = Scribe(path)
    for number in range(RUNS):
        own = texts[number * 260 : (number + 1) * 260]
        if number % 1_000 == 0:
            own[7] = RARE
        prompt = " ".join(own[240:])
        pair = (answer(f"c{n}", " ".join(own[(n - 1) * 120 : n * 120]), prompt=prompt) for n in (1, 2))
        scribe.run(in_order(*pair), id_=f"r{number:07d}")
        if number % 500 == 499:
            scribe.flush()
    scribe.close()


def median_ms(work: Callable[[], object]) -> float:
    times: list[float] = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def scan(path: Path, words: tuple[str, ...]) -> int:
    """What the search would be without an index."""
    condition = " AND ".join(["(c0 LIKE ? OR c1 LIKE ? OR c2 LIKE ? OR c3 LIKE ?)"] * len(words))
    values = [f"%{word}%" for word in words for _ in range(4)]
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute(f"SELECT id FROM search_content WHERE {condition}", values).fetchall()
    return len(found)


def searches(path: Path) -> list[Row]:
    reader = HistoryReader(path)
    whole = median_ms(reader.find)
    found: list[Row] = []
    for name, words in (("a rare word", (RARE,)), ("two beginnings", ("ba", "ze")), ("a letter", ("b",))):
        query = RunQuery.parse(" ".join(words))
        matching = reader.find(query)
        numbers = matching.numbers()[:VISIBLE]
        ours = median_ms(lambda query=query: reader.find(query))
        shown = median_ms(lambda query=query, numbers=numbers: reader.snippets(query, numbers))
        rare = len(matching) < RUNS // 10
        # Where nearly all match, what costs is to hand them over: the list without a search does the same.
        plain = median_ms(lambda words=words: scan(path, words)) if rare else whole
        told = "scan with LIKE" if rare else "list without a search"
        note = f"{len(matching):,} of {RUNS:,} runs, {len(numbers)} snippets {shown:.1f} ms, budget {BUDGET_MS} ms"
        goal = 0.5 if rare else 2.0
        found.append(
            Row(f"search for {name}", f"{ours:.1f} ms", f"{told} {plain:.1f} ms", ours / plain, goal, note=note)
        )
    return found


async def recording(path: Path) -> tuple[float, float]:
    """Seconds per event: a listener alone, and with the recorder before it."""

    class Sent:
        """What a recorder asks of a run."""

        def __init__(self) -> None:
            from mcp_tui.runs.spec import RunSpec
            from tests.runs.doubles import column

            self.spec = RunSpec(tuple(column(number, "a") for number in range(1, 17)))
            self.live = True
            self.on_change: Callable[[], None] | None = None

        def prompt(self, turn: int) -> tuple[str, object]:
            from mcp_tui.core.chat import Message, TextBlock

            return "p", Message("user", (TextBlock("p"),))

    taken = 0

    def listener(event: ColumnEvent) -> None:
        nonlocal taken
        taken += 1

    writer = HistoryWriter(path)
    recorder = RunRecorder(writer, listener, source="benchmark", clock=time.monotonic)
    recorder.attach(Sent())  # pyright: ignore[reportArgumentType]  enough of a run
    events = [TextAppended(f"c{number % 16 + 1}", "token ") for number in range(EVENTS)]

    async def cost(target: Callable[[ColumnEvent], None]) -> float:
        """CPU of the whole process: what happens on the thread counts too."""
        target(TurnStarted("c1", 1, "p"))
        began = time.process_time()
        for start in range(0, EVENTS, 200):
            for event in events[start : start + 200]:
                target(event)
            await asyncio.sleep(0)
        recorder.flush()
        await asyncio.to_thread(writer.flush)
        return (time.process_time() - began) / EVENTS

    alone = await cost(listener)
    saved = await cost(recorder)
    recorder.flush()
    await asyncio.to_thread(writer.close)
    return alone, saved


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.sqlite"
        fill(path)
        found = searches(path)
        alone, saved = asyncio.run(recording(Path(folder) / "recording.sqlite"))
    share = (saved - alone) * COLUMNS * TOKENS_PER_S * 100
    note = f"{(saved - alone) * 1e6:.2f} us of CPU per event, all threads"
    baseline = f"{COLUMNS} x {TOKENS_PER_S} tokens/s, budget {SHARE_BUDGET:g} %"
    return [*found, Row("saving a stream", f"{share:.1f} % of a core", baseline, share / SHARE_BUDGET, 1.0, note=note)]


if __name__ == "__main__":
    show(rows())
