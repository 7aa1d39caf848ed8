"""What is known about servers and calls, as frozen data. Produced by sessions/ and runs/, read by every face.

Times named `*_at` are seconds on the monotonic clock (`time.monotonic`).
Texts in here are as the server sent them: hostile. Faces clean them with `core.text` when they draw.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.json_values import as_object
from mcp_tui.core.tasks import LogLine, SubscriptionInfo, TaskInfo
from mcp_tui.core.types import JsonObject

RESTARTING = "restarting"
"""The code of the reason of a server that connects because files of its source changed; its detail names them."""


class ServerStatus(StrEnum):
    DISABLED = "disabled"
    CONNECTING = "connecting"
    READY = "ready"
    DEGRADED = "degraded"
    """Connected, but the last health probe failed or the catalog could not be refreshed; see `reason`."""
    BACKOFF = "backoff"
    NEEDS_AUTH = "needs_auth"
    NEEDS_TRUST = "needs_trust"
    FAILED = "failed"
    CLOSED = "closed"

    @property
    def usable(self) -> bool:
        return self in (ServerStatus.READY, ServerStatus.DEGRADED)

    @property
    def settled(self) -> bool:
        """True when nothing more happens without a person: usable, off, failed or waiting for one."""
        return self not in (ServerStatus.CONNECTING, ServerStatus.BACKOFF)


@dataclass(frozen=True, slots=True)
class ToolHints:
    """Tool annotations, untrusted. None = not said; the protocol's defaults are the reader's business."""

    read_only: bool | None = None
    destructive: bool | None = None
    idempotent: bool | None = None
    open_world: bool | None = None


@dataclass(frozen=True, slots=True)
class ToolInfo:
    server: str
    name: str
    title: str
    """Display title: `title`, else annotations' title, else the name."""
    description: str
    input_schema: JsonObject
    output_schema: JsonObject | None
    hints: ToolHints
    raw: JsonObject
    """The definition with its wire (camelCase) keys."""
    digest: str
    """sha256 hex of the canonical definition; remembered approvals are bound to it."""
    token_estimate: int
    """About how many tokens the definition costs in a request (estimate: show with `~`)."""
    hidden: int = 0
    """Characters of the definition that a reader cannot see, see `core.text`."""

    @property
    def task_support(self) -> str:
        """`required`, `optional` or `forbidden` (also when nothing is said): may a call of it become a task?"""
        said = as_object(self.raw.get("execution")).get("taskSupport")
        return said if said in ("required", "optional") else "forbidden"


@dataclass(frozen=True, slots=True)
class ResourceInfo:
    server: str
    uri: str
    name: str
    title: str
    description: str
    mime_type: str | None
    size_bytes: int | None
    raw: JsonObject
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class TemplateInfo:
    server: str
    uri_template: str
    name: str
    title: str
    description: str
    mime_type: str | None
    raw: JsonObject
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class PromptArgument:
    name: str
    title: str
    description: str
    required: bool


@dataclass(frozen=True, slots=True)
class PromptInfo:
    server: str
    name: str
    title: str
    description: str
    arguments: tuple[PromptArgument, ...]
    raw: JsonObject
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything one server offers, in the server's order."""

    tools: tuple[ToolInfo, ...] = ()
    resources: tuple[ResourceInfo, ...] = ()
    templates: tuple[TemplateInfo, ...] = ()
    prompts: tuple[PromptInfo, ...] = ()
    warnings: tuple[str, ...] = ()
    """Entries that were dropped or repaired, one sentence each."""

    def tool(self, name: str) -> ToolInfo | None:
        return next((tool for tool in self.tools if tool.name == name), None)


@dataclass(frozen=True, slots=True)
class CatalogDiff:
    """What a refresh changed; each item reads `tool NAME`, `resource URI`, `template URI`, `prompt NAME`."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the handshake said."""

    protocol_version: str
    era: str
    """`legacy` (initialize handshake) or `modern` (2026-07-28 on)."""
    server_name: str
    server_version: str
    instructions: str
    capabilities: JsonObject
    info: JsonObject = field(default_factory=dict[str, Any])
    """What the server says about itself (wire keys): name, version, title, websiteUrl, icons ..."""


