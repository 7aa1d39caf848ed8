"""How tasks, followed resources and a server's log look."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from typing import cast

import pytest
from textual.pilot import Pilot

from mcp_tui.core.state import Progress
from mcp_tui.core.tasks import SubscriptionInfo, SubscriptionState, TaskStatus
from mcp_tui.sessions.manager import SessionManager
from mcp_tui.ui.servers.log import LogScreen
from mcp_tui.ui.servers.tasks import TasksScreen
from tests.ui.servers.doubles import LINES, NOTES, TASKS, LiveManager, task
from tests.ui.stage import Size, Snap, dark_and_light, every_size, sized, snap, until
from tests.ui.workbench.doubles import WorkbenchApp
from tests.ui.workbench.test_workbench import finished, opened

Act = Callable[[Pilot[None]], Awaitable[None]]


@pytest.fixture(autouse=True)
def utc() -> Generator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def at_noon(layout: str) -> str:
    return "12:03:04"


@every_size
def test_a_call_that_became_a_task(snap_compare: Snap, size: Size) -> None:
    manager = LiveManager()
    manager.gate = asyncio.Event()
    working = task("786512e2-9e0d", TaskStatus.WORKING, message="reading part 3 of 9")
    manager.progress = (Progress(3, 9, "reading part 3 of 9", working),)
    app = WorkbenchApp(manager=manager, shown=manager.shown)

    async def act(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await until(pilot, lambda: manager.started.is_set())
        app.clock += 75

    snap(snap_compare, app, size, act)


@every_size
def test_a_followed_resource_that_changed(snap_compare: Snap, size: Size, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_tui.ui.workbench.activity.time.strftime", at_noon)
    manager = LiveManager()
    app = WorkbenchApp(manager=manager, shown=manager.shown)

    async def act(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "fs", "resource", NOTES)
        await pilot.press("f9")
        await finished(pilot, app)
        await pilot.press("ctrl+f")
        manager.answers[NOTES] = {"contents": [{"uri": NOTES, "text": "# Notes\n\n- all is done"}]}
        info = SubscriptionInfo(NOTES, SubscriptionState.LIVE, 1, 1.0)
        app.show(*manager.change(subscriptions=(info,)))
        await until(pilot, lambda: len(manager.reads) == 2)
        await finished(pilot, app)

    snap(snap_compare, app, size, act)


@dark_and_light
@sized((120, 35), (80, 24))
def test_the_tasks_of_all_servers(snap_compare: Snap, size: Size, theme: str) -> None:
    manager = LiveManager()
    manager.change(tasks=TASKS)
    app = WorkbenchApp(manager=manager, shown=manager.shown, theme=theme)

    async def act(pilot: Pilot[None]) -> None:
        screen = TasksScreen(cast(SessionManager, manager), now=lambda: 100.0)
        app.push_screen(screen)
        await until(pilot, lambda: manager.asked == ["fs", "db"])

    snap(snap_compare, app, size, act)


@dark_and_light
@sized((120, 35), (80, 24))
def test_the_log_of_a_server(snap_compare: Snap, size: Size, theme: str) -> None:
    manager = LiveManager()
    manager.change(log=LINES, log_level="debug")
    app = WorkbenchApp(manager=manager, shown=manager.shown, theme=theme)

    async def act(pilot: Pilot[None]) -> None:
        screen = LogScreen(cast(SessionManager, manager), "fs")
        app.push_screen(screen)
        await until(pilot, lambda: len(screen.lines.rows) == 7)

    snap(snap_compare, app, size, act)
