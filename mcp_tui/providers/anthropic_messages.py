"""Anthropic Messages requests (`POST {base_url}/v1/messages`)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from mcp_tui.core.chat import (
    Block,
    ChatRequest,
    Content,
    FileBlock,
    ImageBlock,
    Message,
    Opaque,
    OpaqueBlock,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolResultBlock,
)
from mcp_tui.core.json_values import as_object
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.anthropic_reply import FORMAT, AnthropicReply
from mcp_tui.providers.call_arguments import replayed_arguments
from mcp_tui.providers.call_ids import legal_id
from mcp_tui.providers.connection import ProviderConnection
from mcp_tui.providers.history import repaired
from mcp_tui.providers.listing import ListedModel, listed_models
from mcp_tui.providers.media import Media, kind_of, plain_type
from mcp_tui.providers.provider_error import Subject
from mcp_tui.providers.schemas import object_schema

VERSION = "2023-06-01"

_DEFAULT_MAX_TOKENS = 16_384
_SMALL_MAX_TOKENS = (("claude-3-5-", 8_192), ("claude-3-7-", 16_384), ("claude-3-", 4_096), ("claude-2", 4_096))
"""Models whose output limit is below the default; a limit we do not know is learned from the refusal."""

_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_BUDGETS = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 16_384, "xhigh": 24_576, "max": 24_576}
"""Below the output limits of those models (32,000 and more) together with room for the answer."""

_MAX_PAGES = 10


class AnthropicMessages:
    """The format's rules for one provider."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def path(self, request: ChatRequest) -> str:
        return "/v1/messages"

    def takes(self, item: Media, model: str) -> bool:
        return kind_of(item.mime_type) in ("image", "pdf")

    def reply(self, request: ChatRequest) -> AnthropicReply:
        return AnthropicReply(self._subject, request.model)

    async def list_models(self, connection: ProviderConnection, timeout_s: float) -> tuple[ListedModel, ...]:
        found: dict[str, ListedModel] = {}
        after = ""
        for _ in range(_MAX_PAGES):
            page: object = await connection.get_json(f"/v1/models?limit=1000{after}", timeout_s=timeout_s)
            found |= {model.id: model for model in listed_models(page)}
            fields = as_object(page)
            last: Any = fields.get("last_id") if fields.get("has_more") is True else None
            if not isinstance(last, str):
                break
            after = f"&after_id={quote(last, safe='')}"
        return tuple(found.values())

    def body(self, request: ChatRequest) -> JsonObject:
        params = request.params
        max_tokens = params.max_tokens or _default_max_tokens(request.model)
        body: JsonObject = {
            "model": request.model,
            "max_tokens": max_tokens,
            "messages": self._messages(request),
            "stream": True,
        }
        if request.system.strip():
            body["system"] = request.system
        if request.tools:
            body["tools"] = [
                {
                    "name": tool.name,
                    "description": tool.description,
                    "input_schema": object_schema(tool.input_schema),
                }
                for tool in request.tools
            ]
        if params.temperature is not None:
            body["temperature"] = params.temperature
        if params.stop:
            body["stop_sequences"] = list(params.stop)
        if params.effort is not None:
            body |= _thinking(request.model, params.effort, max_tokens, fixed=params.max_tokens is not None)
            if "thinking" in body:
                body.pop("temperature", None)  # with thinking only 1 is allowed
        return body

    def _messages(self, request: ChatRequest) -> list[JsonObject]:
        messages: list[JsonObject] = []
        for message in repaired(request.messages):
            own = message.role == "assistant"
            content = self._assistant(message, request.model) if own else _user(message)
            if not content:
                continue
            if messages and messages[-1]["role"] == message.role:
                messages[-1]["content"] += content
            else:
                messages.append({"role": message.role, "content": content})
        return messages

    def _assistant(self, message: Message, model: str) -> list[JsonObject]:
        content: list[JsonObject] = []
        for block in message.blocks:
            own = self._own(block, model)
            if own is not None:
                content.append(own)
            elif isinstance(block, ToolCallBlock):
                content.append(
                    {
                        "type": "tool_use",
                        "id": _legal(block.id),
                        "name": block.name,
                        "input": replayed_arguments(block),
                    }
                )
            elif isinstance(block, TextBlock) and block.text.strip():
                content.append({"type": "text", "text": block.text})
        if all(block.get("type") in ("thinking", "redacted_thinking") for block in content):
            return []  # thinking alone is refused
        return content

    def _own(self, block: Block, model: str) -> JsonObject | None:
        """The block exactly as this provider sent it. Thinking is signed for one model: another gets none."""
        opaque: Opaque | None = (
            block.opaque if isinstance(block, TextBlock | ReasoningBlock | ToolCallBlock | OpaqueBlock) else None
        )
        if opaque is None or opaque.format != FORMAT or opaque.value.get("provider") != self._subject.provider:
            return None
        raw: JsonObject = opaque.value["block"]
        if raw.get("type") in ("thinking", "redacted_thinking") and opaque.value.get("model") != model:
            return None
        return raw


def _user(message: Message) -> list[JsonObject]:
    """Tool results first: the API wants them all at the head of the one message after the calls."""
    content: list[JsonObject] = []
    for block in message.blocks:
        if isinstance(block, ToolResultBlock):
            result: JsonObject = {"type": "tool_result", "tool_use_id": _legal(block.call_id)}
            parts = [part for item in block.content for part in _part(item)]
            if parts:
                result["content"] = parts
            elif block.is_error:
                result["content"] = "Error"  # an error may not be empty
            if block.is_error:
                result["is_error"] = True
            content.append(result)
    for block in message.blocks:
        if isinstance(block, TextBlock | ImageBlock | FileBlock):
            content += _part(block)
    return content


def _part(item: Content) -> list[JsonObject]:
    if isinstance(item, TextBlock):
        return [{"type": "text", "text": item.text}] if item.text.strip() else []
    source = {"type": "base64", "media_type": plain_type(item.mime_type), "data": item.data_b64}
    if isinstance(item, ImageBlock):
        return [{"type": "image", "source": source}]
    return [{"type": "document", "source": source, **({"title": item.name} if item.name.strip() else {})}]


def _legal(call_id: str) -> str:
    return legal_id(call_id, prefix="toolu_")


def _default_max_tokens(model: str) -> int:
    return next((limit for prefix, limit in _SMALL_MAX_TOKENS if model.startswith(prefix)), _DEFAULT_MAX_TOKENS)


def _thinking(model: str, effort: str, max_tokens: int, *, fixed: bool) -> JsonObject:
    """The fields that switch thinking on.

    Up to 4.5 a budget of tokens below max_tokens; from 4.6 on `adaptive` with an effort level. Models of other
    makers behind this format get neither.
    """
    version = re.search(r"claude-(?:[a-z]+-)?(\d+)(?:[-.](\d{1,2}))?(?:\D|$)", model)
    if effort == "none" or version is None:
        return {}
    number = (int(version[1]), int(version[2] or 0))
    if number < (3, 7):
        return {}
    if number >= (4, 6):
        level = effort if effort in _EFFORTS else "low"
        return {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": level}}
    budget = _BUDGETS.get(effort, _BUDGETS["medium"])
    if fixed:
        budget = min(budget, max_tokens // 2)
        return {"thinking": {"type": "enabled", "budget_tokens": budget}} if budget >= 1_024 else {}
    enabled = {"type": "enabled", "budget_tokens": budget}
    return {"thinking": enabled, "max_tokens": max(max_tokens, budget + 4_096)}
