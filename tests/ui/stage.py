"""The stage of the UI tests: an app that shows one screen, or widgets, as the dashboard does, and how to look at it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, cast

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, TextArea

from mcp_tui.ui import keys
from mcp_tui.ui.stylesheets import FIRST_FRAME, sheets
from mcp_tui.ui.themes import load_folder, shipped_folder

WIDE = (160, 45)
SIZES = (WIDE, (120, 35), (80, 24))
Size = tuple[int, int]
Snap = Callable[..., bool]


def sized(*sizes: Size) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("size", sizes, ids=lambda size: f"{size[0]}x{size[1]}")


every_size = sized(*SIZES)
dark_and_light = pytest.mark.parametrize("theme", ["midnight", "paper"])


class StageApp(App[None]):
    """shown: one screen, or widgets. What is copied and said is noted."""

    CSS_PATH = sheets(*FIRST_FRAME)
    BINDINGS: ClassVar[list[Binding]] = keys.bindings("app")  # pyright: ignore[reportIncompatibleVariableOverride]  narrower on purpose
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, *shown: Widget, theme: str = "midnight") -> None:
        super().__init__()
        for known in load_folder(shipped_folder())[0].values():
            self.register_theme(known)
        self.theme = theme
        self.copied: list[str] = []
        self.notes: list[str] = []
        self._shown = shown

    def get_css_variables(self) -> dict[str, str]:
        variables = super().get_css_variables()
        variables.setdefault("border-blurred", variables.get("panel", "#333333"))
        return variables

    def compose(self) -> ComposeResult:
        yield from (widget for widget in self._shown if not isinstance(widget, Screen))

    async def on_mount(self) -> None:
        for widget in self._shown:
            if isinstance(widget, Screen):
                await self.push_screen(cast("Screen[Any]", widget))

    def copy_to_clipboard(self, text: str) -> None:
        self.copied.append(text)
        super().copy_to_clipboard(text)

    def notify(self, message: str, **options: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  noted as well
        self.notes.append(message)
        super().notify(message, **options)


async def until(pilot: Pilot[Any], holds: Callable[[], object], *, timeout_s: float = 30.0) -> None:
    """Let the app work until the condition holds; fails at the deadline."""
    async with asyncio.timeout(timeout_s):
        while not holds():
            await pilot.pause(0.01)
    await pilot.pause()


def screen_text(app: App[Any]) -> str:
    """What the terminal shows, line by line."""
    screen: Screen[Any] = app.screen
    lines = screen._compositor.render_strips()  # pyright: ignore[reportPrivateUsage]  no public way to read a screen
    return "\n".join(line.text for line in lines)


def stop_blinking(*fields: Widget) -> None:
    """The cursor is drawn from now on, also where it was just invisible."""
    for field in fields:
        assert isinstance(field, Input | TextArea)
        field.cursor_blink = False
        if isinstance(field, TextArea):
            # Its cache of drawn lines takes a cursor that does not blink for one that is not visible.
            field.notify_style_update()
        field.refresh()


def snap(compare: Snap, app: App[Any], size: Size, act: Callable[[Pilot[Any]], Awaitable[None]]) -> None:
    """The picture after `act` is as it was. Nothing blinks in it."""

    async def run_before(pilot: Pilot[Any]) -> None:
        await act(pilot)
        stop_blinking(*app.screen.query("Input, TextArea"))
        await pilot.pause()

    assert compare(app, terminal_size=size, run_before=run_before)
