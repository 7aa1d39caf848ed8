"""The two message streams of a child process, without a task between them and its pipes.

A message is written in its sender's task and parsed in its reader's: a memory stream and a task on each side, as in
the SDK's transport, cost a call more than its JSON does.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Any

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import PARSE_ERROR, ErrorData, JSONRPCError, JSONRPCRequest, JSONRPCResponse

from mcp_tui.core.json_values import is_list, is_object
from mcp_tui.sessions.transport.child import Child
from mcp_tui.sessions.transport.decoding import message_decoder
from mcp_tui.sessions.wirelog.log import Recorder

_log = logging.getLogger(__name__)


def parsed(line: bytes) -> list[SessionMessage | Exception]:
    """What one line (or event) holds; a batch (2025-03-26) gives several. Invalid UTF-8 becomes U+FFFD, not an end."""
    try:
        return [SessionMessage(message_decoder.validate_json(line, by_name=False))]
    except ValueError as fault:
        error = fault
    text = line.decode("utf-8", "replace")
    if "\ufffd" in text:
        try:
            return [SessionMessage(message_decoder.validate_json(text, by_name=False))]
        except ValueError as fault:
            error = fault
    return _salvage(text, error)


def _salvage(text: str, error: ValueError) -> list[SessionMessage | Exception]:
    """An answer that is no valid JSON-RPC still names its request: fail that one instead of letting it wait."""
    try:
        decoded: Any = json.loads(text)
    except (ValueError, RecursionError):
        return [error]
    with suppress(ValueError):
        # Only the depth is wrong with it: pydantic reads 200 levels.
        if isinstance(message := message_decoder.validate_python(decoded, by_name=False), JSONRPCResponse):
            return [_refused(message.id, "The server's answer is nested too deeply to be read")]
    if is_list(decoded):
        found: list[SessionMessage | Exception] = []
        for item in decoded:
            try:
                found.append(SessionMessage(message_decoder.validate_python(item, by_name=False)))
            except ValueError as fault:
                found.extend(_unreadable(item, fault))
        return found or [error]
    return _unreadable(decoded, error)


def _unreadable(decoded: Any, error: ValueError) -> list[SessionMessage | Exception]:
    if is_object(decoded):
        request_id = decoded.get("id")
        if isinstance(request_id, str | int) and not isinstance(request_id, bool) and "method" not in decoded:
            return [error, _refused(request_id, "The server's answer is not a valid JSON-RPC response")]
    return [error]


def _refused(request_id: str | int, why: str) -> SessionMessage:
    return SessionMessage(JSONRPCError(jsonrpc="2.0", id=request_id, error=ErrorData(code=PARSE_ERROR, message=why)))


class PipeReads:
    """What the process says, in the SDK's shape of a read stream. One task reads."""

    def __init__(self, child: Child, recorder: Recorder | None) -> None:
        self._child = child
        self._recorder = recorder
        self._items: deque[SessionMessage | Exception] = deque()
        self._closed = False
        self._fault_told = False

    def put(self, item: SessionMessage | Exception) -> None:
        """An answer that did not come from the process."""
        self._items.append(item)
        self._child.news.set()

    async def receive(self) -> SessionMessage | Exception:
        child = self._child
        if self._items or child.has_lines:
            await asyncio.sleep(0)  # a flood must leave the others their turn
        while True:
            if self._closed:
                raise anyio.ClosedResourceError
            if self._items:
                return self._items.popleft()
            line = child.line()
            if line is not None:
                if self._recorder is not None:
                    self._recorder.received(line)
                self._items.extend(parsed(line))
            elif not child.output_ended:
                child.news.clear()
                await child.news.wait()
            elif child.fault is not None and not self._fault_told:
                self._fault_told = True
                return ValueError(child.fault)
            else:
                raise anyio.EndOfStream

    def close(self) -> None:
        self._closed = True
        self._items.clear()
        self._child.news.set()

    async def aclose(self) -> None:
        self.close()

    def __aiter__(self) -> PipeReads:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> PipeReads:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        self.close()


class PipeWrites:
    """What is said to the process, in the SDK's shape of a write stream. `send` waits while the pipe is full."""

    def __init__(
        self, pipe: asyncio.WriteTransport, child: Child, answers: PipeReads, recorder: Recorder | None
    ) -> None:
        self._pipe = pipe
        self._child = child
        self._answers = answers
        self._recorder = recorder
        self._turn = asyncio.Lock()
        """Of those who wait for a full pipe: one message each time it has room."""
        self._closed = False
        self._abandoned = False

    async def send(self, item: SessionMessage, /) -> None:
        if self._closed:
            raise anyio.ClosedResourceError
        if self._child.may_write.is_set() and not self._turn.locked():
            self._write(item)
            return
        async with self._turn:
            await self._child.writable()
            if self._abandoned:
                raise anyio.BrokenResourceError
            self._write(item)

    def _write(self, item: SessionMessage) -> None:
        try:
            data = item.message.model_dump_json(by_alias=True, exclude_unset=True).encode()
        except ValueError as error:
            _log.warning("A message could not be encoded as JSON: %s", error)
            if isinstance(item.message, JSONRPCRequest):
                fault = ErrorData(code=PARSE_ERROR, message="The request could not be encoded as JSON")
                self._answers.put(SessionMessage(JSONRPCError(jsonrpc="2.0", id=item.message.id, error=fault)))
            return
        if self._pipe.is_closing():
            return  # the process closed its input; its output ends too, and that is what is acted on
        self._pipe.write(data + b"\n")
        if self._recorder is not None:
            self._recorder.sent(data)

    async def flush(self) -> None:
        """Until those who wait have written, and the pipe has room again."""
        async with self._turn:
            await self._child.writable()

    def abandon(self) -> None:
        """Whoever still waits gets BrokenResourceError."""
        self._closed = self._abandoned = True
        self._child.may_write.set()

    async def aclose(self) -> None:
        self._closed = True

    async def __aenter__(self) -> PipeWrites:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        self._closed = True
