"""A private SQLite file with one thread of its own, so that no disk ever holds up the event loop.

WAL mode: readers and writers of several processes get along, and a process that is killed loses nothing that was
committed. Files are readable by their owner alone.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from mcp_tui.config.save import private_file, set_aside

logger = logging.getLogger(__name__)

BUSY_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 15.0
_SIDE_FILES = ("", "-wal", "-shm", "-journal")

_Result = TypeVar("_Result")
Work = Callable[[sqlite3.Connection], _Result]


class DatabaseClosedError(Exception):
    """Work came after close()."""


def open_private(path: Path, schema: str, *, keep_damaged: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode: `transaction` begins and commits. Blocks. sqlite3.Error or OSError.

    A file that is no database any more is set aside and a new one begun; keep_damaged: it stays, and the error is
    raised.
    """
    try:
        return _open(path, schema)
    except sqlite3.DatabaseError as error:
        if keep_damaged or not is_damage(error):
            raise
        set_database_aside(path, error)
        return _open(path, schema)


def is_damage(error: BaseException) -> bool:
    """Whether the file's content is at fault, not a lock, the disk or a bug."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and (code & 0xFF) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def set_database_aside(path: Path, error: BaseException) -> Path:
    """Its new name. error: what is wrong with it. OSError."""
    target = set_aside(path, _SIDE_FILES)
    logger.warning("%s was damaged (%s): it is kept as %s", path, error, target)
    return target


def _open(path: Path, schema: str) -> sqlite3.Connection:
    # Made before SQLite does, which would leave it readable by everybody; its side files copy the mode.
    private_file(path)
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        _unlocked(lambda: connection.execute("PRAGMA journal_mode=WAL").fetchone())
        # In WAL mode this survives a killed process; only a power cut may take the last commits.
        connection.execute("PRAGMA synchronous=NORMAL")
        _unlocked(lambda: connection.executescript(schema))
    except BaseException:
        connection.close()
        raise
    return connection


def _unlocked(step: Callable[[], object]) -> None:
    """Two processes that make the file at once: SQLite does not always wait by itself here."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            step()
            return
        except sqlite3.OperationalError as error:
            busy = getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None, None, None]:
    """All or nothing; takes the write lock first, so that what is read inside still holds when it is written."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


class DatabaseThread:
    """Runs work on one connection, in order, on a thread that starts with the first work.

    The thread is a daemon: a disk that hangs cannot keep the program from ending.
    """

    def __init__(self, path: Path, schema: str, *, name: str) -> None:
        self.path = path
        self._schema = schema
        self._name = name
        self._queue: queue.SimpleQueue[tuple[Work[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, work: Work[_Result]) -> Future[_Result]:
        """The future carries what the work returned or raised, or why the file could not be opened."""
        future: Future[_Result] = Future()
        with self._lock:
            if self._closed:
                future.set_exception(DatabaseClosedError(f"{self.path} is closed"))
                return future
            self._queue.put((work, future))
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
                self._thread.start()
        return future

    async def run(self, work: Work[_Result], *, timeout_s: float = ANSWER_TIMEOUT_S) -> _Result:
        """TimeoutError at the deadline; the work itself goes on."""
        future = asyncio.wrap_future(self.submit(work))
        async with asyncio.timeout(timeout_s):
            return await asyncio.shield(future)

    def close(self, *, timeout_s: float = BUSY_TIMEOUT_S) -> bool:
        """What was submitted is done first. Blocks; False when that took too long."""
        with self._lock:
            self._closed = True
            thread = self._thread
            self._queue.put(None)
        if thread is None:
            return True
        thread.join(timeout_s)
        return not thread.is_alive()

    def _serve(self) -> None:
        connection: sqlite3.Connection | None = None
        try:
            while (item := self._queue.get()) is not None:
                work, future = item
                if not future.set_running_or_notify_cancel():
                    continue
                try:
                    if connection is None:
                        connection = open_private(self.path, self._schema)
                    result = work(connection)
                except BaseException as error:  # noqa: BLE001  handed to whoever waits for the future
                    if is_damage(error) and connection is not None:
                        with closing(connection):
                            connection = None
                        with suppress(OSError):  # it stays, and the next work fails as this one does
                            set_database_aside(self.path, error)
                    future.set_exception(error)
                else:
                    future.set_result(result)
        finally:
            if connection is not None:
                connection.close()
