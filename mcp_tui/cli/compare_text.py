"""A run as text: one model streams live, several are printed as each one ends, figures at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from mcp_tui.cli.output import print_error, say, styled, table, warn
from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.events import CallChanged, ColumnEvent, StatusChanged, StepStarted, TextAppended
from mcp_tui.core.figures import duration_text
from mcp_tui.core.state import CallRecord, ColumnStatus
from mcp_tui.core.text import StreamCleaner, marked_name
from mcp_tui.core.types import JsonObject
from mcp_tui.runs.export.figures import FIGURE_HEADERS, MARKS, arguments_text, figures, remarks


class Silent:
    """Takes a run's events; keeps the error each column ended with, by column id."""

    def __init__(self) -> None:
        self.errors: dict[str, ErrorInfo] = {}
        self.reader_left: Callable[[], None] | None = None
        """Called when stdout has no reader any more: nobody waits for the run."""
        self.broken: BrokenPipeError | None = None

    def __call__(self, event: ColumnEvent) -> None:
        if isinstance(event, StatusChanged) and event.status.ended and event.error is not None:
            self.errors[event.column] = event.error
        if self.broken is not None:
            return
        try:
            self.show(event)
        except BrokenPipeError as error:
            self.broken = error
            if self.reader_left is not None:
                self.reader_left()

    def show(self, event: ColumnEvent) -> None:
        """Draw the event; nothing here."""

    def finish(self, result: JsonObject) -> None:
        """The run is over. Raises the BrokenPipeError that ended it."""
        if self.broken is not None:
            raise self.broken


class _Answer:
    """One column as text: what the model writes, and a line per ended call, never glued together."""

    def __init__(self, emit: Callable[[str], None]) -> None:
        self._emit = emit
        self._cleaner = StreamCleaner()
        self._line_open = False
        self._shown_calls: set[str] = set()

    def take(self, event: ColumnEvent) -> None:
        match event:
            case TextAppended(text=text):
                self._write(self._cleaner.feed(text))
            case StepStarted():
                self.end_line()
            case StatusChanged(error=ErrorInfo(code="fallback") as error):
                self.end_line()
                self._emit(styled(f"» {error.title}", fg="yellow") + "\n")
            case CallChanged(call=call) if call.status.ended and call.id not in self._shown_calls:
                self._shown_calls.add(call.id)
                self.end_line()
                self._emit(styled(f"· {record_text(call)}", fg="cyan") + "\n")
            case _:
                pass

    def end_line(self) -> None:
        self._write(self._cleaner.finish())
        if self._line_open:
            self._emit("\n")
            self._line_open = False

    def _write(self, text: str) -> None:
        if text:
            self._emit(text)
            self._line_open = not text.endswith("\n")


class Live(Silent):
    """One model: its text as it comes, its calls as they end."""

    def __init__(self) -> None:
        super().__init__()
        self._answer = _Answer(partial(say, newline=False))

    def show(self, event: ColumnEvent) -> None:
        if isinstance(event, StatusChanged) and event.status is ColumnStatus.RETRYING and event.error is not None:
            self._answer.end_line()
            if event.error.code != "fallback":
                warn(event.error)
        self._answer.take(event)

    def finish(self, result: JsonObject) -> None:
        super().finish(result)
        self._answer.end_line()
        for error in self.errors.values():
            print_error(error, as_json=False)
        say()
        _print_figures(result)


class Columns(Silent):
    """Several models: each one as a whole when it ends."""

    def __init__(self, columns: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._labels = dict(columns)
        self._pieces: dict[str, list[str]] = {column: [] for column in self._labels}
        self._answers = {column: _Answer(pieces.append) for column, pieces in self._pieces.items()}

    def show(self, event: ColumnEvent) -> None:
        self._answers[event.column].take(event)
        if isinstance(event, StatusChanged) and event.status.ended and event.status is not ColumnStatus.IDLE:
            self._print(event.column, event.status)

    def finish(self, result: JsonObject) -> None:
        super().finish(result)
        _print_figures(result)

    def _print(self, column: str, status: ColumnStatus) -> None:
        self._answers[column].end_line()
        word = "" if status is ColumnStatus.DONE else f"  {status.value}"
        say(styled(f"── {self._labels[column]}{word}", bold=True))
        text = "".join(self._pieces[column]).strip("\n")
        if text:
            say(text)
        if (error := self.errors.get(column)) is not None:
            say(styled(error.line(), fg="yellow"))
        say()


def new_listener(columns: Sequence[tuple[str, str]]) -> Silent:
    """columns: (id, label) of each."""
    return Live() if len(columns) == 1 else Columns(columns)


def record_text(call: CallRecord) -> str:
    """`server.tool {"a": 1} ✓ 12 ms shared`"""
    tool = marked_name(call.tool)
    name = f"{marked_name(call.server)}.{tool}" if call.server else tool
    arguments = arguments_text(call.arguments, call.arguments_raw)
    reason = call.error.line() if call.error is not None else ""
    parts = (name, arguments, MARKS.get(call.status, call.status.value), duration_text(call.duration_ms),
             "shared" if call.shared else "", reason)  # fmt: skip
    return " ".join(part for part in parts if part)


def _print_figures(result: JsonObject) -> None:
    rows = [figures(response) for response in result["responses"]]
    table(FIGURE_HEADERS, rows, right=frozenset(range(2, len(FIGURE_HEADERS))))
    for remark in remarks(result):
        say(styled(remark, dim=True))
