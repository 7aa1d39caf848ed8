"""A run as text: one model streams live, several are printed as each one ends, figures at the end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from mcp_tui.cli.output import milliseconds, print_error, say, styled, table, warn
from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.events import CallChanged, ColumnEvent, StatusChanged, StepStarted, TextAppended, TurnStarted
from mcp_tui.core.state import CallRecord, CallStatus, ColumnStatus
from mcp_tui.core.text import StreamCleaner, clean_line
from mcp_tui.core.types import JsonObject

FIGURE_HEADERS = ("MODEL", "STATUS", "FIRST", "TIME", "TOK/S", "IN", "OUT", "COST", "STEPS", "CALLS")
_MARKS = {
    CallStatus.OK: "✓",
    CallStatus.ERROR: "✗",
    CallStatus.DENIED: "denied",
    CallStatus.CANCELLED: "stopped",
    CallStatus.UNKNOWN: "unknown: it may have run",
}
_MAX_ARGUMENTS = 100


class Silent:
    """Takes a run's events; keeps the error each column ended with, by column id."""

    def __init__(self) -> None:
        self.errors: dict[str, ErrorInfo] = {}

    def __call__(self, event: ColumnEvent) -> None:
        if isinstance(event, StatusChanged) and event.status.ended and event.error is not None:
            self.errors[event.column] = event.error

    def finish(self, result: JsonObject) -> None:
        """The run is over."""


class Live(Silent):
    """One model: its text as it comes, its calls as they end."""

    def __init__(self) -> None:
        super().__init__()
        self._cleaner = StreamCleaner()
        self._line_open = False
        self._shown_calls: set[str] = set()

    def __call__(self, event: ColumnEvent) -> None:
        super().__call__(event)
        match event:
            case TextAppended(text=text):
                self._write(self._cleaner.feed(text))
            case StepStarted():
                self._end_line()
            case CallChanged(call=call) if call.status.ended and call.id not in self._shown_calls:
                self._shown_calls.add(call.id)
                self._end_line()
                say(styled(f"· {record_text(call)}", fg="cyan"))
            case StatusChanged(status=ColumnStatus.RETRYING, error=ErrorInfo() as error):
                self._end_line()
                warn(error)
            case _:
                pass

    def finish(self, result: JsonObject) -> None:
        self._write(self._cleaner.finish())
        self._end_line()
        for error in self.errors.values():
            print_error(error, as_json=False)
        _print_figures(result)

    def _write(self, text: str) -> None:
        if text:
            say(text, newline=False)
            self._line_open = not text.endswith("\n")

    def _end_line(self) -> None:
        if self._line_open:
            say()
            self._line_open = False


@dataclass(slots=True)
class _Column:
    label: str
    pieces: list[str] = field(default_factory=list[str])
    cleaner: StreamCleaner = field(default_factory=StreamCleaner)
    shown_calls: set[str] = field(default_factory=set[str])

    def flush(self) -> None:
        self.pieces.append(self.cleaner.finish())


class Columns(Silent):
    """Several models: each one as a whole when it ends."""

    def __init__(self, columns: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._columns = {column: _Column(label) for column, label in columns}

    def __call__(self, event: ColumnEvent) -> None:
        super().__call__(event)
        column = self._columns[event.column]
        match event:
            case TurnStarted():
                column.pieces.clear()
                column.shown_calls.clear()
            case TextAppended(text=text):
                column.pieces.append(column.cleaner.feed(text))
            case StepStarted():
                column.flush()
                column.pieces.append("\n" if "".join(column.pieces[-2:]).strip() else "")
            case CallChanged(call=call) if call.status.ended and call.id not in column.shown_calls:
                column.shown_calls.add(call.id)
                column.flush()
                opened = column.pieces and not "".join(column.pieces[-2:]).endswith("\n")
                line = styled(f"· {record_text(call)}", fg="cyan")
                column.pieces.append(f"{chr(10) if opened and ''.join(column.pieces).strip() else ''}{line}\n")
            case StatusChanged(status=status) if status.ended and status is not ColumnStatus.IDLE:
                self._print(event.column, status)
            case _:
                pass

    def finish(self, result: JsonObject) -> None:
        _print_figures(result)

    def _print(self, column_id: str, status: ColumnStatus) -> None:
        column = self._columns[column_id]
        column.flush()
        word = "" if status is ColumnStatus.DONE else f"  {status.value}"
        say(styled(f"── {column.label}{word} ", bold=True))
        text = "".join(column.pieces).strip("\n")
        if text:
            say(text)
        if (error := self.errors.get(column_id)) is not None:
            say(styled(clean_line(error.line()), fg="yellow"))
        say()


def new_listener(columns: Sequence[tuple[str, str]]) -> Silent:
    """columns: (id, label) of each."""
    return Live() if len(columns) == 1 else Columns(columns)


def record_text(call: CallRecord) -> str:
    """`server.tool {"a": 1} ✓ 12 ms shared`"""
    name = f"{call.server}.{call.tool}" if call.server else call.tool
    arguments = _arguments(call.arguments, call.arguments_raw)
    reason = call.error.line() if call.error is not None else ""
    parts = (name, arguments, _MARKS.get(call.status, call.status.value), milliseconds(call.duration_ms),
             "shared" if call.shared else "", reason)  # fmt: skip
    return " ".join(part for part in parts if part)


def call_text(call: JsonObject) -> str:
    """The same of a call in the `compare --json` object."""
    name = f"{call['server']}.{call['tool']}" if call["server"] else str(call["tool"])
    mark = _MARKS.get(CallStatus(call["status"]), str(call["status"]))
    parts = (name, _arguments(call["arguments"], ""), mark, milliseconds(call["duration_ms"]),
             "shared" if call["shared"] else "")  # fmt: skip
    return clean_line(" ".join(part for part in parts if part))


def _arguments(arguments: JsonObject | None, raw: str) -> str:
    text = json.dumps(arguments, ensure_ascii=False) if arguments else raw if arguments is None else ""
    return text if len(text) <= _MAX_ARGUMENTS else f"{text[:_MAX_ARGUMENTS]}…"


def figures(response: JsonObject) -> list[str]:
    """The row of one response under FIGURE_HEADERS; `~` marks an estimate."""
    usage = cast("dict[str, Any]", response["usage"])
    cost = response["cost_usd"]
    mark = "~" if response["cost_is_estimate"] else ""
    speed = response["tokens_per_s"]
    return [
        clean_line(str(response["model"])),
        str(response["status"]),
        milliseconds(response["ttft_ms"]),
        milliseconds(response["duration_ms"]),
        "" if speed is None else f"{speed:.0f}",
        _count(usage["input_tokens"]),
        _count(usage["output_tokens"]),
        "" if cost is None else f"{mark}${cost:.4f}",
        str(response["steps"]),
        str(len(cast("list[Any]", response["tool_calls"]))),
    ]


def _count(number: object) -> str:
    return "" if number is None else str(number)


def _print_figures(result: JsonObject) -> None:
    rows = [figures(response) for response in cast("Sequence[JsonObject]", result["responses"])]
    say()
    table(FIGURE_HEADERS, rows, right=frozenset(range(2, len(FIGURE_HEADERS))))
