"""What providers say about the allowances of an account, in the headers of every answer.

x-ratelimit-{limit,remaining,reset}-{requests,tokens}             OpenAI, Azure, Groq, xAI, Together; reset: `6m0s`
x-ratelimit-{limit,remaining,reset}-{requests,tokens}-{day,minute ...}      Cerebras; reset: seconds
x-ratelimit-{limit,remaining}-{req,tokens}-{minute,month}         Mistral
x-ratelimit-{limit,remaining,reset}                               OpenRouter; reset: Unix time in ms
anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}; reset: RFC 3339
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from mcp_tui.core.state import RateLimit, RateLimits

_HEADER = re.compile(r"(?:x-|[a-z]+-)?ratelimit-([a-z0-9-]+)")
_FIELDS = ("limit", "remaining", "reset")
_PERIODS = ("second", "minute", "hour", "day", "month")
_NOUNS = {"req": "requests", "request": "requests", "token": "tokens", "tokens": "tokens", "requests": "requests"}
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_MOST = 12
"""Allowances; no provider has so many."""
_UNIX_TIME_FROM = 1e9
"""A number so large is a time, not seconds from now; in milliseconds from a thousand times that on."""


def rate_limits(headers: Mapping[str, str], now: float) -> RateLimits | None:
    """None when the headers say nothing. now: Unix time."""
    found: dict[str, dict[str, float]] = {}
    for name, value in headers.items():
        match = _HEADER.fullmatch(name.lower())
        if match is None:
            continue
        words = match[1].split("-")
        field = next((word for word in words if word in _FIELDS), None)
        if field is None:
            continue
        figure = _reset_at(value, now) if field == "reset" else _amount(value)
        if figure is not None:
            found.setdefault(_named([word for word in words if word != field]), {})[field] = figure
    limits = tuple(
        RateLimit(what, figures.get("limit"), figures.get("remaining"), figures.get("reset"))
        for what, figures in list(found.items())[:_MOST]
        if "limit" in figures or "remaining" in figures
    )
    return RateLimits(now, limits) if limits else None


def _named(words: list[str]) -> str:
    """`input tokens`, `tokens per minute`; requests where the provider does not say what it counts."""
    period = words[-1] if words and words[-1] in _PERIODS else ""
    rest = [_NOUNS.get(word, word) for word in (words[:-1] if period else words)]
    return f"{' '.join(rest) or 'requests'}{f' per {period}' if period else ''}"


def _amount(text: str) -> float | None:
    try:
        value = float(text.strip())
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _reset_at(text: str, now: float) -> float | None:
    """Unix time."""
    text = text.strip()
    seconds = _amount(text)
    if seconds is not None:
        if seconds >= _UNIX_TIME_FROM * 1000:
            return seconds / 1000
        return seconds if seconds >= _UNIX_TIME_FROM else now + seconds
    if (match := _DURATION.fullmatch(text)) and any(match.groups()):
        days, hours, minutes, plain, milli = (float(group or 0) for group in match.groups())
        return now + days * 86_400 + hours * 3_600 + minutes * 60 + plain + milli / 1000
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
