"""The one seam on a connection's streams: liveness, repair of lists, raw results, what the wire log calls a cause."""

from __future__ import annotations

import contextvars
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any

import anyio
from mcp.client._transport import ReadStream, TransportStreams, WriteStream
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCNotification, JSONRPCRequest, JSONRPCResponse
from pydantic import ValidationError

from mcp_tui.core.json_values import as_text
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.size_estimate import estimated_size
from mcp_tui.sessions.transport.exchange import CURRENT, Exchange
from mcp_tui.sessions.transport.probe import Probe
from mcp_tui.sessions.transport.repair import LISTS, repaired_page
from mcp_tui.sessions.transport.task_tap import TaskTap
from mcp_tui.sessions.wirelog.log import Recorder

_UNREAD_CHARS = 200
_BULK_BYTES = 16 << 10
_VALIDATED_PARTS = 1_000
"""Of the content of a tool's result."""
_UNTYPED_VERSION = "2025-11-25"  # what the SDK assumes before the handshake


class Tap:
    """`on_end` is called once, when the transport's stream ends; `on_garbage` for what is no JSON-RPC message."""

    def __init__(
        self,
        *,
        on_end: Callable[[], None],
        on_garbage: Callable[[ValueError], None],
        recorder: Recorder | None = None,
    ) -> None:
        self.version = _UNTYPED_VERSION
        self.quiet = True
        """No message crossed in either direction yet."""
        self.tasks = TaskTap()
        self.probe = Probe()
        self._recorder = recorder
        self._on_end = on_end
        self._on_garbage = on_garbage
        self._ended = False
        self._pending: dict[str | int, tuple[str, Exchange | None]] = {}

    def sending(self, item: SessionMessage) -> None:
        """It is about to be handed to the transport."""
        message = item.message
        if isinstance(message, JSONRPCRequest):
            method = message.method
            if self._recorder is not None:
                self._recorder.asked(message.id)
            exchange = CURRENT.get()
            if method == "server/discover":
                self.probe.sending(exchange)
            if exchange is not None and exchange.method == method:
                exchange.sent = True
                exchange.subject = subject_of(message.params) or exchange.subject
                exchange.request_id = message.id
            else:
                exchange = None
            self._pending[message.id] = (method, exchange)
        elif (
            isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled" and message.params
        ):
            self._pending.pop(message.params.get("requestId", ""), None)
        elif isinstance(message, JSONRPCResponse):
            self.tasks.answering(message)

    def received(self, item: SessionMessage | Exception) -> SessionMessage | Exception:
        if isinstance(item, Exception):
            if isinstance(item, ValueError):
                self._on_garbage(item)
            return item
        message = item.message
        self.quiet = False
        if isinstance(message, JSONRPCRequest | JSONRPCNotification):
            self.tasks.heard(message)
            return item
        method, exchange = self._pending.pop(self._known_id(message.id), ("", None))
        if method == "server/discover":
            self.probe.answered(message.result if isinstance(message, JSONRPCResponse) else None)
        if not isinstance(message, JSONRPCResponse):
            if exchange is not None:
                exchange.refusals += 1
            return item
        if exchange is not None:
            exchange.answers += 1
        if method in LISTS:
            page, result = repaired_page(method, self.version, message.result)
            if exchange is not None:
                exchange.page = page
            message = message.model_copy(update={"result": result})
            return SessionMessage(message, item.metadata)
        if exchange is not None:
            # A copy, because the SDK clamps and strips keys of the dictionary it gets.
            exchange.raw = dict(message.result)
            if method == "tools/call" and _has_bulk(message.result):
                light = message.model_copy(update={"result": _without_bulk(message.result)})
                return SessionMessage(light, item.metadata)
        return item

    def _known_id(self, given: str | int | None) -> str | int:
        """Servers echo a number as text; the SDK forgives that too."""
        if isinstance(given, str) and given not in self._pending and given.isdecimal():
            return int(given)
        return "" if given is None else given

    def ended(self) -> None:
        if not self._ended:
            self._ended = True
            self._on_end()


def _has_bulk(result: JsonObject) -> bool:
    content = result.get("content")
    if isinstance(content, list) and len(content) > _VALIDATED_PARTS:  # pyright: ignore[reportUnknownArgumentType] - decoded JSON
        return True
    return estimated_size(result.get("structuredContent"), _BULK_BYTES) > _BULK_BYTES


def _without_bulk(result: JsonObject) -> JsonObject:
    """What the SDK has to see of a tool's result. Who called reads `Exchange.raw`, and nobody what the SDK makes of it.

    It validates every level of a result in one go, twice, which held the event loop for seconds where one is large.
    """
    light = dict(result)
    structured = light.get("structuredContent")
    if isinstance(structured, dict | list):  # of the same kind: before 2026-07-28 it has to be an object
        light["structuredContent"] = {} if isinstance(structured, dict) else []
    content = light.get("content")
    if isinstance(content, list):
        light["content"] = content[:_VALIDATED_PARTS]
    return light


def subject_of(params: Mapping[str, Any] | None) -> str:
    """What a request is about: a tool's or prompt's name, a resource's URI."""
    given = params or {}
    return as_text(given.get("name", given.get("uri")))


def unread_text(error: ValueError) -> str:
    """The beginning of what could not be read as a message, or ""."""
    if not isinstance(error, ValidationError):
        return ""
    given: object = error.errors(include_url=False, include_context=False)[0]["input"]
    if isinstance(given, bytes):
        given = given[: 4 * _UNREAD_CHARS].decode("utf-8", "replace")
    return given[:_UNREAD_CHARS] if isinstance(given, str) else ""


class _TappedReads:
    """Same protocol as the SDK's read stream, `last_context` included (the dispatcher looks for it)."""

    def __init__(self, inner: ReadStream[SessionMessage | Exception], tap: Tap) -> None:
        self._inner = inner
        self._tap = tap

    @property
    def last_context(self) -> contextvars.Context | None:
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        try:
            item = await self._inner.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            self._tap.ended()
            raise
        return self._tap.received(item)

    async def aclose(self) -> None:
        await self._inner.aclose()

    def __aiter__(self) -> _TappedReads:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> _TappedReads:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self.aclose()


class _TappedWrites:
    def __init__(self, inner: WriteStream[SessionMessage], tap: Tap) -> None:
        self._inner = inner
        self._tap = tap

    async def send(self, item: SessionMessage, /) -> None:
        self._tap.sending(item)
        await self._inner.send(item)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def __aenter__(self) -> _TappedWrites:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self.aclose()


@asynccontextmanager
async def tapped(
    transport: AbstractAsyncContextManager[TransportStreams], tap: Tap
) -> AsyncGenerator[TransportStreams]:
    async with transport as (reads, writes):
        yield _TappedReads(reads, tap), _TappedWrites(writes, tap)
