"""HTTP to one provider: one httpx client, explicit deadlines, every failure a ProviderError.

Importing this module imports httpx (0.3 s): import it late.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from mcp_tui import USER_AGENT
from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.provider_error import ErrorBody, ProviderError, Subject, error_body, error_info
from mcp_tui.providers.rate_limits import rate_limits
from mcp_tui.providers.retry import is_retryable, retry_after_s
from mcp_tui.providers.sse import SseDecoder, SseEvent, SseOverflowError
from mcp_tui.providers.surrogates import json_bytes

_ERROR_BODY_BYTES = 256 * 1024
_LIST_BODY_BYTES = 16 * 1024 * 1024
_MAX_REDIRECTS = 3
_STREAM_TYPES = ("text/event-stream", "text/plain", "application/octet-stream", "")
"""Some gateways mislabel an event stream; HTML and JSON with status 200 are never one."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. `settled_s` is the idle deadline once the answer is whole and only trailing figures may follow."""

    connect_s: float = 10.0
    first_byte_s: float = 120.0
    idle_s: float = 120.0
    settled_s: float = 10.0
    error_body_s: float = 10.0
    drain_s: float = 0.25


def is_loopback(url: str) -> bool:
    return (urlsplit(url).hostname or "") in _LOOPBACK


class EventStream:
    """The events of one answer. Whoever opened it closes it; that closes the connection if data is still due."""

    def __init__(self, connection: ProviderConnection, response: httpx.Response) -> None:
        self._connection = connection
        self._response = response
        self._chunks: AsyncIterator[bytes] = response.aiter_bytes()
        self._decoder = SseDecoder()
        self._ready: list[SseEvent] = []
        self._ended = False
        self.idle_s = connection.deadlines.idle_s
        self.rate_limits = rate_limits(response.headers, time.time())

    async def wait_first(self, deadline: asyncio.Timeout) -> None:
        """Until the first event is there, or the end. The deadline is for the first byte only."""
        while not self._ready and not self._ended:
            await self._read()
            deadline.reschedule(None)

    async def batches(self) -> AsyncGenerator[list[SseEvent], None]:
        """The events as they come, all that one read brought at a time; a list may be empty.

        ProviderError when the connection breaks or stays silent for `idle_s`.
        """
        while True:
            ready, self._ready = self._ready, []
            yield ready
            if self._ended:
                return
            await self._read()

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(self.idle_s):
                chunk = await anext(self._chunks)
            self._ready += self._decoder.feed(chunk)
        except StopAsyncIteration:
            self._ended = True
            self._ready += self._decoder.finish()
        except TimeoutError:
            raise self._connection.timed_out(f"nothing came for {self.idle_s:g} s") from None
        except SseOverflowError as error:
            raise self._connection.fault("sent too much", str(error), code="bad_event") from error
        except httpx.DecodingError as error:
            raise self._connection.fault("sent what cannot be read", str(error), code="bad_event") from error
        except httpx.HTTPError as error:
            raise self._connection.lost(error) from error

    async def drain(self) -> None:
        """Read the end of the body, so that the connection can be used again; gives up after a moment."""
        try:
            async with asyncio.timeout(self._connection.deadlines.drain_s):
                while not self._ended:
                    await anext(self._chunks)
        except (StopAsyncIteration, TimeoutError, httpx.HTTPError):
            return  # the answer is whole; `aclose` gives up the connection

    async def aclose(self) -> None:
        await self._response.aclose()


