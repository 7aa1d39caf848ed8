"""What went wrong, in words a person can act on, and whether trying again can help."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2
from mcp.client._input_required import InputRequiredRoundsExceededError
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    METHOD_NOT_FOUND,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    PARSE_ERROR,
    REQUEST_TIMEOUT,
    UNSUPPORTED_PROTOCOL_VERSION,
)
from pydantic import ValidationError

from mcp_tui.config import mask
from mcp_tui.config.schema import ServerSpec
from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.core.figures import remaining_text
from mcp_tui.core.json_values import as_object, is_object
from mcp_tui.core.server_requests import REJECTED_MESSAGE, USER_REJECTED
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.advice.missing_command import not_executable_fix, not_found_fix
from mcp_tui.sessions.advice.versions import version_detail
from mcp_tui.sessions.fault import Fault, Remedy
from mcp_tui.sessions.transport.environment import child_environment
from mcp_tui.sessions.transport.exchange import Exchange

_MAX_TEXT = 2_000
_NO_REASON = "Server returned an error response"
"""What the SDK says of an HTTP error without a JSON-RPC error in it."""
_REDIRECT = re.compile(r"Redirect to (\S+) not followed")
_INPUTS = frozenset({"elicitation/create", "sampling/createMessage", "roots/list"})
"""What an `input_required` result may ask for (2026-07-28)."""
_TRY_LATER = frozenset({408, 409, 423, 425, 429})


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The exceptions inside groups, cancellations last: they only follow from the others."""
    if isinstance(error, BaseExceptionGroup):
        for inner in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from leaves(inner)
    else:
        yield error


def first_leaf(error: BaseException) -> BaseException:
    return next(leaves(error), error)


