"""SQLite: a file opened `mode=ro`, `query_only`, and an authorizer that lets nothing else through."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote

from sqlalchemy import Connection, CursorResult, Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from mcp_tui.servers.database import scanner
from mcp_tui.servers.database.dialect import Facts, TableName, names_of
from mcp_tui.servers.database.faults import ONE_STATEMENT, READ_ONLY, DatabaseError
from mcp_tui.servers.database.jobs import WORKERS, Job
from mcp_tui.servers.database.settings import Target

MAX_VALUE_BYTES = 32 * 2**20
_STEPS = 5_000
"""Instructions of SQLite's machine between two looks at the clock: well under a millisecond."""
_BUSY_S = 5.0
_NAMED_PRAGMAS = frozenset(
    {
        "collation_list", "compile_options", "database_list", "foreign_key_list", "function_list", "index_info",
        "index_list", "index_xinfo", "module_list", "pragma_list", "table_info", "table_list", "table_xinfo",
    }
)  # fmt: skip
"""They only tell, with or without a name as their argument."""
_VALUE_PRAGMAS = frozenset(
    {
        "application_id", "data_version", "encoding", "foreign_keys", "freelist_count", "journal_mode", "page_count",
        "page_size", "query_only", "read_uncommitted", "schema_version", "user_version",
    }
)  # fmt: skip
"""They tell a value; with an argument they would set it."""
_READING = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})
# Prepared, they are still refused when run, by query_only and the mode of the file: with a better message.
_REFUSED_LATER = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})


_OUTSIDE = DatabaseError("nothing was run: `execute` changes what is in this database, not other files or settings")


