"""The HTTP+SSE transport of 2024-11-05: answers come on one event stream, requests go to the address it names.

Ours rather than the SDK's `sse_client`: that one ends with the first event above 1 MiB, sends one message after the
other, and leaves the request of a POST that failed waiting for ever.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from urllib.parse import urljoin, urlsplit

import anyio
import httpx2
from anyio.streams.memory import MemoryObjectSendStream
from mcp.client._transport import TransportStreams
from mcp.shared._httpx_utils import request_within_origin, stream_within_origin
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage
from mcp_types import (
    CONNECTION_CLOSED,
    INTERNAL_ERROR,
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCRequest,
)

from mcp_tui.sessions.transport.pipe import parsed

_log = logging.getLogger(__name__)
_Item = SessionMessage | Exception


@asynccontextmanager
async def legacy_sse_streams(
    client: httpx2.AsyncClient, url: str, *, max_event_bytes: int
) -> AsyncGenerator[TransportStreams]:
    """Raises what the GET raised, `httpx2.HTTPStatusError`, or MCPError when it is no such event stream."""
    headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    async with stream_within_origin(client, "GET", url, headers=headers) as response:
        response.raise_for_status()
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "text/event-stream":
            raise MCPError(INVALID_REQUEST, f"Unexpected content type: {kind or 'none'}")
        events = aiter(httpx2.EventSource(response, max_event_size=max_event_bytes))
        endpoint = await _endpoint(events, url)
        incoming, reads = anyio.create_memory_object_stream[_Item](1)
        async with incoming, reads, anyio.create_task_group() as tasks:
            tasks.start_soon(_read, events, incoming)
            yield reads, _Posts(client, endpoint, incoming)
            tasks.cancel_scope.cancel()


async def _endpoint(events: AsyncIterator[httpx2.ServerSentEvent], url: str) -> str:
    async for event in events:
        if event.event == "endpoint":
            endpoint = urljoin(url, event.data)
            if urlsplit(endpoint)[:2] != urlsplit(url)[:2]:
                raise MCPError(INVALID_REQUEST, f"Redirect to another host refused: {endpoint}")
            return endpoint
    raise MCPError(CONNECTION_CLOSED, "The event stream ended before it named its endpoint")


async def _read(events: AsyncIterator[httpx2.ServerSentEvent], incoming: MemoryObjectSendStream[_Item]) -> None:
    """Until the stream ends, which ends the connection: nothing on it is ever sent again."""
    async with incoming:
        try:
            async for event in events:
                if event.event == "message" and event.data:
                    for item in parsed(event.data.encode()):
                        await incoming.send(item)
        except httpx2.SSEError as error:
            await incoming.send(ValueError(str(error)))
        except httpx2.HTTPError as error:
            _log.debug("the event stream broke: %s", error)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return  # nobody reads any more


class _Posts:
    """What is said, in the SDK's shape of a write stream. Each message is a POST in its sender's own task."""

    def __init__(self, client: httpx2.AsyncClient, endpoint: str, answers: MemoryObjectSendStream[_Item]) -> None:
        self._client = client
        self._endpoint = endpoint
        self._answers = answers
        self._closed = False

    async def send(self, item: SessionMessage, /) -> None:
        if self._closed:
            raise anyio.ClosedResourceError
        try:
            body = item.message.model_dump_json(by_alias=True, exclude_unset=True).encode()
        except ValueError as error:
            _log.warning("A message could not be encoded as JSON: %s", error)
            await self._failed(item, PARSE_ERROR, "The request could not be encoded as JSON")
            return
        headers = {"Content-Type": "application/json"}
        response = await request_within_origin(self._client, "POST", self._endpoint, content=body, headers=headers)
        if response.status_code >= 300:
            await self._failed(item, INTERNAL_ERROR, "Server returned an error response")

    async def _failed(self, item: SessionMessage, code: int, message: str) -> None:
        if isinstance(item.message, JSONRPCRequest):
            fault = ErrorData(code=code, message=message)
            answer = JSONRPCError(jsonrpc="2.0", id=item.message.id, error=fault)
            # Where the stream has ended the request fails with the connection.
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await self._answers.send(SessionMessage(answer))

    async def aclose(self) -> None:
        self._closed = True

    async def __aenter__(self) -> _Posts:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        self._closed = True
