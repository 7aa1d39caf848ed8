"""Answers to questions a server asks during a call, when nobody is there to ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcp_tui.cli.arguments import parse_json
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.json_values import as_list, as_object, is_list, is_object
from mcp_tui.core.text import marked_line
from mcp_tui.core.types import JsonObject

_FORMATS = {
    "email": "user@example.com",
    "uri": "https://example.com/",
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
}
_ACTIONS = ("accept", "decline", "cancel")

Responder = Callable[[str, JsonObject], JsonObject]


def responder(given: str | None, notice: Callable[[str], None]) -> Responder:
    """Answers elicitation/create params with an ElicitResult (wire keys).

    given: None declines and says so; `defaults` accepts with the schema's defaults and plain values for what is
    required; JSON is the content to accept with, or a whole `{"action": ..., "content": ...}`.
    A question that wants a browser (URL mode) is always declined: nobody can consent here.
    """
    content: JsonObject | None = None
    if given is not None and given != "defaults":
        value = parse_json(given, what="--elicit")
        if not is_object(value):
            raise AppError("--elicit", "must be `defaults` or a JSON object", kind=ErrorKind.USAGE)
        content = value

    def answer(server: str, params: JsonObject) -> JsonObject:
        question = f"{marked_line(server)} asks: {marked_line(str(params.get('message', '')))}"
        if params.get("mode") == "url":
            notice(f"{question} (to open {marked_line(str(params.get('url', '')))}): declined")
            return {"action": "decline"}
        schema = as_object(params.get("requestedSchema"))
        if given is None:
            notice(f"{question}: declined (--elicit defaults or --elicit JSON answers it)")
            return {"action": "decline"}
        if content is None:
            return {"action": "accept", "content": defaults(schema)}
        if _is_result(content, schema):
            return content
        return {"action": "accept", "content": content}

    return answer


def _is_result(content: JsonObject, schema: JsonObject) -> bool:
    asked = "action" in as_object(schema.get("properties"))
    return not asked and content.get("action") in _ACTIONS and set(content) <= {"action", "content"}


def defaults(schema: JsonObject) -> JsonObject:
    """Content for a requested schema: its defaults, and the plainest valid value for what is required."""
    names = as_list(schema.get("required"))
    content: JsonObject = {}
    for name, field in as_object(schema.get("properties")).items():
        definition = as_object(field)
        if "default" in definition:
            content[name] = definition["default"]
        elif name in names:
            content[name] = _plain(definition)
    return content


def _plain(field: JsonObject) -> Any:
    choices = _choices(field)
    if choices:
        return choices[0]
    match field.get("type"):
        case "boolean":
            return False  # never agrees to anything by itself
        case "integer" | "number":
            return _plain_number(field)
        case "array":
            items = _choices(as_object(field.get("items")))
            count = field.get("minItems")
            return items[: count if isinstance(count, int) else 0]
        case _:
            return _plain_text(field)


def _plain_number(field: JsonObject) -> int | float:
    low, high = field.get("minimum"), field.get("maximum")
    if isinstance(low, int | float) and low > 0:
        return low
    if isinstance(high, int | float) and high < 0:
        return high
    return 0


def _plain_text(field: JsonObject) -> str:
    text = _FORMATS.get(str(field.get("format")), "text")
    shortest, longest = field.get("minLength"), field.get("maxLength")
    if isinstance(shortest, int) and len(text) < shortest <= 10_000:
        text = text.ljust(shortest, "x")
    return text[:longest] if isinstance(longest, int) and longest >= 0 else text


def _choices(field: JsonObject) -> list[Any]:
    for key in ("enum", "oneOf", "anyOf"):
        options = field.get(key)
        if is_list(options) and options:
            return (
                options
                if key == "enum"
                else [as_object(value)["const"] for value in options if "const" in as_object(value)]
            )
    return []
