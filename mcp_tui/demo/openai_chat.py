"""The openai-chat format, server side: requests in, `chat.completion` objects and chunks out."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator
from typing import Any

from mcp_tui.core.json_values import as_object, as_text, is_object
from mcp_tui.core.types import JsonObject
from mcp_tui.demo import OPENAI_CHAT_MODELS
from mcp_tui.demo.dialog import (
    Dialog,
    OfferedTool,
    RefusedError,
    ToolOutcome,
    estimate_tokens,
    expect_count,
    expect_list,
    expect_object,
    expect_text,
    split_attachments,
)
from mcp_tui.demo.pace import End, Speech, Token, seed_of
from mcp_tui.demo.personas import PERSONAS

_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_MAX_TOOLS = 128
_POINTER = re.compile(r"\n?\(\d+ images?: see the next message\)\Z")
"""What mcp-tui writes where the images of a result would stand."""
_FINISH: dict[End, str] = {"stop": "stop", "calls": "tool_calls", "length": "length"}


def models() -> JsonObject:
    return {
        "object": "list",
        "data": [
            {
                "id": name,
                "object": "model",
                "created": 1767225600,
                "owned_by": "mcp-tui-demo",
                "description": f"Demo model, scripted: {PERSONAS[name].blurb}.",
                "context_length": PERSONAS[name].context_tokens,
            }
            for name in OPENAI_CHAT_MODELS
        ],
    }


def error_body(error: RefusedError) -> tuple[int, JsonObject]:
    status = 404 if error.kind == "not_found" else 400
    body = {"message": error.message, "type": "invalid_request_error", "param": error.param, "code": error.code}
    return status, {"error": body}


def read(raw: bytes) -> Dialog:
    """RefusedError for whatever a strict server of this format refuses, a missing tool result included."""
    try:
        body = expect_object(json.loads(raw), "body")
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"We could not parse the JSON body of your request: {error}") from error
    model = expect_text(body.get("model"), "model")
    if model not in OPENAI_CHAT_MODELS:
        raise RefusedError(
            f"The model `{model}` does not exist or you do not have access to it.",
            kind="not_found",
            code="model_not_found",
        )
    messages = [expect_object(m, f"messages[{n}]") for n, m in enumerate(expect_list(body.get("messages"), "messages"))]
    if not messages:
        raise RefusedError("Invalid 'messages': empty array.", param="messages", code="empty_array")
    turn = _Turn()
    for number, message in enumerate(messages):
        turn.take(message, f"messages[{number}]")
    turn.check_answered()
    options = body.get("stream_options")
    limit = next((body[key] for key in ("max_completion_tokens", "max_tokens") if body.get(key) is not None), None)
    return Dialog(
        model=model,
        prompt=turn.prompt,
        attached=turn.attached,
        steps=tuple(tuple(step) for step in turn.steps),
        tools=() if body.get("tool_choice") == "none" else _tools(body.get("tools")),
        messages=len(messages),
        input_tokens=estimate_tokens(len(raw)),
        max_tokens=None if limit is None else expect_count(limit, "max_completion_tokens"),
        stream=body.get("stream") is True,
        include_usage=is_object(options) and options.get("include_usage") is True,
        reasoning=body.get("reasoning_effort") != "none",
    )


def _tools(value: Any) -> tuple[OfferedTool, ...]:
    if value is None:
        return ()
    items = expect_list(value, "tools")
    if len(items) > _MAX_TOOLS:
        raise RefusedError(
            f"Invalid 'tools': array too long. Expected an array with maximum length {_MAX_TOOLS}, "
            f"but got an array with length {len(items)} instead.",
            param="tools",
            code="array_above_max_length",
        )
    found: list[OfferedTool] = []
    for number, item in enumerate(items):
        where = f"tools[{number}].function"
        function = expect_object(expect_object(item, f"tools[{number}]").get("function"), where)
        name = expect_text(function.get("name"), f"{where}.name")
        if len(name) > 64 or _TOOL_NAME.fullmatch(name) is None:
            raise RefusedError(
                f"Invalid '{where}.name': string does not match pattern. Expected a string of at most 64 "
                "characters that matches the pattern '^[a-zA-Z0-9_-]+$'.",
                param=f"{where}.name",
                code="invalid_value",
            )
        schema = function.get("parameters")
        description = function.get("description")
        found.append(
            OfferedTool(
                name,
                as_text(description),
                expect_object(schema, f"{where}.parameters") if schema is not None else {},
            )
        )
    return tuple(found)


class _Turn:
    """Follows the messages; what it holds at the end is the newest turn."""

    def __init__(self) -> None:
        self.prompt = ""
        self.attached = 0
        self.steps: list[list[ToolOutcome]] = []
        self._open: dict[str, tuple[str, JsonObject]] = {}
        self._before = ""

    def take(self, message: JsonObject, where: str) -> None:
        role = expect_text(message.get("role"), f"{where}.role")
        if role != "tool":
            self.check_answered()
        match role:
            case "system" | "developer":
                _parts(message.get("content"), f"{where}.content")
            case "user":
                self._user(message, where)
            case "assistant":
                self._assistant(message, where)
            case "tool":
                self._result(message, where)
            case _:
                raise RefusedError(f"Invalid value: '{role}'.", param=f"{where}.role", code="invalid_value")
        self._before = role

    def check_answered(self) -> None:
        if self._open:
            raise RefusedError(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
                f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(self._open)}",
                param="messages",
            )

    def _user(self, message: JsonObject, where: str) -> None:
        text, images = _parts(message.get("content"), f"{where}.content")
        returned = not text.strip() or text.startswith("Returned by ")
        if images and returned and self._before == "tool":
            # Tool messages hold no images here: they follow in a user message that is no prompt.
            last = self.steps[-1][-1]
            told = _POINTER.sub("", last.text)
            self.steps[-1][-1] = ToolOutcome(last.name, last.arguments, told, last.is_error, last.images + images)
            return
        self.prompt, self.attached = split_attachments(text)
        self.steps = []

    def _assistant(self, message: JsonObject, where: str) -> None:
        calls = message.get("tool_calls")
        if message.get("content") is None and calls is None:
            raise RefusedError(
                f"Invalid value for 'content': expected a string, got null ({where}).", param=f"{where}.content"
            )
        if message.get("content") is not None:
            _parts(message["content"], f"{where}.content")
        if calls is None:
            return
        self.steps.append([])
        for number, item in enumerate(expect_list(calls, f"{where}.tool_calls")):
            place = f"{where}.tool_calls[{number}]"
            call = expect_object(item, place)
            function = expect_object(call.get("function"), f"{place}.function")
            arguments = expect_text(function.get("arguments"), f"{place}.function.arguments")
            self._open[expect_text(call.get("id"), f"{place}.id")] = (
                expect_text(function.get("name"), f"{place}.function.name"),
                _arguments(arguments),
            )
        if not self._open:
            raise RefusedError(f"Invalid '{where}.tool_calls': empty array.", param=where, code="empty_array")

    def _result(self, message: JsonObject, where: str) -> None:
        call_id = expect_text(message.get("tool_call_id"), f"{where}.tool_call_id")
        call = self._open.pop(call_id, None)
        if call is None:
            raise RefusedError(
                "Invalid parameter: messages with role 'tool' must be a response to a preceding message with "
                f"'tool_calls' ('{call_id}' is not).",
                param=f"{where}.role",
            )
        text, images = _parts(message.get("content"), f"{where}.content")
        # The format has no field for errors: clients write it into the text.
        failed = re.match(r"\s*error\b", text, re.IGNORECASE) is not None
        self.steps[-1].append(ToolOutcome(call[0], call[1], text.removeprefix("Error: "), failed, images))


def _arguments(text: str) -> JsonObject:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return as_object(value)


def _parts(content: Any, where: str) -> tuple[str, int]:
    """Text of a message's content and how many images stand in it."""
    if isinstance(content, str):
        return content, 0
    texts: list[str] = []
    images = 0
    for number, item in enumerate(expect_list(content, where)):
        part = expect_object(item, f"{where}[{number}]")
        match part.get("type"):
            case "text":
                texts.append(expect_text(part.get("text"), f"{where}[{number}].text"))
            case "image_url":
                expect_text(expect_object(part.get("image_url"), f"{where}[{number}].image_url").get("url"), where)
                images += 1
            case kind:
                raise RefusedError(
                    f"Invalid value: '{kind}'. Supported values are: 'text' and 'image_url'.",
                    param=f"{where}[{number}].type",
                    code="invalid_value",
                )
    return "\n".join(texts), images


