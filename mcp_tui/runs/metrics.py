"""The figures of one column: time, tokens, cost."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from mcp_tui.core.chat import (
    Block,
    ChatRequest,
    FileBlock,
    Finished,
    ImageBlock,
    OpaqueBlock,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolResultBlock,
)
from mcp_tui.core.state import Metrics, Usage
from mcp_tui.providers.registry import ModelRef

CHARACTERS_PER_TOKEN = 4
TOKENS_PER_IMAGE = 1000
BYTES_PER_TOKEN_AT_LEAST = 3
"""Western text has four and more, most other scripts three (one character)."""
MOST_TOKENS_PER_IMAGE = 3000
TOKENS_PER_PAGE = 2000
MOST_TOKENS_PER_PAGE = 4500
"""A page of a PDF goes to the model as its text and as an image."""
BYTES_PER_PAGE = 40_000
"""Of documents that do not say how many pages they have; a guess."""
BYTES_PER_RECORDED_TOKEN = 500
"""Of audio and video: 16 kB a second are 32 tokens."""
DEMO_PROVIDER = "demo"
_SHORTEST_STREAM_S = 0.01
"""Below this an answer came in one piece, and its speed says nothing about the model."""

PriceOf = Callable[[ModelRef, Usage], float | None]


def table_price(ref: ModelRef, usage: Usage) -> float | None:
    """US dollars from the price table, or None for a model it does not know. Demo models cost nothing real."""
    if ref.provider == DEMO_PROVIDER:
        return None
    from mcp_tui.providers.pricing import cost_usd

    return cost_usd(ref, usage)


@dataclass(frozen=True, slots=True)
class Spent:
    """What model calls used, added up."""

    usage: Usage = field(default_factory=Usage)
    usage_is_estimate: bool = False
    cost_usd: float | None = None
    cost_is_estimate: bool = False
    """Also true when the cost of a part is unknown: the sum is then a lower bound."""
    steps: int = 0
    attempts: int = 0
    tool_calls: int = 0
    cached_steps: int = 0

    def plus(self, other: Spent) -> Spent:
        costs = [cost for cost in (self.cost_usd, other.cost_usd) if cost is not None]
        return Spent(
            self.usage.plus(other.usage),
            self.usage_is_estimate or other.usage_is_estimate,
            sum(costs) if costs else None,
            self.cost_is_estimate or other.cost_is_estimate,
            self.steps + other.steps,
            self.attempts + other.attempts,
            self.tool_calls + other.tool_calls,
            self.cached_steps + other.cached_steps,
        )


@dataclass(frozen=True, slots=True)
class StepFigures:
    """One model call, so far or as a whole."""

    usage: Usage | None = None
    """None: nothing came, and nothing was reported."""
    usage_is_estimate: bool = True
    cost_usd: float | None = None
    cost_is_estimate: bool = True
    attempts: int = 0
    ttft_ms: float | None = None
    duration_ms: float | None = None
    cached: bool = False


@dataclass(slots=True)
class _Step:
    """The model call that is running."""

    request: ChatRequest
    ref: ModelRef
    began_at: float
    sent_at: float
    cached: bool = False
    attempts: int = 0
    first_at: float | None = None
    last_at: float | None = None
    characters: int = 0
    reasoning_characters: int = 0


@dataclass(slots=True)
class Meter:
    """Counts for one column. Time to first token counts from the attempt that succeeded."""

    ref: ModelRef
    clock: Callable[[], float]
    price: PriceOf = table_price
    fallback: str = ""
    """As in `Metrics`; of the newest turn."""
    notes: list[str] = field(default_factory=list[str])
    _before: Spent = field(default_factory=Spent)
    """All turns before the newest, and tries of it that were replaced: they were paid for too."""
    _turn: Spent = field(default_factory=Spent)
    _started_at: float | None = None
    _ended_at: float | None = None
    _ttft_s: float | None = None
    _stream_s: float = 0.0
    _stream_tokens: float = 0.0
    _step: _Step | None = None
    _number: int | None = None

    def begin_turn(self) -> None:
        self._before = self._before.plus(self._turn)
        self._turn = Spent()
        self._started_at = self.clock()
        self._ended_at = self._ttft_s = self._step = None
        self._stream_s = self._stream_tokens = 0.0
        self._number = None
        self.fallback = ""
        self.notes = []

    def note(self, text: str) -> None:
        """Once per turn."""
        if text and text not in self.notes:
            self.notes.append(text)

    def begin_step(self, request: ChatRequest, ref: ModelRef | None = None, *, number: int | None = None) -> None:
        """ref: who is asked, when it is not the column's own model. number: of the step in its turn; the same again
        is the same step, asked elsewhere."""
        if number is None or number != self._number:
            self._turn = replace(self._turn, steps=self._turn.steps + 1)
        self._number = number
        now = self.clock()
        self._step = _Step(request, ref or self.ref, now, now)

    def replay(self) -> None:
        """The step is answered from the response cache: its times say nothing about a model."""
        if self._step is not None:
            self._step.cached = True

    def attempt(self) -> None:
        if self._step is not None:
            self._step.attempts += 1
            self._step.sent_at = self.clock()

    def fragment(self, characters: int, *, reasoning: bool = False) -> None:
        """A piece of the answer came."""
        step = self._step
        if step is None:
            return
        now = self.clock()
        if step.first_at is None:
            step.first_at = now
            if self._turn.steps == 1 and not step.cached:
                self._ttft_s = now - step.sent_at
        step.last_at = now
        step.characters += characters
        step.reasoning_characters += characters if reasoning else 0

    @property
    def streamed_tokens(self) -> float:
        """About how many the running call has written so far."""
        return 0.0 if self._step is None else self._step.characters / CHARACTERS_PER_TOKEN

    def call(self) -> None:
        self._turn = replace(self._turn, tool_calls=self._turn.tool_calls + 1)

    def running(self) -> StepFigures:
        """The running call so far; what it used is estimated."""
        step = self._step
        if step is None or step.first_at is None or step.cached:
            return StepFigures()
        usage = _estimate(step)
        return StepFigures(usage, True, self._price(step, usage), True, step.attempts)

    def end_step(self, finished: Finished | None) -> StepFigures | None:
        """The ended call; None when none was running. finished None: the stream was cut by us, and what it used is
        estimated."""
        step, self._step = self._step, None
        if step is None:
            return None
        figures = self._figures(step, finished)
        self._turn = self._turn.plus(
            Spent(
                figures.usage or Usage(),
                figures.usage is not None and figures.usage_is_estimate,
                figures.cost_usd,
                figures.usage is not None and figures.cost_is_estimate,
                attempts=figures.attempts,
                cached_steps=int(figures.cached),
            )
        )
        if not step.cached:
            self._count_stream(step, figures.usage, reported=not figures.usage_is_estimate)
        return figures

    def end_turn(self) -> StepFigures | None:
        """The figures of the call that was cut by the end, if one was running."""
        figures = self.end_step(None)
        self._ended_at = self.clock()
        return figures

    def _figures(self, step: _Step, finished: Finished | None) -> StepFigures:
        reported = None if finished is None else finished.usage
        known = reported is not None and (reported.input_tokens is not None or reported.output_tokens is not None)
        something_came = step.first_at is not None or (finished is not None and bool(finished.message.blocks))
        usage = reported if known else _estimate(step) if something_came else None
        duration_ms = (self.clock() - step.began_at) * 1000
        if step.cached:
            cost = None if step.ref.provider == DEMO_PROVIDER else 0.0
            return StepFigures(usage, not known, cost, False, duration_ms=duration_ms, cached=True)
        attempts = max(step.attempts, finished.attempts if finished is not None else 0, 1)
        cost = None if finished is None or step.ref.provider == DEMO_PROVIDER else finished.cost_usd
        real = cost is not None
        if usage is not None and not real:
            cost = self._price(step, usage)
        ttft_ms = None if step.first_at is None else (step.first_at - step.sent_at) * 1000
        return StepFigures(usage, not known, cost, not real, attempts, ttft_ms, duration_ms)

    def _price(self, step: _Step, usage: Usage) -> float | None:
        return None if step.ref.provider == DEMO_PROVIDER else self.price(step.ref, usage)

    def turn(self) -> Metrics:
        """The newest turn alone."""
        return self._metrics(self._turn)

    def column(self) -> Metrics:
        """All turns; times are of the newest."""
        return self._metrics(self._before.plus(self._turn))

    def _count_stream(self, step: _Step, usage: Usage | None, *, reported: bool) -> None:
        if step.first_at is None or step.last_at is None:
            return
        lasted = step.last_at - step.first_at
        if lasted < _SHORTEST_STREAM_S:
            return
        tokens = step.characters / CHARACTERS_PER_TOKEN
        if reported and usage is not None and usage.output_tokens is not None:
            # Reasoning that was not streamed was made before the first fragment: not part of the stream.
            unseen = 0 if step.reasoning_characters else usage.reasoning_tokens or 0
            tokens = max(0, usage.output_tokens - unseen)
        self._stream_s += lasted
        self._stream_tokens += tokens

    def _metrics(self, spent: Spent) -> Metrics:
        step = self._step
        seconds, tokens, running_attempts = self._stream_s, self._stream_tokens, 0
        if step is not None and not step.cached:
            running_attempts = step.attempts
            if step.first_at is not None and step.last_at is not None:
                seconds += step.last_at - step.first_at
                tokens += step.characters / CHARACTERS_PER_TOKEN
        end = self.clock() if self._ended_at is None else self._ended_at
        return Metrics(
            usage=spent.usage,
            usage_is_estimate=spent.usage_is_estimate,
            cost_usd=spent.cost_usd,
            cost_is_estimate=spent.cost_usd is None or spent.cost_is_estimate,
            ttft_ms=None if self._ttft_s is None else self._ttft_s * 1000,
            duration_ms=None if self._started_at is None else (end - self._started_at) * 1000,
            tokens_per_s=tokens / seconds if seconds >= _SHORTEST_STREAM_S else None,
            steps=spent.steps,
            attempts=spent.attempts + running_attempts,
            tool_calls=spent.tool_calls,
            cached_steps=spent.cached_steps,
            fallback=self.fallback,
            notes=tuple(self.notes),
        )


def _estimate(step: _Step) -> Usage:
    return Usage(
        input_tokens=request_tokens(step.request),
        output_tokens=max(1, round(step.characters / CHARACTERS_PER_TOKEN)) if step.characters else 0,
    )


def request_tokens(request: ChatRequest) -> int:
    """About how many tokens a request costs."""
    size = _request_size(request, len)
    tokens = (
        size.text / CHARACTERS_PER_TOKEN + size.pages * TOKENS_PER_PAGE + size.recorded_bytes / BYTES_PER_RECORDED_TOKEN
    )
    return round(tokens) + size.images * TOKENS_PER_IMAGE


def most_request_tokens(request: ChatRequest) -> int:
    """Hardly fewer than a request costs, in any language: for limits."""
    size = _request_size(request, _bytes)
    recorded = 2 * size.recorded_bytes / BYTES_PER_RECORDED_TOKEN
    tokens = size.text / BYTES_PER_TOKEN_AT_LEAST + size.pages * MOST_TOKENS_PER_PAGE + recorded
    return math.ceil(tokens) + size.images * MOST_TOKENS_PER_IMAGE


@dataclass(slots=True)
class _Size:
    text: int = 0
    """Length of all texts, in what the measure counts."""
    images: int = 0
    pages: int = 0
    recorded_bytes: int = 0


def _request_size(request: ChatRequest, measure: Callable[[str], int]) -> _Size:
    size = _Size(measure(request.system))
    for tool in request.tools:
        size.text += measure(tool.name) + measure(tool.description) + measure(json.dumps(tool.input_schema))
    for message in request.messages:
        _add(message.blocks, size, measure)
    return size


def _add(blocks: Iterable[Block], size: _Size, measure: Callable[[str], int]) -> None:
    for block in blocks:
        match block:
            case TextBlock() | ReasoningBlock():
                size.text += measure(block.text)
            case ImageBlock():
                size.images += 1
            case FileBlock() if block.mime_type.startswith(("audio/", "video/")):
                size.recorded_bytes += block.size_bytes
            case FileBlock():
                size.pages += block.pages or math.ceil(block.size_bytes / BYTES_PER_PAGE)
            case ToolCallBlock():
                size.text += measure(block.name) + measure(block.arguments_raw)
            case OpaqueBlock():
                size.text += measure(json.dumps(block.opaque.value))
            case ToolResultBlock():
                _add(block.content, size, measure)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
