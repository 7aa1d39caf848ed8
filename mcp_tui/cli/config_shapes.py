"""config copy, config show --as: servers in the shape of another client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from mcp_tui.cli.connect import load_config
from mcp_tui.cli.options import settings_of, source_options
from mcp_tui.cli.output import notice, print_json, say_block
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.names import known_names_hint

if TYPE_CHECKING:
    from mcp_tui.config.schema import Config, ServerSpec
    from mcp_tui.core.types import JsonObject


@click.command(short_help="Print servers in the shape of another client.")
@click.argument("servers", nargs=-1, required=True, metavar="SERVER...")
@click.option("--as", "shape", metavar="SHAPE", required=True, help="claude, cursor, vscode, codex, ...")
@source_options
@click.pass_context
def copy(context: click.Context, servers: tuple[str, ...], shape: str) -> int:
    """Print SERVER as the configuration file of another client would hold it, to be pasted there.

    SHAPE is claude-desktop, claude-code (claude), cursor, vscode, codex, cline, windsurf, gemini or mcp-tui.
    Variables stay references; a secret in plain text is replaced by one. What the client cannot express is said
    on stderr.
    """
    settings = settings_of(context)
    return print_shaped(load_config(settings, report=False), shape, servers, as_json=settings.json)


def print_shaped(config: Config, shape: str, names: Sequence[str] | None, *, as_json: bool = False) -> int:
    """names: None for every server. The text on stdout, what got lost on stderr; with as_json both in one object."""
    from mcp_tui.config.clients.shapes import shaped

    result = shaped(known_shape(shape), {spec.name: entry_of(spec) for spec in _chosen(config, names)})
    notes = list(dict.fromkeys(result.notes))
    if not result.written and names is not None:
        raise AppError("Nothing to copy", "; ".join(notes), kind=ErrorKind.USAGE, code="not_expressible")
    if as_json:
        print_json({"shape": known_shape(shape), "text": result.text, "notes": notes, "servers": result.written})
        return 0
    say_block(result.text.rstrip("\n"))
    for note in notes:
        notice(note)
    return 0


def known_shape(name: str) -> str:
    """AppError (usage) naming the shapes there are."""
    from mcp_tui.config.clients.shapes import ALIASES, SHAPES

    shape = ALIASES.get(name.lower(), name.lower())
    if shape not in SHAPES:
        hint = known_names_hint(name, SHAPES, what="shapes", limit=len(SHAPES))
        raise AppError("Unknown shape", f"{name!r} is no client this program knows", hint, kind=ErrorKind.USAGE)
    return shape


def _chosen(config: Config, names: Sequence[str] | None) -> list[ServerSpec]:
    if names is None:
        return list(config.servers)
    known = {spec.name: spec for spec in config.servers}
    for name in names:
        if name not in known:
            hint = known_names_hint(name, known, what="servers") or "none is configured"
            detail = f"{name!r} is not configured"
            raise AppError("Unknown server", detail, hint, kind=ErrorKind.USAGE, code="unknown_server")
    return [known[name] for name in dict.fromkeys(names)]


def entry_of(spec: ServerSpec) -> JsonObject:
    """The entry as it stands; of a server that stands in no file, what it was made of."""
    if spec.entry is not None:
        return spec.entry
    if spec.transport != "stdio":
        return {"url": spec.url}
    return {"command": spec.command, **({"args": list(spec.args)} if spec.args else {})}
