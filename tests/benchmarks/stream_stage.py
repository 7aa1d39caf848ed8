"""Streams into columns and into `Markdown.get_stream`, watched: CPU time, how late the loop gets, key to paint."""

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
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Markdown

import mcp_tui.ui
from mcp_tui.core.events import TextAppended, TurnStarted
from mcp_tui.ui import garbage_collection as collecting
from mcp_tui.ui.stream import code_body
from mcp_tui.ui.stream.model_column import ModelColumn
from mcp_tui.ui.terminal.compositor import LeanCompositor

SIZE = (160, 48)
SAMPLE_S = 0.004
FEED_S = 0.004
KEY_S = 0.05
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
    """Until all of it was shown."""
    seconds: float
    """From the first token until all of it was shown."""
    lag_ms: list[float]
    key_ms: list[float]
    """While it streamed."""

    @property
    def share(self) -> float:
        """Of a core, while it streamed and until all was shown."""
        return self.cpu_s / self.seconds

    @property
    def cpu_per_1000(self) -> float:
        return self.cpu_s / self.tokens * 1000


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

    def __init__(self, widgets: Sequence[Widget], *, stock: bool) -> None:
        """stock: the framework's own screen, else ours."""
        super().__init__()
        self._columns = widgets
        self._stock = stock
        self.probe = Probe()

    def get_default_screen(self) -> Screen[Any]:
        screen: Screen[Any] = Screen(id="_default")
        if not self._stock:
            screen._compositor = LeanCompositor()  # pyright: ignore[reportPrivateUsage]  as the mode screens do
        return screen

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return BORDERS

    def compose(self) -> ComposeResult:
        yield Horizontal(*self._columns)
        yield self.probe


BORDERS = {"border": "#5f9cf5", "border-blurred": "#343a52"}


async def measure(
    widgets: Sequence[Widget],
    writers: Callable[[], Sequence[Callable[[str], Awaitable[None] | None]]],
    rate: float,
    seconds: float,
    *,
    keys: bool = False,
    ended: Callable[[], Awaitable[None]],
    stock: bool = False,
) -> Figures:
    """Write `rate` tokens per second with each writer for `seconds`, watching the loop."""
    gc.unfreeze()
    gc.set_threshold(700, 10, 10)
    gc.collect()  # what an earlier measurement left behind is not this one's
    app = BenchmarkApp(widgets, stock=stock)
    lag: list[float] = []
    sent = 0

    async def watch() -> None:
        while True:
            began = perf_counter()
            await asyncio.sleep(SAMPLE_S)
            lag.append((perf_counter() - began - SAMPLE_S) * 1000)

    async def press() -> None:
        while True:
            await asyncio.sleep(KEY_S)
            app.probe.waiting.append(perf_counter())
            app.post_message(events.Key("a", "a"))

    async def write(every: Sequence[Callable[[str], Awaitable[None] | None]]) -> None:
        """One task for all: that tokens come costs little, so that what is done with them is measured."""
        nonlocal sent
        source = tokens()
        began = perf_counter()
        count, total = 0, round(rate * seconds)
        while count < total:
            # Who is late writes more at once: everybody gets the same stream.
            while count < min(total, (perf_counter() - began) * rate):
                token = next(source)
                for writer in every:
                    result = writer(token)
                    if result is not None:
                        await result
                count += 1
                sent += len(every)
            await asyncio.sleep(max(FEED_S, 1 / rate))

    async with app.run_test(size=SIZE) as pilot:
        app.probe.focus()
        await pilot.pause()
        if not stock:
            collecting.settle()  # as the dashboard does when it is up
            code_body.prepare()
        watchers = [asyncio.create_task(watch())]
        if keys:
            watchers.append(asyncio.create_task(press()))
        began, started = process_time(), perf_counter()
        await write(writers())
        latencies = [*app.probe.latencies_ms, *((perf_counter() - at) * 1000 for at in app.probe.waiting)]
        for task in watchers:
            task.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        await ended()
        cpu, seconds_taken = process_time() - began, perf_counter() - started
    return Figures(sent, cpu, seconds_taken, lag, latencies)


async def into_columns(count: int, rate: float, seconds: float, *, keys: bool = False) -> Figures:
    columns = [ModelColumn(f"c{n}", f"provider/model-{n}") for n in range(count)]

    def writer(column: ModelColumn) -> Callable[[str], None]:
        column.handle(TurnStarted(column.column_id, 1, "why?"))
        return lambda text: column.handle(TextAppended(column.column_id, text))

    async def shown() -> None:
        for column in columns:
            column.view.flush()
        await asyncio.sleep(0.05)

    return await measure(columns, lambda: [writer(column) for column in columns], rate, seconds, keys=keys, ended=shown)


async def into_markdown(count: int, rate: float, seconds: float, *, keys: bool = False) -> Figures:
    views = [Markdown() for _ in range(count)]
    streams: list[Any] = []

    def writers() -> list[Callable[[str], Awaitable[None] | None]]:
        streams.extend(Markdown.get_stream(view) for view in views)
        return [stream.write for stream in streams]

    async def stop() -> None:
        # All of what was written is shown when this returns.
        for stream in streams:
            await stream.stop()

    return await measure(views, writers, rate, seconds, keys=keys, ended=stop, stock=True)
