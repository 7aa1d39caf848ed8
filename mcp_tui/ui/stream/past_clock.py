"""The clock of columns that show what happened before."""

from __future__ import annotations

from collections.abc import Callable


class PastClock:
    """`now`, except while a saved conversation is shown: then the time at which each event happened."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.past_s: float | None = None

    def __call__(self) -> float:
        return self._now() if self.past_s is None else self.past_s
