"""Prices: the person's own, else those of the table that genai-prices ships. Never asks the network.

Importing this module does not load the table; the first question does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from mcp_tui.config.schema import PriceSpec
from mcp_tui.core.state import Usage
from mcp_tui.providers.registry import ModelInfo, ModelRef
from mcp_tui.providers.vendors import BY_NAME

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo as PricedModel
    from genai_prices.types import Provider as PricedProvider


class PriceBook:
    """The table with the person's own prices on top."""

    def __init__(self, own: Mapping[str, PriceSpec] | None = None) -> None:
        """own: `provider/model` or `provider/*` -> price."""
        self._own = dict(own or {})

    def own(self, ref: ModelRef) -> PriceSpec | None:
        return self._own.get(str(ref)) or self._own.get(f"{ref.provider}/*")

    def cost_usd(self, ref: ModelRef, usage: Usage) -> float | None:
        """As `cost_usd`: an estimate also with an own price, because the provider did not say it."""
        price = self.own(ref)
        if price is None:
            return cost_usd(ref, usage)
        if usage.input_tokens is None and usage.output_tokens is None:
            return None
        tokens_in = usage.input_tokens or 0
        read = min(usage.cached_input_tokens or 0, tokens_in)
        cached = price.input_usd if price.cached_usd is None else price.cached_usd
        total = (tokens_in - read) * price.input_usd + read * cached + (usage.output_tokens or 0) * price.output_usd
        return total / 1_000_000

    def model_info(self, ref: ModelRef) -> ModelInfo:
        info, price = model_info(ref), self.own(ref)
        if price is None:
            return info
        return replace(info, input_usd_per_mtok=price.input_usd, output_usd_per_mtok=price.output_usd)


def cost_usd(ref: ModelRef, usage: Usage) -> float | None:
    """What these tokens cost by the list price; None for a model without one (local, demo, unknown).

    An estimate: a provider's own figure (`Finished.cost_usd`) is better.
    """
    if usage.input_tokens is None and usage.output_tokens is None:
        return None
    found = _find(ref)
    if found is None:
        return None
    from genai_prices import Usage as PricedUsage

    provider, model = found
    tokens_in = usage.input_tokens or 0
    # xAI has been seen to report more cached tokens than tokens; a part cannot exceed the whole.
    read = min(usage.cached_input_tokens or 0, tokens_in)
    written = min(usage.cache_write_tokens or 0, tokens_in - read)
    priced = PricedUsage(
        input_tokens=tokens_in,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=usage.output_tokens or 0,
    )
    try:
        return float(model.calc_price(priced, provider).total_price)
    except (LookupError, ValueError):
        return None  # the table has the model, but no price for this kind of token


def model_info(ref: ModelRef) -> ModelInfo:
    """Context size and list prices per million tokens; None where the table does not say."""
    from datetime import UTC, datetime

    info = ModelInfo(ref, None, None, None)
    found = _find(ref)
    if found is None:
        return info
    prices = found[1].get_prices(datetime.now(UTC))
    return replace(
        info,
        context_tokens=found[1].context_window,
        input_usd_per_mtok=_base_price(getattr(prices, "input_mtok", None)),
        output_usd_per_mtok=_base_price(getattr(prices, "output_mtok", None)),
    )


def _find(ref: ModelRef) -> tuple[PricedProvider, PricedModel] | None:
    vendor = BY_NAME.get(ref.provider)
    if vendor is None or vendor.local:
        return None
    from genai_prices.data_snapshot import get_snapshot

    try:
        return get_snapshot().find_provider_model(ref.model, None, vendor.price_id or vendor.name, None)
    except LookupError:
        return None


def _base_price(price: object) -> float | None:
    """The lowest tier where there are several."""
    base = getattr(price, "base", price)
    return float(base) if isinstance(base, Decimal | int | float) else None
