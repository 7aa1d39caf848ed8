"""What was read so far. The first entry of a name wins; every other one is remembered as shadowed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mcp_tui.config import inputs, trust
from mcp_tui.config.clients.translate import own_form, reading_form
from mcp_tui.config.document import Document, KeyPath
from mcp_tui.config.entry_reader import EntryError, EntryReader, usage
from mcp_tui.config.expand import Scope, input_ids
from mcp_tui.config.inputs import Answers
from mcp_tui.config.model_sections import ModelSections
from mcp_tui.config.schema import Config, Defaults, EntryScope, InputSpec, ProviderSpec, ServerSpec, UntrustedFile
from mcp_tui.config.servers import env_file, read_server, unknown_keys
from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.json_values import is_object
from mcp_tui.core.types import JsonObject


@dataclass(frozen=True, slots=True)
class ServerTable:
    """A table of servers in one file."""

    document: Document
    keys: KeyPath
    entries: JsonObject
    client: str = ""
    scope: EntryScope = ""
    own: bool = False


@dataclass(slots=True)
class Merge:
    scope: Scope
    answers: Answers
    servers: dict[str, ServerSpec] = field(default_factory=dict[str, ServerSpec])
    providers: dict[str, ProviderSpec] = field(default_factory=dict[str, ProviderSpec])
    defaults: JsonObject = field(default_factory=dict[str, Any])
    keys: dict[str, str] = field(default_factory=dict[str, str])
    models: ModelSections = field(default_factory=ModelSections)
    problems: list[ErrorInfo] = field(default_factory=list[ErrorInfo])
    shadowed: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    sources: list[Path] = field(default_factory=list[Path])
    untrusted: list[UntrustedFile] = field(default_factory=list[UntrustedFile])
    unreadable: list[tuple[Path, ErrorInfo]] = field(default_factory=list[tuple[Path, ErrorInfo]])
    watched: list[Path] = field(default_factory=list[Path])
    _definitions: dict[Path, Mapping[str, InputSpec]] = field(default_factory=dict[Path, Mapping[str, InputSpec]])
    _values: dict[Path, Mapping[str, str]] = field(default_factory=dict[Path, Mapping[str, str]])

    def add_server(self, spec: ServerSpec) -> None:
        if spec.name in self.servers:
            self.shadowed.append((spec.name, spec.origin.label))
        else:
            self.servers[spec.name] = spec

    def add_source(self, path: Path) -> None:
        if path not in self.sources:
            self.sources.append(path)

    def add_servers(self, table: ServerTable) -> None:
        scope = self._scope_of(table.document)
        for name, value in table.entries.items():
            keys = (*table.keys, name)
            self.add_server(read_entry(table, name, scope))
            if table.own:
                self.problems.extend(unknown_keys(table.document, keys, value))
            if is_object(value):
                self._watch_env_file(EntryReader(table.document, keys, value, scope, name), scope)

    def add_untrusted(self, table: ServerTable, *, changed: bool) -> None:
        """Every entry waits for trust; nothing in it is expanded, and no other file it names is opened."""
        scope = replace(self.scope, inert=True)
        for name in table.entries:
            spec = read_entry(table, name, scope)
            self.add_server(replace(spec, problem=spec.problem or trust.needed(spec, changed=changed)))
        document = table.document
        self.untrusted.append(UntrustedFile(document.path, document.digest, changed, tuple(table.entries)))

    def report_duplicates(self, document: Document, within: KeyPath = ()) -> None:
        for keys, line in document.duplicates:
            if keys[: len(within)] == within:
                name = ".".join(str(key) for key in keys)
                where = f"{document.where(keys)}, first at line {line}"
                detail = f"`{name}` at {where}: the last one counts"
                self.problems.append(usage("Duplicate key", detail, "", "duplicate_key"))

    def _scope_of(self, document: Document) -> Scope:
        """With the answers to the inputs this file refers to."""
        path = document.path
        if path not in self._values:
            self._definitions[path] = inputs.defined(document)
            names = dict.fromkeys((*self._definitions[path], *input_ids(document.value)))
            self._values[path] = self.answers.values(path, names, self.scope.environ)
        return replace(self.scope, inputs=self._values[path])

    def _watch_env_file(self, reader: EntryReader, scope: Scope) -> None:
        try:
            file = env_file(reader, scope)
        except EntryError:
            return  # the entry has this as its problem
        if file is not None:
            self.watched.append(file)

    def config(self) -> Config:
        defaults = replace(Defaults(), **self.defaults)
        servers = tuple(
            spec if spec.roots is not None or not defaults.roots else replace(spec, roots=defaults.roots)
            for spec in self.servers.values()
        )
        return Config(
            servers=servers,
            providers=tuple(self.providers.values()),
            defaults=defaults,
            keys=self.keys,
            **self.models.fields(),
            sources=tuple(self.sources),
            problems=tuple(self.problems),
            shadowed=tuple(self.shadowed),
            inputs=inputs.wanted(servers, self._definitions, self._values),
            untrusted=tuple(self.untrusted),
            unreadable=tuple(self.unreadable),
            watched=tuple(dict.fromkeys(self.watched)),
        )


def read_entry(table: ServerTable, name: str, scope: Scope) -> ServerSpec:
    """One entry of a table, whatever client wrote it."""
    value = table.entries[name]
    form: object = value
    if is_object(value):
        form = reading_form(table.client, value)
    keys = (*table.keys, name)
    spec = read_server(table.document, keys, name, form, scope)
    if spec.problem is not None and not scope.inert:
        # It will not be started; what stands in the file is still worth showing.
        shown = read_server(table.document, keys, name, form, replace(scope, inert=True))
        spec = replace(shown, problem=spec.problem)
    if is_object(form):
        spec = replace(spec, entry=own_form(form))
    origin = replace(spec.origin, client=table.client, scope=table.scope)
    return replace(spec, origin=origin)


def same_file(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
