"""One clock per application decides when streams are painted.

Streams only mark themselves; every tick paints one of them, in turn. The pause after a tick grows with what the
tick cost and with how late it came (the compositor's share of the work shows as lateness), so that at most about
half of a core goes into painting and keys are answered between any two frames. With nothing to paint and nobody
waiting the clock stands still.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from time import perf_counter
from typing import Any, Protocol

from textual.app import App

FRAME_S = 1 / 30
"""A stream is painted at most this often; several streams share the ticks."""
SHORTEST_PAUSE_S = 1 / 80
"""All streams together are painted at most this often: ten times a second each where eight are in view. More is
not seen, and every paint of a view that follows its stream sends all its rows to the terminal."""
MAX_PAUSE_S = 0.25
PAUSE_PER_COST = 1.0
SECOND_S = 1.0


class Painted(Protocol):
    def paint_frame(self) -> bool:
        """Bring the widget up to date and refresh what changed; True when more is left for another tick."""
        ...


class Ticking(Protocol):
    def tick_second(self) -> None: ...


class FrameClock:
    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._marked: OrderedDict[Painted, None] = OrderedDict()
        self._waiting: dict[Ticking, None] = {}
        self._frame: asyncio.TimerHandle | None = None
        self._second: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._rested_at = 0.0
        self._cost = 0.0

    @classmethod
    def of(cls, app: App[Any]) -> FrameClock:
        """The application's clock; made at the first call, kept on the application."""
        clock = getattr(app, "_frame_clock", None)
        if not isinstance(clock, FrameClock):
            clock = cls(app)
            app._frame_clock = clock  # type: ignore[attr-defined]
        return clock

    @property
    def idle(self) -> bool:
        """Nothing is left to paint."""
        return not self._marked

    @property
    def waiting(self) -> frozenset[Ticking]:
        """Who is told that a second passed."""
        return frozenset(self._waiting)

    def mark(self, widget: Painted) -> None:
        """Paint `widget` at one of the next ticks."""
        if widget not in self._marked:
            self._marked[widget] = None
        if self._frame is None:
            self._schedule_frame(max(0.001, self._rested_at - perf_counter()))

    def add_second(self, widget: Ticking) -> None:
        """Call `tick_second` once per second until `remove`: for elapsed times and countdowns."""
        self._waiting[widget] = None
        if self._second is None:
            self._schedule_second()

    def remove_second(self, widget: Ticking) -> None:
        self._waiting.pop(widget, None)
        if not self._waiting and self._second is not None:
            self._second.cancel()
            self._second = None

    def forget(self, widget: Painted) -> None:
        self._marked.pop(widget, None)
        if not self._marked and self._frame is not None:
            self._frame.cancel()
            self._frame = None

    def _schedule_frame(self, pause_s: float) -> None:
        self._due = perf_counter() + pause_s
        # Through the application's queue: there a fault in a paint is reported, not lost in the loop's log.
        self._frame = asyncio.get_running_loop().call_later(pause_s, self._app.call_later, self.run_frame)

    def _schedule_second(self) -> None:
        self._second = asyncio.get_running_loop().call_later(SECOND_S, self._app.call_later, self._on_second)

    def run_frame(self) -> None:
        """Paint the stream that waits longest."""
        if self._frame is not None:
            self._frame.cancel()
            self._frame = None
        if not self._marked:
            return
        began = perf_counter()
        widget, _ = self._marked.popitem(last=False)
        if widget.paint_frame():
            self._marked[widget] = None
        cost = perf_counter() - began + max(0.0, began - self._due)
        self._cost = self._cost * 0.7 + cost * 0.3
        pause_s = self.pause_s(self._cost)
        self._rested_at = perf_counter() + pause_s
        if self._marked:
            self._schedule_frame(pause_s)

    def pause_s(self, cost_s: float) -> float:
        """The pause after ticks that cost `cost_s` on average."""
        least = max(FRAME_S / max(1, len(self._marked)), SHORTEST_PAUSE_S)
        return min(MAX_PAUSE_S, max(least, cost_s * PAUSE_PER_COST))

    def _on_second(self) -> None:
        if self._second is not None:
            self._second.cancel()
            self._second = None
        for widget in tuple(self._waiting):
            widget.tick_second()
        if self._waiting:
            self._schedule_second()
