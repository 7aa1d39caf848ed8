"""Tool input schemas in the form every provider takes.

The Model Context Protocol allows any JSON Schema of type object. OpenAI and Anthropic refuse a whole request when
one tool's schema is no plain object at its root, or has `oneOf`, `anyOf`, `allOf` there; one server's odd schema
must not cost the others their tools. The server checks the arguments itself, so a looser schema is safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcp_tui.core.json_values import as_list, as_object, is_list, is_object, texts
from mcp_tui.core.types import JsonObject

_UNIONS = ("oneOf", "anyOf", "allOf")
_REFUSED_AT_ROOT = (*_UNIONS, "enum", "const", "not", "if", "then", "else", "$ref", "$dynamicRef")


def object_schema(schema: JsonObject) -> JsonObject:
    """The schema with `type: object`, `properties`, and no combination at its root."""
    root = _followed(schema, schema)
    properties = dict(as_object(root.get("properties")))
    required = texts(root.get("required"))
    for union in _UNIONS:
        branches = [_followed(branch, schema) for branch in as_list(root.get(union))]
        for branch in branches:
            for name, value in as_object(branch.get("properties")).items():
                properties.setdefault(name, value)
        demanded = [texts(branch.get("required")) for branch in branches]
        for names in demanded:
            required += [
                name
                for name in names
                if name not in required and (union == "allOf" or all(name in other for other in demanded))
            ]
    result: JsonObject = {key: value for key, value in root.items() if key not in _REFUSED_AT_ROOT}
    result["type"] = "object"
    result["properties"] = properties
    required = [name for name in required if name in properties]
    if required:
        result["required"] = required
    else:
        result.pop("required", None)
    if any(root.get(union) for union in _UNIONS):
        # What a branch allows is not known here any more: nothing may be forbidden.
        result.pop("additionalProperties", None)
        result.pop("unevaluatedProperties", None)
    return result


def object_schemas(schemas: Sequence[JsonObject], *, max_items: int) -> list[JsonObject]:
    """All of them as objects; without any `maxItems` when these add up to more than a request may hold."""
    objects = [object_schema(schema) for schema in schemas]
    if sum(_items_allowed(schema) for schema in objects) <= max_items:
        return objects
    return [_without_max_items(schema) for schema in objects]


def _items_allowed(value: object) -> int:
    if is_object(value):
        own = value.get("maxItems")
        inner = sum(_items_allowed(entry) for entry in value.values())
        return inner + (own if isinstance(own, int) else 0)
    return sum(_items_allowed(entry) for entry in as_list(value))


def _without_max_items(value: object) -> Any:
    if is_object(value):
        array = isinstance(value.get("maxItems"), int)
        return {key: _without_max_items(entry) for key, entry in value.items() if not (array and key == "maxItems")}
    if is_list(value):
        return [_without_max_items(entry) for entry in value]
    return value


def _followed(value: object, whole: JsonObject) -> JsonObject:
    """The schema with a local `$ref` at its root replaced by what it names; other keys win."""
    schema = dict(as_object(value))
    for _ in range(8):
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return schema
        target: object = whole
        for step in reference[2:].split("/"):
            target = as_object(target).get(step.replace("~1", "/").replace("~0", "~"))
        del schema["$ref"]
        schema = {**as_object(target), **schema}
    return {key: value for key, value in schema.items() if key != "$ref"}
