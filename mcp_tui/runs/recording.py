"""Runs on their way into the history: listens to a run's events before its face does, and hands them over in batches.

Per event this costs an append; everything else happens twice a second, or on the history's own thread.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mcp_tui.core.events import ColumnEvent, MetricsChanged, StatusChanged, TurnStarted
from mcp_tui.core.state import Metrics
from mcp_tui.runs.report import facts
from mcp_tui.runs.saved import Continuation, saved_column, saved_settings
from mcp_tui.store.history.events import Timed, since_start
from mcp_tui.store.history.records import Answered, Opening, Prompt, SavedColumn
from mcp_tui.store.history.track import Batch, RunTrack, new_run_id

if TYPE_CHECKING:
    from mcp_tui.runs.run import Run
    from mcp_tui.runs.spec import ColumnSpec
    from mcp_tui.store.history.writer import HistoryWriter

logger = logging.getLogger(__name__)

FLUSH_S = 0.4
"""With the time to write, less than a second of a run is lost when its program is killed."""
HEARTBEAT_S = 30.0
"""A run that says nothing for long, such as one that waits for approval, still says that it lives."""
_FORK_GAP_S = 1.0


class RunRecorder:
    """The listener of a run. Nothing is saved of a run that is never sent a prompt."""

    def __init__(
        self,
        writer: HistoryWriter,
        listener: Callable[[ColumnEvent], None],
        *,
        source: str,
        clock: Callable[[], float],
        now: Callable[[], float] = time.time,
        continued: Continuation | None = None,
    ) -> None:
        self.id = new_run_id()
        self._writer = writer
        self._listener = listener
        self._source = source
        self._clock = clock
        self._now = now
        self._continued = continued
        self._run: Run | None = None
        self._track: RunTrack | None = None
        self._moved: Callable[[float, ColumnEvent], Timed] = since_start(0.0)
        self._pending: list[tuple[float, ColumnEvent]] = []
        self._prompts: list[Prompt] = []
        self._answers: list[Answered] = []
        self._known_turns: set[int] = set()
        self._columns: tuple[ColumnSpec, ...] | None = None
        self._timer: asyncio.TimerHandle | None = None
        """Something waits to be handed over."""
        self._heartbeat: asyncio.TimerHandle | None = None

    def attach(self, run: Run) -> None:
        self._run = run
        run.on_change = self._schedule

    def __call__(self, event: ColumnEvent) -> None:
        self._pending.append((self._clock(), event))
        if self._timer is None:
            self._schedule()
        kind = type(event)
        if kind is TurnStarted or kind is StatusChanged:
            self._note(event)
        self._listener(event)

    def _note(self, event: ColumnEvent) -> None:
        run = self._run
        if run is None:
            return
        if isinstance(event, TurnStarted) and event.turn not in self._known_turns:
            self._known_turns.add(event.turn)
            text, message = run.prompt(event.turn)
            self._prompts.append(Prompt(event.turn, text, message))
            if self._track is None:
                self._begin(run, self._pending[0][0])
        elif isinstance(event, StatusChanged) and event.status.ended:
            answer = run.answer(event.column)
            if answer is not None:
                turn = answer.turn
                self._answers.append(Answered(event.column, turn.number, facts(answer), tuple(turn.follow_up)))

    def _begin(self, run: Run, clock_at: float) -> None:
        past = self._continued
        began_s = past.last_s + _FORK_GAP_S if past is not None else 0.0
        self._moved = since_start(clock_at - began_s)
        opening = Opening(
            self.id, self._now(), self._source, saved_settings(run.spec), past.run_id if past is not None else ""
        )
        self._track = self._writer.begin(opening)
        if past is None:
            return
        # Figures begin anew: what the earlier conversation cost was paid there.
        zero = [(began_s, MetricsChanged(column.id, Metrics())) for column in run.spec.columns]
        self._known_turns.update(prompt.turn for prompt in past.prompts)
        self._write(Batch([*past.events, *zero], self._new_columns(run), past.prompts, past.answers))

    def _new_columns(self, run: Run) -> tuple[SavedColumn, ...] | None:
        if run.spec.columns == self._columns:
            return None
        self._columns = run.spec.columns
        return tuple(saved_column(column) for column in run.spec.columns)

    def _schedule(self) -> None:
        if self._timer is None and self._run is not None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self.flush)

    def flush(self) -> None:
        """Hand over what came. Also called when the engine is left."""
        for timer in (self._timer, self._heartbeat):
            if timer is not None:
                timer.cancel()
        self._timer = self._heartbeat = None
        run = self._run
        pending, self._pending = self._pending, []
        if self._track is None or run is None:
            return
        columns = self._new_columns(run)
        prompts, self._prompts = self._prompts, []
        answers, self._answers = self._answers, []
        moved = self._moved
        self._write(Batch([moved(at, event) for at, event in pending], columns, prompts, answers))
        if run.live:
            self._heartbeat = asyncio.get_running_loop().call_later(HEARTBEAT_S, self.flush)

    def _write(self, batch: Batch) -> None:
        if self._track is not None:
            self._writer.write(self._track, batch)
