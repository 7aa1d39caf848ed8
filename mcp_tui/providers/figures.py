"""Numbers in what providers send: taken only when they are what they should be."""

from __future__ import annotations

import math
from collections.abc import Mapping


def count(value: object) -> int | None:
    """A whole number of at least 0, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if math.isfinite(value) and value >= 0 else None


def amount(value: object) -> float | None:
    """A finite number of at least 0, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


_TICKS_PER_USD = 10_000_000_000
"""xAI's `cost_in_usd_ticks`."""


def cost_usd(usage: Mapping[str, object]) -> float | None:
    """What the provider itself charged: OpenRouter's `cost`, xAI's ticks."""
    ticks = count(usage.get("cost_in_usd_ticks"))
    # Zero ticks come from hosts that resell the model and fill in nothing.
    return ticks / _TICKS_PER_USD if ticks else amount(usage.get("cost"))
