"""How the Wire screen looks, at the three sizes, dark and light."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import TextArea

from mcp_tui.ui.wire.resend import ResendScreen
from tests.ui.still import stop_blinking
from tests.ui.wire.doubles import WireApp, example
from tests.ui.wire.test_wire import loaded, until

SIZES = [(160, 45), (120, 35), (80, 24)]
Snap = Callable[..., bool]


def name(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def snap(compare: Snap, app: WireApp, size: tuple[int, int], act: Callable[[Pilot[None]], Awaitable[None]]) -> None:
    assert compare(app, terminal_size=size, run_before=act)


async def shown(pilot: Pilot[None], app: WireApp, count: int) -> None:
    """The rows, and the message of the one with the cursor."""
    await loaded(pilot, app, count)

    def complete() -> bool:
        row, whole = app.wire.list.current, app.wire.detail.whole
        return row is not None and whole is not None and whole.head.order == row.head.order

    await until(pilot, complete)


@pytest.mark.parametrize("size", SIZES, ids=name)
@pytest.mark.parametrize("theme", ["midnight", "paper"])
def test_messages_and_an_answer(snap_compare: Snap, tmp_path: Path, size: tuple[int, int], theme: str) -> None:
    example(tmp_path)
    app = WireApp(tmp_path, theme=theme)

    async def act(pilot: Pilot[None]) -> None:
        await shown(pilot, app, 14)
        app.wire.list.move_to("5")  # the answer of list_files
        await shown(pilot, app, 14)

    snap(snap_compare, app, size, act)


@pytest.mark.parametrize("size", SIZES, ids=name)
def test_errors_only_with_the_message_open(snap_compare: Snap, tmp_path: Path, size: tuple[int, int]) -> None:
    example(tmp_path)
    app = WireApp(tmp_path)

    async def act(pilot: Pilot[None]) -> None:
        await shown(pilot, app, 14)
        app.wire.filter.value = "error server:fs"
        await shown(pilot, app, 2)
        await pilot.press("up", "enter")
        await shown(pilot, app, 2)

    snap(snap_compare, app, size, act)


def test_editing_a_request(snap_compare: Snap, tmp_path: Path) -> None:
    example(tmp_path)
    app = WireApp(tmp_path)

    async def act(pilot: Pilot[None]) -> None:
        await shown(pilot, app, 14)
        app.wire.filter.value = "read_file sent"
        await shown(pilot, app, 1)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ResendScreen))
        stop_blinking(app.screen.query_one(TextArea))
        await pilot.pause()

    snap(snap_compare, app, (120, 35), act)


def test_an_empty_log(snap_compare: Snap, tmp_path: Path) -> None:
    app = WireApp(tmp_path / "none")

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.wire.list.empty.startswith("no message yet"))

    snap(snap_compare, app, (80, 24), act)
