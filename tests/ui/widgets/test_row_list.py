"""Lists under the mouse, with and without a frame."""

from __future__ import annotations

from tests.ui.doubles import stage


async def test_a_click_takes_the_row_it_points_at_also_inside_a_frame() -> None:
    async with stage() as s:
        pane = s.screen.servers_pane
        first = pane.content_region.y - pane.region.y
        assert first, "it has a frame"
        for row in (2, 0):
            await s.pilot.click(pane, offset=(4, first + row))
            await s.settle()
            assert pane.cursor == row
        await s.pilot.click(pane, offset=(4, 0))
        await s.settle()
        assert pane.cursor == 0, "the frame is no row"


async def test_a_key_at_the_end_brings_the_cursor_back_into_view() -> None:
    async with stage(size=(120, 24)) as s:
        rows = s.screen.catalog_pane.list
        rows.focus()
        await s.press("end")
        last, top = rows.cursor, rows.top
        assert top > 0
        rows.scroll_to(y=0, animate=False)
        await s.settle()
        await s.press("down")
        assert (rows.cursor, rows.top) == (last, top)
