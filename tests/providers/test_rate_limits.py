"""What headers say about the allowances of an account."""

from __future__ import annotations

import pytest

from mcp_tui.core.state import RateLimit
from mcp_tui.providers.rate_limits import rate_limits
from tests.providers.asking import ask, chat
from tests.providers.loopback import Answer, Loopback, chunk, error, sse

NOW = 1_800_000_000.0

VENDORS: dict[str, tuple[dict[str, str], tuple[RateLimit, ...]]] = {
    "openai": (
        {
            "x-ratelimit-limit-requests": "10000", "x-ratelimit-remaining-requests": "9999",
            "x-ratelimit-reset-requests": "6m0s", "x-ratelimit-limit-tokens": "200000",
            "x-ratelimit-remaining-tokens": "199984", "x-ratelimit-reset-tokens": "12ms",
        },
        (RateLimit("requests", 10000, 9999, NOW + 360), RateLimit("tokens", 200000, 199984, NOW + 0.012)),
    ),
    "groq": (
        {"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "7.66s", "retry-after": "2"},
        (RateLimit("tokens", None, 5, NOW + 7.66),),
    ),
    "anthropic": (
        {
            "Anthropic-RateLimit-Input-Tokens-Limit": "480000", "anthropic-ratelimit-input-tokens-remaining": "479000",
            "anthropic-ratelimit-input-tokens-reset": "2027-01-15T08:00:30Z",
        },
        (RateLimit("input tokens", 480000, 479000, NOW + 30),),
    ),
    "mistral": (
        {"x-ratelimit-limit-req-minute": "60", "x-ratelimit-remaining-req-minute": "59",
         "x-ratelimit-tokens-query-cost": "32"},
        (RateLimit("requests per minute", 60, 59),),
    ),
    "cerebras": (
        {"x-ratelimit-limit-tokens-day": "1000000", "x-ratelimit-reset-tokens-day": "33011.5"},
        (RateLimit("tokens per day", 1000000, None, NOW + 33011.5),),
    ),
    "openrouter": (
        {"x-ratelimit-limit": "20", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1800000060000"},
        (RateLimit("requests", 20, 0, NOW + 60),),
    ),
    "nonsense": (
        {"x-ratelimit-limit-requests": "many", "x-ratelimit-remaining-tokens": "nan",
         "x-ratelimit-reset-tokens": "soon"},
        (),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("headers", "expected"), VENDORS.values(), ids=VENDORS)
def test_every_vendors_headers_are_read(headers: dict[str, str], expected: tuple[RateLimit, ...]) -> None:
    found = rate_limits(headers, NOW)
    assert (found.limits if found is not None else ()) == expected


def test_a_flood_of_headers_is_cut() -> None:
    found = rate_limits({f"x-ratelimit-limit-kind{n}": "1" for n in range(500)}, NOW)
    assert found is not None and len(found.limits) == 12


def left(got_remaining: object) -> dict[str, str]:
    return {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": str(got_remaining)}


async def test_the_newest_answer_counts_also_a_refusal(server: Loopback) -> None:
    ok = Answer([sse(chunk({"content": "ok"}, "stop"))], headers=left(7))
    server.script(
        Answer([b"{}"], 429, "application/json", left(0)), ok, Answer([b"{}"], 401, "application/json", left(3))
    )
    provider = chat(server.origin)
    for remaining in (7, 3):
        limits = (await ask(provider)).finished.rate_limits
        assert limits is not None and limits.limits == (RateLimit("requests", 60, remaining),)


async def test_without_headers_nothing_is_known(server: Loopback) -> None:
    server.script(error(400, {"error": {"message": "no"}}))
    assert (await ask(chat(server.origin))).finished.rate_limits is None
