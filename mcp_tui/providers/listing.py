"""Models as providers list them at GET /models: names, and what some of them say about size and price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mcp_tui.core.json_values import amount, as_object, as_text, count, is_object, objects
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.surrogates import encodable


@dataclass(frozen=True, slots=True)
class ListedModel:
    id: str
    context_tokens: int | None = None
    input_usd_per_mtok: float | None = None
    output_usd_per_mtok: float | None = None


_CONTEXT = (
    "context_length",  # OpenRouter, Together
    "context_window",  # Groq
    "max_context_length",  # Mistral, LM Studio
    "max_model_len",  # vLLM
    "inputTokenLimit",  # Gemini
    "max_input_tokens",  # Anthropic
)


def listed_models(listing: object, *, prefix: str = "") -> tuple[ListedModel, ...]:
    """In the server's order, each once: `{"data": [...]}`, `{"models": [...]}` or a bare list.

    prefix: taken off the names.
    """
    entries: object = listing
    if is_object(listing):
        fields = listing
        entries = fields.get("data") or fields.get("models")
    found: dict[str, ListedModel] = {}
    for fields in objects(entries):
        name = as_text(fields.get("id")) or as_text(fields.get("name"))
        if name:
            model = _model(encodable(name).removeprefix(prefix), fields)
            found.setdefault(model.id, model)
    return tuple(found.values())


def _model(name: str, fields: JsonObject) -> ListedModel:
    sizes = [count(fields.get(key)) for key in _CONTEXT]
    # llama.cpp: what it was started with, in `meta`, else what the model was made for.
    meta = as_object(fields.get("meta"))
    sizes += [count(meta.get("n_ctx")), count(meta.get("n_ctx_train"))]
    price = as_object(fields.get("pricing"))
    per_token = _per_token(price.get("prompt")), _per_token(price.get("completion"))  # OpenRouter
    per_mtok = amount(price.get("input")), amount(price.get("output"))  # Together
    tokens_in, tokens_out = per_mtok if None in per_token else per_token
    return ListedModel(name, next((size for size in sizes if size), None), tokens_in, tokens_out)


def _per_token(value: Any) -> float | None:
    """US dollars per token, written as text, to dollars per million. OpenRouter's own router has -1."""
    try:
        price = amount(float(value)) if isinstance(value, str | int | float) else None
    except ValueError:
        return None
    return None if price is None else round(price * 1_000_000, 6)
