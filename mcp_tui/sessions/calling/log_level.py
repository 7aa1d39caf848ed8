"""What a server is to log, as a person orders it while the program runs."""

from __future__ import annotations

from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.names import known_names_hint
from mcp_tui.core.tasks import LOG_LEVELS
from mcp_tui.sessions.calling.calls import Source
from mcp_tui.sessions.resource_watch import send_log_level


async def set_log_level(source: Source, level: str) -> None:
    """AppError: "bad_level", or "rejected" with what the server says. 2026-07-28: nothing is sent now."""
    title = f"{source.spec.name}: the log level was not set"
    if level not in LOG_LEVELS:
        hint = known_names_hint(level, LOG_LEVELS, what="levels")
        detail = f"there is no level {level[:40]!r}"
        raise AppError(title, detail, hint, kind=ErrorKind.USAGE, code="bad_level")
    connection = await source.usable()
    if not connection.modern:
        if connection.client.server_capabilities.logging is None:
            refused = "the server does not say that it logs"
        else:
            refused = await send_log_level(connection, level)
        if refused:
            raise AppError(title, refused, kind=ErrorKind.TOOL, code="rejected")
    source.announcements.log_level = level
    source.changed()
