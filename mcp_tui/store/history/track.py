"""One run on its way into the file: what was written of it, and what waits to be written."""

from __future__ import annotations

import json
import os
import platform
import secrets
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mcp_tui.core.chat import Message
from mcp_tui.core.plain import to_plain
from mcp_tui.store.history.events import EventWriter, Timed
from mcp_tui.store.history.query import indexable
from mcp_tui.store.history.records import Answered, Opening, Prompt, RunStatus, SavedColumn
from mcp_tui.store.history.tables import storable
from mcp_tui.store.history.transcript import Transcript

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without what looks alike; an id begins with a letter, so that it is never taken for a number or an option."""
ID_LENGTH = 8
TITLE_CHARS = 400
MAX_INDEXED_CHARS = 400_000
"""Of the answers of one run; what comes after is saved, but not found."""


def new_run_id() -> str:
    first = secrets.choice(ALPHABET[:-8])
    return first + "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH - 1))


@dataclass(slots=True)
class Batch:
    """What happened to a run since the last one; empty: it is still going on."""

    events: Sequence[Timed] = ()
    columns: tuple[SavedColumn, ...] | None = None
    """All columns, when they are not as they were."""
    prompts: Sequence[Prompt] = ()
    answers: Sequence[Answered] = ()


@dataclass(slots=True, eq=False)
class RunTrack:
    """Made anywhere; everything else happens on the thread of the writer."""

    opening: Opening
    id: str
    number: int | None = None
    """Of its row, once it is in the file."""
    transcript: Transcript = field(default_factory=lambda: Transcript(keep_results=False))
    columns: dict[str, SavedColumn] = field(default_factory=dict[str, SavedColumn])
    _seq: int = 0
    _writer: EventWriter = field(default_factory=EventWriter)
    _chunks: list[bytes] = field(default_factory=list[bytes])
    _prompts: dict[int, Prompt] = field(default_factory=dict[int, Prompt])
    _answers: dict[tuple[str, int], Answered] = field(default_factory=dict[tuple[str, int], Answered])
    _columns_changed: bool = False
    _indexed: tuple[int, int] = (-1, -1)
    """(turns, ended answers) the index knows."""

    @property
    def waiting_bytes(self) -> int:
        return sum(map(len, self._chunks))

    def take(self, batch: Batch) -> None:
        if batch.columns is not None:
            shown = {column.id: column for column in batch.columns}
            for column in self.columns.values():
                if column.id not in shown:
                    shown[column.id] = SavedColumn(column.id, column.label, column.spec, removed=True)
                    self.transcript.drop(column.id)
            self.columns, self._columns_changed = shown, True
        self._prompts.update((prompt.turn, prompt) for prompt in batch.prompts)
        self._answers.update(((answer.column, answer.turn), answer) for answer in batch.answers)
        if batch.events:
            self.transcript.take_all(batch.events)
            self._chunks.append(self._writer.chunk(batch.events))

    def drop_waiting(self) -> int:
        """Give up what finds no room; how many bytes that were."""
        lost = self.waiting_bytes
        self._chunks.clear()
        self._writer.forget()
        return lost

    def begin_anew(self) -> None:
        """Its row is gone: what comes is written into a new one."""
        self.number = None
        self._seq = 0
        self._columns_changed = True
        self._indexed = (-1, -1)
        self._writer.forget()

    # --- inside a transaction: nothing of this object changes before it was committed

    def write(self, connection: sqlite3.Connection, now: float) -> int:
        """The number of its row. sqlite3.IntegrityError when another run has the id."""
        status = self.transcript.status
        title, models, demo = self._title(), [column.label for column in self._shown()], self._is_demo()
        cost, about = self.transcript.cost
        head = (now, status.value, storable(title), storable(json.dumps(models)), demo, len(self.transcript.prompts),
                self.transcript.duration_ms, cost, about)  # fmt: skip
        number = self.number
        if number is not None:
            changed = connection.execute(
                "UPDATE runs SET touched_at = ?, status = ?, title = ?, models = ?, demo = ?, turns = ?,"
                " duration_ms = ?, cost_usd = ?, cost_is_estimate = ? WHERE number = ? AND id = ?",
                (*head, number, self.id),
            ).rowcount
            if not changed:
                self.begin_anew()
                number = None
        if number is None:
            opening = self.opening
            cursor = connection.execute(
                "INSERT INTO runs (touched_at, status, title, models, demo, turns, duration_ms, cost_usd,"
                " cost_is_estimate, id, started_at, source, forked_from, settings, host, pid)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*head, self.id, opening.started_at, opening.source, opening.forked_from,
                 json.dumps(opening.settings), platform.node(), os.getpid()),
            )  # fmt: skip
            number = cursor.lastrowid or 0
        if self._columns_changed or self.number is None:
            self._write_columns(connection, number)
        connection.executemany(
            "INSERT OR REPLACE INTO prompts (run, turn, text, message) VALUES (?, ?, ?, ?)",
            [(number, p.turn, storable(p.text), packed_messages([p.message])) for p in self._prompts.values()],
        )
        connection.executemany(
            'INSERT OR REPLACE INTO answers (run, "column", turn, facts, messages) VALUES (?, ?, ?, ?, ?)',
            [(number, a.column, a.turn, json.dumps(a.facts), packed_messages(a.messages))
             for a in self._answers.values()],
        )  # fmt: skip
        connection.executemany(
            "INSERT INTO chunks (run, seq, body) VALUES (?, ?, ?)",
            [(number, self._seq + index, body) for index, body in enumerate(self._chunks)],
        )
        if self._to_index() != self._indexed:
            write_index(connection, number, self.transcript, self._shown())
        return number

    def written(self, number: int) -> None:
        """The transaction was committed."""
        self.number = number
        self._seq += len(self._chunks)
        self._chunks.clear()
        self._prompts.clear()
        self._answers.clear()
        self._columns_changed = False
        self._indexed = self._to_index()

    def _write_columns(self, connection: sqlite3.Connection, number: int) -> None:
        connection.execute("DELETE FROM columns WHERE run = ?", (number,))
        connection.executemany(
            "INSERT INTO columns (run, position, id, label, spec, removed) VALUES (?, ?, ?, ?, ?, ?)",
            [(number, position, column.id, storable(column.label), json.dumps(column.spec), column.removed)
             for position, column in enumerate(self.columns.values())],
        )  # fmt: skip

    def _shown(self) -> list[SavedColumn]:
        return [column for column in self.columns.values() if not column.removed]

    def _title(self) -> str:
        prompts = self.transcript.prompts
        return prompts[min(prompts)][:TITLE_CHARS] if prompts else ""

    def _is_demo(self) -> bool:
        shown = self._shown()
        return bool(shown) and all(column.spec.get("provider") == "demo" for column in shown)

    def _to_index(self) -> tuple[int, int]:
        turns = [turn for by_number in self.transcript.columns.values() for turn in by_number.values()]
        return len(self.transcript.prompts), sum(turn.status.ended for turn in turns)

    @property
    def live(self) -> bool:
        return self.transcript.status is RunStatus.LIVE


def write_index(
    connection: sqlite3.Connection, number: int, transcript: Transcript, columns: Iterable[SavedColumn]
) -> None:
    """What the search finds the run by."""
    columns = list(columns)
    answers: list[str] = []
    tools: dict[str, None] = {}
    room = MAX_INDEXED_CHARS
    for _, turn in transcript.answers(columns):
        error = turn.error.line() if turn.error is not None else ""
        for text in (turn.text, error):
            if text and room > 0:
                answers.append(text[:room])
                room -= len(text)
        for call in turn.calls.values():
            tools[f"{call.server} {call.tool}"] = None
    fields = ("\n".join(transcript.prompts.values()), "\n".join(answers), "\n".join(tools),
              "\n".join(column.label for column in columns))  # fmt: skip
    connection.execute("DELETE FROM search WHERE rowid = ?", (number,))
    connection.execute(
        "INSERT INTO search (rowid, prompt, answer, tools, models) VALUES (?, ?, ?, ?, ?)",
        (number, *(indexable(storable(text).replace("\x02", " ").replace("\x03", " ")) for text in fields)),
    )


def packed_messages(messages: Iterable[Message]) -> bytes:
    plain = [to_plain(Message, message) for message in messages]
    return zlib.compress(json.dumps(plain, ensure_ascii=True, separators=(",", ":")).encode("ascii"), 6)
