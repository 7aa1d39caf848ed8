"""auth: sign in to a server, or out."""

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
from mcp_tui.cli.sign_in import announced, attended, policy
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.state import ServerSnapshot, ServerStatus
from mcp_tui.sessions.sign_in import signs_in

if TYPE_CHECKING:
    from mcp_tui.config.schema import ServerSpec
    from mcp_tui.sessions.manager import SessionManager


@click.command()
@click.argument("server")
@click.option("--logout", is_flag=True, help="Forget the tokens and the registration of SERVER.")
@click.option(
    "--timeout",
    "timeout_s",
    metavar="S",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds to wait for the browser (default 300; 60 without a terminal).",
)
@source_options
@click.pass_context
def auth(context: click.Context, server: str, logout: bool, timeout_s: float | None) -> int:
    """Sign in to SERVER with the browser, and remember it.

    The address is printed too: open it on any machine, and where the browser cannot come back to this one, paste
    the address it ended on. Exit code 3 when nobody signed in.
    """
    settings = settings_of(context)
    (spec,) = chosen(load_config(settings), server)
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
        with announced(manager), _pasted(manager, spec.name):
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
        elif line.strip() and not manager.finish_sign_in(name, line.strip()):
            notice("no sign-in waits for an address")

    loop.add_reader(sys.stdin.fileno(), read)
    try:
        yield
    finally:
        loop.remove_reader(sys.stdin.fileno())
