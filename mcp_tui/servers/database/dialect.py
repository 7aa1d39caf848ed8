"""What SQLite and PostgreSQL do each in their own way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, CursorResult, Engine

from mcp_tui.servers.database.faults import DatabaseError
from mcp_tui.servers.database.jobs import Job


@dataclass(frozen=True, slots=True)
class TableName:
    """kind: table, view, materialized view, foreign table, partitioned table, virtual table.

    row_estimate: of the planner's statistics, None where there are none.
    """

    schema: str
    name: str
    kind: str
    comment: str = ""
    row_estimate: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Who is connected where. warnings: what a careful owner would change."""

    version: str
    database: str
    role: str
    warnings: tuple[str, ...] = ()


class Dialect(Protocol):
    """Everything here runs in a thread of `Jobs`; the errors are those of SQLAlchemy and the driver."""

    name: str

    def engine(self, *, write: bool) -> Engine:
        """A pool of its own. Without `write`, the database itself refuses changes."""
        ...

    def prepare(self, connection: Connection, job: Job, *, write: bool) -> None:
        """Put the job's limits on this connection, and let it interrupt what runs there."""
        ...

    def bound(self, sql: str, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The statement and its parameters as the driver takes them."""
        ...

    def stream(self, connection: Connection, sql: str, given: Mapping[str, Any]) -> CursorResult[Any]:
        """Run a reading statement; its rows come as they are asked for."""
        ...

    def refused(self, sql: str) -> DatabaseError | None:
        """Why `stream` failed, where the kind of the statement tells it better than the database did."""
        ...

    def plan(self, connection: Connection, sql: str, given: Mapping[str, Any], *, analyze: bool) -> list[str]: ...

    def column_types(self, connection: Connection, result: CursorResult[Any]) -> list[str]:
        """The database's names for the types of the columns, "" where it does not tell."""
        ...

    def tables(self, connection: Connection, limit: int) -> list[TableName]: ...

    def facts(self, connection: Connection) -> Facts: ...

    def deletions(self, connection: Connection, table: TableName) -> dict[tuple[str, ...], str]:
        """ON DELETE of the foreign keys over these columns, where SQLAlchemy does not read it."""
        ...

    def fault(self, error: BaseException, *, write: bool) -> DatabaseError | None:
        """The driver's error in words; None for one it does not know. write: of `execute`."""
        ...


def names_of(result: CursorResult[Any]) -> Sequence[str]:
    return list(result.keys())
