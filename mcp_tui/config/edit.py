"""Changes to `servers.toml`, the file the program owns. Variables stay references; whatever else is in it stays."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcp_tui.config import paths
from mcp_tui.config.document import Document
from mcp_tui.config.entry_reader import usage
from mcp_tui.config.expand import Scope
from mcp_tui.config.files import read_document
from mcp_tui.config.save import locked, save_servers
from mcp_tui.config.schema import NEEDS_INPUT, ServerSpec
from mcp_tui.config.servers import read_server, unknown_keys
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.json_values import as_list, is_object
from mcp_tui.core.names import known_names_hint
from mcp_tui.core.types import JsonObject

_MISSING = ("unresolved_variable", NEEDS_INPUT)


@dataclass(frozen=True, slots=True)
class Added:
    names: tuple[str, ...]
    refused: tuple[str, ...]
    """Names that were there already and were not to be replaced."""


def own_servers() -> dict[str, JsonObject]:
    """The entries of `servers.toml` as they stand. AppError (usage) when it cannot be parsed."""
    return _read()[0]


def add_servers(
    entries: Mapping[str, JsonObject], *, replace: bool = False, inputs: Sequence[JsonObject] = ()
) -> Added:
    """Add entries in the spelling of `[servers.NAME]`; those that were there first keep their place.

    inputs: definitions of the inputs they refer to; an id that is defined already keeps its definition.
    """
    with locked(paths.servers_file()):
        servers, rest = _read()
        refused = () if replace else tuple(name for name in entries if name in servers)
        added = {name: entry for name, entry in entries.items() if name not in refused}
        if added:
            known = as_list(rest.get("inputs"))
            ids = {item.get("id") for item in known}
            if new := [*known, *(item for item in inputs if item.get("id") not in ids)]:
                rest["inputs"] = new
            save_servers(paths.servers_file(), {**servers, **added}, rest)
    return Added(tuple(added), refused)


def remove_server(name: str) -> None:
    """AppError (usage) when `servers.toml` has no such entry."""
    with locked(paths.servers_file()):
        servers, rest = _read()
        if name not in servers:
            shown = paths.shown(paths.servers_file())
            hint = known_names_hint(name, servers, what="servers in it") or "it is empty"
            detail = f"{name!r} is not in {shown}"
            raise AppError("Unknown server", detail, hint, kind=ErrorKind.USAGE, code="unknown_server")
        del servers[name]
        save_servers(paths.servers_file(), servers, rest)


def _read() -> tuple[dict[str, JsonObject], JsonObject]:
    """(servers, everything else)"""
    path = paths.servers_file()
    if not path.exists():
        return {}, {}
    rest = dict(read_document(path).value)
    servers = rest.pop("servers", {})
    if not is_object(servers):
        raise AppError("Configuration", f"`servers` must be a table, in {paths.shown(path)}", kind=ErrorKind.USAGE)
    return dict(servers), rest


def checked(name: str, entry: JsonObject, scope: Scope) -> tuple[ServerSpec, ErrorInfo | None]:
    """The entry as it would be read, and a warning for a variable or input that has no value here and now.

    AppError (usage) when the entry is wrong anywhere.
    """
    document = Document(Path("the new entry"), {"servers": {name: entry}}, syntax="toml")
    keys = ("servers", name)
    for problem in unknown_keys(document, keys, entry):
        raise AppError.of(problem)
    spec = read_server(document, keys, name, entry, scope)
    if spec.problem is None:
        return spec, None
    if spec.problem.code in _MISSING:
        return spec, spec.problem
    raise AppError.of(spec.problem)


def entry_of(target: Sequence[str]) -> JsonObject:
    """The entry of a URL, or of a command with its arguments; one word with spaces is split as a shell does.

    AppError (usage) when nothing usable is given.
    """
    words = list(target)
    if len(words) == 1 and not _is_url(words[0]):
        try:
            words = shlex.split(words[0])
        except ValueError as error:
            raise AppError.of(usage("The command", f"cannot be split into words: {error}")) from error
    if not words or not words[0]:
        hint = "give a command with its arguments, or a URL"
        raise AppError("Nothing to add", "there is no command and no URL", hint, kind=ErrorKind.USAGE)
    if not _is_url(words[0]):
        return {"command": words[0], **({"args": words[1:]} if words[1:] else {})}
    if words[1:]:
        detail = f"a URL takes no arguments: {shlex.join(words[1:])[:80]}"
        raise AppError("The URL", detail, "quote the URL", kind=ErrorKind.USAGE)
    return {"url": words[0]}


def _is_url(word: str) -> bool:
    return word.lower().startswith(("http://", "https://"))
