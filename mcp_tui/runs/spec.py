"""What a run is asked to do, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mcp_tui.core.chat import ModelParams
from mcp_tui.core.state import ApprovalPolicy
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.registry import ModelRef
from mcp_tui.runs.tool_switches import WHOLE_SERVER, is_on

if TYPE_CHECKING:
    from mcp_tui.sessions.request_desk import Answering

__all__ = ["WHOLE_SERVER", "Attachment", "ColumnSpec", "EngineOptions", "RunSpec", "is_on"]


@dataclass(frozen=True, slots=True)
class EngineOptions:
    demo: bool = False
    """Force the demo: demo models and demo server, nothing else."""
    headless: bool = False
    """Nobody answers questions: what would ask is denied, and reported through `notice`."""
    demo_speed: float = 1.0
    """1 = realistic timing; 0 = no delays (tests)."""
    models_only: bool = False
    """Models without any MCP server; and no demo stands in where no provider has a key."""
    answering: Answering | None = None
    """Headless: who answers what servers ask; None: nobody. The dashboard has `Engine.requests` for it."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model with the parameters to ask it with."""

    ref: ModelRef
    params: ModelParams = field(default_factory=ModelParams)


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    id: str
    """Unique within the run: "c1", "c2" ..."""
    ref: ModelRef
    label: str
    """What people read: `provider/model`, then parameters that were asked for, with ` #2` when that stands twice."""
    params: ModelParams = field(default_factory=ModelParams)
    system: str = ""
    fallback: tuple[ModelChoice, ...] = ()
    """Asked in this order when the model before is unavailable and has said nothing; every turn begins with `ref`."""

    @property
    def choices(self) -> tuple[ModelChoice, ...]:
        return (ModelChoice(self.ref, self.params), *self.fallback)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A resource put into the prompt: its resources/read result (wire keys)."""

    server: str
    uri: str
    result: JsonObject


@dataclass(frozen=True, slots=True)
class RunSpec:
    columns: tuple[ColumnSpec, ...]
    approval: ApprovalPolicy = ApprovalPolicy.ASK
    tools_off: frozenset[tuple[str, str]] = frozenset()
    """(server, tool) not offered; (server, "*") = the whole server."""
    no_tools: bool = False
    max_steps: int = 12
    """Model calls per turn and column."""
    share_results: bool = True
    time_limit_s: float | None = None
    """Per turn and column; waiting for a person's approval does not count."""
    max_cost_usd: float | None = None
    """Of all columns and turns together; None = what the configuration says."""
    use_cache: bool | None = None
    """Replay answers to requests that were made before; None = what the configuration says."""

    def offers(self, server: str, tool: str) -> bool:
        return not self.no_tools and is_on(self.tools_off, server, tool)
