"""The file: its tables, how an older one becomes a newer one, and how it is opened."""

from __future__ import annotations

import logging
import os
import platform
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from mcp_tui.config.save import private_file
from mcp_tui.store.database import BUSY_TIMEOUT_S, open_private, transaction

logger = logging.getLogger(__name__)

VERSION = 1
FILE_NAME = "history.sqlite"
STALE_S = 120.0
"""A live run is touched at least every half minute. One that was not for so long is not running any more."""

_TABLES = """
CREATE TABLE runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    started_at REAL NOT NULL,
    touched_at REAL NOT NULL,
    status TEXT NOT NULL,
    source TEXT NOT NULL,
    title TEXT NOT NULL,
    models TEXT NOT NULL,
    demo INTEGER NOT NULL,
    turns INTEGER NOT NULL,
    duration_ms REAL,
    cost_usd REAL,
    cost_is_estimate INTEGER NOT NULL,
    forked_from TEXT NOT NULL,
    settings TEXT NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL
);
CREATE INDEX runs_live ON runs (status) WHERE status = 'live';
CREATE TABLE columns (
    run INTEGER NOT NULL,
    position INTEGER NOT NULL,
    id TEXT NOT NULL,
    label TEXT NOT NULL,
    spec TEXT NOT NULL,
    removed INTEGER NOT NULL,
    PRIMARY KEY (run, id)
) WITHOUT ROWID;
CREATE TABLE prompts (
    run INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    text TEXT NOT NULL,
    message BLOB NOT NULL,
    PRIMARY KEY (run, turn)
);
CREATE TABLE answers (
    run INTEGER NOT NULL,
    "column" TEXT NOT NULL,
    turn INTEGER NOT NULL,
    facts TEXT NOT NULL,
    messages BLOB NOT NULL,
    PRIMARY KEY (run, "column", turn)
);
CREATE TABLE chunks (
    run INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (run, seq)
);
CREATE VIRTUAL TABLE search USING fts5(
    prompt, answer, tools, models, tokenize = "unicode61 remove_diacritics 2", prefix = "1 2 3"
);
"""

_MIGRATIONS: tuple[str, ...] = (_TABLES,)
"""The script at index N makes version N + 1 of version N."""

RUN_TABLES = ("columns", "prompts", "answers", "chunks")
"""Those with a `run` in them."""


class NewerFileError(Exception):
    """A newer version of the program wrote the file: it is left alone."""


def open_history(path: Path) -> sqlite3.Connection:
    """For writing; made, and brought up to date, if need be. Blocks. sqlite3.Error, OSError or NewerFileError.

    A damaged file raises sqlite3.DatabaseError: whoever writes decides what becomes of it.
    """
    if not path.exists() or not path.stat().st_size:
        _begin(path)
    connection = open_private(path, "", keep_damaged=True)
    try:
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _begin(path: Path) -> None:
    """An empty file that gives room back when runs are deleted: only possible before anything is in it."""
    private_file(path)
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("VACUUM")
        except sqlite3.OperationalError as error:
            # Another process makes it at this moment.
            logger.debug("%s: %s", path, error)


def open_for_reading(path: Path) -> sqlite3.Connection | None:
    """None when there is no history yet. Blocks. sqlite3.Error, OSError or NewerFileError.

    Nothing is written, so that it also works in a folder that cannot be written to.
    """
    if not path.exists() or not path.stat().st_size:
        return None
    uri = path.resolve().as_uri()
    try:
        connection = _reader(f"{uri}?mode=ro")
    except sqlite3.OperationalError:
        if os.access(path.parent, os.W_OK):
            raise
        # The shared-memory file of WAL mode cannot be made here; nobody else can be writing either.
        connection = _reader(f"{uri}?immutable=1")
    version = _version(connection)
    if version == 0:
        connection.close()
        return None
    if version > VERSION:
        connection.close()
        raise NewerFileError(_newer(path, version))
    return connection


def _reader(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _newer(path: Path, version: int) -> str:
    return f"{path} has version {version}, this program knows {VERSION}"


def _migrate(connection: sqlite3.Connection) -> None:
    version = _version(connection)
    if version > VERSION:
        raise NewerFileError(_newer(Path(connection.execute("PRAGMA database_list").fetchone()[2]), version))
    if version == VERSION:
        return
    with transaction(connection):
        # Another process may have been faster while this one waited for the lock.
        for script in _MIGRATIONS[_version(connection) :]:
            for statement in _statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _statements(script: str) -> list[str]:
    """`executescript` would end the transaction first."""
    found: list[str] = []
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            found.append(statement)
            statement = ""
    return found


def is_dead(host: str, pid: int, touched_at: float, now: float) -> bool:
    """Whether the process that wrote a live run is gone."""
    return now - touched_at > STALE_S or (host == platform.node() and not _runs(pid))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def storable(text: str) -> str:
    """SQLite refuses lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


Clock = Callable[[], float]
