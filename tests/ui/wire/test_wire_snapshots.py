"""How the Wire screen looks, at the three sizes, dark and light."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot

from mcp_tui.ui.wire.resend import ResendScreen
from tests.ui.stage import Size, Snap, dark_and_light, every_size, snap, until
from tests.ui.wire.doubles import WireApp, example
from tests.ui.wire.test_wire import loaded


async def shown(pilot: Pilot[None], app: WireApp, count: int) -> None:
    """The rows, and the message of the one with the cursor."""
    await loaded(pilot, app, count)

    def complete() -> bool:
        row, whole = app.wire.list.current, app.wire.detail.whole
        return row is not None and whole is not None and whole.head.order == row.head.order

    await until(pilot, complete)


@every_size
@dark_and_light
def test_messages_and_an_answer(snap_compare: Snap, tmp_path: Path, size: Size, theme: str) -> None:
    example(tmp_path)
    app = WireApp(tmp_path, theme=theme)

    async def act(pilot: Pilot[None]) -> None:
        await shown(pilot, app, 14)
        app.wire.list.move_to("5")  # the answer of list_files
        await shown(pilot, app, 14)

    snap(snap_compare, app, size, act)


@every_size
def test_errors_only_with_the_message_open(snap_compare: Snap, tmp_path: Path, size: Size) -> None:
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

    snap(snap_compare, app, (120, 35), act)


def test_an_empty_log(snap_compare: Snap, tmp_path: Path) -> None:
    app = WireApp(tmp_path / "none")

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.wire.list.empty.startswith("no message yet"))

    snap(snap_compare, app, (80, 24), act)
