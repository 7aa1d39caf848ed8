"""Secrets out of what people see: values of env, headers and auth, and what looks secret in URLs and arguments."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

from mcp_tui.config.schema import ProviderSpec, ServerSpec
from mcp_tui.core.types import JsonObject

MASK = "***"

_SECRET_NAME = re.compile(
    r"(?i)(?:api[-_]?key|access[-_]?key|private[-_]?key|\bkey\b|[-_]key\b|token|secret|passw(?:or)?d|passphrase|\bpwd\b"
    r"|credential|authorization|\bauth\b|bearer|cookie|session[-_]?id|signature|\bsig\b|\bcode\b|\bpat\b|[-_]pat\b|jwt)"
)
_SECRET_VALUE = re.compile(
    r"(?:sk|pk|rk)[-_][A-Za-z0-9_-]{12,}|gh[opsur]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}|AKIA[0-9A-Z]{16}|AIza[A-Za-z0-9_-]{30,}|hf_[A-Za-z0-9]{20,}"
    r"|gsk_[A-Za-z0-9]{20,}|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*|(?i:bearer)\s+\S{8,}"
)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+")
_ASSIGNMENT = re.compile(r"(-{0,2}[A-Za-z0-9_.-]+)([=:])(.*)", re.DOTALL)
_INNER_VALUE = r"""(?!["']?\$)("[^"]*"|'[^']*'|[^\s;&|"']+)"""  # a variable is a name, not what it holds
_INNER_ASSIGNMENT = re.compile(rf"(?<![A-Za-z0-9_.$-])(-{{0,2}}[A-Za-z_][A-Za-z0-9_.-]*=){_INNER_VALUE}")
_INNER_FLAG = re.compile(rf"(?<!\S)(--?[A-Za-z][A-Za-z0-9_.-]*\s+)(?!-){_INNER_VALUE}")
_FLAG = re.compile(r"--?[A-Za-z][A-Za-z0-9_.-]*\Z")
_PLAIN_AUTH = frozenset(
    {"type", "issuer", "scope", "scopes", "client_metadata_url", "signing_algorithm", "token_endpoint_auth_method"}
)


_PLAIN = (
    *("protocol", "connect_timeout_s", "call_timeout_s", "task_timeout_s", "probe_interval_s", "log_level"),
    *("trusted", "disabled", "inherit_env", "enabled_tools", "disabled_tools", "try_sse", "watch"),
)
"""What of an entry is shown as it is, where it is not the default."""


def url(text: str) -> str:
    """The URL without user info, secret query values and path parts that can only be a secret."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return _SECRET_VALUE.sub(MASK, text)
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{MASK}@{host}" if "@" in parts.netloc else parts.netloc
    path = "/".join(MASK if _is_secret_part(part) else part for part in parts.path.split("/"))
    query = "&".join(_query_item(item) for item in parts.query.split("&")) if parts.query else ""
    fragment = MASK if _SECRET_NAME.search(parts.fragment) else parts.fragment
    return SplitResult(parts.scheme, netloc, path, query, fragment).geturl()


def _query_item(item: str) -> str:
    name, equals, value = item.partition("=")
    if equals and value and (_SECRET_NAME.search(name) or _is_secret_part(value)):
        return f"{name}={MASK}"
    return item


def is_secret(name: str, value: str) -> bool:
    """Whether a plain value of this name (a variable, a header) is one that nobody else should see."""
    return bool(value) and (_SECRET_NAME.search(name) is not None or _SECRET_VALUE.search(value) is not None)


def _is_secret_part(part: str) -> bool:
    """A known token shape, or a long run of letters and digits that no person would type."""
    if _SECRET_VALUE.search(part):
        return True
    long = len(part) >= 24 and re.fullmatch(r"[A-Za-z0-9_=-]+", part) is not None
    return long and any(c.isdigit() for c in part) and any(c.isalpha() for c in part)


def text(value: str) -> str:
    """Any text: URLs in it are masked, and what has the shape of a token."""
    return _SECRET_VALUE.sub(MASK, _URL.sub(lambda found: url(found.group()), value))


def arguments(args: Sequence[str]) -> tuple[str, ...]:
    """A command's arguments: `--api-key=X`, `--token X`, `API_KEY=X`, `Authorization: X`, URLs, token shapes."""
    shown: list[str] = []
    secret_follows = False
    for argument in args:
        if secret_follows and not _FLAG.match(argument):
            shown.append(MASK)
            secret_follows = False
            continue
        assigned = _ASSIGNMENT.fullmatch(argument)
        if assigned and _SECRET_NAME.search(assigned[1]) and assigned[3] and not assigned[3].startswith("//"):
            shown.append(f"{assigned[1]}{assigned[2]}{MASK}")
        else:
            shown.append(_inner(text(argument)))
        secret_follows = bool(_FLAG.match(argument) and _SECRET_NAME.search(argument))
    return tuple(shown)


def _inner(argument: str) -> str:
    """A whole command line in one argument, as `sh -c` takes it."""
    if not any(c.isspace() for c in argument):
        return argument

    def masked(found: re.Match[str]) -> str:
        return f"{found[1]}{MASK}" if _SECRET_NAME.search(found[1]) else found[0]

    return _INNER_FLAG.sub(masked, _INNER_ASSIGNMENT.sub(masked, argument))


def argv(command: str, args: Sequence[str]) -> tuple[str, ...]:
    """A whole command line."""
    return (text(command), *arguments(args))


def mapping(values: Mapping[str, str]) -> dict[str, str]:
    """Names stay, values go."""
    return {name: MASK if value else "" for name, value in values.items()}


def target(spec: ServerSpec) -> str:
    """The command line or URL of a server."""
    if spec.transport == "stdio":
        return shlex.join(argv(spec.command, spec.args)) if spec.command else ""
    return url(spec.url)


def auth(value: JsonObject) -> JsonObject:
    """The kind of authorisation and its public parts."""
    return {name: part if name in _PLAIN_AUTH else MASK for name, part in value.items()}


def server(spec: ServerSpec) -> JsonObject:
    """A server entry for people: only what differs from the default, nothing secret."""
    shown: JsonObject = {"transport": spec.transport}
    if spec.transport == "stdio":
        shown |= {"command": text(spec.command), "args": list(arguments(spec.args))}
        if spec.cwd:
            shown["cwd"] = spec.cwd
    else:
        shown["url"] = url(spec.url)
    if spec.env:
        shown["env"] = mapping(spec.env)
    if spec.headers:
        shown["headers"] = mapping(spec.headers)
    if spec.auth is not None:
        shown["auth"] = auth(spec.auth)
    default = ServerSpec(spec.name, spec.origin)
    for name in _PLAIN:
        value: Any = getattr(spec, name)
        if value != getattr(default, name):
            shown[name] = list(cast("tuple[str, ...]", value)) if isinstance(value, tuple) else value
    return shown


def provider(spec: ProviderSpec) -> JsonObject:
    """A provider entry for people."""
    shown: JsonObject = {}
    if spec.format is not None:
        shown["format"] = spec.format
    if spec.base_url:
        shown["base_url"] = url(spec.base_url)
    if spec.api_key:
        shown["api_key"] = MASK
    if spec.models:
        shown["models"] = list(spec.models)
    if spec.headers:
        shown["headers"] = mapping(spec.headers)
    return shown
