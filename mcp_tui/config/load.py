"""Reads and merges the configuration.

Order of precedence: `--server`, then `--config` files as given, then `config.toml`, then `servers.toml`. The
first entry of a name wins; the others are reported as shadowed. A bad entry is its own problem; a file that
cannot be read or parsed ends the start, because a half-read configuration would lie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast, get_args

from mcp_tui.config import jsonc, paths, toml
from mcp_tui.config.document import Document, DocumentSyntaxError, KeyPath
from mcp_tui.config.expand import Scope
from mcp_tui.config.reader import EntryError, EntryReader, usage
from mcp_tui.config.schema import Config, Defaults, ProviderSpec, ServerSpec, WireFormat
from mcp_tui.config.servers import looks_like_entry, read_server, read_server_option, unknown_keys
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.names import known_names_hint
from mcp_tui.core.state import ApprovalPolicy
from mcp_tui.core.types import JsonObject

MAX_FILE_BYTES = 8 * 1024 * 1024

_SERVER_SECTIONS = ("mcpServers", "servers", "mcp_servers")
_SECTIONS = ("servers", "providers", "defaults", "keys")
_PROVIDER_KEYS = ("format", "base_url", "api_key", "models", "headers")
_DEFAULT_KEYS = ("models", "approval", "theme", "system", "max_steps")


@dataclass(slots=True)
class _Merge:
    """What was read so far; the first of a name wins."""

    servers: dict[str, ServerSpec] = field(default_factory=dict[str, ServerSpec])
    providers: dict[str, ProviderSpec] = field(default_factory=dict[str, ProviderSpec])
    defaults: JsonObject = field(default_factory=dict[str, Any])
    keys: dict[str, str] = field(default_factory=dict[str, str])
    problems: list[ErrorInfo] = field(default_factory=list[ErrorInfo])
    shadowed: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    sources: list[Path] = field(default_factory=list[Path])

    def add_server(self, spec: ServerSpec) -> None:
        if spec.name in self.servers:
            self.shadowed.append((spec.name, spec.origin.label))
        else:
            self.servers[spec.name] = spec


def load(
    config_files: Sequence[Path],
    server_options: Sequence[str],
    environ: Mapping[str, str],
    cwd: Path,
) -> Config:
    """The merged configuration. AppError (usage) for a bad `--server`, and for a file that is missing
    (`--config` only), unreadable, unparsable, or without any known section.
    """
    scope = Scope(environ, cwd)
    merge = _Merge()
    for option in server_options:
        spec = read_server_option(option, scope)
        if spec.name in merge.servers:
            raise AppError("--server", f"the name {spec.name!r} is given twice", kind=ErrorKind.USAGE)
        merge.add_server(spec)
    for file in config_files:
        _merge_document(merge, read_document(cwd / file), scope)
    for file in (paths.config_file(), paths.servers_file()):
        if file.exists():
            _merge_document(merge, read_document(file), scope)
    return Config(
        servers=tuple(merge.servers.values()),
        providers=tuple(merge.providers.values()),
        defaults=replace(Defaults(), **merge.defaults),
        keys=merge.keys,
        sources=tuple(merge.sources),
        problems=tuple(merge.problems),
        shadowed=tuple(merge.shadowed),
    )


def read_document(path: Path) -> Document:
    """One file, as TOML or JSONC by its name, else by its first character. AppError (usage) with
    `FILE:LINE:COLUMN` when that fails."""
    shown = paths.shown(path)
    try:
        data = path.read_bytes()
        if len(data) > MAX_FILE_BYTES:
            raise AppError("Configuration", f"{shown} is larger than {MAX_FILE_BYTES >> 20} MiB", kind=ErrorKind.USAGE)
        text = data.decode("utf-8-sig")
    except FileNotFoundError as error:
        hint = "`mcp-tui config path` lists the files that are read"
        raise AppError("Configuration", f"{shown} does not exist", hint, kind=ErrorKind.USAGE) from error
    except OSError as error:
        raise AppError("Configuration", f"cannot read {shown}: {error.strerror}", kind=ErrorKind.USAGE) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        detail = f"{shown}:{line}: is no UTF-8 text"
        raise AppError("Configuration", detail, "save it as UTF-8", kind=ErrorKind.USAGE) from error
    parse = toml.parse if _is_toml(path, text) else jsonc.parse
    try:
        return parse(text, path)
    except DocumentSyntaxError as fault:
        place = "".join(f":{number}" for number in (fault.line, fault.column) if number)
        raise AppError(
            "Configuration", f"{shown}{place}: {fault.reason}", "nothing was read from it", kind=ErrorKind.USAGE,
            code="config_syntax",
        ) from fault  # fmt: skip


def _is_toml(path: Path, text: str) -> bool:
    if path.suffix.lower() == ".toml":
        return True
    if path.suffix.lower() in (".json", ".jsonc", ".json5"):
        return False
    return not text.lstrip().startswith(("{", "//", "/*"))


def _merge_document(merge: _Merge, document: Document, scope: Scope) -> None:
    merge.sources.append(document.path)
    for keys, line in document.duplicates:
        name = ".".join(str(key) for key in keys)
        where = f"{document.where(keys)}, first at line {line}"
        merge.problems.append(usage("Duplicate key", f"`{name}` at {where}: the last one counts", "", "duplicate_key"))
    value = document.value
    section = next((name for name in _SERVER_SECTIONS if name in value), None)
    own = document.syntax == "toml" and section in (None, "servers")
    if section is not None:
        _merge_servers(merge, document, (section,), value[section], scope, own=own)
    elif any(looks_like_entry(item) for item in value.values()):
        entries = {name: item for name, item in value.items() if not name.startswith("$")}  # "$schema"
        _merge_servers(merge, document, (), entries, scope, own=False)
        return
    elif value and not (own and any(name in value for name in _SECTIONS)):
        hint = "expected `mcpServers`, `servers` or `mcp_servers`; or, in TOML, [providers], [defaults] or [keys]"
        detail = f"{paths.shown(document.path)} has no section this program knows"
        raise AppError("Configuration", detail, hint, kind=ErrorKind.USAGE)
    if not own:
        return
    for name in value:
        if name not in _SECTIONS:
            hint = known_names_hint(name, _SECTIONS, what="sections")
            detail = f"`{name}` at {document.where((name,))}"
            merge.problems.append(usage("Unknown section", detail, hint, "unknown_key"))
    _merge_providers(merge, document, scope)
    _merge_defaults(merge, document, scope)
    _merge_keys(merge, document)


def _merge_servers(
    merge: _Merge, document: Document, path: KeyPath, section: object, scope: Scope, *, own: bool
) -> None:
    if not isinstance(section, dict):
        detail = f"`{path[0]}` must be a table of servers, at {document.where(path)}"
        raise AppError("Configuration", detail, kind=ErrorKind.USAGE)
    for name, entry in cast("JsonObject", section).items():
        keys = (*path, name)
        merge.add_server(read_server(document, keys, name, entry, scope))
        if own:
            merge.problems.extend(unknown_keys(document, keys, entry))


def _table(merge: _Merge, document: Document, name: str) -> JsonObject:
    """A section of an own file; empty when absent or of another kind, which is reported."""
    value = document.value.get(name, {})
    if isinstance(value, dict):
        return cast("JsonObject", value)
    merge.problems.append(usage("Configuration", f"`{name}` must be a table, at {document.where((name,))}"))
    return {}


def _report_unknown(merge: _Merge, document: Document, path: KeyPath, table: JsonObject, known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            keys = (*path, key)
            hint = known_names_hint(key, known, what="keys")
            detail = f"`{'.'.join(map(str, keys))}` at {document.where(keys)}"
            merge.problems.append(usage("Unknown key", detail, hint, "unknown_key"))


def _merge_providers(merge: _Merge, document: Document, scope: Scope) -> None:
    for name, entry in _table(merge, document, "providers").items():
        keys = ("providers", name)
        spec = ProviderSpec(name, document.origin(keys))
        if isinstance(entry, dict):
            table = cast("JsonObject", entry)
            _report_unknown(merge, document, keys, table, _PROVIDER_KEYS)
            try:
                spec = _provider(EntryReader(document, keys, table, scope, f"Provider {name}"), spec)
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


def _merge_defaults(merge: _Merge, document: Document, scope: Scope) -> None:
    table = _table(merge, document, "defaults")
    _report_unknown(merge, document, ("defaults",), table, _DEFAULT_KEYS)
    reader = EntryReader(document, ("defaults",), table, scope, "Defaults")
    for name in _DEFAULT_KEYS:
        if reader.found(name) is None or name in merge.defaults:
            continue
        try:
            merge.defaults[name] = _default(reader, name)
        except EntryError as fault:
            merge.problems.append(fault.info)


def _default(reader: EntryReader, name: str) -> object:
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
            if not isinstance(steps, int) or isinstance(steps, bool) or not 1 <= steps <= 1000:
                raise reader.fault(name, "`max_steps` must be a whole number from 1 to 1000")
            return steps
        case _:
            return reader.text(name)


def _merge_keys(merge: _Merge, document: Document) -> None:
    for name, value in _table(merge, document, "keys").items():
        items = cast("list[object]", value) if isinstance(value, list) else [value]
        if all(isinstance(item, str) for item in items):
            merge.keys.setdefault(name, ",".join(cast("list[str]", items)))
        else:
            detail = f"`keys.{name}` must be a text or a list of texts, at {document.where(('keys', name))}"
            merge.problems.append(usage("Configuration", detail))
