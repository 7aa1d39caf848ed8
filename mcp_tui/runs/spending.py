"""What model calls may cost, and the record of what they did.

Every call is entered in the usage ledger when it is sent. Under a limit it first holds back the most it can cost:
its input, and as many output tokens as it may write. What it really cost takes that place when it ends. So the sum
of ended and running calls never passes the limit, whatever the models answer.
"""

from __future__ import annotations

import asyncio
import math
import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from mcp_tui.config.schema import Limits
from mcp_tui.core.chat import ChatRequest
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.figures import money_text
from mcp_tui.core.state import Usage
from mcp_tui.providers.registry import ModelRef
from mcp_tui.runs.metrics import PriceOf, StepFigures, most_request_tokens, request_tokens
from mcp_tui.store.usage import CallStatus, CallUsage, Reservation

OUTPUT_TOKENS = 16_384
"""Held back, and asked for as the maximum, when the column sets none."""
LEAST_OUTPUT_TOKENS = 256
"""An answer that could not even be that long is not asked for."""
PROGRESS_INTERVAL_S = 0.5
_UNCAPPED_SHARE = 0.75
"""Of the room for output, where our own count of tokens is all there is."""
_CAPPED_SHARE = 2.0
_CODE = "spend_limit"


class Ledger(Protocol):
    """What is used of `store.usage.UsageLedger`."""

    now: Callable[[], float]

    def write(self, row: CallUsage) -> None: ...

    async def reserve(
        self, row: CallUsage, *, usd: float, least_usd: float, limit_usd: float, shares: int = 1
    ) -> Reservation: ...


@dataclass(frozen=True, slots=True)
class _Quote:
    """The most a request can cost. `unit_usd` is for one token of output."""

    input_usd: float
    unit_usd: float
    tokens: int
    least_tokens: int

    def usd(self, tokens: int) -> float:
        return self.input_usd + tokens * self.unit_usd

    @property
    def most_usd(self) -> float:
        return self.usd(self.tokens)

    @property
    def least_usd(self) -> float:
        return self.usd(self.least_tokens)

    def tokens_for(self, usd: float) -> int:
        if self.unit_usd <= 0:
            return self.tokens
        # A hair more, so that a sum which was granted whole is not rounded below itself.
        return min(self.tokens, math.floor((usd - self.input_usd) / self.unit_usd + 1e-6))


@dataclass(frozen=True, slots=True)
class _Short:
    """A limit leaves too little."""

    limit: str
    limit_usd: float
    spent_usd: float
    held_usd: float
    hint: str


class Spending:
    """Of one engine: makes the `RunSpending` of each run."""

    def __init__(
        self,
        ledger: Ledger | None,
        limits: Limits,
        price: PriceOf,
        *,
        session: str = "",
        charges_nothing: Callable[[str], bool] = lambda provider: False,
        clock: Callable[[], float],
    ) -> None:
        """session: sets the runs of this process apart from those of others. charges_nothing: by provider name."""
        self.ledger = ledger
        self.limits = limits
        self.price = price
        self.clock = clock
        self.charges_nothing = charges_nothing
        self._session = session or uuid.uuid4().hex[:8]

    def run(self, run_id: str, max_usd: float | None = None) -> RunSpending:
        """max_usd: instead of the configured limit per run."""
        limit = self.limits.usd_per_run if max_usd is None else max_usd
        return RunSpending(self, f"{self._session}-{run_id}", limit)


