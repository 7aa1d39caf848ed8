"""The configuration and the servers a command needs, and only those."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_tui.cli.options import Settings
from mcp_tui.cli.output import warn
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.names import known_names_hint
from mcp_tui.core.state import ServerSnapshot, ServerStatus
from mcp_tui.core.types import JsonObject

if TYPE_CHECKING:
    from mcp_tui.config.schema import Config, ServerSpec
    from mcp_tui.sessions.manager import SessionManager

_CONNECT_SLACK_S = 5.0
"""On top of the longest connect deadline: a process start and the first catalog."""


def load_config(settings: Settings, *, report: bool = True) -> Config:
    """The merged configuration; with `report`, problems that belong to no entry are warnings on stderr.

    --demo replaces the servers by the demo server.
    """
    from mcp_tui.config.load import load

    config = load([Path(file) for file in settings.config_files], settings.servers, os.environ, Path.cwd())
    if settings.demo:
        from mcp_tui.runs.engine import DEMO_SERVER

        config = replace(config, servers=(DEMO_SERVER,))
    if report:
        for problem in config.problems:
            warn(problem)
    return config


def chosen(config: Config, name: str | None) -> tuple[ServerSpec, ...]:
    """The named server, also when it is switched off; else every one that is on. AppError (usage)."""
    if name is None:
        if not config.servers:
            raise AppError(
                "No servers",
                "none is configured",
                "add one with --server NAME=COMMAND-OR-URL or --config FILE, or try --demo",
                kind=ErrorKind.USAGE,
                code="no_servers",
            )
        return tuple(spec for spec in config.servers if not spec.disabled)
    for spec in config.servers:
        if spec.name == name:
            if spec.problem is not None:
                raise AppError.of(spec.problem)
            return (replace(spec, disabled=False),)
    names = [spec.name for spec in config.servers]
    hint = known_names_hint(name, names, what="servers") or "none is configured; try --demo"
    raise AppError("Unknown server", f"{name!r} is not configured", hint, kind=ErrorKind.USAGE, code="unknown_server")


@asynccontextmanager
async def connected(
    specs: Sequence[ServerSpec], *, elicit: Callable[[str, JsonObject], object] | None = None
) -> AsyncGenerator[SessionManager]:
    """A manager whose servers are connected, or have failed to."""
    from mcp_tui.sessions.manager import SessionManager

    async with SessionManager(specs, elicit=elicit) as manager:
        await manager.wait_settled(timeout_s=longest_connect_s(specs))
        yield manager


def longest_connect_s(specs: Sequence[ServerSpec]) -> float:
    return max((spec.connect_timeout_s for spec in specs), default=0.0) + _CONNECT_SLACK_S


def failure(server: ServerSnapshot) -> ErrorInfo | None:
    """Why the server cannot be used now; None when it can."""
    if server.status.usable or server.status is ServerStatus.DISABLED:
        return None
    reason = server.reason
    if reason is None:
        kind = ErrorKind.AUTH if server.status is ServerStatus.NEEDS_AUTH else ErrorKind.UNREACHABLE
        reason = ErrorInfo("Not connected", server.status.value.replace("_", " "), "", kind, "not_ready")
    title = reason.title if server.name in reason.title else f"Server {server.name}: {reason.title}"
    return replace(reason, title=title)


def usable(manager: SessionManager, name: str) -> ServerSnapshot:
    """The server's snapshot. AppError with the reason when it is not connected."""
    server = manager.server(name)
    if (reason := failure(server)) is not None:
        raise AppError.of(reason)
    return server
