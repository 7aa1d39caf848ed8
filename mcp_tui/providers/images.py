"""Which images go to a model."""

from __future__ import annotations

from mcp_tui.core.chat import ImageBlock

_ACCEPTED = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""What OpenAI, Anthropic and Gemini all decode; anything else makes the whole request fail."""


def is_accepted(image: ImageBlock) -> bool:
    return image.mime_type.lower() in _ACCEPTED


def left_out(image: ImageBlock) -> str:
    return f"(an image of type {image.mime_type} was left out: models do not accept it)"
