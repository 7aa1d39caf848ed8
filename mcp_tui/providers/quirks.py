"""How one vendor's dialect of a wire format differs from the format, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MediaKind = Literal["image", "pdf", "document", "audio", "video"]
"""document: of an office program."""


@dataclass(frozen=True, slots=True)
class Quirks:
    """The defaults are what most servers take."""

    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    stream_usage: bool = True
    """Send `stream_options: {include_usage: true}`."""
    strict_false: bool = False
    """Send `strict: false` with each tool: most servers' schemas are not strict."""
    max_tools: int | None = None
    max_call_id: int | None = None
    """Longer tool call ids in the history are refused (openai-chat)."""
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
    images_in_outputs: bool = True
    """openai-responses: a tool's output may hold images."""
    reasoning_summaries: bool = False
    """openai-responses: reasoning is only told about when a summary is asked for."""
    media: frozenset[MediaKind] = frozenset({"image", "pdf", "document", "audio", "video"})
    """What its models may take, as far as the format has a place for it. What one model refuses is learned."""
    sampling_in_responses: bool = True
    """openai-responses: the server takes `seed` and `stop`; the format's inventor does not."""
