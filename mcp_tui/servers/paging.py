"""Lists in pages, for servers whose lists grow long."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
)

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext
    from mcp.server.mcpserver import MCPServer

_FIELDS = {
    "tools/list": "tools",
    "resources/list": "resources",
    "resources/templates/list": "resource_templates",
    "prompts/list": "prompts",
}
_Page = ListToolsResult | ListResourcesResult | ListResourceTemplatesResult | ListPromptsResult


def paginate(server: MCPServer[Any], sizes: Mapping[str, int]) -> None:
    """sizes: list method -> entries of a page."""
    for method, size in sizes.items():
        _paginate(server, method, size)


def _paginate(server: MCPServer[Any], method: str, size: int) -> None:
    # MCPServer answers every list whole.
    lowlevel = server._lowlevel_server  # pyright: ignore[reportPrivateUsage]
    entry = lowlevel.get_request_handler(method)
    assert entry is not None, method
    field = _FIELDS[method]

    async def page(context: ServerRequestContext[Any], params: PaginatedRequestParams) -> _Page:
        whole: _Page = await entry.handler(context, params)  # pyright: ignore[reportAssignmentType]  as registered
        entries: list[Any] = getattr(whole, field)
        start = _start(params.cursor, len(entries))
        end = start + size
        return whole.model_copy(
            update={field: entries[start:end], "next_cursor": _cursor(end) if end < len(entries) else None}
        )

    lowlevel.add_request_handler(method, PaginatedRequestParams, page)


def _cursor(start: int) -> str:
    return base64.urlsafe_b64encode(f"from {start}".encode()).decode()


def _start(cursor: str | None, count: int) -> int:
    """MCPError for a cursor that no page of this list gave."""
    if cursor is None:
        return 0
    try:
        word, _, number = base64.b64decode(cursor, altchars=b"-_", validate=True).decode().partition(" ")
        start = int(number)
    except (binascii.Error, ValueError):
        word, start = "", -1
    if word != "from" or not 0 < start < count:
        raise MCPError(code=INVALID_PARAMS, message="this cursor is not known (any more); start at the first page")
    return start
