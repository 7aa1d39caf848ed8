from __future__ import annotations

import pytest

from mcp_tui.core.rate_text import limit_lines
from mcp_tui.core.state import RateLimit, RateLimits

NOW = 1_000.0


@pytest.mark.parametrize(
    ("limit", "line"),
    [
        (RateLimit("requests", 10_000, 9_999, NOW + 360), "requests: 9,999 of 10,000 left, all of it again in 6m 00s"),
        (RateLimit("tokens", 200_000, 0, NOW + 0.012), "tokens: 0 of 200,000 left, all of it again in 12ms"),
        (RateLimit("input tokens", None, 5), "input tokens: 5 left"),
        (RateLimit("requests per day", 60), "requests per day: at most 60"),
        (RateLimit("requests", 60, 0, NOW - 1), "requests: 0 of 60 left, all of it again by now"),
        (RateLimit("tokens", 9, 8, NOW + 3 * 86_400), "tokens: 8 of 9 left, all of it again in 3 days"),
        (RateLimit("odd\x1b[31m\nname", 9, 8), "odd ↵ name: 8 of 9 left"),
    ],
)  # fmt: skip
def test_an_allowance_reads_as_one_line(limit: RateLimit, line: str) -> None:
    assert limit_lines(RateLimits(NOW, (limit,)), NOW) == [line]
