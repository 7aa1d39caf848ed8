"""Reads the history: list, search, one run as it was. And what a person takes away: delete, clear.

Every method opens the file for itself and blocks: call it on a thread. sqlite3.Error, OSError or NewerFileError when
the file cannot be read; a history that was never written is empty.
"""

from __future__ import annotations

import json
import sqlite3
import time
import zlib
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from mcp_tui.core.chat import Message, TextBlock
from mcp_tui.core.json_values import as_object
from mcp_tui.core.plain import from_plain
from mcp_tui.core.types import JsonObject
from mcp_tui.store.history.events import EventReader, Timed, unpacked
from mcp_tui.store.history.query import SEPARATOR, RunQuery
from mcp_tui.store.history.records import Answered, Prompt, RunHead, RunStatus, SavedColumn, SavedRun
from mcp_tui.store.history.removal import delete_runs
from mcp_tui.store.history.tables import is_dead, open_for_reading, open_history
from mcp_tui.store.history.transcript import Transcript

_HEAD = (
    "number, id, started_at, touched_at, status, source, title, models, demo, turns, duration_ms, cost_usd,"
    " cost_is_estimate, forked_from, host, pid"
)
_MARKS = ("\x02", "\x03")
_SNIPPET_WORDS = 14
HeadRow = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Snippet:
    """Where a search matched: pieces of text in order, True = matched."""

    pieces: tuple[tuple[str, bool], ...]

    @property
    def text(self) -> str:
        return "".join(piece for piece, _ in self.pieces)


@dataclass(frozen=True, slots=True)
class RunList:
    """What a search found, newest first. Heads are made when they are asked for: most are never looked at."""

    rows: Sequence[HeadRow]
    now: float

    def __len__(self) -> int:
        return len(self.rows)

    def head(self, place: int) -> RunHead:
        return head_of(self.rows[place], self.now)

    def numbers(self) -> list[int]:
        return [row[0] for row in self.rows]


class UnknownRunError(LookupError):
    """`candidates`: ids that begin so; empty when none does."""

    def __init__(self, name: str, candidates: tuple[str, ...]) -> None:
        super().__init__(name)
        self.candidates = candidates


class HistoryReader:
    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self.path = path
        self._now = now

    @contextmanager
    def _reading(self) -> Generator[sqlite3.Connection | None]:
        connection = open_for_reading(self.path)
        if connection is None:
            yield None
            return
        with closing(connection):
            yield connection

    # --- the list

    def find(self, query: RunQuery | None = None, *, limit: int | None = None) -> RunList:
        now = self._now()
        query = query or RunQuery()
        with self._reading() as connection:
            if connection is None or query.nothing:
                return RunList((), now)
            where, values = _conditions(query)
            sql = f"SELECT {_HEAD} FROM runs{where} ORDER BY number DESC"
            if limit is not None and not query.states:
                sql, values = f"{sql} LIMIT ?", [*values, limit]
            rows: list[HeadRow] = connection.execute(sql, values).fetchall()
        if query.states:
            rows = [row for row in rows if head_of(row, now).status in query.states][:limit]
        return RunList(rows, now)

    def count(self) -> int:
        with self._reading() as connection:
            return 0 if connection is None else int(connection.execute("SELECT count(*) FROM runs").fetchone()[0])

    def snippets(self, query: RunQuery, numbers: Iterable[int]) -> dict[int, Snippet]:
        """Where these runs (some hundreds at most) match, by number."""
        found: dict[int, Snippet] = {}
        wanted = list(numbers)
        if not query.match or not wanted:
            return found
        with self._reading() as connection:
            if connection is None:
                return found
            # One walk through the index over the range they stand in: to ask for each alone costs the whole search
            # each time (40 rows of a broad word 0.7 s, so 0.02 s). The plus keeps the list from being walked instead.
            rows: list[tuple[int, str]] = connection.execute(
                f"SELECT rowid, snippet(search, -1, ?, ?, '…', {_SNIPPET_WORDS}) FROM search"
                f" WHERE search MATCH ? AND rowid BETWEEN ? AND ? AND +rowid IN ({', '.join('?' * len(wanted))})",
                (*_MARKS, query.match, min(wanted), max(wanted), *wanted),
            ).fetchall()
            for number, text in rows:
                found[number] = _snippet(text)
        return found

    def version(self) -> tuple[int, float]:
        """Changes whenever a run does: (runs, the newest touch)."""
        with self._reading() as connection:
            if connection is None:
                return 0, 0.0
            count, touched = connection.execute("SELECT count(*), coalesce(max(touched_at), 0) FROM runs").fetchone()
            return int(count), float(touched)

    def resolve(self, name: str) -> RunHead:
        """The run whose id begins so; `last` is the newest. UnknownRunError for none or several."""
        now = self._now()
        with self._reading() as connection:
            rows: list[HeadRow] = []
            if connection is not None and name == "last":
                rows = connection.execute(f"SELECT {_HEAD} FROM runs ORDER BY number DESC LIMIT 1").fetchall()
            elif connection is not None and name and name.isascii() and name.isalnum():
                sql = f"SELECT {_HEAD} FROM runs WHERE id >= ? AND id < ? ORDER BY number DESC LIMIT 20"
                rows = connection.execute(sql, (name.lower(), name.lower() + "~")).fetchall()
        exact = [row for row in rows if row[1] == name.lower()]
        if len(exact or rows) == 1:
            return head_of((exact or rows)[0], now)
        raise UnknownRunError(name, tuple(row[1] for row in rows))

    # --- one run

    def open(self, number: int) -> SavedRun:
        """LookupError when it is not there any more. What cannot be read of it is told in `faults`."""
        now = self._now()
        with self._reading() as connection:
            if connection is None:
                raise LookupError(number)
            connection.execute("BEGIN")  # one picture of it, while its program writes on
            row = connection.execute(f"SELECT {_HEAD}, settings FROM runs WHERE number = ?", (number,)).fetchone()
            if row is None:
                raise LookupError(number)
            columns: list[tuple[Any, ...]] = connection.execute(
                "SELECT id, label, spec, removed FROM columns WHERE run = ? ORDER BY position", (number,)
            ).fetchall()
            prompts: list[tuple[Any, ...]] = connection.execute(
                "SELECT turn, text, message FROM prompts WHERE run = ? ORDER BY turn", (number,)
            ).fetchall()
            answers: list[tuple[Any, ...]] = connection.execute(
                'SELECT "column", turn, facts, messages FROM answers WHERE run = ?', (number,)
            ).fetchall()
            chunks: list[tuple[bytes]] = connection.execute(
                "SELECT body FROM chunks WHERE run = ? ORDER BY seq", (number,)
            ).fetchall()
        reader = EventReader()
        events: list[Timed] = [event for (chunk,) in chunks for event in reader.events(chunk)]
        head = head_of(row, now)
        if head.status is RunStatus.INTERRUPTED:
            events += _endings(events)
        return SavedRun(
            head,
            tuple(SavedColumn(id_, label, _object(spec), bool(removed)) for id_, label, spec, removed in columns),
            _object(row[-1]),
            tuple(_prompt(turn, text, message, reader.faults) for turn, text, message in prompts),
            events,
            {(column, turn): _answered(column, turn, facts, messages, reader.faults)
             for column, turn, facts, messages in answers},
            tuple(dict.fromkeys(reader.faults)),
        )  # fmt: skip

    # --- taking away

    def delete(self, numbers: Sequence[int]) -> int:
        """How many went. Their text is overwritten in the file. A run that goes on stays."""
        if not self.path.exists():
            return 0
        with closing(open_history(self.path)) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            wanted = set(numbers)
            return delete_runs(connection, [number for number in self._ended(connection) if number in wanted])

    def clear(self) -> int:
        """Every run but those that go on; the file shrinks."""
        if not self.path.exists():
            return 0
        with closing(open_history(self.path)) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            deleted = delete_runs(connection, self._ended(connection))
            connection.execute("INSERT INTO search (search) VALUES ('rebuild')")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return deleted

    def _ended(self, connection: sqlite3.Connection) -> list[int]:
        rows: list[HeadRow] = connection.execute(f"SELECT {_HEAD} FROM runs").fetchall()
        return [row[0] for row in rows if head_of(row, self._now()).status is not RunStatus.LIVE]


