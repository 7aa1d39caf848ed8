"""servers, tools, resources, prompts: what is configured and what it offers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from mcp_tui.cli import tasks
from mcp_tui.cli.connect import chosen, connected, failure, load_config, shortfall, untrusted
from mcp_tui.cli.options import Settings, settings_of, source_options
from mcp_tui.cli.output import error_object, print_error, print_json, say, styled, table, warn
from mcp_tui.core.errors import EXIT_CODES, ErrorInfo
from mcp_tui.core.figures import duration_text, size_text
from mcp_tui.core.state import PromptInfo, ResourceInfo, ServerSnapshot, ServerStatus, TemplateInfo, ToolHints, ToolInfo
from mcp_tui.core.text import hidden_words, marked_line, marked_name
from mcp_tui.core.types import JsonObject

_RIGHT_3 = frozenset({3})
_server_argument = click.argument("server", required=False)

Snapshots = Sequence[ServerSnapshot]
Item = ToolInfo | ResourceInfo | TemplateInfo | PromptInfo


@click.command()
@source_options
@click.pass_context
def servers(context: click.Context) -> int:
    """Connect to every server and show its state and what it offers.

    A server that cannot be reached is an entry with its reason, not a failure of this command.
    """
    settings = settings_of(context)
    snapshots = tasks.run(_connect(settings, None, with_disabled=True))
    if settings.json:
        print_json({"servers": [_server_object(server) for server in snapshots]})
        return 0
    rows = [
        [
            server.name,
            server.status.value.replace("_", " "),
            _offer(server),
            duration_text(server.latency_ms),
            server.source,
            marked_line(server.target),
        ]
        for server in snapshots
    ]
    table(("SERVER", "STATE", "OFFERS", "PING", "FROM", "TARGET"), rows, right=_RIGHT_3)
    for server in snapshots:
        if (reason := failure(server) or shortfall(server)) is not None:
            say(f"  {styled(marked_line(reason.line()), fg='yellow')}")
    return 0


@click.command()
@_server_argument
@source_options
@click.pass_context
def tools(context: click.Context, server: str | None) -> int:
    """Tools of all servers, or of SERVER.

    A server that failed is an error on stderr, and the others are still listed. Exit code 3 when one wants a
    sign-in, 4 when one cannot be reached, the higher of the two for both.
    """

    def as_json(snapshots: Snapshots) -> JsonObject:
        return {"tools": [_entry(s, t) for s in snapshots for t in s.catalog.tools]}

    def as_text(snapshots: Snapshots) -> None:
        rows = [
            [s.name, marked_name(t.name), hints_text(t.hints), f"~{t.token_estimate}", _about(t)]
            for s in snapshots
            for t in s.catalog.tools
        ]
        table(("SERVER", "TOOL", "HINTS", "TOKENS", "DESCRIPTION"), rows, right=_RIGHT_3)

    return _list(context, server, as_json, as_text)


@click.command()
@_server_argument
@source_options
@click.pass_context
def resources(context: click.Context, server: str | None) -> int:
    """Resources and resource templates of all servers, or of SERVER. Exit codes as of `mcp-tui tools`."""

    def as_json(snapshots: Snapshots) -> JsonObject:
        return {
            "resources": [_entry(s, r) for s in snapshots for r in s.catalog.resources],
            "resourceTemplates": [_entry(s, t) for s in snapshots for t in s.catalog.templates],
        }

    def as_text(snapshots: Snapshots) -> None:
        rows: list[list[str]] = []
        for s in snapshots:
            for r in s.catalog.resources:
                bytes_text = "" if r.size_bytes is None else size_text(r.size_bytes)
                rows.append([s.name, marked_line(r.uri), r.mime_type or "", bytes_text, _about(r)])
            for t in s.catalog.templates:
                rows.append([s.name, marked_line(t.uri_template), t.mime_type or "", "template", _about(t)])
        table(("SERVER", "URI", "TYPE", "SIZE", "DESCRIPTION"), rows, right=_RIGHT_3)

    return _list(context, server, as_json, as_text)


@click.command()
@_server_argument
@source_options
@click.pass_context
def prompts(context: click.Context, server: str | None) -> int:
    """Prompts of all servers, or of SERVER. Exit codes as of `mcp-tui tools`."""

    def as_json(snapshots: Snapshots) -> JsonObject:
        return {"prompts": [_entry(s, p) for s in snapshots for p in s.catalog.prompts]}

    def as_text(snapshots: Snapshots) -> None:
        rows = [
            [
                s.name,
                marked_name(p.name),
                marked_line(" ".join(a.name if a.required else f"[{a.name}]" for a in p.arguments)),
                _about(p),
            ]
            for s in snapshots
            for p in s.catalog.prompts
        ]
        table(("SERVER", "PROMPT", "ARGUMENTS", "DESCRIPTION"), rows)

    return _list(context, server, as_json, as_text)


def _entry(server: ServerSnapshot, item: Item) -> JsonObject:
    """The definition as the server sent it, where it is from, and what in it a reader cannot see, if anything."""
    flag = {"hiddenCharacters": item.hidden} if item.hidden else {}
    return {**item.raw, "server": server.name, **flag}


def _about(item: Item) -> str:
    flag = f"! {hidden_words(item.hidden)}: " if item.hidden else ""
    return flag + marked_line(item.description or item.title)


def hints_text(hints: ToolHints) -> str:
    """What the server says about a tool, in words; nothing said, nothing shown."""
    words = [
        "read-only" if hints.read_only else "",
        "destructive" if hints.destructive and not hints.read_only else "",
        "idempotent" if hints.idempotent and not hints.read_only else "",
        "open-world" if hints.open_world else "",
    ]
    return " ".join(word for word in words if word)


def _list(
    context: click.Context,
    name: str | None,
    as_json: Callable[[Snapshots], JsonObject],
    as_text: Callable[[Snapshots], None],
) -> int:
    """Print what the reachable servers offer. Those that failed are errors on stderr and in the exit code."""
    settings = settings_of(context)
    snapshots = tasks.run(_connect(settings, name))
    reasons = [(server, reason) for server in snapshots if (reason := failure(server)) is not None]
    # A project file nobody asked for is no failure of the command.
    failures = [reason for server, reason in reasons if name is not None or not untrusted(server)]
    if name is None or not failures:
        reachable = [server for server in snapshots if server.status.usable]
        if settings.json:
            print_json(as_json(reachable))
        else:
            as_text(reachable)
    for server in snapshots:
        if (reason := shortfall(server)) is not None:
            warn(reason)
        for warning in server.catalog.warnings:
            warn(ErrorInfo(f"Server {server.name}", warning))
    for _, reason in reasons:
        if reason not in failures:
            warn(reason)
    for reason in failures:
        print_error(reason, as_json=settings.json)
    return max((EXIT_CODES[reason.kind] for reason in failures), default=0)


async def _connect(settings: Settings, name: str | None, *, with_disabled: bool = False) -> Snapshots:
    config = load_config(settings, ask_for=lambda server: name in (None, server))
    specs = config.servers if with_disabled and config.servers else chosen(config, name)
    async with connected(specs, sign_in=not with_disabled) as manager:
        return manager.snapshot()


def _server_object(server: ServerSnapshot) -> dict[str, Any]:
    facts, reason = server.facts, server.reason
    return {
        "name": server.name,
        "status": server.status.value,
        "transport": server.transport,
        "target": server.target,
        "source": server.source,
        "protocolVersion": facts.protocol_version if facts else None,
        "era": facts.era if facts else None,
        "serverInfo": {"name": facts.server_name, "version": facts.server_version} if facts else None,
        "instructions": facts.instructions if facts else None,
        "capabilities": facts.capabilities if facts else None,
        "tools": len(server.catalog.tools),
        "resources": len(server.catalog.resources),
        "resourceTemplates": len(server.catalog.templates),
        "prompts": len(server.catalog.prompts),
        "latency_ms": server.latency_ms,
        "warnings": [*server.warnings, *server.catalog.warnings],
        "error": error_object(reason) if reason is not None and server.status is not ServerStatus.READY else None,
    }


def _offer(server: ServerSnapshot) -> str:
    if not server.status.usable and server.status is not ServerStatus.DISABLED:
        return ""
    catalog = server.catalog
    counts = (
        (len(catalog.tools), "tools"),
        (len(catalog.resources) + len(catalog.templates), "resources"),
        (len(catalog.prompts), "prompts"),
    )
    return " ".join(f"{count} {what}" for count, what in counts if count)
