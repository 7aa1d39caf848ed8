"""Which other path of the same host speaks MCP, for a URL where nothing does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import anyio
import httpx2

from mcp_tui.config.schema import ServerSpec
from mcp_tui.core.json_values import is_object
from mcp_tui.sessions.transport.exchange import Exchange, Recording
from mcp_tui.sessions.transport.http_client import HttpWatch, WatchedClient
from mcp_tui.sessions.wirelog.cause import causing
from mcp_tui.sessions.wirelog.log import Recorder

WAIT_S = 3.0
_STREAMABLE_PATHS = ("/mcp", "/mcp/", "/", "/api/mcp", "/v1/mcp", "/message")
_SSE_PATHS = ("/sse", "/mcp/sse", "/api/sse")
_ENOUGH_BYTES = 64 << 10
_PING = {"jsonrpc": "2.0", "id": 0, "method": "ping"}


async def neighbours_fix(spec: ServerSpec, recorder: Recorder | None) -> str:
    """`Try URL`, or "" when no usual path answers within `WAIT_S`.

    Asks with a ping and the entry's own headers, which go nowhere but to the host they were written for. A ping
    starts no session and changes nothing.
    """
    parts = urlsplit(spec.url)
    found: dict[str, str] = {}

    async def look(client: httpx2.AsyncClient, path: str, sse: bool) -> None:
        url = urlunsplit((parts.scheme, parts.netloc, path, "", ""))
        with Recording(Exchange("ping")):
            speaks = await (_streams_events if sse else _answers)(client, url)
        if speaks:
            found[path] = url

    usual = [path for path in (*_STREAMABLE_PATHS, *_SSE_PATHS) if path != (parts.path or "/")]
    with causing("looking for the right path"):
        async with WatchedClient(HttpWatch(recorder=recorder), headers=spec.headers) as client:
            with anyio.move_on_after(WAIT_S):
                async with anyio.create_task_group() as tasks:
                    for path in usual:
                        tasks.start_soon(look, client, path, path in _SSE_PATHS)
    best = next((path for path in usual if path in found), None)
    if best is None:
        return ""
    shown = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], best, "", ""))
    kind = ' with type = "sse"' if best in _SSE_PATHS and spec.transport != "sse" else ""
    return f"{shown} answers: use it as the URL{kind}"


async def _answers(client: httpx2.AsyncClient, url: str) -> bool:
    """Whether a ping is answered with JSON-RPC, be it with an error, or with a demand to sign in as MCP makes it."""
    headers = {"Accept": "application/json, text/event-stream"}
    try:
        async with client.stream("POST", url, json=_PING, headers=headers, follow_redirects=False) as response:
            if response.status_code == 401:
                return "resource_metadata" in response.headers.get("www-authenticate", "")
            kind = _media_type(response.headers)
            if kind == "text/event-stream":
                return response.status_code < 400
            if kind != "application/json":
                return False
            return _is_json_rpc(await _beginning(response))
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return False


async def _streams_events(client: httpx2.AsyncClient, url: str) -> bool:
    headers = {"Accept": "text/event-stream"}
    try:
        async with client.stream("GET", url, headers=headers, follow_redirects=False) as response:
            return response.status_code == 200 and _media_type(response.headers) == "text/event-stream"
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return False


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


async def _beginning(response: httpx2.Response) -> bytes:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _ENOUGH_BYTES:
            break
    return body


def _is_json_rpc(body: bytes) -> bool:
    try:
        said: Any = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return is_object(said) and said.get("jsonrpc") == "2.0"
