"""How requests from servers look, at the three sizes. Clocks stand still."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from textual.widgets import Input

from mcp_tui.ui.requests.screen import RequestsScreen
from tests.ui.compare.test_compare_snapshots import picture
from tests.ui.doubles import Stage
from tests.ui.requests.doubles import FORM, PAGE, SAMPLE, AskedEngine, Asking
from tests.ui.stage import Snap, every_size

Scene = Callable[[Asking], Awaitable[None]]


async def bar(a: Asking) -> None:
    await a.ask(FORM)
    await a.ask(SAMPLE, server="fs")


async def form(a: Asking) -> None:
    await a.ask(FORM, origin="run r1 column c2 call t1s1c1", server="shop")
    await a.ask(SAMPLE, server="fs", asked_at=a.s.clock.now - 70)
    await a.open()
    await a.press("f9")
    await a.until(lambda: isinstance(a.s.top.focused, Input))
    await a.s.type("Ann")
    await a.s.work_done()


async def page(a: Asking) -> None:
    await a.ask(PAGE, origin="workbench")
    await a.open()


async def model(a: Asking) -> None:
    await a.ask(SAMPLE, origin="run r1 column c1 call t1s1c1")
    screen = await a.open()
    await a.press("g")
    await a.until(lambda: "F9 sends it" in a.s.shown() and not screen.list.running)
    await a.press("enter")


async def history(a: Asking) -> None:
    for params in (FORM, SAMPLE, PAGE):
        await a.ask(params)
    await a.open()
    await a.press("d")
    await a.press("k", "enter", "f9")
    await a.press("f9")


SCENES: dict[str, Scene] = {scene.__name__: scene for scene in (bar, form, page, model, history)}


@every_size
@pytest.mark.parametrize("scene", SCENES)
def test_requests_look(snap_compare: Snap, scene: str, size: tuple[int, int]) -> None:
    async def play(s: Stage) -> None:
        await SCENES[scene](Asking(s))
        if isinstance(s.top, RequestsScreen):
            s.top.show()  # the ages, which it draws once a second

    assert picture(snap_compare, play, size, engine=AskedEngine())
