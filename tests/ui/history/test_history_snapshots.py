"""How the History screen and a saved run look, at the three sizes, dark and light."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from mcp_tui.ui.history.saved_run import SavedRunScreen
from tests.ui.history.doubles import HistoryApp, example
from tests.ui.history.test_history import loaded, opened, previewed
from tests.ui.stage import Size, Snap, dark_and_light, every_size, snap, until


@every_size
@dark_and_light
def test_runs_of_every_state(snap_compare: Snap, tmp_path: Path, size: Size, theme: str) -> None:
    example(tmp_path / "h.sqlite")
    app = HistoryApp(tmp_path / "h.sqlite", theme=theme)

    async def act(pilot: Pilot[None]) -> None:
        await loaded(pilot, app, 5)
        await previewed(pilot, app)

    snap(snap_compare, app, size, act)


@every_size
def test_a_search(snap_compare: Snap, tmp_path: Path, size: Size) -> None:
    example(tmp_path / "h.sqlite")
    app = HistoryApp(tmp_path / "h.sqlite")

    async def act(pilot: Pilot[None]) -> None:
        await loaded(pilot, app, 5)
        await pilot.press("slash", *"inde")
        await loaded(pilot, app, 1)
        await until(pilot, lambda: app.history.list.snippets)
        await previewed(pilot, app)

    snap(snap_compare, app, size, act)


@every_size
@dark_and_light
def test_a_saved_run(snap_compare: Snap, tmp_path: Path, size: Size, theme: str) -> None:
    example(tmp_path / "h.sqlite")
    app = HistoryApp(tmp_path / "h.sqlite", theme=theme)

    async def act(pilot: Pilot[None]) -> None:
        await loaded(pilot, app, 5)
        await opened(pilot, app)

    snap(snap_compare, app, size, act)


def test_an_interrupted_run(snap_compare: Snap, tmp_path: Path) -> None:
    example(tmp_path / "h.sqlite")
    app = HistoryApp(tmp_path / "h.sqlite")

    async def act(pilot: Pilot[None]) -> None:
        await loaded(pilot, app, 5)
        await pilot.press("down")
        await opened(pilot, app)

    snap(snap_compare, app, (80, 24), act)


def test_a_replay_that_is_paused(snap_compare: Snap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_tui.ui.history.saved_run.FRAME_S", 3600.0)  # nothing plays but what is asked for below
    example(tmp_path / "h.sqlite")
    app = HistoryApp(tmp_path / "h.sqlite")

    async def act(pilot: Pilot[None]) -> None:
        await loaded(pilot, app, 5)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, SavedRunScreen) and app.screen.playback is not None)
        screen = app.screen
        assert isinstance(screen, SavedRunScreen) and screen.playback is not None
        await pilot.press("space")
        screen.play_to(2.0)
        await until(pilot, lambda: "started&#160;at&#160;02:00" in app.export_screenshot())

    snap(snap_compare, app, (120, 35), act)


def test_an_empty_history(snap_compare: Snap, tmp_path: Path) -> None:
    app = HistoryApp(tmp_path / "none.sqlite")

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.history.list.empty.startswith("no run yet"))

    snap(snap_compare, app, (80, 24), act)
