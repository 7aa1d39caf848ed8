"""The tools of the database server: one method each, its schema is its signature."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Any, TypeVar

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from mcp_tui.servers.database import catalog
from mcp_tui.servers.database.database import Database, Rows
from mcp_tui.servers.database.faults import DatabaseError
from mcp_tui.servers.database.settings import Limits
from mcp_tui.servers.results import answer
from mcp_tui.servers.tool_hints import hints

T = TypeVar("T")
Statement = Annotated[str, Field(min_length=1, max_length=100_000, description="One statement; values as :name.")]
Parameters = Annotated[dict[str, Any], Field(description='Values of :name in the statement. Bytes: {"base64": "..."}.')]
MaxRows = Annotated[int | None, Field(ge=1, description="Fewer than the server's own limit.")]
Seconds = Annotated[float | None, Field(gt=0, description="Shorter than the server's own limit.")]


class ResultColumn(BaseModel):
    name: str
    type: str


class QueryResult(BaseModel):
    """Cells: see the `query` tool."""

    columns: list[ResultColumn]
    rows: list[list[Any]]
    row_count: Annotated[int, Field(description="Of the rows given here.")]
    truncated: Annotated[bool, Field(description="There are more rows than the limits allow.")]
    note: str
    elapsed_ms: int


class Plan(BaseModel):
    lines: list[str]
    analyzed: Annotated[bool, Field(description="The statement was run, and measured.")]


class Change(BaseModel):
    rows_affected: Annotated[int | None, Field(description="null where the database does not tell.")]
    columns: list[ResultColumn]
    rows: Annotated[list[list[Any]], Field(description="Of RETURNING.")]
    truncated: bool
    elapsed_ms: int


class DatabaseTools:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_tables(self) -> Annotated[CallToolResult, catalog.TableList]:
        """Tables and views that can be queried, with estimated row counts."""
        return answer(await _told(catalog.table_list(self._database)))

    async def describe_table(
        self,
        table: Annotated[str, Field(max_length=300)],
        schema: Annotated[str, Field(max_length=300, description="Where the name alone is not unique.")] = "",
    ) -> Annotated[CallToolResult, catalog.Table]:
        """Columns, keys, indexes and size of one table or view. Look here before writing a query."""
        return answer(await _told(catalog.table(self._database, table, schema)))

    async def query(
        self,
        sql: Statement,
        params: Parameters = {},  # noqa: B006
        max_rows: MaxRows = None,
        timeout_s: Seconds = None,
    ) -> Annotated[CallToolResult, QueryResult]:
        """Run one SELECT (or WITH, VALUES, TABLE); the database refuses to change anything.

        Pass values as `params`, never pasted into the statement. Decimals, big integers, dates and NaN come as
        text, bytes as {"base64", "bytes"}, a long value as {"text", "characters"} with its beginning.
        """
        limits = self._limits(max_rows, timeout_s)
        rows = await _told(self._database.query(sql, params, limits))
        return answer(
            QueryResult(
                columns=_columns(rows),
                rows=rows.rows,
                row_count=len(rows.rows),
                truncated=bool(rows.truncated),
                note=_note(rows, limits),
                elapsed_ms=round(rows.elapsed_s * 1000),
            )
        )

    async def explain(
        self,
        sql: Statement,
        params: Parameters = {},  # noqa: B006
        analyze: Annotated[bool, Field(description="Run it too, in a read-only transaction (PostgreSQL).")] = False,
    ) -> Annotated[CallToolResult, Plan]:
        """How the database would run a statement. Nothing is changed."""
        return answer(Plan(lines=await _told(self._database.plan(sql, params, analyze=analyze)), analyzed=analyze))

    async def execute(
        self,
        sql: Statement,
        params: Parameters = {},  # noqa: B006
        timeout_s: Seconds = None,
    ) -> Annotated[CallToolResult, Change]:
        """Change data or tables: one statement in a transaction of its own, committed at once. Cannot be undone."""
        rows = await _told(self._database.execute(sql, params, self._limits(None, timeout_s)))
        return answer(
            Change(
                rows_affected=rows.affected,
                columns=_columns(rows),
                rows=rows.rows,
                truncated=bool(rows.truncated),
                elapsed_ms=round(rows.elapsed_s * 1000),
            )
        )

    def _limits(self, max_rows: int | None, timeout_s: float | None) -> Limits:
        own = self._database.limits
        return Limits(
            rows=min(own.rows, max_rows or own.rows),
            bytes=own.bytes,
            seconds=min(own.seconds, timeout_s or own.seconds),
        )


def add_tools(server: MCPServer[Any], database: Database) -> None:
    tools = DatabaseTools(database)
    for tool, title in (
        (tools.list_tables, "List tables"),
        (tools.describe_table, "Describe a table"),
        (tools.query, "Query"),
        (tools.explain, "Explain a query"),
    ):
        server.add_tool(tool, annotations=hints(title, read_only=True))
    if database.write:
        server.add_tool(tools.execute, annotations=hints("Execute a change", destructive=True))


def _columns(rows: Rows) -> list[ResultColumn]:
    return [ResultColumn(name=name, type=kind) for name, kind in rows.columns]


def _note(rows: Rows, limits: Limits) -> str:
    if rows.truncated == "rows":
        return f"only the first {limits.rows} rows: narrow it with WHERE, count with count(*), or page with LIMIT"
    if rows.truncated == "bytes":
        return f"only the first rows, {limits.bytes} bytes of them: select fewer columns, or parts of long values"
    return ""


async def _told(work: Awaitable[T]) -> T:
    """Faults of the database and the statement are the caller's to read."""
    try:
        return await work
    except DatabaseError as error:
        raise ToolError(str(error)) from error
