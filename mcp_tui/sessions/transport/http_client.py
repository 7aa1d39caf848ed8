"""The HTTP client under the SDK's transports: one failed request is an error for that request only.

In the SDK's streamable HTTP transport every POST runs in one task group, so that any exception of one of them ends
the whole connection and every other call. Here a broken POST becomes an HTTP answer that says so. What the SDK hides
(status, WWW-Authenticate, Retry-After, a lost session) goes to the `Exchange` of the request.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import httpx2
from mcp_types import CONNECTION_CLOSED

from mcp_tui import USER_AGENT
from mcp_tui.core.json_values import is_object
from mcp_tui.sessions.fault import Remedy
from mcp_tui.sessions.tokens import DENIED, AuthorisationError, Pausing, Tokens
from mcp_tui.sessions.transport.exchange import CURRENT, Exchange
from mcp_tui.sessions.wirelog.log import Recorder

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
_ENCODING = b"content-encoding"


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
    sse: bool = False
    """Legacy SSE: the session is the event stream's, without a header to say so."""
    recorder: Recorder | None = None
    tokens: Tokens | None = None
    pausing: Pausing = nullcontext
    on_unauthorised: Callable[[AuthorisationError], None] = lambda error: None
    """No access token could be got, and the connection is of no use without."""


class WatchedClient(httpx2.AsyncClient):
    """Overrides `send`, not the transport: a transport of one's own would switch the proxy variables off."""

    def __init__(self, watch: HttpWatch, *, headers: Mapping[str, str], **options: Any) -> None:
        super().__init__(headers=dict(headers), timeout=_TIMEOUT, limits=_LIMITS, **options)
        if all(name.lower() != "user-agent" for name in headers):
            self.headers["User-Agent"] = USER_AGENT
        self._watch = watch

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        async def send(request: httpx2.Request) -> httpx2.Response:
            return await self._exchanged(request, options)

        tokens = self._watch.tokens
        try:
            if tokens is None:
                response = await send(request)
            else:
                response = await tokens.send(request, send, self._watch.pausing)
                if response.status_code == 401 and (refusal := tokens.refusal) is not None:
                    response.extensions[DENIED] = refusal
                    if (exchange := CURRENT.get()) is not None:
                        exchange.denied = refusal
        except AuthorisationError as error:
            response = self._unauthorised(request, error)
        if request.method == "POST":
            exchange = CURRENT.get()
            gone = exchange is not None and exchange.session_gone
            if response.status_code == 401 or gone:
                self._watch.on_refused(response)
        return response

    def _unauthorised(self, request: httpx2.Request, error: AuthorisationError) -> httpx2.Response:
        """Raises while connecting: the older handshake would only ask for the same sign-in once more."""
        exchange = CURRENT.get() or Exchange("")
        exchange.denied = error.info
        if not self._watch.established or request.method != "POST":
            exchange.error = error
            raise error
        if error.refusal is not None and error.fault.remedy is Remedy.AUTH:
            error.refusal.extensions[DENIED] = error.info
            return error.refusal
        # Whatever was sent so far was refused, not executed.
        exchange.status, exchange.error, exchange.connect_failed = None, error, True
        self._watch.on_unauthorised(error)
        return _stand_in(request, error)

    async def _exchanged(self, request: httpx2.Request, options: Mapping[str, Any]) -> httpx2.Response:
        exchange = CURRENT.get() or Exchange("")
        posting = request.method == "POST"
        if posting:
            exchange.error, exchange.connect_failed, exchange.session_gone = None, False, False
        if self._watch.recorder is not None:
            # The transports give each message as a body of its own; nothing is streamed up. But a request that
            # follows a redirect has the body of the first one as a stream.
            await request.aread()
        recording = _Recording(self._watch.recorder, request)
        try:
            response = await self._sent(request, options)
            fields = _fields(response)
            body: bytes | None = None
            if posting:
                _note(exchange, response, fields, sse=self._watch.sse)
                if _type(fields).startswith(b"application/json") and response.next_request is None:
                    response = await _read(response, encoded=_ENCODING in fields)
                    body = response.content
                    exchange.session_gone = exchange.session_gone or _session_gone(response)
            return recording.answered(response, fields, body)
        except asyncio.CancelledError:
            recording.broken("given up before the answer", failed=False)
            raise
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            recording.broken(f"{type(error).__name__}: {error}", failed=True)
            if not posting:
                if self._watch.established:
                    self._watch.on_broken(error)
                raise  # the SDK expects these from its GET streams
            # The answer to an earlier try of it, such as a 401 before the sign-in, explains nothing any more.
            exchange.status, exchange.error, exchange.connect_failed = None, error, isinstance(error, _UNSENT)
            if not self._watch.established:
                raise
            self._watch.on_broken(error)
            return _stand_in(request, error)

    async def _sent(self, request: httpx2.Request, options: Mapping[str, Any]) -> httpx2.Response:
        try:
            return await super().send(request, **options)
        except httpx2.LocalProtocolError as error:
            if not str(error).startswith("Illegal header"):
                raise
            # h11 quotes the header it refuses, and that may be a token.
            raise httpx2.LocalProtocolError("A header holds what HTTP cannot carry", request=request) from None


