"""A saved run in time: what happens when, at the original speed or another one.

What machines took is kept exactly. What a person took is shortened: the pause between two turns, and the wait for an
approval.
"""

from __future__ import annotations

from collections.abc import Sequence

from mcp_tui.core.events import ColumnEvent, StatusChanged, TurnStarted
from mcp_tui.core.state import ColumnStatus
from mcp_tui.store.history.events import Timed

BETWEEN_TURNS_S = 1.0
APPROVAL_S = 2.0
SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0)


class Playback:
    """`advance` with the time that passed; the events that are due come out in order."""

    def __init__(self, events: Sequence[Timed], *, speed: float = 1.0) -> None:
        self._events = events
        self._moments = moments(events)
        """When each event is due at speed 1, pauses of people shortened."""
        self._next = 0
        self.position_s = 0.0
        self.speed = speed
        self.paused = False

    @property
    def length_s(self) -> float:
        return self._moments[-1] if self._moments else 0.0

    @property
    def done(self) -> bool:
        return self._next >= len(self._events)

    @property
    def now_s(self) -> float:
        """The time in the run, on the clock its events were saved with."""
        if not self._events:
            return 0.0
        if self._next == 0:
            return self._events[0][0]
        before = self._events[self._next - 1][0]
        if self.done:
            return before
        passed = max(0.0, self.position_s - self._moments[self._next - 1])
        return min(self._events[self._next][0], before + passed)

    @property
    def wait_s(self) -> float:
        """Until the next event is due, at this speed; 0 when one is due already or nothing is left."""
        if self.done:
            return 0.0
        return max(0.0, (self._moments[self._next] - self.position_s) / self.speed)

    def advance(self, elapsed_s: float) -> list[Timed]:
        """elapsed_s: seconds that passed for the viewer."""
        if self.paused:
            return []
        self.position_s = min(self.length_s, self.position_s + elapsed_s * self.speed)
        first = self._next
        while not self.done and self._moments[self._next] <= self.position_s + 1e-9:
            self._next += 1
        return list(self._events[first : self._next])

    def rest(self) -> list[Timed]:
        """Everything that is left, at once."""
        first, self._next = self._next, len(self._events)
        self.position_s = self.length_s
        return list(self._events[first:])

    def change_speed(self, steps: int) -> float:
        nearest = min(range(len(SPEEDS)), key=lambda index: abs(SPEEDS[index] - self.speed))
        self.speed = SPEEDS[max(0, min(len(SPEEDS) - 1, nearest + steps))]
        return self.speed


def moments(events: Sequence[Timed]) -> list[float]:
    found: list[float] = []
    statuses: dict[str, ColumnStatus] = {}
    at, before_s = 0.0, events[0][0] if events else 0.0
    for at_s, event in events:
        gap = max(0.0, at_s - before_s)
        before_s = max(before_s, at_s)
        live = {status for status in statuses.values() if not status.ended}
        if not live:
            gap = min(gap, BETWEEN_TURNS_S)
        elif live == {ColumnStatus.APPROVAL}:
            gap = min(gap, APPROVAL_S)
        at += gap
        found.append(at)
        _follow(statuses, event)
    return found


def _follow(statuses: dict[str, ColumnStatus], event: ColumnEvent) -> None:
    if isinstance(event, StatusChanged):
        statuses[event.column] = event.status
    elif isinstance(event, TurnStarted):
        statuses[event.column] = ColumnStatus.CONNECTING
