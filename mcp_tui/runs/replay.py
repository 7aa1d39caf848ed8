"""Answers that were given before: the key of a request, and the events of an answer as bytes.

Only whole answers are kept: one that failed, was cut, was refused or is empty is asked for again. A key covers
everything that decides the answer, and nothing else: who answers, at which address, all parameters, the
conversation with its opaque parts, and the tools as they are defined.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import asdict
from functools import partial
from typing import Any, Protocol, TypeAlias, cast, get_args

from mcp_tui.core.chat import (
    Block,
    ChatEvent,
    ChatRequest,
    Finished,
    Message,
    Opaque,
    ReasoningDelta,
    RefusalDelta,
    StopReason,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    ToolResultBlock,
)
from mcp_tui.core.state import Usage
from mcp_tui.core.text_buffer import Pieces
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.registry import ModelRef, Provider

logger = logging.getLogger(__name__)

VERSION = 1
"""Of the key and of the stored form: another number forgets everything stored before."""

_BLOCKS: dict[str, type[Block]] = {block.__name__: block for block in get_args(Block)}
_Delta: TypeAlias = TextDelta | ReasoningDelta | RefusalDelta
_DELTAS: tuple[type[_Delta], ...] = (TextDelta, ReasoningDelta, RefusalDelta)


class Store(Protocol):
    """What is used of `store.response_cache.ResponseCache`."""

    async def get(self, key: str) -> bytes | None: ...

    def put(self, key: str, body: Callable[[], bytes]) -> None: ...

    async def drop(self, key: str) -> None: ...


class Replays:
    """The response cache as runs use it."""

    def __init__(self, store: Store, address: Callable[[ModelRef], str]) -> None:
        """address: wire format and base URL of a model, without secrets."""
        self._store = store
        self._address = address

    async def find(self, ref: ModelRef, request: ChatRequest) -> tuple[str, list[ChatEvent] | None]:
        """The request's key, and the events of the answer when there is one."""
        key = await asyncio.to_thread(request_key, ref, self._address(ref), request)
        body = await self._store.get(key)
        if body is None:
            return key, None
        try:
            return key, await asyncio.to_thread(decoded, body)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
            logger.warning("a stored answer of %s cannot be read: %s", ref, error)
            await self._store.drop(key)
            return key, None

    async def recording(self, key: str, provider: Provider, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """The provider's stream; a whole answer is stored."""
        kept = _Kept()
        async with aclosing(provider.stream(request)) as stream:
            async for event in stream:
                if isinstance(event, Finished) and is_whole(event):
                    self._store.put(key, partial(encoded, (*kept.events(), event)))
                else:
                    kept.add(event)
                yield event


class _Kept:
    """What came of an answer; texts of one kind that follow each other are one, however they were cut."""

    def __init__(self) -> None:
        self._entries: list[ToolCallStarted | ToolCallDelta | tuple[type[_Delta], Pieces]] = []

    def add(self, event: ChatEvent) -> None:
        if isinstance(event, ToolCallStarted | ToolCallDelta):
            self._entries.append(event)
        elif isinstance(event, TextDelta | ReasoningDelta | RefusalDelta):
            last = self._entries[-1] if self._entries else None
            if isinstance(last, tuple) and last[0] is type(event):
                last[1].append(event.text)
            else:
                self._entries.append((type(event), Pieces(event.text)))

    def events(self) -> Iterator[ChatEvent]:
        for entry in self._entries:
            yield entry[0](entry[1].text) if isinstance(entry, tuple) else entry


async def played(events: Iterable[ChatEvent]) -> AsyncGenerator[ChatEvent, None]:
    """A stored answer as a stream."""
    for event in events:
        yield event


def is_whole(finished: Finished) -> bool:
    if finished.error is not None or finished.refusal:
        return False
    if finished.message.tool_calls:
        return finished.stop in (StopReason.STOP, StopReason.TOOL_CALLS) and all(
            call.arguments is not None for call in finished.message.tool_calls
        )
    return finished.stop is StopReason.STOP and bool(finished.message.text.strip())


def request_key(ref: ModelRef, address: str, request: ChatRequest) -> str:
    """sha256 hex of the canonical form of everything that decides the answer."""
    form: JsonObject = {
        "version": VERSION,
        "provider": ref.provider,
        "address": address,
        "model": request.model,
        "system": request.system,
        "params": asdict(request.params),
        "tools": [asdict(tool) for tool in request.tools],
        "messages": [_message(message) for message in request.messages],
    }
    # ASCII keeps lone surrogates apart, which UTF-8 could not hold.
    text = json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def encoded(events: Iterable[ChatEvent]) -> bytes:
    return json.dumps([_event(event) for event in events], ensure_ascii=True, separators=(",", ":")).encode("ascii")


def decoded(body: bytes) -> list[ChatEvent]:
    """ValueError, KeyError, TypeError, IndexError or AttributeError for anything `encoded` has not made."""
    loaded: Any = json.loads(body)
    events = [_event_of(cast("list[Any]", item)) for item in cast("list[object]", loaded)]
    if not events or not isinstance(events[-1], Finished) or not is_whole(events[-1]):
        raise ValueError("no whole answer")
    return events


def _message(message: Message) -> JsonObject:
    return {"role": message.role, "blocks": [_block(block) for block in message.blocks]}


def _block(block: Block) -> JsonObject:
    form: JsonObject = {"kind": type(block).__name__, **asdict(block)}
    if isinstance(block, ToolResultBlock):
        form["content"] = [_block(part) for part in block.content]
    return form


def _event(event: ChatEvent) -> list[Any]:
    match event:
        case TextDelta(text) | ReasoningDelta(text) | RefusalDelta(text):
            return [type(event).__name__, text]
        case ToolCallStarted(key, id_, name):
            return ["ToolCallStarted", key, id_, name]
        case ToolCallDelta(key, arguments):
            return ["ToolCallDelta", key, arguments]
        case Finished():
            usage = None if event.usage is None else asdict(event.usage)
            form = {"stop": event.stop.value, "stop_raw": event.stop_raw, "usage": usage, "model": event.model,
                    "response_id": event.response_id, "message": _message(event.message)}  # fmt: skip
            return ["Finished", form]
        case _:
            raise ValueError(f"{type(event).__name__} is no part of an answer")


def _event_of(item: list[Any]) -> ChatEvent:
    kind = item[0]
    for delta in _DELTAS:
        if kind == delta.__name__:
            return delta(_text(item[1]))
    match kind:
        case "ToolCallStarted":
            return ToolCallStarted(int(item[1]), _text(item[2]), _text(item[3]))
        case "ToolCallDelta":
            return ToolCallDelta(int(item[1]), _text(item[2]))
        case "Finished":
            form = cast("JsonObject", item[1])
            usage = None if form["usage"] is None else Usage(**form["usage"])
            stop = StopReason(form["stop"])
            # No cost and no attempts: nobody was asked.
            return Finished(_message_of(form["message"]), stop, form["stop_raw"], usage, model=_text(form["model"]),
                            response_id=_text(form["response_id"]), attempts=0)  # fmt: skip
        case _:
            raise ValueError(f"unknown event {kind!r}")


def _message_of(form: JsonObject) -> Message:
    if form["role"] != "assistant":
        raise ValueError("an answer is the assistant's")
    return Message("assistant", tuple(_block_of(block) for block in form["blocks"]))


def _block_of(form: JsonObject) -> Block:
    fields = {name: value for name, value in form.items() if name != "kind"}
    opaque = fields.get("opaque")
    if opaque is not None:
        fields["opaque"] = Opaque(_text(opaque["format"]), opaque["value"])
    if form["kind"] == ToolResultBlock.__name__:
        raise ValueError("tool results are the person's")
    return _BLOCKS[form["kind"]](**fields)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} is no text")
    return value
