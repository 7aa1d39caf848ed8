"""A run's events as compact JSON: `[ms since the start, column, letter, ...]`, and back.

Text that came within a frame is one entry, a call or a metrics record says only what changed since the last one.
So a fast stream costs about what its text costs, and still replays as it was.
"""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

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
from mcp_tui.core.json_text import dump_gently
from mcp_tui.core.json_values import is_list, is_object
from mcp_tui.core.plain import from_plain, to_plain
from mcp_tui.core.state import CallRecord, ColumnStatus, Metrics
from mcp_tui.core.types import JsonObject

logger = logging.getLogger(__name__)

Timed = tuple[float, ColumnEvent]
"""(seconds since the run's start, event)"""

MERGED_S = 0.025
"""Texts closer together than a frame are one."""
MERGED_FIGURES_S = 0.15
MAX_RESULT_CHARS = 32_000_000
"""A larger tool result is not kept; the call says so."""
LARGEST_CHUNK_BYTES = 512 * 1024 * 1024

_FAULTS = (ValueError, TypeError, RecursionError)


def compacted(events: Iterable[Timed]) -> list[Timed]:
    """Fewer events that show the same: every column keeps its order, columns are independent."""
    kept: list[Timed | None] = []
    last: dict[str, int] = {}
    """Column -> where its newest entry stands."""
    pieces: dict[int, list[str]] = {}
    for at_s, event in events:
        place = last.get(event.column)
        before = kept[place] if place is not None else None
        if place is not None and before is not None:
            if isinstance(event, TextAppended | ReasoningAppended):
                if type(before[1]) is type(event) and at_s - before[0] < MERGED_S:
                    pieces.setdefault(place, [cast("TextAppended", before[1]).text]).append(event.text)
                    continue
            elif isinstance(event, CallChanged):
                call = before[1].call if isinstance(before[1], CallChanged) else None
                same = call is not None and call.id == event.call.id and call.status is event.call.status
                if same and at_s - before[0] < MERGED_FIGURES_S:
                    kept[place] = (before[0], event)
                    continue
            elif type(event) is type(before[1]) is MetricsChanged and at_s - before[0] < MERGED_FIGURES_S:
                kept[place] = (before[0], event)
                continue
        last[event.column] = len(kept)
        kept.append((at_s, event))
    for place, texts in pieces.items():
        at_s, event = cast("Timed", kept[place])
        kept[place] = (at_s, replace(cast("TextAppended", event), text="".join(texts)))
    return cast("list[Timed]", kept)


