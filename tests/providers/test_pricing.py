from __future__ import annotations

import pytest

from mcp_tui.core.state import Usage
from mcp_tui.providers.pricing import cost_usd, model_info
from mcp_tui.providers.registry import ModelRef
from mcp_tui.providers.vendors import VENDORS

GPT = ModelRef("openai", "gpt-5.1")


def test_cost_follows_the_list_price_and_cached_tokens_are_cheaper() -> None:
    info = model_info(GPT)
    assert info.input_usd_per_mtok is not None
    assert info.output_usd_per_mtok is not None
    expected = (1000 * info.input_usd_per_mtok + 100 * info.output_usd_per_mtok) / 1e6
    full = cost_usd(GPT, Usage(1000, 100))
    assert full is not None
    assert abs(full - expected) < 1e-9
    cached = cost_usd(GPT, Usage(1000, 100, cached_input_tokens=900))
    assert cached is not None
    assert 0 < cached < expected


def test_cache_writes_cost_extra_where_the_provider_charges_them() -> None:
    claude = ModelRef("anthropic", "claude-haiku-4-5")
    plain, written = cost_usd(claude, Usage(1000, 0)), cost_usd(claude, Usage(1000, 0, cache_write_tokens=1000))
    assert plain is not None
    assert written is not None
    assert written > plain


def test_more_cached_tokens_than_tokens_do_not_break_the_sum() -> None:
    cost = cost_usd(ModelRef("xai", "grok-4-1-fast-non-reasoning"), Usage(235, 90, cached_input_tokens=373))
    assert cost is not None
    assert cost > 0


@pytest.mark.parametrize(
    "ref", ["ollama/gpt-5.1", "demo/swift", "mine/gpt-5.1", "openai/no-such-model-at-all", "vllm/claude-haiku-4-5"]
)
def test_without_a_list_price_there_is_no_cost(ref: str) -> None:
    provider, _, model = ref.partition("/")
    assert cost_usd(ModelRef(provider, model), Usage(10, 10)) is None
    assert model_info(ModelRef(provider, model)).input_usd_per_mtok is None


def test_unknown_usage_has_no_cost() -> None:
    assert cost_usd(GPT, Usage()) is None
    partial = cost_usd(GPT, Usage(input_tokens=1000))
    assert partial is not None
    assert partial > 0


def test_context_size_is_known_for_common_models() -> None:
    context = model_info(ModelRef("anthropic", "claude-sonnet-4-5")).context_tokens
    assert context is None or context >= 100_000
    assert (model_info(GPT).context_tokens or 0) >= 100_000


@pytest.mark.parametrize("ref", ["azure/gpt-5.5", "gemini/gemini-3.5-flash", "xai/grok-4.3", "openai/gpt-5.5"])
def test_size_and_prices_are_known_in_every_format(ref: str) -> None:
    provider, _, model = ref.partition("/")
    info = model_info(ModelRef(provider, model))
    assert (info.context_tokens or 0) >= 100_000
    assert info.input_usd_per_mtok
    assert info.output_usd_per_mtok


def test_every_suggested_model_has_a_price() -> None:
    for vendor in VENDORS:
        for model in vendor.models:
            assert cost_usd(ModelRef(vendor.name, model), Usage(1000, 1000)), f"{vendor.name}/{model}"