def cut(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"


def place(spec: ServerSpec) -> str:
    """What we connect to, for a sentence."""
    if spec.transport == "stdio":
        return mask.text(spec.command)
    return mask.url(spec.url)


def connect_fault(spec: ServerSpec, error: BaseException, exchange: Exchange) -> Fault:
    """Why connecting failed, or why an established connection broke down."""
    leaf = exchange.error or first_leaf(error)
    if isinstance(fault := getattr(leaf, "fault", None), Fault):  # AuthorisationError: it knows best
        return fault
    if isinstance(leaf, OSError) and spec.transport == "stdio":
        return _spawn_fault(spec, leaf)
    if exchange.status == 400 and isinstance(leaf, MCPError) and leaf.message != _NO_REASON:
        detail = f"{place(spec)} answered HTTP 400: {cut(leaf.message)} ({leaf.code})"
        return Fault(_unreachable("The server refused the handshake", detail, "refused"), Remedy.PERSON, refused=True)
    if exchange.status is not None and exchange.status >= 400:
        return http_fault(spec, exchange)
    if isinstance(leaf, httpx2.HTTPStatusError):  # legacy SSE raises instead of answering
        seen = Exchange("", status=leaf.response.status_code)
        seen.challenge = ", ".join(leaf.response.headers.get_list("www-authenticate"))
        return http_fault(spec, seen)
    if isinstance(leaf, httpx2.UnsupportedProtocol | httpx2.InvalidURL | httpx2.LocalProtocolError):
        info = ErrorInfo(
            "The URL or a header cannot be used",
            cut(str(leaf)),
            f"Check the entry: {spec.origin.label}",
            ErrorKind.USAGE,
            "bad_url",
        )
        return Fault(info, Remedy.PERSON)
    if isinstance(leaf, httpx2.TransportError):
        return _network_fault(spec, leaf)
    if isinstance(leaf, MCPError):
        return _protocol_fault(spec, leaf)
    if isinstance(leaf, ValidationError):
        info = _unreachable("The server's answer does not follow the protocol", _first_problem(leaf), "bad_answer")
        return Fault(info, Remedy.PERSON, refused=True)
    if isinstance(leaf, RuntimeError) and "protocol version" in str(leaf):
        detail = version_detail(spec.protocol, leaf)
        info = _unreachable("No common protocol version", detail, "protocol_version", _version_fix(spec))
        return Fault(info, Remedy.PERSON)
    if isinstance(leaf, ValueError):
        return Fault(_unreachable("The server cannot be started", cut(str(leaf)), "bad_entry"), Remedy.PERSON)
    detail = cut(f"{type(leaf).__name__}: {leaf}")
    return Fault(ErrorInfo("The connection broke down", detail, kind=ErrorKind.INTERNAL, code="internal"))


def _unreachable(title: str, detail: str, code: str, hint: str = "") -> ErrorInfo:
    return ErrorInfo(title, detail, hint, ErrorKind.UNREACHABLE, code)


def _spawn_fault(spec: ServerSpec, error: OSError) -> Fault:
    command = spec.command
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        if spec.cwd is not None and not Path(spec.cwd).is_dir():
            info = _unreachable("Working directory not found", spec.cwd, "no_cwd", "Correct cwd of this entry")
        else:
            passed, _ = child_environment(os.environ, spec.env, inherit=spec.inherit_env)
            hint = not_found_fix(spec, os.environ, passed)
            info = _unreachable("Command not found", mask.text(command), "no_command", hint)
        return Fault(info, Remedy.PERSON)
    detail = f"{mask.text(command)}: {error.strerror or error}"
    if isinstance(error, PermissionError) or error.errno == errno.ENOEXEC:
        hint = not_executable_fix(spec, unknown_format=error.errno == errno.ENOEXEC)
        return Fault(_unreachable("The command cannot be run", detail, "not_executable", hint), Remedy.PERSON)
    return Fault(_unreachable("The server cannot be started", detail, "spawn"))


def http_fault(spec: ServerSpec, exchange: Exchange) -> Fault:
    status = exchange.status or 0
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    where = mask.url(spec.url)
    said = f"HTTP {status} {phrase}".strip()
    if status in (401, 403) and exchange.denied is not None:
        return Fault(exchange.denied, Remedy.AUTH)
    if status == 401 or (status == 403 and exchange.challenge):
        detail = f"{where} answered {said}"
        if exchange.challenge:
            detail += f", WWW-Authenticate: {cut(exchange.challenge)}"
        given = any(name.lower() == "authorization" for name in spec.headers)
        hint = (
            "The Authorization header of this entry was refused"
            if given
            else f"Sign in with `mcp-tui auth {spec.name}`, or add an Authorization header to the entry"
        )
        return Fault(ErrorInfo("Authorisation needed", detail, hint, ErrorKind.AUTH, "needs_auth"), Remedy.AUTH)
    if status >= 500 or status in _TRY_LATER:
        wait = exchange.retry_after_s
        hint = f"It asks to try again in {remaining_text(wait)}" if wait is not None else ""
        info = _unreachable("The server is not available", f"{where} answered {said}", f"http_{status}", hint)
        return Fault(info, retry_after_s=wait)
    if status in (403, 421):
        hint = "Check the headers of the entry; a local server may only accept the host name it was started with"
        info = _unreachable("The server refuses access", f"{where} answered {said}", f"http_{status}", hint)
        return Fault(info, Remedy.PERSON)
    hint = "Check the path of the URL"
    if spec.transport == "http" and urlsplit(spec.url).path.rstrip("/").endswith("/sse"):
        hint = 'An address that ends in /sse often speaks the older transport: say type = "sse" in the entry'
    info = _unreachable("No MCP server at this URL", f"{where} answered {said}", f"http_{status}", hint)
    return Fault(info, Remedy.PERSON, refused=True)


def _network_fault(spec: ServerSpec, error: httpx2.TransportError) -> Fault:
    where = mask.url(spec.url)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            hint = "If the certificate is your company's, set SSL_CERT_FILE"
            info = _unreachable("The server's certificate is not trusted", cut(f"{where}: {cause}"), "tls", hint)
            return Fault(info, Remedy.PERSON)
        if isinstance(cause, ssl.SSLError):
            plain = (cause.reason or "") in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")
            hint = "This port speaks plain HTTP: use http:// in the URL" if plain else "Check the port of the URL"
            detail = cut(f"{where}: {cause.reason or cause}")
            return Fault(_unreachable("No secure connection could be made", detail, "tls", hint), Remedy.PERSON)
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx2.ProxyError):
        info = _unreachable("The proxy refused", cut(f"{where}: {error}"), "proxy", _proxy_fix(spec))
        return Fault(info)
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        detail = cut(f"{where}: {error or 'no answer'}")
        return Fault(_unreachable("Cannot reach the server", detail, "unreachable", _unreached_fix(spec, error)))
    hint = ""
    if isinstance(error, httpx2.RemoteProtocolError) and spec.url.startswith("http://"):
        hint = "If it speaks HTTPS, use https:// in the URL"
    detail = cut(f"{where}: {error or type(error).__name__}")
    return Fault(_unreachable("The connection broke", detail, "broken", hint))


