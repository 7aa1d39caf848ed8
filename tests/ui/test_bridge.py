"""What the engine tells beside its levels: faults it lives with become toasts, each of them once."""

from __future__ import annotations

import asyncio

import pytest

from mcp_tui.config import paths
from mcp_tui.config.schema import Config, InputSpec
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.server_requests import ServerRequest
from mcp_tui.core.state import ApprovalPolicy, ApprovalQuestion, ServerSnapshot, ServerStatus
from mcp_tui.runs.engine import Engine
from mcp_tui.runs.spec import RunSpec
from mcp_tui.store.provider_keys import ProviderKeys
from mcp_tui.ui.bridge import DashboardOptions, EngineBridge
from tests.ui.test_configuration import Dashboard, dashboard


def toasts(dash: Dashboard, words: str) -> list[str]:
    """Severities of the notices that hold these words."""
    notices = dash.app._notifications  # pyright: ignore[reportPrivateUsage] - there is no public way
    return [notice.severity for notice in notices if words in notice.message]


async def test_a_keyring_that_refuses_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: ProviderKeys) -> dict[str, str]:
        raise AppError("Keyring: cannot read [red]the keys[/]", "locked", kind=ErrorKind.AUTH, code="keyring")

    monkeypatch.setattr(ProviderKeys, "load", refuse)
    async with dashboard() as dash:
        await dash.until(lambda: toasts(dash, "Keyring: cannot read [red]the keys[/]: locked"), "the warning")
        assert toasts(dash, "Keyring") == ["warning"]
        await dash.until(lambda: dash.app.engine, "the engine goes on")


async def test_a_ledger_that_cannot_be_written_is_one_warning_however_often_it_fails() -> None:
    paths.data_dir().parent.mkdir(parents=True, exist_ok=True)
    paths.data_dir().write_text("no directory")
    async with dashboard(demo=True) as dash:
        await dash.until(lambda: dash.app.engine, "the engine")
        engine = dash.app.engine
        assert engine is not None
        columns = engine.default_columns(["demo/swift", "demo/scholar"])
        for _ in range(2):
            run = engine.start_run(RunSpec(columns, ApprovalPolicy.NEVER, no_tools=True), lambda event: None)
            run.send("Hi")
            await dash.until(lambda run=run: not run.live, "the answers")
        await dash.until(lambda: toasts(dash, "Usage not recorded"), "the warning")
        assert toasts(dash, "Usage not recorded") == ["warning"]


class Ear:
    """In place of the app."""

    def __init__(self) -> None:
        self.is_running = True
        self.engine: Engine | None = None
        self.servers: list[tuple[ServerSnapshot, ...]] = []
        self.heard = asyncio.Event()

    def engine_ready(self, engine: Engine) -> None:
        self.engine = engine

    def engine_failed(self, info: ErrorInfo) -> None:
        raise AssertionError(info.line())

    def config_loaded(self, config: Config) -> None: ...

    def servers_changed(self, servers: tuple[ServerSnapshot, ...]) -> None:
        self.servers.append(servers)
        self.heard.set()

    def questions_changed(self, questions: tuple[ApprovalQuestion, ...]) -> None: ...

    def requests_changed(self, requests: tuple[ServerRequest, ...]) -> None: ...

    def warned(self, problem: ErrorInfo) -> None: ...

    async def ask_for_input(self, wanted: InputSpec) -> str | None: ...

    async def until(self, status: ServerStatus) -> None:
        while not self.servers or any(server.status is not status for server in self.servers[-1]):
            self.heard.clear()
            await self.heard.wait()


async def test_nothing_is_told_after_the_app_has_ended() -> None:
    ear = Ear()
    bridge = EngineBridge(DashboardOptions(demo=True, demo_speed=0), ear)
    bridge.start()
    try:
        async with asyncio.timeout(30):
            await ear.until(ServerStatus.READY)
            engine = ear.engine
            assert engine is not None
            engine.manager.set_enabled("demo", False)
            await ear.until(ServerStatus.DISABLED)
            told = len(ear.servers)
            ear.is_running = False
            again = asyncio.Event()
            engine.manager.subscribe(again.set)
            engine.manager.set_enabled("demo", True)
            await again.wait()
        assert len(ear.servers) == told
    finally:
        await bridge.stop()
