"""What entries of other clients mean, in the spelling of `[servers.NAME]`. Variables stay as they stand.

Two steps: `reading_form` settles what only its client means so (units, `$VAR`, whose keys are ours by accident),
keeping every other key, so that faults name what stands in the file; `own_form` is then the whole entry in one
spelling, which is what gets written and shown. Neither changes what it is given, neither fails on any value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import cast
from urllib.parse import urlsplit

from mcp_tui.config.servers import OWN_KEYS, TOOL_LISTS, TOOL_LISTS_OFF, TYPES, URL_KEYS
from mcp_tui.core.json_values import as_list, is_list, is_number, is_object
from mcp_tui.core.types import JsonObject

# A file that comes from elsewhere cannot grant itself these.
_OURS_ALONE = ("trusted", "inherit_env")
_APPROVALS = (
    "autoApprove",
    "alwaysAllow",
    "trust",
    "default_tools_approval_mode",
    "tools",
)
_NOT_POSSIBLE = {
    "headersHelper": "a command that prints headers",
    "authProviderType": "credentials of another provider",
    "sandbox": "a sandbox",
}
# Gemini CLI also reads `$VAR` without braces.
_BARE = re.compile(r"(?<![$\\])\$([A-Za-z_][A-Za-z0-9_]*)")


def reading_form(client: str, entry: JsonObject) -> JsonObject:
    """The entry as `read_server` understands it. `client` is "" for a file of nobody known: taken as it is."""
    change = _CHANGES.get(client)
    if change is None:
        return dict(entry)
    return change({name: value for name, value in entry.items() if name not in _OURS_ALONE})


def losses(client: str, entry: JsonObject) -> tuple[str, ...]:
    """What of an entry is not taken over, one clause each."""
    if not client:
        return ()
    notes = [f"`{key}`: approvals of other clients do not count here" for key in _APPROVALS if entry.get(key)]
    notes += [f"`{key}`: {what} is not supported" for key, what in _NOT_POSSIBLE.items() if entry.get(key)]
    return tuple(notes)


def _claude_code(entry: JsonObject) -> JsonObject:
    _seconds(entry, "timeout", 1000, least_ms=1000)
    _authorisation(entry, "oauth", {"clientId": "client_id"})
    return entry


def _cursor(entry: JsonObject) -> JsonObject:
    _authorisation(entry, "auth", {"CLIENT_ID": "client_id", "CLIENT_SECRET": "client_secret"})
    return entry


def _vscode(entry: JsonObject) -> JsonObject:
    env = entry.get("env")
    if is_object(env):
        # null takes a variable away from what VS Code passes on; here nothing is passed on to begin with.
        entry["env"] = {name: value for name, value in env.items() if value is not None}
    return entry


def _codex(entry: JsonObject) -> JsonObject:
    names = entry.get("env_vars")
    if is_list(names):
        entry["env_vars"] = [n.get("name", n) if is_object(n) else n for n in names]
    if scopes := _scope(entry.get("scopes")):
        entry["auth"] = {"scope": scopes}
    return entry


def _cline(entry: JsonObject) -> JsonObject:
    _seconds(entry, "timeout", 1)
    return entry


def _gemini(entry: JsonObject) -> JsonObject:
    entry = cast("JsonObject", _braced(entry))
    _seconds(entry, "timeout", 1000)
    if entry.get("httpUrl") is not None:
        entry.pop("url", None)
    elif entry.get("url") is not None and entry.get("type") is None:
        # SSE in older versions, streamable HTTP first in newer ones.
        entry["type"] = "auto"
    _authorisation(entry, "oauth", {"clientId": "client_id", "clientSecret": "client_secret"})
    return entry


def _unchanged(entry: JsonObject) -> JsonObject:
    return entry


_CHANGES: Mapping[str, Callable[[JsonObject], JsonObject]] = {
    "claude-desktop": _unchanged,
    "claude-code": _claude_code,
    "cursor": _cursor,
    "vscode": _vscode,
    "codex": _codex,
    "cline": _cline,
    "windsurf": _unchanged,
    "gemini": _gemini,
}


def _seconds(entry: JsonObject, key: str, per_second: int, *, least_ms: int = 0) -> None:
    """A client's `timeout` of a request; one it ignores itself is ignored here."""
    value = entry.pop(key, None)
    if is_number(value) and value > 0 and value >= least_ms:
        entry["call_timeout_s"] = value / per_second


