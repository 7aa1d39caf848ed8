"""Gemini requests (`POST {base_url}/models/MODEL:streamGenerateContent?alt=sse`); base_url includes the version."""

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
    OpaqueBlock,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolResultBlock,
)
from mcp_tui.core.json_values import as_object, objects
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.call_arguments import replayed_arguments
from mcp_tui.providers.connection import ProviderConnection
from mcp_tui.providers.gemini_reply import FORMAT, GeminiReply
from mcp_tui.providers.history import repaired
from mcp_tui.providers.listing import ListedModel, listed_models
from mcp_tui.providers.media import Media, counted, kind_of, plain_type
from mcp_tui.providers.provider_error import Subject
from mcp_tui.providers.quirks import Quirks
from mcp_tui.providers.schemas import object_schemas
from mcp_tui.providers.tool_limit import check_tool_count

MAX_TOOLS = 512
_MAX_ITEMS = 900
"""The sum of `maxItems` over all tools above which requests are refused with a 400 that says nothing (seen at 960)."""
_UNSIGNED = "skip_thought_signature_validator"
"""Documented signature for calls that another model made; Gemini 3 refuses calls without one."""
_BUDGETS = {"none": 0, "minimal": 512, "low": 1_024, "medium": 8_192, "high": 24_576, "xhigh": 24_576, "max": 24_576}
_LEVELS = {"none": "minimal", "xhigh": "high", "max": "high"}
_SMALLEST_PRO_BUDGET = 128
_MAX_PAGES = 10


class Gemini:
    """The format's rules for one provider."""

    def __init__(self, subject: Subject, quirks: Quirks) -> None:
        self._subject = subject
        self._provider = subject.provider
        self._max_tools = quirks.max_tools or MAX_TOOLS

    def path(self, request: ChatRequest) -> str:
        model = request.model.removeprefix("models/")
        kind = "" if model.startswith("tunedModels/") else "models/"
        return f"/{kind}{quote(model)}:streamGenerateContent?alt=sse"

    def takes(self, item: Media, model: str) -> bool:
        return kind_of(item.mime_type) in ("image", "pdf", "audio", "video") and item.mime_type.lower() != "image/gif"

    def reply(self, request: ChatRequest) -> GeminiReply:
        return GeminiReply(self._subject, request.model)

    async def list_models(self, connection: ProviderConnection, timeout_s: float) -> tuple[ListedModel, ...]:
        """The models that can chat."""
        found: dict[str, ListedModel] = {}
        after = ""
        for _ in range(_MAX_PAGES):
            fields = as_object(await connection.get_json(f"/models?pageSize=1000{after}", timeout_s=timeout_s))
            chatting = [
                entry
                for entry in objects(fields.get("models") or fields.get("data"))
                if not isinstance(methods := entry.get("supportedGenerationMethods"), list)
                or "generateContent" in methods
            ]
            found |= {model.id: model for model in listed_models(chatting, prefix="models/")}
            token: Any = fields.get("nextPageToken")
            if not isinstance(token, str) or not token:
                break
            after = f"&pageToken={quote(token, safe='')}"
        return tuple(found.values())

    def body(self, request: ChatRequest) -> JsonObject:
        params = request.params
        body: JsonObject = {"contents": self._contents(request)}
        if request.system.strip():
            body["systemInstruction"] = {"parts": [{"text": request.system}]}
        if request.tools:
            check_tool_count(self._provider, len(request.tools), self._max_tools)
            schemas = object_schemas([tool.input_schema for tool in request.tools], max_items=_MAX_ITEMS)
            declarations = [
                # Not `parameters`, which takes a small part of JSON Schema and refuses a request for any other key.
                {"name": tool.name, "description": tool.description, "parametersJsonSchema": schema}
                for tool, schema in zip(request.tools, schemas, strict=True)
            ]
            body["tools"] = [{"functionDeclarations": declarations}]
        config: JsonObject = {}
        if params.max_tokens is not None:
            config["maxOutputTokens"] = params.max_tokens
        if params.temperature is not None:
            config["temperature"] = params.temperature
        if params.seed is not None:
            config["seed"] = params.seed
        if params.stop:
            config["stopSequences"] = list(params.stop)
        if thinking := _thinking(request.model, params.effort):
            config["thinkingConfig"] = thinking
        if config:
            body["generationConfig"] = config
        return body

    def _contents(self, request: ChatRequest) -> list[JsonObject]:
        contents: list[JsonObject] = []
        sent: list[tuple[ToolCallBlock, JsonObject]] = []
        for message in repaired(request.messages):
            if message.role == "assistant":
                parts, sent = self._assistant(message, request.model)
                role = "model"
            else:
                parts, role = _user(message, sent, in_response=_is_gemini_3(request.model)), "user"
            if contents and contents[-1]["role"] == role:
                contents[-1]["parts"] += parts
            elif parts:
                contents.append({"role": role, "parts": parts})
        return contents

    def _assistant(
        self, message: Message, model: str
    ) -> tuple[list[JsonObject], list[tuple[ToolCallBlock, JsonObject]]]:
        """The parts, and each call with the part it became."""
        parts: list[JsonObject] = []
        calls: list[tuple[ToolCallBlock, JsonObject]] = []
        for block in message.blocks:
            own = self._own(block, model)
            if isinstance(block, ToolCallBlock):
                unsigned: JsonObject = {"functionCall": {"name": block.name, "args": replayed_arguments(block)}}
                part = own[0] if own else unsigned
                if not own and not calls and _is_gemini_3(model):
                    part["thoughtSignature"] = _UNSIGNED
                calls.append((block, part))
                parts.append(part)
            elif own is not None:
                parts += own
            elif isinstance(block, TextBlock) and block.text:
                parts.append({"text": block.text})
        if all(part.get("thought") is True for part in parts):
            return [], calls  # thoughts alone are no answer
        return parts, calls

    def _own(self, block: Block, model: str) -> list[JsonObject] | None:
        """The parts exactly as this provider sent them. Signatures are for one model: another gets none."""
        if not isinstance(block, TextBlock | ReasoningBlock | ToolCallBlock | OpaqueBlock):
            return None
        opaque = block.opaque
        if opaque is None or opaque.format != FORMAT:
            return None
        value = opaque.value
        if value.get("provider") != self._provider or value.get("model") != model:
            return None
        parts: list[JsonObject] = value["parts"]
        if isinstance(block, ToolCallBlock) and parts[0]["functionCall"].get("name") != block.name:
            return [{**parts[0], "functionCall": {**parts[0]["functionCall"], "name": block.name}}]
        return parts


