"""What the provider itself charged."""

from __future__ import annotations

from collections.abc import Mapping

from mcp_tui.core.json_values import amount, count

_TICKS_PER_USD = 10_000_000_000
"""xAI's `cost_in_usd_ticks`."""


def reported_cost_usd(usage: Mapping[str, object]) -> float | None:
    """OpenRouter's `cost`, xAI's ticks."""
    ticks = count(usage.get("cost_in_usd_ticks"))
    # Zero ticks come from hosts that resell the model and fill in nothing.
    return ticks / _TICKS_PER_USD if ticks else amount(usage.get("cost"))
