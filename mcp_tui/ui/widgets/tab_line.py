"""Tabs on one line, with a word of status at the right end. Never focused: keys belong to the pane."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import events
from textual.app import RenderResult
from textual.message import Message
from textual.widget import Widget

from mcp_tui.core.text import clean_line
from mcp_tui.ui.component_colours import ink


class TabLine(Widget):
    """`tabs`: (id, label). Labels shorten before the status does; a tab that finds no room is still reachable."""

    DEFAULT_CSS = """
    TabLine { height: 1; color: $text-muted; }
    TabLine > .tab-line--active { color: $text; text-style: bold underline; }
    TabLine > .tab-line--good { color: $text-success; }
    TabLine > .tab-line--bad { color: $text-error; }
    TabLine > .tab-line--wait { color: $text-warning; }
    TabLine > .tab-line--muted { color: $text-muted; }
    """
    COMPONENT_CLASSES = {
        "tab-line--active",
        "tab-line--good",
        "tab-line--bad",
        "tab-line--wait",
        "tab-line--muted",
    }

    class Selected(Message):
        def __init__(self, tab_line: TabLine, tab: str) -> None:
            super().__init__()
            self.tab_line = tab_line
            self.tab = tab

        @property
        def control(self) -> TabLine:
            return self.tab_line

    def __init__(self, tabs: Sequence[tuple[str, str]], *, id: str | None = None) -> None:  # noqa: A002  the framework's name
        super().__init__(id=id)
        self._tabs = list(tabs)
        self.active = tabs[0][0] if tabs else ""
        self._status: list[tuple[str, str]] = []
        self._places: list[tuple[int, int, str]] = []

    def show(
        self,
        tabs: Sequence[tuple[str, str]] | None = None,
        *,
        active: str | None = None,
        status: Sequence[tuple[str, str]] | None = None,
    ) -> None:
        """status: (text, one of good, bad, wait, muted, ""), most worth first; dropped from the end."""
        if tabs is not None:
            self._tabs = list(tabs)
        if active is not None:
            self.active = active
        if status is not None:
            self._status = list(status)
        self.refresh()

    def step(self, by: int) -> str:
        """The id of the neighbour, round the ends."""
        ids = [tab for tab, _ in self._tabs]
        return ids[(ids.index(self.active) + by) % len(ids)] if self.active in ids else self.active

    def render(self) -> RenderResult:
        width = self.size.width
        line = Text(no_wrap=True, end="")
        self._places = []
        for tab, label in self._tabs:
            start = line.cell_len
            active = tab == self.active
            style = ink(self, "tab-line--active") if active else ""
            line.append(clean_line(label), style)
            self._places.append((start, line.cell_len, tab))
            line.append("  ")
        room = width - line.cell_len
        shown: list[Text] = []
        for text, kind in self._status:
            style = ink(self, f"tab-line--{kind}") if kind else ""
            part = Text(clean_line(text), style=style, no_wrap=True, end="")
            if part.cell_len + (3 if shown else 0) > room:
                break
            room -= part.cell_len + (3 if shown else 0)
            shown.append(part)
        status = Text(" · ", no_wrap=True, end="").join(shown)
        gap = max(0, width - line.cell_len - status.cell_len)
        return Text.assemble(line, " " * gap, status, no_wrap=True, end="")

    def on_click(self, event: events.Click) -> None:
        for start, end, tab in self._places:
            if start <= event.x < end:
                self.post_message(self.Selected(self, tab))
                return
