"""Values of decoded JSON, taken only where they have the kind they should have.

What is of another kind reads as nothing: an empty object, list or text, or None for a number.
"""

from __future__ import annotations

import math
from typing import Any, TypeGuard

from mcp_tui.core.types import JsonObject


def is_object(value: object) -> TypeGuard[JsonObject]:
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def is_number(value: object) -> TypeGuard[int | float]:
    """JSON's true and false are none, though Python counts them as 1 and 0."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_integer(value: object) -> TypeGuard[int]:
    """JSON's true and false are none here either."""
    return isinstance(value, int) and not isinstance(value, bool)


def as_object(value: object) -> JsonObject:
    return value if is_object(value) else {}


def as_list(value: object) -> list[Any]:
    return value if is_list(value) else []


def as_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def objects(value: object) -> list[JsonObject]:
    """The objects in a list; what is none is passed over."""
    return [item for item in as_list(value) if is_object(item)]


def texts(value: object) -> list[str]:
    """The texts in a list; what is none is passed over."""
    return [item for item in as_list(value) if isinstance(item, str)]


def count(value: object) -> int | None:
    """A whole number of at least 0, or None."""
    return int(value) if is_number(value) and math.isfinite(value) and value >= 0 else None


def amount(value: object) -> float | None:
    """A finite number of at least 0, or None."""
    return float(value) if is_number(value) and math.isfinite(value) and value >= 0 else None


def same(left: object, right: object) -> bool:
    """Equal as JSON: true is not 1, but 1.0 is 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if is_object(left) and is_object(right):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if is_list(left) and is_list(right):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right
