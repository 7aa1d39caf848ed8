"""Showcase: everything a server can ask a client in the middle of a call."""

from __future__ import annotations

import json
from typing import Annotated, Any, cast

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp_types import (
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    CreateMessageResultWithTools,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitRequestURLParams,
    ElicitResult,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    ModelHint,
    ModelPreferences,
    SamplingMessage,
    TextContent,
    Tool,
    ToolChoice,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import Field

from mcp_tui.core.types import JsonObject
from mcp_tui.servers.questions import ask, of

EVERY_FIELD: JsonObject = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "title": "Name", "description": "Of the keeper.", "minLength": 1, "maxLength": 40},
        "email": {"type": "string", "title": "E-mail", "format": "email"},
        "homepage": {"type": "string", "title": "Home page", "format": "uri"},
        "since": {"type": "string", "title": "Keeper since", "format": "date", "default": "2026-01-31"},
        "next_visit": {"type": "string", "title": "Next visit", "format": "date-time"},
        "steps": {"type": "integer", "title": "Steps of the tower", "minimum": 0, "maximum": 400, "default": 120},
        "range_km": {"type": "number", "title": "Range in km", "minimum": 0, "default": 31.5},
        "manned": {"type": "boolean", "title": "Manned", "description": "Somebody lives there.", "default": True},
        "colour": {"type": "string", "title": "Colour of the light", "enum": ["white", "red", "green"]},
        "signal": {
            "type": "string",
            "title": "Signal",
            "oneOf": [
                {"const": "F", "title": "Fixed"},
                {"const": "Fl", "title": "Flashing"},
                {"const": "Oc", "title": "Occulting"},
            ],
            "default": "Fl",
        },
        "old_signal": {
            "type": "string",
            "title": "Signal before 1950",
            "enum": ["gas", "oil"],
            "enumNames": ["Gas lamp", "Oil lamp"],
        },
        "languages": {
            "type": "array",
            "title": "Languages",
            "items": {"type": "string", "enum": ["no", "en", "de", "fr"]},
            "minItems": 1,
            "maxItems": 3,
            "default": ["no"],
        },
        "duties": {
            "type": "array",
            "title": "Duties",
            "items": {
                "anyOf": [
                    {"const": "lamp", "title": "Lamp"},
                    {"const": "fog", "title": "Fog horn"},
                    {"const": "boat", "title": "Boat"},
                ]
            },
        },
    },
    "required": ["name", "steps", "colour", "languages"],
}
_PAGE = "https://example.com/lighthouse/visit?order=LH-1043"


def form(message: str, schema: JsonObject) -> ElicitRequest:
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sample(
    prompt: str, *, max_tokens: int = 200, system: str | None = None, tools: list[Tool] | None = None
) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=TextContent(type="text", text=prompt))
    return CreateMessageRequest(
        params=CreateMessageRequestParams(
            messages=[message],
            max_tokens=max_tokens,
            system_prompt=system,
            model_preferences=ModelPreferences(hints=[ModelHint(name="small")], speed_priority=0.8, cost_priority=0.6),
            tools=tools,
            tool_choice=ToolChoice(mode="auto") if tools else None,
        )
    )


async def ask_form(ctx: Context[Any, Any]) -> str | InputRequiredResult:
    """Ask the person to fill in a form with every type of field there is."""
    asked = {"keeper": form("Please register the keeper of the lighthouse.", EVERY_FIELD)}
    answers = await ask(ctx, asked)
    if isinstance(answers, InputRequiredResult):
        return answers
    return _told(of(answers, "keeper", ElicitResult))


async def ask_to_visit(ctx: Context[Any, Any]) -> str | InputRequiredResult:
    """Ask the person to open a page in the browser (URL mode). The page is example.com, and nothing happens there."""
    legacy = ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS
    identity = f"visit-{ctx.request_id}" if legacy else None
    page = ElicitRequestURLParams(
        message="Pay for order LH-1043 on the shop's own page.", url=_PAGE, elicitation_id=identity
    )
    answers = await ask(ctx, {"visit": ElicitRequest(params=page)})
    if isinstance(answers, InputRequiredResult):
        return answers
    answer = of(answers, "visit", ElicitResult)
    if identity is not None and answer.action == "accept":
        await ctx.session.send_elicit_complete(identity, related_request_id=ctx.request_id)
    return f"the person chose: {answer.action}"


