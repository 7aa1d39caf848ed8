"""What every model call used and cost: one row per call, shared by all processes of the person.

A call is a row from the moment it is sent (`open`), brought up to date while it streams, so that a program that is
killed has left an honest estimate. An open row also holds money back (`reserved_usd`): a limit per day then counts
what other processes may still spend. Rows hold names and figures, never text and never keys.
"""

from __future__ import annotations

import logging
import os
import platform
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Literal

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.json_values import is_integer
from mcp_tui.core.state import Usage
from mcp_tui.store.database import DatabaseThread, is_damage, open_private, transaction

logger = logging.getLogger(__name__)

CallStatus = Literal["open", "ok", "incomplete", "error", "cancelled", "lost"]
"""`lost`: its process ended without saying how the call ended; the figures are the last estimate."""
Grouping = Literal["provider", "model", "day"]

DEMO = "demo"
"""The provider whose models cost nothing because they are none."""

STALE_S = 900.0
"""An open row that nobody touched for so long does not hold money back any more: the longest wait for a first
event, with every retry, is shorter."""
_MAX_PENDING = 10_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    id TEXT PRIMARY KEY,
    at REAL NOT NULL,
    day TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    run TEXT NOT NULL,
    "column" TEXT NOT NULL,
    status TEXT NOT NULL,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cached_input_tokens INTEGER,
    cache_write_tokens INTEGER,
    reasoning_tokens INTEGER,
    tokens_are_estimate INTEGER NOT NULL,
    cost_usd REAL,
    cost_is_estimate INTEGER NOT NULL,
    cached INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    ttft_ms REAL,
    latency_ms REAL,
    reserved_usd REAL NOT NULL,
    touched REAL NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS calls_by_day ON calls (day);
CREATE INDEX IF NOT EXISTS calls_open ON calls (status) WHERE status = 'open';
"""


@dataclass(frozen=True, slots=True)
class CallUsage:
    """One model call. Fields up to `latency_ms` are columns of the table, in its order after `day`."""

    id: str
    """Unique for ever, not only in this process."""
    at: float
    """When it was sent, seconds since the epoch."""
    provider: str
    model: str
    run: str
    column: str
    status: CallStatus = "open"
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    tokens_are_estimate: bool = True
    cost_usd: float | None = None
    """None: no price is known, or nothing was used."""
    cost_is_estimate: bool = True
    cached: bool = False
    """Replayed from the response cache: the tokens are those of the original, and cost nothing."""
    attempts: int = 0
    ttft_ms: float | None = None
    latency_ms: float | None = None

    def used(self, usage: Usage, *, estimate: bool) -> CallUsage:
        return replace(
            self,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_input_tokens=usage.cached_input_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            reasoning_tokens=usage.reasoning_tokens,
            tokens_are_estimate=estimate,
        )

    @property
    def day(self) -> str:
        """ISO date on the person's own calendar."""
        return day_of(self.at)


_COLUMNS = (*(field.name for field in fields(CallUsage)), "day", "reserved_usd", "touched", "host", "pid")
_UPSERT_KEEPING = (
    "INSERT INTO calls ({}) VALUES ({}) ON CONFLICT (id) DO UPDATE SET {}".format(
        ", ".join(f'"{name}"' for name in _COLUMNS),
        ", ".join("?" * len(_COLUMNS)),
        ", ".join(f'"{name}" = excluded."{name}"' for name in _COLUMNS if name not in ("id", "reserved_usd")),
    )
)  # fmt: skip
_UPSERT = _UPSERT_KEEPING + ", reserved_usd = excluded.reserved_usd"


@dataclass(frozen=True, slots=True)
class UsageTotal:
    """Several calls added up. Tokens leave out cached replays; `key` is what they were grouped by."""

    key: tuple[str, ...]
    calls: int
    cached_calls: int
    failed_calls: int
    unpriced_calls: int
    """Used tokens, but no price is known: not part of `cost_usd`."""
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    reasoning_tokens: int
    tokens_are_estimate: bool
    cost_usd: float
    cost_is_estimate: bool