def _usage(dialog: Dialog, speech: Speech) -> JsonObject:
    return {
        "prompt_tokens": dialog.input_tokens,
        "completion_tokens": speech.count,
        "total_tokens": dialog.input_tokens + speech.count,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": speech.reasoning_count},
    }


def _head(dialog: Dialog, kind: str) -> JsonObject:
    return {
        "id": f"chatcmpl-{seed_of(dialog)[:24]}",
        "object": kind,
        "created": int(time.time()),
        "model": dialog.model,
        "system_fingerprint": "fp_demo",
    }


def whole(dialog: Dialog, speech: Speech) -> JsonObject:
    """The answer of a request that is not streamed."""
    message: JsonObject = {"role": "assistant", "content": speech.joined("text") or None, "refusal": None}
    if speech.reasoning_count:
        message["reasoning_content"] = speech.joined("reasoning")
    if speech.calls:
        message["tool_calls"] = [
            {"id": f"call_{call.id}", "type": "function", "function": {"name": call.name, "arguments": arguments}}
            for call, arguments in speech.calls
        ]
    return {
        **_head(dialog, "chat.completion"),
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": _FINISH[speech.end]}],
        "usage": _usage(dialog, speech),
    }


async def stream(dialog: Dialog, speech: Speech, tokens: AsyncIterator[Token]) -> AsyncIterator[bytes]:
    """Server-sent events; without a finish reason or [DONE] when `tokens` ends early."""
    head = _head(dialog, "chat.completion.chunk")
    no_usage: JsonObject = {"usage": None} if dialog.include_usage else {}

    def chunk(delta: JsonObject, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _event({**head, "choices": [choice], **no_usage})

    left = len(speech.tokens)
    yield chunk({"role": "assistant", "content": None if speech.calls else "", "refusal": None})
    async for token in tokens:
        left -= 1
        match token.kind:
            case "reasoning":
                yield chunk({"reasoning_content": token.text})
            case "text":
                yield chunk({"content": token.text})
            case "arguments":
                yield chunk({"tool_calls": [{"index": token.index, "function": {"arguments": token.text}}]})
            case "call":
                assert token.call is not None
                function = {"name": token.call.name, "arguments": ""}
                call = {"index": token.index, "id": f"call_{token.call.id}", "type": "function", "function": function}
                yield chunk({"tool_calls": [call]})
    if left:
        return
    yield chunk({}, _FINISH[speech.end])
    if dialog.include_usage:
        yield _event({**head, "choices": [], "usage": _usage(dialog, speech)})
    yield b"data: [DONE]\n\n"


def _event(data: JsonObject) -> bytes:
    return b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n"
