"""config import: what other clients have configured, and copies of it in servers.toml."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mcp_tui.cli.connect import load_config
from mcp_tui.cli.options import json_option, settings_of
from mcp_tui.cli.output import error_object, notice, print_json, say, styled, table, warn
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.names import known_names_hint
from mcp_tui.core.text import marked_line

if TYPE_CHECKING:
    from mcp_tui.config.clients.findings import FileFinding, Finding, Findings
    from mcp_tui.config.schema import Config

_ALL = "all"


@click.command("import", short_help="List the servers of other clients, or copy them.")
@click.argument("client", required=False)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--write", is_flag=True, help="Copy everything that was found into servers.toml.")
@click.option("--replace", "replacing", is_flag=True, help="Replace entries of the same name there.")
@json_option
@click.pass_context
def import_servers(
    context: click.Context, client: str | None, names: tuple[str, ...], write: bool, replacing: bool
) -> int:
    """List the servers of other clients, or copy them: with NAMEs those, with --write all.

    CLIENT is claude-desktop, claude-code, cursor, vscode, codex, cline, windsurf, gemini or all. Their files are
    only read. Variables are copied as references. To follow a client's file instead of copying, write
    `import = ["CLIENT"]` under [defaults] in config.toml.
    """
    from mcp_tui.config.clients.findings import find
    from mcp_tui.config.clients.places import Places

    settings = settings_of(context)
    found = find(_clients(client), Places.here(os.environ, Path.cwd()))
    config = load_config(settings, report=False)
    copied: list[str] = []
    if write or names:
        copied = _copy(found, names, replacing=replacing)
    if settings.json:
        print_json(_as_json(found, config, copied))
        return 0
    if copied:
        from mcp_tui.config import paths

        say(marked_line(f"copied into {paths.shown(paths.servers_file())}: {', '.join(copied)}"))
    elif not (write or names):
        _print(found, config)
    return 0


def _clients(name: str | None) -> Sequence[str]:
    from mcp_tui.config.clients.places import CLIENTS
    from mcp_tui.config.clients.shapes import ALIASES

    if name is None or name.lower() == _ALL:
        return list(CLIENTS)
    client = ALIASES.get(name.lower(), name.lower())
    if client not in CLIENTS:
        hint = known_names_hint(name, CLIENTS, what="clients", limit=len(CLIENTS))
        raise AppError("Unknown client", f"{name!r} is not known", hint, kind=ErrorKind.USAGE, code="unknown_client")
    return [client]


def _copy(found: Findings, names: Sequence[str], *, replacing: bool) -> list[str]:
    """Names that were written; every other one has its reason on stderr, or, named, as the error."""
    from mcp_tui.config.edit import add_servers
    from mcp_tui.config.schema import NEEDS_INPUT

    first: dict[str, Finding] = {}
    for finding in found.servers:
        if not finding.duplicate_of:
            first[finding.spec.name] = finding
    for name in names:
        if name not in first:
            hint = known_names_hint(name, first, what="found") or "nothing was found"
            raise AppError("Unknown server", f"{name!r} was not found", hint, kind=ErrorKind.USAGE)
    wanted = [first[name] for name in dict.fromkeys(names)] if names else list(first.values())
    taken: list[Finding] = []
    for finding in wanted:
        reason = _refusal(finding)
        if reason is None:
            taken.append(finding)
        elif names:
            raise AppError.of(reason)
        else:
            warn(reason)
    if not names:
        chosen: set[tuple[str, str]] = set()
        for finding in found.servers:
            key = (finding.spec.origin.client, finding.spec.name)
            if finding.duplicate_of and not finding.identical:
                warn(_passed_over(finding, first_of_client=key not in chosen))
            chosen.add(key)
    inputs = [item for finding in taken for item in finding.inputs]
    outcome = add_servers({f.spec.name: f.spec.entry or {} for f in taken}, replace=replacing, inputs=inputs)
    for name in outcome.refused:
        warn(ErrorInfo(f"Server {name}", "servers.toml has one of this name already", "--replace replaces it"))
    for finding in taken:
        if finding.spec.name in outcome.names:
            for note in finding.notes:
                notice(f"{finding.spec.name}: {note}")
            if finding.problem is not None and finding.problem.code in ("unresolved_variable", NEEDS_INPUT):
                warn(finding.problem)
    return list(outcome.names)


def _passed_over(finding: Finding, *, first_of_client: bool) -> ErrorInfo:
    """An entry that is another server than the one of its name that comes first."""
    name, origin = finding.spec.name, finding.spec.origin
    detail = f"{origin.label} differs from {finding.duplicate_of}, which comes first, and is not copied"
    hint = f"`mcp-tui config import {origin.client} {name} --replace` takes it instead" if first_of_client else ""
    return ErrorInfo(marked_line(f"Server {name}"), marked_line(detail), marked_line(hint))


def _refusal(finding: Finding) -> ErrorInfo | None:
    """Why an entry is not copied."""
    from mcp_tui.config.trust import needed

    if not finding.trusted:
        return needed(finding.spec, changed=False)
    return finding.spec.problem


def _as_json(found: Findings, config: Config, copied: Sequence[str]) -> dict[str, Any]:
    return {
        "files": [_file_object(file) for file in found.files],
        "servers": [
            {
                "name": finding.spec.name,
                "client": finding.spec.origin.client,
                "scope": finding.spec.origin.scope,
                "source": finding.spec.origin.label,
                "transport": finding.spec.transport,
                "target": marked_line(finding.target),
                "disabled": finding.spec.disabled,
                "trusted": finding.trusted,
                "duplicate_of": finding.duplicate_of or None,
                "identical": finding.identical if finding.duplicate_of else None,
                "configured": _configured(finding, config),
                "problem": error_object(finding.problem) if finding.problem is not None else None,
                "notes": [marked_line(note) for note in finding.notes],
            }
            for finding in found.servers
        ],
        "copied": list(copied),
    }


def _file_object(finding: FileFinding) -> dict[str, Any]:
    return {
        "client": finding.file.client,
        "scope": finding.file.scope,
        "path": str(finding.file.path),
        "exists": finding.exists,
        "servers": finding.servers,
        "trusted": finding.trusted,
        "problem": error_object(finding.problem) if finding.problem is not None else None,
    }


def _configured(finding: Finding, config: Config) -> str | None:
    """Where the entry of this name stands that is in use here, unless it is this very one."""
    for spec in config.servers:
        if spec.name == finding.spec.name:
            same = spec.origin.path == finding.spec.origin.path and spec.origin.line == finding.spec.origin.line
            return None if same else spec.origin.label
    return None


def _print(found: Findings, config: Config) -> None:
    for file in found.files:
        if file.problem is not None:
            warn(file.problem)
    if not found.servers:
        say("no other client has servers here")
        return
    rows = [
        [
            finding.spec.name,
            f"{finding.spec.origin.client} ({finding.spec.origin.scope})",
            _remark(finding, config),
            finding.spec.origin.label,
            finding.target,
        ]
        for finding in found.servers
    ]
    table(("SERVER", "CLIENT", "REMARK", "FROM", "TARGET"), rows)
    for finding in found.servers:
        for note in finding.notes:
            say(f"  {styled(f'{finding.spec.name}: {note}', dim=True)}")
        if finding.problem is not None:
            say(f"  {styled(finding.problem.line(), fg='yellow')}")
    say(styled("`mcp-tui config import CLIENT NAME` copies one, --write all", dim=True))


def _remark(finding: Finding, config: Config) -> str:
    if finding.duplicate_of:
        untrusted = "" if finding.trusted else "not trusted; "
        return f"{untrusted}{'same as' if finding.identical else 'differs from'} {finding.duplicate_of}"
    if not finding.trusted:
        return "not trusted"
    if finding.problem is not None:
        return "problem"
    if (where := _configured(finding, config)) is not None:
        return f"here from {where}"
    return "off" if finding.spec.disabled else ""
