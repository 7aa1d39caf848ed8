"""OpenAI Responses streams: items (reasoning, message, function_call ...) added, filled by deltas, and done.

The finished item is the truth: its encrypted reasoning differs from the one it began with, and some servers send
no deltas at all. Items are found by output_index; llama.cpp has none, so the item's id stands in. Never by the id
where there is an index: GitHub Copilot changes the id in every event.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mcp_tui.core.chat import (
    Block,
    ChatEvent,
    ChatRequest,
    Finished,
    Message,
    Opaque,
    OpaqueBlock,
    ReasoningBlock,
    ReasoningDelta,
    RefusalDelta,
    StopReason,
    TextBlock,
    TextDelta,
    ToolCallBlock,
    ToolCallDelta,
    ToolCallStarted,
)
from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.json_values import as_object, as_text, count, is_object, objects
from mcp_tui.core.state import Usage
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.call_arguments import parse_arguments
from mcp_tui.providers.endings import broken_off, incomplete
from mcp_tui.providers.openai_items import TYPE_OF, Item, Kind, texts_of, unpacked_parallel
from mcp_tui.providers.provider_error import ErrorBody, Subject, error_body, error_info
from mcp_tui.providers.reported_cost import reported_cost_usd
from mcp_tui.providers.request_stream import decode_event
from mcp_tui.providers.sse import SseEvent
from mcp_tui.providers.surrogates import encodable, encodable_json

FORMAT = "openai-responses"

_GAP = "\n\n"
"""Between parts of reasoning, and between messages: each is a paragraph of its own."""

_DELTAS: Mapping[str, Kind] = {
    "response.output_text.delta": Kind.TEXT,
    "response.refusal.delta": Kind.REFUSAL,
    "response.reasoning_summary_text.delta": Kind.SUMMARY,
    "response.reasoning_text.delta": Kind.REASONING,
    "response.function_call_arguments.delta": Kind.ARGUMENTS,
}
_WHOLES: Mapping[str, tuple[Kind, str]] = {
    "response.output_text.done": (Kind.TEXT, "text"),
    "response.refusal.done": (Kind.REFUSAL, "refusal"),
    "response.reasoning_summary_text.done": (Kind.SUMMARY, "text"),
    "response.reasoning_text.done": (Kind.REASONING, "text"),
    "response.function_call_arguments.done": (Kind.ARGUMENTS, "arguments"),
}
_ENDS = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")


class OpenAiResponsesReply:
    def __init__(self, subject: Subject, request: ChatRequest) -> None:
        self._subject = subject
        self._requested = request.model
        self._limit = request.params.max_tokens
        self._offers_parallel = any(tool.name == "parallel" for tool in request.tools)
        self._items: list[Item] = []
        self._by_index: dict[int, Item] = {}
        self._by_id: dict[str, Item] = {}
        self._call_ids: set[str] = set()
        self._thought = self._spoke = False
        self._refusal: list[str] = []
        self._status = ""
        self._reason = ""
        self._usage: JsonObject | None = None
        self._error: ErrorInfo | None = None
        self._model = ""
        self._id = ""
        self.done = self._said_done = False
        self._out: list[ChatEvent] = []
        self._number: int = 0
        self._last: str = ""
        self._counts: bool = False

    @property
    def settled(self) -> bool:
        return bool(self._status) or self._error is not None

    def feed(self, event: SseEvent) -> Iterable[ChatEvent]:
        self._out = []
        if event.data == "[DONE]":  # OpenRouter
            self.done = self._said_done = True
            return self._out
        decoded = decode_event(event)
        if is_object(decoded):
            if not self._is_repeated(event, decoded.get("sequence_number")):
                self._read(event, decoded)
        elif event.name == "error":
            self._fail(ErrorBody(event.data))
        elif (error := error_body(decoded)) is not None:
            self._fail(error)
        return self._out

    def close(self) -> Iterable[ChatEvent]:
        self._out = []
        for item in self._items:
            self._flush(item)
            if item.type == "function_call" and item.call_key is None:
                self._start(item, as_text(item.raw.get("name")))
        return self._out

    def finished(self, attempts: int, broken: ErrorInfo | None) -> Finished:
        stop, error = self._stop(broken)
        whole = stop in (StopReason.STOP, StopReason.TOOL_CALLS)
        return Finished(
            message=Message("assistant", tuple(self._blocks(whole=whole))),
            stop=stop,
            stop_raw=self._reason or self._status or None,
            usage=usage_of(self._usage) if self._usage else None,
            error=error,
            refusal="".join(self._refusal),
            cost_usd=reported_cost_usd(self._usage or {}),
            model=self._model,
            response_id=self._id,
            attempts=attempts,
        )

    # --- events

    def _is_repeated(self, event: SseEvent, number: object) -> bool:
        """The same event once more, as some proxies send it; said only of servers that do count."""
        if not isinstance(number, int):
            return False
        repeated: bool = self._counts and number == self._number and event.data == self._last
        self._counts = self._counts or number > self._number
        self._number, self._last = number, event.data
        return repeated

    def _read(self, event: SseEvent, data: JsonObject) -> None:
        kind = as_text(data.get("type")) or event.name
        if (part := _DELTAS.get(kind)) is not None:
            self._say(self._item(data, part), part, _part_index(data), as_text(data.get("delta")))
        elif (whole := _WHOLES.get(kind)) is not None:
            part, field = whole
            self._complete(self._item(data, part), part, _part_index(data), data.get(field))
        elif kind == "response.output_item.added":
            self._add(data)
        elif kind == "response.output_item.done":
            final = as_object(data.get("item"))
            known = self._known(data)
            fits = known is not None and known.type == final.get("type")
            self._finish_item(known if known is not None and fits else self._new(final, data), final)
        elif kind in _ENDS:
            self._end(kind, as_object(data.get("response")))
        elif kind == "error" or (not kind and "error" in data):
            self._fail(error_body(data) or ErrorBody(event.data))
        elif kind.startswith("response."):
            self._note_identity(as_object(data.get("response")))

    def _fail(self, error: ErrorBody) -> None:
        self._error = error_info(self._subject, error, status=None)
        self.done = True

    def _note_identity(self, response: JsonObject) -> None:
        self._model = encodable(as_text(response.get("model"))) or self._model
        self._id = encodable(as_text(response.get("id"))) or self._id

    def _end(self, kind: str, response: JsonObject) -> None:
        self._note_identity(response)
        self._usage = as_object(response.get("usage")) or self._usage
        for index, item in enumerate(objects(response.get("output"))):
            # Only what did not come by itself: the encrypted parts in here are other ones again.
            known = self._by_id.get(as_text(item.get("id"))) or self._by_index.get(index)
            if known is None and index < len(self._items):
                known = self._items[index]
            if known is None or known.final is None:
                self._finish_item(known or self._new(item, {}), item)
        said = kind.removeprefix("response.")
        status = encodable(as_text(response.get("status")))
        self._status = status if status not in ("", "in_progress", "queued") else said
        self._reason = encodable(as_text(as_object(response.get("incomplete_details")).get("reason")))
        error: Any = response.get("error")
        if self._status == "failed" or said == "failed" or error:
            body = error_body({"error": error}) if error else None
            self._fail(body or ErrorBody("", code="response_failed"))
        self.done = True

    # --- items

    def _known(self, data: JsonObject) -> Item | None:
        index: Any = data.get("output_index")
        if isinstance(index, int):
            return self._by_index.get(index)
        return self._by_id.get(as_text(data.get("item_id")) or as_text(as_object(data.get("item")).get("id")))

    def _new(self, raw: JsonObject, data: JsonObject) -> Item:
        item = Item(raw)
        self._items.append(item)
        index: Any = data.get("output_index")
        if isinstance(index, int):
            self._by_index[index] = item
        if item_id := as_text(raw.get("id")):
            self._by_id[item_id] = item
        return item

    def _item(self, data: JsonObject, kind: Kind) -> Item:
        """The item that a delta belongs to. Some servers announce none, or do not say which one they mean."""
        wanted = TYPE_OF[kind]
        found = self._known(data)
        if found is None and not isinstance(data.get("output_index"), int):
            open_items = [item for item in self._items if item.type == wanted and item.final is None]
            found = open_items[-1] if open_items else None
        if found is not None and found.type == wanted:
            return found
        return self._new({"type": wanted, "id": as_text(data.get("item_id"))}, data)

    def _add(self, data: JsonObject) -> None:
        raw = as_object(data.get("item"))
        item = self._known(data)
        # The same item announced again is one; the same place used again is another.
        if item is None or item.final is not None or item.type != raw.get("type"):
            item = self._new(raw, data)
        name = as_text(raw.get("name"))
        if item.type == "function_call" and item.call_key is None and name and not self._is_packed(name):
            self._start(item, name)

    def _finish_item(self, item: Item, final: JsonObject) -> None:
        if item.final is not None:
            return
        for kind, index, text in texts_of(final):
            self._complete(item, kind, index, text)
        self._flush(item)
        item.final = final
        if item.type != "function_call" or item.call_key is not None:
            return
        name = as_text(final.get("name"))
        packed = unpacked_parallel(final) if self._is_packed(name) else ()
        if not packed:
            self._start(item, name)
            return
        self._items.remove(item)
        for position, (inner, arguments) in enumerate(packed):
            call_id = f"{as_text(final.get('call_id')) or uuid.uuid4().hex}_{position}"
            call = self._new({"type": "function_call", "call_id": call_id}, {})
            call.replayable = False  # the server never sent it in this form
            self._start(call, inner)
            self._say(call, Kind.ARGUMENTS, 0, arguments)
            call.final = {"type": "function_call", "call_id": call_id, "name": inner, "arguments": arguments}

    def _is_packed(self, name: str) -> bool:
        return name == "parallel" and not self._offers_parallel

    def _start(self, item: Item, name: str) -> None:
        given = item.final or item.raw
        call_id = encodable(as_text(given.get("call_id")) or as_text(given.get("id")))
        if not call_id or call_id in self._call_ids:
            call_id = f"call_{uuid.uuid4().hex[:24]}"
        item.call_key, item.call_id, item.name = len(self._call_ids), call_id, encodable(name)
        self._call_ids.add(call_id)
        self._out.append(ToolCallStarted(item.call_key, call_id, item.name))
        if text := item.streamed(Kind.ARGUMENTS):
            self._out.append(ToolCallDelta(item.call_key, text))

    # --- texts

    def _complete(self, item: Item, kind: Kind, index: int, whole: object) -> None:
        """What the whole text of a part adds to its deltas: all of it, where there were none."""
        if held := item.part(kind, index).joiner.flush():
            self._say(item, kind, index, held)
        had = item.streamed(kind, index)
        if isinstance(whole, str) and len(whole) > len(had) and whole.startswith(had):
            self._say(item, kind, index, whole[len(had) :])

    def _flush(self, item: Item) -> None:
        for (kind, index), part in list(item.parts.items()):
            if held := part.joiner.flush():
                self._say(item, kind, index, held)

    def _say(self, item: Item, kind: Kind, index: int, text: str) -> None:
        part = item.part(kind, index)
        text = part.joiner.feed(text)
        if not text:
            return
        first_of_item, first_of_part = not item.began, not part.pieces
        part.pieces.append(text)
        match kind:
            case Kind.TEXT:
                if first_of_item and self._spoke:
                    item.lead, text = _GAP, _GAP + text
                self._spoke = True
                self._out.append(TextDelta(text))
            case Kind.ARGUMENTS:
                if item.call_key is not None:
                    self._out.append(ToolCallDelta(item.call_key, text))
            case Kind.REFUSAL:
                self._refusal.append(text)
                self._out.append(RefusalDelta(text))
            case _:
                if not item.shows(kind):
                    return
                if first_of_part and self._thought:
                    item.lead = _GAP if first_of_item else item.lead
                    text = _GAP + text
                self._thought = True
                self._out.append(ReasoningDelta(text))

    # --- the end

    def _blocks(self, *, whole: bool) -> Iterator[Block]:
        calls = iter(sorted((item for item in self._items if item.call_key is not None), key=_call_key))
        for item in self._items:
            opaque = self._opaque(item)
            if item.type == "function_call":
                if (call := next(calls, None)) is not None:
                    yield self._call(call, whole=whole)
            elif item.type == "reasoning":
                final = item.final or {}
                if not (final.get("encrypted_content") or final.get("content")):
                    opaque = None  # nothing is stored at the provider: its id alone means nothing
                text = item.shown_reasoning(_GAP)
                if text or opaque is not None:
                    yield ReasoningBlock(text, opaque)
            elif item.type == "message" and (text := item.shown_text()):
                yield TextBlock(text, opaque)
            elif opaque is not None:
                yield OpaqueBlock(opaque)

    def _call(self, item: Item, *, whole: bool) -> ToolCallBlock:
        raw = item.arguments()
        cut = not whole if item.final is None else item.final.get("status") == "incomplete"
        return ToolCallBlock(item.call_id, item.name, parse_arguments(raw, cut=cut), raw, self._opaque(item))

    def _opaque(self, item: Item) -> Opaque | None:
        if not item.final or not item.replayable:
            return None
        raw = encodable_json(item.final)
        return Opaque(FORMAT, {"provider": self._subject.provider, "model": self._requested, "item": raw})

    def _stop(self, broken: ErrorInfo | None) -> tuple[StopReason, ErrorInfo | None]:
        if self._error is not None:
            return StopReason.ERROR, self._error
        ended = bool(self._status) or (
            self._said_done and bool(self._items) and all(item.final is not None for item in self._items)
        )
        if not ended and broken is not None:
            return broken_off(broken, began=bool(self._items or self._id))
        if not ended:
            return incomplete(self._subject)
        if self._status == "incomplete":
            known = {"max_output_tokens": StopReason.LENGTH, "content_filter": StopReason.CONTENT_FILTER}
            if (stop := known.get(self._reason)) is not None:
                return stop, None
            return incomplete(self._subject, f"the provider ended it: {self._reason or 'it gave no reason'}")
        if self._status == "cancelled":
            return incomplete(self._subject, "the provider cancelled it")
        used = count((self._usage or {}).get("output_tokens"))
        if self._limit is not None and used is not None and used >= self._limit:
            return StopReason.LENGTH, None  # llama.cpp says `completed` all the same
        if self._call_ids:
            return StopReason.TOOL_CALLS, None
        return (StopReason.REFUSAL if self._refusal and not self._spoke else StopReason.STOP), None


def usage_of(usage: JsonObject) -> Usage:
    """Cached tokens are part of the input here, and reasoning part of the output."""
    inputs = as_object(usage.get("input_tokens_details"))
    outputs = as_object(usage.get("output_tokens_details"))
    return Usage(
        count(usage.get("input_tokens")),
        count(usage.get("output_tokens")),
        count(inputs.get("cached_tokens")),
        count(inputs.get("cache_write_tokens")),
        count(outputs.get("reasoning_tokens")),
    )


def _part_index(data: JsonObject) -> int:
    index: Any = data.get("content_index", data.get("summary_index"))
    return index if isinstance(index, int) else 0


def _call_key(item: Item) -> int:
    return item.call_key if item.call_key is not None else -1