class ProviderConnection:
    """Opens streams and reads JSON below one base URL."""

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        subject: Subject,
        *,
        deadlines: Deadlines | None = None,
        query: str = "",
    ) -> None:
        """query: part of every URL, without the question mark."""
        self.base_url = base_url.rstrip("/")
        self._query = query
        self.subject = subject
        self.deadlines = deadlines or Deadlines()
        self._headers = dict(headers)
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()

    def __repr__(self) -> str:
        return f"Connection({self.subject.masked(self.base_url)})"

    async def open(self, path: str, body: JsonObject) -> EventStream:
        """POST and wait for the first event. ProviderError for everything that goes wrong until then."""
        content = json_bytes(body)
        headers = {"content-type": "application/json", "accept": "text/event-stream"}
        try:
            async with asyncio.timeout(self.deadlines.first_byte_s) as deadline:
                response = await self._send("POST", path, headers, content)
                try:
                    if response.status_code // 100 != 2 or not _may_be_stream(response):
                        deadline.reschedule(None)  # the status is an answer; its text has a deadline of its own
                        raise await self._refusal(response)
                    stream = EventStream(self, response)
                    await stream.wait_first(deadline)
                except BaseException:
                    await response.aclose()
                    raise
                return stream
        except TimeoutError:
            raise self.timed_out(f"no answer within {self.deadlines.first_byte_s:g} s") from None

    async def get_json(self, path: str, *, timeout_s: float) -> Any:
        """GET and decode. ProviderError when refused, unreachable, late or no JSON."""
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._send("GET", path, {"accept": "application/json"}, None)
                async with aclosing(response):
                    if response.status_code // 100 != 2:
                        raise await self._refusal(response)
                    raw = await self._body(response, _LIST_BODY_BYTES)
        except TimeoutError:
            raise self.timed_out(f"no answer within {timeout_s:g} s") from None
        except httpx.HTTPError as error:
            raise self.lost(error) from error
        try:
            return json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise self.fault("did not answer with JSON", _excerpt(raw), code="bad_body") from error

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _send(self, method: str, path: str, headers: Mapping[str, str], content: bytes | None) -> httpx.Response:
        client = await self._ready_client()
        url = self.base_url + path
        if self._query:
            url += ("&" if "?" in path else "?") + self._query
        try:
            for _ in range(_MAX_REDIRECTS + 1):
                request = client.build_request(method, url, headers=dict(headers), content=content)
                response = await client.send(request, stream=True)
                target = urljoin(url, response.headers.get("location", ""))
                if response.status_code not in (307, 308) or not _same_origin(url, target):
                    return response
                await response.aclose()
                url = target
        except httpx.HTTPError as error:
            raise self._not_sent(error) from error
        except (httpx.InvalidURL, ValueError) as error:
            # The text of a header error repeats the header, key included.
            raise ProviderError(
                ErrorInfo(
                    f"{self.subject.provider}: the request cannot be sent",
                    "the base URL or a header of this provider is not valid",
                    "check its base_url, key and headers",
                    ErrorKind.USAGE,
                    "bad_request",
                )
            ) from error
        raise self.fault("redirects in a circle", self.base_url, code="redirect")

    async def _ready_client(self) -> httpx.AsyncClient:
        async with self._opening:
            if self._client is None:
                # A proxy meant for the internet must not catch a server on this machine.
                local = is_loopback(self.base_url)
                plain = local and self.base_url.startswith("http:")
                # Loading the CA file blocks for some 20 ms; plain http without a proxy needs none.
                verify = False if plain else await asyncio.to_thread(httpx.create_ssl_context)
                self._client = httpx.AsyncClient(
                    headers={
                        "user-agent": USER_AGENT,
                        # A compressing proxy would hold tokens back.
                        "accept-encoding": "identity",
                        **self._headers,
                    },
                    verify=verify,
                    trust_env=not local,
                    timeout=httpx.Timeout(None, connect=self.deadlines.connect_s, write=60.0),
                    limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
                )
            return self._client

    async def _refusal(self, response: httpx.Response) -> ProviderError:
        """The fault for an answer that is no event stream."""
        status = response.status_code
        location = response.headers.get("location", "")
        raw = await self._error_text(response)
        try:
            decoded: Any = json.loads(raw)
        except (ValueError, RecursionError):
            decoded = None
        body = error_body(decoded)
        if status // 100 == 3:
            where = urlsplit(urljoin(self.base_url, location))
            return self.fault(
                "redirects elsewhere",
                f"status {status} to {where.scheme}://{where.hostname or ''}",
                hint="check its base_url",
                code=f"http_{status}",
            )
        if status // 100 == 2:
            kind = response.headers.get("content-type", "nothing").partition(";")[0]
            if body is not None:
                return ProviderError(error_info(self.subject, body, status=None), status=status, reason=body)
            return self.fault(
                "did not answer with an event stream",
                f"status {status} with {kind}: {_excerpt(raw)}",
                hint="check its base_url; a proxy or login page may be in between",
                code="bad_content_type",
            )
        if body is None:
            body = ErrorBody("" if "html" in response.headers.get("content-type", "") else _excerpt(raw))
        retryable = is_retryable(status, response.headers, body)
        return ProviderError(
            error_info(self.subject, body, status=status),
            retryable=retryable,
            retry_after_s=retry_after_s(response.headers, body) if retryable else None,
            status=status,
            reason=body,
            rate_limits=rate_limits(response.headers, time.time()),
        )

    async def _error_text(self, response: httpx.Response) -> bytes:
        """As much of an error's body as comes in time; the status alone is an answer too."""
        received = bytearray()
        try:
            async with asyncio.timeout(self.deadlines.error_body_s), aclosing(_bytes(response)) as chunks:
                async for chunk in chunks:
                    received += chunk
                    if len(received) > _ERROR_BODY_BYTES:
                        break
        except (TimeoutError, httpx.HTTPError):
            return bytes(received)
        return bytes(received)

    async def _body(self, response: httpx.Response, max_bytes: int) -> bytes:
        received = bytearray()
        async with aclosing(_bytes(response)) as chunks:
            async for chunk in chunks:
                received += chunk
                if len(received) > max_bytes:
                    raise self.fault("sent too much", f"more than {max_bytes} bytes", code="bad_body")
        return bytes(received)

    def fault(
        self, what: str, detail: str, *, hint: str = "retry the column; a gateway in between may be at fault", code: str
    ) -> ProviderError:
        title = f"{self.subject.provider} {what}"
        return ProviderError(ErrorInfo(title, self.subject.masked(detail), hint, ErrorKind.PROVIDER, code))

    def timed_out(self, detail: str) -> ProviderError:
        title = f"{self.subject.provider} does not answer"
        hint = self.subject.unreachable_hint or "retry the column, or ask another model"
        return ProviderError(ErrorInfo(title, detail, hint, ErrorKind.UNREACHABLE, "timeout"))

    def lost(self, error: httpx.HTTPError) -> ProviderError:
        """The connection broke while the answer was coming. Retryable only as long as nothing was shown."""
        detail = self.subject.masked(_reason(error))
        title = f"{self.subject.provider}: connection lost"
        hint = "retry the column; check the network when it happens again"
        return ProviderError(ErrorInfo(title, detail, hint, ErrorKind.UNREACHABLE, "connection_lost"), retryable=True)

    def _not_sent(self, error: httpx.HTTPError) -> ProviderError:
        detail = self.subject.masked(_reason(error))
        if _certificate_refused(error):
            return ProviderError(
                ErrorInfo(
                    f"{self.subject.provider}: its certificate is not trusted",
                    detail,
                    "set SSL_CERT_FILE when a company proxy is in between",
                    ErrorKind.UNREACHABLE,
                    "bad_certificate",
                )
            )
        if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
            return self.fault(
                "cannot be asked",
                "its base URL or a header is not valid",
                hint="check its base_url, key and headers",
                code="bad_request",
            )
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
            if isinstance(error, httpx.ConnectTimeout):
                detail = f"no connection within {self.deadlines.connect_s:g} s"
            host = self.subject.masked(urlsplit(self.base_url).netloc.rpartition("@")[2])
            return ProviderError(
                ErrorInfo(
                    f"{self.subject.provider} cannot be reached",
                    f"{host}: {detail}",
                    self.subject.unreachable_hint or "check the network and its base_url",
                    ErrorKind.UNREACHABLE,
                    "connect_failed",
                ),
                retryable=True,
            )
        return self.lost(error)


async def _bytes(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    async for chunk in response.aiter_bytes():
        yield chunk


def _may_be_stream(response: httpx.Response) -> bool:
    return response.headers.get("content-type", "").partition(";")[0].strip().lower() in _STREAM_TYPES


def _same_origin(one: str, other: str) -> bool:
    a, b = httpx.URL(one), httpx.URL(other)
    return (a.scheme, a.host, a.port) == (b.scheme, b.host, b.port)


def _excerpt(raw: bytes) -> str:
    return raw[:300].decode("utf-8", "replace").strip()


def _certificate_refused(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _reason(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__
