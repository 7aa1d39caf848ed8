"""Anthropic Messages streams: message_start, content blocks with deltas, message_delta, message_stop."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_tui.core.chat import (
    Block,
    ChatEvent,
    Finished,
    Message,
    Opaque,
    OpaqueBlock,
    ReasoningBlock,
    ReasoningDelta,
    StopReason,
    TextBlock,
    TextDelta,
    ToolCallBlock,
    ToolCallDelta,
    ToolCallStarted,
)
from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.json_values import as_list, as_object, as_text, count, is_object
from mcp_tui.core.state import Usage
from mcp_tui.core.text_buffer import Pieces
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.call_arguments import parse_arguments
from mcp_tui.providers.endings import broken_off, incomplete
from mcp_tui.providers.provider_error import ErrorBody, Subject, error_body, error_info
from mcp_tui.providers.request_stream import decode_event
from mcp_tui.providers.sse import SseEvent
from mcp_tui.providers.surrogates import SurrogateJoiner, encodable, encodable_json

FORMAT = "anthropic-messages"

_STOPS: Mapping[str, StopReason] = {
    "end_turn": StopReason.STOP,
    "stop_sequence": StopReason.STOP,
    "tool_use": StopReason.STOP,  # decided by the presence of calls
    "max_tokens": StopReason.LENGTH,
    "pause_turn": StopReason.PAUSE,
    "refusal": StopReason.REFUSAL,
    "model_context_window_exceeded": StopReason.CONTEXT_OVERFLOW,
}


class _Open:
    """One content block on its way."""

    def __init__(self, block: JsonObject, call_key: int | None = None, call_id: str = "") -> None:
        self.raw = block
        self.type = str(block.get("type"))
        self.call_key = call_key
        self.call_id = call_id
        self.begun = as_text(block.get("text") or block.get("thinking"))
        """What stood in the start event."""
        self.text = Pieces()
        self.json = Pieces()
        self.joiner = SurrogateJoiner()
        self.stopped = False
        self.faithful = True
        """False once a delta came that we cannot put into the block: then it is not sent back."""


class AnthropicReply:
    def __init__(self, subject: Subject, model: str) -> None:
        self._subject = subject
        self._requested = model
        self._error: ErrorInfo | None = None
        self._done = False
        self._reset()

    def _reset(self) -> None:
        self._blocks: list[_Open] = []
        self._by_index: dict[int, _Open] = {}
        self._call_ids: set[str] = set()
        self._usage: JsonObject = {}
        self._counted = False
        self._stop_raw: str | None = None
        self._stop_details: JsonObject = {}
        self._model = ""
        self._id = ""

    @property
    def done(self) -> bool:
        return self._done

    @property
    def settled(self) -> bool:
        return self._stop_raw is not None

    def feed(self, event: SseEvent) -> Iterator[ChatEvent]:
        decoded = decode_event(event)
        if not is_object(decoded):
            if event.name == "error":
                self._fail(ErrorBody(event.data))
            return
        kind = decoded.get("type") or event.name
        match kind:
            case "message_start":
                # A second one: a gateway began again. What came before is not part of the answer.
                self._reset()
                self._start(as_object(decoded.get("message")))
            case "content_block_start":
                yield from self._start_block(_index(decoded), as_object(decoded.get("content_block")))
            case "content_block_delta":
                yield from self._delta(_index(decoded), as_object(decoded.get("delta")))
            case "content_block_stop":
                if block := self._by_index.get(_index(decoded)):
                    block.stopped = True
                    yield from self._flush(block)
            case "message_delta":
                delta = as_object(decoded.get("delta"))
                self._stop_raw = encodable(as_text(delta.get("stop_reason"))) or self._stop_raw
                self._stop_details = as_object(delta.get("stop_details")) or self._stop_details
                self._counted = self._counted or bool(as_object(decoded.get("usage")))
                self._note_usage(as_object(decoded.get("usage")))
            case "message_stop":
                self._done = True
            case _:
                if kind == "error" or "error" in decoded:
                    self._fail(error_body(decoded) or ErrorBody(event.data))

    def close(self) -> Iterator[ChatEvent]:
        for block in self._blocks:
            yield from self._flush(block)

    def finished(self, attempts: int, broken: ErrorInfo | None) -> Finished:
        stop, error = self._stop(broken)
        refusal = ""
        if stop is StopReason.REFUSAL:
            refusal = encodable(as_text(self._stop_details.get("explanation")))
        return Finished(
            message=Message("assistant", tuple(self._finished_blocks(stop))),
            stop=stop,
            stop_raw=self._stop_raw,
            usage=self._usage_so_far(),
            error=error,
            refusal=refusal,
            model=self._model,
            response_id=self._id,
            attempts=attempts,
        )

    def _fail(self, error: ErrorBody) -> None:
        self._error = error_info(self._subject, error, status=None)
        self._done = True

    def _start(self, message: JsonObject) -> None:
        self._model = encodable(as_text(message.get("model")))
        self._id = encodable(as_text(message.get("id")))
        self._note_usage(as_object(message.get("usage")))

    def _note_usage(self, usage: JsonObject) -> None:
        self._usage |= {key: value for key, value in usage.items() if value is not None}

    def _start_block(self, index: int, raw: JsonObject) -> Iterator[ChatEvent]:
        block = _Open(copy.deepcopy(raw))
        self._blocks.append(block)
        self._by_index[index] = block  # a server that counts wrongly begins a new block all the same
        if block.type == "tool_use":
            block.call_key = len(self._call_ids)
            block.call_id = encodable(as_text(raw.get("id")))
            if not block.call_id or block.call_id in self._call_ids:
                block.call_id = f"{block.call_id or 'toolu'}_{block.call_key}"
            self._call_ids.add(block.call_id)
            yield ToolCallStarted(block.call_key, block.call_id, encodable(as_text(raw.get("name"))))
        elif block.begun:
            yield from self._say(block, block.begun)

    def _delta(self, index: int, delta: JsonObject) -> Iterator[ChatEvent]:
        block = self._by_index.get(index)
        if block is None:
            # Some servers leave content_block_start out.
            kinds = {"text_delta": "text", "thinking_delta": "thinking"}
            kind = kinds.get(as_text(delta.get("type")))
            if kind is None:
                return
            block = self._by_index[index] = _Open({"type": kind})
            self._blocks.append(block)
        match delta.get("type"):
            case "text_delta":
                yield from self._say(block, as_text(delta.get("text")))
            case "thinking_delta":
                yield from self._say(block, as_text(delta.get("thinking")))
            case "signature_delta":
                block.raw["signature"] = as_text(delta.get("signature"))
            case "input_json_delta":
                fragment = as_text(delta.get("partial_json"))
                if fragment:
                    block.json.append(fragment)
                    if block.call_key is not None:
                        yield ToolCallDelta(block.call_key, encodable(fragment))
            case "citations_delta":
                listed = as_list(block.raw.get("citations"))
                block.raw["citations"] = [*listed, delta.get("citation")]
            case "compaction_delta":
                block.raw["content"] = as_text(block.raw.get("content")) + as_text(delta.get("content"))
            case _:
                block.faithful = False

    def _say(self, block: _Open, text: str) -> Iterator[ChatEvent]:
        if text := block.joiner.feed(text):
            block.text.append(text)
            if block.type == "text":
                yield TextDelta(text)
            elif block.type == "thinking":
                yield ReasoningDelta(text)

    def _flush(self, block: _Open) -> Iterator[ChatEvent]:
        if held := block.joiner.flush():
            yield from self._say(block, held)
        given: Any = block.raw.get("input")
        if block.call_key is not None and not block.json and isinstance(given, dict) and given:
            # Some servers do not stream the input: it stands in the start event.
            whole = json.dumps(given)
            block.json.append(whole)
            yield ToolCallDelta(block.call_key, whole)

    def _finished_blocks(self, stop: StopReason) -> Iterator[Block]:
        cut = stop in (StopReason.LENGTH, StopReason.INCOMPLETE, StopReason.ERROR, StopReason.CONTEXT_OVERFLOW)
        last = self._blocks[-1] if self._blocks else None
        for block in self._blocks:
            text = block.text.text
            if block.type == "text":
                if text:
                    cited = bool(block.raw.get("citations")) and block.faithful
                    whole = {**block.raw, "text": text}
                    yield TextBlock(text, self._opaque(whole) if cited else None)
            elif block.type == "thinking":
                whole = {**block.raw, "thinking": text}
                # Without its signature it would be refused.
                signed = bool(block.raw.get("signature")) and block.faithful
                if text or signed:
                    yield ReasoningBlock(text, self._opaque(whole) if signed else None)
            elif block.type == "tool_use":
                yield self._call(block, cut=cut and block is last)
            elif block.stopped and block.faithful:
                whole = dict(block.raw)
                if block.json:
                    whole["input"] = parse_arguments(block.json.text, cut=True) or {}
                yield OpaqueBlock(self._opaque(whole))

    def _call(self, block: _Open, *, cut: bool) -> ToolCallBlock:
        name = encodable(as_text(block.raw.get("name")))
        raw = encodable(block.json.text)
        return ToolCallBlock(block.call_id, name, parse_arguments(raw, cut=cut), raw)

    def _opaque(self, block: JsonObject) -> Opaque:
        return Opaque(
            FORMAT, {"provider": self._subject.provider, "model": self._requested, "block": encodable_json(block)}
        )

    def _stop(self, broken: ErrorInfo | None) -> tuple[StopReason, ErrorInfo | None]:
        said = _STOPS.get(self._stop_raw, StopReason.STOP) if self._stop_raw is not None else None
        if self._error is not None:
            return StopReason.ERROR, self._error
        if said is None and broken is not None:
            return broken_off(broken, began=bool(self._blocks or self._id))
        if said is None:
            return incomplete(self._subject)
        if said is StopReason.STOP and self._call_ids:
            return StopReason.TOOL_CALLS, None
        return said, None

    def _usage_so_far(self) -> Usage | None:
        """The input is the sum of three numbers here; the output is known once message_delta came."""
        usage = self._usage
        if not usage:
            return None
        read = count(usage.get("cache_read_input_tokens"))
        written = count(usage.get("cache_creation_input_tokens"))
        fresh = count(usage.get("input_tokens"))
        details = as_object(usage.get("output_tokens_details"))
        return Usage(
            input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
            output_tokens=count(usage.get("output_tokens")) if self._counted else None,
            cached_input_tokens=read,
            cache_write_tokens=written,
            reasoning_tokens=count(details.get("thinking_tokens")),
        )


def _index(data: JsonObject) -> int:
    index: Any = data.get("index")
    return index if isinstance(index, int) else 0
