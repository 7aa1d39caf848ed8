"""Answers of models, kept on disk under a digest of the exact request.

Neither requests nor keys are stored: the digest cannot be turned back. An entry that cannot be read counts as
missing and is removed; a file that is damaged is begun anew. Nothing here is worth an error to the person.
"""

from __future__ import annotations

import logging
import sqlite3
import time
import zlib
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mcp_tui.store.database import DatabaseClosedError, DatabaseThread, Work, transaction

logger = logging.getLogger(__name__)

ANSWER_TIMEOUT_S = 3.0
"""A cache slower than that is no help: the model is asked."""
CLEAR_TIMEOUT_S = 30.0
_ENTRY_OVERHEAD_BYTES = 200
_LARGEST_SHARE = 4
"""An entry may take up a fourth of the cache."""
_LARGEST_ENTRY_BYTES = 64 * 1024 * 1024

_SCHEMA = """
CREATE TABLE IF NOT EXISTS responses (
    key TEXT PRIMARY KEY,
    created_at REAL NOT NULL,
    used_at REAL NOT NULL,
    size_bytes INTEGER NOT NULL,
    body BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS responses_by_use ON responses (used_at, size_bytes);
CREATE INDEX IF NOT EXISTS responses_by_age ON responses (created_at);
"""

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Contents:
    """What is kept. Times are seconds since the epoch, None when nothing is there."""

    entries: int
    size_bytes: int
    """Of the compressed answers, as the limit counts them."""
    oldest_at: float | None
    used_at: float | None


class ResponseCache:
    """The least recently used entries go first when it grows beyond `max_bytes` (of compressed answers)."""

    def __init__(self, path: Path, *, max_age_s: float, max_bytes: int, now: Callable[[], float] = time.time) -> None:
        self.path = path
        self._max_age_s = max_age_s
        self._max_bytes = max_bytes
        self._now = now
        self._database = DatabaseThread(path, _SCHEMA, name="response cache")

    async def get(self, key: str) -> bytes | None:
        """None for what is not there, too old, or cannot be read."""

        now = self._now()

        def work(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute("SELECT created_at, body FROM responses WHERE key = ?", (key,)).fetchone()
            if row is None:
                return None
            body = _unpacked(row[1]) if now - self._max_age_s <= row[0] <= now else None
            with transaction(connection):
                if body is None:
                    connection.execute("DELETE FROM responses WHERE key = ?", (key,))
                else:
                    connection.execute("UPDATE responses SET used_at = ? WHERE key = ?", (now, key))
            return body

        return await self._or_none(work)

    def put(self, key: str, body: Callable[[], bytes]) -> None:
        """Returns at once; `body` is called on the cache's own thread. Replaces what was there. Too large an answer
        is not kept."""
        now = self._now()

        def work(connection: sqlite3.Connection) -> None:
            plain = body()
            packed = zlib.compress(plain, 6)
            size = len(packed) + _ENTRY_OVERHEAD_BYTES
            if size > self._max_bytes // _LARGEST_SHARE or len(plain) > _LARGEST_ENTRY_BYTES:
                return
            with transaction(connection):
                connection.execute(
                    "INSERT OR REPLACE INTO responses (key, created_at, used_at, size_bytes, body)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (key, now, now, size, packed),
                )
                connection.execute("DELETE FROM responses WHERE created_at < ?", (now - self._max_age_s,))
                self._shrink(connection)

        self._database.submit(work).add_done_callback(self._stored)

    async def drop(self, key: str) -> None:
        """For an entry whose content turned out to be useless."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM responses WHERE key = ?", (key,))

        await self._or_none(work)

    async def size(self) -> tuple[int, int]:
        """(entries, bytes); zeros when it cannot be read."""
        contents = await self._or_none(_contents)
        return (contents.entries, contents.size_bytes) if contents is not None else (0, 0)

    async def contents(self) -> Contents:
        """sqlite3.Error, OSError or TimeoutError when it cannot be read."""
        return await self._database.run(_contents, timeout_s=ANSWER_TIMEOUT_S)

    async def clear(self) -> Contents:
        """Forget every answer; what there was. sqlite3.Error, OSError or TimeoutError when it cannot be done."""

        def work(connection: sqlite3.Connection) -> Contents:
            before = _contents(connection)
            with transaction(connection):
                connection.execute("DELETE FROM responses")
            try:
                connection.execute("VACUUM")  # deleted rows stay readable in the file until then
                # The log beside the file holds them too.
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.OperationalError as error:  # another process reads it now
                logger.warning("response cache %s: emptied, but not made smaller: %s", self.path, error)
            return before

        return await self._database.run(work, timeout_s=CLEAR_TIMEOUT_S)

    def close(self, *, timeout_s: float = 2.0) -> bool:
        """Blocks. False when the last writes did not end in time."""
        return self._database.close(timeout_s=timeout_s)

    def _stored(self, future: Future[None]) -> None:
        error = future.exception()
        if error is not None:
            logger.warning("response cache %s: %s", self.path, error, exc_info=error)

    def _shrink(self, connection: sqlite3.Connection) -> None:
        (total,) = connection.execute("SELECT coalesce(sum(size_bytes), 0) FROM responses").fetchone()
        while total > self._max_bytes:
            oldest = connection.execute("SELECT key, size_bytes FROM responses ORDER BY used_at LIMIT 1").fetchone()
            if oldest is None:
                return
            connection.execute("DELETE FROM responses WHERE key = ?", (oldest[0],))
            total -= oldest[1]

    async def _or_none(self, work: Work[_Result]) -> _Result | None:
        try:
            return await self._database.run(work, timeout_s=ANSWER_TIMEOUT_S)
        except (sqlite3.Error, OSError, TimeoutError, DatabaseClosedError) as error:
            logger.warning("response cache %s: %s", self.path, error or type(error).__name__)
            return None


def _contents(connection: sqlite3.Connection) -> Contents:
    count, total, oldest, used = connection.execute(
        "SELECT count(*), coalesce(sum(size_bytes), 0), min(created_at), max(used_at) FROM responses"
    ).fetchone()
    return Contents(int(count), int(total), oldest, used)


def _unpacked(packed: object) -> bytes | None:
    if not isinstance(packed, bytes):
        return None
    try:
        unpacker = zlib.decompressobj()
        body = unpacker.decompress(packed, _LARGEST_ENTRY_BYTES)
    except zlib.error:
        return None
    # Not at the end: cut off, or larger than anything that was put in.
    return body if unpacker.eof else None
