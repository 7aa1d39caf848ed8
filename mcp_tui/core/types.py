"""Shared type aliases."""

from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
"""A decoded JSON object. Numbers keep their kind (int of any size, float); absent and null differ."""
