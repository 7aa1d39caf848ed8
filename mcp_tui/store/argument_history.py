"""The arguments a person used, per server and tool (or prompt, or template), newest first.

One SQLite file, readable by its owner alone. Every method opens the database for itself and blocks: call it on
a thread. The same arguments used again move to the top instead of standing twice.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_tui.config.save import private_file
from mcp_tui.core.json_values import is_object
from mcp_tui.core.types import JsonObject

KEPT_PER_ITEM = 50
MAX_TEXT_CHARS = 1_000_000
"""Longer arguments are not remembered."""
BUSY_TIMEOUT_S = 5.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS arguments (
    id INTEGER PRIMARY KEY,
    server TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    arguments TEXT NOT NULL,
    used_at REAL NOT NULL,
    UNIQUE (server, kind, name, arguments)
)
"""


@dataclass(frozen=True, slots=True)
class Remembered:
    arguments: JsonObject
    used_at: float
    """Seconds since the epoch."""


class ArgumentHistory:
    """Raises sqlite3.Error or OSError when the disk refuses; a caller shows that and goes on without."""

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection, None, None]:
        # Made before SQLite does, which would leave it readable by everybody; its side files copy the mode.
        private_file(self._path)
        with closing(sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(_SCHEMA)
            with connection:
                yield connection

    def add(self, server: str, kind: str, name: str, arguments: JsonObject) -> bool:
        """False when they are too long to be remembered. Older entries beyond KEPT_PER_ITEM go."""
        # ASCII keeps lone surrogates, which SQLite would refuse.
        text = json.dumps(arguments, ensure_ascii=True)
        if len(text) > MAX_TEXT_CHARS:
            return False
        key = (_safe(server), _safe(kind), _safe(name))
        with self._open() as connection:
            connection.execute(
                "INSERT INTO arguments (server, kind, name, arguments, used_at) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (server, kind, name, arguments) DO UPDATE SET used_at = excluded.used_at",
                (*key, text, self._now()),
            )
            connection.execute(
                "DELETE FROM arguments WHERE server = ? AND kind = ? AND name = ? AND id NOT IN"
                " (SELECT id FROM arguments WHERE server = ? AND kind = ? AND name = ?"
                "  ORDER BY used_at DESC, id DESC LIMIT ?)",
                (*key, *key, KEPT_PER_ITEM),
            )
        return True

    def newest(self, server: str, kind: str, name: str) -> tuple[Remembered, ...]:
        """Newest first; an entry that is no JSON object any more is left out."""
        if not self._path.exists():
            return ()
        with self._open() as connection:
            rows: list[tuple[str, float]] = connection.execute(
                "SELECT arguments, used_at FROM arguments WHERE server = ? AND kind = ? AND name = ?"
                " ORDER BY used_at DESC, id DESC LIMIT ?",
                (_safe(server), _safe(kind), _safe(name), KEPT_PER_ITEM),
            ).fetchall()
        found: list[Remembered] = []
        for text, used_at in rows:
            try:
                decoded: Any = json.loads(text)
            except ValueError:
                continue
            if is_object(decoded):
                found.append(Remembered(decoded, used_at))
        return tuple(found)


def _safe(text: str) -> str:
    """A name as SQLite can store it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
