"""Refusals that say how many output tokens a model can write at most."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mcp_tui.core.json_values import is_object
from mcp_tui.core.types import JsonObject

_FIELDS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_SMALLEST_BUDGET = 1_024
_FLAGS = re.IGNORECASE | re.DOTALL
_NAME = r"max_?(?:completion_|output_?|new_)?tokens"

_OF_MODEL: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], int]], ...] = (
    # Anthropic: "max_tokens: 20000 > 8192, which is the maximum allowed number of output tokens for ..."
    (re.compile(r"max_tokens.{0,80}?\d+\s*>\s*(\d+)(?!\s*-)", _FLAGS), lambda match: int(match[1])),
    # OpenAI: "max_tokens is too large: 100000. This model supports at most 16384 completion tokens, whereas ..."
    (re.compile(r"supports at most (\d+) (?:completion|output)? ?tokens", _FLAGS), lambda match: int(match[1])),
    # Groq: "`max_completion_tokens` must be less than or equal to `8192`, the maximum value for ..."
    (re.compile(_NAME + r".{0,60}?less than or equal to\W{0,3}(\d+)", _FLAGS), lambda match: int(match[1])),
    # Responses, Doubao: "Invalid 'max_output_tokens': integer above maximum value. Expected a value <= 128000, ..."
    (re.compile(_NAME + r".{0,160}?<=\s*(\d+)", _FLAGS), lambda match: int(match[1])),
    # DeepSeek: "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]"
    (re.compile(_NAME + r".{0,60}?\[\s*\d+\s*,\s*(\d+)\s*\]", _FLAGS), lambda match: int(match[1])),
    # Gemini: "... maxOutputTokens value of 99999 but the supported range is from 1 (inclusive) to 65537 (exclusive)"
    (re.compile(_NAME + r".{0,120}?to (\d+) \(exclusive\)", _FLAGS), lambda match: int(match[1]) - 1),
    # "max_tokens must be at most 4096", "the maximum value of max_tokens is 4096"
    (re.compile(_NAME + r".{0,60}?(?:at most|maximum (?:value )?(?:of|is))\W{0,3}(\d+)", _FLAGS), lambda m: int(m[1])),
)
_OF_REQUEST: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], int]], ...] = (
    # vLLM: "'max_tokens' ... is too large: 40000. ... your request has 20 input tokens (40000 > 32768 - 20)."
    (re.compile(r"\d+\s*>\s*(\d+)\s*-\s*(\d+)"), lambda match: int(match[1]) - int(match[2])),
    # "maximum context length is 8192 tokens. However, you requested 9030 tokens (1030 in the messages, 8000 in the
    # completion)"
    (
        re.compile(
            r"maximum context length is (\d+) tokens.{0,120}?\((\d+) (?:in|of|from).{0,80}?\d+ (?:in|for)", _FLAGS
        ),
        lambda match: int(match[1]) - int(match[2]),
    ),
)


@dataclass(frozen=True, slots=True)
class OutputCap:
    tokens: int
    lasting: bool
    """Of the model, whatever is asked; False where it is what one prompt left of the context window."""


def stated_cap(sent: JsonObject, words: str) -> OutputCap | None:
    """None when the refusal says nothing of the kind, or the request asks for no number of tokens."""
    if not _asks(sent):
        return None
    for patterns, lasting in ((_OF_REQUEST, False), (_OF_MODEL, True)):
        for pattern, tokens_of in patterns:
            if (match := pattern.search(words)) is not None and (tokens := tokens_of(match)) > 0:
                return OutputCap(tokens, lasting)
    return None


def capped(body: JsonObject, tokens: int) -> JsonObject:
    """With at most so many output tokens asked for, where it asks for more. A thinking budget stays below."""
    for field in _FIELDS:
        if isinstance(body.get(field), int) and body[field] > tokens:
            body = {**body, field: tokens}
    config: Any = body.get("generationConfig")
    if is_object(config) and "maxOutputTokens" in config:
        body = {**body, "generationConfig": {**config, "maxOutputTokens": min(config["maxOutputTokens"], tokens)}}
    thinking: Any = body.get("thinking")
    budget: Any = thinking.get("budget_tokens") if is_object(thinking) else None
    if isinstance(budget, int) and budget >= tokens:
        if tokens // 2 < _SMALLEST_BUDGET:
            return {key: value for key, value in body.items() if key != "thinking"}
        return {**body, "thinking": {**thinking, "budget_tokens": tokens // 2}}
    return body


def _asks(body: JsonObject) -> bool:
    config: Any = body.get("generationConfig")
    return any(field in body for field in _FIELDS) or (isinstance(config, dict) and "maxOutputTokens" in config)
