"""config add, config remove: entries of servers.toml, the one configuration file the program writes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from mcp_tui.cli.connect import load_config
from mcp_tui.cli.options import Settings, json_option, settings_of
from mcp_tui.cli.output import notice, print_json, say, warn
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.json_values import as_object, is_object
from mcp_tui.core.text import marked_line
from mcp_tui.core.types import JsonObject

_EXAMPLE = "for example: mcp-tui config add time -- uvx mcp-server-time"


@click.command(short_help="Add a server to servers.toml.", context_settings={"ignore_unknown_options": False})
@click.argument("name")
@click.argument("target", nargs=-1, metavar="[URL | [--] COMMAND [ARG]...]")
@click.option("--env", "env", metavar="NAME=VALUE", multiple=True, help="A variable of the process. Repeatable.")
@click.option("--header", "headers", metavar="NAME=VALUE", multiple=True, help="An HTTP header. Repeatable.")
@click.option("--type", "kind", type=click.Choice(["stdio", "http", "sse"]), help="The transport.")
@click.option("--cwd", metavar="FOLDER", help="Where the process runs.")
@click.option("--entry", metavar="JSON|@FILE|-", help="The whole entry as JSON, in the spelling of any client.")
@click.option("--disabled", is_flag=True, help="Add it switched off.")
@click.option("--replace", "replacing", is_flag=True, help="Replace an entry of this name.")
@json_option
@click.pass_context
def add(
    context: click.Context,
    name: str,
    target: tuple[str, ...],
    env: tuple[str, ...],
    headers: tuple[str, ...],
    kind: str | None,
    cwd: str | None,
    entry: str | None,
    disabled: bool,
    replacing: bool,
) -> int:
    """Add a server to servers.toml: a URL, or a command (after `--` when it has options of its own).

    Variables such as '${API_KEY}' are kept as they stand, so that no secret is stored; quote them, or the shell
    replaces them.
    """
    from mcp_tui.config import edit
    from mcp_tui.config.clients.translate import own_form
    from mcp_tui.config.expand import Scope

    settings = settings_of(context)
    given = _entry(entry) if entry is not None else {}
    if target or not given:
        given |= edit.entry_of(target)
    settled: JsonObject = {"type": kind, "cwd": cwd, "disabled": disabled or None}
    given |= {key: value for key, value in settled.items() if value is not None}
    for key, pairs in (("env", env), ("headers", headers)):
        if pairs:
            given[key] = {**as_object(given.get(key)), **_pairs(pairs, key)}
    spec, missing = edit.checked(name, given, Scope(os.environ, Path.cwd()))
    if missing is not None:
        warn(missing)
    given = own_form(given)
    if edit.add_servers({spec.name: given}, replace=replacing).refused:
        hint = "--replace replaces it"
        raise AppError("Not added", f"servers.toml has a server {name!r}", hint, kind=ErrorKind.USAGE, code="exists")
    _report(settings, "added", name, given)
    return 0


@click.command()
@click.argument("name")
@json_option
@click.pass_context
def remove(context: click.Context, name: str) -> int:
    """Remove a server from servers.toml. Entries of other files are yours to edit."""
    from mcp_tui.config import edit, paths

    settings = settings_of(context)
    if name not in edit.own_servers():
        spec = next((spec for spec in load_config(settings, report=False).servers if spec.name == name), None)
        if spec is not None:
            hint = f"edit {paths.shown(spec.origin.path)}" if spec.origin.path else ""
            detail = f"{name!r} stands at {spec.origin.label}, not in servers.toml"
            raise AppError("Not removed", detail, hint, kind=ErrorKind.USAGE, code="not_ours")
    edit.remove_server(name)
    if settings.json:
        print_json({"removed": [name], "file": str(paths.servers_file())})
    else:
        say(marked_line(f"removed {name} from {paths.shown(paths.servers_file())}"))
    return 0


def _report(settings: Settings, what: str, name: str, entry: JsonObject) -> None:
    from mcp_tui.config import paths
    from mcp_tui.config.clients.secrets import plain_secrets

    file = paths.servers_file()
    if settings.json:
        print_json({what: [name], "file": str(file)})
    else:
        say(marked_line(f"{what} {name} in {paths.shown(file)}"))
    for place in plain_secrets(entry):
        text = "is stored in plain text, readable by you alone; '${VARIABLE}' would keep it out of the file"
        notice(f"`{place}` of {name} {text}")
    winner = next((spec for spec in load_config(settings, report=False).servers if spec.name == name), None)
    if winner is not None and winner.origin.path != file:
        warn(ErrorInfo("Shadowed", f"{name} of {winner.origin.label} comes before the entry in servers.toml"))


def _entry(text: str) -> JsonObject:
    from mcp_tui.cli.arguments import parse_object
    from mcp_tui.config.servers import looks_like_entry

    value = parse_object(text, what="--entry") or {}
    if looks_like_entry(value):
        return value
    # The whole of a snippet, as READMEs print it.
    for section in ("mcpServers", "servers", "mcp_servers"):
        if is_object(table := value.get(section)):
            value = table
            break
    entries = [item for item in value.values() if looks_like_entry(item)]
    if len(entries) == 1:
        return entries[0]
    detail = f"--entry holds {len(entries) or 'no'} servers" if value else "--entry is empty"
    raise AppError("--entry", detail, "give one entry: command and args, or url", kind=ErrorKind.USAGE)


def _pairs(pairs: Sequence[str], what: str) -> dict[str, str]:
    result: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if what == "headers" and (not equals or ":" in name):
            name, equals, value = pair.partition(":")
        if not equals or not name.strip():
            option = "--env" if what == "env" else "--header"
            raise AppError(option, "the value is not NAME=VALUE", _EXAMPLE, kind=ErrorKind.USAGE)
        result[name.strip()] = value.strip() if what == "headers" else value
    return result
