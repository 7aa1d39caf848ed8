"""The first frame: the Compare screen's frames in their places, drawn as one widget, before any pane exists.

It must look exactly like the Compare screen without news: a test compares the two cell by cell.
"""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from mcp_tui.ui.first_words import ASK, COLUMNS_STARTING, PROMPT_HINTS, PROMPT_TITLE, SERVERS_STARTING
from mcp_tui.ui.keys import KEYS, shown
from mcp_tui.ui.widgets.key_bar import KeyBar
from mcp_tui.ui.widgets.top_bar import TopBar

SIDEBAR_CELLS = ((140, 36), (100, 32), (0, 0))
"""(least screen width, cells of the sidebar)."""
TALL_ROWS = 30
"""From so many rows on the prompt has two lines."""

_TITLE = ((f" {PROMPT_TITLE} ", "title"), (f"{PROMPT_HINTS} ", "dim"))
_NOTHING = " 0 tools · ~0 in "
_COUNTS = (
    *((("Tools 0", "Resources 0", "Prompts 0"), gap) for gap in (3, 2, 1)),
    *((("Tools 0", "Res 0", "Prompts 0"), gap) for gap in (2, 1)),
)
"""(words, cells between them), the first that fit are shown."""


class StartPane(Widget):
    """Everything between the header line and the key line."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"start--{name}" for name in ("frame", "focus", "title", "dim", "muted", "tab", "cursor", "filter")
    }
    DEFAULT_CSS = """
    StartPane {
        height: 1fr; background: $background;
        & > .start--frame { color: $border-blurred; }
        & > .start--focus { color: $border; }
        & > .start--title { color: $text-accent; }
        & > .start--dim { color: $text-accent; text-style: dim; }
        & > .start--muted { color: $text-muted; }
        & > .start--tab { color: $text-accent; text-style: bold underline; }
        & > .start--cursor {
            color: $input-cursor-foreground; background: $input-cursor-background;
            text-style: $input-cursor-text-style;
        }
        & > .start--filter { color: $text-disabled; }
    }
    """

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        side = next(cells for least, cells in SIDEBAR_CELLS if width >= least)
        segments = [*self._side(y, side, height), *self._main(y, width - side, height)] if width > side else []
        return Strip(segments).adjust_cell_length(width, self._style("frame"))

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"start--{name}")

    def _side(self, y: int, width: int, height: int) -> list[Segment]:
        """The servers in three rows, the catalog below."""
        if not width:
            return []
        frame, muted = self._style("frame"), self._style("muted")
        inner = width - 4
        match y:
            case 0:
                return self._edge("╭─", [Segment(" Servers ", muted)], "╮", width, frame)
            case 1:
                return self._row([Segment(SERVERS_STARTING, muted)], inner, frame)
            case 3:
                return self._edge("╭", [], "╮", width, frame)
            case 4:
                return self._row(self._tabs(inner), inner, frame)
            case 5:
                return self._row([Segment("/ filter", self._style("filter"))], inner, frame)
            case _ if y in (2, height - 1):
                return self._edge("╰", [], "╯", width, frame)
            case _:
                return self._row([], inner, frame)

    def _tabs(self, width: int) -> list[Segment]:
        words, gap = next(
            (fit for fit in _COUNTS if sum(len(word) for word in fit[0]) + 2 * fit[1] <= width), _COUNTS[-1]
        )
        first, *others = words
        rest = "".join(" " * gap + word for word in others)
        return [Segment(first, self._style("tab")), Segment(rest, self._style("muted"))]

    def _main(self, y: int, width: int, height: int) -> list[Segment]:
        """Where the columns will be, and the prompt below."""
        frame, focus, muted = self._style("frame"), self._style("focus"), self._style("muted")
        lines = 2 if height + 2 >= TALL_ROWS else 1
        prompt = height - lines - 2
        inner = width - 4
        if y == 0:
            return self._edge("╭", [], "╮", width, frame)
        if y < prompt - 1:
            return self._row([Segment(f" {COLUMNS_STARTING}", muted)] if y == 2 else [], inner, frame)
        if y == prompt - 1:
            return self._edge("╰", [], "╯", width, frame)
        if y == prompt:
            title = [Segment(text, self._style(name)) for text, name in _TITLE]
            return self._edge("╭─", title, "╮", width, focus)
        if y == height - 1:
            used = len(_NOTHING) + 3
            nothing = [Segment("╰" + "─" * (width - used), focus), Segment(_NOTHING, muted), Segment("─╯", focus)]
            return nothing
        text = [Segment(ASK[0], self._style("cursor")), Segment(ASK[1:], muted)] if y == prompt + 1 else []
        return self._row(text, inner, focus)

    @staticmethod
    def _edge(left: str, title: list[Segment], right: str, width: int, frame: Style) -> list[Segment]:
        used = len(left) + len(right) + sum(len(segment.text) for segment in title)
        return [Segment(left, frame), *title, Segment("─" * max(0, width - used) + right, frame)]

    @staticmethod
    def _row(content: list[Segment], inner: int, frame: Style) -> list[Segment]:
        space = max(0, inner - sum(len(segment.text) for segment in content))
        return [Segment("│ ", frame), *content, Segment(" " * space + " │", frame)]


class StartKeys(KeyBar):
    """The key line with the prompt editor in focus, as it will be."""

    def items(self) -> list[tuple[str, str]]:
        return [
            (shown(key.keys), key.label)
            for scope in ("prompt", "app")
            for key in KEYS
            if key.scope == scope and key.show
        ]


class StartScreen(Screen[None]):
    AUTO_FOCUS = ""

    def compose(self) -> ComposeResult:
        yield TopBar("compare")
        yield StartPane()
        yield StartKeys()
