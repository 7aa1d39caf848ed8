"""Runs that go: deleted by the person, or because of their age or the size of the file."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence

from mcp_tui.store.database import transaction
from mcp_tui.store.history.tables import RUN_TABLES, is_dead

_AT_ONCE = 50
"""Runs deleted in one transaction: other programs wait meanwhile."""
_FREED_PAGES = 2_000
"""Given back to the disk at once."""
_MERGES, _MERGED_PAGES = 50, 500


def delete_runs(connection: sqlite3.Connection, numbers: Sequence[int]) -> int:
    deleted = 0
    for start in range(0, len(numbers), _AT_ONCE):
        some = [(number,) for number in numbers[start : start + _AT_ONCE]]
        with transaction(connection):
            for table in RUN_TABLES:
                connection.executemany(f"DELETE FROM {table} WHERE run = ?", some)
            connection.executemany("DELETE FROM search WHERE rowid = ?", some)
            for one in some:
                deleted += connection.execute("DELETE FROM runs WHERE number = ?", one).rowcount
    if deleted:
        connection.execute(f"PRAGMA incremental_vacuum({_FREED_PAGES})").fetchall()
    return deleted


def used_bytes(connection: sqlite3.Connection) -> int:
    """Of the file, without what is free in it."""
    (pages,), (free,), (size,) = (
        connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "freelist_count", "page_size")
    )
    return (int(pages) - int(free)) * int(size)


def prune(connection: sqlite3.Connection, *, max_bytes: int | None, oldest_at: float | None, now: float) -> int:
    """Delete the oldest runs until the limits hold; how many. None: no limit. Runs that go on, and the newest, stay."""
    deleted = 0
    if oldest_at is not None:
        deleted += delete_runs(connection, _endable(connection, now, "started_at < ?", (oldest_at,)))
    if max_bytes is None:
        return deleted
    while (used := used_bytes(connection)) > max_bytes:
        endable = _endable(connection, now, "1", ())
        if not endable:
            return deleted
        # As many as are too much if all were of a size, then looked at again.
        count = math.ceil(len(endable) * (1 - max_bytes / used))
        deleted += delete_runs(connection, endable[: min(count, _AT_ONCE)])
        _tidy_index(connection)
    return deleted


def _tidy_index(connection: sqlite3.Connection) -> None:
    """What was deleted leaves marks in the index, which take room until its parts are merged."""
    for _ in range(_MERGES):
        before = connection.total_changes
        connection.execute("INSERT INTO search (search, rank) VALUES ('merge', ?)", (-_MERGED_PAGES,))
        if connection.total_changes - before < 2:  # its own row alone: nothing was left to merge
            break
    connection.execute(f"PRAGMA incremental_vacuum({_FREED_PAGES})").fetchall()


def _endable(connection: sqlite3.Connection, now: float, condition: str, values: tuple[object, ...]) -> list[int]:
    """Oldest first."""
    rows: list[tuple[int, str, str, int, float]] = connection.execute(
        f"SELECT number, status, host, pid, touched_at FROM runs WHERE {condition}"
        " AND number < (SELECT max(number) FROM runs) ORDER BY number",
        values,
    ).fetchall()
    return [number for number, status, host, pid, at in rows if status != "live" or is_dead(host, pid, at, now)]
