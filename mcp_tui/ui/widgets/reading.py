"""A text that may be longer than its place, and says so: what is out of view is never a secret."""

from __future__ import annotations

from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Static


class Reading(VerticalScroll):
    """Its last row counts the lines below it, as long as there are some."""

    DEFAULT_CSS = """
    Reading > .below { dock: bottom; display: none; height: 1; width: 100%; color: $text-warning; text-style: bold; }
    Reading.-more > .below { display: block; }
    """

    def __init__(self, *children: Widget, classes: str | None = None, can_focus: bool = True) -> None:
        self._below = Static(classes="below")
        super().__init__(*children, self._below, classes=classes, can_focus=can_focus)

    @property
    def lines_below(self) -> int:
        return max(0, self.max_scroll_y - round(self.scroll_y))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._count()

    def watch_virtual_size(self, _size: Size) -> None:
        self._count()

    def on_resize(self) -> None:
        self._count()

    def _count(self) -> None:
        count = self.lines_below if self.size else 0
        self.set_class(count > 0, "-more")
        if count:
            self._below.update(Content(f"↓ {count:,} more line{'' if count == 1 else 's'} below: pgdn"))
