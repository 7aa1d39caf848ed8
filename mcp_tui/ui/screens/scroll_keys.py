"""The scrolling keys of a dialog that shows one long text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.binding import Binding
from textual.containers import ScrollableContainer

if TYPE_CHECKING:
    from textual.dom import DOMNode
else:
    # The framework takes a screen's styles from its first base that is a node: a mixin must not be one.
    DOMNode = object

SCROLL_KEYS: tuple[Binding, ...] = (
    Binding("up,k", "scroll_lines(-1)", show=False),
    Binding("down,j", "scroll_lines(1)", show=False),
    Binding("pageup", "scroll_pages(-1)", show=False),
    Binding("pagedown", "scroll_pages(1)", show=False),
    Binding("home,g", "scroll_edge(0)", show=False),
    Binding("end,G", "scroll_edge(1)", show=False),
)


class ScrollKeys(DOMNode):
    """Mixed into a screen: every scrolling container inside moves, so that two texts stay side by side."""

    def _scrolled(self) -> list[ScrollableContainer]:
        return list(self.query(ScrollableContainer))

    def action_scroll_lines(self, lines: int) -> None:
        for container in self._scrolled():
            container.scroll_relative(y=lines, animate=False)

    def action_scroll_pages(self, pages: int) -> None:
        for container in self._scrolled():
            container.scroll_relative(y=pages * max(1, container.size.height - 1), animate=False)

    def action_scroll_edge(self, end: int) -> None:
        for container in self._scrolled():
            if end:
                container.scroll_end(animate=False)
            else:
                container.scroll_home(animate=False)
