"""The database and its tables as resources."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import Any, TypeVar
from urllib.parse import quote

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    Resource,
    ResourceTemplateReference,
)

from mcp_tui.servers.database import catalog
from mcp_tui.servers.database.database import Database
from mcp_tui.servers.database.faults import DatabaseError

T = TypeVar("T")
OVERVIEW = "database://overview"
TABLE = "database://tables/{schema}/{table}"
MAX_LISTED = 200
"""Tables in the list of resources; the template reaches the others."""
_JSON = "application/json"
_log = logging.getLogger(__name__)


class DatabaseServer(MCPServer[Any]):
    """Lists the tables there are at the moment."""

    database: Database

    async def list_resources(self) -> list[Resource]:
        listed = await super().list_resources()
        try:
            tables = await self.database.tables()
        except DatabaseError as error:
            # The overview stays: reading it tells the reason, and the list is whole again when the database is back.
            _log.warning("tables are not listed: %s", error)
            return listed
        return listed + [
            Resource(
                uri=uri_of(one.schema, one.name),
                name=f"{one.schema}.{one.name}",
                title=one.name,
                description=one.comment or f"{one.kind.capitalize()}: columns, keys, indexes, number of rows.",
                mime_type=_JSON,
            )
            for one in tables[:MAX_LISTED]
        ]


def uri_of(schema: str, table: str) -> str:
    return f"database://tables/{quote(schema, safe='')}/{quote(table, safe='')}"


def add_resources(server: MCPServer[Any], database: Database) -> None:
    @server.resource(
        OVERVIEW, name="overview", title="Database", description="Version, role and all tables.", mime_type=_JSON
    )
    async def overview() -> str:
        return (await _found(catalog.overview(database))).model_dump_json(indent=2, by_alias=True)

    @server.resource(
        TABLE, name="table", title="Table", description="Columns, keys, indexes, number of rows.", mime_type=_JSON
    )
    async def table(schema: str, table: str) -> str:
        return (await _found(catalog.table(database, table, schema))).model_dump_json(indent=2, by_alias=True)

    @server.completion()
    async def complete(  # pyright: ignore[reportUnusedFunction]  # registered by its decorator
        _: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion:
        given = (context.arguments if context is not None else None) or {}
        try:
            tables = await database.tables()
        except DatabaseError as error:
            raise MCPError(INTERNAL_ERROR, str(error)) from error
        schema = given.get("schema")
        names = (
            dict.fromkeys(one.schema for one in tables)
            if argument.name == "schema"
            else dict.fromkeys(one.name for one in tables if not schema or one.schema == schema)
        )
        typed = argument.value.lower()
        values = [name for name in names if name.lower().startswith(typed)]
        return Completion(values=values[:100], total=len(values), has_more=len(values) > 100)


async def _found(work: Awaitable[T]) -> T:
    try:
        return await work
    except DatabaseError as error:
        kind = ResourceNotFoundError if error.kind == "not_found" else ResourceError
        raise kind(str(error)) from error
