"""When to try again, and when to stop trying."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

FIRST_S = 0.5
LONGEST_S = 30.0
STABLE_S = 60.0
"""A connection that lasted this long starts the count anew."""
CRASH_WINDOW_S = 60.0
CRASH_LIMIT = 5


def backoff_s(attempt: int) -> float:
    """Seconds to wait after failure number `attempt` (1-based): doubles from 0.5 with jitter, capped at 30."""
    from tenacity import RetryCallState, Retrying, wait_exponential_jitter  # not on the path to the first frame

    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = max(1, min(attempt, 64))
    wait = wait_exponential_jitter(multiplier=FIRST_S, max=LONGEST_S, jitter=FIRST_S, min=FIRST_S)
    return wait(state)


class FailureCount:
    """Failures in a row, and crashes within a minute, of one server."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.attempt = 0
        self._crashes: deque[float] = deque(maxlen=CRASH_LIMIT)

    def reset(self) -> None:
        self.attempt = 0
        self._crashes.clear()

    def next_attempt(self, lasted_s: float) -> int:
        """What `attempt` becomes when a connection that was ready for `lasted_s` seconds is counted."""
        return 1 if lasted_s >= STABLE_S else self.attempt + 1

    def failed(self, *, lasted_s: float, crashed: bool) -> bool:
        """Count one end of a connection that was ready for `lasted_s` seconds. True = stop trying."""
        if lasted_s >= STABLE_S:
            self.reset()
        self.attempt += 1
        if not crashed:
            return False
        now = self._clock()
        self._crashes.append(now)
        return len(self._crashes) == CRASH_LIMIT and now - self._crashes[0] <= CRASH_WINDOW_S
