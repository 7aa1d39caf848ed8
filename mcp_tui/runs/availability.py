"""When another model may be asked instead: the first said nothing, because it cannot be had now."""

from __future__ import annotations

from mcp_tui.core.chat import Finished
from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.providers.registry import ModelRef

FALLBACK = "fallback"
"""The code of the ErrorInfo that tells the column about it."""

_WORDS = frozenset({
    "missing_key", "connect_failed", "connection_lost", "timeout", "insufficient_quota",
    # What providers call it inside a stream that began with status 200.
    "overloaded_error", "overloaded", "rate_limit_error", "rate_limit_exceeded", "api_error", "server_error",
    "internal_server_error", "timeout_error", "service_unavailable", "unavailable", "resource_exhausted",
})  # fmt: skip
_STATUSES = frozenset({402, 408, 429})


def is_unavailable(error: ErrorInfo) -> bool:
    """No connection, no key, too many requests, out of credit, overloaded or failing; not a refused request."""
    code = error.code.lower()
    if code in _WORDS:
        return True
    number = code.removeprefix("http_")
    if number.isdigit():
        return int(number) in _STATUSES or 500 <= int(number) < 600
    return error.kind is ErrorKind.UNREACHABLE


def said_nothing(finished: Finished) -> bool:
    return not finished.message.blocks and not finished.refusal


def because(ref: ModelRef, why: ErrorInfo) -> str:
    """`provider/model because WHY`"""
    return f"{ref} because {why.title}"


def notice(ref: ModelRef, why: ErrorInfo) -> ErrorInfo:
    """`ref` is asked now."""
    return ErrorInfo(f"fallback: {because(ref, why)}", why.detail, why.hint, why.kind, FALLBACK)