class SQLite:
    name = "sqlite"

    def __init__(self, target: Target) -> None:
        self._target = target

    def engine(self, *, write: bool) -> Engine:
        def connect() -> sqlite3.Connection:
            return _connect(self._target, write=write)

        return create_engine(
            "sqlite://", creator=connect, poolclass=QueuePool, pool_size=WORKERS, max_overflow=0, pool_timeout=10
        )

    def prepare(self, connection: Connection, job: Job, *, write: bool) -> None:
        raw = _raw(connection)
        # The handler is asked by the thread that runs the statement: it sees the clock and a cancelled call alike.
        raw.set_progress_handler(lambda: 1 if job.is_over else 0, _STEPS)
        job.attach(raw.interrupt)

    def bound(self, sql: str, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """SQLite finds `:name` itself. Arrays and objects are bound as JSON text, for json_each()."""
        return sql, {
            name: json.dumps(value) if isinstance(value, list | dict) else value for name, value in given.items()
        }

    def stream(self, connection: Connection, sql: str, given: Mapping[str, Any]) -> CursorResult[Any]:
        return connection.exec_driver_sql(*self.bound(sql, given))

    def refused(self, sql: str) -> DatabaseError | None:
        return None

    def plan(self, connection: Connection, sql: str, given: Mapping[str, Any], *, analyze: bool) -> list[str]:
        if analyze:
            raise DatabaseError("SQLite cannot measure a plan: leave `analyze` out")
        statement = f"EXPLAIN QUERY PLAN {scanner.without_end(sql)}"
        depths: dict[int, int] = {0: -1}
        lines: list[str] = []
        for row in self.stream(connection, statement, given).mappings():
            node, parent, detail = int(row["id"]), int(row["parent"]), str(row["detail"])
            depths[node] = depths.get(parent, -1) + 1
            lines.append(f"{'  ' * depths[node]}{detail}")
        return lines

    def column_types(self, connection: Connection, result: CursorResult[Any]) -> list[str]:
        """A value has a type here, a column has none."""
        return ["" for _ in names_of(result)]

    def tables(self, connection: Connection, limit: int) -> list[TableName]:
        rows = connection.exec_driver_sql(
            "SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
            "AND type IN ('table', 'view', 'virtual') ORDER BY name LIMIT :limit",
            {"limit": limit},
        ).all()
        estimates = self._estimates(connection)
        kinds = {"virtual": "virtual table"}
        return [
            TableName("main", name, kinds.get(str(kind), str(kind)), "", estimates.get(name)) for name, kind in rows
        ]

    def _estimates(self, connection: Connection) -> dict[str, int]:
        """Of ANALYZE, where it was run: `stat` begins with the number of rows."""
        known = connection.exec_driver_sql("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'").first()
        if known is None:
            return {}
        rows = connection.exec_driver_sql("SELECT tbl, stat FROM sqlite_stat1").all()
        firsts = {table: str(stat).partition(" ")[0] for table, stat in rows}
        return {table: int(first) for table, first in firsts.items() if first.isdigit()}

    def deletions(self, connection: Connection, table: TableName) -> dict[tuple[str, ...], str]:
        rows = connection.exec_driver_sql(
            'SELECT id, "from", on_delete FROM pragma_foreign_key_list(:name) ORDER BY id, seq', {"name": table.name}
        ).all()
        columns: dict[int, list[str]] = {}
        actions: dict[int, str] = {}
        for number, column, action in rows:
            columns.setdefault(int(number), []).append(str(column))
            actions[int(number)] = str(action)
        return {tuple(columns[number]): actions[number] for number in columns if actions[number] != "NO ACTION"}

    def facts(self, connection: Connection) -> Facts:
        return Facts(f"SQLite {sqlite3.sqlite_version}", str(self._target.path), "")

    def fault(self, error: BaseException, *, write: bool) -> DatabaseError | None:
        if isinstance(error, DBAPIError):
            error = error.orig or error
        if not isinstance(error, sqlite3.Error | sqlite3.Warning):
            return None
        text = str(error)
        name = getattr(error, "sqlite_errorname", "") or ""
        if "one statement at a time" in text:
            return ONE_STATEMENT
        if name.startswith("SQLITE_READONLY") and write:
            return DatabaseError(f"{self._target.path} cannot be written: check its permissions", "unreachable")
        if name.startswith("SQLITE_READONLY") or name == "SQLITE_AUTH" or "not authorized" in text:
            return _OUTSIDE if write else READ_ONLY
        if name.startswith("SQLITE_CANTOPEN"):
            return self._not_opened()
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return DatabaseError(f"another program holds the database locked ({text}); try again", "unreachable")
        if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_IOERR")):
            return DatabaseError(f"{self._target.shown} cannot be read: {text}", "unreachable")
        if "too big" in text:
            return DatabaseError(f"a value is larger than {MAX_VALUE_BYTES >> 20} MiB: select a part of it", "limit")
        return DatabaseError(f"SQLite: {text}")

    def _not_opened(self) -> DatabaseError:
        path = self._target.path
        if path is None or not path.exists():
            return DatabaseError(f"there is no file {path} (DATABASE_URL)", "unreachable")
        return DatabaseError(
            f"{path} cannot be opened: check its permissions; a database in WAL mode on a read-only disk needs "
            f"{self._target.shown}?immutable=1",
            "unreachable",
        )


def _connect(target: Target, *, write: bool) -> sqlite3.Connection:
    options = f"mode={'rw' if write else 'ro'}{'&immutable=1' if target.immutable and not write else ''}"
    raw = sqlite3.connect(
        f"file:{quote(str(target.path))}?{options}",
        uri=True,
        timeout=_BUSY_S,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        raw.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        raw.text_factory = _text
        raw.execute("PRAGMA trusted_schema=OFF")
        if write:
            raw.execute("PRAGMA foreign_keys=ON")
            raw.set_authorizer(_authorize_writing)
        else:
            raw.execute("PRAGMA query_only=ON")
            raw.set_authorizer(_authorize_reading)
        # Only now is the file opened: its faults belong here.
        raw.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except BaseException:
        raw.close()
        raise
    return raw


def _text(data: bytes) -> str | bytes:
    """SQLite does not check what is stored as text."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _authorize_reading(action: int, first: str | None, second: str | None, _: str | None, __: str | None) -> int:
    if action in _READING or action in _REFUSED_LATER:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION:
        # fts3_tokenizer takes the address of code.
        return sqlite3.SQLITE_DENY if second in ("load_extension", "fts3_tokenizer") else sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA:
        name = (first or "").lower()
        allowed = name in _NAMED_PRAGMAS or (name in _VALUE_PRAGMAS and second is None)
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_DENY


def _authorize_writing(action: int, first: str | None, second: str | None, _: str | None, __: str | None) -> int:
    """Anything in this database, nothing in other files. VACUUM attaches a file without a name."""
    if action == sqlite3.SQLITE_ATTACH and first:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and second in ("load_extension", "fts3_tokenizer"):
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_SAVEPOINT:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and second is not None:
        name = (first or "").lower()
        allowed = name in _NAMED_PRAGMAS or name in ("user_version", "application_id", "optimize")
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _raw(connection: Connection) -> sqlite3.Connection:
    return cast(sqlite3.Connection, connection.connection.driver_connection)
