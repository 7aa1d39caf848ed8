"""OpenAI Responses requests (`POST {base_url}/responses`), without state at the provider.

Nothing is stored there: the conversation is sent whole each time, with the encrypted reasoning that came back
(`include`). Items go back in their exact order; a reasoning item without the item that followed it is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from mcp_tui.core.chat import (
    Block,
    ChatRequest,
    Content,
    FileBlock,
    ImageBlock,
    Message,
    OpaqueBlock,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolResultBlock,
)
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.call_arguments import replayed_arguments
from mcp_tui.providers.call_ids import legal_id
from mcp_tui.providers.connection import ProviderConnection
from mcp_tui.providers.history import repaired
from mcp_tui.providers.listing import ListedModel, listed_models
from mcp_tui.providers.media import Media, counted, kind_of, plain_type
from mcp_tui.providers.openai_responses_reply import FORMAT, OpenAiResponsesReply
from mcp_tui.providers.provider_error import Subject
from mcp_tui.providers.quirks import Quirks
from mcp_tui.providers.schemas import object_schema
from mcp_tui.providers.tool_limit import check_tool_count

_REASONING_MODEL = re.compile(r"(?:.*/)?(?:o\d|gpt-(?:[5-9]|\d\d)|codex)(?!.*-chat)")
_PLAIN_MODEL = re.compile(r"(?:.*/)?(?:ft:)?(?:gpt-[34]|chatgpt-4|gpt-5[.\d]*-chat)")
"""OpenAI's models that do not reason: they refuse to be asked for reasoning."""