def _unreached_fix(spec: ServerSpec, error: Exception) -> str:
    parts = urlsplit(spec.url)
    numbers = [cause.errno for cause in _causes(error) if isinstance(cause, OSError)]
    if any(isinstance(cause, socket.gaierror) for cause in _causes(error)):
        return f"There is no host {parts.hostname}: check its name, or the VPN it needs"
    if proxy := _proxy_of(spec):
        return f"It was asked for through {proxy}: is the proxy running, or should NO_PROXY name {parts.hostname}?"
    if errno.ECONNREFUSED in numbers or "connection attempts failed" in str(error):
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return f"Nothing listens on port {port} there: is it running, on this port?"
    return "Is it running?"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it; where several addresses were tried, all of theirs."""
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop()
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += (leaf for leaf in leaves(cause) if leaf is not cause)
        waiting += [inner for inner in (cause.__cause__, cause.__context__) if inner is not None]


def _proxy_of(spec: ServerSpec) -> str:
    """`VARIABLE=URL` of the proxy that is used for this server, or ""."""
    parts = urlsplit(spec.url)
    proxies = getproxies()
    if not parts.hostname or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return ""
    for kind in (parts.scheme, "all"):
        if kind in proxies:
            return f"{kind.upper()}_PROXY={mask.url(proxies[kind])}"
    return ""


def _proxy_fix(spec: ServerSpec) -> str:
    proxy = _proxy_of(spec)
    host = urlsplit(spec.url).hostname
    return f"{proxy} is in use: correct it, or name {host} in NO_PROXY" if proxy else "Check the proxy"


def _version_fix(spec: ServerSpec) -> str:
    if spec.protocol != "auto":
        return f'The entry asks for protocol = "{spec.protocol}": leave that out'
    return "Update the server, or mcp-tui: they know no version in common"


def _unreadable(error: MCPError) -> bool:
    """The SDK's transports stand in for an answer they cannot read, and quote pydantic at length."""
    return error.code == PARSE_ERROR and error.message.startswith(("Failed to parse JSON", "Failed to parse SSE"))


def _protocol_fault(spec: ServerSpec, error: MCPError) -> Fault:
    text = cut(error.message)
    if error.code == UNSUPPORTED_PROTOCOL_VERSION:
        detail = version_detail(spec.protocol, error)
        info = _unreachable("No common protocol version", detail, "protocol_version", _version_fix(spec))
        return Fault(info, Remedy.PERSON)
    if error.code == REQUEST_TIMEOUT:
        return Fault(_unreachable("The server did not answer in time", text, "timeout"))
    if spec.transport != "stdio" and (
        text.startswith(("Unexpected content type", "Redirect to")) or "202 Accepted" in text
    ):
        info = _unreachable("No MCP server at this URL", f"{mask.url(spec.url)}: {text}", "not_mcp")
        if target := _REDIRECT.match(text):
            where = mask.url(target[1])
            detail = f"{mask.url(spec.url)} redirects to {where}; that was not followed"
            if spec.url.startswith("https:"):  # a proxy that ends TLS may make its server name plain HTTP
                where = where.replace("http:", "https:", 1)
            hint = f"If that is the server, use {where} as the URL"
            info = _unreachable("No MCP server at this URL", detail, "redirected", hint)
        return Fault(info, Remedy.PERSON, refused=True)
    if spec.transport != "stdio" and _unreadable(error):
        detail = f"{mask.url(spec.url)} answered with JSON that is no JSON-RPC message"
        return Fault(_unreachable("No MCP server at this URL", detail, "not_mcp"), Remedy.PERSON, refused=True)
    if error.code == CONNECTION_CLOSED:
        return Fault(_unreachable("The connection was closed", text, "closed"), closed=True)
    detail = f"{text} ({error.code})"
    if error.code == METHOD_NOT_FOUND:
        return Fault(_unreachable("The server does not speak MCP", detail, "not_mcp"), Remedy.PERSON, refused=True)
    return Fault(_unreachable("The server refused the handshake", detail, "refused"))


