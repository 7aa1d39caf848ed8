"""What the engine tells beside its levels: faults it lives with become toasts, each of them once."""

from __future__ import annotations

import pytest

from mcp_tui.config import paths
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.state import ApprovalPolicy
from mcp_tui.runs.spec import RunSpec
from mcp_tui.store.provider_keys import ProviderKeys
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