def _conditions(query: RunQuery) -> tuple[str, list[object]]:
    parts: list[str] = []
    values: list[object] = []
    if query.match:
        parts.append("number IN (SELECT rowid FROM search WHERE search MATCH ?)")
        values.append(query.match)
    if query.without:
        parts.append("number NOT IN (SELECT rowid FROM search WHERE search MATCH ?)")
        values.append(query.without)
    if query.states:
        # A run that is called live may be dead: whoever reads decides.
        states = {*query.states, *((RunStatus.LIVE,) if RunStatus.INTERRUPTED in query.states else ())}
        parts.append(f"status IN ({', '.join('?' * len(states))})")
        values += [state.value for state in states]
    return (f" WHERE {' AND '.join(parts)}" if parts else ""), values


def head_of(row: HeadRow, now: float) -> RunHead:
    number, id_, started_at, touched_at, status, source, title, models, demo, turns, duration, cost, about, parent = (
        row[:14]
    )
    known = RunStatus(status) if status in set(RunStatus) else RunStatus.INCOMPLETE
    if known is RunStatus.LIVE and is_dead(row[14], row[15], touched_at, now):
        known = RunStatus.INTERRUPTED
    labels = cast("list[str]", json.loads(models))
    return RunHead(number, id_, started_at, touched_at, known, source, title, tuple(labels), bool(demo), turns,
                   duration, cost, bool(about), parent)  # fmt: skip


def _endings(events: Sequence[Timed]) -> list[Timed]:
    transcript = Transcript(keep_results=True).take_all(events)
    return [(transcript.last_s, event) for event in transcript.endings()]


def _snippet(text: str) -> Snippet:
    begin, end = _MARKS
    pieces: list[tuple[str, bool]] = []
    for part in text.replace(SEPARATOR, "").split(begin):
        inside, mark, after = part.partition(end)
        if mark:
            pieces += [(inside, True), (after, False)]
        else:
            pieces.append((part, False))
    return Snippet(tuple((piece, matched) for piece, matched in pieces if piece))


def _object(text: str) -> JsonObject:
    return as_object(json.loads(text))


def _messages(packed: bytes) -> tuple[Message, ...]:
    plain: object = json.loads(unpacked(packed))
    return tuple(from_plain(Message, item) for item in cast("list[object]", plain))


def _prompt(turn: int, text: str, packed: bytes, faults: list[str]) -> Prompt:
    try:
        (message,) = _messages(packed)
    except (ValueError, TypeError, zlib.error, RecursionError) as error:
        faults.append(f"the attachments of prompt {turn} cannot be read: {error}")
        message = Message("user", (TextBlock(text),))
    return Prompt(turn, text, message)


def _answered(column: str, turn: int, facts: str, packed: bytes, faults: list[str]) -> Answered:
    try:
        return Answered(column, turn, _object(facts), _messages(packed))
    except (ValueError, TypeError, zlib.error, RecursionError) as error:
        faults.append(f"the conversation of turn {turn} cannot be read: {error}")
        return Answered(column, turn, {}, ())
