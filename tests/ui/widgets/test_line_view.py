"""A long text, of which the visible lines are drawn."""

from __future__ import annotations

import pytest
from rich.control import strip_control_codes
from textual.geometry import Offset
from textual.selection import Selection

from mcp_tui.ui.widgets.line_view import LineView, ViewRow, rows_of
from tests.ui.stage import StageApp

ROW_CHARS = 100_000
TEXT = '{"name": "a value that is longer than the view is wide"}\nshort\n\n' + "x" * 50


@pytest.mark.parametrize("letter", ["x", "é", "漢"])
async def test_a_row_of_any_length_costs_what_is_seen_of_it(letter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = LineView()
    app = StageApp(lines)
    async with app.run_test(size=(40, 20)) as pilot:
        lines.show([ViewRow(letter * ROW_CHARS, "json")])
        await app.workers.wait_for_complete()  # pyright: ignore[reportUnknownMemberType]  partly typed
        await pilot.pause()
        assert lines.virtual_size.height > 1000
        handled: list[int] = []

        def strip(text: str) -> str:
            handled.append(len(text))
            return strip_control_codes(text)

        monkeypatch.setattr("rich.text.strip_control_codes", strip)
        drawn = [lines.render_line(y).text for y in range(20)]
    assert "".join(line.rstrip() for line in drawn)[:20] == letter * 20
    assert sum(handled) <= 20 * 40


async def test_colours_stay_where_they_are_over_the_breaks() -> None:
    lines = LineView()
    app = StageApp(lines)
    async with app.run_test(size=(22, 10)) as pilot:
        lines.show([ViewRow('"key": "a text that goes on over several lines", "n": 12345', "json")])
        await pilot.pause()
        segments = [
            (segment.text.strip(), segment.style.color)
            for y in range(lines.virtual_size.height)
            for segment in lines.render_line(y)
            if segment.style is not None and segment.text.strip()
        ]
        wanted = {
            name: lines.get_component_rich_style(f"line-view--{name}", partial=True).color
            for name in ("key", "string", "number")
        }
    coloured = dict(segments)
    assert coloured['"key"'] == wanted["key"]
    assert coloured["12345"] == wanted["number"]
    strings = [text for text, colour in segments if colour == wanted["string"]]
    assert " ".join(strings) == '"a text that goes on over several lines"'


async def test_selected_text_has_the_line_breaks_of_the_text_and_none_of_wrapping() -> None:
    lines = LineView()
    app = StageApp(lines)
    async with app.run_test(size=(24, 20)) as pilot:
        view = lines
        view.show(rows_of(TEXT))
        await pilot.pause()
        assert view.get_selection(Selection(None, None)) == (TEXT, "\n")
        part = view.get_selection(Selection(Offset(9, 0), Offset(3, 1)))
        assert part is not None
        assert part[0] == TEXT[9 : 9 + len(part[0])]
        assert "\n" not in part[0]
