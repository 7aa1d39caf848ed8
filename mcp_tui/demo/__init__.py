"""Demo models: scripted answers over the real wire formats, so that the program can be tried without a key.

Nothing here is a language model, and nothing pretends to be one: the answers are composed from the prompt, the
offered tools and what the tools really returned. This module imports nothing heavy.
"""

from __future__ import annotations

DEMO_PROMPT = (
    "Checkout is failing for some customers. Look at the error log and the metrics, say why, and fix it if you can."
)
"""Makes the three models stream, call tools and finish within about ten seconds; `builder` asks for an approval."""

OPENAI_CHAT_MODELS = ("swift", "builder")
"""Served under `BASE_URL/v1` (openai-chat)."""
ANTHROPIC_MODELS = ("scholar",)
"""Served under `BASE_URL/anthropic` (anthropic-messages: the client appends /v1/messages)."""
DEMO_MODELS = ("swift", "scholar", "builder")
"""In the order of the columns."""
