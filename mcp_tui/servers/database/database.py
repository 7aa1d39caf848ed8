"""One database: what it holds, queries that only read, statements that change."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, CursorResult, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from mcp_tui.servers.database import scanner, values
from mcp_tui.servers.database.dialect import Dialect, Facts, TableName, names_of
from mcp_tui.servers.database.faults import ONE_STATEMENT, DatabaseError
from mcp_tui.servers.database.jobs import Job, Jobs
from mcp_tui.servers.database.settings import Limits, Target

T = TypeVar("T")
MAX_TABLES = 1000
_TRANSACTION_WORDS = frozenset(
    {"ABORT", "BEGIN", "COMMIT", "END", "PREPARE", "RELEASE", "ROLLBACK", "SAVEPOINT", "START"}
)
_TYPE_NAMES: dict[type[object], str] = {int: "integer", float: "real", str: "text", bytes: "blob"}


@dataclass(frozen=True, slots=True)
class Rows:
    """columns: (name, type). truncated: "", "rows" or "bytes", whichever limit cut. affected: None = not told."""

    columns: list[tuple[str, str]]
    rows: list[list[Any]]
    truncated: str
    elapsed_s: float
    affected: int | None = None


def dialect_of(target: Target) -> Dialect:
    if target.kind == "sqlite":
        from mcp_tui.servers.database.sqlite import SQLite

        return SQLite(target)
    from mcp_tui.servers.database.postgresql import PostgreSQL

    return PostgreSQL(target)


class Database:
    """Its methods raise DatabaseError. `close` when the server ends."""

    def __init__(self, target: Target, limits: Limits, *, write: bool) -> None:
        self.target = target
        self.limits = limits
        self.write = write
        self.dialect = dialect_of(target)
        self._jobs = Jobs()
        self._reading = self.dialect.engine(write=False)
        self._writing: Engine | None = self.dialect.engine(write=True) if write else None

    def close(self) -> None:
        self._jobs.close()
        self._reading.dispose()
        if self._writing is not None:
            self._writing.dispose()

    async def facts(self) -> Facts:
        return await self.read(lambda connection, _: self.dialect.facts(connection))

    async def tables(self) -> list[TableName]:
        """At most MAX_TABLES."""
        return await self.read(lambda connection, _: self.dialect.tables(connection, MAX_TABLES))

    async def query(self, sql: str, given: Mapping[str, Any], limits: Limits) -> Rows:
        bound = values.parameters(given)
        self._check(sql)

        def work(connection: Connection, job: Job) -> Rows:
            started = time.monotonic()
            with self.dialect.stream(connection, sql, bound) as result:
                return self._collected(connection, result, limits, job, started)

        try:
            return await self.read(work, limits.seconds)
        except DatabaseError as error:
            better = self.dialect.refused(sql) if error.kind == "statement" else None
            if better is None:
                raise
            raise better from error

    async def plan(self, sql: str, given: Mapping[str, Any], *, analyze: bool) -> list[str]:
        bound = values.parameters(given)
        self._check(sql)
        return await self.read(lambda connection, _: self.dialect.plan(connection, sql, bound, analyze=analyze))

    async def execute(self, sql: str, given: Mapping[str, Any], limits: Limits) -> Rows:
        """One statement in a transaction of its own, committed when it succeeds."""
        if self._writing is None:
            raise DatabaseError("this server only reads; start it with --write to change data", "read_only")
        engine = self._writing
        statement, bound = self.dialect.bound(sql, values.parameters(given))
        self._check(sql)
        if scanner.first_word(sql) in _TRANSACTION_WORDS:
            raise DatabaseError("each call is a transaction of its own, committed at once: nothing was run")

        def work(job: Job) -> Rows:
            started = time.monotonic()
            committing = False
            try:
                with self._connected(engine, job, write=True) as connection:
                    result = connection.exec_driver_sql(statement, bound)
                    rows = self._changed(connection, result, limits, job, started)
                    job.detach()
                    committing = True
                    connection.commit()
                    return rows
            except Exception as error:
                if committing and not isinstance(error, DatabaseError) and _is_lost(error):
                    raise DatabaseError(
                        "the connection broke while the change was being committed: its outcome is unknown; look "
                        "before you try again",
                        "unknown_outcome",
                    ) from error
                raise self._told(error, job, write=True) from error

        return await self._jobs.run(work, limits.seconds)

    async def read(self, work: Callable[[Connection, Job], T], seconds: float | None = None) -> T:
        """`work` in a read-only transaction; once more when the connection turns out to be dead."""

        def run(job: Job) -> T:
            for again in (True, False):
                try:
                    with self._connected(self._reading, job, write=False) as connection:
                        return work(connection, job)
                except Exception as error:
                    if again and not job.is_over and _is_lost(error):
                        continue
                    raise self._told(error, job, write=False) from error
            raise AssertionError("the second attempt returns or raises")

        return await self._jobs.run(run, self.limits.seconds if seconds is None else seconds)

    @contextmanager
    def _connected(self, engine: Engine, job: Job, *, write: bool) -> Generator[Connection]:
        job.check()
        with engine.connect() as connection:
            try:
                self.dialect.prepare(connection, job, write=write)
                yield connection
            finally:
                # Before the connection goes back: the next one who has it must not be interrupted.
                job.detach()

    def _collected(
        self, connection: Connection, result: CursorResult[Any], limits: Limits, job: Job, started: float
    ) -> Rows:
        names, types = names_of(result), self.dialect.column_types(connection, result)
        seen: list[dict[str, None]] = [{} for _ in names]
        rows: list[list[Any]] = []
        size_bytes, truncated = 0, ""
        for row in result:
            if len(rows) >= limits.rows:
                truncated = "rows"
                break
            cells = [values.encoded(cell) for cell in row]
            size_bytes += len(json.dumps(cells, ensure_ascii=False).encode("utf-8", "replace"))
            if rows and size_bytes > limits.bytes:
                truncated = "bytes"
                break
            rows.append(cells)
            for kinds, cell in zip(seen, row, strict=True):
                if cell is not None:
                    kind = cast(type[object], type(cell))
                    kinds[_TYPE_NAMES.get(kind, kind.__name__)] = None
            job.check()
        told = [known or " or ".join(kinds) for known, kinds in zip(types, seen, strict=True)]
        return Rows(list(zip(names, told, strict=True)), rows, truncated, time.monotonic() - started)

    def _changed(
        self, connection: Connection, result: CursorResult[Any], limits: Limits, job: Job, started: float
    ) -> Rows:
        affected = result.rowcount if result.rowcount >= 0 else None
        if not result.returns_rows:
            return Rows([], [], "", time.monotonic() - started, affected)
        rows = self._collected(connection, result, limits, job, started)
        if affected is None and not rows.truncated:
            affected = len(rows.rows)
        return Rows(rows.columns, rows.rows, rows.truncated, rows.elapsed_s, affected)

    def _check(self, sql: str) -> None:
        if not scanner.first_word(sql) and not sql.strip(" \n\t;("):
            raise DatabaseError("the statement is empty")
        if "\0" in sql:
            raise DatabaseError("the statement holds a NUL character")
        if not scanner.is_single(sql):
            raise ONE_STATEMENT

    def _told(self, error: Exception, job: Job, *, write: bool) -> Exception:
        """The error in words; what is a fault of this program stays what it is."""
        if isinstance(error, DatabaseError):
            return error
        if job.is_over:
            return job.ended()
        fault = self.dialect.fault(error, write=write)
        if fault is not None:
            return fault
        if isinstance(error, SQLAlchemyError):
            text = f"{type(error).__name__}: {error.args[0] if error.args else ''}"
            return DatabaseError(self.target.without_secrets(text)[:500])
        return error


def _is_lost(error: Exception) -> bool:
    """The connection had died: nothing came of what was sent over it."""
    return isinstance(error, DBAPIError) and error.connection_invalidated
