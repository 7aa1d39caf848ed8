"""Runs for the history: written through the real writer into a real file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mcp_tui.core.chat import Message, ModelParams, TextBlock
from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.events import (
    CallChanged,
    ColumnEvent,
    MetricsChanged,
    ReasoningAppended,
    StatusChanged,
    StepStarted,
    TextAppended,
    TurnStarted,
)
from mcp_tui.core.state import CallRecord, CallStatus, ColumnStatus, Metrics, Usage
from mcp_tui.providers.registry import ModelRef
from mcp_tui.runs.saved import saved_column
from mcp_tui.runs.spec import ColumnSpec
from mcp_tui.store.history.events import Timed
from mcp_tui.store.history.records import Answered, Opening, Prompt, SavedColumn
from mcp_tui.store.history.track import Batch, RunTrack
from mcp_tui.store.history.writer import HistoryWriter

DEADLINE_S = 30.0
NOON = 1793880000.0
"""5 November 2026, 12:00 UTC."""


class Wall:
    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def column(number: int, label: str = "", **more: object) -> SavedColumn:
    label = label or f"openai/gpt-{number}"
    provider, _, model = label.partition("/")
    params = ModelParams(temperature=0.2) if number == 1 else ModelParams()
    return saved_column(ColumnSpec(f"c{number}", ModelRef(provider, model), label, params, "Be brief"))


def call(id_: str, status: CallStatus = CallStatus.OK, tool: str = "read_file", **more: object) -> CallRecord:
    arguments = {"path": "logs/error.log", "limit": 10**30}
    raw = '{"path": "logs/error.log"}'
    fields: dict[str, object] = {"started_at": 0.4, "duration_ms": 12.0, **more}
    if status is CallStatus.OK:
        fields.setdefault("result", {"content": [{"type": "text", "text": "lock wait timeout exceeded"}]})
    return CallRecord(id_, 1, "fs", tool, arguments, raw, status, **fields)  # pyright: ignore[reportArgumentType]  fields of a record


def figures(cost: float | None = 0.0061, out: int = 310) -> Metrics:
    return Metrics(Usage(1204, out), False, cost, False, 410.0, 3100.0, 83.0, 1, 1, 1)


def answer(
    column_id: str,
    text: str,
    *,
    turn: int = 1,
    prompt: str = "Why did the nightly job fail?",
    at_s: float = 0.0,
    status: ColumnStatus = ColumnStatus.DONE,
    error: ErrorInfo | None = None,
    calls: Iterable[CallRecord] = (),
    thinking: str = "",
    metrics: Metrics | None = None,
    took_s: float = 3.1,
    end: bool = True,
) -> list[Timed]:
    """A whole turn of one column, its text in pieces."""
    events: list[Timed] = [
        (at_s, TurnStarted(column_id, turn, prompt)),
        (at_s, StatusChanged(column_id, ColumnStatus.CONNECTING)),
        (at_s, StepStarted(column_id, 1)),
        (at_s + 0.3, StatusChanged(column_id, ColumnStatus.STREAMING)),
    ]
    if thinking:
        events.append((at_s + 0.31, ReasoningAppended(column_id, thinking)))
    called = list(calls)
    events += [(at_s + 0.4, CallChanged(column_id, record)) for record in called]
    if called:
        events.append((at_s + 0.5, StepStarted(column_id, 2)))
    words = text.split(" ")
    for index, word in enumerate(words):
        piece = word if index == len(words) - 1 else f"{word} "
        events.append((at_s + 0.6 + index * (took_s - 0.7) / max(1, len(words)), TextAppended(column_id, piece)))
    if end:
        events.append((at_s + took_s, MetricsChanged(column_id, metrics or figures())))
        events.append((at_s + took_s, StatusChanged(column_id, status, error)))
    return events


def in_order(*columns: Iterable[Timed]) -> list[Timed]:
    return sorted((timed for events in columns for timed in events), key=lambda timed: timed[0])


def prompt(text: str = "Why did the nightly job fail?", turn: int = 1) -> Prompt:
    return Prompt(turn, text, Message("user", (TextBlock(text),)))


def said(column_id: str, text: str, turn: int = 1) -> Answered:
    return Answered(column_id, turn, {"stop_reason": "stop"}, (Message("assistant", (TextBlock(text),)),))


class Scribe:
    """A writer on a file, and runs written with it. Close it."""

    def __init__(self, path: Path, *, now: Callable[[], float] | None = None, **options: object) -> None:
        self.path = path
        self.now = now or Wall()
        self.faults: list[ErrorInfo] = []
        self.writer = HistoryWriter(path, now=self.now, on_fault=self.faults.append, **options)  # pyright: ignore[reportArgumentType]  its options
        self.count = 0

    def run(
        self,
        events: Sequence[Timed],
        *,
        columns: Sequence[SavedColumn] | None = None,
        prompts: Sequence[Prompt] | None = None,
        answers: Sequence[Answered] = (),
        started_at: float | None = None,
        id_: str = "",
        **opening: object,
    ) -> RunTrack:
        self.count += 1
        found = sorted({event.column for _, event in events})
        given = columns if columns is not None else [column(int(name[1:])) for name in found]
        track = self.writer.begin(
            Opening(
                id_ or f"run{self.count:05d}",
                self.now() if started_at is None else started_at,
                str(opening.pop("source", "dashboard")),
                **opening,  # pyright: ignore[reportArgumentType]  its fields
            )
        )
        if prompts is None:
            texts = {event.turn: event.prompt for _, event in events if isinstance(event, TurnStarted)}
            prompts = [prompt(text, turn) for turn, text in texts.items()]
        self.writer.write(track, Batch(events, tuple(given), prompts, answers))
        return track

    def flush(self) -> None:
        assert self.writer.flush(timeout_s=DEADLINE_S), self.faults

    def close(self) -> None:
        assert self.writer.close(timeout_s=DEADLINE_S)


def only(events: Iterable[Timed], column_id: str) -> list[ColumnEvent]:
    return [event for _, event in events if event.column == column_id]


def near(value: float | None, wanted: float) -> bool:
    """But for what rounding to milliseconds takes away."""
    return value is not None and abs(value - wanted) <= 0.0011
