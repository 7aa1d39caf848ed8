"""Server entries: the shapes of this program and of other MCP clients, as one ServerSpec each.

Accepted spellings: Claude Desktop and Code (`type` stdio, http, sse), Cursor (a URL without type), VS Code
(`servers`, `envFile`), Windsurf (`serverUrl`), Gemini CLI (`httpUrl`, `includeTools`), Cline (`streamableHttp`),
Codex CLI (`bearer_token_env_var`, `http_headers`, `env_http_headers`, `startup_timeout_sec` ...), opencode
(`local`, `remote`, a command as a list). Approvals of other clients (`autoApprove`, `trust`) are never taken over.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard, get_args
from urllib.parse import urlsplit

from mcp_tui.config.authorisation import AuthEntryError, auth_settings
from mcp_tui.config.document import Document, KeyPath
from mcp_tui.config.entry_reader import EntryError, EntryReader, usage
from mcp_tui.config.expand import Scope, UnresolvedError, expand
from mcp_tui.config.files import read_bytes
from mcp_tui.config.roots import read_roots
from mcp_tui.config.schema import Origin, Protocol, ServerSpec, Transport
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.json_values import as_list, is_object
from mcp_tui.core.names import closest, known_names_hint
from mcp_tui.core.tasks import LOG_LEVELS
from mcp_tui.core.types import JsonObject

TYPES: dict[str, Transport] = {
    "stdio": "stdio",
    "local": "stdio",
    "http": "http",
    "https": "http",
    "streamable-http": "http",
    "streamable_http": "http",
    "streamablehttp": "http",
    "remote": "http",
    "sse": "sse",
    "auto": "http",
}
URL_KEYS = ("url", "serverUrl", "httpUrl", "server_url")
OWN_KEYS = frozenset(
    [
        *("type", "command", "args", "env", "cwd", "url", "headers", "auth"),
        *("protocol", "connect_timeout_s", "call_timeout_s", "task_timeout_s", "probe_interval_s", "log_level"),
        *("trusted", "disabled", "inherit_env", "enabled_tools", "disabled_tools", "roots", "watch"),
    ]
)
_CODEX_KEYS = frozenset(
    [
        *("bearer_token_env_var", "http_headers", "env_http_headers", "env_vars", "enabled", "required"),
        *("startup_timeout_sec", "startup_timeout_ms", "tool_timeout_sec"),
    ]
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, section 5.6.2
TOOL_LISTS = ("enabled_tools", "enabledTools", "includeTools")
TOOL_LISTS_OFF = ("disabled_tools", "disabledTools", "excludeTools")


def looks_like_entry(value: object) -> TypeGuard[JsonObject]:
    """Whether a table of a bare map can only be a server."""
    return is_object(value) and any(key in value for key in ("command", *URL_KEYS))


def read_server(document: Document, path: KeyPath, name: str, value: object, scope: Scope) -> ServerSpec:
    """One entry; a fault becomes its `problem` and harms no other entry."""
    bare = ServerSpec(name, document.origin(path))
    what = f"Server {name}" if name else "Server without a name"
    if not is_object(value):
        return replace(bare, problem=usage(what, f"the entry must be a table, at {document.where(path)}"))
    reader = EntryReader(document, path, value, scope, what)
    try:
        bare = replace(bare, disabled=_disabled(reader))
        if not name.strip():
            raise reader.fault("", "the name is empty")
        return _read(reader, bare, scope)
    except EntryError as fault:
        return replace(bare, transport=_likely_transport(reader), problem=fault.info)


def unknown_keys(document: Document, path: KeyPath, value: object) -> list[ErrorInfo]:
    """Keys of an own entry that mean nothing, each with the closest one that does."""
    if not is_object(value):
        return []
    known = OWN_KEYS | _CODEX_KEYS | {*URL_KEYS, *TOOL_LISTS, *TOOL_LISTS_OFF, "transport", "envFile"}
    found: list[ErrorInfo] = []
    for key in value:
        if key not in known:
            where = document.where((*path, key))
            hint = known_names_hint(key, sorted(OWN_KEYS), what="keys", limit=20)
            found.append(usage("Unknown key", f"`{'.'.join(map(str, (*path, key)))}` at {where}", hint, "unknown_key"))
    return found


def read_server_option(text: str, scope: Scope) -> ServerSpec:
    """`NAME=COMMAND-OR-URL` of the command line. AppError (usage) when it has another form."""
    name, equals, target = text.partition("=")
    name, target = name.strip(), target.strip()
    title, origin = f"--server {name or text}", Origin("command line")
    example = "for example --server 'time=uvx mcp-server-time' or --server docs=https://host/mcp"
    if not equals or not name or not target:
        raise AppError("--server", f"{text!r} is not NAME=COMMAND-OR-URL", example, kind=ErrorKind.USAGE)
    raw = target
    try:
        target = expand(target, scope)
        if target.lower().startswith(("http://", "https://")):
            entry: JsonObject = {"url": raw}
            spec = ServerSpec(name, origin, "http", url=target, try_sse=_ends_in_sse(target), entry=entry)
            fault = _url_fault(target)
            return replace(spec, problem=usage(title, fault, example)) if fault else spec
        words = shlex.split(target)
    except UnresolvedError as error:
        raise AppError(title, f"${{{error.reference}}} {error.reason}", kind=ErrorKind.USAGE) from error
    except ValueError as error:
        raise AppError(title, f"cannot be split into words: {error}", example, kind=ErrorKind.USAGE) from error
    if not words or not words[0]:
        raise AppError(title, "the command is empty", example, kind=ErrorKind.USAGE)
    if "://" in words[0]:
        raise AppError(title, "only http:// and https:// URLs can be used", example, kind=ErrorKind.USAGE)
    first, *rest = _unexpanded_words(raw)
    entry = {"command": first, **({"args": rest} if rest else {})}
    return ServerSpec(name, origin, command=_home(words[0], scope), args=tuple(words[1:]), entry=entry)


def _unexpanded_words(text: str) -> list[str]:
    """The words of a command line, each variable kept whole whatever its default holds."""
    references: list[str] = []

    def keep(found: re.Match[str]) -> str:
        references.append(found.group())
        return f"\x01{len(references) - 1}\x02"

    words = shlex.split(re.sub(r"\$\{[^{}]*\}", keep, text))
    return [re.sub("\x01([0-9]+)\x02", lambda found: references[int(found[1])], word) for word in words] or [text]


def _disabled(reader: EntryReader) -> bool:
    enabled = reader.flag("enabled")
    return bool(reader.flag("disabled")) or enabled is False


def _likely_transport(reader: EntryReader) -> Transport:
    return "http" if reader.found(*URL_KEYS) and not reader.found("command") else "stdio"


def _read(reader: EntryReader, bare: ServerSpec, scope: Scope) -> ServerSpec:
    transport, explicit = _transport(reader)
    spec = replace(bare, transport=transport)
    if transport == "stdio":
        command, args = _command(reader)
        spec = replace(
            spec,
            command=_home(command, scope),
            args=args,
            env=_environment(reader, scope),
            cwd=_directory(reader, scope),
        )
    else:
        url = reader.text(*URL_KEYS)
        if fault := "" if scope.inert else _url_fault(url):
            raise reader.fault(reader.found(*URL_KEYS) or "", fault)
        spec = replace(spec, url=url, headers=_headers(reader, scope), try_sse=not explicit and _ends_in_sse(url))
        if reader.raw("type") == "auto":
            spec = replace(spec, try_sse=True)
    return replace(_settings(reader, spec), roots=read_roots(reader, scope), watch=_watch(reader, transport))


def _transport(reader: EntryReader) -> tuple[Transport, bool]:
    """The transport, and whether the entry named it."""
    has_command, url_key = reader.found("command") is not None, reader.found(*URL_KEYS)
    if has_command and url_key:
        raise reader.fault(url_key, f"the entry has both `command` and `{url_key}`", "keep the one that is meant")
    if not has_command and not url_key:
        near = next((name for name in reader.names() if closest(name, ("command", *URL_KEYS))), None)
        meant = closest(near, ("command", *URL_KEYS)) if near else None
        hint = f"`{near}` may be meant as `{meant}`" if meant else "add `command` (stdio) or `url` (HTTP)"
        raise reader.fault(near or "", "the entry has neither `command` nor `url`", hint)
    key = reader.found("type", "transport")
    if key is None:
        return ("http" if url_key else "stdio"), False
    given = reader.text(key)
    kind = TYPES.get(given.lower())
    if kind is None:
        hint = known_names_hint(given, ("stdio", "http", "sse"), what="types")
        raise reader.fault(key, f"the transport `{given}` is not known", hint)
    if (kind == "stdio") != has_command:
        needed = "command" if kind == "stdio" else "url"
        raise reader.fault(key, f"`{key}` is `{given}`, but there is no `{needed}`")
    return kind, True


def _command(reader: EntryReader) -> tuple[str, tuple[str, ...]]:
    if isinstance(reader.raw("command"), list):
        words = reader.texts("command") or ()
        command, first = (words[0], words[1:]) if words else ("", ())
    else:
        command, first = reader.text("command"), ()
    if not command.strip():
        raise reader.fault("command", "`command` is empty")
    return command, (*first, *(reader.texts("args") or ()))


def _environment(reader: EntryReader, scope: Scope) -> Mapping[str, str]:
    """What the entry configures: its `envFile`, then forwarded `env_vars`, then `env`."""
    env: dict[str, str] = {}
    if (file := env_file(reader, scope)) is not None:
        try:
            env |= _dotenv(read_bytes(file).decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise reader.fault("envFile", f"{file} is no UTF-8 text") from error
        except AppError as error:
            raise reader.fault("envFile", error.info.detail) from error
    for name in reader.texts("env_vars") or ():
        if name in scope.environ and not scope.inert:
            env[name] = scope.environ[name]
    env |= reader.mapping("env", "environment")
    if bad := next((name for name, value in env.items() if not name or "=" in name or "\0" in name + value), None):
        raise reader.fault("env", f"`env` holds the name {bad!r} or a value no process can have")
    return env


def env_file(reader: EntryReader, scope: Scope) -> Path | None:
    """Where the entry's `envFile` is; None for an entry without one, or one that is not trusted."""
    file = reader.text("envFile")
    return scope.cwd / _home(file, scope) if file and not scope.inert else None