async def ask_model(
    ctx: Context[Any, Any],
    prompt: Annotated[str, Field(min_length=1)] = "Name three famous lighthouses.",
    offer_tool: Annotated[bool, Field(description="Let the model call a tool of this server.")] = False,
) -> str | InputRequiredResult:
    """Have the client's own model answer a prompt (sampling)."""
    weather = Tool(
        name="weather",
        description="The weather at a lighthouse.",
        input_schema={"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
    )
    request = sample(prompt, system="You know the sea. Answer briefly.", tools=[weather] if offer_tool else None)
    answers = await ask(ctx, {"answer": request})
    if isinstance(answers, InputRequiredResult):
        return answers
    answer = answers["answer"]
    assert isinstance(answer, CreateMessageResult | CreateMessageResultWithTools)
    blocks = answer.content if isinstance(answer.content, list) else [answer.content]
    parts = [block.text if isinstance(block, TextContent) else f"[{block.type}]" for block in blocks]
    return f"{answer.model} said ({answer.stop_reason or 'no stop reason'}): {' '.join(parts)}"


async def ask_roots(ctx: Context[Any, Any]) -> str | InputRequiredResult:
    """Ask the client which folders it works in (roots)."""
    answers = await ask(ctx, {"roots": ListRootsRequest()})
    if isinstance(answers, InputRequiredResult):
        return answers
    roots = of(answers, "roots", ListRootsResult).roots
    lines = [f"{root.uri}{f'  ({root.name})' if root.name else ''}" for root in roots]
    return "\n".join(lines) or "the client has no roots"


async def ask_everything(ctx: Context[Any, Any]) -> str | InputRequiredResult:
    """Ask for a form, an answer of the model and the roots in one go."""
    name: JsonObject = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    answers = await ask(
        ctx,
        {
            "name": form("What is your name?", name),
            "greeting": sample("Write a greeting of five words.", max_tokens=40),
            "roots": ListRootsRequest(),
        },
    )
    if isinstance(answers, InputRequiredResult):
        return answers
    greeting = of(answers, "greeting", CreateMessageResult).content
    said = greeting.text if isinstance(greeting, TextContent) else f"[{greeting.type}]"
    roots = len(of(answers, "roots", ListRootsResult).roots)
    return f"{_told(of(answers, 'name', ElicitResult))}\ngreeting: {said}\nroots: {roots}"


async def ask_in_rounds(ctx: Context[Any, Any]) -> str | InputRequiredResult:
    """Ask a second question that depends on the first answer."""
    shape: JsonObject = {
        "type": "object",
        "properties": {"service": {"type": "string", "enum": ["checkout", "payments"]}},
        "required": ["service"],
    }
    answers = await ask(ctx, {"service": form("Which service?", shape)})
    if isinstance(answers, InputRequiredResult):
        return answers
    answer = of(answers, "service", ElicitResult)
    if answer.action != "accept":
        return _told(answer)
    service = str((answer.content or {}).get("service"))
    sure: JsonObject = {
        "type": "object",
        "properties": {"sure": {"type": "boolean", "title": f"Restart {service}", "default": False}},
        "required": ["sure"],
    }
    answers = await ask(ctx, {"sure": form(f"Really restart {service}?", sure)}, after=answers)
    if isinstance(answers, InputRequiredResult):
        return answers
    confirmed = of(answers, "sure", ElicitResult)
    agreed = confirmed.action == "accept" and (confirmed.content or {}).get("sure") is True
    return f"{service}: {'restarted (not really)' if agreed else 'left alone'}"


async def ask_in_prompt(ctx: Context[Any, Any]) -> list[UserMessage] | InputRequiredResult:
    """A prompt that asks for its topic with a form before it is made."""
    topic: JsonObject = {
        "type": "object",
        "properties": {"topic": {"type": "string", "title": "Topic", "minLength": 2}},
        "required": ["topic"],
    }
    answers = await ask(ctx, {"topic": form("What should the prompt be about?", topic)})
    if isinstance(answers, InputRequiredResult):
        return answers
    answer = of(answers, "topic", ElicitResult)
    if answer.action != "accept":
        raise ToolError(f"no topic was given: {answer.action}")
    return [UserMessage(f"Explain {cast('JsonObject', answer.content or {}).get('topic')} to a new keeper.")]


def _told(answer: ElicitResult) -> str:
    if answer.action != "accept":
        return f"the person chose: {answer.action}"
    return json.dumps(answer.content or {}, indent=2, ensure_ascii=False)
