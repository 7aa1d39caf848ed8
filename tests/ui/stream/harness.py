"""A column alone on a screen, with time that stands still."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult
from textual.pilot import Pilot

import mcp_tui.ui
from mcp_tui.core.events import CallChanged, ColumnEvent, TurnStarted
from mcp_tui.core.state import CallRecord, CallStatus
from mcp_tui.ui.stream.model_column import ModelColumn
from mcp_tui.ui.stream.view import StreamView
from mcp_tui.ui.themes import load_folder, shipped_folder

STYLES = Path(mcp_tui.ui.__file__).parent / "styles" / "model_column.tcss"


class Clock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class ColumnApp(App[None]):
    CSS_PATH = STYLES

    def __init__(self, label: str, demo: bool) -> None:
        super().__init__()
        for theme in load_folder(shipped_folder())[0].values():
            self.register_theme(theme)
        self.theme = "midnight"
        self.clock = Clock()
        self.column = ModelColumn("c1", label, demo, clock=self.clock)
        self.copied: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.column

    def copy_to_clipboard(self, text: str) -> None:
        self.copied.append(text)
        super().copy_to_clipboard(text)

    @property
    def view(self) -> StreamView:
        return self.column.view

    def feed(self, *events: ColumnEvent) -> None:
        """Hand over events and bring the view up to date."""
        for event in events:
            self.column.handle(event)
        self.view.flush()

    def screen_rows(self) -> list[str]:
        """What the terminal shows, line by line."""
        strips = self.screen._compositor.render_strips()  # pyright: ignore[reportPrivateUsage]  there is no public way
        return [strip.text for strip in strips]


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
