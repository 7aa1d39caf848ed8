"""Reads and merges the configuration.

Order of precedence: `--server`, then `--config` files as given, then the files of the project that the person
trusts, then `config.toml`, then `servers.toml`, then the clients named in `[defaults] import`. Servers of project
files that are not trusted come last, so that they take no name from an entry that works. The first entry of a
name wins; the others are reported as shadowed. A bad entry is its own problem. A file of one's own that cannot be
read or parsed ends the start, because a half-read configuration would lie; one of another client is a problem.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

from mcp_tui.config import paths, trust
from mcp_tui.config.clients.places import ClientFile, Places, client_files, identify, project_files
from mcp_tui.config.clients.tables import read_table
from mcp_tui.config.document import Document, KeyPath
from mcp_tui.config.expand import Scope
from mcp_tui.config.files import read_document
from mcp_tui.config.inputs import Answers
from mcp_tui.config.merge import Merge, ServerTable, same_file
from mcp_tui.config.own_sections import SECTIONS, merge_own_sections
from mcp_tui.config.schema import Config
from mcp_tui.config.servers import looks_like_entry, read_server_option
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.json_values import is_object
from mcp_tui.core.types import JsonObject

_SERVER_SECTIONS = ("mcpServers", "servers", "mcp_servers")


def load(
    config_files: Sequence[Path],
    server_options: Sequence[str],
    environ: Mapping[str, str],
    cwd: Path,
    *,
    answers: Answers | None = None,
) -> Config:
    """The merged configuration. AppError (usage) for a bad `--server`, and for a file that is missing
    (`--config` only), unreadable, unparsable, or without any known section.
    """
    merge = Merge(Scope(environ, cwd), answers or Answers())
    for option in server_options:
        spec = read_server_option(option, merge.scope)
        if spec.name in merge.servers:
            raise AppError("--server", f"the name {spec.name!r} is given twice", kind=ErrorKind.USAGE)
        merge.add_server(spec)
    given = [cwd / file for file in config_files]
    merge.watched += given
    for file in given:
        _merge_document(merge, read_document(file), identify(file))
    projects = _Projects(merge, given)
    places = Places.here(environ, cwd)
    projects.merge_files(project_files(places))
    for file in (paths.config_file(), paths.servers_file()):
        merge.watched.append(file)
        if file.exists():
            _merge_document(merge, read_document(file))
    for client in cast("tuple[str, ...]", merge.defaults.get("imports", ())):
        projects.merge_files(client_files(client, places))
    projects.merge_untrusted()
    return merge.config()


class _Projects:
    """Files of other clients; those that come with a project only count when they are trusted."""

    def __init__(self, merge: Merge, given: Iterable[Path]) -> None:
        self._merge = merge
        self._seen = list(given)
        """Named on the command line, which is consent; or read already."""
        self._trust: trust.Trust | None = None
        self._waiting: list[tuple[ServerTable, bool]] = []

    def merge_files(self, files: Iterable[ClientFile]) -> None:
        for file in files:
            if file.scope == "project":
                self._merge.watched += [file.path, paths.trust_file()]
                if any(same_file(file.path, seen) for seen in self._seen):
                    continue
                self._seen.append(file.path)
            else:
                self._merge.watched.append(file.path)
            table = self._table(file)
            if table is not None:
                self._merge.add_source(file.path)
                self._merge_table(table)

    def _table(self, file: ClientFile) -> ServerTable | None:
        if not os.path.exists(file.path):  # noqa: PTH110 - Path.exists raises where a folder above is closed to us
            return None
        try:
            return read_table(file)
        except AppError as error:
            self._merge.problems.append(error.info)
            self._merge.unreadable.append((file.path, error.info))
            return None

    def _merge_table(self, table: ServerTable) -> None:
        self._merge.report_duplicates(table.document, table.keys)
        if table.scope == "project" and table.entries:
            if self._trust is None:
                self._trust = trust.read_trust()
                if self._trust.problem is not None:
                    self._merge.problems.append(self._trust.problem)
            path, digest = table.document.path, table.document.digest
            if not self._trust.holds(path, digest):
                self._waiting.append((table, self._trust.changed(path, digest)))
                return
        self._merge.add_servers(table)

    def merge_untrusted(self) -> None:
        for table, changed in self._waiting:
            self._merge.add_untrusted(table, changed=changed)


def _merge_document(merge: Merge, document: Document, client: str = "") -> None:
    """A file of one's own, or one that was named on the command line."""
    merge.add_source(document.path)
    merge.report_duplicates(document)
    value = document.value
    section = next((name for name in _SERVER_SECTIONS if name in value), None)
    own = document.syntax == "toml" and section in (None, "servers")
    local = _claude_local(merge, document) if client == "claude-code" else None
    if local is not None:
        merge.add_servers(local)
    if section is not None:
        entries = _table(document, (section,), value[section])
        merge.add_servers(ServerTable(document, (section,), entries, client, own=own))
    elif any(looks_like_entry(item) for item in value.values()):
        entries = {name: item for name, item in value.items() if not name.startswith("$")}  # "$schema"
        merge.add_servers(ServerTable(document, (), entries, client))
        return
    elif value and local is None and not (own and any(name in value for name in SECTIONS)):
        hint = "expected `mcpServers`, `servers` or `mcp_servers`; or, in TOML, [providers], [defaults] or [keys]"
        detail = f"{paths.shown(document.path)} has no section this program knows"
        raise AppError("Configuration", detail, hint, kind=ErrorKind.USAGE)
    if own:
        merge_own_sections(merge, document)


def _claude_local(merge: Merge, document: Document) -> ServerTable | None:
    """What Claude Code keeps for this folder in its own `.claude.json`."""
    projects = document.value.get("projects")
    if not is_object(projects):
        return None
    cwd = merge.scope.cwd
    for folder in (str(cwd), os.path.realpath(cwd)):
        keys = ("projects", folder, "mcpServers")
        entry = projects.get(folder)
        if is_object(entry) and (servers := entry.get("mcpServers")):
            return ServerTable(document, keys, _table(document, keys, servers), "claude-code", "local")
    return None


def _table(document: Document, keys: KeyPath, section: object) -> JsonObject:
    if not is_object(section):
        detail = f"`{keys[-1]}` must be a table of servers, at {document.where(keys)}"
        raise AppError("Configuration", detail, kind=ErrorKind.USAGE)
    return section
