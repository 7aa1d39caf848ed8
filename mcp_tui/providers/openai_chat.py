"""OpenAI Chat Completions requests (`POST {base_url}/chat/completions`), and the many servers that speak it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from mcp_tui.core.chat import (
    ChatRequest,
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
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.adaptation import short_id, with_call_ids
from mcp_tui.providers.call_arguments import replayed_arguments
from mcp_tui.providers.call_ids import legal_id
from mcp_tui.providers.connection import ProviderConnection
from mcp_tui.providers.history import repaired
from mcp_tui.providers.listing import ListedModel, listed_models
from mcp_tui.providers.media import PDF, Media, counted, kind_of, plain_type
from mcp_tui.providers.openai_chat_reply import FORMAT, OpenAiChatReply
from mcp_tui.providers.provider_error import Subject
from mcp_tui.providers.quirks import Quirks
from mcp_tui.providers.schemas import object_schema
from mcp_tui.providers.tool_limit import check_tool_count

_AUDIO_FORMATS = {"audio/wav": "wav", "audio/mpeg": "mp3"}


class OpenAiChat:
    """The format's rules for one provider."""

    def __init__(self, subject: Subject, quirks: Quirks, *, deployments: bool = False) -> None:
        """deployments: the model stands in the path (Azure with a dated api-version)."""
        self._subject = subject
        self._provider = subject.provider
        self._quirks = quirks
        self._deployments = deployments

    def path(self, request: ChatRequest) -> str:
        deployment = f"/deployments/{quote(request.model, safe='')}" if self._deployments else ""
        return f"{deployment}/chat/completions"

    def takes(self, item: Media, model: str) -> bool:
        kind = kind_of(item.mime_type)
        fits = kind in ("image", "pdf") or plain_type(item.mime_type) in _AUDIO_FORMATS
        return fits and kind in self._quirks.media

    def reply(self, request: ChatRequest) -> OpenAiChatReply:
        return OpenAiChatReply(self._subject, request.model, self._quirks)

    async def list_models(self, connection: ProviderConnection, timeout_s: float) -> tuple[ListedModel, ...]:
        listing = await connection.get_json("/models", timeout_s=timeout_s)
        return listed_models(listing, prefix=self._quirks.model_prefix)

    def body(self, request: ChatRequest) -> JsonObject:
        quirks = self._quirks
        params = request.params
        messages: list[JsonObject] = []
        if request.system:
            messages.append({"role": "system", "content": request.system})
        for message in repaired(request.messages):
            if message.role == "assistant":
                messages += self._assistant(message, request.model)
            else:
                messages += _user(message)
        body: JsonObject = {"model": request.model, "messages": messages, "stream": True}
        if quirks.stream_usage:
            body["stream_options"] = {"include_usage": True}
        if request.tools:
            body["tools"] = self._tools(request)
        if params.max_tokens is not None:
            body[quirks.max_tokens_field] = params.max_tokens
        if params.temperature is not None:
            body["temperature"] = params.temperature
        if params.effort is not None:
            body["reasoning_effort"] = params.effort
        if params.seed is not None:
            body[quirks.seed_field] = params.seed
        if params.stop:
            body["stop"] = list(params.stop)
        if quirks.short_call_ids:
            return with_call_ids(body, short_id)
        if (longest := quirks.max_call_id) is not None:
            return with_call_ids(body, lambda call_id: legal_id(call_id, prefix="call_", max_length=longest))
        return body

    def _tools(self, request: ChatRequest) -> list[JsonObject]:
        check_tool_count(self._provider, len(request.tools), self._quirks.max_tools)
        tools: list[JsonObject] = []
        for tool in request.tools:
            function: JsonObject = {
                "name": tool.name,
                "description": tool.description,
                "parameters": object_schema(tool.input_schema),
            }
            if self._quirks.strict_false:
                function["strict"] = False
            tools.append({"type": "function", "function": function})
        return tools

    def _assistant(self, message: Message, model: str) -> list[JsonObject]:
        calls: list[JsonObject] = []
        result: JsonObject = {"role": "assistant", "content": None}
        for block in message.blocks:
            if isinstance(block, ToolCallBlock):
                calls.append(self._call(block, model, first=not calls))
            elif isinstance(block, ReasoningBlock | OpaqueBlock) and (own := self._own(block.opaque, model)):
                for field in ("reasoning_content", "reasoning_details"):
                    if field in own:
                        result[field] = own[field]
        result["content"] = message.text or None
        if calls:
            result["tool_calls"] = calls
            if self._quirks.reasoning_required and "reasoning_content" not in result:
                result["reasoning_content"] = "".join(
                    block.text for block in message.blocks if isinstance(block, ReasoningBlock)
                )
        elif not message.text:
            return []  # nothing that could be said again; an empty message is refused
        return [result]

    def _call(self, call: ToolCallBlock, model: str, *, first: bool) -> JsonObject:
        arguments = call.arguments_raw if call.arguments else json.dumps(replayed_arguments(call))
        result: JsonObject = {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": arguments},
        }
        own = self._own(call.opaque, model)
        if own and "extra_content" in own:
            result["extra_content"] = own["extra_content"]
        elif first and self._quirks.unsigned_calls and not own and not _needs_no_signature(model):
            # Documented for calls that another model made; of parallel calls only the first is signed.
            result["extra_content"] = {"google": {"thought_signature": self._quirks.unsigned_calls}}
        return result

    def _own(self, opaque: Opaque | None, model: str) -> JsonObject | None:
        """The opaque part, when this provider and model made it."""
        if opaque is None or opaque.format != FORMAT:
            return None
        value = opaque.value
        if value.get("provider") != self._provider or value.get("model") != model:
            return None
        return value


