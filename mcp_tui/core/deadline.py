"""A deadline that does not run while a person is being asked."""

from __future__ import annotations

import asyncio
import math
from types import TracebackType


class Deadline:
    """`async with Deadline(s) as d:` ends the block after `s` unpaused seconds; afterwards look at `d.expired`.

    None: it never ends. Pauses may overlap and may outlast the block.
    """

    def __init__(self, limit_s: float | None) -> None:
        self.expired = False
        """The block was ended."""
        self._left_s = math.inf if limit_s is None else limit_s
        self._until = math.inf
        self._pauses = 1  # until entered
        self._timeout = asyncio.timeout(None)
        self._inside = False

    @property
    def passed(self) -> bool:
        """It is over, also before the block was left."""
        return self._timeout.expired()

    @property
    def left_s(self) -> float:
        """Unpaused seconds that are left; also after the block."""
        return self._left_s if self._pauses else max(0.0, self._until - asyncio.get_running_loop().time())

    def pause(self) -> None:
        if not self._pauses:
            self._left_s = self.left_s
            self._ends_at(math.inf)
        self._pauses += 1

    def resume(self) -> None:
        self._pauses -= 1
        if not self._pauses:
            self._ends_at(asyncio.get_running_loop().time() + self._left_s)

    def _ends_at(self, until: float) -> None:
        self._until = until
        if self._inside and not self.passed:
            self._timeout.reschedule(None if until == math.inf else until)

    async def __aenter__(self) -> Deadline:
        await self._timeout.__aenter__()
        self._inside = True
        self.resume()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._inside = False
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            self.expired = True
        return self.expired