@dataclass(frozen=True, slots=True)
class CrashCard:
    """What is known about a child process that ended, never started or never answered."""

    argv: tuple[str, ...]
    cwd: str
    exit_code: int | None
    signal: str | None
    """Signal name such as "SIGKILL", when a signal ended it."""
    stderr_tail: tuple[str, ...]
    env_withheld: tuple[str, ...]
    """Names of variables of ours that the child did not get."""
    started: bool = True
    """False when the command could not even be started."""
    unanswered: bool = False
    """It ran, and had to be ended because nothing came of it in time."""


@dataclass(frozen=True, slots=True)
class ServerSnapshot:
    name: str
    transport: str
    """`stdio`, `http` or `sse`."""
    target: str
    """The command line or URL, for people; secrets in it are masked."""
    source: str
    """Where the entry came from: `FILE:LINE`, `command line`, `demo`."""
    status: ServerStatus
    since_at: float
    """When this status began."""
    attempt: int = 0
    """How many connects failed in a row (backoff)."""
    retry_at: float | None = None
    reason: ErrorInfo | None = None
    """Why it is not ready (backoff, failed, degraded, needs_*)."""
    latency_ms: float | None = None
    """Round trip of the last health probe or list request."""
    pid: int | None = None
    catalog: Catalog = field(default_factory=Catalog)
    """Kept through a reconnect, so that nothing seen is lost; usable only when status.usable."""
    facts: ServerFacts | None = None
    diff: CatalogDiff | None = None
    """What the last refresh or reconnect changed."""
    crash: CrashCard | None = None
    stderr_tail: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    reconnects: int = 0
    calls_in_flight: int = 0
    sign_in_url: str = ""
    """Where a person signs in, while the browser's answer is waited for; to be copied where no browser opened."""
    signed_in: bool = False
    """Requests carry an access token of ours."""
    tasks: tuple[TaskInfo, ...] = ()
    """Those we know of, oldest first; kept through a reconnect."""
    subscriptions: tuple[SubscriptionInfo, ...] = ()
    log: tuple[LogLine, ...] = ()
    """The newest log messages of the server and lines of its stderr, oldest first; kept through a reconnect."""
    log_level: str = ""
    """What the server was asked to log; empty: whatever it does by itself."""
    era_source: str = ""
    """How the protocol's era was found: `probed`, `remembered` (from an earlier start) or `configured`."""


@dataclass(frozen=True, slots=True)
class Progress:
    progress: float
    total: float | None
    message: str
    task: TaskInfo | None = None
    """The task the call became. `progress` is 0 until the server reports some."""


@dataclass(frozen=True, slots=True)
class CallResult:
    """A tools/call result. `raw` has the wire keys (content, structuredContent, isError, _meta)."""

    raw: JsonObject
    duration_ms: float
    warnings: tuple[str, ...] = ()
    """E.g. a result that does not follow the protocol: a warning, never a lost result."""
    task: TaskInfo | None = None
    """The task it came from. When the task was only started, its status is not an ended one and `raw` is empty."""
    check: Callable[[], Awaitable[str]] | None = field(default=None, compare=False, repr=False)
    """See `late_warning`."""

    async def late_warning(self) -> str:
        """A sentence when the structured content does not match the tool's outputSchema, else "".

        A hostile schema can make this take seconds: show the result first. Cancelling ends the check.
        """
        return "" if self.check is None else await self.check()

    @property
    def is_error(self) -> bool:
        return self.raw.get("isError") is True

    @property
    def content(self) -> list[JsonObject]:
        return list(self.raw.get("content") or [])


