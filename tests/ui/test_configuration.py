"""The dashboard while its configuration changes: files on disk, trust, inputs. Real engine, real child processes."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from mcp_tui.config import paths
from mcp_tui.config.schema import InputSpec
from mcp_tui.core.state import ServerSnapshot, ServerStatus
from mcp_tui.ui.app import McpTuiApp
from mcp_tui.ui.bridge import DashboardOptions
from mcp_tui.ui.screens.dialog import ConfirmScreen
from mcp_tui.ui.screens.input_value import InputValueScreen
from tests.core.hostile import HOSTILE, drawn_safely
from tests.sessions.conftest import SERVERS

DEADLINE_S = 40.0


def entry(**options: Any) -> dict[str, Any]:
    return {
        "command": sys.executable,
        "args": [str(SERVERS / "stdio_server.py"), json.dumps(options)],
        "protocol": "legacy",
    }


def write(file: Path, servers: dict[str, Any], **rest: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"mcpServers": servers, **rest}), "utf-8")
    return file


class Dashboard:
    def __init__(self, app: McpTuiApp, pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot

    async def until(self, condition: Callable[[], object], what: str) -> None:
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not condition():
                    await self.pilot.pause(0.02)
        except TimeoutError:
            raise AssertionError(f"never happened: {what}; servers {self.app.servers}") from None

    def server(self, name: str) -> ServerSnapshot | None:
        return next((server for server in self.app.servers if server.name == name), None)

    async def status(self, name: str, status: ServerStatus) -> ServerSnapshot:
        def reached() -> bool:
            server = self.server(name)
            return server is not None and server.status is status

        await self.until(reached, f"{name} is {status}")
        server = self.server(name)
        assert server is not None
        return server

    def notices(self) -> str:
        return " ".join(notice.message for notice in self.app._notifications)  # pyright: ignore[reportPrivateUsage] - there is no public way


@asynccontextmanager
async def dashboard(**options: Any) -> AsyncGenerator[Dashboard]:
    app = McpTuiApp(DashboardOptions(demo_speed=0, watch_interval_s=0.05, **options))
    async with app.run_test(size=(120, 35), notifications=True) as pilot:
        yield Dashboard(app, pilot)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def shown(dash: Dashboard) -> str:
    return "\n".join(str(static.render()) for static in dash.app.screen.query(Static))


async def test_a_file_that_changes_starts_and_ends_servers_and_leaves_the_others(project: Path) -> None:
    file = write(project / "servers.json", {"one": entry(), "two": entry()})
    async with dashboard(config_files=(file,)) as dash:
        one = await dash.status("one", ServerStatus.READY)
        await dash.status("two", ServerStatus.READY)
        write(file, {"one": entry(), "three": entry()})
        await dash.status("three", ServerStatus.READY)
        await dash.until(lambda: dash.server("two") is None, "two is gone")
        assert dash.server("one") == one
        file.write_text('{"mcpServers": {"one"')
        await dash.until(lambda: "servers.json:1" in dash.notices(), "a warning")
        assert "everything stays as it was" in dash.notices()
        assert [server.name for server in dash.app.servers] == ["one", "three"]
        assert dash.server("one") == one


async def test_a_project_file_is_trusted_in_the_dashboard(project: Path, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    write(project / ".mcp.json", {"local": entry(pid_file=str(pids))})
    async with dashboard() as dash:
        await dash.status("local", ServerStatus.NEEDS_TRUST)
        dash.app.reconnect("local")
        await dash.until(lambda: isinstance(dash.app.screen, ConfirmScreen), "the question")
        await dash.until(lambda: "Trust " in shown(dash), "its text")
        assert "local would run" in shown(dash)
        await dash.pilot.press("n")
        await dash.until(lambda: not isinstance(dash.app.screen, ConfirmScreen), "the question is gone")
        assert not pids.exists()
        await dash.status("local", ServerStatus.NEEDS_TRUST)
        dash.app.reconnect("local")
        await dash.until(lambda: isinstance(dash.app.screen, ConfirmScreen), "the question again")
        await dash.pilot.press("y")
        await dash.status("local", ServerStatus.READY)
        assert paths.trust_file().exists()
        write(project / ".mcp.json", {"local": entry(pid_file=str(pids), tools=2)})
        server = await dash.status("local", ServerStatus.NEEDS_TRUST)
        assert server.reason is not None
        assert "changed since it was trusted" in server.reason.detail


async def test_the_retry_key_asks_for_trust(project: Path) -> None:
    write(project / ".mcp.json", {"local": entry()})
    async with dashboard() as dash:
        await dash.status("local", ServerStatus.NEEDS_TRUST)
        from mcp_tui.ui.servers.pane import ServersPane

        dash.app.screen.query_one(ServersPane).action_retry_server()
        await dash.until(lambda: isinstance(dash.app.screen, ConfirmScreen), "the question")


async def test_an_input_is_asked_for_once_and_never_shown(project: Path, tmp_path: Path) -> None:
    mark = tmp_path / "pids"
    servers = {"local": {**entry(pid_file=str(mark)), "env": {"K": "${input:key}"}}, "free": entry()}
    definition = {"type": "promptString", "id": "key", "description": "The key of [red]x[/]", "password": True}
    file = write(project / "servers.json", servers, inputs=[definition])
    async with dashboard(config_files=(file,)) as dash:
        await dash.until(lambda: isinstance(dash.app.screen, InputValueScreen), "the question")
        await dash.until(lambda: "The key of [red]x[/]" in shown(dash), "its text")
        assert "local wants it" in shown(dash)
        await dash.status("free", ServerStatus.READY)
        assert not mark.exists()
        await dash.pilot.press(*"secret", "enter")
        local = await dash.status("local", ServerStatus.READY)
        write(file, {**servers, "new": entry()}, inputs=[definition])
        await dash.status("new", ServerStatus.READY)
        assert dash.server("local") == local
        assert not isinstance(dash.app.screen, InputValueScreen)


async def test_escape_leaves_the_server_waiting(project: Path) -> None:
    file = write(project / "servers.json", {"local": {**entry(), "env": {"K": "${input:key}"}}})
    async with dashboard(config_files=(file,)) as dash:
        await dash.until(lambda: isinstance(dash.app.screen, InputValueScreen), "the question")
        await dash.pilot.press("escape")
        server = await dash.status("local", ServerStatus.FAILED)
        assert server.reason is not None
        assert "MCP_TUI_INPUT_KEY" in server.reason.hint


async def test_leaving_while_a_question_is_open_ends_cleanly(project: Path) -> None:
    file = write(project / "servers.json", {"local": {**entry(), "env": {"K": "${input:key}"}}})
    async with dashboard(config_files=(file,)) as dash:
        await dash.until(lambda: isinstance(dash.app.screen, InputValueScreen), "the question")


async def test_hostile_texts_of_an_input_are_drawn_safely() -> None:
    app = McpTuiApp(DashboardOptions(demo=True, demo_speed=0))
    async with app.run_test(size=(80, 24)) as pilot:
        for text in list(HOSTILE.values())[::6]:
            wanted = InputSpec(text, Path("/x"), text, options=(text, "b"), servers=(text,), default="b")
            answers: list[str | None] = []
            app.push_screen(InputValueScreen(wanted), answers.append)
            await pilot.pause()
            assert app.screen.query_one(OptionList).highlighted == 1
            for static in app.screen.query(Static):
                drawn_safely(str(static.render()))
            await pilot.press("enter")
            await pilot.pause()
            assert answers == ["b"]


async def test_a_password_is_masked_and_a_default_is_offered() -> None:
    app = McpTuiApp(DashboardOptions(demo=True, demo_speed=0))
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(InputValueScreen(InputSpec("k", Path("/x"), password=True)))
        await pilot.pause()
        assert app.screen.query_one(Input).password
        await pilot.press("escape")
        app.push_screen(InputValueScreen(InputSpec("k", Path("/x"), password=False, default="d")))
        await pilot.pause()
        assert (app.screen.query_one(Input).value, app.screen.query_one(Input).password) == ("d", False)
