"""The configuration and the servers a command needs, and only those."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mcp_tui.cli.options import Settings
from mcp_tui.cli.output import warn
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.names import known_names_hint
from mcp_tui.core.state import ServerSnapshot, ServerStatus
from mcp_tui.core.text import marked_line

if TYPE_CHECKING:
    from mcp_tui.config.inputs import Answers
    from mcp_tui.config.schema import Config, InputSpec, ServerSpec
    from mcp_tui.runs.engine import Engine
    from mcp_tui.sessions.manager import SessionManager
    from mcp_tui.sessions.request_desk import Answering

_CONNECT_SLACK_S = 5.0
"""On top of the longest connect deadline: a process start and the first catalog."""


def load_config(settings: Settings, *, report: bool = True, ask_for: Callable[[str], bool] | None = None) -> Config:
    """The merged configuration; with `report`, problems that belong to no entry are warnings on stderr.

    --demo replaces the servers by the demo server. ask_for: servers that are about to be used; on a terminal the
    person is asked for the inputs they want, elsewhere only the environment answers.
    """
    from mcp_tui.config.inputs import Answers
    from mcp_tui.config.load import load

    files, answers = [Path(file) for file in settings.config_files], Answers()

    def read() -> Config:
        return load(files, settings.servers, os.environ, Path.cwd(), answers=answers)

    config = read()
    if ask_for is not None and not settings.demo and _ask(config, answers, ask_for):
        config = read()
    if settings.demo:
        from mcp_tui.runs.engine import DEMO_SERVER

        config = replace(config, servers=(DEMO_SERVER,))
    if report:
        for problem in config.problems:
            warn(problem)
    return config


def _ask(config: Config, answers: Answers, ask_for: Callable[[str], bool]) -> bool:
    """True when something was answered."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    answered = False
    with _own_signals():
        for wanted in answers.open(config):
            if any(ask_for(server) for server in wanted.servers):
                value = _prompt(wanted)
                answers.give(wanted, value or None)
                answered = answered or bool(value)
    return answered


@contextmanager
def _own_signals() -> Generator[None]:
    """Signals end a question at once: the loop that may have taken them over does not run meanwhile."""
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.SIGTERM: signal.signal(signal.SIGTERM, signal.SIG_DFL),
        signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _prompt(wanted: InputSpec) -> str:
    """On stderr; a password is not shown. "" when the person would not say."""
    text = marked_line(f"{wanted.description or wanted.id} (for {', '.join(wanted.servers)})")
    if wanted.options:
        choices = click.Choice([*wanted.options, ""])
        text += marked_line(f" [{', '.join(wanted.options)}]")
        return str(click.prompt(text, default=wanted.default, type=choices, show_choices=False, err=True))
    shown = bool(wanted.default) and not wanted.password
    return str(click.prompt(text, default=wanted.default, hide_input=wanted.password, show_default=shown, err=True))


def untrusted(server: ServerSnapshot) -> bool:
    """It waits for trust: nothing was tried, so nothing failed."""
    return server.status is ServerStatus.NEEDS_TRUST


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
    specs: Sequence[ServerSpec],
    *,
    answering: Answering | None = None,
    sign_in: bool = True,
) -> AsyncGenerator[SessionManager]:
    """A manager whose servers are connected, or have failed to.

    sign_in: a server with an `auth` entry may open the browser where there is one; its address goes to stderr.
    """
    from mcp_tui.cli.sign_in import announced, policy
    from mcp_tui.sessions.authorisation.policy import SignInPolicy
    from mcp_tui.sessions.manager import SessionManager

    rules = policy() if sign_in else SignInPolicy()
    asks = rules.automatic != "ordered" and any(spec.auth is not None for spec in specs)
    asking_s = rules.timeout_s if asks else 0.0
    async with SessionManager(specs, answering=answering, sign_in=rules) as manager:
        with announced(manager):
            await manager.wait_settled(timeout_s=longest_connect_s(specs) + asking_s)
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


def shortfall(server: ServerSnapshot) -> ErrorInfo | None:
    """Why a server that can be used is not what it should be."""
    if server.status is not ServerStatus.DEGRADED or server.reason is None:
        return None
    return replace(server.reason, title=f"Server {server.name}: {server.reason.title}")


async def servers_ready(engine: Engine, config: Config) -> None:
    """Wait until every server is connected or has failed; those that failed are named and left out."""
    await engine.manager.wait_settled(timeout_s=longest_connect_s(config.servers))
    for server in engine.servers():
        if (reason := failure(server)) is not None:
            warn(replace(reason, title=f"{reason.title} (left out)"))


def usable(manager: SessionManager, name: str) -> ServerSnapshot:
    """The server's snapshot. AppError with the reason when it is not connected."""
    server = manager.server(name)
    if (reason := failure(server)) is not None:
        raise AppError.of(reason)
    return server
