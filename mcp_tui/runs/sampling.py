"""Answers sampling requests of servers with a model: counted, limited and entered in the ledger like any other call."""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from mcp_tui.core.chat import (
    AttemptStarted,
    Finished,
    Message,
    Noticed,
    ReasoningDelta,
    RefusalDelta,
    StopReason,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.server_requests import Reply, ServerRequest, offers_tools
from mcp_tui.core.state import ColumnStatus
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.registry import ModelRef
from mcp_tui.runs.metrics import Meter, PriceOf, StepFigures
from mcp_tui.runs.outcome import ending_of, stream_without_end
from mcp_tui.runs.run_context import Providers
from mcp_tui.runs.sampling_messages import SamplingRequest, chat_request, result_of
from mcp_tui.runs.spending import OpenCall, RunSpending, cut_by_limit
from mcp_tui.store.usage import CallStatus

_MAX_REMEMBERED = 200


@dataclass(frozen=True, slots=True)
class SamplingAnswer:
    result: JsonObject
    """A CreateMessageResult (wire keys)."""
    figures: StepFigures
    notes: tuple[str, ...] = ()
    """What the person should know about the request or the answer, one sentence each."""
    incomplete: ErrorInfo | None = None
    """The answer is only a part, or breaks what the server demanded: not to be sent unseen."""


class Sampler:
    """One per engine. It remembers what models said with their tool calls: some must hear it again unchanged."""

    def __init__(
        self,
        providers: Callable[[], Providers],
        spending: Callable[[str], RunSpending],
        price: PriceOf,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """spending: of the run that a request came from (its `origin`), else one of its own."""
        self._providers = providers
        self._spending = spending
        self._price = price
        self._clock = clock
        self._said: OrderedDict[tuple[str, ...], Message] = OrderedDict()

    async def generate(
        self,
        request: ServerRequest,
        ref: ModelRef,
        *,
        params: JsonObject | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> SamplingAnswer:
        """Ask the model. params: instead of the request's, where the person changed them.

        AppError when it gives no answer at all. Cancelling closes the stream.
        """
        wanted = params if params is not None else request.params
        sampling = chat_request(wanted, ref)
        chat = replace(sampling.chat, messages=tuple(self._unchanged(message) for message in sampling.chat.messages))
        meter = Meter(ref, self._clock, self._price)
        meter.begin_turn()
        provider = self._providers().provider(ref.provider)
        call = await self._spending(request.origin).open(f"sampling {request.server}", ref, chat)
        meter.begin_step(call.request, ref)
        notes = [*sampling.notes, *([call.note] if call.note else [])]
        finished: Finished | None = None
        status: CallStatus = "cancelled"
        try:
            async with contextlib.aclosing(provider.stream(call.request)) as events:
                async for event in events:
                    match event:
                        case TextDelta(text) | RefusalDelta(text):
                            meter.fragment(len(text))
                            if on_text is not None:
                                on_text(text)
                        case ReasoningDelta(text):
                            meter.fragment(len(text), reasoning=True)
                        case ToolCallStarted():
                            meter.fragment(0)
                        case ToolCallDelta(_, arguments):
                            meter.fragment(len(arguments))
                        case AttemptStarted():
                            meter.attempt()
                        case Noticed(text):
                            notes.append(text)
                        case Finished():
                            finished = event
                            break
                        case _:
                            pass
                    call.progress(meter.running)
            status = "ok" if finished is not None and finished.error is None else "error"
        finally:
            figures = meter.end_step(finished) or StepFigures()
            call.close(figures, status)
        return self._answer(request, ref, sampling, call, finished, figures, tuple(notes))

    async def reply(self, request: ServerRequest, ref: ModelRef) -> Reply:
        """For nobody to look at: AppError unless the answer is whole."""
        answer = await self.generate(request, ref)
        if answer.incomplete is not None:
            raise AppError.of(answer.incomplete)
        return Reply("accept", answer.result)

    def _answer(
        self,
        request: ServerRequest,
        ref: ModelRef,
        sampling: SamplingRequest,
        call: OpenCall,
        finished: Finished | None,
        figures: StepFigures,
        notes: tuple[str, ...],
    ) -> SamplingAnswer:
        if finished is None:
            raise AppError.of(stream_without_end()[1] or ErrorInfo("No answer"))
        ending = ending_of(finished)
        fault = ending[1] if ending is not None and ending[0] is not ColumnStatus.DONE else None
        said = finished.message.text or finished.message.tool_calls
        if fault is not None and not said:
            raise AppError.of(fault)
        if finished.stop is StopReason.LENGTH:
            # The server set the limit and is told by the stop reason; ours is another matter.
            capped = call.capped_tokens
            own = capped is not None and sampling.chat.params.max_tokens is None
            fault = cut_by_limit(capped) if own and capped is not None else None
        if any(tool_call.arguments is None for tool_call in finished.message.tool_calls):
            fault = _broken("The model's call of a tool is no complete JSON")
        elif sampling.tool_choice == "required" and sampling.names and not finished.message.tool_calls:
            fault = _broken("The server demands the use of a tool, and the model used none")
        elif sampling.tool_choice == "none" and finished.message.tool_calls:
            fault = _broken("The server forbids the use of tools, and the model used one")
        self._remember(finished.message)
        result = result_of(finished, sampling, ref, tools=offers_tools(request))
        return SamplingAnswer(result, figures, notes, fault)

    def _remember(self, message: Message) -> None:
        ids = tuple(call.id for call in message.tool_calls)
        if ids:
            self._said[ids] = message
            while len(self._said) > _MAX_REMEMBERED:
                self._said.popitem(last=False)

    def _unchanged(self, message: Message) -> Message:
        """As the model said it, signatures included, where the server gives it back unchanged."""
        said = self._said.get(tuple(call.id for call in message.tool_calls)) if message.tool_calls else None
        return said if said is not None and _same(said, message) else message


def _same(said: Message, given: Message) -> bool:
    calls = zip(said.tool_calls, given.tool_calls, strict=True)
    return said.text == given.text and all(
        one.name == other.name and one.arguments == other.arguments for one, other in calls
    )


def _broken(detail: str) -> ErrorInfo:
    return ErrorInfo("The answer cannot be used", detail, "ask again, or another model", ErrorKind.PROVIDER, "sampling")


def run_of(origin: str) -> str:
    """The id of the run in a request's origin (`run r1 column c2 call ...`), or ""."""
    words = origin.split()
    return words[1] if len(words) > 1 and words[0] == "run" else ""
