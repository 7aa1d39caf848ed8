"""`python -m tests.benchmarks.streaming`: what streaming costs, as ratios within one run (under a minute).

1. Four columns at 100 tokens/s each: how late the loop gets, and CPU per 1,000 tokens.
2. The same stream into `Markdown.get_stream`: CPU per 1,000 tokens, for the ratio.
3. Eight columns at 250 tokens/s each: from a key to the paint that shows it.
4. A fence of 600 lines: cost of the last frames against the first ones.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from time import perf_counter, process_time
from typing import Any

from textual import events
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Markdown

import mcp_tui.ui
from mcp_tui.core.events import TextAppended, TurnStarted
from mcp_tui.ui.widgets.model_column import ModelColumn

SIZE = (160, 48)
LAG_LIMIT_MS = 100.0
SAMPLE_S = 0.002
TOKEN_CHARACTERS = 4

SECTION = """## Part {n}: what the log says

The export started at `02:00` and **waited 30 s** for the lock that the cleanup job held; see
[the manual](https://www.postgresql.org/docs/current/explicit-locking.html) for the rules of lock queues.

1. the cleanup takes the lock on *user_sessions*
2. the export waits, and its connection stays busy
3. the pool of {n} connections runs dry

| time | event | rows |
|---|---|---:|
| 02:00:00 | cleanup begins | {n} |
| 02:00:31 | export gives up | 4711 |

```python
def retry(job: Job, attempts: int = {n}) -> Result:
    for attempt in range(attempts):  # the lock is usually free again
        try:
            return job.run(timeout_s=5.0)
        except LockTimeout as error:
            log.warning("attempt %d of %s: %s", attempt, job.name, error)
    raise GaveUp(job.name)
```

> A cleanup that runs in batches of 1,000 rows would never hold the lock for so long.

"""


def tokens() -> Iterator[str]:
    for number in itertools.count(1):
        text = SECTION.format(n=number)
        for start in range(0, len(text), TOKEN_CHARACTERS):
            yield text[start : start + TOKEN_CHARACTERS]


@dataclass(frozen=True)
class Figures:
    tokens: int
    cpu_s: float
    lag_ms: list[float]
    key_ms: list[float]

    @property
    def cpu_per_1000(self) -> float:
        return self.cpu_s / self.tokens * 1000

    def lag(self) -> str:
        return (
            f"p50 {percentile(self.lag_ms, 50):.0f} p99 {percentile(self.lag_ms, 99):.0f} max {max(self.lag_ms):.0f} ms"
        )


def percentile(values: Sequence[float], percent: int) -> float:
    return quantiles(values, n=100)[percent - 1] if len(values) > 1 else sum(values)


class Probe(Widget, can_focus=True):
    """Shows how many keys came; a key is painted when its number is rendered."""

    DEFAULT_CSS = "Probe { height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[float] = []
        self.latencies_ms: list[float] = []

    def on_key(self, event: events.Key) -> None:
        self.refresh()

    def render(self) -> str:
        now = perf_counter()
        self.latencies_ms += [(now - sent) * 1000 for sent in self.waiting]
        self.waiting.clear()
        return f"{len(self.latencies_ms)} keys"


class BenchmarkApp(App[None]):
    CSS_PATH = Path(mcp_tui.ui.__file__).parent / "styles" / "model_column.tcss"
    CSS = "Markdown { width: 1fr; height: 1fr; overflow-y: auto; }"

    def __init__(self, widgets: Sequence[Widget]) -> None:
        super().__init__()
        self._columns = widgets
        self.probe = Probe()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return BORDERS

    def compose(self) -> ComposeResult:
        yield Horizontal(*self._columns)
        yield self.probe


BORDERS = {"border": "#5f9cf5", "border-blurred": "#343a52"}


async def _nothing() -> None:
    """Nothing to close."""


async def measure(
    widgets: Sequence[Widget],
    writers: Callable[[], Sequence[Callable[[str], Awaitable[None] | None]]],
    rate: float,
    seconds: float,
    *,
    keys: bool = False,
    ended: Callable[[], Awaitable[None]] = _nothing,
) -> Figures:
    """Write `rate` tokens per second with each writer for `seconds`, watching the loop."""
    gc.collect()  # what an earlier measurement left behind is not this one's
    app = BenchmarkApp(widgets)
    lag: list[float] = []
    sent = 0

    async def watch() -> None:
        while True:
            began = perf_counter()
            await asyncio.sleep(SAMPLE_S)
            lag.append((perf_counter() - began - SAMPLE_S) * 1000)

    async def press() -> None:
        while True:
            await asyncio.sleep(0.11)
            app.probe.waiting.append(perf_counter())
            app.post_message(events.Key("a", "a"))

    async def write(writer: Callable[[str], Awaitable[None] | None]) -> None:
        nonlocal sent
        source = tokens()
        began = perf_counter()
        count = 0
        while (now := perf_counter() - began) < seconds:
            while count < now * rate:
                result = writer(next(source))
                if result is not None:
                    await result
                count += 1
                sent += 1
            await asyncio.sleep(1 / rate)

    async with app.run_test(size=SIZE) as pilot:
        app.probe.focus()
        await pilot.pause()
        watchers = [asyncio.create_task(watch())]
        if keys:
            watchers.append(asyncio.create_task(press()))
        began = process_time()
        await asyncio.gather(*(write(writer) for writer in writers()))
        cpu = process_time() - began
        for task in watchers:
            task.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        await ended()
    return Figures(sent, cpu, lag, app.probe.latencies_ms)


async def into_columns(count: int, rate: float, seconds: float, *, keys: bool = False) -> Figures:
    columns = [ModelColumn(f"c{n}", f"provider/model-{n}") for n in range(count)]

    def writer(column: ModelColumn) -> Callable[[str], None]:
        column.handle(TurnStarted(column.column_id, 1, "why?"))
        return lambda text: column.handle(TextAppended(column.column_id, text))

    return await measure(columns, lambda: [writer(column) for column in columns], rate, seconds, keys=keys)


async def into_markdown(count: int, rate: float, seconds: float) -> Figures:
    views = [Markdown() for _ in range(count)]
    streams: list[Any] = []

    def writers() -> list[Callable[[str], Awaitable[None] | None]]:
        streams.extend(Markdown.get_stream(view) for view in views)
        return [stream.write for stream in streams]

    async def stop() -> None:
        for stream in streams:
            await stream.stop()

    return await measure(views, writers, rate, seconds, ended=stop)


async def fence(lines: int) -> tuple[float, float]:
    """CPU seconds per frame over the first and the last tenth of a growing fence."""
    column = ModelColumn("c1", "provider/model")
    app = BenchmarkApp([column])
    costs: list[float] = []
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        column.handle(TurnStarted("c1", 1, "why?"))
        column.handle(TextAppended("c1", "```python\n"))
        for number in range(lines):
            column.handle(TextAppended("c1", f"    value_{number} = compute({number}, 'text')  # step\n"))
            began = process_time()
            column.view.flush()
            costs.append(process_time() - began)
    tenth = max(1, lines // 10)
    return sum(costs[:tenth]) / tenth, sum(costs[-tenth:]) / tenth


async def main() -> None:
    four = await into_columns(4, 100, 10)
    within = "within" if max(four.lag_ms) < LAG_LIMIT_MS else "OVER"
    print(f"4 columns x 100 tok/s: loop late {four.lag()} ({within} {LAG_LIMIT_MS:.0f} ms)")
    peer = await into_markdown(4, 100, 5)
    print(
        f"CPU per 1,000 tokens: {four.cpu_per_1000:.2f} s, Markdown.get_stream {peer.cpu_per_1000:.2f} s:"
        f" ratio {four.cpu_per_1000 / peer.cpu_per_1000:.2f} (its loop late {peer.lag()})"
    )
    eight = await into_columns(8, 250, 10, keys=True)
    keys = [f"p{percent} {percentile(eight.key_ms, percent):.0f}" for percent in (50, 90, 99)]
    print(
        f"8 columns x 250 tok/s: key to paint {' '.join(keys)} ms over {len(eight.key_ms)} keys;"
        f" loop late {eight.lag()}; CPU {eight.cpu_s / 10:.0%} of a core, {eight.cpu_per_1000:.2f} s per 1,000 tokens"
    )
    first, last = await fence(600)
    ends = f"{first * 1000:.1f} ms per frame at first, {last * 1000:.1f} ms at last"
    print(f"fence of 600 lines: {ends}: ratio {last / first:.2f}")


if __name__ == "__main__":
    asyncio.run(main())