def _authorisation(entry: JsonObject, key: str, names: Mapping[str, str]) -> None:
    given = entry.pop(key, None)
    if not is_object(given):
        return
    auth = {own: given[foreign] for foreign, own in names.items() if given.get(foreign)}
    if scope := _scope(given.get("scopes")):
        auth["scope"] = scope
    if auth:
        entry["auth"] = auth


def _scope(value: object) -> str:
    """Scopes as OAuth writes them: separated by spaces."""
    if isinstance(value, str):
        return value
    if not is_list(value):
        return ""
    return " ".join(item for item in value if isinstance(item, str))


def _braced(value: object) -> object:
    if isinstance(value, str):
        return _BARE.sub(r"${\1}", value)
    if is_object(value):
        return {name: _braced(item) for name, item in value.items()}
    if is_list(value):
        return [_braced(item) for item in value]
    return value


def own_form(entry: JsonObject) -> JsonObject:
    """A reading form in the own spelling alone, without what is empty or default."""
    own = {name: value for name, value in entry.items() if name in OWN_KEYS and value not in (None, "", [], {})}
    _own_command(own, entry)
    url = next((entry[key] for key in URL_KEYS if entry.get(key)), None)
    if url is not None:
        own["url"] = url
    _own_type(own, entry)
    env = {**_table(entry.get("environment")), **_table(entry.get("env"))}
    headers = {**_table(entry.get("http_headers")), **_table(entry.get("headers"))}
    for header, variable in _table(entry.get("env_http_headers")).items():
        headers[header] = f"${{{variable}}}"
    if variable := entry.get("bearer_token_env_var"):
        headers["Authorization"] = f"Bearer ${{{variable}}}"
    for name, value in (("env", env), ("headers", headers)):
        if value:
            own[name] = value
    for name in ("envFile", "env_vars"):
        if entry.get(name):
            own[name] = entry[name]
    for name, spellings in (("enabled_tools", TOOL_LISTS), ("disabled_tools", TOOL_LISTS_OFF)):
        tools = next((entry[key] for key in spellings if entry.get(key) is not None), None)
        if tools is not None and not (name == "enabled_tools" and tools == ["*"]) and tools != []:
            own[name] = tools
    startup_ms = entry.get("startup_timeout_ms")
    startup_s = startup_ms / 1000 if isinstance(startup_ms, int | float) else None
    for name, value in (
        ("connect_timeout_s", entry.get("startup_timeout_sec", startup_s)),
        ("call_timeout_s", entry.get("tool_timeout_sec")),
    ):
        if value is not None:
            own.setdefault(name, value)
    own.pop("disabled", None)
    if entry.get("disabled") is True or entry.get("enabled") is False:
        own["disabled"] = True
    order = [*_ORDER, *(name for name in own if name not in _ORDER)]
    return cast("JsonObject", _without_null({name: own[name] for name in order if name in own}))


def _without_null(value: object) -> object:
    """TOML has none, and here it never means anything."""
    if is_object(value):
        items = value.items()
        return {name: _without_null(item) for name, item in items if item is not None}
    if is_list(value):
        return [_without_null(item) for item in value if item is not None]
    return value


_ORDER = ("type", "command", "args", "env", "env_vars", "envFile", "cwd", "url", "headers", "auth")


def _own_command(own: JsonObject, entry: JsonObject) -> None:
    command = entry.get("command")
    if is_list(command):
        own["command"] = command[0] if command else ""
        if rest := [*command[1:], *as_list(entry.get("args"))]:
            own["args"] = rest


def _own_type(own: JsonObject, entry: JsonObject) -> None:
    """Only where it says more than `command` or `url` does."""
    given = entry.get("type") or entry.get("transport")
    own.pop("type", None)
    if not isinstance(given, str) or "url" not in own:
        return
    kind = "auto" if given.lower() == "auto" else TYPES.get(given.lower(), given)
    if kind != "http" or looks_like_sse(own["url"]):
        own["type"] = kind


def looks_like_sse(url: object) -> bool:
    """Whether a URL without a type would also be tried as SSE."""
    try:
        return isinstance(url, str) and urlsplit(url).path.rstrip("/").endswith("/sse")
    except ValueError:
        return False


def _table(value: object) -> JsonObject:
    return dict(value) if is_object(value) else {}