def _needs_no_signature(model: str) -> bool:
    return model.startswith(("gemini-1", "gemini-2")) or not model.startswith("gemini-")


def _user(message: Message) -> list[JsonObject]:
    """One `tool` message per result, then one `user` message for the rest.

    All results must come before any other message. Images and files in results are not portable: they follow in the
    user message.
    """
    messages: list[JsonObject] = []
    parts: list[JsonObject] = []
    for block in message.blocks:
        if not isinstance(block, ToolResultBlock):
            continue
        texts = [item.text for item in block.content if isinstance(item, TextBlock)]
        if media := [item for item in block.content if not isinstance(item, TextBlock)]:
            texts.append(f"({counted(media)}: see the next message)")
            parts.append({"type": "text", "text": f"Returned by {block.name}:"})
            parts += [_media(item) for item in media]
        text = "\n".join(text for text in texts if text) or "(empty result)"
        if block.is_error and not text.lower().startswith("error"):
            text = f"Error: {text}"
        messages.append({"role": "tool", "tool_call_id": block.call_id, "content": text})
    for block in message.blocks:
        if isinstance(block, TextBlock) and block.text:
            parts.append({"type": "text", "text": block.text})
        elif isinstance(block, ImageBlock | FileBlock):
            parts.append(_media(block))
    if parts or not messages:
        messages.append({"role": "user", "content": _plain(parts)})
    return messages


def _plain(parts: list[JsonObject]) -> Any:
    """A plain string where there is only text: not every server takes a list."""
    if all(part["type"] == "text" for part in parts):
        return "\n\n".join(str(part["text"]) for part in parts)
    return parts


def _media(item: Media) -> JsonObject:
    mime_type = plain_type(item.mime_type)
    if (audio := _AUDIO_FORMATS.get(mime_type)) is not None:
        return {"type": "input_audio", "input_audio": {"data": item.data_b64, "format": audio}}
    url = f"data:{mime_type};base64,{item.data_b64}"
    if isinstance(item, FileBlock) and mime_type == PDF:
        return {"type": "file", "file": {"filename": item.name or "document.pdf", "file_data": url}}
    return {"type": "image_url", "image_url": {"url": url}}
