"""How one vendor's dialect of a wire format differs from the format, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Quirks:
    """Of openai-chat. The defaults are what most compatible servers take."""

    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    stream_usage: bool = True
    """Send `stream_options: {include_usage: true}`."""
    strict_false: bool = False
    """Send `strict: false` with each tool: most servers' schemas are not strict."""
    max_tools: int | None = None
    seed_field: str = "seed"
    short_call_ids: bool = False
    """Tool call ids in the history must match `[a-zA-Z0-9]{9}`."""
    think_tags: bool = False
    """Reasoning may stand in the answer as `<think>...</think>`."""
    reasoning_required: bool = False
    """Assistant messages with tool calls must carry `reasoning_content`, also those of other models."""
    unsigned_calls: str = ""
    """Signature for tool calls of other models, where the vendor demands one (Gemini 3)."""
    model_prefix: str = ""
    """Prefix of ids in GET /models that the request does not need."""
