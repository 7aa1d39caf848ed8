"""Chat Completions streams (`chat.completion.chunk`), as OpenAI and the many compatible servers send them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mcp_tui.core.chat import (
    Block,
    ChatEvent,
    Finished,
    Message,
    Opaque,
    ReasoningBlock,
    ReasoningDelta,
    RefusalDelta,
    StopReason,
    TextBlock,
    TextDelta,
)
from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.core.json_values import as_list, as_object, as_text, count, is_list, is_object, objects
from mcp_tui.core.state import Usage
from mcp_tui.core.text_buffer import Pieces
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.endings import broken_off, incomplete
from mcp_tui.providers.openai_calls import CallAssembler
from mcp_tui.providers.provider_error import ErrorBody, Subject, error_body, error_info
from mcp_tui.providers.quirks import Quirks
from mcp_tui.providers.reported_cost import reported_cost_usd
from mcp_tui.providers.request_stream import decode_event
from mcp_tui.providers.sse import SseEvent
from mcp_tui.providers.surrogates import SurrogateJoiner, encodable, encodable_json
from mcp_tui.providers.think_tags import ThinkSplitter

FORMAT = "openai-chat"

_STOPS: Mapping[str, StopReason] = {
    "stop": StopReason.STOP,
    "tool_calls": StopReason.STOP,  # decided by the presence of calls
    "function_call": StopReason.STOP,
    "length": StopReason.LENGTH,
    "max_tokens": StopReason.LENGTH,
    "model_length": StopReason.LENGTH,  # Mistral
    "content_filter": StopReason.CONTENT_FILTER,
    "safety": StopReason.CONTENT_FILTER,  # Gemini's own words reach its compatible endpoint
    "recitation": StopReason.CONTENT_FILTER,
    "prohibited_content": StopReason.CONTENT_FILTER,
    "blocklist": StopReason.CONTENT_FILTER,
    "insufficient_system_resource": StopReason.INCOMPLETE,  # DeepSeek
    "abort": StopReason.INCOMPLETE,  # vLLM
    "error": StopReason.ERROR,  # Mistral, OpenRouter
}


class OpenAiChatReply:
    def __init__(self, subject: Subject, model: str, quirks: Quirks) -> None:
        self._subject = subject
        self._requested = model
        self._text_joiner = SurrogateJoiner()
        self._reasoning_joiner = SurrogateJoiner()
        self._splitter = ThinkSplitter() if quirks.think_tags else None
        self._text = Pieces()
        self._reasoning = Pieces()
        self._refusal: list[str] = []
        self._reasoning_content = Pieces()
        self._details: list[JsonObject] = []
        self._calls = CallAssembler()
        self._finish: str | None = None
        self._usage: JsonObject | None = None
        self._error: ErrorInfo | None = None
        self._model = ""
        self._id = ""
        self._terminal = False
        self._out: list[ChatEvent] = []
        self.done = False

    @property
    def settled(self) -> bool:
        return self._finish is not None

    def feed(self, event: SseEvent) -> Iterable[ChatEvent]:
        self._out = []
        if event.data == "[DONE]":
            self.done = self._terminal = True
            return self._out
        decoded: object = decode_event(event)
        if decoded is None and event.name != "error":
            return self._out
        chunk = decoded if is_object(decoded) else None
        if chunk is not None:
            self._chunk(chunk)
            if chunk.get("error") is None and chunk.get("object") == "chat.completion.chunk":
                return self._out
        error = error_body(decoded)
        if error is None and event.name == "error":
            error = ErrorBody(event.data)
        if error is not None:
            self._error = error_info(self._subject, error, status=None)
            self.done = True
        return self._out

    def close(self) -> Iterable[ChatEvent]:
        self._out = []
        if held := self._reasoning_joiner.flush():
            self._say_reasoning(held)
        if held := self._text_joiner.flush():
            self._say_text(held)
        if self._splitter is not None:
            self._split(self._splitter.flush())
        self._out += self._calls.close()
        return self._out

    def finished(self, attempts: int, broken: ErrorInfo | None) -> Finished:
        stop, error = self._stop(broken)
        cut = stop not in (StopReason.STOP, StopReason.TOOL_CALLS)
        blocks: list[Block] = []
        origin: JsonObject = {"provider": self._subject.provider, "model": self._requested}
        if reasoning := self._reasoning_block(origin):
            blocks.append(reasoning)
        if text := self._text.text:
            blocks.append(TextBlock(text))
        blocks += self._calls.blocks(cut=cut, origin=origin, format_name=FORMAT)
        return Finished(
            message=Message("assistant", tuple(blocks)),
            stop=stop,
            stop_raw=self._finish,
            usage=usage_of(self._usage) if self._usage is not None else None,
            error=error,
            refusal="".join(self._refusal),
            cost_usd=reported_cost_usd(self._usage or {}),
            model=self._model,
            response_id=self._id,
            attempts=attempts,
        )

    def _chunk(self, chunk: JsonObject) -> None:
        if not (self._model and self._id):
            self._model = self._model or encodable(as_text(chunk.get("model")))
            self._id = self._id or encodable(as_text(chunk.get("id")))
        if chunk.get("usage") or "x_groq" in chunk:
            self._note_usage(chunk)
        for item in as_list(chunk.get("choices")):
            if not is_object(item):
                continue
            if item.get("index") not in (0, None):
                continue  # only one answer was asked for
            delta: Any = item.get("delta")
            if is_object(delta):
                self._delta(delta)
            if item.get("usage"):
                self._note_usage(chunk)
            # Repeated in two or three chunks by OpenRouter.
            finish: Any = item.get("finish_reason")
            if finish:
                self._finish = encodable(as_text(finish)) or self._finish

    def _note_usage(self, chunk: JsonObject) -> None:
        """The last usage that is not null counts; it may stand in every chunk, and in other places."""
        candidates: list[Any] = [chunk.get("usage")]
        groq: Any = chunk.get("x_groq")
        if is_object(groq):
            candidates.append(groq.get("usage"))
        choices = chunk.get("choices")
        if is_list(choices) and choices and is_object(choices[0]):
            candidates.append(choices[0].get("usage"))  # Moonshot
        for usage in candidates:
            if is_object(usage) and usage:
                self._usage = usage
                return

    def _delta(self, delta: JsonObject) -> None:
        content: Any = delta.get("content")
        if len(delta) == 1 and isinstance(content, str):  # nearly every chunk
            if text := self._text_joiner.feed(content):
                self._say_text(text)
            return
        thought = self._reasoning_in(delta)
        text = as_text(content)
        if is_list(content):  # Mistral: parts, thinking and text mixed in one delta
            thinking, text = _parts(content)
            thought += thinking
        if thought and (thought := self._reasoning_joiner.feed(thought)):
            self._say_reasoning(thought)
        if text and (text := self._text_joiner.feed(text)):
            self._say_text(text)
        if refusal := encodable(as_text(delta.get("refusal"))):
            self._refusal.append(refusal)
            self._out.append(RefusalDelta(refusal))
        if "tool_calls" in delta or "function_call" in delta:
            self._out += self._calls.feed(delta)

    def _reasoning_in(self, delta: JsonObject) -> str:
        """The new reasoning; servers that send it under two names are counted once."""
        entries = objects(delta.get("reasoning_details"))
        for entry in entries:
            self._add_detail(entry)
        if content := as_text(delta.get("reasoning_content")):
            self._reasoning_content.append(content)
            return content
        if plain := as_text(delta.get("reasoning")):
            return plain
        return "".join(as_text(entry.get("text")) or as_text(entry.get("summary")) for entry in entries)

    def _add_detail(self, entry: JsonObject) -> None:
        """OpenRouter's reasoning_details: pieces with the same index and type are one entry."""
        last = self._details[-1] if self._details else None
        place = (entry.get("index"), entry.get("type"))
        if last is None or (last.get("index"), last.get("type")) != place or "encrypted" in str(entry.get("type")):
            self._details.append(dict(entry))
            return
        for key, value in entry.items():
            if key in ("text", "summary") and isinstance(value, str):
                last[key] = as_text(last.get(key)) + value
            elif value is not None:
                last[key] = value

    def _say_reasoning(self, text: str) -> None:
        self._reasoning.append(text)
        self._out.append(ReasoningDelta(text))

    def _say_text(self, text: str) -> None:
        if self._splitter is not None and not self._splitter.passes:
            self._split(self._splitter.feed(text))
        else:
            self._text.append(text)
            self._out.append(TextDelta(text))

    def _split(self, pieces: tuple[str, str]) -> None:
        thought, text = pieces
        if thought:
            self._say_reasoning(thought)
        if text:
            self._text.append(text)
            self._out.append(TextDelta(text))

    def _reasoning_block(self, origin: JsonObject) -> ReasoningBlock | None:
        text = self._reasoning.text
        replay: JsonObject = {}
        if self._details:
            replay["reasoning_details"] = self._details
        elif self._reasoning_content:
            replay["reasoning_content"] = self._reasoning_content.text
        if not text and not replay:
            return None
        return ReasoningBlock(text, Opaque(FORMAT, encodable_json({**origin, **replay})) if replay else None)

    def _stop(self, broken: ErrorInfo | None) -> tuple[StopReason, ErrorInfo | None]:
        said = _STOPS.get(self._finish.lower(), StopReason.STOP) if self._finish is not None else None
        if self._error is not None:
            # OpenRouter reports a reached limit as an error after the reason itself.
            return (said if said is StopReason.LENGTH else StopReason.ERROR), self._error
        if broken is not None and said is None:
            return broken_off(broken, began=bool(self._text or self._reasoning or len(self._calls) or self._id))
        if said is None and not (self._terminal and (self._text or self._refusal or len(self._calls))):
            return incomplete(self._subject)
        if said is StopReason.ERROR:
            title = f"{self._subject.provider} reported an error"
            detail = "it ended the answer with the reason `error`"
            return said, ErrorInfo(title, detail, "", ErrorKind.PROVIDER, "provider_error")
        if said in (None, StopReason.STOP):
            if len(self._calls):
                return StopReason.TOOL_CALLS, None
            return (StopReason.REFUSAL if self._refusal else StopReason.STOP), None
        return said, None