def _user(message: Message, sent: list[tuple[ToolCallBlock, JsonObject]], *, in_response: bool) -> list[JsonObject]:
    """Results first, in the order of their calls: without ids that is how they are matched.

    in_response: images and PDFs stand in the functionResponse itself (Gemini 3). Before, they follow all results, as
    recordings and films always do.
    """
    results = {block.call_id: block for block in message.blocks if isinstance(block, ToolResultBlock)}
    parts: list[JsonObject] = []
    following: list[JsonObject] = []
    for call, part in sent:
        result = results.get(call.id)
        if result is None:
            continue
        text = "\n".join(item.text for item in result.content if isinstance(item, TextBlock) and item.text)
        media = [item for item in result.content if not isinstance(item, TextBlock)]
        inside = [item for item in media if in_response and kind_of(item.mime_type) in ("image", "pdf")]
        if below := [item for item in media if item not in inside]:
            text = "\n".join(filter(None, (text, f"({counted(below)} below)")))
            following += [{"text": f"Returned by {call.name}:"}, *map(_part, below)]
        response: JsonObject = {"name": part["functionCall"]["name"]}
        if given := part["functionCall"].get("id"):
            response["id"] = given
        response["response"] = {"error" if result.is_error else "output": text or "(empty result)"}
        if inside:
            response["parts"] = [_part(item) for item in inside]
        parts.append({"functionResponse": response})
    for block in message.blocks:
        if isinstance(block, ImageBlock | FileBlock) or (isinstance(block, TextBlock) and block.text):
            following.append(_part(block))
    return parts + following


def _part(item: Content) -> JsonObject:
    if isinstance(item, TextBlock):
        return {"text": item.text}
    return {"inlineData": {"mimeType": plain_type(item.mime_type), "data": item.data_b64}}


def _version(model: str) -> tuple[int, int] | None:
    """(3, 1) for gemini-3.1-pro; the newest for aliases such as gemini-flash-latest; None for other models."""
    name = model.rpartition("/")[2]
    if match := re.match(r"gemini-(?:\D+-)?(\d+)(?:\.(\d+))?(?:\D|$)", name):
        return int(match[1]), int(match[2] or 0)
    return (99, 0) if re.fullmatch(r"gemini-[a-z-]+-latest", name) else None


def _is_gemini_3(model: str) -> bool:
    """Or later."""
    return (_version(model) or (0, 0)) >= (3, 0)


def _thinking(model: str, effort: str | None) -> JsonObject:
    """thinkingConfig: a level from Gemini 3 on, a budget of tokens for 2.5; others do not think."""
    version = _version(model)
    if version is None or version < (2, 5) or "image" in model or "tts" in model:
        return {}
    thinking: JsonObject = {"includeThoughts": True}
    if effort is None:
        return thinking
    pro = "-pro" in model
    if version >= (3, 0):
        level = _LEVELS.get(effort, effort)
        thinking["thinkingLevel"] = "low" if pro and level == "minimal" else level
    else:
        budget = _BUDGETS.get(effort, _BUDGETS["medium"])
        thinking["thinkingBudget"] = max(budget, _SMALLEST_PRO_BUDGET) if pro else budget
        if not thinking["thinkingBudget"]:
            del thinking["includeThoughts"]  # refused with a budget of zero
    return thinking
