"""What the columns of one run share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from mcp_tui.providers.registry import Provider
from mcp_tui.runs.approval import ApprovalDesk
from mcp_tui.runs.metrics import PriceOf
from mcp_tui.runs.replay import Replays
from mcp_tui.runs.sharing import Spawn
from mcp_tui.runs.spec import RunSpec
from mcp_tui.runs.spending import RunSpending
from mcp_tui.runs.toolbox import Servers, Toolbox


class Providers(Protocol):
    """What a run needs of the provider registry."""

    def provider(self, name: str) -> Provider: ...


@dataclass(frozen=True, slots=True)
class RunContext:
    run_id: str
    servers: Servers
    providers: Providers
    desk: ApprovalDesk
    toolbox: Toolbox
    spawn: Spawn
    spec: Callable[[], RunSpec]
    """The newest settings: the policy is asked for at every call, so that a change holds at once."""
    clock: Callable[[], float]
    price: PriceOf
    spending: RunSpending
    replays: Replays | None = None
    """Answers given before; None = every request is made."""


class Deadline:
    """`async with`: TimeoutError after `limit_s` of own time; stands still between pause() and resume()."""

    def __init__(self, limit_s: float | None) -> None:
        self._timeout = asyncio.timeout(limit_s)
        self._remaining_s: float | None = None

    async def __aenter__(self) -> Deadline:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._timeout.__aexit__(kind, error, trace)

    @property
    def expired(self) -> bool:
        return self._timeout.expired()

    def pause(self) -> None:
        when = self._timeout.when()
        if when is not None and not self.expired:
            self._remaining_s = when - asyncio.get_running_loop().time()
            self._timeout.reschedule(None)

    def resume(self) -> None:
        if self._remaining_s is not None and not self.expired:
            self._timeout.reschedule(asyncio.get_running_loop().time() + self._remaining_s)
            self._remaining_s = None
