"""The requests a flow makes of its own: discovery, registration, tokens. Not MCP, and not the connection's client."""

from __future__ import annotations

import asyncio
import json

import httpx2
from mcp.client.auth.utils import (
    build_protected_resource_metadata_discovery_urls,
    extract_resource_metadata_from_www_auth,
)
from mcp.shared.auth import OAuthMetadata, ProtectedResourceMetadata
from pydantic import ValidationError

from mcp_tui import USER_AGENT
from mcp_tui.core.json_values import is_object
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.authorisation.errors import failed, host_of, said, unreachable
from mcp_tui.sessions.tokens import AuthorisationError

TIMEOUT = httpx2.Timeout(20.0)
WHOLE_ANSWER_S = 30.0
"""For an answer that comes in drops: each of them is in time."""
MAX_ANSWER_BYTES = 1 << 20
TRANSFER_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Do not fit a body that was read already."""


def check_url(url: str, server_url: str, what: str) -> None:
    """Only http(s), and a server reached by HTTPS leads nowhere without it."""
    try:
        parts = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise failed("The sign-in cannot go on", f"The {what} is no URL", code="bad_metadata") from error
    secure = httpx2.URL(server_url).scheme == "https"
    if parts.scheme not in ("http", "https") or not parts.host:
        detail = f"The {what} is no http:// or https:// URL"
        raise failed("The sign-in cannot go on", detail, code="bad_metadata")
    if secure and parts.scheme != "https":
        detail = f"The {what} at {host_of(url)} is not protected by HTTPS, the server itself is"
        raise failed("The sign-in cannot go on", detail, code="bad_metadata")


class AuthorisationWire:
    """Sends what the flow of one server asks for, and remembers metadata that was there but unusable.

    The SDK goes on with made-up endpoints at the MCP server's own address then, where nobody meant to sign in.
    """

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._resource_urls: set[str] = set()
        self.bad_resource = ""
        """What is wrong with the resource metadata; empty when it was good or there was none."""
        self.bad_server = ""

    def begin(self, refusal: httpx2.Response | None) -> None:
        self.bad_resource = self.bad_server = ""
        named = extract_resource_metadata_from_www_auth(refusal) if refusal is not None else None
        self._resource_urls = set(build_protected_resource_metadata_discovery_urls(named, self._server_url))

    async def send(self, request: httpx2.Request) -> httpx2.Response:
        """AuthorisationError when the other side cannot be reached; every HTTP status is an answer."""
        url = str(request.url)
        check_url(url, self._server_url, "address")
        where = host_of(url)
        try:
            # A client per request: a sign-in makes five of them, and none of it outlives the flow.
            async with (
                asyncio.timeout(WHOLE_ANSWER_S),
                httpx2.AsyncClient(
                    headers={"User-Agent": USER_AGENT}, timeout=TIMEOUT, follow_redirects=False
                ) as client,
            ):
                response = await client.send(request, stream=True)
                try:
                    body = await _limited(response)
                finally:
                    await response.aclose()
        except TimeoutError as error:
            reason = f"no whole answer within {WHOLE_ANSWER_S:g} s"
            raise unreachable("The authorization server cannot be reached", f"{where}: {reason}") from error
        except httpx2.TransportError as error:
            reason = said(str(error)) or type(error).__name__
            raise unreachable("The authorization server cannot be reached", f"{where}: {reason}") from error
        except (httpx2.DecodingError, httpx2.InvalidURL) as error:
            detail = f"{where}: {type(error).__name__}"
            raise failed("The authorization server's answer cannot be read", detail) from error
        whole = httpx2.Response(
            response.status_code,
            headers=[item for item in response.headers.multi_items() if item[0].lower() not in TRANSFER_HEADERS],
            content=body,
            request=request,
        )
        whole.next_request = response.next_request
        if request.method == "GET" and whole.status_code == 200:
            self._inspect(url, body)
        return whole

    def _inspect(self, url: str, body: bytes) -> None:
        value = _json_object(body)
        if value is None:
            return  # many servers answer every path with a page
        model = ProtectedResourceMetadata if url in self._resource_urls else OAuthMetadata
        try:
            model.model_validate(value)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
            name = ".".join(str(step) for step in problem["loc"][:3])
            found = said(f"{host_of(url)}: {name}: {problem['msg']}")
            if model is ProtectedResourceMetadata:
                self.bad_resource = found
            else:
                self.bad_server = found


async def _limited(response: httpx2.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            where = host_of(str(response.request.url))
            raise failed("The authorization server's answer cannot be read", f"{where}: it is too large")
    return bytes(body)


def _json_object(body: bytes) -> JsonObject | None:
    try:
        value: object = json.loads(body)
    except ValueError:
        return None
    return value if is_object(value) else None


def error_word(response: httpx2.Response) -> tuple[str, str]:
    """`error` and `error_description` of an OAuth error answer (RFC 6749, section 5.2); empty when it is none."""
    value = _json_object(response.content) or {}
    word, text = value.get("error"), value.get("error_description")
    return (said(word) if isinstance(word, str) else "", said(text) if isinstance(text, str) else "")


def refused(response: httpx2.Response, what: str) -> AuthorisationError:
    """An answer of the registration or token endpoint that is no success."""
    word, text = error_word(response)
    where = host_of(str(response.request.url))
    reason = ": ".join(part for part in (word, text) if part)
    detail = f"{where} answered HTTP {response.status_code}{': ' + reason if reason else ''}"
    if response.status_code == 429 or response.status_code >= 500:
        return unreachable(f"{what} failed", detail)
    return failed(f"{what} was refused", detail, code=word or "sign_in_failed")
