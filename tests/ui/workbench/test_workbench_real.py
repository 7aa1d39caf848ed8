"""The Workbench on real sessions: the bundled demo server as a child process."""

from __future__ import annotations

import os
import signal
import sys
from types import SimpleNamespace
from typing import cast

from mcp_tui.config.schema import Origin, ServerSpec
from mcp_tui.runs.engine import Engine
from mcp_tui.sessions.manager import SessionManager
from mcp_tui.ui.workbench.outcomes import OutcomeStatus
from tests.ui.stage import WIDE, until
from tests.ui.workbench.doubles import WorkbenchApp
from tests.ui.workbench.test_workbench import finished, opened, status_of, text_of

SPEC = ServerSpec("demo", Origin("test"), command=sys.executable, args=("-m", "mcp_tui.servers.demo"))


class RealApp(WorkbenchApp):
    def __init__(self, sessions: SessionManager) -> None:
        super().__init__(shown=())
        self.sessions = sessions

    def connect(self) -> None:
        def changed() -> None:
            self.show(*self.sessions.snapshot())

        self.workbench.engine_ready(cast(Engine, SimpleNamespace(manager=self.sessions)))
        self.sessions.subscribe(changed)
        changed()


async def test_tools_resources_and_prompts_of_a_real_server() -> None:
    async with SessionManager([SPEC]) as sessions:
        app = RealApp(sessions)
        async with app.run_test(size=WIDE) as pilot:
            await until(pilot, lambda: app.workbench.items.tabs.counts[0] > 5, timeout_s=60)

            await opened(pilot, app, "demo", "tool", "add")
            await pilot.press("2", "tab", "3", "f9")
            await finished(pilot, app)
            assert status_of(app) is OutcomeStatus.OK, text_of(app)
            assert "5" in text_of(app)

            await opened(pilot, app, "demo", "tool", "fail")
            await pilot.press("f9", "f9")
            await until(pilot, lambda: status_of(app) is not None)
            await finished(pilot, app)
            assert status_of(app) in (OutcomeStatus.TOOL_ERROR, OutcomeStatus.FAILED)

            await opened(pilot, app, "demo", "tool", "slow_report")
            await pilot.press("f9")
            await until(pilot, lambda: "%" in str(app.workbench.result.progress_line.render()), timeout_s=30)
            await pilot.press("escape")
            await finished(pilot, app)
            assert status_of(app) is OutcomeStatus.CANCELLED

            uri = sessions.server("demo").catalog.resources[0].uri
            await opened(pilot, app, "demo", "resource", uri)
            await pilot.press("f9")
            await finished(pilot, app)
            assert status_of(app) is OutcomeStatus.OK


async def test_the_messages_of_a_call_stand_beside_its_result_while_it_runs_and_after() -> None:
    async with SessionManager([SPEC]) as sessions:
        app = RealApp(sessions)
        async with app.run_test(size=WIDE) as pilot:
            await until(pilot, lambda: app.workbench.items.tabs.counts[0] > 5, timeout_s=60)
            await opened(pilot, app, "demo", "tool", "slow_report")
            await pilot.press("f9", "ctrl+r", "left")
            assert app.workbench.result.view == "wire"
            await until(pilot, lambda: "← notifications/progress" in text_of(app), timeout_s=30)
            assert status_of(app) is OutcomeStatus.RUNNING
            assert text_of(app).startswith("→ tools/call slow_report  #")
            await pilot.press("escape")
            await finished(pilot, app)
            await until(pilot, lambda: "→ notifications/cancelled" in text_of(app))

            await opened(pilot, app, "demo", "tool", "current_time")
            await pilot.press("f9")
            await finished(pilot, app)
            await until(pilot, lambda: "← tools/call current_time" in text_of(app))
            assert '"structuredContent": {' in text_of(app)
            assert "slow_report" not in text_of(app)


async def test_a_server_killed_during_a_call_leaves_an_unknown_outcome_and_a_usable_screen() -> None:
    async with SessionManager([SPEC]) as sessions:
        app = RealApp(sessions)
        async with app.run_test(size=WIDE) as pilot:
            await until(pilot, lambda: app.workbench.items.tabs.counts[0] > 5, timeout_s=60)
            await opened(pilot, app, "demo", "tool", "slow_report")
            await pilot.press("f9")
            await until(pilot, lambda: "%" in str(app.workbench.result.progress_line.render()), timeout_s=30)
            pid = sessions.server("demo").pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await finished(pilot, app)
            # The tool only reads, yet nobody vouched for the server: the call is not repeated.
            assert status_of(app) is OutcomeStatus.UNKNOWN, text_of(app)
            assert "may have run" in text_of(app)
            await until(pilot, lambda: sessions.server("demo").status.usable, timeout_s=60)
            await opened(pilot, app, "demo", "tool", "add")
            await pilot.press("2", "tab", "3", "f9")
            await finished(pilot, app)
            assert status_of(app) is OutcomeStatus.OK
