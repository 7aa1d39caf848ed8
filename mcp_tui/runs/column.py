"""One column: its conversation with one model, turn after turn."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import replace

from mcp_tui.core.chat import (
    AttemptFailed,
    AttemptStarted,
    ChatEvent,
    ChatRequest,
    Finished,
    Noticed,
    ReasoningDelta,
    RefusalDelta,
    StopReason,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from mcp_tui.core.deadline import Deadline
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.events import ColumnEvent, MetricsChanged, StatusChanged, StepStarted, TurnStarted
from mcp_tui.core.state import ColumnStatus, RateLimits
from mcp_tui.runs.approval import Applicant
from mcp_tui.runs.availability import because, is_unavailable, notice, said_nothing
from mcp_tui.runs.metrics import Meter, StepFigures
from mcp_tui.runs.outbox import Outbox
from mcp_tui.runs.outcome import (
    Ending,
    ending_of,
    internal_fault,
    step_limit,
    stream_without_end,
    time_limit,
)
from mcp_tui.runs.replay import played
from mcp_tui.runs.run_context import RunContext
from mcp_tui.runs.sharing import SharedCalls
from mcp_tui.runs.spec import ColumnSpec, ModelChoice
from mcp_tui.runs.spending import OpenCall, cut_by_limit
from mcp_tui.runs.toolbox import hidden_notes, tool_specs
from mcp_tui.runs.turn import Turn, conversation
from mcp_tui.runs.turn_calls import TurnCalls
from mcp_tui.store.usage import CallStatus

logger = logging.getLogger(__name__)

METRICS_INTERVAL_S = 0.2
_EVENTS_PER_BREATH = 64
"""A provider that has much in its buffer must not keep the loop from the others."""


class Column:
    """Runs turns as tasks of its own; every end of a turn goes through `_end`, once."""

    def __init__(
        self,
        spec: ColumnSpec,
        context: RunContext,
        listener: Callable[[ColumnEvent], None],
        ended: Callable[[], None],
    ) -> None:
        self.spec = spec
        self.turns: list[Turn] = []
        self.status = ColumnStatus.IDLE
        self.outbox = Outbox(spec.id, listener)
        self.meter = Meter(spec.ref, context.clock, context.price)
        self.rate_limits: RateLimits | None = None
        """Of the newest answer that said something about them."""
        self._context = context
        self._ended = ended
        self._task: asyncio.Task[None] | None = None
        self._ending: Ending | None = None
        self._calls: TurnCalls | None = None
        self._choice = 0
        """Which of `spec.choices` is asked in this turn."""
        self._fresh = False
        self._call: OpenCall | None = None
        self._metrics_sent_at: float | None = None
        self._metrics_timer: asyncio.TimerHandle | None = None

    @property
    def live(self) -> bool:
        return not self.status.ended

    def answered(self, number: int) -> bool:
        """Whether the newest turn has this number and was started here (an added column only knows its prompt)."""
        return bool(self.turns) and self.turns[-1].number == number and self.turns[-1].status is not ColumnStatus.IDLE

    def take_over(self, turns: Iterable[Turn]) -> None:
        """The conversation so far, held in an earlier run."""
        self.turns = list(turns)
        self.status = self.turns[-1].status if self.turns else ColumnStatus.IDLE

    def start(self, turn: Turn, shared: SharedCalls, *, fresh: bool = False) -> None:
        """Begin `turn` as the newest; a turn of the same number is replaced. fresh: replay nothing."""
        # First, because it may refuse; the task's own first step comes after this method.
        task = self._context.spawn(self._run(turn, shared), f"column {self.spec.label}")
        self._task = task
        if self.turns and self.turns[-1].number == turn.number:
            self.turns.pop()
        self.turns.append(turn)
        self._ending = None
        self._choice = 0
        self._fresh = fresh
        self.meter.begin_turn()
        self.outbox.event(TurnStarted(self.spec.id, turn.number, turn.prompt))
        self._set_status(ColumnStatus.CONNECTING)
        task.add_done_callback(lambda _: self._done(turn))

    def change(self, spec: ColumnSpec) -> None:
        """Another model or other parameters for the same conversation, from the next model call on."""
        if spec.choices[0].ref != self.spec.ref:
            self._choice = 0
            self.rate_limits = None
        self._choice = min(self._choice, len(spec.choices) - 1)
        self.meter.ref = spec.ref
        self.spec = spec

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    # --- the turn

    async def _run(self, turn: Turn, shared: SharedCalls) -> None:
        try:
            await self._answer(turn, shared)
        finally:
            if self._calls is not None:
                await self._calls.checked(wait=self._ending is not None)

    async def _answer(self, turn: Turn, shared: SharedCalls) -> None:
        deadline = Deadline(self._context.spec().time_limit_s)
        try:
            async with deadline:
                self._ending = await self._converse(turn, shared, deadline)
            if deadline.expired:
                self._ending = time_limit(self._context.spec().time_limit_s or 0)
        except AppError as error:
            # After a step that worked there is an answer, in part.
            status = ColumnStatus.INCOMPLETE if turn.follow_up or turn.text else ColumnStatus.ERROR
            self._ending = status, error.info
        except Exception as error:
            logger.exception("column %s failed", self.spec.label)
            self._ending = internal_fault(error)

    async def _converse(self, turn: Turn, shared: SharedCalls, deadline: Deadline) -> Ending:
        def asking(waits: bool) -> None:
            (deadline.pause if waits else deadline.resume)()
            self._set_status(ColumnStatus.APPROVAL if waits else ColumnStatus.TOOLS)

        applicant = Applicant(self._context.run_id, self.spec.id, self.spec.label)
        calls = self._calls = TurnCalls(self._context, applicant, turn, shared, self.outbox, asking)
        paused = False
        while True:
            turn.begin_step(continues=paused)
            self.outbox.event(StepStarted(self.spec.id, turn.step))
            finished = await self._model_call(turn, calls)
            if finished is None:
                return stream_without_end()
            turn.stop = finished.stop
            message = finished.message
            if message.text and not turn.unsaved:
                self._text(turn, message.text)
            calls.complete(message.tool_calls)
            ending = ending_of(finished)
            if ending is not None:
                if ending[0] is ColumnStatus.DONE:
                    turn.keep(message)
                return self._explained(ending, finished)
            turn.keep(message)
            for _ in message.tool_calls:
                self.meter.call()
            if turn.step >= self._context.spec().max_steps:
                return step_limit(turn.step, calls=len(message.tool_calls))
            paused = not message.tool_calls
            if message.tool_calls:
                self._set_status(ColumnStatus.TOOLS)
                self._touch_metrics()
                await calls.run(message.tool_calls, cut=finished.stop is StopReason.LENGTH)
                turn.close_calls()
            self._set_status(ColumnStatus.CONNECTING)

    async def _model_call(self, turn: Turn, calls: TurnCalls) -> Finished | None:
        """One answer, of the first model of the chain that can be had; None when the stream stopped without an end.

        Once another model has taken over, it answers the rest of the turn.
        """
        request = self._request(turn)
        while True:
            choice = self.spec.choices[self._choice]
            try:
                finished, came = await self._ask(choice, request, turn, calls)
            except AppError as error:
                why = error.info if is_unavailable(error.info) else None
                if why is None or not self._fall_back(why):
                    raise
            else:
                error = None if finished is None or came or not said_nothing(finished) else finished.error
                if error is None or not is_unavailable(error) or not self._fall_back(error):
                    return finished

    def _fall_back(self, why: ErrorInfo) -> bool:
        """The next model of the chain takes over, and the column says so; False when there is none."""
        if self._choice + 1 >= len(self.spec.choices):
            return False
        self._choice += 1
        ref = self.spec.choices[self._choice].ref
        self.meter.fallback = because(ref, why)
        self._set_status(ColumnStatus.RETRYING, notice(ref, why))
        self._send_metrics()
        return True

    async def _ask(
        self, choice: ModelChoice, request: ChatRequest, turn: Turn, calls: TurnCalls
    ) -> tuple[Finished | None, bool]:
        """One request to one model: its last event, and whether anything of an answer came before it."""
        ref = choice.ref
        request = replace(request, model=ref.model, params=choice.params)
        replays, key, events = self._context.replays, "", None
        if replays is not None:
            key, events = await replays.find(ref, request)
        if events is not None and not self._fresh:
            self._call = self._context.spending.replayed(self.spec.id, ref, request)
            self.meter.begin_step(request, ref, number=turn.step)
            self.meter.replay()
            return await self._listen(played(events), turn, calls)
        provider = self._context.providers.provider(ref.provider)
        self._call = await self._context.spending.open(self.spec.id, ref, request)
        request = self._call.request
        self.meter.note(self._call.note)
        self.meter.begin_step(request, ref, number=turn.step)
        stream = provider.stream(request) if replays is None else replays.recording(key, provider, request)
        return await self._listen(stream, turn, calls)

    async def _listen(
        self, stream: AsyncGenerator[ChatEvent, None], turn: Turn, calls: TurnCalls
    ) -> tuple[Finished | None, bool]:
        finished: Finished | None = None
        came = False
        async with contextlib.aclosing(stream) as events:
            count = 0
            async for event in events:
                match event:
                    case TextDelta(text) | RefusalDelta(text):
                        self._fragment(len(text))
                        self._text(turn, text)
                    case ReasoningDelta(text):
                        self._fragment(len(text), reasoning=True)
                        turn.add_text(text, reasoning=True)
                        self.outbox.text(text, reasoning=True)
                    case ToolCallStarted(key, _, name):
                        self._fragment(0)
                        calls.started(key, name)
                    case ToolCallDelta(key, arguments):
                        self._fragment(len(arguments))
                        calls.fragment(key, arguments)
                    case AttemptStarted():
                        self.meter.attempt()
                        self._set_status(ColumnStatus.CONNECTING)
                    case Noticed(text, unsent):
                        self._notice(text, unsent)
                    case AttemptFailed(attempt, wait_s, error):
                        retry_at = self._context.clock() + wait_s
                        self._set_status(ColumnStatus.RETRYING, error, retry_at=retry_at, attempt=attempt + 1)
                    case Finished():
                        finished = event
                        break
                came = came or not isinstance(event, AttemptStarted | AttemptFailed | Noticed)
                count += 1
                if count % _EVENTS_PER_BREATH == 0:
                    await asyncio.sleep(0)
        if finished is not None and finished.rate_limits is not None:
            self.rate_limits = finished.rate_limits
        self._account(self.meter.end_step(finished), _status_of(finished))
        self._touch_metrics()
        return finished, came

    def _notice(self, text: str, unsent: str) -> None:
        if unsent == "max_tokens" and self._call is not None:
            self._call.uncapped = True
            if self._call.request.params.max_tokens != self.spec.choices[self._choice].params.max_tokens:
                return  # ours, for the spend limit: the person set none
        self.meter.note(text)
        self._touch_metrics()

    def _account(self, figures: StepFigures | None, status: CallStatus) -> None:
        """The running call ended."""
        if self._call is not None:
            self._call.close(figures or StepFigures(), status)

    def _request(self, turn: Turn) -> ChatRequest:
        turn.offered = self._context.toolbox.offered(self._context.spec(), turn.offered)
        for text in hidden_notes(turn.offered):
            self.meter.note(text)
        return ChatRequest(
            model=self.spec.ref.model,
            messages=conversation(self.turns),
            system=self.spec.system,
            tools=tool_specs(turn.offered),
            params=self.spec.params,
        )

    def _explained(self, ending: Ending, finished: Finished) -> Ending:
        capped = self._call.capped_tokens if self._call is not None else None
        if finished.stop is StopReason.LENGTH and capped is not None:
            return ending[0], cut_by_limit(capped)
        return ending

    def _text(self, turn: Turn, text: str) -> None:
        turn.add_text(text, reasoning=False)
        self.outbox.text(text)

    def _fragment(self, characters: int, *, reasoning: bool = False) -> None:
        self.meter.fragment(characters, reasoning=reasoning)
        if self._call is not None and self._call.overrun(self.meter.streamed_tokens):
            raise AppError.of(cut_by_limit(self._call.room_tokens or 0))
        if self.status is not ColumnStatus.STREAMING:
            self._set_status(ColumnStatus.STREAMING)
        self._touch_metrics()

    # --- the end

    def _done(self, turn: Turn) -> None:
        """Also runs for a task that was cancelled before its first step."""
        self._task = None
        if self._ending is not None:
            self._end(turn, *self._ending)
        else:
            self._end(turn, ColumnStatus.CANCELLED, None)

    def _end(self, turn: Turn, status: ColumnStatus, error: ErrorInfo | None) -> None:
        if self._calls is not None:
            why = error.title if error is not None else "the column was stopped"
            self._calls.end_all(ErrorInfo("Not run", why, "", ErrorKind.CANCELLED, "not_run"))
            self._calls = None
        turn.keep_partial()
        turn.close_calls()
        turn.status, turn.error = status, error
        self._account(self.meter.end_turn(), "cancelled" if error is None else "error")
        self._call = None
        self._send_metrics()
        self._set_status(status, error)
        self._ended()

    # --- what faces are told

    def _set_status(
        self,
        status: ColumnStatus,
        error: ErrorInfo | None = None,
        *,
        retry_at: float | None = None,
        attempt: int = 0,
    ) -> None:
        if status is self.status and error is None:
            return
        self.status = status
        if self.turns:
            self.turns[-1].status = status
        self.outbox.event(StatusChanged(self.spec.id, status, error, retry_at, attempt))

    def _touch_metrics(self) -> None:
        """Send the figures now, or when the interval since the last time is over."""
        now = self._context.clock()
        since = None if self._metrics_sent_at is None else now - self._metrics_sent_at
        if since is None or since >= METRICS_INTERVAL_S:
            self._send_metrics()
        elif self._metrics_timer is None:
            loop = asyncio.get_running_loop()
            self._metrics_timer = loop.call_later(METRICS_INTERVAL_S - since, self._send_metrics)

    def _send_metrics(self) -> None:
        if self._metrics_timer is not None:
            self._metrics_timer.cancel()
            self._metrics_timer = None
        self._metrics_sent_at = self._context.clock()
        if self._call is not None:
            self._call.progress(self.meter.running)
        self.outbox.event(MetricsChanged(self.spec.id, self.meter.column()))


def _status_of(finished: Finished | None) -> CallStatus:
    if finished is None:
        return "incomplete"
    if finished.error is not None:
        return "incomplete" if finished.message.blocks else "error"
    return "ok" if finished.stop in (StopReason.STOP, StopReason.TOOL_CALLS, StopReason.PAUSE) else "incomplete"
