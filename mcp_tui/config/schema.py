"""The configuration as frozen data, after merging and expansion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.state import ApprovalPolicy
from mcp_tui.core.types import JsonObject

Transport = Literal["stdio", "http", "sse"]
Protocol = Literal["auto", "legacy", "2026-07-28"]
WireFormat = Literal["openai-chat", "anthropic-messages", "openai-responses", "gemini"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an entry stands. `label` is what people read: `FILE:LINE`, `command line`, `demo`."""

    label: str
    path: Path | None = None
    line: int | None = None


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
    probe_interval_s: float = 20.0
    trusted: bool = False
    disabled: bool = False
    inherit_env: bool = False
    enabled_tools: tuple[str, ...] | None = None
    disabled_tools: tuple[str, ...] = ()
    auth: JsonObject | None = field(default=None, repr=False)
    problem: ErrorInfo | None = None
    """The entry is bad: shown as failed, never started; the other entries are unharmed."""


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


@dataclass(frozen=True, slots=True)
class Config:
    servers: tuple[ServerSpec, ...] = ()
    """In order of precedence of their sources, then of the file; names are unique."""
    providers: tuple[ProviderSpec, ...] = ()
    defaults: Defaults = field(default_factory=Defaults)
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    """`[keys]`: binding id -> keys, comma separated."""
    sources: tuple[Path, ...] = ()
    """Files that were read, first wins."""
    problems: tuple[ErrorInfo, ...] = ()
    """Faults that belong to no server or provider entry (unknown section, unreadable own file ...)."""
    shadowed: tuple[tuple[str, str], ...] = ()
    """(server name, origin label) of entries that lost against one of the same name."""
