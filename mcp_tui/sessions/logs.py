"""What the SDK logs belongs to the server it is about, never on the terminal."""

from __future__ import annotations

import logging
import warnings
from contextvars import ContextVar

from mcp_tui.sessions.transport.stderr import Notices

_LOGGERS = ("client", "mcp", "httpx2", "httpcore2")
_KNOWN = (
    "Failed to parse JSONRPC message",  # counted by the tap
    "dropping tool",  # named in the catalog's warnings
    "Error parsing",
    "Error in",  # the end of a stream, which the status tells
    "Session termination failed",  # of a server that is gone anyway
)
_MAX_CHARS = 300

NOTICES: ContextVar[Notices | None] = ContextVar("notices", default=None)
"""Of the server whose task (or a task started from it) is running: where the SDK's log records go."""


class _ToNotices(logging.Handler):
    """A handler of its own also keeps `logging.lastResort` (standard error) out."""

    def emit(self, record: logging.LogRecord) -> None:
        notices = NOTICES.get()
        if notices is None:
            return
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
        if not text.startswith(_KNOWN):
            notices.add(f"MCP: {text.partition(chr(10))[0][:_MAX_CHARS]}")


class SdkLogs:
    """Attached while a manager is open; several managers may be."""

    def __init__(self) -> None:
        self._handler = _ToNotices(logging.WARNING)

    def attach(self) -> None:
        for name in _LOGGERS:
            logging.getLogger(name).addHandler(self._handler)

    def detach(self) -> None:
        for name in _LOGGERS:
            logging.getLogger(name).removeHandler(self._handler)


def quiet_deprecations() -> None:
    """The SDK warns about every use of what 2026-07-28 removed; older servers need it. Needs `mcp` imported."""
    from mcp.shared.exceptions import MCPDeprecationWarning

    warnings.filterwarnings("ignore", category=MCPDeprecationWarning)
