"""The one seam on a connection's streams: wire log, liveness, repair of lists, raw results."""

from __future__ import annotations

import contextvars
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Literal

import anyio
from mcp.client._transport import ReadStream, TransportStreams, WriteStream
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCMessage, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse

from mcp_tui.sessions.exchange import CURRENT, Exchange
from mcp_tui.sessions.repair import LISTS, repaired_page
from mcp_tui.sessions.wire import WireRing
from mcp_tui.sessions.wirelog.log import Recorder

_UNTYPED_VERSION = "2025-11-25"  # what the SDK assumes before the handshake


class Tap:
    """`on_end` is called once, when the transport's stream ends; `on_garbage` for what is no JSON-RPC message."""

    def __init__(
        self,
        ring: WireRing,
        *,
        on_end: Callable[[], None],
        on_garbage: Callable[[], None],
        recorder: Recorder | None = None,
    ) -> None:
        self.version = _UNTYPED_VERSION
        self.quiet = True
        """No message crossed in either direction yet."""
        self._ring = ring
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
            if exchange is not None and exchange.method == method:
                exchange.sent = True
            else:
                exchange = None
            self._pending[message.id] = (method, exchange)
        elif (
            isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled" and message.params
        ):
            self._pending.pop(message.params.get("requestId", ""), None)

    def sent(self, item: SessionMessage) -> None:
        """Kept after it was handed over, so that the server works on it meanwhile."""
        message = item.message
        asks = isinstance(message, JSONRPCRequest | JSONRPCNotification)
        self._record("out", message.method if asks else "", message)

    def received(self, item: SessionMessage | Exception) -> SessionMessage | Exception:
        if isinstance(item, Exception):
            if isinstance(item, ValueError):
                self._ring.add("in", "", None, None, "not a JSON-RPC message")
                self._on_garbage()
            return item
        message = item.message
        self.quiet = False
        if isinstance(message, JSONRPCRequest | JSONRPCNotification):
            self._record("in", message.method, message)
            return item
        method, exchange = self._pending.pop(self._known_id(message.id), ("", None))
        self._record("in", method, message)
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
        return item

    def _known_id(self, given: str | int | None) -> str | int:
        """Servers echo a number as text; the SDK forgives that too."""
        if isinstance(given, str) and given not in self._pending and given.isdecimal():
            return int(given)
        return "" if given is None else given

    def _record(self, direction: Literal["out", "in"], method: str, message: JSONRPCMessage) -> None:
        given = message.model_fields_set
        body = {key: value for key, value in message.__dict__.items() if key in given}
        if isinstance(message, JSONRPCError):
            body["error"] = message.error.model_dump(by_alias=True, exclude_unset=True)
        self._ring.add(direction, method, body.get("id"), body)

    def ended(self) -> None:
        if not self._ended:
            self._ended = True
            self._on_end()


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
        try:
            await self._inner.send(item)
        finally:
            self._tap.sent(item)

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
