"""A long text of which only the visible lines are drawn."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.geometry import Offset
from textual.selection import Selection

from mcp_tui.ui.widgets.line_view import LineView, rows_of

TEXT = '{"name": "a value that is longer than the view is wide"}\nshort\n\n' + "x" * 50


class Shown(App[None]):
    def compose(self) -> ComposeResult:
        yield LineView()


async def test_selected_text_has_the_line_breaks_of_the_text_and_none_of_wrapping() -> None:
    app = Shown()
    async with app.run_test(size=(24, 20)) as pilot:
        view = app.query_one(LineView)
        view.show(rows_of(TEXT))
        await pilot.pause()
        assert view.get_selection(Selection(None, None)) == (TEXT, "\n")
        part = view.get_selection(Selection(Offset(9, 0), Offset(3, 1)))
        assert part is not None
        assert part[0] == TEXT[9 : 9 + len(part[0])]
        assert "\n" not in part[0]
