"""sampling/createMessage as a request to a model, and a model's answer as its result. All of it comes from servers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mcp_tui.core.chat import (
    Block,
    ChatRequest,
    Finished,
    Message,
    ModelParams,
    StopReason,
    TextBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolSpec,
)
from mcp_tui.core.json_values import as_object, as_text, is_list, is_object, objects
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.registry import ModelRef
from mcp_tui.runs.binary import content_of
from mcp_tui.runs.naming import ToolNames, legalised
from mcp_tui.runs.results import encodable, result_for_model

_STOPS = {
    StopReason.STOP: "endTurn",
    StopReason.LENGTH: "maxTokens",
    StopReason.TOOL_CALLS: "toolUse",
}
_STOP_SEQUENCE = frozenset({"stop_sequence", "stopsequence"})
_MUST_CALL = "Answer by calling one of the tools."


@dataclass(frozen=True, slots=True)
class SamplingRequest:
    chat: ChatRequest
    names: dict[str, str]
    """Name as the model knows it -> name as the server offered it."""
    tool_choice: Literal["auto", "required", "none"]
    notes: tuple[str, ...] = ()
    """What the model gets that the server did not say, one sentence each."""


def chat_request(params: JsonObject, ref: ModelRef) -> SamplingRequest:
    """Everything of the request that a model can be told. `includeContext` is not: we advertise no context."""
    names = ToolNames()
    tools = [tool for tool in objects(params.get("tools")) if isinstance(tool.get("name"), str)]
    names.learn(("", tool["name"]) for tool in tools)
    reader = _Reader(names, {tool["name"] for tool in tools})
    messages = tuple(reader.message(raw) for raw in objects(params.get("messages")))
    called: set[str] = {block.name for message in messages for block in message.tool_calls}
    choice = _tool_choice(params)
    notes: list[str] = []
    system = as_text(params.get("systemPrompt"))
    if choice == "required" and tools:
        system = f"{system}\n\n{_MUST_CALL}".strip()
        notes.append(f'The server demands the use of a tool; the system prompt says so: "{_MUST_CALL}"')
    # A conversation with calls in it needs their tools, whatever may be used next.
    offered = tools if choice != "none" or called else []
    specs = tuple(
        ToolSpec(names.name("", tool["name"]), encodable(as_text(tool.get("description"))), _schema(tool))
        for tool in offered
    )
    return SamplingRequest(
        ChatRequest(ref.model, messages, encodable(system), specs, _params(params)),
        {names.name("", tool["name"]): tool["name"] for tool in tools},
        choice,
        tuple(notes),
    )


def result_of(finished: Finished, request: SamplingRequest, ref: ModelRef, *, tools: bool) -> JsonObject:
    """A CreateMessageResult (wire keys); content is a list where the server offered tools."""
    blocks: list[JsonObject] = []
    if finished.message.text or not finished.message.tool_calls:
        blocks.append({"type": "text", "text": finished.message.text})
    for call in finished.message.tool_calls:
        name = request.names.get(call.name, call.name)
        blocks.append({"type": "tool_use", "id": call.id, "name": name, "input": call.arguments or {}})
    result: JsonObject = {
        "role": "assistant",
        "content": blocks if tools and (len(blocks) > 1 or finished.message.tool_calls) else blocks[0],
        "model": finished.model or ref.model,
    }
    if stop := _stop(finished):
        result["stopReason"] = stop
    return result


def preferred(params: JsonObject, known: Sequence[ModelRef]) -> ModelRef | None:
    """The first known model that the first matching hint names: hints are parts of names, in order of preference."""
    preferences = params.get("modelPreferences")
    hints = objects(preferences.get("hints")) if is_object(preferences) else []
    for hint in hints:
        wanted = as_text(hint.get("name")).casefold().strip()
        if wanted:
            for ref in known:
                if wanted in str(ref).casefold():
                    return ref
    return None


def _stop(finished: Finished) -> str:
    if finished.message.tool_calls:
        return "toolUse"
    if (finished.stop_raw or "").replace("-", "_").casefold() in _STOP_SEQUENCE:
        return "stopSequence"
    return _STOPS.get(finished.stop, finished.stop_raw or "")


def _params(params: JsonObject) -> ModelParams:
    most: Any = params.get("maxTokens")
    temperature: Any = params.get("temperature")
    stops: Any = params.get("stopSequences")
    return ModelParams(
        max_tokens=most if isinstance(most, int) and most > 0 else None,
        temperature=float(temperature) if isinstance(temperature, int | float) else None,
        stop=tuple(stop for stop in stops if isinstance(stop, str) and stop) if is_list(stops) else (),
    )


def _tool_choice(params: JsonObject) -> Literal["auto", "required", "none"]:
    choice: Any = params.get("toolChoice")
    mode = choice.get("mode") if is_object(choice) else None
    return "required" if mode == "required" else "none" if mode == "none" else "auto"


def _schema(tool: JsonObject) -> JsonObject:
    found = as_object(tool.get("inputSchema"))
    return {"type": "object", "properties": {}, **found}


class _Reader:
    """Messages in order: a tool's result names its call only by id."""

    def __init__(self, names: ToolNames, offered: set[str]) -> None:
        self._names = names
        self._offered = offered
        self._called: dict[str, str] = {}

    def message(self, raw: JsonObject) -> Message:
        content = raw.get("content")
        blocks = tuple(self._block(item) for item in objects(content if is_list(content) else [content]))
        role: Literal["user", "assistant"] = "assistant" if raw.get("role") == "assistant" else "user"
        return Message(role, blocks or (TextBlock(""),))

    def _block(self, item: JsonObject) -> Block:
        match item.get("type"):
            case "text":
                return TextBlock(encodable(as_text(item.get("text"))))
            case "image" | "audio" as noun:
                return content_of(item.get("data"), as_text(item.get("mimeType")), noun=noun)
            case "tool_use":
                call_id, name, given = as_text(item.get("id")), as_text(item.get("name")), item.get("input")
                arguments = as_object(given)
                legal = self._names.name("", name) if name in self._offered else legalised(name)
                self._called[call_id] = legal
                return ToolCallBlock(call_id, legal, arguments, json.dumps(arguments))
            case "tool_result":
                call_id = as_text(item.get("toolUseId"))
                blocks = result_for_model(item).blocks
                return ToolResultBlock(call_id, self._called.get(call_id, ""), blocks, item.get("isError") is True)
            case _:
                return TextBlock(encodable(json.dumps(item, ensure_ascii=False)))
