"""GitHub's REST API: one pooled client, retries for requests that only read, bounded answers.

The token goes to the origin of the API and nowhere else: httpx drops it where a redirect leaves that origin, and
no URL out of an answer is ever requested.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import anyio
import httpx
import tenacity

from mcp_tui import USER_AGENT
from mcp_tui.core.json_values import is_list, is_object, objects
from mcp_tui.core.text import clean_line
from mcp_tui.core.types import JsonObject
from mcp_tui.servers.github.faults import GitHubError, fault_of, no_token, unknown_outcome
from mcp_tui.servers.github.settings import Settings

MAX_ATTEMPTS = 3
DEADLINE_S = 60.0
"""For one request with all its attempts."""
MAX_ANSWER_BYTES = 20 * 2**20
_JSON = "application/vnd.github+json"
_CURSOR_KEYS = ("page", "after")
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
Params = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Page:
    """data: the decoded JSON. next_cursor: where the next page begins, "" after the last."""

    data: Any
    next_cursor: str = ""

    def objects(self) -> list[JsonObject]:
        """The items of a list."""
        if not is_list(self.data):
            raise unexpected("a list")
        return objects(self.data)

    def object(self) -> JsonObject:
        data: object = self.data
        if not is_object(data):
            raise unexpected("an object")
        return data


def unexpected(wanted: str) -> GitHubError:
    return GitHubError(f"the API answered with something else than {wanted}: is GITHUB_API_URL right?")


class GitHub:
    """Entered once, by whoever runs the server. Every method raises GitHubError."""

    def __init__(self, settings: Settings, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.settings = settings
        headers = {"User-Agent": USER_AGENT, "X-GitHub-Api-Version": "2022-11-28"}
        if settings.token:
            headers["Authorization"] = f"Bearer {settings.token}"
        self._http = httpx.AsyncClient(
            headers=headers,
            timeout=_TIMEOUT,
            limits=httpx.Limits(max_connections=10, max_keepalive_connections=10, keepalive_expiry=30.0),
            max_redirects=3,
            transport=transport,
        )
        self._backoff = tenacity.wait_exponential(multiplier=0.3, max=2.0) + tenacity.wait_random(0.0, 0.3)

    async def __aenter__(self) -> GitHub:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def page(
        self, path: str, params: Params | None = None, *, what: str, cursor: str = "", accept: str = _JSON
    ) -> Page:
        """GET of JSON. cursor: the `next_cursor` of an earlier page."""
        query = {**(params or {}), **_from_cursor(cursor)}
        response, body = await self._get(path, query, what=what, accept=accept)
        return Page(_decoded(response, body), _next_cursor(response.headers.get("link", "")))

    async def raw(self, path: str, params: Params | None = None, *, what: str) -> bytes:
        """GET of a file's bytes."""
        _, body = await self._get(path, params or {}, what=what, accept="application/vnd.github.raw+json")
        return body

    async def post(self, path: str, body: JsonObject, *, what: str) -> JsonObject:
        """Sent once. Where it is not sure that nothing happened, the error says so."""
        if not self.settings.token:
            raise no_token(what)
        request = self._http.build_request("POST", self._url(path), json=body, headers={"Accept": _JSON})
        try:
            with anyio.fail_after(DEADLINE_S):
                response, answer = await self._exchange(request, follow=False)
        except TimeoutError:
            raise unknown_outcome(what, f"no answer within {DEADLINE_S:.0f} s") from None
        except _NOT_SENT as error:
            raise self._unreachable(error) from error
        except httpx.HTTPError as error:
            raise unknown_outcome(what, f"the connection broke ({self._reason(error)})") from error
        if response.status_code >= 300:
            raise fault_of(
                response.status_code, response.headers, answer, what=what, settings=self.settings, changes=True
            )
        try:
            return Page(_decoded(response, answer)).object()
        except GitHubError as error:
            raise unknown_outcome(what, str(error)) from error

    async def _get(self, path: str, params: Params, *, what: str, accept: str) -> tuple[httpx.Response, bytes]:
        attempts = tenacity.AsyncRetrying(
            sleep=anyio.sleep,
            stop=tenacity.stop_after_attempt(MAX_ATTEMPTS),
            retry=tenacity.retry_if_exception(
                lambda error: isinstance(error, GitHubError) and error.again_after_s is not None
            ),
            wait=self._wait_s,
            reraise=True,
        )
        try:
            with anyio.fail_after(DEADLINE_S):
                return await attempts(self._get_once, path, params, what, accept)
        except TimeoutError:
            text = f"GitHub did not answer within {DEADLINE_S:.0f} s; try again later"
            raise GitHubError(text, "unreachable") from None

    async def _get_once(self, path: str, params: Params, what: str, accept: str) -> tuple[httpx.Response, bytes]:
        request = self._http.build_request("GET", self._url(path), params=params, headers={"Accept": accept})
        try:
            response, body = await self._exchange(request, follow=True)
        except (httpx.TransportError, httpx.TooManyRedirects, httpx.DecodingError) as error:
            raise self._unreachable(error) from error
        if response.status_code != 200:
            raise fault_of(response.status_code, response.headers, body, what=what, settings=self.settings)
        return response, body

    async def _exchange(self, request: httpx.Request, *, follow: bool) -> tuple[httpx.Response, bytes]:
        response = await self._http.send(request, stream=True, follow_redirects=follow)
        try:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > MAX_ANSWER_BYTES:
                    raise GitHubError(f"the answer is larger than {MAX_ANSWER_BYTES >> 20} MiB and was not read")
        finally:
            await response.aclose()
        return response, bytes(body)

    def _wait_s(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        asked = error.again_after_s if isinstance(error, GitHubError) else None
        return max(asked or 0.0, self._backoff(state))

    def _url(self, path: str) -> str:
        return self.settings.api_url + path

    def _unreachable(self, error: httpx.HTTPError) -> GitHubError:
        # A certificate does not become right by itself.
        permanent = isinstance(error, httpx.TooManyRedirects | httpx.UnsupportedProtocol) or _is_tls(error)
        hint = "check GITHUB_API_URL, the network and the proxy"
        text = f"{self.settings.api_url} cannot be reached: {self._reason(error)} ({hint})"
        return GitHubError(text, "unreachable", None if permanent else 0.0)

    def _reason(self, error: Exception) -> str:
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return self.without_token(clean_line(text)[:300])

    def without_token(self, text: str) -> str:
        return text.replace(self.settings.token, "***") if self.settings.token else text


def segment(text: str) -> str:
    """One part of a path."""
    return quote(text, safe="")


def _is_tls(error: BaseException) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _decoded(response: httpx.Response, body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        kind = clean_line(response.headers.get("content-type", "nothing"))[:80]
        raise unexpected(f"JSON ({kind})") from None


def _next_cursor(link: str) -> str:
    """From the `Link` header: only where the next page begins is taken out of it, never a URL."""
    for part in link.split(","):
        address, _, relation = part.strip().partition(";")
        if 'rel="next"' in relation:
            query = dict(parse_qsl(urlsplit(address.strip("<>")).query))
            return urlencode({key: query[key] for key in _CURSOR_KEYS if key in query})
    return ""


def _from_cursor(cursor: str) -> dict[str, str]:
    if not cursor:
        return {}
    found = dict(parse_qsl(cursor))
    if not found or set(found) - set(_CURSOR_KEYS) or len(cursor) > 1000:
        raise GitHubError("this cursor is not one that an earlier page gave", "invalid")
    return found
