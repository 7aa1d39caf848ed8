"""What providers say about their models at GET /models."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_tui.providers.listing import ListedModel, listed_models

ENTRIES: dict[str, tuple[dict[str, Any], ListedModel]] = {
    "openai": ({"id": "gpt-x", "object": "model"}, ListedModel("gpt-x")),
    "openrouter": (
        {"id": "a/b", "context_length": 200000, "pricing": {"prompt": "0.000003", "completion": "0.000015"}},
        ListedModel("a/b", 200000, 3.0, 15.0),
    ),
    "openrouter's router": (
        {"id": "auto", "context_length": 2000000, "pricing": {"prompt": "-1", "completion": "-1"}},
        ListedModel("auto", 2000000),
    ),
    "together": (
        {"id": "t", "context_length": 131072, "pricing": {"input": 0.15, "output": 0.6, "hourly": 0}},
        ListedModel("t", 131072, 0.15, 0.6),
    ),
    "groq": ({"id": "g", "context_window": 131072}, ListedModel("g", 131072)),
    "mistral": ({"id": "m", "max_context_length": 32768}, ListedModel("m", 32768)),
    "vllm": ({"id": "v", "max_model_len": 4096}, ListedModel("v", 4096)),
    "gemini": ({"name": "models/gemini-x", "inputTokenLimit": 1048576}, ListedModel("gemini-x", 1048576)),
    "llama.cpp": ({"id": "l", "meta": {"n_ctx_train": 8192, "n_params": 1}}, ListedModel("l", 8192)),
    "hostile": (
        {"id": "h", "context_length": "many", "pricing": {"prompt": "free", "completion": None}, "meta": [1]},
        ListedModel("h"),
    ),
}


@pytest.mark.parametrize(("entry", "expected"), ENTRIES.values(), ids=ENTRIES)
def test_sizes_and_prices_are_read(entry: dict[str, Any], expected: ListedModel) -> None:
    assert listed_models({"data": [entry]}, prefix="models/") == (expected,)


@pytest.mark.parametrize("listing", [None, [], {}, {"data": "x"}, {"data": [None, 3, {"id": 5}, {"id": ""}]}, "text"])
def test_what_is_no_list_has_no_models(listing: object) -> None:
    assert listed_models(listing) == ()