class RunSpending:
    """Of all columns and turns of one run, or of several runs that share a limit."""

    def __init__(self, spending: Spending, run: str, limit_usd: float | None) -> None:
        self.spending = spending
        self.run = run
        self.limit_usd = limit_usd
        self._crowds: list[Callable[[], int]] = []
        self._spent_usd = 0.0
        self._held: dict[str, float] = {}
        self._changed = asyncio.Event()

    def shared_by(self, live: Callable[[], int]) -> None:
        """A run under this limit joins; it says how many of its columns are live. They share what is left."""
        self._crowds.append(live)

    @property
    def waiting(self) -> int:
        """How many columns are live."""
        return sum(live() for live in self._crowds)

    @property
    def limited(self) -> bool:
        return self.limit_usd is not None or self.spending.limits.usd_per_day is not None

    @property
    def spent_usd(self) -> float:
        """What ended calls cost, as far as prices are known."""
        return self._spent_usd

    async def open(self, column: str, ref: ModelRef, request: ChatRequest) -> OpenCall:
        """Enter the call before it is sent; `OpenCall.request` is what to send.

        Waits while other columns of the run hold back what is missing. AppError (usage) when a limit leaves too
        little, and when the day's limit cannot be checked.
        """
        ledger = self.spending.ledger
        now = ledger.now() if ledger is not None else 0.0
        row = CallUsage(uuid.uuid4().hex, now, ref.provider, ref.model, self.run, column)
        call = OpenCall(self, row, request)
        entry = self._entry(row, ref, request)
        if self.limited:
            quote = self._quote(ref, request)
            if quote is None:
                call.note = self._unpriced(ref)
            else:
                granted = await self._granted(entry, ref, quote)
                call.room_tokens = quote.tokens_for(granted) if quote.unit_usd > 0 else None
                if request.params.max_tokens is None and quote.unit_usd > 0:
                    call.cap(quote.tokens_for(granted), request)
                return call
        if ledger is not None:
            ledger.write(entry)
        return call

    def replayed(self, column: str, ref: ModelRef, request: ChatRequest) -> OpenCall:
        """A call answered from the response cache: it holds nothing back."""
        ledger = self.spending.ledger
        now = ledger.now() if ledger is not None else 0.0
        row = CallUsage(uuid.uuid4().hex, now, ref.provider, ref.model, self.run, column, cached=True)
        return OpenCall(self, row, request)

    def settle(self, call: str, cost_usd: float | None) -> None:
        """The call ended: what it cost takes the place of what it held back."""
        self._held.pop(call, None)
        self._spent_usd += cost_usd or 0.0
        self._changed.set()

    def _entry(self, row: CallUsage, ref: ModelRef, request: ChatRequest) -> CallUsage:
        """The row as it stands until something comes: whoever is killed before has sent the request all the same."""
        if self.spending.ledger is None:
            return row
        usage = Usage(input_tokens=request_tokens(request))
        return replace(row.used(usage, estimate=True), cost_usd=self.spending.price(ref, usage))

    async def _granted(self, row: CallUsage, ref: ModelRef, quote: _Quote) -> float:
        """US dollars held back for the call."""
        while True:
            self._changed.clear()
            # At most an equal share of what is left: columns that begin together must not starve each other.
            shares = max(1, self.waiting - len(self._held))
            short = self._short_of_run(quote)
            if short is None:
                usd = quote.most_usd
                if self.limit_usd is not None:
                    usd = min(usd, max(quote.least_usd, self._left(self.limit_usd) / shares))
                # Held at once: another column may ask while the day's limit is looked up.
                self._held[row.id] = usd
                try:
                    answer = await self._of_day(row, quote, usd, shares)
                except BaseException:
                    self._forget(row.id)
                    self._give_back(row)
                    raise
                if not isinstance(answer, _Short):
                    self._held[row.id] = answer
                    return answer
                self._forget(row.id)
                short = answer
            if not self._held:
                raise AppError.of(_refusal(short, ref, quote))
            await self._changed.wait()

    def _short_of_run(self, quote: _Quote) -> _Short | None:
        limit = self.limit_usd
        if limit is None or quote.least_usd <= self._left(limit):
            return None
        held = sum(self._held.values())
        hint = "raise it with --max-cost USD, or usd_per_run in [limits]"
        return _Short("per run", limit, self._spent_usd, held, hint)

    async def _of_day(self, row: CallUsage, quote: _Quote, usd: float, shares: int) -> float | _Short:
        """What the day's limit grants of `usd`; the row is written either way when it grants something."""
        limit, ledger = self.spending.limits.usd_per_day, self.spending.ledger
        if ledger is None:
            return usd
        if limit is None:
            ledger.write(row)
            return usd
        least = min(usd, quote.least_usd)
        try:
            answer = await ledger.reserve(row, usd=usd, least_usd=least, limit_usd=limit, shares=shares)
        except (sqlite3.Error, OSError, TimeoutError) as error:
            raise AppError(
                "Spend limit per day cannot be checked",
                str(error) or "the usage ledger does not answer",
                "see that the disk can be written, or take usd_per_day out of [limits]",
                kind=ErrorKind.USAGE,
                code=_CODE,
            ) from error
        if answer.granted_usd is not None:
            return answer.granted_usd
        return _Short("per day", limit, answer.spent_usd, answer.held_usd, "raise usd_per_day in [limits]")

    def _left(self, limit_usd: float) -> float:
        return limit_usd - self._spent_usd - sum(self._held.values())

    def _forget(self, call: str) -> None:
        self._held.pop(call, None)
        self._changed.set()

    def _give_back(self, row: CallUsage) -> None:
        """The column was stopped while the ledger was asked: it may have held money back already."""
        if self.spending.ledger is not None and self.spending.limits.usd_per_day is not None:
            nothing = row.used(Usage(), estimate=False)
            self.spending.ledger.write(replace(nothing, status="cancelled", cost_usd=None))

    def _quote(self, ref: ModelRef, request: ChatRequest) -> _Quote | None:
        """None for a model without a known price."""
        tokens_in = most_request_tokens(request)
        price = self.spending.price
        alone = price(ref, Usage(tokens_in, 0))
        with_output = price(ref, Usage(tokens_in, OUTPUT_TOKENS))
        if alone is None or with_output is None:
            return None
        unit = max(0.0, with_output - alone) / OUTPUT_TOKENS
        wanted = request.params.max_tokens
        if wanted is not None:
            return _Quote(alone, unit, wanted, wanted)
        return _Quote(alone, unit, OUTPUT_TOKENS, LEAST_OUTPUT_TOKENS)

    def _unpriced(self, ref: ModelRef) -> str:
        if self.spending.charges_nothing(ref.provider):
            return ""
        return f'no price is known for {ref}: the spend limit does not count it (set [prices."{ref}"])'


