"""How many tools one request may offer."""

from __future__ import annotations

from mcp_tui.core.errors import AppError, ErrorKind


def check_tool_count(provider: str, count: int, limit: int | None) -> None:
    """AppError (usage) above the limit: the provider would refuse the whole request."""
    if limit is not None and count > limit:
        raise AppError(
            f"Too many tools for {provider}",
            f"{count} are switched on, it accepts {limit}",
            "switch tools or servers off",
            kind=ErrorKind.USAGE,
            code="too_many_tools",
        )