def _dotenv(text: str) -> dict[str, str]:
    env: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if not equals or name.startswith("#"):
            continue
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        env[name.strip()] = value
    return env


def _directory(reader: EntryReader, scope: Scope) -> str | None:
    given = reader.text("cwd")
    if scope.inert:
        return given or None
    return str(scope.cwd / _home(given, scope)) if given else None


def _home(text: str, scope: Scope) -> str:
    """A leading `~/` as a shell reads it."""
    return f"{scope.lookup('userHome')}{text[1:]}" if text.startswith("~/") and not scope.inert else text


def _headers(reader: EntryReader, scope: Scope) -> Mapping[str, str]:
    headers = reader.mapping("headers", "http_headers")
    for header, variable in reader.mapping("env_http_headers").items():
        headers[header] = _variable(reader, "env_http_headers", variable, scope)
    if variable := reader.text("bearer_token_env_var"):
        headers["Authorization"] = f"Bearer {_variable(reader, 'bearer_token_env_var', variable, scope)}"
    # RFC 9110, section 5.5: blanks around a value are no part of it; a token read from a file often ends in one.
    headers = {name: value.strip(" \t") for name, value in headers.items()}
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not all(c == "\t" or " " <= c <= "~" for c in value):
            raise reader.fault("headers", f"the header {name!r} has a name or value HTTP cannot carry")
    return headers


