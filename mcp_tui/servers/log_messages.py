"""Log messages to the client, at the level it asked for, in both protocol eras.

Clients of the handshake era set a level for their connection (`logging/setLevel`); from 2026-07-28 on they name one
with each request, and the SDK obeys it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from mcp.server.mcpserver import Context
from mcp_types import EmptyResult, LoggingLevel, SetLevelRequestParams

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext
    from mcp.server.mcpserver import MCPServer
    from mcp.server.session import ServerSession

LEVELS: tuple[LoggingLevel, ...] = get_args(LoggingLevel)
"""From debug to emergency."""
_STATE_KEY = "log level"


def serve_log_levels(server: MCPServer[Any]) -> None:
    """Announce logging, and keep the level of each connection."""

    async def set_level(context: ServerRequestContext[Any], params: SetLevelRequestParams) -> EmptyResult:
        _state(context.session)[_STATE_KEY] = params.level
        return EmptyResult()

    # MCPServer has no public way to serve what the newest protocol dropped.
    lowlevel = server._lowlevel_server  # pyright: ignore[reportPrivateUsage]
    lowlevel.add_request_handler("logging/setLevel", SetLevelRequestParams, set_level)


async def log(context: Context[Any, Any], level: LoggingLevel, data: object, *, logger: str) -> None:
    """To the client whose request this is, unless it asked for more severe ones only. data: any JSON value."""
    least: LoggingLevel = _state(context.session).get(_STATE_KEY, "debug")
    if LEVELS.index(level) >= LEVELS.index(least):
        await context.log(level, data, logger_name=logger)  # pyright: ignore[reportDeprecated]  still shown by clients


def _state(session: ServerSession) -> dict[str, Any]:
    return session._connection.state  # pyright: ignore[reportPrivateUsage]  reached by no public way
