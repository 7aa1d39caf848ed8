"""auth: sign in to a server, or out; store a provider's key, or remove it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from mcp_tui.cli import tasks
from mcp_tui.cli.connect import chosen, failure, load_config, longest_connect_s
from mcp_tui.cli.options import Settings, settings_of, source_options
from mcp_tui.cli.output import notice, print_json
from mcp_tui.cli.provider_key import provider_key, providers
from mcp_tui.cli.sign_in import announced, attended, policy
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.names import closest
from mcp_tui.core.state import ServerSnapshot, ServerStatus
from mcp_tui.core.text import marked_line
from mcp_tui.sessions.sign_in import brings_answer, signs_in

if TYPE_CHECKING:
    from mcp_tui.config.schema import Config, ServerSpec
    from mcp_tui.sessions.manager import SessionManager


@click.command()
@click.argument("name", metavar="SERVER|PROVIDER")
@click.option(
    "--logout",
    is_flag=True,
    help="Forget the tokens and the registration of SERVER, or remove the stored key of PROVIDER.",
)
@click.option(
    "--timeout",
    "timeout_s",
    metavar="S",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds to wait for the browser (default 300; 60 without a terminal).",
)
@source_options
@click.pass_context
def auth(context: click.Context, name: str, logout: bool, timeout_s: float | None) -> int:
    """Sign in to SERVER with the browser, or store the key of PROVIDER in the system's keyring.

    SERVER: the address is printed too: open it on any machine, and where the browser cannot come back to this one,
    paste the address it ended on.

    PROVIDER (openai, anthropic, groq, ..., or one of [providers]): the key is asked for and not shown, or read from
    stdin. The configuration (api_key) and the environment (OPENAI_API_KEY, ...) come before it. A name that is
    both is the server.

    \b
    mcp-tui auth docs                       sign in to the server docs
    mcp-tui auth openai                     ask for the key
    pass show openai | mcp-tui auth openai  the key from a password manager
    mcp-tui auth openai --logout            remove it

    Exit code 3 when nobody signed in, or the keyring refuses; 2 when there is nothing to sign in to, and for a
    name that is neither.
    """
    settings = settings_of(context)
    config = load_config(settings)
    known = providers(config)
    if all(spec.name != name for spec in config.servers):
        if name in known:
            return provider_key(settings, name, logout=logout)
        raise _unknown(name, config, known)
    if name in known:
        notice(f"{name} is a server and a provider: this is about the server")
    return _server(settings, config, name, logout=logout, timeout_s=timeout_s)


def _unknown(name: str, config: Config, known: tuple[str, ...]) -> AppError:
    servers = [spec.name for spec in config.servers]
    near = closest(name, [*servers, *known])
    hint = f"servers: {', '.join(servers) or 'none'}; providers: {', '.join(known)}"
    if near is not None:
        hint = f"did you mean {near}? {hint}"
    detail = f"{name!r} is not configured as a server, and is no provider"
    return AppError("Unknown name", detail, marked_line(hint), kind=ErrorKind.USAGE, code="unknown_name")


def _server(settings: Settings, config: Config, server: str, *, logout: bool, timeout_s: float | None) -> int:
    (spec,) = chosen(config, server)
    if not signs_in(spec):
        what = "it is a local process" if spec.transport == "stdio" else "its entry brings an Authorization header"
        raise AppError("Nothing to sign in to", f"{server}: {what}", kind=ErrorKind.USAGE, code="no_sign_in")
    if logout:
        return _logout(settings, spec)
    snapshot = tasks.run(_sign_in(spec, timeout_s))
    if (reason := failure(snapshot)) is not None:
        raise AppError.of(reason)
    if settings.json:
        print_json({"server": server, "status": snapshot.status.value, "signedIn": snapshot.signed_in})
    elif snapshot.signed_in:
        notice(f"signed in to {server}: {len(snapshot.catalog.tools)} tools")
    else:
        notice(f"{server} can be used without a sign-in")
    return 0


def _logout(settings: Settings, spec: ServerSpec) -> int:
    from mcp_tui.sessions.authorisation.vault import default_vault

    known = default_vault().delete(spec.name, spec.url)
    if settings.json:
        print_json({"server": spec.name, "signedOut": known})
    else:
        notice(f"signed out of {spec.name}" if known else f"there was no sign-in to {spec.name}")
    return 0


async def _sign_in(spec: ServerSpec, timeout_s: float | None) -> ServerSnapshot:
    from mcp_tui.sessions.manager import SessionManager

    rules = policy("all", timeout_s=timeout_s)
    async with SessionManager([replace(spec, disabled=False)], sign_in=rules) as manager:
        with announced(manager, pasting=attended()), _pasted(manager, spec.name):
            await manager.wait_settled(timeout_s=longest_connect_s([spec]) + rules.timeout_s)
        snapshot = manager.server(spec.name)
    if snapshot.status is ServerStatus.NEEDS_AUTH and rules.automatic == "ordered":
        hint = f"Run `mcp-tui auth {spec.name}` in a terminal, or set BROWSER to a command that signs in"
        raise AppError("No browser and no terminal", f"{spec.name} wants a sign-in", hint, kind=ErrorKind.AUTH)
    return snapshot


@contextmanager
def _pasted(manager: SessionManager, name: str) -> Generator[None]:
    """Over SSH the browser ends on a machine where nobody listens: its address can be pasted here instead."""
    if not attended():
        yield
        return
    loop = asyncio.get_running_loop()

    def read() -> None:
        line = sys.stdin.readline()
        if not line:
            loop.remove_reader(sys.stdin.fileno())
        elif not line.strip():
            return
        elif not brings_answer(line.strip()):
            notice("this is not the address the browser ended on: that one has code= and state= in it")
        elif not manager.finish_sign_in(name, line.strip()):
            notice("no sign-in waits for an address")

    loop.add_reader(sys.stdin.fileno(), read)
    try:
        yield
    finally:
        loop.remove_reader(sys.stdin.fileno())
