"""Gemini streams: each event is a whole GenerateContentResponse with the next parts. There is no last event.

What must go back unchanged are the parts with a thought signature, empty ones included: of parallel calls only the
first has one, and a missing one is refused. Signed parts are therefore never merged with others.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
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
from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.core.json_values import as_object, as_text, count, is_object, objects
from mcp_tui.core.state import Usage
from mcp_tui.core.text_buffer import Pieces
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.endings import broken_off, incomplete
from mcp_tui.providers.gemini_calls import GeminiCall
from mcp_tui.providers.provider_error import ErrorBody, Subject, error_body, error_info
from mcp_tui.providers.request_stream import decode_event
from mcp_tui.providers.sse import SseEvent
from mcp_tui.providers.surrogates import SurrogateJoiner, encodable, encodable_json

FORMAT = "gemini"

_STOPS: Mapping[str, StopReason] = {
    "STOP": StopReason.STOP,  # also with calls
    "MAX_TOKENS": StopReason.LENGTH,
    "SAFETY": StopReason.CONTENT_FILTER,
    "RECITATION": StopReason.CONTENT_FILTER,
    "PROHIBITED_CONTENT": StopReason.CONTENT_FILTER,
    "BLOCKLIST": StopReason.CONTENT_FILTER,
    "SPII": StopReason.CONTENT_FILTER,
    "IMAGE_SAFETY": StopReason.CONTENT_FILTER,
    "IMAGE_PROHIBITED_CONTENT": StopReason.CONTENT_FILTER,
    "IMAGE_RECITATION": StopReason.CONTENT_FILTER,
}
_FAILURES: Mapping[str, tuple[str, str]] = {
    "MALFORMED_FUNCTION_CALL": ("the model wrote a tool call that is no valid JSON", "retry the column"),
    "UNEXPECTED_TOOL_CALL": ("the model called a tool though it was offered none", "retry the column"),
    "TOO_MANY_TOOL_CALLS": ("the model called too many tools one after the other", "retry the column"),
    "MISSING_THOUGHT_SIGNATURE": ("a thought signature is missing in the conversation", "start a new conversation"),
    "MALFORMED_RESPONSE": ("the model's answer was malformed", "retry the column"),
    "LANGUAGE": ("the model does not speak this language", "ask in another language, or another model"),
    "NO_IMAGE": ("the model was to make an image and made none", ""),
    "OTHER": ("the provider ended the answer and gave no reason", "retry the column"),
    "IMAGE_OTHER": ("the provider ended the answer and gave no reason", "retry the column"),
    "FINISH_REASON_UNSPECIFIED": ("the provider ended the answer and gave no reason", "retry the column"),
}


class _Run:
    """A signed part with text, or unsigned neighbours of one kind, put together."""

    def __init__(self, part: JsonObject, *, thought: bool) -> None:
        self.thought = thought
        self.signed = dict(part) if not _is_plain(part) else None
        self.pieces = Pieces()

    @property
    def text(self) -> str:
        return self.pieces.text

    def part(self) -> JsonObject:
        """What to send back."""
        if self.signed is not None:
            return self.signed
        return {"text": self.text, "thought": True} if self.thought else {"text": self.text}


class GeminiReply:
    def __init__(self, subject: Subject, model: str) -> None:
        self._subject = subject
        self._requested = model
        self._content: list[_Run | GeminiCall | JsonObject] = []
        self._calls: list[GeminiCall] = []
        self._call_ids: set[str] = set()
        self._joiners = {True: SurrogateJoiner(), False: SurrogateJoiner()}
        self._finish = ""
        self._finish_message = ""
        self._blocked = ""
        self._usage: JsonObject = {}
        self._error: ErrorInfo | None = None
        self._model = ""
        self._id = ""
        self._out: list[ChatEvent] = []
        self.done = False

    @property
    def settled(self) -> bool:
        return bool(self._finish or self._blocked)

    def feed(self, event: SseEvent) -> Iterable[ChatEvent]:
        self._out = []
        if event.data == "[DONE]":  # gateways that treat all streams alike
            return self._out
        decoded: object = decode_event(event)
        if is_object(decoded) and "error" not in decoded:
            self._response(decoded)
        elif (error := error_body(decoded)) is not None or event.name == "error":
            self._error = error_info(self._subject, error or ErrorBody(event.data), status=None)
            self.done = True
        return self._out

    def close(self) -> Iterable[ChatEvent]:
        self._out = []
        for thought, joiner in self._joiners.items():
            if held := joiner.flush():
                self._say(held, thought=thought)
        for call in self._calls:
            if call.open:
                self._out.append(ToolCallDelta(call.key, call.raw))
        return self._out

    def finished(self, attempts: int, broken: ErrorInfo | None) -> Finished:
        stop, error = self._stop(broken)
        refusal = ""
        if stop is StopReason.REFUSAL:
            refusal = f"the prompt was blocked: {self._blocked}"
        return Finished(
            message=Message("assistant", tuple(self._blocks())),
            stop=stop,
            stop_raw=self._finish or self._blocked or None,
            usage=usage_of(self._usage),
            error=error,
            refusal=refusal,
            model=self._model,
            response_id=self._id,
            attempts=attempts,
        )

    # --- events

    def _response(self, response: JsonObject) -> None:
        if not (self._model and self._id):
            self._model = self._model or encodable(as_text(response.get("modelVersion")))
            self._id = self._id or encodable(as_text(response.get("responseId")))
        usage: Any = response.get("usageMetadata")
        if is_object(usage):
            # Cumulative, and corrected on the way; a chunk may leave figures out.
            figures = usage
            if None in figures.values():
                figures = {key: value for key, value in figures.items() if value is not None}
            self._usage.update(figures)
        if "promptFeedback" in response:
            feedback = as_object(response["promptFeedback"])
            self._blocked = encodable(as_text(feedback.get("blockReason"))) or self._blocked
        for candidate in objects(response.get("candidates")):
            if candidate.get("index") not in (0, None):
                continue  # only one answer was asked for
            content: Any = candidate.get("content")
            if is_object(content):
                for part in objects(content.get("parts")):
                    self._part(part)
            if "finishReason" in candidate:
                self._finish = encodable(as_text(candidate["finishReason"])) or self._finish
                self._finish_message = encodable(as_text(candidate.get("finishMessage"))) or self._finish_message

    def _part(self, part: JsonObject) -> None:
        said: Any = part.get("text")
        if isinstance(part.get("functionCall"), dict):
            self._call(part)
        elif isinstance(said, str):
            thought = part.get("thought") is True
            last = self._content[-1] if self._content else None
            plain = len(part) == 1 or _is_plain(part)
            if not (plain and isinstance(last, _Run) and last.thought is thought and last.signed is None):
                last = _Run(part, thought=thought)
                self._content.append(last)
            if text := self._joiners[thought].feed(said):
                last.pieces.append(text)
                self._out.append(ReasoningDelta(text) if thought else TextDelta(text))
        elif part:
            self._content.append(part)

    def _say(self, text: str, *, thought: bool) -> None:
        run = next(entry for entry in reversed(self._content) if isinstance(entry, _Run) and entry.thought is thought)
        run.pieces.append(text)
        self._out.append(ReasoningDelta(text) if thought else TextDelta(text))

    def _call(self, part: JsonObject) -> None:
        name = as_text(part["functionCall"].get("name"))
        call = self._calls[-1] if self._calls and self._calls[-1].open and not name else None
        if call is not None:
            call.take(part)
        elif name:
            call = GeminiCall(len(self._calls), self._new_id(part), part)
            self._calls.append(call)
            self._content.append(call)
            self._out.append(ToolCallStarted(call.key, call.id, call.name))
        if call is not None and not call.open:
            self._out.append(ToolCallDelta(call.key, call.raw))

    def _new_id(self, part: JsonObject) -> str:
        """The id given, or one of our own: most answers have none."""
        call_id = encodable(as_text(part["functionCall"].get("id")))
        if not call_id or call_id in self._call_ids:
            call_id = f"call_{uuid.uuid4().hex[:24]}"
        self._call_ids.add(call_id)
        return call_id

    # --- the end

    def _blocks(self) -> Iterator[Block]:
        for entry in self._content:
            if isinstance(entry, GeminiCall):
                part = entry.replay()
                opaque = self._opaque([part]) if part is not None else None
                yield ToolCallBlock(entry.id, entry.name, entry.arguments, entry.raw, opaque)
            elif isinstance(entry, _Run):
                text = entry.text
                if entry.thought and (text or entry.signed):
                    yield ReasoningBlock(text, self._opaque([entry.part()]))
                elif text:
                    yield TextBlock(text, self._opaque([entry.signed]) if entry.signed else None)
                elif entry.signed:
                    yield OpaqueBlock(self._opaque([entry.signed]))
            else:
                yield OpaqueBlock(self._opaque([entry]))

    def _opaque(self, parts: list[JsonObject]) -> Opaque:
        value = {"provider": self._subject.provider, "model": self._requested, "parts": encodable_json(parts)}
        return Opaque(FORMAT, value)

    def _stop(self, broken: ErrorInfo | None) -> tuple[StopReason, ErrorInfo | None]:
        name = self._subject.provider
        if self._error is not None:
            return StopReason.ERROR, self._error
        if self._finish:
            said = _STOPS.get(self._finish)
            if said is StopReason.STOP or (said is None and self._finish not in _FAILURES):
                return (StopReason.TOOL_CALLS if self._calls else StopReason.STOP), None
            if said is not None:
                return said, None
            detail, hint = _FAILURES[self._finish]
            if self._finish_message:
                detail = f"{detail}: {self._subject.masked(self._finish_message)}"
            code = self._finish.lower()
            return StopReason.ERROR, ErrorInfo(f"{name} ended the answer", detail, hint, ErrorKind.PROVIDER, code)
        if self._blocked:
            return StopReason.REFUSAL, None
        if broken is not None:
            return broken_off(broken, began=bool(self._content or self._id))
        return incomplete(self._subject)


def usage_of(usage: JsonObject) -> Usage | None:
    """Thoughts are counted beside the candidates here, tool prompts beside the prompt; cached is in the prompt.

    None when there is no figure at all.
    """
    counted = Usage(
        _sum(usage.get("promptTokenCount"), usage.get("toolUsePromptTokenCount")),
        _sum(usage.get("candidatesTokenCount"), usage.get("thoughtsTokenCount")),
        count(usage.get("cachedContentTokenCount")),
        None,
        count(usage.get("thoughtsTokenCount")),
    )
    return counted if counted != Usage() else None


def _sum(one: object, other: object) -> int | None:
    counts = [number for value in (one, other) if (number := count(value)) is not None]
    return sum(counts) if counts else None


def _is_plain(part: JsonObject) -> bool:
    """Whether the part is text alone, which may be put together with its neighbour."""
    return part.keys() <= {"text", "thought"}