class _Recording:
    """What the wire log hears of one HTTP exchange."""

    def __init__(self, recorder: Recorder | None, request: httpx2.Request) -> None:
        self._recorder = recorder
        self._number = 0
        if recorder is not None:
            self._number = recorder.http_request(request.method, request.url, request.headers.raw, request.content)

    def answered(self, response: httpx2.Response, fields: Mapping[bytes, bytes], body: bytes | None) -> httpx2.Response:
        """The answer, or one that reads the same while its events are recorded as they come."""
        if self._recorder is None:
            return response
        if authorisation := response.request.headers.get("authorization"):
            self._recorder.authorised(authorisation)
        streams = _type(fields).startswith(b"text/event-stream")
        self._recorder.http_answer(self._number, response.status_code, response.headers.raw, body, streams=streams)
        if not streams:
            return response
        if _ENCODING in fields:
            stream = _RecordedStream(response.aiter_bytes(), response, self._recorder, self._number)
            return _rebuilt(response, stream=stream)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        raw = response.stream
        response.stream = _RecordedStream(aiter(raw), raw, self._recorder, self._number)
        return response

    def broken(self, reason: str, *, failed: bool) -> None:
        if self._recorder is not None:
            self._recorder.http_broken(self._number, reason, failed=failed)


class _Closing(Protocol):
    async def aclose(self) -> None: ...


class _RecordedStream(httpx2.AsyncByteStream):
    """`chunks`, told to the log as they come. source: what is closed with it."""

    def __init__(self, chunks: AsyncIterator[bytes], source: _Closing, recorder: Recorder, number: int) -> None:
        self._chunks = chunks
        self._source = source
        self._recorder = recorder
        self._number = number

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._chunks:
                if chunk:
                    self._recorder.http_chunk(self._number, chunk)
                    yield chunk
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            self._recorder.http_broken(self._number, f"{type(error).__name__}: {error}", failed=True)
            raise

    async def aclose(self) -> None:
        self._recorder.http_chunk(self._number, b"")
        await self._source.aclose()


class _BoundedStream(httpx2.AsyncByteStream):
    """Ends with AnswerTooLargeError after `MAX_JSON_BYTES`."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            _check_size(size)
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def _check_size(size_bytes: int) -> None:
    if size_bytes > MAX_JSON_BYTES:
        raise AnswerTooLargeError(f"The answer is larger than {MAX_JSON_BYTES >> 20} MiB")


async def _read(response: httpx2.Response, *, encoded: bool) -> httpx2.Response:
    """The same answer with its JSON body read: the SDK lets a cut or undecodable one end the connection.

    An encoded one is bounded by what it decodes to, and read into an answer of its own; making that one costs a
    small call about as much as all the rest of this module.
    """
    if not encoded:
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _BoundedStream(response.stream)
        await response.aread()
        return response
    body = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            _check_size(len(body))
    finally:
        await response.aclose()
    return _rebuilt(response, content=bytes(body))


def _fields(response: httpx2.Response) -> dict[bytes, bytes]:
    """Its headers by name, in lower case; the last one of a name. Every look-up in httpx's own walks all of them."""
    return {name.lower(): value for name, value in response.headers.raw}


def _type(fields: Mapping[bytes, bytes]) -> bytes:
    return fields.get(b"content-type", b"").lower()


def _rebuilt(response: httpx2.Response, **content: Any) -> httpx2.Response:
    """The same answer around another body, which is not encoded any more."""
    headers = [
        (name, value)
        for name, value in response.headers.multi_items()
        if name.lower() not in ("content-encoding", "content-length", "transfer-encoding")
    ]
    return httpx2.Response(
        response.status_code, headers=headers, request=response.request, extensions=response.extensions, **content
    )


def _stand_in(request: httpx2.Request, error: Exception) -> httpx2.Response:
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": CONNECTION_CLOSED, "message": message}}
    return httpx2.Response(503, json=body, request=request)


def _note(exchange: Exchange, response: httpx2.Response, fields: Mapping[bytes, bytes], *, sse: bool) -> None:
    exchange.status = response.status_code
    challenged = b"www-authenticate" in fields
    exchange.challenge = ", ".join(response.headers.get_list("www-authenticate")) if challenged else ""
    later = fields.get(b"retry-after")
    exchange.retry_after_s = retry_after_s(later.decode("latin-1")) if later is not None else None
    exchange.session_gone = response.status_code == 404 and (sse or _SESSION_HEADER in response.request.headers)


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
    if response.status_code not in (400, 404) or _SESSION_HEADER not in response.request.headers:
        return False
    if response.status_code == 404:
        return True
    try:
        body: Any = json.loads(response.content)
    except ValueError:
        return False
    fault: Any = body.get("error") if is_object(body) else None
    message: Any = fault.get("message") if is_object(fault) else ""
    return isinstance(message, str) and "session" in message.lower()
