"""What the columns of one run share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
