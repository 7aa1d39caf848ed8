"""Values of decoded JSON from outside, taken only where they have the shape they should have."""

from __future__ import annotations

from typing import cast

from mcp_tui.core.types import JsonObject


def text_of(value: object) -> str:
    return value if isinstance(value, str) else ""


def object_of(value: object) -> JsonObject:
    return cast("JsonObject", value) if isinstance(value, dict) else {}


def objects_of(value: object) -> list[JsonObject]:
    """The objects in a list; what is none is passed over."""
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("JsonObject", item) for item in items if isinstance(item, dict)]
