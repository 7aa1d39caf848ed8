"""The dashboard on the real engine: demo models over loopback HTTP, the demo server as a child process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from mcp_tui.core.state import CallStatus, ColumnStatus
from mcp_tui.ui.app import McpTuiApp
from mcp_tui.ui.bridge import DashboardOptions
from mcp_tui.ui.compare.screen import CompareScreen

DEADLINE_S = 40.0


async def until(pilot: Pilot[Any], condition: Callable[[], bool], what: str) -> None:
    """Wait for the screen to come to this; fails at a deadline, with the reason."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                await pilot.pause(0.05)
    except TimeoutError:
        raise AssertionError(f"never happened: {what}") from None


@asynccontextmanager
async def dashboard() -> AsyncGenerator[tuple[Pilot[Any], CompareScreen]]:
    app = McpTuiApp(DashboardOptions(demo=True, demo_speed=0.0))
    async with app.run_test(size=(160, 45)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, CompareScreen), "the Compare screen")
        screen = app.screen
        assert isinstance(screen, CompareScreen)
        await until(pilot, lambda: len(screen.columns_area.columns) == 3, "three demo models")
        await until(pilot, lambda: bool(app.servers) and app.servers[0].status.usable, "the demo server ready")
        yield pilot, screen


def statuses(screen: CompareScreen) -> list[ColumnStatus]:
    return [column.status for column in screen.columns_area.columns]


async def test_first_start_enter_streams_calls_tools_and_asks() -> None:
    async with dashboard() as (pilot, screen):
        assert screen.demo_line.display
        await pilot.press("enter")
        await until(pilot, lambda: screen.approval_bar.display, "a question")
        question = screen.approval_bar.question
        assert question is not None
        assert "builder" in question.columns[0]
        await pilot.press("f6")
        await until(pilot, lambda: screen.approval_bar.has_focus, "the bar has the focus")
        # The bar ignores keys for a moment after it took the focus.
        pressed = 0

        def answered() -> bool:
            return not screen.approval_bar.display

        while not answered() and pressed < 200:
            await pilot.press("y")
            await pilot.pause(0.05)
            pressed += 1
        await until(pilot, lambda: statuses(screen) == [ColumnStatus.DONE] * 3, "three answers")
        for column in screen.columns_area.columns:
            assert column.answer_text().strip()
            assert column.metrics.ttft_ms is not None
            assert any(call.status is CallStatus.OK for call in column.calls)
        await until(pilot, lambda: screen.prompt_pane.editor.has_focus, "the focus is back in the editor")
        assert screen.prompt_pane.text == ""


async def test_a_mentioned_resource_and_a_denied_call_and_a_follow_up() -> None:
    async with dashboard() as (pilot, screen):
        app = screen.app  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  App is generic in its result
        assert isinstance(app, McpTuiApp)
        uri = app.servers[0].catalog.resources[0].uri
        screen.prompt_pane.set_text(f"What is in @demo:{uri} ?")
        screen.prompt_pane.editor.focus()
        await pilot.press("enter")
        await until(pilot, lambda: screen.prompt_pane.text == "", "the prompt was sent")
        async with asyncio.timeout(DEADLINE_S):
            while not all(status.ended and status is not ColumnStatus.IDLE for status in statuses(screen)):
                if screen.approval_bar.display:
                    screen.approval_bar.focus()
                    await pilot.press("n")
                await pilot.pause(0.05)
        assert all(column.answer_text().strip() for column in screen.columns_area.columns)
        screen.prompt_pane.set_text("Thanks. And 2 + 3?")
        screen.prompt_pane.editor.focus()
        await pilot.press("enter")
        await until(pilot, lambda: screen.prompt_pane.text == "", "the follow-up was sent")
        await until(
            pilot,
            lambda: all(status.ended or status is ColumnStatus.APPROVAL for status in statuses(screen)),
            "the second turn",
        )
