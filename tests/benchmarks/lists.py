"""Long lists: a keystroke in the filter over 10,000 tools, a step through 100,000 messages of the wire log."""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from time import process_time
from typing import Any

from textual import events
from textual.app import App

from mcp_tui.core.state import Catalog
from tests.benchmarks.table import Row, show
from tests.builders import server, tool
from tests.sessions.wirelog.records import call, write
from tests.ui.doubles import stage
from tests.ui.wire.doubles import WireApp

FRAME_MS = 16.0
SERVERS, TOOLS = 50, 200
WORDS = ("orders", "list", "delete", "users by", "report of", "search")
SETTLE_S = 0.08
"""Enough for the screen's own timer: what a key changes is drawn by then."""
FEW, MANY = 1_000, 100_000


async def _cpu_ms(act: Callable[[], Awaitable[None] | None]) -> float:
    """CPU time until what was done is on the screen, without what the idle loop takes."""
    began = process_time()
    await asyncio.sleep(SETTLE_S)
    idle = process_time() - began
    began = process_time()
    done = act()
    if done is not None:
        await done
    await asyncio.sleep(SETTLE_S)
    return (process_time() - began - idle) * 1000


def _key(app: App[Any], key: str) -> Callable[[], None]:
    def press() -> None:
        app.post_message(events.Key(key, " " if key == "space" else key if len(key) == 1 else None))

    return press


def _catalog(number: int) -> Catalog:
    verbs, nouns = ("list", "search", "create", "delete", "report"), ("orders", "users", "jobs", "hosts")
    tools = (
        tool(
            f"{verbs[n % 5]}_{nouns[n % 4]}_{n}",
            f"server{number}",
            description=f"{verbs[n % 5]} {nouns[n % 4]} by their names, dates and owners, a report of server {number}",
        )
        for n in range(TOOLS)
    )
    return Catalog(tools=tuple(tools))


async def filter_ms() -> list[float]:
    """Milliseconds of each keystroke."""
    fifty = tuple(server(f"server{number}", catalog=_catalog(number)) for number in range(SERVERS))
    costs: list[float] = []
    async with stage(servers=fifty) as s:
        pane = s.screen.catalog_pane
        pane.list.focus()
        await s.press("slash")
        gc.collect()
        gc.freeze()  # as in the dashboard, once it is up
        for word in WORDS:
            for letter in word:
                costs.append(await _cpu_ms(_key(s.app, "space" if letter == " " else letter)))
            if not pane.rows.rows:
                raise RuntimeError(f"{pane.filter.value!r} found nothing")
            pane.filter.value = ""
            await asyncio.sleep(SETTLE_S)
    return costs


async def step_ms(folder: Path, rows: int) -> list[float]:
    """Milliseconds of each page through so many messages."""
    costs: list[float] = []
    app = WireApp(folder)
    async with app.run_test(size=(160, 45)) as pilot:
        async with asyncio.timeout(120):
            while len(app.wire.list.numbers) < rows:
                await pilot.pause(0.1)
        gc.collect()
        for key in ("pageup",) * 12 + ("up",) * 6 + ("home",) + ("pagedown",) * 12 + ("down",) * 6:
            costs.append(await _cpu_ms(_key(app, key)))
    return costs


def _steps(rows: int) -> Sequence[float]:
    with tempfile.TemporaryDirectory() as folder:
        lines = [line for number in range(0, rows, 2) for line in call(number)]
        write(Path(folder), lines)
        return asyncio.run(step_ms(Path(folder), rows))


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as home:
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
            os.environ[name] = home
        keys = asyncio.run(filter_ms())
        few, many = _steps(FEW), _steps(MANY)
    middle, worst = statistics.median(keys), sorted(keys)[int(len(keys) * 0.95)]
    a, b = statistics.median(many), statistics.median(few)
    return [
        Row(
            f"a keystroke over {SERVERS * TOOLS:,} tools",
            f"{middle:.1f} ms",
            f"a frame {FRAME_MS:g} ms",
            middle / FRAME_MS,
            1.0,
            note=f"p95 {worst:.1f} ms",
        ),
        Row(f"a step through {MANY:,} messages", f"{a:.1f} ms", f"through {FEW:,} {b:.1f} ms", a / b, 1.2),
    ]


if __name__ == "__main__":
    show(rows())