class EventWriter:
    """Encodes the events of one run, in order; what changed is told against what was written before."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str], CallRecord] = {}
        self._metrics: dict[str, Metrics] = {}

    def forget(self) -> None:
        """The next records are written in full."""
        self._calls.clear()
        self._metrics.clear()

    def chunk(self, events: Sequence[Timed]) -> bytes:
        """The events as one compressed block. What cannot be written as JSON is left out of its record, and said."""
        entries = [self._entry(at_s, event) for at_s, event in compacted(events)]
        try:
            text = _dumped(entries)
        except _FAULTS:
            text = f"[{','.join(self._dumped_alone(entry) for entry in entries)}]"
        return zlib.compress(text.encode("ascii"), 6)

    def _dumped_alone(self, entry: list[Any]) -> str:
        try:
            return _dumped(entry)
        except _FAULTS as error:
            logger.warning("an event of %s cannot be saved as it is: %s", entry[1], error)
            if entry[2] == "c":
                kept = {name: value for name, value in entry[4].items() if _has_json_form(value)}
                lost = ", ".join(name for name in entry[4] if name not in kept)
                return _dumped([*entry[:4], {**kept, "note": f"not kept in the history: {lost} ({error})"}])
            return _dumped([entry[0], entry[1], "?", str(error)])

    def _entry(self, at_s: float, event: ColumnEvent) -> list[Any]:
        head: list[Any] = [round(at_s * 1000), event.column]
        match event:
            case TextAppended(text=text):
                return [*head, "t", text]
            case ReasoningAppended(text=text):
                return [*head, "r", text]
            case CallChanged(call=call):
                return [*head, "c", call.id, self._call(event.column, call)]
            case MetricsChanged(metrics=metrics):
                return [*head, "m", self._figures(event.column, metrics)]
            case StatusChanged(status=status, error=error, retry_at=retry_at):
                told = None if error is None else to_plain(ErrorInfo, error)
                return [*head, "S", status.value, told, None if retry_at is None else round(retry_at - at_s, 3)]
            case StepStarted(step=step):
                return [*head, "s", step]
            case TurnStarted(turn=turn, prompt=prompt):
                for key in [key for key in self._calls if key[0] == event.column]:
                    del self._calls[key]
                return [*head, "T", turn, prompt]

    def _call(self, column: str, call: CallRecord) -> JsonObject:
        before = self._calls.get((column, call.id))
        self._calls[column, call.id] = call
        call = _without_huge_result(call)
        if before is None:
            return to_plain(CallRecord, call)
        now, then = to_plain(CallRecord, call), to_plain(CallRecord, _without_huge_result(before))
        changed: JsonObject = {name: value for name, value in now.items() if name not in then or then[name] != value}
        raw = call.arguments_raw
        if "arguments_raw" in changed and before.arguments_raw and raw.startswith(before.arguments_raw):
            del changed["arguments_raw"]
            changed["+arguments_raw"] = raw[len(before.arguments_raw) :]
        gone = [name for name in then if name not in now]
        return {**changed, "-": gone} if gone else changed

    def _figures(self, column: str, metrics: Metrics) -> JsonObject:
        before = self._metrics.get(column)
        self._metrics[column] = metrics
        now = to_plain(Metrics, metrics)
        if before is None:
            return now
        then = to_plain(Metrics, before)
        changed: JsonObject = {name: value for name, value in now.items() if name not in then or then[name] != value}
        gone = [name for name in then if name not in now]
        return {**changed, "-": gone} if gone else changed


class EventReader:
    """Decodes chunks of one run, in order. `faults` tells what could not be read."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._calls: dict[tuple[str, str], JsonObject] = {}
        self._metrics: dict[str, JsonObject] = {}

    def events(self, chunk: bytes) -> Iterator[Timed]:
        try:
            entries = cast("list[list[Any]]", json.loads(unpacked(chunk)))
        except (ValueError, RecursionError, zlib.error) as error:
            self.faults.append(f"a part of the run cannot be read: {error}")
            return
        for entry in entries:
            try:
                event = self._event(entry)
            except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
                self.faults.append(f"an event of the run cannot be read: {error}")
                continue
            if event is not None:
                yield event

    def _event(self, entry: list[Any]) -> Timed | None:
        ms, column, letter, *rest = entry
        at_s = float(ms) / 1000
        event: ColumnEvent
        match letter:
            case "t":
                event = TextAppended(column, _text(rest[0]))
            case "r":
                event = ReasoningAppended(column, _text(rest[0]))
            case "c":
                record = _merged(self._calls.get((column, rest[0]), {}), rest[1])
                self._calls[column, rest[0]] = record
                event = CallChanged(column, from_plain(CallRecord, record))
            case "m":
                figures = self._metrics[column] = _merged(self._metrics.get(column, {}), rest[0])
                event = MetricsChanged(column, from_plain(Metrics, figures))
            case "S":
                error = None if rest[1] is None else from_plain(ErrorInfo, rest[1])
                retry_at = None if rest[2] is None else at_s + float(rest[2])
                event = StatusChanged(column, ColumnStatus(rest[0]), error, retry_at)
            case "s":
                event = StepStarted(column, int(rest[0]))
            case "T":
                for key in [key for key in self._calls if key[0] == column]:
                    del self._calls[key]
                event = TurnStarted(column, int(rest[0]), _text(rest[1]))
            case _:
                self.faults.append("an event of the run was not kept" if letter == "?" else f"unknown event {letter!r}")
                return None
        return at_s, event


def unpacked(packed: bytes) -> bytes:
    """zlib.error or ValueError for what is damaged, cut or larger than anything that was put in."""
    unpacker = zlib.decompressobj()
    plain = unpacker.decompress(packed, LARGEST_CHUNK_BYTES)
    if not unpacker.eof:
        raise ValueError("it is cut off")
    return plain


def since_start(start: float) -> Callable[[float, ColumnEvent], Timed]:
    """Moves an event from the engine's clock to seconds since `start`, the times inside it too."""

    def moved(at: float, event: ColumnEvent) -> Timed:
        if isinstance(event, CallChanged) and event.call.started_at is not None:
            event = replace(event, call=replace(event.call, started_at=round(event.call.started_at - start, 3)))
        elif isinstance(event, StatusChanged) and event.retry_at is not None:
            event = replace(event, retry_at=event.retry_at - start)
        return at - start, event

    return moved


def _merged(before: JsonObject, changed: JsonObject) -> JsonObject:
    gone = changed.get("-", ())
    found: JsonObject = {name: value for name, value in before.items() if name not in gone}
    for name, value in changed.items():
        if name == "+arguments_raw":
            found["arguments_raw"] = found.get("arguments_raw", "") + value
        elif name != "-":
            found[name] = value
    return found


def _without_huge_result(call: CallRecord) -> CallRecord:
    if call.result is None or _chars(call.result) <= MAX_RESULT_CHARS:
        return call
    note = "the result is too large for the history and was not kept"
    return replace(call, result=None, note=f"{call.note}; {note}" if call.note else note)


def _chars(value: object) -> int:
    """Of all texts in a JSON value; enough to know what is huge."""
    total = 0
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            total += len(node)
        elif is_object(node):
            waiting.extend(node.values())
        elif is_list(node):
            total += len(node)
            waiting.extend(node)
    return total


def _has_json_form(value: object) -> bool:
    try:
        _dumped(value)
    except _FAULTS:
        return False
    return True


def _dumped(value: object) -> str:
    # ASCII keeps lone surrogates, which UTF-8 could not hold.
    return dump_gently(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} is no text")
    return value