class OpenAiResponses:
    """The format's rules for one provider."""

    def __init__(self, subject: Subject, quirks: Quirks) -> None:
        self._subject = subject
        self._provider = subject.provider
        self._quirks = quirks

    def path(self, request: ChatRequest) -> str:
        return "/responses"

    def takes(self, item: Media, model: str) -> bool:
        kind = kind_of(item.mime_type)
        return kind in ("image", "pdf", "document") and kind in self._quirks.media

    def reply(self, request: ChatRequest) -> OpenAiResponsesReply:
        return OpenAiResponsesReply(self._subject, request)

    async def list_models(self, connection: ProviderConnection, timeout_s: float) -> tuple[ListedModel, ...]:
        return listed_models(await connection.get_json("/models", timeout_s=timeout_s))

    def body(self, request: ChatRequest) -> JsonObject:
        quirks = self._quirks
        params = request.params
        items: list[JsonObject] = []
        sent_ids: dict[str, str] = {}
        for message in repaired(request.messages):
            if message.role == "assistant":
                items += self._assistant(message, request.model, sent_ids)
            else:
                items += self._user(message, sent_ids)
        body: JsonObject = {"model": request.model, "input": items, "stream": True, "store": False}
        if not _PLAIN_MODEL.match(request.model):
            body["include"] = ["reasoning.encrypted_content"]
        if request.system.strip():
            body["instructions"] = request.system
        if request.tools:
            check_tool_count(self._provider, len(request.tools), quirks.max_tools)
            body["tools"] = [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": object_schema(tool.input_schema),
                    "strict": False,  # true is the default here, and few schemas fulfil its demands
                }
                for tool in request.tools
            ]
        if params.max_tokens is not None:
            body["max_output_tokens"] = params.max_tokens
        if params.temperature is not None:
            body["temperature"] = params.temperature
        if reasoning := self._reasoning(request.model, params.effort):
            body["reasoning"] = reasoning
        if quirks.sampling_in_responses:
            if params.seed is not None:
                body["seed"] = params.seed
            if params.stop:
                body["stop"] = list(params.stop)
        return body

    def _reasoning(self, model: str, effort: str | None) -> JsonObject:
        reasoning: JsonObject = {}
        if effort is not None and not _PLAIN_MODEL.match(model):
            reasoning["effort"] = effort
        thinks = _REASONING_MODEL.match(model) or bool(reasoning)
        if self._quirks.reasoning_summaries and thinks and effort != "none":
            reasoning["summary"] = "auto"
        return reasoning

    def _assistant(self, message: Message, model: str, sent_ids: dict[str, str]) -> list[JsonObject]:
        """`sent_ids` gets the ids its calls go under: their results must name the same."""
        items: list[JsonObject] = []
        lost_reasoning = False
        for block in message.blocks:
            own = self._own(block, model)
            if isinstance(block, ToolCallBlock):
                item = own or _call(block)
                sent_ids[block.id] = item["call_id"]
                items.append(item)
            elif own is not None:
                items.append(own)
            elif isinstance(block, TextBlock) and block.text.strip():
                # llama.cpp takes nothing shorter.
                text = {"type": "output_text", "text": block.text}
                items.append({"type": "message", "role": "assistant", "content": [text]})
            elif isinstance(block, ReasoningBlock):
                lost_reasoning = True
        while items and items[-1].get("type") == "reasoning":
            items.pop()  # "provided without its required following item"
        if lost_reasoning:
            # An item with its id is refused without the reasoning that belongs to it.
            items = [{key: value for key, value in item.items() if key != "id"} for item in items]
        return items

    def _own(self, block: Block, model: str) -> JsonObject | None:
        """The item exactly as this provider sent it. Reasoning is encrypted for one model: another gets none."""
        if not isinstance(block, TextBlock | ReasoningBlock | ToolCallBlock | OpaqueBlock):
            return None
        opaque = block.opaque
        if opaque is None or opaque.format != FORMAT:
            return None
        value = opaque.value
        if value.get("provider") != self._provider or value.get("model") != model:
            return None
        item: JsonObject = value["item"]
        if isinstance(block, ToolCallBlock):
            if block.arguments is None:
                return None  # broken JSON is not sent back
            if (item.get("call_id"), item.get("name")) != (block.id, block.name):
                item = {**item, "call_id": legal_id(block.id, prefix="call_"), "name": block.name}
        return item

    def _user(self, message: Message, sent_ids: Mapping[str, str]) -> list[JsonObject]:
        items: list[JsonObject] = []
        content: list[JsonObject] = []
        for block in message.blocks:
            if isinstance(block, ToolResultBlock):
                items.append(self._result(block, sent_ids[block.call_id], content))
        for block in message.blocks:
            if isinstance(block, TextBlock | ImageBlock | FileBlock):
                content += _part(block)
        if content or not items:
            items.append({"role": "user", "content": _plain(content)})
        return items

    def _result(self, block: ToolResultBlock, call_id: str, following: list[JsonObject]) -> JsonObject:
        """Images and files stand in the output itself; where the server does not take them there, in what follows."""
        content = block.content
        media = [item for item in content if not isinstance(item, TextBlock)]
        if media and not self._quirks.images_in_outputs:
            following.append({"type": "input_text", "text": f"Returned by {block.name}:"})
            following += [part for item in media for part in _part(item)]
            note = TextBlock(f"({counted(media)}: see the next message)")
            content, media = (*(item for item in content if isinstance(item, TextBlock)), note), []
        parts = [part for item in content for part in _part(item)]
        first = str(parts[0].get("text", "")) if parts else ""
        if block.is_error and not first.lower().startswith("error"):
            parts.insert(0, {"type": "input_text", "text": "Error:"})
        text = "\n".join(str(part["text"]) for part in parts if "text" in part)
        output: Any = parts if media else text.replace("Error:\n", "Error: ", 1) or "(empty result)"
        return {"type": "function_call_output", "call_id": call_id, "output": output}


def _call(call: ToolCallBlock) -> JsonObject:
    arguments = call.arguments_raw if call.arguments else json.dumps(replayed_arguments(call))
    call_id = legal_id(call.id, prefix="call_")
    return {"type": "function_call", "call_id": call_id, "name": call.name, "arguments": arguments}


def _part(item: Content) -> list[JsonObject]:
    if isinstance(item, TextBlock):
        return [{"type": "input_text", "text": item.text}] if item.text else []
    url = f"data:{plain_type(item.mime_type)};base64,{item.data_b64}"
    if isinstance(item, FileBlock):
        return [{"type": "input_file", "filename": item.name or "file", "file_data": url}]
    return [{"type": "input_image", "image_url": url, "detail": "auto"}]


def _plain(parts: list[JsonObject]) -> Any:
    """A plain string where there is only text: every server takes it."""
    if all(part["type"] == "input_text" for part in parts):
        return "\n\n".join(str(part["text"]) for part in parts)
    return parts
