"""What is wrong with a connection, and who can help. The words for it are made in `advice` and `authorisation`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mcp_tui.core.errors import ErrorInfo


class Remedy(Enum):
    """What can help a connection that failed."""

    RETRY = "retry"
    PERSON = "person"
    """Nothing changes by itself: command not found, bad URL, not an MCP server."""
    AUTH = "auth"


@dataclass(frozen=True, slots=True)
class Fault:
    info: ErrorInfo
    remedy: Remedy = Remedy.RETRY
    retry_after_s: float | None = None
    refused: bool = False
    """HTTP said no to this kind of request: the other HTTP transport may be the right one."""
    harmless: bool = False
    """Nothing is wrong with the server: connect again at once."""
    closed: bool = False
    """The connection simply ended; the process' own words say more."""
