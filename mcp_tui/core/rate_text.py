"""Rate limits in words."""

from __future__ import annotations

from mcp_tui.core.figures import duration_text
from mcp_tui.core.state import RateLimit, RateLimits
from mcp_tui.core.text import clean_line

_LONG_S = 2 * 86_400


def limit_lines(found: RateLimits, now: float) -> list[str]:
    """`requests per minute: 59 of 60 left, all of it again in 12s`; one line for each. now: Unix time."""
    return [_line(limit, now) for limit in found.limits]


def _line(limit: RateLimit, now: float) -> str:
    text = f"{clean_line(limit.what)}: "
    if limit.remaining is None:
        text += f"at most {limit.limit:,.0f}" if limit.limit is not None else "not known"
    else:
        text += f"{limit.remaining:,.0f}{f' of {limit.limit:,.0f}' if limit.limit is not None else ''} left"
    if limit.resets_at is None:
        return text
    left_s = limit.resets_at - now
    if left_s <= 0:
        return f"{text}, all of it again by now"
    when = f"{left_s / 86_400:.0f} days" if left_s >= _LONG_S else duration_text(left_s * 1000)
    return f"{text}, all of it again in {when}"
