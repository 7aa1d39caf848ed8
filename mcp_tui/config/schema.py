"""The configuration as frozen data, after merging and expansion."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.state import ApprovalPolicy
from mcp_tui.core.types import JsonObject

Transport = Literal["stdio", "http", "sse"]
Protocol = Literal["auto", "legacy", "2026-07-28"]
EntryScope = Literal["", "local", "project", "user"]
WireFormat = Literal["openai-chat", "anthropic-messages", "openai-responses", "gemini"]

NEEDS_TRUST = "needs_trust"
"""The code of the problem of a server in a project file that is not trusted."""
NEEDS_INPUT = "needs_input"
"""The code of the problem of a server that refers to an input nobody has answered."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an entry stands. `label` is what people read: `FILE:LINE`, `command line`, `demo`."""

    label: str
    path: Path | None = None
    line: int | None = None
    client: str = ""
    """The MCP client whose file it is, such as `cursor`; empty for own files."""
    scope: EntryScope = ""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """A value that a person is asked for once: VS Code's `inputs`, referred to as `${input:ID}`."""

    id: str
    path: Path
    """The file that defines it; the same id in another file is another input."""
    description: str = ""
    password: bool = True
    """Show nothing of what is typed. An input that no file defines is taken for a password."""
    default: str = ""
    """What the answer starts with; never used unasked."""
    options: tuple[str, ...] = ()
    """The only answers there are; empty: any text."""
    servers: tuple[str, ...] = ()
    """Names of the servers that wait for it."""

    @property
    def variable(self) -> str:
        """The environment variable that answers it where nobody can be asked."""
        return f"MCP_TUI_INPUT_{re.sub(r'[^A-Za-z0-9]', '_', self.id).upper()}"


@dataclass(frozen=True, slots=True)
class UntrustedFile:
    """A project file whose servers wait until the person trusts it."""

    path: Path
    digest: str
    """sha256 hex of the content that was read; trust is given to this."""
    changed: bool
    """It was trusted once, with another content."""
    servers: tuple[str, ...]
    """Every name in it, also those that another entry shadows."""


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """One server entry with every variable expanded. `env`, `headers` and `auth` may hold secrets: never print."""

    name: str
    origin: Origin
    transport: Transport = "stdio"
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    cwd: str | None = None
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    try_sse: bool = False
    """The entry gave no type and the URL ends in /sse: try streamable HTTP, then legacy SSE."""
    protocol: Protocol = "auto"
    connect_timeout_s: float = 30.0
    call_timeout_s: float = 120.0
    task_timeout_s: float = 3600.0
    """For a call that became a task."""
    log_level: str = ""
    """What the server is asked to log, one of `core.tasks.LOG_LEVELS`; empty asks for nothing."""
    probe_interval_s: float = 20.0
    trusted: bool = False
    disabled: bool = False
    inherit_env: bool = False
    enabled_tools: tuple[str, ...] | None = None
    disabled_tools: tuple[str, ...] = ()
    auth: JsonObject | None = field(default=None, repr=False)
    roots: tuple[str, ...] | None = None
    """Folders the server may know of, as file:// URIs; None = those of `[defaults]`."""
    watch: tuple[str, ...] = ()
    """Globs, relative to the folder the command runs in: when such a file changes, the server is restarted."""
    problem: ErrorInfo | None = None
    """The entry is bad: shown as failed, never started; the other entries are unharmed."""
    entry: JsonObject | None = field(default=None, repr=False, compare=False)
    """The entry as it stands, in the spelling of `[servers.NAME]`, variables unexpanded. It may hold secrets."""

    @property
    def needs_trust(self) -> bool:
        """It stands in a project file the person has not trusted: `problem` says so, nothing is expanded."""
        return self.problem is not None and self.problem.code == NEEDS_TRUST


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """`[providers.NAME]`: a provider of the user's own, or changes to a named one (empty = keep its default)."""

    name: str
    origin: Origin
    format: WireFormat | None = None
    base_url: str = ""
    api_key: str = field(default="", repr=False)
    models: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    problem: ErrorInfo | None = None


@dataclass(frozen=True, slots=True)
class Defaults:
    models: tuple[str, ...] = ()
    approval: ApprovalPolicy | None = None
    theme: str = ""
    system: str = ""
    max_steps: int = 12
    imports: tuple[str, ...] = ()
    """`import`: clients whose servers are merged below all others."""
    cache: bool = False
    """Answer a request that was made before from the response cache."""
    fallback: str = ""
    """A model, as `-m` takes it, for every column without a fallback of its own."""
    history: bool = True
    """Save runs."""
    roots: tuple[str, ...] = ()
    """Folders that servers may know of, as file:// URIs."""


@dataclass(frozen=True, slots=True)
class PriceSpec:
    """`[prices."PROVIDER/MODEL"]`: US dollars per million tokens."""

    input_usd: float
    output_usd: float
    cached_usd: float | None = None
    """Input read from the provider's prompt cache; None = as other input."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`[limits]`; None = no limit."""

    usd_per_run: float | None = None
    usd_per_day: float | None = None
    cache_days: float = 30.0
    """Older answers are not replayed from the response cache."""
    cache_mb: float = 200.0
    history_days: float = 365.0
    """Older runs are deleted from the history; 0 = no limit."""
    history_mb: float = 500.0
    """The oldest runs are deleted when the history is larger; 0 = no limit."""


@dataclass(frozen=True, slots=True)
class Config:
    servers: tuple[ServerSpec, ...] = ()
    """In order of precedence of their sources, then of the file; names are unique."""
    providers: tuple[ProviderSpec, ...] = ()
    defaults: Defaults = field(default_factory=Defaults)
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    """`[keys]`: binding id -> keys, comma separated."""
    models: Mapping[str, str] = field(default_factory=dict[str, str])
    """`[models]`: short name -> model, as `-m` takes it."""
    sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """`[sets]`: name -> models or short names."""
    prices: Mapping[str, PriceSpec] = field(default_factory=dict[str, PriceSpec])
    """`provider/model` or `provider/*` -> the person's own price."""
    limits: Limits = field(default_factory=Limits)
    origins: Mapping[tuple[str, str], Origin] = field(default_factory=dict[tuple[str, str], Origin], compare=False)
    """(section, name) -> where it stands, for what is in `models`, `sets`, `prices` and `limits`."""
    sources: tuple[Path, ...] = ()
    """Files that were read, first wins."""
    problems: tuple[ErrorInfo, ...] = ()
    """Faults that belong to no server or provider entry (unknown section, unreadable own file ...)."""
    shadowed: tuple[tuple[str, str], ...] = ()
    """(server name, origin label) of entries that lost against one of the same name."""
    inputs: tuple[InputSpec, ...] = ()
    """Values that servers wait for; answer them and load again."""
    untrusted: tuple[UntrustedFile, ...] = ()
    unreadable: tuple[tuple[Path, ErrorInfo], ...] = ()
    """Project files and files of other clients that could not be read; `problems` holds each of these too."""
    watched: tuple[Path, ...] = ()
    """Files that decide what this is, whether they exist or not."""
