"""PostgreSQL: read-only transactions, and cursors that hold a single SELECT, checked by the server itself.

`DECLARE ... CURSOR FOR` goes over the extended protocol, where the server takes one statement only, and it takes
no COPY, no CALL and no WITH that changes data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import psycopg
from psycopg.types import datetime as pg_datetime
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, CursorResult, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from mcp_tui.core.text import clean_line
from mcp_tui.servers.database import scanner
from mcp_tui.servers.database.dialect import Facts, TableName
from mcp_tui.servers.database.faults import ONE_STATEMENT, READ_ONLY, DatabaseError
from mcp_tui.servers.database.jobs import WORKERS, Job
from mcp_tui.servers.database.settings import Target
from mcp_tui.servers.database.values import exact_json

_CONNECT_S = 10
_CANCEL_S = 5.0
_TABLES = """
SELECT n.nspname, c.relname, c.relkind::text, obj_description(c.oid, 'pg_class'), c.reltuples::bigint
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND has_schema_privilege(n.oid, 'USAGE')
ORDER BY n.nspname, c.relname LIMIT %(limit)s
"""
_KINDS = {"r": "table", "p": "partitioned table", "v": "view", "m": "materialized view", "f": "foreign table"}


class PostgreSQL:
    name = "postgresql"

    def __init__(self, target: Target) -> None:
        self._target = target

    def engine(self, *, write: bool) -> Engine:
        url = self._target.url
        options: dict[str, Any] = {"application_name": "mcp-tui", "connect_timeout": _CONNECT_S}
        made = create_engine(
            url,
            pool_size=WORKERS,
            max_overflow=0,
            pool_timeout=10,
            pool_recycle=1800,
            # A connection that died in the pool is replaced before anything is sent over it.
            pool_pre_ping=True,
            pool_reset_on_return=None,
            use_native_hstore=False,
            json_deserializer=exact_json,
            connect_args={
                **{key: value for key, value in options.items() if key not in url.query},
                # What DISCARD ALL forgets must not be prepared.
                "prepare_threshold": None,
            },
        )
        event.listen(made, "connect", _connected)
        event.listen(made, "reset", _reset)
        return made.execution_options(postgresql_readonly=True) if not write else made

    def prepare(self, connection: Connection, job: Job, *, write: bool) -> None:
        limit_ms = max(1, round(job.remaining_s() * 1000))
        raw = _raw(connection)
        job.attach(lambda: raw.cancel_safe(timeout=_CANCEL_S))
        row = connection.exec_driver_sql(
            "SELECT current_setting('transaction_read_only'), set_config('statement_timeout', %(ms)s, true), "
            "set_config('lock_timeout', %(lock_ms)s, true), set_config('datestyle', 'ISO', true), "
            "set_config('intervalstyle', 'postgres', true), set_config('extra_float_digits', '1', true)",
            # The lock first: its message says more.
            {"ms": str(limit_ms), "lock_ms": str(max(1, limit_ms * 8 // 10))},
        ).one()
        if not write and row[0] != "on":
            raise DatabaseError("the database did not open a read-only transaction: nothing was run", "read_only")

    def bound(self, sql: str, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        values = {name: Jsonb(value) if isinstance(value, dict) else value for name, value in given.items()}
        return scanner.pyformat(sql, values), values

    def stream(self, connection: Connection, sql: str, given: Mapping[str, Any]) -> CursorResult[Any]:
        streaming = connection.execution_options(stream_results=True, max_row_buffer=100)
        return streaming.exec_driver_sql(*self.bound(scanner.without_end(sql), given))

    def refused(self, sql: str) -> DatabaseError | None:
        word = scanner.first_word(sql)
        if word in ("", "SELECT", "WITH", "VALUES", "TABLE"):
            return None
        if word in ("EXPLAIN", "SHOW"):
            other = "use `explain`" if word == "EXPLAIN" else "use SELECT current_setting('NAME')"
            return DatabaseError(f"`query` takes SELECT, WITH, VALUES or TABLE, not {word}: {other}")
        return READ_ONLY

    def plan(self, connection: Connection, sql: str, given: Mapping[str, Any], *, analyze: bool) -> list[str]:
        statement, values = self.bound(scanner.without_end(sql), given)
        options = "ANALYZE, BUFFERS, FORMAT TEXT" if analyze else "FORMAT TEXT"
        # binary: it makes the driver use the extended protocol, in which the server takes one statement only.
        with _raw(connection).cursor(binary=True) as cursor:
            # The text is what the caller wants planned; the transaction is read-only.
            cursor.execute(f"EXPLAIN ({options}) {statement}".encode(), values)
            return [str(line) for (line,) in cursor.fetchall()]

    def column_types(self, connection: Connection, result: CursorResult[Any]) -> list[str]:
        cursor = cast("psycopg.Cursor[Any]", result.cursor)
        types = _raw(connection).adapters.types
        names: list[str] = []
        for column in cursor.description or []:
            known = types.get(column.type_code)
            array = known is not None and column.type_code == known.array_oid
            names.append("" if known is None else f"{known.name}[]" if array else known.name)
        return names

    def tables(self, connection: Connection, limit: int) -> list[TableName]:
        rows = connection.exec_driver_sql(_TABLES, {"limit": limit}).all()
        return [
            # Never analysed: -1, or 0 before PostgreSQL 14.
            TableName(schema, name, _KINDS[kind], comment or "", estimate if estimate > 0 else None)
            for schema, name, kind, comment, estimate in rows
        ]

    def deletions(self, connection: Connection, table: TableName) -> dict[tuple[str, ...], str]:
        return {}

    def facts(self, connection: Connection) -> Facts:
        version, database, role, powerful = connection.exec_driver_sql(
            "SELECT current_setting('server_version'), current_database(), current_user, "
            "(SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)"
        ).one()
        warning = (
            f"the role {role} is a superuser: its functions can reach files and programs of the database server "
            "even in a read-only transaction; connect with a role that may only SELECT"
        )
        return Facts(f"PostgreSQL {version}", database, role, (warning,) if powerful else ())

    def fault(self, error: BaseException, *, write: bool) -> DatabaseError | None:
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        if isinstance(error, PoolTimeoutError):
            return DatabaseError(f"all {WORKERS} connections are busy: nothing was run; try again", "limit")
        if isinstance(error, DBAPIError):
            error = error.orig or error
        if not isinstance(error, psycopg.Error):
            return None
        said = self._said(error)
        match error.sqlstate:
            case "57014":
                return DatabaseError(said, "limit")
            case "25006":
                # A standby refuses changes to everybody.
                return DatabaseError(f"PostgreSQL: {said}") if write else READ_ONLY
            case "42601" if "multiple commands" in said:
                return ONE_STATEMENT
            case "0A000" if "data-modifying" in said:
                return READ_ONLY
            case "42501":
                return DatabaseError(f"{said}: the role of DATABASE_URL lacks the right")
            case "55P03":
                return DatabaseError(f"{said}: another transaction holds a lock; try again", "limit")
            case None if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
                return self._unreachable(said)
            case str(state) if lost or state[:2] in ("08", "28", "3D", "53", "57"):
                return self._unreachable(said)
            case _:
                return DatabaseError(f"PostgreSQL: {said}")

    def _unreachable(self, said: str) -> DatabaseError:
        return DatabaseError(
            f"{self._target.shown} cannot be reached: {said} (check DATABASE_URL and the server; the next call tries "
            "again)",
            "unreachable",
        )

    def _said(self, error: psycopg.Error) -> str:
        detail = error.diag
        parts = [detail.message_primary or str(error)]
        parts += [part for part in (detail.message_detail, detail.message_hint) if part]
        return self._target.without_secrets(clean_line("; ".join(parts))[:1000])


class _Date(pg_datetime.DateLoader):
    """What Python's calendar cannot hold, such as `infinity`, stays the server's text."""

    def load(self, data: Any) -> Any:
        return _loaded(super().load, data)


class _Timestamp(pg_datetime.TimestampLoader):
    def load(self, data: Any) -> Any:
        return _loaded(super().load, data)


class _TimestampTz(pg_datetime.TimestamptzLoader):
    def load(self, data: Any) -> Any:
        return _loaded(super().load, data)


class _Interval(pg_datetime.IntervalLoader):
    """Python's timedelta has no months: an interval stays the server's text."""

    def load(self, data: Any) -> Any:
        return bytes(data).decode()


def _loaded(load: Any, data: Any) -> Any:
    try:
        return load(data)
    except psycopg.DataError:
        return bytes(data).decode()


def _connected(raw: psycopg.Connection[Any], _: object) -> None:
    for name, loader in (
        ("date", _Date),
        ("timestamp", _Timestamp),
        ("timestamptz", _TimestampTz),
        ("interval", _Interval),
    ):
        raw.adapters.register_loader(name, loader)


def _reset(raw: psycopg.Connection[Any], _: object, state: Any) -> None:
    """Nothing that a statement left in its session, such as an advisory lock, reaches the next one."""
    if state.terminate_only or raw.closed:
        return
    raw.rollback()
    raw.autocommit = True
    try:
        raw.execute("DISCARD ALL")
    finally:
        raw.autocommit = False


def _raw(connection: Connection) -> psycopg.Connection[Any]:
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)
