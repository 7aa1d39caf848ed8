"""The HTTP client under the SDK's transports: one failed request is an error for that request only.

In the SDK's streamable HTTP transport every POST runs in one task group, so that any exception of one of them ends
the whole connection and every other call. Here a broken POST becomes an HTTP answer that says so. What the SDK hides
(status, WWW-Authenticate, Retry-After, a lost session) goes to the `Exchange` of the request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import httpx2
from mcp_types import CONNECTION_CLOSED

from mcp_tui.sessions.exchange import CURRENT, Exchange

MAX_JSON_BYTES = 256 << 20
MAX_SSE_EVENT_BYTES = 64 << 20
_TIMEOUT = httpx2.Timeout(30.0, read=None)  # waiting for an answer is limited by each call's own deadline
_LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=20)
_UNSENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
    httpx2.ProxyError,
)
_SESSION_HEADER = "mcp-session-id"


class AnswerTooLargeError(httpx2.TransportError):
    """A JSON answer went past `MAX_JSON_BYTES`."""


@dataclass(slots=True)
class HttpWatch:
    """What one connection's HTTP client reports to its owner."""

    established: bool = False
    """While False, a broken request is raised: a connect must fail as what it is, and an outage during the
    server/discover probe must not be taken for a server of the older era."""
    on_refused: Callable[[httpx2.Response], None] = lambda response: None
    """An answer that ends the connection: 401, or a session the server does not know."""
    on_broken: Callable[[Exception], None] = lambda error: None
    every_refusal: bool = False
    """Every status from 400 on ends the connection (legacy SSE)."""


class WatchedClient(httpx2.AsyncClient):
    """Overrides `send`, not the transport: a transport of one's own would switch the proxy variables off."""

    def __init__(self, watch: HttpWatch, *, headers: Mapping[str, str], **options: Any) -> None:
        super().__init__(headers=dict(headers), timeout=_TIMEOUT, limits=_LIMITS, **options)
        self._watch = watch

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        exchange = CURRENT.get() or Exchange("")
        posting = request.method == "POST"
        if posting:
            exchange.error, exchange.connect_failed, exchange.session_gone = None, False, False
        try:
            response = await super().send(request, **options)
            if posting:
                _note(exchange, response)
                if _is_json(response) and response.next_request is None:
                    response = await _read(response)
                    exchange.session_gone = _session_gone(response)
                fatal = 400 if self._watch.every_refusal else 999
                if response.status_code == 401 or exchange.session_gone or response.status_code >= fatal:
                    self._watch.on_refused(response)
            return response
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            if not posting:
                if self._watch.established:
                    self._watch.on_broken(error)
                raise  # the SDK expects these from its GET streams
            exchange.error, exchange.connect_failed = error, isinstance(error, _UNSENT)
            if not self._watch.established:
                raise
            self._watch.on_broken(error)
            return _stand_in(request, error)


async def _read(response: httpx2.Response) -> httpx2.Response:
    """The same answer with its JSON body read: the SDK lets a cut or undecodable one end the connection."""
    body = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_JSON_BYTES:
                raise AnswerTooLargeError(f"The answer is larger than {MAX_JSON_BYTES >> 20} MiB")
    finally:
        await response.aclose()
    headers = [
        (name, value)
        for name, value in response.headers.multi_items()
        if name.lower() not in ("content-encoding", "content-length", "transfer-encoding")
    ]
    return httpx2.Response(response.status_code, headers=headers, content=bytes(body), request=response.request)


def _stand_in(request: httpx2.Request, error: Exception) -> httpx2.Response:
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": CONNECTION_CLOSED, "message": message}}
    return httpx2.Response(503, json=body, request=request)


def _is_json(response: httpx2.Response) -> bool:
    return response.headers.get("content-type", "").lower().startswith("application/json")


def _note(exchange: Exchange, response: httpx2.Response) -> None:
    exchange.status = response.status_code
    exchange.challenge = ", ".join(response.headers.get_list("www-authenticate"))
    exchange.retry_after_s = retry_after_s(response.headers.get("retry-after"))
    exchange.session_gone = response.status_code == 404 and _SESSION_HEADER in response.request.headers


def retry_after_s(value: str | None) -> float | None:
    """Retry-After in either of its forms; None when absent or unreadable."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _session_gone(response: httpx2.Response) -> bool:
    """404 is the specification's word for it; TypeScript servers that restarted say 400 and name the session."""
    if _SESSION_HEADER not in response.request.headers:
        return False
    if response.status_code == 404:
        return True
    if response.status_code != 400:
        return False
    try:
        body: Any = json.loads(response.content)
    except ValueError:
        return False
    fault: Any = cast("dict[str, Any]", body).get("error") if isinstance(body, dict) else None
    message: Any = cast("dict[str, Any]", fault).get("message") if isinstance(fault, dict) else ""
    return isinstance(message, str) and "session" in message.lower()
