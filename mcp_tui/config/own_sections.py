"""The sections of an own file that are not servers: providers, defaults, keys, and what models are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast, get_args

from mcp_tui.config import model_sections
from mcp_tui.config.clients.places import CLIENTS
from mcp_tui.config.document import Document, KeyPath
from mcp_tui.config.entry_reader import EntryError, EntryReader, usage
from mcp_tui.config.expand import Scope
from mcp_tui.config.merge import Merge
from mcp_tui.config.roots import read_roots
from mcp_tui.config.schema import ProviderSpec, WireFormat
from mcp_tui.core.json_values import is_integer, is_list, is_object
from mcp_tui.core.names import known_names_hint
from mcp_tui.core.state import ApprovalPolicy
from mcp_tui.core.types import JsonObject

SECTIONS = ("servers", "providers", "defaults", "keys", "inputs", *model_sections.SECTIONS)

_PROVIDER_KEYS = ("format", "base_url", "api_key", "models", "headers")
_DEFAULT_KEYS = (
    "models",
    "approval",
    "theme",
    "system",
    "max_steps",
    "import",
    "cache",
    "fallback",
    "roots",
    "history",
)


def merge_own_sections(merge: Merge, document: Document) -> None:
    """What an earlier file said stays; each fault is a problem of its own."""
    for name in document.value:
        if name not in SECTIONS:
            hint = known_names_hint(name, SECTIONS, what="sections")
            detail = f"`{name}` at {document.where((name,))}"
            merge.problems.append(usage("Unknown section", detail, hint, "unknown_key"))
    _merge_providers(merge, document, merge.scope)
    _merge_defaults(merge, document, merge.scope)
    _merge_keys(merge, document)
    merge.models.read(document, merge.scope, merge.problems)


def _table(merge: Merge, document: Document, name: str) -> JsonObject:
    """A section of an own file; empty when absent or of another kind, which is reported."""
    value = document.value.get(name, {})
    if is_object(value):
        return value
    merge.problems.append(usage("Configuration", f"`{name}` must be a table, at {document.where((name,))}"))
    return {}


def _report_unknown(merge: Merge, document: Document, path: KeyPath, table: JsonObject, known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            keys = (*path, key)
            hint = known_names_hint(key, known, what="keys")
            detail = f"`{'.'.join(map(str, keys))}` at {document.where(keys)}"
            merge.problems.append(usage("Unknown key", detail, hint, "unknown_key"))


def _merge_providers(merge: Merge, document: Document, scope: Scope) -> None:
    for name, entry in _table(merge, document, "providers").items():
        keys = ("providers", name)
        spec = ProviderSpec(name, document.origin(keys))
        if is_object(entry):
            _report_unknown(merge, document, keys, entry, _PROVIDER_KEYS)
            try:
                spec = _provider(EntryReader(document, keys, entry, scope, f"Provider {name}"), spec)
            except EntryError as fault:
                spec = replace(spec, problem=fault.info)
        else:
            fault = usage(f"Provider {name}", f"the entry must be a table, at {document.where(keys)}")
            spec = replace(spec, problem=fault)
        merge.providers.setdefault(name, spec)


def _provider(reader: EntryReader, spec: ProviderSpec) -> ProviderSpec:
    wire = reader.text("format")
    formats: tuple[WireFormat, ...] = get_args(WireFormat)
    if wire and wire not in formats:
        hint = known_names_hint(wire, formats, what="formats")
        raise reader.fault("format", f"the format `{wire}` is not known", hint)
    base_url = reader.text("base_url")
    if base_url and not base_url.startswith(("http://", "https://")):
        raise reader.fault("base_url", "`base_url` must start with http:// or https://")
    return replace(
        spec,
        format=wire or None,
        base_url=base_url,
        api_key=reader.text("api_key"),
        models=reader.texts("models") or (),
        headers=reader.mapping("headers"),
    )


def _merge_defaults(merge: Merge, document: Document, scope: Scope) -> None:
    table = _table(merge, document, "defaults")
    _report_unknown(merge, document, ("defaults",), table, _DEFAULT_KEYS)
    reader = EntryReader(document, ("defaults",), table, scope, "Defaults")
    for name in _DEFAULT_KEYS:
        target = "imports" if name == "import" else name
        if reader.found(name) is None or target in merge.defaults:
            continue
        try:
            merge.defaults[target] = _imports(merge, reader) if name == "import" else _default(reader, name, scope)
        except EntryError as fault:
            merge.problems.append(fault.info)


def _imports(merge: Merge, reader: EntryReader) -> tuple[str, ...]:
    """Names of clients; one that is not known is a problem and leaves the others."""
    given = (reader.text("import"),) if isinstance(reader.raw("import"), str) else reader.texts("import") or ()
    for name in given:
        if name not in CLIENTS:
            hint = known_names_hint(name, CLIENTS, what="clients", limit=len(CLIENTS))
            merge.problems.append(reader.fault("import", f"the client `{name}` is not known", hint).info)
    return tuple(dict.fromkeys(name for name in given if name in CLIENTS))


def _default(reader: EntryReader, name: str, scope: Scope) -> object:
    match name:
        case "models":
            return (reader.text(name),) if isinstance(reader.raw(name), str) else reader.texts(name)
        case "approval":
            given = reader.text(name)
            try:
                return ApprovalPolicy(given)
            except ValueError as error:
                hint = known_names_hint(given, list(ApprovalPolicy), what="policies")
                raise reader.fault(name, f"the approval `{given}` is not known", hint) from error
        case "max_steps":
            steps = reader.raw(name)
            if not is_integer(steps) or not 1 <= steps <= 1000:
                raise reader.fault(name, "`max_steps` must be a whole number from 1 to 1000")
            return steps
        case "cache" | "history":
            return reader.flag(name)
        case "roots":
            return read_roots(reader, scope)
        case _:
            return reader.text(name)


def _merge_keys(merge: Merge, document: Document) -> None:
    for name, value in _table(merge, document, "keys").items():
        items = value if is_list(value) else [value]
        if all(isinstance(item, str) for item in items):
            merge.keys.setdefault(name, ",".join(cast("list[str]", items)))
        else:
            detail = f"`keys.{name}` must be a text or a list of texts, at {document.where(('keys', name))}"
            merge.problems.append(usage("Configuration", detail))
