"""A deadline that does not run while a person is being asked."""

from __future__ import annotations

import math
from types import TracebackType

import anyio


class Deadline:
    """`with Deadline(s) as d:` cancels the block after `s` unpaused seconds; afterwards look at `d.expired`."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._scope = anyio.CancelScope()
        self._pauses = 1  # until entered

    @property
    def expired(self) -> bool:
        return self._scope.cancelled_caught

    @property
    def passed(self) -> bool:
        """It is over, also before the block was left."""
        return self._scope.cancel_called

    @property
    def left_s(self) -> float:
        """Unpaused seconds that are left; also after the block."""
        return self._left if self._pauses else max(0.0, self._scope.deadline - anyio.current_time())

    def pause(self) -> None:
        if not self._pauses:
            self._left = self._scope.deadline - anyio.current_time()
            self._scope.deadline = math.inf
        self._pauses += 1

    def resume(self) -> None:
        self._pauses -= 1
        if not self._pauses:
            self._scope.deadline = anyio.current_time() + self._left

    def __enter__(self) -> Deadline:
        self._scope.__enter__()
        self.resume()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        return bool(self._scope.__exit__(kind, error, trace))