def usage_of(usage: JsonObject) -> Usage:
    """Cached tokens are part of the input here, and reasoning part of the output."""
    prompt = as_object(usage.get("prompt_tokens_details"))
    completion = as_object(usage.get("completion_tokens_details"))
    tokens_in = count(usage.get("prompt_tokens"))
    tokens_out = count(usage.get("completion_tokens"))
    reasoning = count(completion.get("reasoning_tokens"))
    total = count(usage.get("total_tokens"))
    if tokens_in is not None and tokens_out is not None and reasoning and total == tokens_in + tokens_out + reasoning:
        tokens_out += reasoning  # xAI counts reasoning beside the completion
    cached = count(prompt.get("cached_tokens"))
    if cached is None:
        cached = count(usage.get("prompt_cache_hit_tokens"))  # DeepSeek
    return Usage(tokens_in, tokens_out, cached, count(prompt.get("cache_write_tokens")), reasoning)


def _parts(content: list[object]) -> tuple[str, str]:
    """(thinking, text) of a list of content parts."""
    thinking, text = "", ""
    for item in content:
        part = as_object(item)
        if part.get("type") == "thinking":
            pieces = as_list(part.get("thinking"))
            thinking += as_text(part.get("thinking")) or "".join(
                as_text(as_object(piece).get("text")) for piece in pieces
            )
        elif part.get("type") == "text":
            text += as_text(part.get("text"))
    return thinking, text