class OpenCall:
    """One model call between being sent and its end. `progress` and `close` never wait."""

    def __init__(self, run: RunSpending, row: CallUsage, request: ChatRequest) -> None:
        self.request = request
        self.note = ""
        """What the person should know about this call, or ""."""
        self.capped_tokens: int | None = None
        """The most output tokens, where a spend limit asks for fewer than usual."""
        self.room_tokens: int | None = None
        """Output tokens that what is held back pays for; None without a limit."""
        self.uncapped = False
        """The model was not told how many it may write."""
        self._run = run
        self._row = row
        self._told_at = run.spending.clock()
        self._later: asyncio.TimerHandle | None = None
        self._closed = False

    def cap(self, tokens: int, request: ChatRequest) -> None:
        self.request = replace(request, params=replace(request.params, max_tokens=tokens))
        if tokens < OUTPUT_TOKENS:
            self.capped_tokens = tokens

    def overrun(self, tokens: float) -> bool:
        """Whether an answer of about so many tokens may pass the limit.

        A model that was told its maximum keeps it: the estimate alone is no reason to stop it, unless it is far off.
        """
        if self.room_tokens is None:
            return False
        return tokens > self.room_tokens * (_UNCAPPED_SHARE if self.uncapped else _CAPPED_SHARE)

    def progress(self, figures: Callable[[], StepFigures]) -> None:
        """Something came: what was used so far goes into the ledger, now or within PROGRESS_INTERVAL_S."""
        if self._closed or self._run.spending.ledger is None:
            return
        wait_s = PROGRESS_INTERVAL_S - (self._run.spending.clock() - self._told_at)
        if wait_s <= 0:
            self._tell(figures)
        elif self._later is None:
            self._later = asyncio.get_running_loop().call_later(wait_s, self._tell, figures)

    def _tell(self, figures: Callable[[], StepFigures]) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
        now, ledger = figures(), self._run.spending.ledger
        if ledger is not None and now.usage is not None:
            self._told_at = self._run.spending.clock()
            ledger.write(self._with(now, "open"))

    def close(self, figures: StepFigures, status: CallStatus) -> None:
        """Once; later calls do nothing."""
        if self._closed:
            return
        self._closed = True
        if self._later is not None:
            self._later.cancel()
        self._run.settle(self._row.id, figures.cost_usd)
        if self._run.spending.ledger is not None:
            self._run.spending.ledger.write(self._with(figures, status))

    def _with(self, figures: StepFigures, status: CallStatus) -> CallUsage:
        row = self._row
        if figures.usage is not None:
            row = row.used(figures.usage, estimate=figures.usage_is_estimate)
        return replace(
            row,
            status=status,
            cost_usd=figures.cost_usd,
            cost_is_estimate=figures.cost_is_estimate,
            cached=figures.cached,
            attempts=figures.attempts,
            ttft_ms=figures.ttft_ms,
            latency_ms=figures.duration_ms,
        )


def cut_by_limit(tokens: int) -> ErrorInfo:
    return ErrorInfo(
        "Answer cut by the spend limit",
        f"it left room for {tokens} tokens of output",
        "raise it with --max-cost USD, or in [limits]",
        ErrorKind.PROVIDER,
        _CODE,
    )


def _refusal(short: _Short, ref: ModelRef, quote: _Quote) -> ErrorInfo:
    held = f", {money_text(short.held_usd)} is held back for running calls" if short.held_usd > 0 else ""
    return ErrorInfo(
        f"Spend limit {short.limit} reached",
        f"of {money_text(short.limit_usd)}, {money_text(short.spent_usd)} is spent{held}; "
        f"this request to {ref} could cost {money_text(quote.least_usd)}",
        short.hint,
        ErrorKind.USAGE,
        _CODE,
    )
