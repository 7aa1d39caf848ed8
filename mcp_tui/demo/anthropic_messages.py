"""The anthropic-messages format, server side."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator
from typing import Any

from mcp_tui.core.json_values import as_text, is_object
from mcp_tui.core.types import JsonObject
from mcp_tui.demo import ANTHROPIC_MODELS
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

_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_STOP: dict[End, str] = {"stop": "end_turn", "calls": "tool_use", "length": "max_tokens"}
_CALL_PREFIX = "toolu_demo"
REQUEST_ID = "req_demo"


def models() -> JsonObject:
    data = [
        {
            "type": "model",
            "id": name,
            "display_name": f"{name.title()} (demo model, scripted)",
            "created_at": "2026-01-01T00:00:00Z",
            "max_input_tokens": PERSONAS[name].context_tokens,
        }
        for name in ANTHROPIC_MODELS
    ]
    return {"data": data, "has_more": False, "first_id": data[0]["id"], "last_id": data[-1]["id"]}


def error_body(error: RefusedError) -> tuple[int, JsonObject]:
    missing = error.kind == "not_found"
    kind = "not_found_error" if missing else "invalid_request_error"
    body = {"type": "error", "error": {"type": kind, "message": error.message}, "request_id": REQUEST_ID}
    return 404 if missing else 400, body


def signature_of(thinking: str) -> str:
    """What proves that a thinking block comes back as it was sent."""
    return base64.b64encode(hashlib.sha256(b"scholar\0" + thinking.encode("utf-8", "replace")).digest()).decode()


def read(raw: bytes, version: str | None) -> Dialog:
    """RefusedError for whatever a strict server refuses: missing results, lost or changed thinking included."""
    if not version:
        raise RefusedError("anthropic-version: header is required")
    try:
        body = expect_object(json.loads(raw), "body")
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"The request body is not valid JSON: {error}") from error
    model = expect_text(body.get("model"), "model")
    if model not in ANTHROPIC_MODELS:
        raise RefusedError(f"model: {model}", kind="not_found")
    limit = expect_count(body.get("max_tokens"), "max_tokens")
    if body.get("system") is not None:
        _text(body["system"], "system")
    messages = [expect_object(m, f"messages.{n}") for n, m in enumerate(expect_list(body.get("messages"), "messages"))]
    if not messages:
        raise RefusedError("messages: at least one message is required")
    if messages[0].get("role") != "user":
        raise RefusedError('messages: first message must use the "user" role')
    thinking = body.get("thinking")
    thinks = not is_object(thinking) or thinking.get("type") != "disabled"
    turn = _Turn()
    for number, message in enumerate(messages):
        turn.take(message, f"messages.{number}")
    turn.check_answered()
    if thinks:
        turn.check_thinking()
    choice = body.get("tool_choice")
    no_tools = is_object(choice) and choice.get("type") == "none"
    tools = _tools(body.get("tools"))
    return Dialog(
        model=model,
        prompt=turn.prompt,
        attached=turn.attached,
        steps=tuple(tuple(step) for step in turn.steps),
        tools=() if no_tools else tools,
        messages=len(messages),
        input_tokens=estimate_tokens(len(raw)),
        max_tokens=limit,
        stream=body.get("stream") is True,
        reasoning=thinks,
    )


def _tools(value: Any) -> tuple[OfferedTool, ...]:
    if value is None:
        return ()
    found: list[OfferedTool] = []
    for number, item in enumerate(expect_list(value, "tools")):
        where = f"tools.{number}"
        tool = expect_object(item, where)
        name = expect_text(tool.get("name"), f"{where}.name")
        if _TOOL_NAME.fullmatch(name) is None:
            raise RefusedError(f"{where}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        if any(known.name == name for known in found):
            raise RefusedError("tools: Tool names must be unique.")
        schema = expect_object(tool.get("input_schema"), f"{where}.custom.input_schema")
        if schema.get("type") != "object":
            raise RefusedError(f"{where}.custom.input_schema.type: Input should be 'object'")
        found.append(OfferedTool(name, as_text(tool.get("description")), schema))
    return tuple(found)


def _text(content: Any, where: str) -> str:
    if isinstance(content, str):
        return content
    parts = [expect_object(item, f"{where}.{n}") for n, item in enumerate(expect_list(content, where))]
    return "\n".join(expect_text(part.get("text"), f"{where}.{n}.text") for n, part in enumerate(parts))


class _Turn:
    """Follows the messages; what it holds at the end is the newest turn."""

    def __init__(self) -> None:
        self.prompt = ""
        self.attached = 0
        self.steps: list[list[ToolOutcome]] = []
        self._open: dict[str, tuple[str, JsonObject]] = {}
        self._opened_at = ""
        self._unthought: str | None = None

    def take(self, message: JsonObject, where: str) -> None:
        role = message.get("role")
        if role not in ("user", "assistant"):
            raise RefusedError(f"{where}.role: Input should be 'user' or 'assistant'")
        content = message.get("content")
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        blocks = [
            expect_object(b, f"{where}.content.{n}") for n, b in enumerate(expect_list(content, f"{where}.content"))
        ]
        if not blocks:
            raise RefusedError(f"{where}: content must not be empty")
        if role == "user":
            self._user(blocks, f"{where}.content")
        else:
            self._assistant(blocks, f"{where}.content")

    def check_answered(self) -> None:
        if self._open:
            raise RefusedError(
                f"{self._opened_at}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(self._open)}. Each `tool_use` block must have a corresponding `tool_result` block in "
                "the next message."
            )

    def check_thinking(self) -> None:
        """Only the newest turn counts: thinking of earlier turns may be left out."""
        if self._unthought is not None:
            raise RefusedError(
                f"{self._unthought}: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` "
                "is enabled, an assistant message with tool use must start with its thinking block."
            )

    def _user(self, blocks: list[JsonObject], where: str) -> None:
        texts: list[str] = []
        for number, block in enumerate(blocks):
            match block.get("type"):
                case "text":
                    texts.append(expect_text(block.get("text"), f"{where}.{number}.text"))
                case "tool_result":
                    if texts:
                        raise RefusedError(f"{where}.{number}: `tool_result` blocks must come before other content")
                    self._result(block, f"{where}.{number}")
                case "image" | "document":
                    expect_object(block.get("source"), f"{where}.{number}.source")
                case kind:
                    raise RefusedError(f"{where}.{number}: Input tag '{kind}' is not expected here")
        self.check_answered()
        if any(text.strip() for text in texts):
            self.prompt, self.attached = split_attachments("\n".join(texts))
            self.steps = []
            self._unthought = None

    def _result(self, block: JsonObject, where: str) -> None:
        call_id = expect_text(block.get("tool_use_id"), f"{where}.tool_use_id")
        call = self._open.pop(call_id, None)
        if call is None:
            raise RefusedError(
                f"{where}: unexpected `tool_use_id` found in `tool_result` blocks: {call_id}. Each `tool_result` block "
                "must have a corresponding `tool_use` block in the previous message."
            )
        content = block.get("content")
        texts: list[str] = [content] if isinstance(content, str) else []
        images = 0
        for number, item in enumerate([] if content is None or texts else expect_list(content, f"{where}.content")):
            part = expect_object(item, f"{where}.content.{number}")
            if part.get("type") == "text":
                texts.append(expect_text(part.get("text"), f"{where}.content.{number}.text"))
            elif part.get("type") == "image":
                images += 1
        self.steps[-1].append(ToolOutcome(call[0], call[1], "\n".join(texts), block.get("is_error") is True, images))

    def _assistant(self, blocks: list[JsonObject], where: str) -> None:
        self.check_answered()
        thought = blocks[0].get("type") in ("thinking", "redacted_thinking")
        step: list[ToolOutcome] = []
        for number, block in enumerate(blocks):
            match block.get("type"):
                case "text":
                    if not expect_text(block.get("text"), f"{where}.{number}.text").strip():
                        raise RefusedError(f"{where}.{number}: text content blocks must contain non-whitespace text")
                case "thinking":
                    said = expect_text(block.get("thinking"), f"{where}.{number}.thinking")
                    if block.get("signature") != signature_of(said):
                        raise RefusedError(f"{where}.{number}: Invalid `signature` in `thinking` block")
                case "tool_use":
                    call_id = expect_text(block.get("id"), f"{where}.{number}.id")
                    name = expect_text(block.get("name"), f"{where}.{number}.name")
                    self._open[call_id] = (name, expect_object(block.get("input"), f"{where}.{number}.input"))
                    self._opened_at = where.removesuffix(".content")
                    # Calls of another model, from before the column changed its model, never had thinking.
                    if call_id.startswith(_CALL_PREFIX) and not thought:
                        self._unthought = f"{where}.0"
                case "redacted_thinking":
                    expect_text(block.get("data"), f"{where}.{number}.data")
                case kind:
                    raise RefusedError(f"{where}.{number}: Input tag '{kind}' is not expected here")
        if self._open:
            self.steps.append(step)


def _start_usage(dialog: Dialog) -> JsonObject:
    return {
        "input_tokens": dialog.input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 1,
        "service_tier": "standard",
    }


def _message(dialog: Dialog) -> JsonObject:
    return {
        "id": f"msg_demo{seed_of(dialog)[:20]}",
        "type": "message",
        "role": "assistant",
        "model": dialog.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _start_usage(dialog),
    }


def whole(dialog: Dialog, speech: Speech) -> JsonObject:
    """The answer of a request that is not streamed."""
    content: list[JsonObject] = []
    reasoning, text = speech.joined("reasoning"), speech.joined("text")
    if reasoning:
        content.append({"type": "thinking", "thinking": reasoning, "signature": signature_of(reasoning)})
    if text:
        content.append({"type": "text", "text": text})
    if speech.end != "length":
        content += [
            {"type": "tool_use", "id": f"{_CALL_PREFIX}{call.id}", "name": call.name, "input": call.arguments}
            for call, _ in speech.calls
        ]
    usage = _start_usage(dialog) | {"output_tokens": speech.count}
    return _message(dialog) | {"content": content, "stop_reason": _STOP[speech.end], "usage": usage}


async def stream(dialog: Dialog, speech: Speech, tokens: AsyncIterator[Token]) -> AsyncIterator[bytes]:
    """Server-sent events; without message_stop when `tokens` ends early."""
    yield _event("message_start", {"message": _message(dialog)})
    writer = _Blocks()
    left = len(speech.tokens)
    async for token in tokens:
        for event in writer.take(token):
            yield event
        if left == len(speech.tokens):
            yield _event("ping", {})
        left -= 1
    if left:
        return
    for event in writer.close():
        yield event
    usage = {"output_tokens": speech.count, "output_tokens_details": {"thinking_tokens": speech.reasoning_count}}
    delta = {"stop_reason": _STOP[speech.end], "stop_sequence": None}
    yield _event("message_delta", {"delta": delta, "usage": usage})
    yield _event("message_stop", {})


class _Blocks:
    """Opens and closes content blocks as the kind of token changes."""

    def __init__(self) -> None:
        self._index = -1
        self._open: tuple[str, int] | None = None
        self._thought = ""

    def take(self, token: Token) -> list[bytes]:
        kind = "call" if token.kind == "arguments" else token.kind
        events: list[bytes] = []
        if self._open != (kind, token.index):
            events += self.close()
            events.append(self._start(kind, token))
        match token.kind:
            case "reasoning":
                self._thought += token.text
                events.append(self._delta({"type": "thinking_delta", "thinking": token.text}))
            case "text":
                events.append(self._delta({"type": "text_delta", "text": token.text}))
            case "call":
                # Real streams begin every call with an empty fragment.
                events.append(self._delta({"type": "input_json_delta", "partial_json": ""}))
            case "arguments":
                events.append(self._delta({"type": "input_json_delta", "partial_json": token.text}))
        return events

    def close(self) -> list[bytes]:
        if self._open is None:
            return []
        events: list[bytes] = []
        if self._open[0] == "reasoning":
            events.append(self._delta({"type": "signature_delta", "signature": signature_of(self._thought)}))
        self._open = None
        events.append(_event("content_block_stop", {"index": self._index}))
        return events

    def _start(self, kind: str, token: Token) -> bytes:
        self._open = (kind, token.index)
        self._index += 1
        block: JsonObject = {"type": "text", "text": ""}
        if kind == "reasoning":
            block = {"type": "thinking", "thinking": "", "signature": ""}
        elif token.call is not None:
            block = {"type": "tool_use", "id": f"{_CALL_PREFIX}{token.call.id}", "name": token.call.name, "input": {}}
        return _event("content_block_start", {"index": self._index, "content_block": block})

    def _delta(self, delta: JsonObject) -> bytes:
        return _event("content_block_delta", {"index": self._index, "delta": delta})


def _event(kind: str, data: JsonObject) -> bytes:
    body = json.dumps({"type": kind, **data}, separators=(",", ":"))
    return f"event: {kind}\ndata: {body}\n\n".encode()