@dataclass(frozen=True, slots=True)
class Reservation:
    """What `reserve` answers. granted_usd None: refused; nothing was written."""

    granted_usd: float | None
    spent_usd: float
    """Of the day: what ended calls cost."""
    held_usd: float
    """Of the day: what open calls may still cost, of all processes."""


class UsageLedger:
    """`write` returns at once; a thread of its own does the rest. Faults are told once, to `on_fault`, on that thread.

    What could not be written stays pending and is tried again with the next row and at the end.
    """

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], float] = time.time,
        on_fault: Callable[[ErrorInfo], None] | None = None,
    ) -> None:
        self.path = path
        self.now = now
        self._on_fault = on_fault
        self._database = DatabaseThread(path, _SCHEMA, name="usage ledger")
        self._lock = threading.Lock()
        self._pending: dict[str, CallUsage] = {}
        self._scheduled = False
        self._told = False

    def write(self, row: CallUsage) -> None:
        """Insert the row, or replace the one of the same id. A row that ended gives back what it had reserved."""
        with self._lock:
            if len(self._pending) >= _MAX_PENDING and row.id not in self._pending:
                del self._pending[next(iter(self._pending))]
            self._pending[row.id] = row
            if self._scheduled:
                return
            self._scheduled = True
        self._database.submit(self._store_pending).add_done_callback(self._stored)

    async def reserve(
        self, row: CallUsage, *, usd: float, least_usd: float, limit_usd: float, shares: int = 1
    ) -> Reservation:
        """Write the open row and hold money back for it, if the day's limit leaves room. One transaction.

        Grants `usd` or less: at most an equal share (of `shares`) of what is left, at least `least_usd`.
        sqlite3.Error, OSError or TimeoutError when the ledger cannot be asked.
        """

        def work(connection: sqlite3.Connection) -> Reservation:
            self._store_pending(connection)
            with transaction(connection):
                self._close_lost(connection)
                spent, held = self._of_day(connection, row.day)
                left = limit_usd - spent - held
                granted = min(usd, max(least_usd, left / max(1, shares)))
                if granted > left:
                    return Reservation(None, spent, held)
                self._upsert(connection, row, granted)
                return Reservation(granted, spent, held)

        return await self._database.run(work)

    def flush(self) -> Future[None]:
        """Done when everything written so far is in the file, or was refused."""
        return self._database.submit(self._store_pending)

    def close(self, *, timeout_s: float = 5.0) -> bool:
        """Blocks. False when rows could not be written in time."""
        with self._lock:
            pending = bool(self._pending)
        if pending:
            self._database.submit(self._store_pending)
        return self._database.close(timeout_s=timeout_s) and not self._pending

    # --- on the thread

    def _stored(self, future: Future[None]) -> None:
        """Also when the file could not be opened at all."""
        error = future.exception()
        if error is not None:
            with self._lock:
                self._scheduled = False
            self._tell(error)

    def _store_pending(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            rows, self._pending = self._pending, {}
            self._scheduled = False
        if not rows:
            return
        try:
            with transaction(connection):
                for row in rows.values():
                    self._upsert(connection, row, None)
        except (sqlite3.Error, OSError) as error:
            with self._lock:
                self._pending = rows | self._pending
            if is_damage(error):
                raise  # a new file is begun with the next row
            self._tell(error)

    def _upsert(self, connection: sqlite3.Connection, row: CallUsage, reserved: float | None) -> None:
        """reserved None: an open row keeps what it holds back."""
        values = (*astuple(row), row.day, reserved or 0.0, self.now(), platform.node(), os.getpid())
        gives_back = reserved is not None or row.status != "open"
        connection.execute(_UPSERT if gives_back else _UPSERT_KEEPING, tuple(_storable(value) for value in values))

    def _close_lost(self, connection: sqlite3.Connection) -> None:
        """Calls whose process is gone hold nothing back; their last estimate stays."""
        host, now = platform.node(), self.now()
        rows: list[tuple[str, str, int, float]] = connection.execute(
            "SELECT id, host, pid, touched FROM calls WHERE status = 'open'"
        ).fetchall()
        lost = [(id_,) for id_, on, pid, touched in rows if touched < now - STALE_S or (on == host and not _runs(pid))]
        connection.executemany("UPDATE calls SET status = 'lost', reserved_usd = 0 WHERE id = ?", lost)

    def _of_day(self, connection: sqlite3.Connection, day: str) -> tuple[float, float]:
        spent, held = connection.execute(
            "SELECT coalesce(sum(CASE WHEN status <> 'open' THEN cost_usd END), 0),"
            " coalesce(sum(CASE WHEN status = 'open' THEN max(reserved_usd, coalesce(cost_usd, 0)) END), 0)"
            " FROM calls WHERE day = ?",
            (day,),
        ).fetchone()
        return float(spent), float(held)

    def _tell(self, error: BaseException) -> None:
        logger.warning("usage of model calls not written: %s", error)
        if self._on_fault is None or self._told:
            return
        self._told = True
        self._on_fault(
            ErrorInfo(
                "Usage not recorded",
                f"{self.path}: {error}",
                "the calls go on; `mcp-tui usage` will lack them",
                code="usage_not_written",
            )
        )


def totals(
    path: Path, by: Grouping, *, since: date | None = None, until: date | None = None, provider: str | None = None
) -> tuple[UsageTotal, ...]:
    """All calls from one day to another (both counted), added up; days in order, others by cost, then by tokens.

    Blocks. provider: only the calls to this one.

    sqlite3.Error or OSError when the file cannot be read; nothing when there is none.
    """
    keys = {"provider": ("provider",), "model": ("provider", "model"), "day": ("day",)}[by]
    order = "day" if by == "day" else "cost DESC, tokens DESC, " + ", ".join(keys)
    with _reading(path) as connection:
        if connection is None:
            return ()
        rows: Sequence[tuple[object, ...]] = connection.execute(
            f"""SELECT {", ".join(keys)}, count(*), sum(cached), sum(status = 'error'),
                sum(cost_usd IS NULL AND input_tokens IS NOT NULL AND provider <> '{DEMO}'),
                sum(CASE WHEN cached THEN 0 ELSE coalesce(input_tokens, 0) END),
                sum(CASE WHEN cached THEN 0 ELSE coalesce(output_tokens, 0) END),
                sum(CASE WHEN cached THEN 0 ELSE coalesce(cached_input_tokens, 0) END),
                sum(CASE WHEN cached THEN 0 ELSE coalesce(reasoning_tokens, 0) END),
                max(tokens_are_estimate AND NOT cached AND input_tokens IS NOT NULL),
                coalesce(sum(cost_usd), 0) AS cost,
                max(cost_is_estimate AND cost_usd IS NOT NULL),
                sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) AS tokens
            FROM calls WHERE day >= ? AND day <= ? AND (? OR provider = ?)
            GROUP BY {", ".join(keys)} ORDER BY {order}""",
            (
                since.isoformat() if since is not None else "",
                until.isoformat() if until is not None else "9999",
                provider is None,
                provider,
            ),
        ).fetchall()
    return tuple(_total(row, len(keys)) for row in rows)


def spent_on(path: Path, day: date) -> float:
    """What the day's calls cost so far. Blocks; errors as in `totals`."""
    return sum(total.cost_usd for total in totals(path, "day", since=day) if total.key == (day.isoformat(),))


def day_of(at: float) -> str:
    return date.fromtimestamp(at).isoformat()


def _total(row: Sequence[object], keys: int) -> UsageTotal:
    numbers = [value if isinstance(value, int | float) else 0 for value in row[keys:]]
    calls, cached, failed, unpriced, tokens_in, tokens_out, read, thought = map(int, numbers[:8])
    return UsageTotal(
        tuple(str(value) for value in row[:keys]),
        calls,
        cached,
        failed,
        unpriced,
        tokens_in,
        tokens_out,
        read,
        thought,
        bool(numbers[8]),
        float(numbers[9]),
        bool(numbers[10]),
    )


@contextmanager
def _reading(path: Path) -> Generator[sqlite3.Connection | None, None, None]:
    if not path.exists():
        yield None
        return
    with closing(open_private(path, _SCHEMA)) as connection:
        yield connection


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _storable(value: object) -> object:
    """SQLite refuses lone surrogates, and integers beyond 64 bits, which a provider could make up."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if is_integer(value):
        return max(-(2**63), min(value, 2**63 - 1))
    return value
