"""The arguments of tool calls: JSON text written by a model, to be believed only when whole."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from mcp_tui.core.chat import ToolCallBlock
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.surrogates import encodable, encodable_json


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def parse_arguments(raw: str, *, cut: bool) -> JsonObject | None:
    """The object; {} for a call without arguments; None for what is truncated, invalid or no object.

    cut: the stream ended, or ran out of tokens, while this call was the last: then "" is no argument list.
    """
    if not raw.strip():
        return None if cut else {}
    try:
        value: Any = json.loads(raw, parse_constant=_refuse_constant)
        return encodable_json(value) if isinstance(value, dict) else None
    except (ValueError, RecursionError):
        return None


def is_whole(raw: str) -> bool:
    return bool(raw.strip()) and parse_arguments(raw, cut=True) is not None


def replayed_arguments(call: ToolCallBlock) -> JsonObject:
    """The arguments to send back in the history: always an object, also when the model wrote broken JSON."""
    if call.arguments is not None:
        return call.arguments
    return {"INVALID_JSON": encodable(call.arguments_raw)}
