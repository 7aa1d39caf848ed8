"""The engine: sessions, providers and runs together. One per process; both faces use it.

INTERFACE (the owner of runs/ fills it in; names and shapes are relied on by cli/ and ui/).
Importing this module imports neither mcp nor httpx: entering the engine does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from mcp_tui.config.schema import Config
from mcp_tui.core.chat import ModelParams
from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.events import ColumnEvent
from mcp_tui.core.state import (
    ApprovalPolicy,
    ApprovalQuestion,
    ColumnStatus,
    Decision,
    Metrics,
    ServerSnapshot,
    ToolInfo,
)
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.registry import ModelRef, ProviderRegistry
from mcp_tui.sessions.manager import SessionManager


@dataclass(frozen=True, slots=True)
class EngineOptions:
    demo: bool = False
    """Force the demo: demo models and demo server, nothing else."""
    headless: bool = False
    """Nobody answers questions: what would ask is denied, and reported through `notice`."""
    demo_speed: float = 1.0
    """1 = realistic timing; 0 = no delays (tests)."""


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    id: str
    """Unique within the run: "c1", "c2" ..."""
    ref: ModelRef
    label: str
    """What people read: `provider/model`, with ` #2` when the same model stands twice."""
    params: ModelParams = field(default_factory=ModelParams)
    system: str = ""


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
    share_results: bool = True
    time_limit_s: float | None = None


class ApprovalDesk:
    """Pending questions of all runs, oldest first, and what the person said."""

    def pending(self) -> tuple[ApprovalQuestion, ...]: ...

    def answer(self, question_id: str, decision: Decision, *, arguments: JsonObject | None = None) -> None:
        """`arguments` replaces what the model asked for (edited). Unknown ids are ignored: it was answered."""
        ...

    def remembered(self) -> tuple[ToolInfo, ...]: ...

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]: ...


class Run:
    """One conversation over N columns. Live until its engine is left; every column is its own task."""

    id: str
    spec: RunSpec

    def send(self, prompt: str, attachments: Sequence[Attachment] = (), *, columns: Sequence[str] | None = None) -> None:
        """Start the next turn in all columns (or only these). AppError (usage) while one of them is live."""
        ...

    def cancel(self, column: str | None = None) -> None:
        """Stop one column or all; closes the HTTP stream and cancels running tool calls."""
        ...

    def retry(self, column: str) -> None:
        """Run the column's last turn again, from its prompt."""
        ...

    def add_column(self, column: ColumnSpec) -> None:
        """The new column gets the whole conversation's user prompts from the next turn on."""
        ...

    def remove_column(self, column: str) -> None: ...

    def status(self, column: str) -> ColumnStatus: ...

    def metrics(self, column: str) -> Metrics: ...

    def answer_text(self, column: str) -> str:
        """The text of the newest turn."""
        ...

    @property
    def live(self) -> bool: ...

    async def wait(self) -> None:
        """Until no column is live. Cancelling the waiter cancels nothing."""
        ...

    def to_json(self) -> JsonObject:
        """The `compare --json` object of the newest turn (the design's command-line formats)."""
        ...


class Engine:
    """`async with Engine(config, options, environ=os.environ) as engine`: enter and exit in the same task."""

    config: Config
    options: EngineOptions
    manager: SessionManager
    registry: ProviderRegistry
    approvals: ApprovalDesk
    demo_models: bool
    """The demo models are offered (no usable provider was found, or --demo)."""
    demo_server: bool

    def __init__(
        self,
        config: Config,
        options: EngineOptions = EngineOptions(),
        *,
        environ: Mapping[str, str],
        notice: Callable[[ErrorInfo], None] | None = None,
    ) -> None: ...

    async def __aenter__(self) -> Engine: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def servers(self) -> tuple[ServerSnapshot, ...]: ...

    def default_columns(self, models: Sequence[str] = ()) -> tuple[ColumnSpec, ...]:
        """Columns for these model names, else the config's, else one per available provider (up to three),
        else the demo models. AppError (usage) names what is wrong."""
        ...

    def start_run(self, spec: RunSpec, listener: Callable[[ColumnEvent], None]) -> Run: ...

    def tool_tax(self, tools_off: frozenset[tuple[str, str]]) -> int:
        """Estimated tokens the offered tools add to every request."""
        ...
