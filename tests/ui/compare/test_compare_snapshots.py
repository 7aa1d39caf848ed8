"""How the Compare screen looks, at the three sizes and in a light theme. Clocks stand still."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from mcp_tui.config.schema import PriceSpec
from mcp_tui.core.state import RateLimit, RateLimits, ServerSnapshot, ServerStatus
from mcp_tui.providers.pricing import PriceBook
from mcp_tui.store.model_lists import ModelList, ModelRow
from mcp_tui.ui.compare import column_facts
from mcp_tui.ui.stream.frame_clock import FrameClock
from tests.ui.doubles import FakeEngine, Stage, example_servers, play, question, staged
from tests.ui.stage import Snap, every_size, stop_blinking


async def _painted(s: Stage) -> None:
    """Everything the columns have to show is on the screen, and the header follows them."""
    clock = FrameClock.of(s.app)
    async with asyncio.timeout(20):
        while True:
            await s.settle()
            if clock.idle and s.screen.columns.header_current:
                return
            await s.pilot.pause(0.01)


async def _still(s: Stage) -> None:
    """No cursor blinks in a picture."""
    stop_blinking(s.screen.prompt_pane.editor, *s.top.query("Input, TextArea"))
    await _painted(s)


async def empty(s: Stage) -> None: ...


async def streaming(s: Stage) -> None:
    play(await s.send("Why did the nightly job fail?"), "streaming")


async def finished(s: Stage) -> None:
    play(await s.send("Why did the nightly job fail?"), "finished")


async def approval(s: Stage) -> None:
    play(await s.send("Why did the nightly job fail?"), "approval")
    s.clock.now += 5
    await s.questions(question())


async def errors(s: Stage) -> None:
    play(await s.send("Why did the nightly job fail?"), "errors")
    s.screen.prompt_pane.set_text("And now? See @fs:logs/eror.log again.")
    await s.press("enter")


async def retrying(s: Stage) -> None:
    await s.servers(example_servers(ServerStatus.BACKOFF))


async def matrix(s: Stage) -> None:
    await finished(s)
    await s.press("alt+1", "m")


async def completing(s: Stage) -> None:
    await s.type("read @")


SCENES: dict[str, Callable[[Stage], Awaitable[None]]] = {
    scene.__name__: scene for scene in (empty, streaming, finished, approval, errors, retrying)
}


def picture(
    snap_compare: Snap,
    scene: Callable[[Stage], Awaitable[None]],
    size: tuple[int, int],
    theme: str = "",
    engine: FakeEngine | None = None,
    servers: tuple[ServerSnapshot, ...] | None = None,
) -> bool:
    with staged(engine, theme=theme, servers=servers) as (app, attach):

        async def run_before(pilot: Pilot[Any]) -> None:
            s = await attach(pilot)
            await _still(s)
            await scene(s)
            await _still(s)

        return snap_compare(app, terminal_size=size, run_before=run_before)


@every_size
@pytest.mark.parametrize("name", SCENES)
def test_compare_looks(snap_compare: Snap, name: str, size: tuple[int, int]) -> None:
    assert picture(snap_compare, SCENES[name], size)


@pytest.mark.parametrize("name", ["finished", "approval", "errors"])
def test_compare_looks_on_paper(snap_compare: Snap, name: str) -> None:
    assert picture(snap_compare, SCENES[name], (160, 45), "paper")


@pytest.mark.parametrize("theme", ["contrast", "terminal"])
def test_compare_looks_in_other_themes(snap_compare: Snap, theme: str) -> None:
    assert picture(snap_compare, approval, (120, 35), theme)


def test_matrix_looks(snap_compare: Snap) -> None:
    assert picture(snap_compare, matrix, (120, 35))


def test_completion_looks(snap_compare: Snap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "shop"
    (folder / "docs").mkdir(parents=True)
    (folder / "contract.pdf").write_bytes(b"%PDF" * 310_000)
    (folder / "my notes.md").write_text("notes")
    monkeypatch.chdir(folder)
    assert picture(snap_compare, completing, (120, 35))


def test_first_start_looks(snap_compare: Snap) -> None:
    engine = FakeEngine(("demo/swift", "demo/scholar", "demo/builder"))
    engine.demo_models = True
    assert picture(snap_compare, empty, (160, 45), engine=engine, servers=example_servers()[:1])


def know(engine: FakeEngine) -> None:
    """The list of openai, as if read from the disk: names that no price table has, with figures of their own."""
    rows: tuple[ModelRow, ...] = (
        ("gpt-large", 1_047_576, 2.0, 8.0),
        ("gpt-small", 200_000, 0.05, 0.4),
        ("gpt-embed", 8_192, None, None),
    )
    engine.models._lists["openai"] = ModelList("openai", time.time(), rows)  # pyright: ignore[reportPrivateUsage]


class StoppedTime:
    NOW = 1_800_000_000.0

    @classmethod
    def time(cls) -> float:
        return cls.NOW


def test_parameters_look(snap_compare: Snap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_facts, "time", StoppedTime)
    engine = FakeEngine(("openai/gpt-large", "groq/llama"))
    engine.registry.not_taken = ("seed",)
    engine.prices = PriceBook({"openai/gpt-large": PriceSpec(2.0, 8.0)})
    know(engine)

    async def scene(s: Stage) -> None:
        run = await s.send("go")
        requests = RateLimit("requests per minute", 60, 12, StoppedTime.NOW + 31)
        run.limits = RateLimits(StoppedTime.NOW - 4, (requests, RateLimit("tokens per day", 500_000, 481_200)))
        run.finish("c1", "answer")
        await s.press("alt+1", "p")
        for field, text in zip(s.top.query(Input), ("0.2", "4096", "", "7", "END | \\n\\n"), strict=True):
            field.value = text
        await s.settle()

    assert picture(snap_compare, scene, (120, 35), engine=engine)


def test_the_model_picker_looks(snap_compare: Snap) -> None:
    engine = FakeEngine()
    know(engine)

    async def scene(s: Stage) -> None:
        await s.press("alt+1", "plus")
        await s.work_done()

    assert picture(snap_compare, scene, (120, 35), engine=engine)
