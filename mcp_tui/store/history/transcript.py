"""A run's events folded into what was said: turns, texts, calls, figures. For the list, the search and exports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

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
from mcp_tui.store.history.events import Timed
from mcp_tui.store.history.records import RunStatus, SavedColumn

INTERRUPTED = ErrorInfo(
    "Interrupted",
    "the program ended before the answer did; what had come is here",
    "run it again, or continue from it",
    code="interrupted",
)

_OF_COLUMNS = {
    ColumnStatus.DONE: RunStatus.DONE,
    ColumnStatus.ERROR: RunStatus.ERROR,
    ColumnStatus.CANCELLED: RunStatus.CANCELLED,
    ColumnStatus.INCOMPLETE: RunStatus.INCOMPLETE,
}


@dataclass(slots=True)
class ColumnTurn:
    """One turn of one column, so far or as a whole."""

    turn: int
    prompt: str
    began_s: float
    before: Metrics
    """Of the column when the turn began; earlier tries of the same turn count as before."""
    metrics: Metrics = field(default_factory=Metrics)
    status: ColumnStatus = ColumnStatus.CONNECTING
    error: ErrorInfo | None = None
    segments: list[list[str]] = field(default_factory=list[list[str]])
    reasoning_segments: list[list[str]] = field(default_factory=list[list[str]])
    calls: dict[str, CallRecord] = field(default_factory=dict[str, CallRecord])
    called: bool = False
    """The step has a call: the next one does not continue its text."""

    @property
    def text(self) -> str:
        return _joined(self.segments)

    @property
    def reasoning(self) -> str:
        return _joined(self.reasoning_segments)

    @property
    def own_metrics(self) -> Metrics:
        """Of this turn alone."""
        now, then = self.metrics, self.before
        cost = now.cost_usd
        if cost is not None and then.cost_usd is not None:
            cost = max(0.0, cost - then.cost_usd)
        return replace(
            now,
            usage=_minus(now.usage, then.usage),
            cost_usd=cost,
            steps=max(0, now.steps - then.steps),
            attempts=max(0, now.attempts - then.attempts),
            tool_calls=max(0, now.tool_calls - then.tool_calls),
            cached_steps=max(0, now.cached_steps - then.cached_steps),
        )

    def begin_step(self) -> None:
        # A step without calls that is followed by another one was only paused.
        if self.segments and not self.called:
            return
        self.segments.append([])
        self.reasoning_segments.append([])
        self.called = False

    def add(self, text: str, segments: list[list[str]]) -> None:
        if not segments:
            self.begin_step()
        segments[-1].append(text)


class Transcript:
    """`keep_results=False` drops the results of calls: for whoever only counts and searches."""

    def __init__(self, *, keep_results: bool = True) -> None:
        self.columns: dict[str, dict[int, ColumnTurn]] = {}
        self.prompts: dict[int, str] = {}
        self.last_s = 0.0
        self._keep_results = keep_results
        self._metrics: dict[str, Metrics] = {}
        self._status: dict[str, ColumnStatus] = {}
        self._live_since: float | None = None
        self._busy_s = 0.0

    def take_all(self, events: Iterable[Timed]) -> Transcript:
        for at_s, event in events:
            self.take(at_s, event)
        return self

    def take(self, at_s: float, event: ColumnEvent) -> None:
        self.last_s = max(self.last_s, at_s)
        column = event.column
        if isinstance(event, TurnStarted):
            turns = self.columns.setdefault(column, {})
            for later in [number for number in turns if number >= event.turn]:
                del turns[later]
            figures = self._metrics.get(column, Metrics())
            turns[event.turn] = ColumnTurn(event.turn, event.prompt, at_s, figures, figures)
            self.prompts.setdefault(event.turn, event.prompt)
            self._set_status(column, ColumnStatus.CONNECTING, at_s)
            return
        newest = self.newest(column)
        if newest is None:
            return
        match event:
            case TextAppended(text=text):
                newest.add(text, newest.segments)
            case ReasoningAppended(text=text):
                newest.add(text, newest.reasoning_segments)
            case StepStarted():
                newest.begin_step()
            case CallChanged(call=call):
                newest.calls[call.id] = call if self._keep_results else replace(call, result=None)
                newest.called = True
            case MetricsChanged(metrics=metrics):
                self._metrics[column] = metrics
                # Where a conversation goes on in another run its figures begin anew; what was before stays as it was.
                if not (newest.status.ended and metrics == Metrics()):
                    newest.metrics = metrics
            case StatusChanged(status=status, error=error):
                newest.status, newest.error = status, error
                self._set_status(column, status, at_s)

    def _set_status(self, column: str, status: ColumnStatus, at_s: float) -> None:
        self._status[column] = status
        live = any(not known.ended for known in self._status.values())
        if live and self._live_since is None:
            self._live_since = at_s
        elif not live and self._live_since is not None:
            self._busy_s += at_s - self._live_since
            self._live_since = None

    def drop(self, column: str) -> None:
        """It was taken away: it is not part of the run's state any more."""
        if column in self._status:
            self._set_status(column, ColumnStatus.IDLE, self.last_s)
            del self._status[column]

    # What is there

    def newest(self, column: str) -> ColumnTurn | None:
        turns = self.columns.get(column)
        return turns[max(turns)] if turns else None

    @property
    def live(self) -> bool:
        return self._live_since is not None

    @property
    def duration_ms(self) -> float | None:
        if not self.columns:
            return None
        running = 0.0 if self._live_since is None else self.last_s - self._live_since
        return (self._busy_s + running) * 1000

    @property
    def cost(self) -> tuple[float | None, bool]:
        """(US dollars of all columns, whether a part is an estimate)"""
        known = [metrics for metrics in self._metrics.values() if metrics.cost_usd is not None]
        if not known:
            return None, False
        return sum(m.cost_usd or 0.0 for m in known), any(m.cost_is_estimate for m in known)

    @property
    def status(self) -> RunStatus:
        if self.live:
            return RunStatus.LIVE
        turn = max(self.prompts, default=0)
        ended = {
            status
            for column, status in self._status.items()
            if status is not ColumnStatus.IDLE and (newest := self.newest(column)) is not None and newest.turn == turn
        }
        if len(ended) == 1:
            return _OF_COLUMNS[ended.pop()]
        return RunStatus.PARTLY if ColumnStatus.DONE in ended else RunStatus.INCOMPLETE

    def answers(self, columns: Iterable[SavedColumn]) -> Iterator[tuple[SavedColumn, ColumnTurn]]:
        for column in columns:
            for turn in self.columns.get(column.id, {}).values():
                yield column, turn

    def endings(self) -> Iterator[ColumnEvent]:
        """What an interrupted run lacks: nothing is left looking as if it still ran."""
        for column, status in self._status.items():
            newest = self.newest(column)
            if status.ended or newest is None:
                continue
            for call in newest.calls.values():
                if not call.status.ended:
                    ran = call.status is CallStatus.RUNNING
                    end = CallStatus.UNKNOWN if ran else CallStatus.CANCELLED
                    yield CallChanged(column, replace(call, status=end, error=call.error or INTERRUPTED))
            yield StatusChanged(column, ColumnStatus.INCOMPLETE, INTERRUPTED)


def _joined(segments: list[list[str]]) -> str:
    texts = ("".join(pieces) for pieces in segments)
    return "\n\n".join(text for text in texts if text)


def _minus(now: Usage, then: Usage) -> Usage:
    def less(a: int | None, b: int | None) -> int | None:
        return a if a is None or b is None else max(0, a - b)

    return Usage(
        less(now.input_tokens, then.input_tokens),
        less(now.output_tokens, then.output_tokens),
        less(now.cached_input_tokens, then.cached_input_tokens),
        less(now.cache_write_tokens, then.cache_write_tokens),
        less(now.reasoning_tokens, then.reasoning_tokens),
    )
