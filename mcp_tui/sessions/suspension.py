"""Notices that the machine slept: connections may have died without a word, and waiting has become pointless.

The monotonic clock stands still while Linux sleeps; another clock goes on. What the two differ by grows only then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

INTERVAL_S = 2.0
LEAST_S = 5.0
"""A shorter gap is a clock being set, or a machine that is busy."""


def _onward_clock() -> Callable[[], float]:
    """Seconds, sleep included. Setting the time of day moves it only where there is no better clock."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.time if boot is None else lambda: time.clock_gettime(boot)


class Suspension:
    """`watch` calls `woke` once after each sleep, with its seconds."""

    def __init__(
        self,
        woke: Callable[[float], None],
        *,
        onward: Callable[[], float] | None = None,
        awake: Callable[[], float] = time.monotonic,
    ) -> None:
        """onward: a clock that goes on while the machine sleeps. awake: one that does not."""
        self._woke = woke
        self._onward = onward or _onward_clock()
        self._awake = awake
        self._gap = self._now()

    def _now(self) -> float:
        return self._onward() - self._awake()

    def look(self) -> None:
        gap, self._gap = self._gap, self._now()
        slept_s = self._gap - gap
        if slept_s >= LEAST_S:
            self._woke(slept_s)

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            self.look()
