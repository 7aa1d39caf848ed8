"""Tasks, followed resources and server logs on the screen."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeAlias, cast

import pytest
from rich.style import Style
from textual.pilot import Pilot

from mcp_tui.core.state import CallRecord, CallStatus, Catalog, Progress, ServerSnapshot
from mcp_tui.core.tasks import SubscriptionInfo, SubscriptionState, TaskStatus
from mcp_tui.sessions.manager import SessionManager
from mcp_tui.ui.app import McpTuiApp
from mcp_tui.ui.bridge import DashboardOptions
from mcp_tui.ui.messages import LogAsked, TaskOpened
from mcp_tui.ui.servers.activity_text import log_rows, more_talkative, subscription_words
from mcp_tui.ui.servers.card import card
from mcp_tui.ui.servers.log import LogScreen
from mcp_tui.ui.servers.tasks import TasksScreen
from mcp_tui.ui.stream.call_line import state_spans
from mcp_tui.ui.stream.rows import Palette
from mcp_tui.ui.workbench.outcomes import OutcomeStatus
from mcp_tui.ui.workbench.screen import WorkbenchScreen
from tests.ui.servers.doubles import LINES, NOTES, TASKS, LiveManager, facts, task
from tests.ui.stage import WIDE, until
from tests.ui.workbench.doubles import WorkbenchApp
from tests.ui.workbench.test_workbench import finished, opened, status_of, text_of

PEER = Path(__file__).parents[2] / "sessions" / "servers" / "live_stdio.py"
Wait: TypeAlias = Callable[..., Awaitable[None]]
WORKING = task("t1", TaskStatus.WORKING, message="part 3 of 9")


def app_of(manager: LiveManager) -> WorkbenchApp:
    return WorkbenchApp(manager=manager, shown=manager.shown)


def progress_line(app: WorkbenchApp) -> str:
    return str(app.workbench.result.progress_line.render())


def tab_line(app: WorkbenchApp) -> str:
    return str(app.workbench.form.tabs.render())


def notice(app: WorkbenchApp) -> str:
    return str(app.workbench.form.notice.render())


def with_support(manager: LiveManager, **support: str) -> None:
    """Tools of fs that can, or have to, run as tasks."""
    server = manager.shown[0]
    tools = tuple(
        replace(tool, raw={**tool.raw, "execution": {"taskSupport": support[tool.name]}})
        if tool.name in support
        else tool
        for tool in server.catalog.tools
    )
    manager.change(catalog=Catalog(tools, server.catalog.resources, server.catalog.templates))


# ------------------------------------------------------------------ tasks


async def test_a_call_that_became_a_task_shows_its_state_and_escape_cancels_it() -> None:
    manager = LiveManager()
    manager.gate = asyncio.Event()
    manager.progress = (Progress(0.0, None, "part 3 of 9", WORKING),)
    app = app_of(manager)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await until(pilot, lambda: "task working" in progress_line(app))
        assert "part 3 of 9" in progress_line(app)
        assert "esc cancels it" in progress_line(app)
        await pilot.press("escape")
        await until(pilot, lambda: manager.cancelled_tasks == ["t1"])
        assert "esc again stops waiting" in notice(app)
        assert status_of(app) is OutcomeStatus.RUNNING, "the server may finish it all the same"
        await pilot.press("escape")
        await finished(pilot, app)
        assert status_of(app) is OutcomeStatus.CANCELLED


async def test_a_refused_cancel_is_said() -> None:
    manager = LiveManager()
    manager.gate = asyncio.Event()
    manager.progress = (Progress(0.0, None, "", WORKING),)
    manager.refuse_cancel = "it is too late"
    app = app_of(manager)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await until(pilot, lambda: "task working" in progress_line(app))
        await pilot.press("escape")
        await until(pilot, lambda: "it is too late" in notice(app))
        manager.gate.set()
        await finished(pilot, app)
        assert status_of(app) is OutcomeStatus.OK


async def test_a_tool_that_can_run_as_a_task_does_when_switched() -> None:
    manager = LiveManager()
    with_support(manager, list_roots="optional", wipe="required")
    app = app_of(manager)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        assert "as a task" not in tab_line(app)
        await pilot.press("f9")
        await finished(pilot, app)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "as a task" in tab_line(app))
        await pilot.press("f9")
        await until(pilot, lambda: len(manager.as_task) == 2)
        assert manager.as_task == [None, True]

        await opened(pilot, app, "fs", "tool", "wipe")
        await until(pilot, lambda: "as a task" in tab_line(app))
        assert "runs as a task" in str(app.workbench.form.facts.render())
        assert app.workbench.check_action("toggle_task", ()) is False, "it has to"
        await opened(pilot, app, "fs", "tool", "report")
        assert app.workbench.check_action("toggle_task", ()) is False, "it cannot"

        await opened(pilot, app, "fs", "tool", "list_roots")
        assert app.workbench.check_action("toggle_task", ()) is True
        app.show(*manager.change(facts=facts("modern")))
        assert app.workbench.check_action("toggle_task", ()) is False, "the server decides"
        await until(pilot, lambda: "as a task" not in tab_line(app))


async def test_the_task_list_shows_states_cancels_and_opens_results() -> None:
    manager = LiveManager()
    manager.change(tasks=TASKS)
    app = app_of(manager)
    async with app.run_test(size=WIDE) as pilot:
        screen = TasksScreen(cast(SessionManager, manager), now=lambda: 100.0)
        app.push_screen(screen)
        await until(pilot, lambda: manager.asked == ["fs", "db"])
        rows = [screen.list.row_text(index, 100).plain for index in range(screen.list.row_count())]
        assert [row[:12].strip() for row in rows] == [
            "? asks",
            "◐ working",
            "✓ completed",
            "✗ failed",
            "■ cancelled",
            "! lost",
        ]
        assert "Task not found (-32602)" in rows[5]
        assert "waited for" in rows[1]
        await pilot.press("x")
        await until(pilot, lambda: manager.cancelled_tasks == ["a1"])
        manager.refuse_cancel = "too late"
        await pilot.press("down", "x")
        await until(pilot, lambda: "too late" in str(screen.note.render()))
        await pilot.press("down", "x")
        await until(pilot, lambda: "ended already" in str(screen.note.render()))
        manager.change(tasks=TASKS[:1])
        await pilot.pause()
        assert screen.list.row_count() == 1


async def test_the_result_of_a_task_of_the_list_opens_with_its_tool() -> None:
    manager = LiveManager()
    app = app_of(manager)
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.workbench.form.item is not None)
        app.workbench.open_task("fs", "t9", "list_roots")
        await until(pilot, lambda: "result of t9" in text_of(app))
        assert manager.results == ["t9"]
        app.workbench.open_task("fs", "t10", "")
        await until(pilot, lambda: "result of t10" in text_of(app))


def test_a_task_of_a_column_says_so_on_its_line() -> None:
    call = CallRecord("c", 1, "fs", "job", {}, "{}", CallStatus.RUNNING, started_at=0.0)
    call = replace(call, progress=Progress(0.0, None, "", task("t", TaskStatus.INPUT_REQUIRED)))
    palette = Palette(*[Style()] * len(fields(Palette)))
    spans = state_spans(call, palette, 3.0)
    assert "".join(text for text, _ in spans) == "○ task input required 3s"


# ------------------------------------------------------------------ followed resources


def live(updates: int, **changes: object) -> SubscriptionInfo:
    info = SubscriptionInfo(NOTES, SubscriptionState.LIVE, updates, 1.0 if updates else None)
    return replace(info, **changes)  # pyright: ignore[reportArgumentType] - fields of SubscriptionInfo


async def followed_notes(pilot: Pilot[None], app: WorkbenchApp, manager: LiveManager) -> None:
    await opened(pilot, app, "fs", "resource", NOTES)
    await pilot.press("f9")
    await finished(pilot, app)
    await pilot.press("ctrl+f")
    assert manager.followed == [NOTES]
    app.show(*manager.change(subscriptions=(live(0),)))
    await until(pilot, lambda: "● live" in tab_line(app))


async def test_a_followed_resource_is_read_again_when_it_changed() -> None:
    manager = LiveManager()
    app = app_of(manager)
    async with app.run_test(size=WIDE) as pilot:
        await followed_notes(pilot, app, manager)
        assert len(manager.reads) == 1
        manager.answers[NOTES] = {"contents": [{"uri": NOTES, "text": "new text"}]}
        app.show(*manager.change(subscriptions=(live(1),)))
        await until(pilot, lambda: "new text" in text_of(app))
        assert len(manager.reads) == 2
        outcome = app.workbench.result.outcome
        assert outcome is not None
        assert outcome.heard.startswith("changed ")
        assert "1 change" in tab_line(app)
        assert outcome.heard in str(app.workbench.result.tabs.render())
        item = app.workbench.form.item
        assert item is not None
        assert len(item.outcomes) == 2, "the one before is kept, d compares them"
        app.show(*manager.change(subscriptions=(live(2, reconnected=True),)))
        await until(pilot, lambda: len(manager.reads) == 3)
        await finished(pilot, app)
        outcome = app.workbench.result.outcome
        assert outcome is not None
        assert outcome.heard.startswith("after a reconnect ")

        await pilot.press("ctrl+f")
        assert manager.unfollowed == [NOTES]
        app.show(*manager.change(subscriptions=(live(3),)))
        await pilot.pause()
        assert len(manager.reads) == 3


async def test_changes_that_come_while_it_is_read_are_read_once_after_it() -> None:
    manager = LiveManager()
    app = app_of(manager)
    async with app.run_test(size=WIDE) as pilot:
        await followed_notes(pilot, app, manager)
        app.show(*manager.change(subscriptions=(live(1),)))
        app.show(*manager.change(subscriptions=(live(5),)))
        await until(pilot, lambda: len(manager.reads) == 3)
        await finished(pilot, app)
        assert len(manager.reads) == 3


async def test_a_resource_the_server_does_not_announce_says_why() -> None:
    manager = LiveManager()
    app = app_of(manager)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "resource", NOTES)
        await pilot.press("ctrl+f")
        await until(pilot, lambda: len(manager.reads) == 1, timeout_s=10)
        refused = SubscriptionInfo(NOTES, SubscriptionState.REFUSED, note="this server announces nothing")
        app.show(*manager.change(subscriptions=(refused,)))
        await until(pilot, lambda: "not announced: this server announces nothing" in tab_line(app))


def test_the_words_of_a_subscription_are_clean() -> None:
    info = SubscriptionInfo(NOTES, SubscriptionState.REFUSED, note="a\x1b]52;c;x\x07b")
    assert "\x1b" not in subscription_words(info)[0]


# ------------------------------------------------------------------ log


def test_log_lines_have_a_sign_a_word_and_a_colour_and_are_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = log_rows(LINES)
    assert [row.kind for row in rows] == ["muted", "muted", "plain", "warning", "error", "error", "error"]
    assert "! warning" in rows[3].text
    assert all("\x1b" not in row.text for row in rows)
    assert rows[6].text.strip() == "second line"
    assert [row.text[-4:] for row in log_rows(LINES, least="warning")] == ["left", 'on"}', "line", "line"]
    assert len(log_rows(LINES, words="index error")) == 1


def test_the_level_moves_one_step_and_stops_at_the_ends() -> None:
    assert more_talkative("", 1) == "warning"
    assert more_talkative("warning", 1) == "notice"
    assert more_talkative("debug", 1) == "debug"
    assert more_talkative("emergency", -1) == "emergency"


async def test_the_log_follows_filters_and_asks_for_more() -> None:
    manager = LiveManager()
    manager.change(log=LINES[:3])
    app = app_of(manager)
    async with app.run_test(size=WIDE) as pilot:
        screen = LogScreen(cast(SessionManager, manager), "fs")
        app.push_screen(screen)
        await until(pilot, lambda: len(screen.lines.rows) == 3)
        assert "not asked to log" in str(screen.note.render())
        manager.change(log=LINES)
        await until(pilot, lambda: len(screen.lines.rows) == 7)
        await pilot.press("slash", *"index")
        await until(pilot, lambda: len(screen.lines.rows) == 2)
        await pilot.press("escape")
        await until(pilot, lambda: len(screen.lines.rows) == 7)
        await pilot.press("v", "v")
        await until(pilot, lambda: len(screen.lines.rows) == 4)
        assert "shown from warning on" in str(screen.note.render())
        await pilot.press("plus")
        await until(pilot, lambda: manager.levels == ["warning"])
        await until(pilot, lambda: "asked to log from warning on" in str(screen.note.render()))
        await pilot.press("plus", "minus")
        await until(pilot, lambda: manager.levels == ["warning", "notice", "warning"])


async def test_the_log_of_a_server_that_is_removed_closes() -> None:
    manager = LiveManager()
    app = app_of(manager)
    async with app.run_test(size=WIDE) as pilot:
        screen = LogScreen(cast(SessionManager, manager), "fs")
        app.push_screen(screen)
        await until(pilot, lambda: app.screen is screen)
        manager.shown = ()
        manager.change()
        await until(pilot, lambda: app.screen is not screen)


def test_the_card_tells_of_tasks_followed_resources_log_and_era() -> None:
    manager = LiveManager()
    server: ServerSnapshot = manager.change(
        tasks=TASKS, subscriptions=(live(1),), log=LINES, log_level="info", era_source="remembered"
    )[0]
    text = card(server, 100.0).plain
    assert "2025-11-25 (legacy, remembered)" in text
    assert "2 running, 4 ended" in text
    assert "1 of 1 resources live" in text
    assert "5 messages, the worst critical, asked for from info on" in text


# ------------------------------------------------------------------ the whole dashboard


@asynccontextmanager
async def dashboard_with_peer() -> AsyncGenerator[tuple[McpTuiApp, Pilot[Any], Wait]]:
    """With a real server named `one`, which is ready."""
    command = shlex.join([sys.executable, str(PEER), json.dumps({"ticks": 2})])
    app = McpTuiApp(DashboardOptions(servers=(f"one={command}",)))
    async with app.run_test(size=WIDE) as pilot:

        async def wait(condition: Callable[[], object], timeout_s: float = 30.0) -> None:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    await pilot.pause(0.02)

        await wait(lambda: bool(app.servers) and app.servers[0].status.usable and app.engine is not None)
        yield app, pilot, wait


async def test_a_task_is_waited_for_in_a_workbench_that_was_never_opened() -> None:
    async with dashboard_with_peer() as (app, _, wait):
        app.post_message(TaskOpened("one", "no-such-task", "long"))
        await wait(lambda: isinstance(app.screen, WorkbenchScreen))
        bench = cast(WorkbenchScreen, app.screen)
        await wait(lambda: bench.form.item is not None and bench.form.item.key.name == "long")
        await wait(lambda: bench.result.outcome is not None and bench.result.outcome.task_id == "no-such-task", 5.0)


async def test_tasks_logs_and_followed_resources_of_a_real_server() -> None:
    async with dashboard_with_peer() as (app, pilot, wait):
        await pilot.press("f3")
        await wait(lambda: isinstance(app.screen, WorkbenchScreen))
        bench = cast(WorkbenchScreen, app.screen)

        bench.open_item("one", "tool", "long")
        await wait(lambda: bench.form.item is not None and bench.form.item.key.name == "long")
        await pilot.press("f9")
        await wait(lambda: bench.result.outcome is not None and bench.result.outcome.status is OutcomeStatus.OK)
        await wait(lambda: "job done" in "\n".join(row.text for row in bench.result.lines.rows))

        bench.open_item("one", "resource", "file:///a.txt")
        await wait(lambda: bench.form.item is not None and bench.form.item.key.kind == "resource")
        await pilot.press("ctrl+f")
        await wait(lambda: "tick 2" in "\n".join(row.text for row in bench.result.lines.rows))

        await app.run_action("open_tasks")
        await wait(lambda: isinstance(app.screen, TasksScreen))
        await wait(lambda: len(cast(TasksScreen, app.screen).list.tasks) == 1)
        await pilot.press("enter")
        await wait(lambda: app.screen is bench)
        await wait(lambda: bench.form.item is not None and bench.form.item.key.name == "long")
        await wait(lambda: len(bench.form.item.outcomes if bench.form.item is not None else ()) == 2)

        app.post_message(LogAsked("one"))
        await wait(lambda: isinstance(app.screen, LogScreen))
        await wait(lambda: any("the live peer is up" in row.text for row in cast(LogScreen, app.screen).lines.rows))