class CallStatus(StrEnum):
    STREAMING = "streaming"
    """The model is still writing the arguments."""
    WAITING = "waiting"
    """Waits for a person's approval."""
    RUNNING = "running"
    OK = "ok"
    ERROR = "error"
    """The tool answered isError, or the call failed."""
    DENIED = "denied"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    """The connection was lost after the call was sent: it may have run."""

    @property
    def ended(self) -> bool:
        return self not in (CallStatus.STREAMING, CallStatus.WAITING, CallStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One tool call of one column."""

    id: str
    """Unique within the column."""
    step: int
    server: str
    """Empty when the model named a tool that does not exist."""
    tool: str
    arguments: JsonObject | None
    """None while streaming, or when the model wrote invalid JSON (then never executed)."""
    arguments_raw: str
    status: CallStatus
    shared: bool = False
    """The result of an identical call of another column was used."""
    started_at: float | None = None
    duration_ms: float | None = None
    progress: Progress | None = None
    result: JsonObject | None = None
    """The whole tools/call result (wire keys), also when the model saw a cut version."""
    error: ErrorInfo | None = None
    note: str = ""
    """E.g. "cut to 50,000 characters for the model"."""


class Decision(StrEnum):
    ONCE = "once"
    ALWAYS = "always"
    """Every call of this definition of the tool, until the program ends."""
    KEEP = "keep"
    """Like `ALWAYS`, and after a restart too."""
    DENY = "deny"


class ApprovalPolicy(StrEnum):
    ASK = "ask"
    """Every call asks, except those remembered and the read-only tools of a trusted server."""
    READONLY = "readonly"
    """Tools that say readOnlyHint run; others ask on screen, and are denied headless."""
    AUTO = "auto"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class ApprovalQuestion:
    """One question to the person; identical pending calls of several columns are one question."""

    id: str
    tool: ToolInfo
    arguments: JsonObject
    columns: tuple[str, ...]
    """Labels of the columns that wait for it."""
    asked_at: float


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more model calls. None = the provider did not say."""

    input_tokens: int | None = None
    """All input, cached included (Anthropic's three numbers are summed)."""
    output_tokens: int | None = None
    """All output, reasoning included."""
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None

    def plus(self, other: Usage) -> Usage:
        def add(a: int | None, b: int | None) -> int | None:
            return b if a is None else a if b is None else a + b

        return Usage(
            add(self.input_tokens, other.input_tokens),
            add(self.output_tokens, other.output_tokens),
            add(self.cached_input_tokens, other.cached_input_tokens),
            add(self.cache_write_tokens, other.cache_write_tokens),
            add(self.reasoning_tokens, other.reasoning_tokens),
        )


@dataclass(frozen=True, slots=True)
class RateLimit:
    """One allowance of a provider."""

    what: str
    """`requests`, `tokens`, `input tokens` ..., with the period where the provider names one: `tokens per minute`."""
    limit: float | None = None
    remaining: float | None = None
    resets_at: float | None = None
    """Unix time at which it is whole again."""


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What the headers of an answer said about the allowances of the account."""

    seen_at: float
    """Unix time."""
    limits: tuple[RateLimit, ...]


@dataclass(frozen=True, slots=True)
class Metrics:
    """Figures of one column over all its turns so far; the ones of time are of the newest turn."""

    usage: Usage = Usage()
    usage_is_estimate: bool = False
    cost_usd: float | None = None
    cost_is_estimate: bool = True
    ttft_ms: float | None = None
    """From sending the request of the first step to the first text, reasoning or tool-call fragment."""
    duration_ms: float | None = None
    tokens_per_s: float | None = None
    """Output tokens per second of streaming (waiting for tools and people excluded)."""
    steps: int = 0
    attempts: int = 0
    tool_calls: int = 0
    cached_steps: int = 0
    """Of `steps`: answered from the response cache, without asking the model."""
    fallback: str = ""
    """`provider/model because WHY` while another model than the column's own answers the newest turn."""
    notes: tuple[str, ...] = ()
    """What the person should know about the newest turn's requests, one sentence each."""

    @property
    def cached(self) -> bool:
        """No model was asked at all."""
        return 0 < self.steps == self.cached_steps


class ColumnStatus(StrEnum):
    IDLE = "idle"
    CONNECTING = "connecting"
    """The request was sent; nothing came yet."""
    STREAMING = "streaming"
    TOOLS = "tools"
    """Waits for tool results."""
    APPROVAL = "approval"
    RETRYING = "retrying"
    DONE = "done"
    INCOMPLETE = "incomplete"
    """The stream ended early, or the length or step limit was reached; the text is partial."""
    ERROR = "error"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self in (
            ColumnStatus.IDLE,
            ColumnStatus.DONE,
            ColumnStatus.INCOMPLETE,
            ColumnStatus.ERROR,
            ColumnStatus.CANCELLED,
        )
