"""A column alone on a screen, with time that stands still."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from mcp_tui.core.events import CallChanged, ColumnEvent, TurnStarted
from mcp_tui.core.state import CallRecord, CallStatus
from mcp_tui.ui.stream.model_column import ModelColumn
from mcp_tui.ui.stream.view import StreamView
from tests.builders import Clock
from tests.ui.stage import StageApp, screen_text


class ColumnApp(StageApp):
    def __init__(self, label: str, demo: bool) -> None:
        self.clock = Clock()
        self.column = ModelColumn("c1", label, demo, clock=self.clock)
        super().__init__(self.column)

    @property
    def view(self) -> StreamView:
        return self.column.view

    def feed(self, *events: ColumnEvent) -> None:
        """Hand over events and bring the view up to date."""
        for event in events:
            self.column.handle(event)
        self.view.flush()

    def screen_rows(self) -> list[str]:
        return screen_text(self).split("\n")


@asynccontextmanager
async def column_app(
    size: tuple[int, int] = (60, 20), *, label: str = "provider/model-1", demo: bool = False, start: bool = True
) -> AsyncGenerator[tuple[ColumnApp, Pilot[Any]]]:
    app = ColumnApp(label, demo)
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.pause()
        if start:
            app.feed(TurnStarted("c1", 1, "why?"))
        yield app, pilot


def call(identity: str = "1", status: CallStatus = CallStatus.OK, **changes: Any) -> CallChanged:
    fields: dict[str, Any] = {
        "step": 1,
        "server": "demo",
        "tool": "search_logs",
        "arguments": {"limit": 5, "query": "timeout"},
        "arguments_raw": "",
        "status": status,
    }
    return CallChanged("c1", CallRecord(identity, **{**fields, **changes}))


def joined(rows: Sequence[str]) -> str:
    return "\n".join(row.rstrip() for row in rows)
