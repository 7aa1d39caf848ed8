"""The first frame: drawn before any pane exists, and not to be told from what stands there next."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.color import Color
from textual import events
from textual.pilot import Pilot

from mcp_tui.ui.bridge import DashboardOptions
from mcp_tui.ui.compare.screen import CompareScreen
from mcp_tui.ui.dashboard import Dashboard
from mcp_tui.ui.first_words import ASK
from mcp_tui.ui.screens.start import StartScreen
from mcp_tui.ui.terminal.log_file import EarlyLog

SIZES = [(160, 45), (120, 35), (100, 30), (99, 29), (80, 24), (60, 20)]


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))


class Paused(Dashboard):
    """Stops at each step until the test lets it go on; no engine."""

    def __init__(self, options: DashboardOptions) -> None:
        super().__init__(options)
        self.go_on = asyncio.Event()
        self.panes_stand = asyncio.Event()

    async def _begin(self) -> None:
        self._going = asyncio.create_task(self._go_on())

    async def _go_on(self) -> None:
        await self.go_on.wait()
        self.call_next(super()._begin)

    async def _begin_engine(self) -> None:
        self.panes_stand.set()

    def cells(self) -> list[list[tuple[str, str, str, bool]]]:
        """(character, its colour, the background, whether it is bold) of every cell."""
        rows: list[list[tuple[str, str, str, bool]]] = []
        for strip in self.screen._compositor.render_strips():  # pyright: ignore[reportPrivateUsage]  there is no public way
            row: list[tuple[str, str, str, bool]] = []
            for text, style, _ in strip:
                assert style is not None
                front, back = _name(style.color), _name(style.bgcolor)
                front, back = (back, front) if style.reverse else (front, back)
                for character in text:
                    visible = not character.isspace()
                    row.append((character, front if visible else "", back, bool(style.bold) and visible))
            rows.append(row)
        return rows


def _name(color: Color | None) -> str:
    return "" if color is None else color.get_truecolor().hex


@asynccontextmanager
async def paused(size: tuple[int, int], theme: str = "") -> AsyncGenerator[tuple[Paused, Pilot[Any]]]:
    app = Paused(DashboardOptions(theme=theme))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert isinstance(app.screen, StartScreen)
        yield app, pilot
        app.go_on.set()


async def _panes(app: Paused, pilot: Pilot[Any]) -> CompareScreen:
    app.go_on.set()
    await asyncio.wait_for(app.panes_stand.wait(), 20)
    await pilot.pause()
    screen = app.screen
    assert isinstance(screen, CompareScreen)
    return screen


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_first_frame_is_what_the_panes_then_show(size: tuple[int, int]) -> None:
    async with paused(size) as (app, pilot):
        first = app.cells()
        await _panes(app, pilot)
        assert _different(first, app.cells()) == []


@pytest.mark.parametrize("theme", ["paper", "contrast", "ember", "terminal"])
async def test_the_first_frame_has_the_colours_of_the_theme(theme: str) -> None:
    async with paused((120, 35), theme) as (app, pilot):
        first = app.cells()
        await _panes(app, pilot)
        assert app.theme == theme
        assert _different(first, app.cells()) == []


def _different(first: list[list[Any]], then: list[list[Any]]) -> list[str]:
    """Cells that changed, without the one under the blinking cursor."""
    cursor = next((y, x) for y, row in enumerate(first) if (x := "".join(cell[0] for cell in row).find(ASK)) >= 0)
    assert [len(row) for row in first] == [len(row) for row in then]
    return [
        f"row {y} column {x}: {a} became {b}"
        for y, (before, after) in enumerate(zip(first, then, strict=True))
        for x, (a, b) in enumerate(zip(before, after, strict=True))
        if a != b and (y, x) != cursor
    ][:12]


async def test_what_is_typed_before_the_editor_is_there_stands_in_it_in_order() -> None:
    async with paused((120, 35)) as (app, pilot):
        await pilot.press(*"early ")
        app.post_message(events.Paste("pasted "))
        await pilot.press(*"late", "left")
        screen = await _panes(app, pilot)
        await pilot.press("x")
        assert screen.prompt_pane.text == "early pasted latxe"
        assert screen.prompt_pane.editor.has_focus


async def test_a_mouse_click_before_the_panes_does_nothing() -> None:
    async with paused((120, 35)) as (app, pilot):
        await pilot.click(offset=(22, 0))
        assert app.current_mode == "start"
        await _panes(app, pilot)
        assert app.current_mode == "compare"


async def test_quitting_works_from_the_first_frame_on() -> None:
    async with paused((120, 35)) as (app, pilot):
        await pilot.press("ctrl+q")
        app.go_on.set()
        await asyncio.wait_for(app.panes_stand.wait(), 20)
    assert app.return_code == 0


async def test_the_first_screen_is_gone_once_the_panes_stand() -> None:
    async with paused((120, 35)) as (app, pilot):
        await _panes(app, pilot)
        assert not any(isinstance(screen, StartScreen) for screen in app.screen_stack)
        await pilot.press("f4", "f2")
        await pilot.pause()
        assert isinstance(app.screen, CompareScreen)


def test_the_first_frame_imports_no_pane() -> None:
    program = "import sys, mcp_tui.ui.dashboard; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    modules = set(loaded.stdout.split())
    heavy = {"mcp", "httpx", "markdown_it", "pygments", "sqlite3", "jsonschema", "mcp_tui.core.state"}
    assert not heavy & modules
    assert "mcp_tui.ui.screens.start" in modules
    rooms = ("compare", "forms", "history", "requests", "servers", "stream", "wire", "workbench")
    assert not modules & {f"mcp_tui.ui.{room}" for room in rooms}


@pytest.fixture
def early() -> Iterator[EarlyLog]:
    before = list(logging.getLogger().handlers)
    yield EarlyLog()
    for handler in logging.getLogger().handlers[:]:
        if handler not in before:
            logging.getLogger().removeHandler(handler)
            handler.close()


def test_what_was_logged_before_there_was_a_file_is_in_it(early: EarlyLog, tmp_path: Path) -> None:
    logging.getLogger("mcp_tui.test").warning("early %s", "bird")
    file = tmp_path / "state" / "mcp-tui" / "mcp-tui.log"
    assert not file.exists()
    early.open_file()
    early.open_file()
    logging.getLogger("mcp_tui.test").warning("late")
    lines = file.read_text().splitlines()
    assert [line.split(": ")[-1] for line in lines] == ["early bird", "late"]
