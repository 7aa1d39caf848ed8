"""The scrollbar of a widget that scrolls by itself: a column at its right, where the mouse drags; the wheel too."""

from __future__ import annotations

from textual import events
from textual.widget import Widget

LANE = 1
"""Cells right of the text."""
WHEEL_ROWS = 3


class ScrollLane(Widget):
    """A subclass says what is there (`lane_rows`), scrolls (`scroll_rows`) and draws the lane with `thumb`."""

    _dragging = False

    def lane_rows(self) -> tuple[int, int]:
        """How many rows there are, and the first visible one."""
        raise NotImplementedError

    def scroll_rows(self, rows: int) -> None:
        """Move the view, as far as there are rows."""
        raise NotImplementedError

    @property
    def last_top(self) -> int:
        """The first visible row at the end of them all."""
        return max(0, self.lane_rows()[0] - self.size.height)

    def thumb(self) -> range:
        """The lines of the thumb; none while all rows are visible."""
        (total, top), height = self.lane_rows(), self.size.height
        if total <= height or not height:
            return range(0)
        length = max(1, height * height // total)
        start = round(top * (height - length) / (total - height))
        return range(start, start + length)

    def in_lane(self, event: events.MouseEvent) -> bool:
        return event.x >= self.size.width - LANE

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_rows(-WHEEL_ROWS)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_rows(WHEEL_ROWS)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if self.in_lane(event) and self.last_top:
            self._dragging = True
            self.capture_mouse()
            self._drag_to(event.y)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragging:
            self._drag_to(event.y)

    def on_mouse_up(self) -> None:
        if self._dragging:
            self._dragging = False
            self.release_mouse()

    def _drag_to(self, y: int) -> None:
        span = max(1, self.size.height - 1)
        self.scroll_rows(round(self.last_top * max(0, min(y, span)) / span) - self.lane_rows()[1])