def _variable(reader: EntryReader, key: str, variable: str, scope: Scope) -> str:
    value = f"${{{variable}}}" if scope.inert else scope.environ.get(variable)
    if value is None:
        hint = f"set {variable}"
        raise reader.fault(key, f"{variable} is not set; used by `{key}`", hint, code="unresolved_variable")
    return value


def _ends_in_sse(url: str) -> bool:
    return urlsplit(url).path.rstrip("/").endswith("/sse")


def _url_fault(url: str) -> str:
    """What is wrong with a URL, or ""."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return f"the URL is not valid ({error})"
    if parts.scheme not in ("http", "https"):
        return f"the URL must start with http:// or https://, not `{url[:24].partition(':')[0]}:`"
    if not parts.hostname or any(c.isspace() or ord(c) < 0x20 for c in url):
        return "the URL has no host, or holds spaces"
    return ""


def _auth(reader: EntryReader) -> JsonObject | None:
    """A table, or just its `type` as other clients write it."""
    if isinstance(reader.raw("auth"), str):
        table: JsonObject | None = {"type": reader.text("auth")}
    else:
        table = reader.table("auth")
    try:
        auth_settings(table)
    except AuthEntryError as error:
        raise reader.fault("auth", f"`auth`: {error.detail}", error.hint) from error
    return table


def _watch(reader: EntryReader, transport: Transport) -> tuple[str, ...]:
    """`watch`, or what VS Code calls `dev: {watch: GLOB}`; one glob or several."""
    found = _globs(reader.table("dev") or {}) if reader.found("watch") is None else None
    if found is None:
        found = (reader.text("watch"),) if isinstance(reader.raw("watch"), str) else reader.texts("watch") or ()
    globs = tuple(glob for glob in found if glob.strip())
    if globs and transport != "stdio" and reader.found("watch"):
        raise reader.fault("watch", "`watch` restarts a command, and this entry has a URL", "remove it")
    return globs if transport == "stdio" else ()


def _globs(dev: JsonObject) -> tuple[str, ...]:
    """Another client's own setting: what is no glob is not ours to complain about."""
    given: object = dev.get("watch")
    if isinstance(given, str):
        return (given,)
    globs = as_list(given)
    return tuple(glob for glob in globs if isinstance(glob, str))


