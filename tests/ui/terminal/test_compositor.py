"""What is drawn of a change: exactly what the framework would put there, and no widget that is not seen."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input, Static

from mcp_tui.ui.terminal.compositor import LeanCompositor, LinesUpdate


class Numbered(Widget):
    """Counts what is asked of it."""

    DEFAULT_CSS = "Numbered { width: 1fr; height: 1fr; border: round red; }"

    def __init__(self, letter: str) -> None:
        super().__init__()
        self.letter = letter
        self.asked: list[Region] = []

    def render_lines(self, crop: Region) -> list[Strip]:
        self.asked.append(crop)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        text = f"{self.letter}{y:02}日本" * 20
        return Strip([Segment(text)]).crop(0, self.size.width)


class Shown(App[None]):
    CSS = """
    Screen { layers: base over; }
    Horizontal { height: 1fr; }
    VerticalScroll { width: 20; height: 1fr; }
    #over { layer: over; offset: 8 4; width: 30; height: 5; background: blue; }
    """

    def get_default_screen(self) -> Screen[None]:
        screen: Screen[None] = Screen(id="_default")
        screen._compositor = LeanCompositor()  # pyright: ignore[reportPrivateUsage]  as the mode screens do
        return screen

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Numbered("a")
            with VerticalScroll():
                yield Static("\n".join(f"scrolled line {n}" for n in range(60)))
            yield Numbered("b")
        yield Static("over all", id="over")
        yield Input("typed", compact=True)


def _cells(lines: Iterable[tuple[int, int, Strip]]) -> dict[tuple[int, int], tuple[str, str]]:
    """Every cell that is drawn: what stands there, and how. The second cell of a wide character is empty."""
    cells: dict[tuple[int, int], tuple[str, str]] = {}
    for x, y, strip in lines:
        at = x
        for text, style, _ in strip:
            for character in text:
                look = str(style)
                assert (at, y) not in cells, "drawn twice"
                cells[at, y] = (character, look)
                width = Segment(character).cell_length
                if width == 2:
                    cells[at + 1, y] = ("", look)
                at += width
    return cells


@pytest.mark.parametrize("seed", range(12))
async def test_any_region_is_drawn_as_the_framework_draws_it(seed: int) -> None:
    chance = random.Random(seed)
    app = Shown()
    async with app.run_test(size=(90, 24)) as pilot:
        app.query_one(VerticalScroll).scroll_to(y=chance.randrange(30), animate=False)
        await pilot.pause()
        compositor = app.screen._compositor  # pyright: ignore[reportPrivateUsage]  what is tested
        assert isinstance(compositor, LeanCompositor)
        whole = _cells((0, y, strip) for y, strip in enumerate(compositor.render_strips()))
        for _ in range(30):
            x, y = chance.randrange(88), chance.randrange(23)
            region = Region(x, y, chance.randrange(1, 91 - x), chance.randrange(1, 25 - y))
            compositor._dirty_regions = {region}  # pyright: ignore[reportPrivateUsage]  what a refresh sets
            update = compositor.render_partial_update()
            assert isinstance(update, LinesUpdate)
            assert update.rest is None
            drawn = _cells(update.lines)
            assert set(drawn) == {(cx, cy) for cy in region.line_range for cx in region.column_range}
            # A wide character that a region's edge cuts in two is a space on both sides.
            edges = (region.x, region.right - 1)
            assert {at: cell for at, cell in drawn.items() if at[0] not in edges} == {
                at: whole[at] for at in drawn if at[0] not in edges
            } or _only_cut_characters_differ(drawn, whole)


def _only_cut_characters_differ(
    drawn: dict[tuple[int, int], tuple[str, str]], whole: dict[tuple[int, int], tuple[str, str]]
) -> bool:
    different = [at for at, cell in drawn.items() if cell != whole[at]]
    return all(drawn[at][0] == " " and (whole[at][0] == "" or ord(whole[at][0]) > 0x2E80) for at in different)


async def test_a_widget_that_is_not_seen_is_not_asked() -> None:
    app = Shown()
    async with app.run_test(size=(90, 24)) as pilot:
        await pilot.pause()
        first, second = app.query(Numbered)
        first.asked.clear()
        second.asked.clear()
        second.refresh(Region(2, 7, 10, 2))
        await pilot.pause()
        assert first.asked == []
        assert second.asked == [Region(3, 8, 10, 2)], "the border counts"


async def test_an_update_is_written_at_its_place() -> None:
    app = Shown()
    async with app.run_test(size=(90, 24)) as pilot:
        await pilot.pause()
        update = LinesUpdate([(4, 2, Strip([Segment("here")]))])
        assert update.render_segments(app.console) == "\x1b[3;5Hhere"


class Terminal:
    """Draws what is written, with widths of its own; out of range is out of the picture."""

    def __init__(self, widths: Mapping[str, int], width: int = 20, height: int = 3) -> None:
        self.cells = [["~"] * width for _ in range(height)]
        self._widths = widths
        self._x = self._y = 0

    def write(self, text: str) -> None:
        for found in re.finditer(r"\x1b\[(\d+);(\d+)H|\x1b\[(\d+)G|\x1b\[[\d;]*m|([^\x1b])", text):
            line, column, across, character = found.groups()
            if line:
                self._y, self._x = int(line) - 1, int(column) - 1
            elif across:
                self._x = int(across) - 1
            elif character:
                size = self._widths.get(character, 1)
                row = self.cells[self._y]
                if size and self._x < len(row):
                    row[self._x : self._x + size] = [character, *[""] * (size - 1)]
                elif not size:
                    row[self._x - 1] += character
                self._x += size

    def rows(self) -> list[str]:
        return ["".join(row) for row in self.cells]


VARIATION, TONE, VOWEL = "\ufe0f", "\U0001f3fd", "\u093e"
TERMINALS = {
    "narrow": {VARIATION: 0, TONE: 0, "\U0001f44d": 2},
    "wide": {VARIATION: 1, TONE: 2, "\U0001f44d": 2},
}


@pytest.mark.parametrize("widths", TERMINALS.values(), ids=TERMINALS)
def test_what_follows_an_emoji_stands_at_its_place_in_every_terminal(widths: Mapping[str, int]) -> None:
    style = Style(bold=True)
    line = Strip(
        [
            Segment(" "),
            Segment(f"\u26a0{VARIATION} a \U0001f44d{TONE}b", style),
            Segment("   "),
            Segment("1"),
            Segment("  "),
            Segment("\u2590"),
        ]
    )
    terminal = Terminal(widths)
    terminal.write(LinesUpdate([(2, 1, line)]).render_segments(App[None]().console))
    row = terminal.cells[1]
    assert (row[6], row[10], row[14], row[17]) == ("a", "b", "1", "\u2590")
    assert row[:2] == ["~"] * 2 and row[18:] == ["~"] * 2
    assert "~" not in row[2:18], "nothing of what was there before is left"


def test_words_of_a_script_with_vowel_signs_keep_their_letters_and_move_nothing() -> None:
    word = "\u0926\u0928\u092f" + VOWEL
    line = Strip([Segment(word + "."), Segment("     "), Segment("\u2502")])
    at = line.cell_length - 1
    for size in (0, 1):
        terminal = Terminal({VOWEL: size})
        terminal.write(LinesUpdate([(0, 0, line)]).render_segments(App[None]().console))
        assert "".join(terminal.cells[0]).startswith(word + ".")
        assert terminal.cells[0][at] == "\u2502"
        assert terminal.cells[0][at + 1 :] == ["~"] * (19 - at)


async def test_the_whole_screen_is_drawn_with_the_same_care() -> None:
    app = Shown()
    async with app.run_test(size=(90, 24)) as pilot:
        app.query_one(Static).update(f"\u26a0{VARIATION} here")
        await pilot.pause()
        update = app.screen._compositor.render_full_update()  # pyright: ignore[reportPrivateUsage]  what is tested
        assert f"\u26a0{VARIATION}\x1b[" in update.render_segments(app.console)
