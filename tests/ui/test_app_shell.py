"""The dashboard as a whole, with the real engine in demo mode."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest
from textual.command import CommandPalette
from textual.widgets import OptionList

from mcp_tui.core.state import ServerStatus
from mcp_tui.ui.app import McpTuiApp
from mcp_tui.ui.bridge import DashboardOptions
from mcp_tui.ui.screens.dialog import ConfirmScreen
from mcp_tui.ui.screens.help import HelpScreen
from mcp_tui.ui.screens.theme_picker import ThemePicker
from mcp_tui.ui.widgets.top_bar import TopBar
from tests.ui.stage import until

DEMO = DashboardOptions(demo=True, demo_speed=0)
DEADLINE_S = 30.0


def ready(app: McpTuiApp) -> bool:
    return bool(app.servers) and all(server.status is ServerStatus.READY for server in app.servers)


def header(app: McpTuiApp) -> str:
    return str(app.screen.query_one(TopBar).render())


def palette_is_open(app: McpTuiApp) -> bool:
    return isinstance(app.screen, CommandPalette)


async def test_demo_becomes_ready_and_leaving_ends_its_child() -> None:
    app = McpTuiApp(DEMO)
    async with app.run_test(size=(160, 45)) as pilot:
        await until(pilot, lambda: ready(app))
        pid = app.servers[0].pid
        assert pid is not None
        assert psutil.pid_exists(pid)
        await until(pilot, lambda: "demo" in header(app))
        assert "1/1 servers" in header(app)
        assert asyncio.get_running_loop().get_task_factory() is None
    assert not psutil.pid_exists(pid)


async def test_help_shows_the_focused_pane_first_and_escape_closes_it() -> None:
    app = McpTuiApp(DEMO)
    async with app.run_test(size=(120, 35)) as pilot:
        await until(pilot, lambda: ready(app))
        await pilot.press("ctrl+l", "f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        scopes = [str(widget.render()) for widget in app.screen.query(".scope")]
        assert scopes[0] == "Prompt editor"
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, HelpScreen))


async def test_palette_finds_a_tool_and_opens_it_in_the_workbench() -> None:
    app = McpTuiApp(DEMO)
    async with app.run_test(size=(120, 35)) as pilot:
        await until(pilot, lambda: ready(app))
        await pilot.press("ctrl+p")
        await until(pilot, lambda: palette_is_open(app))
        await pilot.press(*"query_metrics")
        results = app.screen.query_one(OptionList)
        await until(pilot, lambda: results.option_count > 0)
        await pilot.press("enter")
        await until(pilot, lambda: not palette_is_open(app))
        await until(pilot, lambda: app.current_mode == "workbench")
        await until(pilot, lambda: "query_metrics" in app.export_screenshot(simplify=True))


async def test_the_palette_says_an_action_once_with_its_place_and_key() -> None:
    app = McpTuiApp(DEMO)
    async with app.run_test(size=(120, 35)) as pilot:
        await until(pilot, lambda: ready(app))
        await pilot.press("ctrl+p")
        await until(pilot, lambda: palette_is_open(app))
        results = app.screen.query_one(OptionList)
        await until(pilot, lambda: results.option_count > 0)
        picture = app.export_screenshot(simplify=True).replace("&#160;", " ")
        assert picture.count("Show all keys") == 1
        assert "Everywhere · F1" in picture
        assert "\U0001f50e" not in picture, "not every font has it"


async def test_theme_is_previewed_restored_and_remembered() -> None:
    app = McpTuiApp(DEMO)
    async with app.run_test(size=(120, 35)) as pilot:
        app.action_choose_theme()
        await until(pilot, lambda: isinstance(app.screen, ThemePicker))
        await pilot.press("down")
        await until(pilot, lambda: app.theme == "paper")
        await pilot.press("escape")
        await until(pilot, lambda: app.theme == "midnight")
        app.action_choose_theme()
        await until(pilot, lambda: isinstance(app.screen, ThemePicker))
        await pilot.press("down", "enter")
        await until(pilot, lambda: not isinstance(app.screen, ThemePicker))
    assert McpTuiApp(DEMO).theme == "paper"


async def test_every_shipped_theme_draws_the_dashboard() -> None:
    app = McpTuiApp(DEMO)
    async with app.run_test(size=(120, 35)) as pilot:
        for theme in sorted(app.themes):
            app.theme = theme
            await pilot.pause()
            assert "mcp-tui" in header(app)


async def test_own_theme_is_used_and_a_bad_one_is_a_warning(private_environment: Path) -> None:
    folder = private_environment / ".config" / "mcp-tui" / "themes"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text('primary = "#ff8800"\ndark = true\n')
    (folder / "broken.toml").write_text('primary = "#ff8800"\nforegruond = "#ffffff"\n')
    app = McpTuiApp(DashboardOptions(demo=True, demo_speed=0, theme="mine"))
    async with app.run_test(size=(120, 35), notifications=True) as pilot:
        assert app.theme == "mine"
        await until(pilot, lambda: any("foregruond" in problem.line() for problem in app.problems))
        assert "broken.toml" in app.problems[0].line()


async def test_broken_configuration_is_said_and_the_screen_lives(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text('{"mcpServers": {')
    app = McpTuiApp(DashboardOptions(config_files=(file,)))
    async with app.run_test(size=(240, 35)) as pilot:  # wide: the path in the message stays in one line
        await until(pilot, lambda: "engine failed" in header(app))
        await until(pilot, lambda: "mcp.json:1" in app.export_screenshot(simplify=True))
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))


async def test_quit_asks_while_a_run_is_live() -> None:
    app = McpTuiApp(DashboardOptions(demo=True, demo_speed=1))
    async with app.run_test(size=(120, 35)) as pilot:
        await until(pilot, lambda: ready(app))
        await until(pilot, lambda: "Checkout" in app.export_screenshot(simplify=True))
        await pilot.press("enter")
        await until(pilot, lambda: app.run_live)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("n")
        await until(pilot, lambda: not isinstance(app.screen, ConfirmScreen))
        assert app.is_running
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
    assert app.return_code == 0


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
async def test_header_fits_every_width(width: int) -> None:
    app = McpTuiApp(DEMO)
    async with app.run_test(size=(width, 24)) as pilot:
        await until(pilot, lambda: ready(app))
        await until(pilot, lambda: "servers" in header(app))
        rendered = app.screen.query_one(TopBar).render()
        assert getattr(rendered, "cell_len", 0) <= width
