"""What other clients have configured on this machine: every file, every entry, and which of them say the same."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mcp_tui.config import inputs, mask, trust
from mcp_tui.config.clients.places import ClientFile, Places, client_files
from mcp_tui.config.clients.secrets import plain_secrets
from mcp_tui.config.clients.tables import read_table
from mcp_tui.config.clients.translate import losses
from mcp_tui.config.document import Document
from mcp_tui.config.expand import Scope, input_ids
from mcp_tui.config.merge import ServerTable, read_entry
from mcp_tui.config.schema import ServerSpec
from mcp_tui.core.errors import AppError, ErrorInfo
from mcp_tui.core.json_values import is_object, objects
from mcp_tui.core.types import JsonObject


@dataclass(frozen=True, slots=True)
class FileFinding:
    file: ClientFile
    exists: bool
    servers: int = 0
    trusted: bool | None = None
    """None for a file that needs no trust."""
    problem: ErrorInfo | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One entry of one file."""

    spec: ServerSpec
    """Unexpanded: what stands in the file."""
    trusted: bool
    problem: ErrorInfo | None
    """What is wrong with it here and now, such as a variable that is not set."""
    notes: tuple[str, ...]
    duplicate_of: str = ""
    """Where an entry of the same name stands that comes first."""
    identical: bool = False
    """The duplicate says the same."""
    inputs: tuple[JsonObject, ...] = ()
    """Definitions of the inputs it refers to."""

    @property
    def target(self) -> str:
        return mask.target(self.spec)


@dataclass(frozen=True, slots=True)
class Findings:
    files: tuple[FileFinding, ...]
    servers: tuple[Finding, ...]


def find(clients: Sequence[str], places: Places) -> Findings:
    """Everything of these clients, in their order and within each in its order of precedence. Starts nothing,
    writes nothing, expands nothing in what is returned except to see what is wrong."""
    trusted = trust.read_trust()
    files: list[FileFinding] = []
    servers: list[Finding] = []
    for client in clients:
        for file in client_files(client, places):
            table: ServerTable | None = None
            finding = FileFinding(file, os.path.exists(file.path))  # noqa: PTH110 - never raises
            if finding.exists:
                try:
                    table = read_table(file)
                except AppError as error:
                    finding = replace(finding, problem=error.info)
            if table is not None:
                holds = file.scope != "project" or trusted.holds(file.path, table.document.digest)
                finding = replace(finding, servers=len(table.entries))
                if file.scope == "project":
                    finding = replace(finding, trusted=holds)
                servers += _entries(table, places, trusted=holds)
            files.append(finding)
    return Findings(tuple(files), tuple(_with_duplicates(servers)))


def _entries(table: ServerTable, places: Places, *, trusted: bool) -> Iterable[Finding]:
    scope = Scope(places.environ, places.cwd)
    names = inputs.Answers().values(table.document.path, input_ids(table.entries), places.environ)
    for name in table.entries:
        shown = read_entry(table, name, replace(scope, inert=True))
        problem = shown.problem
        notes: list[str] = []
        if trusted and problem is None:
            problem = read_entry(table, name, replace(scope, inputs=names)).problem
        raw = table.entries[name]
        if is_object(raw):
            notes += losses(table.client, raw)
        if shown.entry is not None and (places_of := plain_secrets(shown.entry)):
            notes.append(f"holds a secret in plain text ({', '.join(places_of)})")
        yield Finding(shown, trusted, problem, tuple(notes), inputs=_inputs(table.document, shown))


def _inputs(document: Document, spec: ServerSpec) -> tuple[JsonObject, ...]:
    wanted = set(input_ids(spec.entry))
    tables = objects(document.value.get("inputs"))
    return tuple(table for table in tables if table.get("id") in wanted)


def _with_duplicates(servers: Iterable[Finding]) -> Iterable[Finding]:
    first: dict[str, Finding] = {}
    for finding in servers:
        before = first.setdefault(finding.spec.name, finding)
        if before is finding:
            yield finding
        else:
            same = _canonical(before.spec.entry) == _canonical(finding.spec.entry)
            yield replace(finding, duplicate_of=before.spec.origin.label, identical=same)


def _canonical(entry: JsonObject | None) -> str:
    """Equal for entries that mean the same."""
    return json.dumps(entry, sort_keys=True, default=str).replace("${env:", "${")
