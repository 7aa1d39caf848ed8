"""When a request is tried again. Only the phase before the first event is ever retried: nothing was shown yet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime

import tenacity

from mcp_tui.providers.provider_error import ErrorBody, ProviderError, is_beyond_it, is_out_of_money

MAX_ATTEMPTS = 4
MAX_WAIT_S = 30.0
"""A provider that asks for a longer wait is not waited for: the person decides."""

_RETRYABLE = frozenset({408, 409, 429})


def is_retryable(status: int, headers: Mapping[str, str], body: ErrorBody) -> bool:
    """The rules of the vendors' own clients; `x-should-retry` is the server's explicit wish."""
    if is_out_of_money(status, body):
        return False
    wish = headers.get("x-should-retry", "").strip().lower()
    if wish in ("true", "false"):
        return wish == "true"
    if is_beyond_it(status, body):
        return False
    return status in _RETRYABLE or status >= 500


def retry_after_s(headers: Mapping[str, str], body: ErrorBody, *, now_s: float | None = None) -> float | None:
    """Seconds the provider asks to wait, or None.

    Read it on retryable statuses only: Anthropic sends `retry-after` with successful answers too. A date is
    compared with the server's own clock where it sends one, else with `now_s` (Unix time).
    """
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if not value:
            continue
        try:
            return max(0.0, float(value) * scale)
        except ValueError:
            until = _unix_time(value)
        if until is not None:
            now = _unix_time(headers.get("date", ""))
            if now is None:
                now = time.time() if now_s is None else now_s
            return max(0.0, until - now)
    return body.retry_delay_s


def _unix_time(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


class Retrier:
    """The attempts of one request. `sleep` is replaced by tests."""

    def __init__(
        self,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        max_attempts: int = MAX_ATTEMPTS,
        max_wait_s: float = MAX_WAIT_S,
    ) -> None:
        self._sleep = sleep
        self._max_attempts = max_attempts
        self._max_wait_s = max_wait_s
        self._backoff = tenacity.wait_exponential(multiplier=0.5, max=8.0) + tenacity.wait_random(0.0, 0.5)

    def attempts(self) -> Attempts:
        return Attempts(self._sleep, self._max_attempts, self._max_wait_s, self._backoff)

    def gave_up(self, fault: ProviderError) -> bool:
        """Whether it would have been tried again, had the wait asked for been shorter."""
        return fault.retryable and (fault.retry_after_s or 0.0) > self._max_wait_s


class Attempts:
    """`async for attempt in attempts` with tenacity, where the wait is known before it begins.

    Raises the last ProviderError when no further try is due.
    """

    def __init__(
        self,
        sleep: Callable[[float], Awaitable[None]],
        max_attempts: int,
        max_wait_s: float,
        backoff: tenacity.wait.wait_base,
    ) -> None:
        self._max_attempts = max_attempts
        self._max_wait_s = max_wait_s
        self._backoff = backoff
        self._planned_s = 0.0
        self.retrying = tenacity.AsyncRetrying(
            sleep=sleep,
            stop=tenacity.stop_after_attempt(max_attempts),
            retry=tenacity.retry_if_exception(self._again),
            wait=lambda _state: self._planned_s,
            reraise=True,
        )

    def _again(self, error: BaseException) -> bool:
        return isinstance(error, ProviderError) and error.retryable and (error.retry_after_s or 0.0) <= self._max_wait_s

    def plan(self, attempt: tenacity.AttemptManager) -> tuple[ProviderError, float] | None:
        """After an attempt: (why it failed, seconds until the next), or None when no next one follows."""
        state = attempt.retry_state
        error = state.outcome.exception() if state.outcome is not None else None
        if not isinstance(error, ProviderError) or not self._again(error):
            return None
        if state.attempt_number >= self._max_attempts:
            return None
        wait_s = error.retry_after_s
        self._planned_s = self._backoff(state) if wait_s is None else wait_s
        return error, self._planned_s