def request_error(title: str, error: BaseException, exchange: Exchange) -> ErrorInfo:
    """A request the server answered with an error, or answered unreadably. The connection is alive."""
    leaf = first_leaf(error)
    if isinstance(leaf, MCPError):
        if exchange.status == 403 and (denied := exchange.denied or _more_scope(exchange)) is not None:
            detail = f"{denied.title}: {denied.detail}" if denied.detail else denied.title
            return ErrorInfo(title, detail, denied.hint, ErrorKind.AUTH, denied.code)
        if exchange.status is not None and exchange.status >= 400 and leaf.message.startswith("Server returned"):
            wait = exchange.retry_after_s
            return ErrorInfo(
                title,
                f"The server answered HTTP {exchange.status}",
                f"Try again in {remaining_text(wait)}" if wait is not None else "",
                ErrorKind.UNREACHABLE if exchange.status >= 500 else ErrorKind.TOOL,
                f"http_{exchange.status}",
            )
        if leaf.code == USER_REJECTED and leaf.message == REJECTED_MESSAGE:
            return ErrorInfo(title, "What it asked of a model was declined", kind=ErrorKind.TOOL, code="declined")
        said = "The answer is no JSON-RPC message" if _unreadable(leaf) else f"{cut(leaf.message)} ({leaf.code})"
        hint = _missing_fix(leaf.data) if leaf.code == MISSING_REQUIRED_CLIENT_CAPABILITY else ""
        return ErrorInfo(title, said, hint, ErrorKind.TOOL, "rejected")
    if isinstance(leaf, ValidationError):
        detail = _unknown_input(exchange.raw) or f"The answer does not follow the protocol: {_first_problem(leaf)}"
        return ErrorInfo(title, detail, kind=ErrorKind.TOOL, code="rejected")
    if isinstance(leaf, InputRequiredRoundsExceededError):
        detail = f"The server asked for more input {leaf.max_rounds} times"
        return ErrorInfo(title, detail, kind=ErrorKind.TOOL, code="rejected")
    return ErrorInfo(title, cut(f"{type(leaf).__name__}: {leaf}"), kind=ErrorKind.INTERNAL, code="internal")


def _missing_fix(data: object) -> str:
    """What makes the client say that it can answer; it is offered only where somebody is there to do so."""
    names = as_object(data.get("requiredCapabilities") if is_object(data) else None)
    fixes = {
        "elicitation": "the dashboard answers its questions; --elicit answers its forms",
        "sampling": "the dashboard answers what it asks of a model; so does --sampling MODEL",
        "roots": "name the folders it may know of with `roots` in its entry",
    }
    return "; ".join(fix for name, fix in fixes.items() if name in names)


def _unknown_input(result: JsonObject | None) -> str:
    """What an `input_required` result asks for that we do not know; "" when it is something else that is wrong."""
    requests = result.get("inputRequests") if result is not None else None
    if result is None or result.get("resultType") != "input_required" or not is_object(requests):
        return ""
    for request in requests.values():
        method = request.get("method") if is_object(request) else None
        if isinstance(method, str) and method not in _INPUTS:
            return f"It asks for something this program does not know: {cut(method)}"
    return ""


def _more_scope(exchange: Exchange) -> ErrorInfo | None:
    """The server lets us in, but not that far (RFC 6750, insufficient_scope)."""
    if "insufficient_scope" not in exchange.challenge:
        return None
    scope = re.search(r'scope="([^"]*)"', exchange.challenge)
    asked = f"The server asks for {cut(scope[1])}" if scope else "The server asks for more than was granted"
    return ErrorInfo("More access is needed", asked, "Sign in again to grant it", ErrorKind.AUTH, "insufficient_scope")


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(step) for step in first["loc"][:6])
    return f"{where}: {first['msg']}" if where else first["msg"]