def _log_level(reader: EntryReader) -> str | None:
    level = reader.text("log_level").lower()
    if level and level not in LOG_LEVELS:
        hint = known_names_hint(level, LOG_LEVELS, what="levels", limit=len(LOG_LEVELS))
        raise reader.fault("log_level", f"the log level `{level}` is not known", hint)
    return level or None


def _settings(reader: EntryReader, spec: ServerSpec) -> ServerSpec:
    protocol = reader.text("protocol") or "auto"
    known: tuple[Protocol, ...] = get_args(Protocol)
    if protocol not in known:
        hint = known_names_hint(protocol, known, what="protocols")
        raise reader.fault("protocol", f"the protocol `{protocol}` is not known", hint)
    startup_ms = reader.seconds("startup_timeout_ms")
    connect_s = reader.seconds("connect_timeout_s", "startup_timeout_sec") or (startup_ms and startup_ms / 1000)
    enabled = reader.texts(*TOOL_LISTS)
    settings: dict[str, Any] = {
        "protocol": protocol,
        "connect_timeout_s": connect_s,
        "call_timeout_s": reader.seconds("call_timeout_s", "tool_timeout_sec"),
        "task_timeout_s": reader.seconds("task_timeout_s"),
        "log_level": _log_level(reader),
        "probe_interval_s": reader.seconds("probe_interval_s"),
        "trusted": reader.flag("trusted"),
        "inherit_env": reader.flag("inherit_env"),
        "enabled_tools": None if enabled == ("*",) else enabled,
        "disabled_tools": reader.texts(*TOOL_LISTS_OFF),
        "auth": _auth(reader),
    }
    return replace(spec, **{name: value for name, value in settings.items() if value is not None})
