"""Limits of spending and the record of calls, with prices of one dollar per token of input and of output."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_tui.config.schema import Limits
from mcp_tui.core.chat import (
    ChatRequest,
    Content,
    FileBlock,
    Finished,
    Message,
    ModelParams,
    Noticed,
    StopReason,
    TextBlock,
    TextDelta,
    ToolResultBlock,
)
from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.core.events import StatusChanged
from mcp_tui.core.state import ColumnStatus, Usage
from mcp_tui.providers.registry import ModelRef
from mcp_tui.runs.metrics import most_request_tokens, request_tokens
from mcp_tui.runs.run import Run
from mcp_tui.runs.spec import ColumnSpec
from mcp_tui.runs.spending import LEAST_OUTPUT_TOKENS, OUTPUT_TOKENS
from mcp_tui.store.usage import CallUsage, Reservation, UsageLedger
from tests.builders import tool
from tests.runs.doubles import FakeProvider, Script, ScriptItem, Stage, asks, column, finished, says, within

PROMPT = "x" * 30
PROMPT_TOKENS = 10


def dollar(ref: ModelRef, usage: Usage) -> float:
    return float((usage.input_tokens or 0) + (usage.output_tokens or 0))


def nothing_known(ref: ModelRef, usage: Usage) -> None:
    return None


def capped(number: int, provider: str, max_tokens: int) -> ColumnSpec:
    return replace(column(number, provider), params=ModelParams(max_tokens=max_tokens))


class Book:
    """A ledger in memory."""

    def __init__(self, spent: float = 0.0) -> None:
        self.now: Callable[[], float] = lambda: 1_000_000.0
        self.rows: list[CallUsage] = []
        self.spent = spent
        self.fault: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.reserved: list[float] = []

        self._written = asyncio.Event()

    def write(self, row: CallUsage) -> None:
        self.rows.append(row)
        self._written.set()

    async def until(self, seen: Callable[[CallUsage], bool]) -> None:
        while not any(seen(row) for row in self.rows):
            self._written.clear()
            await self._written.wait()

    async def reserve(
        self, row: CallUsage, *, usd: float, least_usd: float, limit_usd: float, shares: int = 1
    ) -> Reservation:
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        left = limit_usd - self.spent
        granted = min(usd, max(least_usd, left / shares))
        if granted > left:
            return Reservation(None, self.spent, 0.0)
        self.rows.append(row)
        self.reserved.append(granted)
        return Reservation(granted, self.spent, 0.0)

    def newest(self) -> dict[str, CallUsage]:
        return {row.id: row for row in self.rows}


def used(tokens_in: int, tokens_out: int) -> Usage:
    return Usage(tokens_in, tokens_out)


def costing(script: Sequence[ScriptItem], usage: Usage) -> list[ScriptItem]:
    """The script with another usage at its end."""
    last = script[-1]
    assert isinstance(last, Finished)
    return [*script[:-1], replace(last, usage=usage)]


async def run_one(
    stage: Stage, *scripts: Script, max_cost: float | None = None, max_tokens: int | None = None
) -> tuple[FakeProvider, Run]:
    provider = stage.model("a", *scripts)
    spec = column(1, "a") if max_tokens is None else capped(1, "a", max_tokens)
    run = stage.run(columns=[spec], max_cost_usd=max_cost)
    run.send(PROMPT)
    await within(run.wait())
    return provider, run


def test_the_estimate_for_limits_is_generous_in_every_script() -> None:
    def tokens(text: str) -> int:
        return most_request_tokens(ChatRequest("m", (Message("user", (TextBlock(text),)),)))

    assert tokens(PROMPT) == PROMPT_TOKENS
    assert tokens("日本語") == 3, "one token for each character"
    assert tokens("") == 0


async def test_a_request_that_could_pass_the_limit_is_not_sent() -> None:
    async with Stage(price=dollar) as stage:
        provider, _ = await run_one(stage, says("ok"), max_cost=PROMPT_TOKENS + 99, max_tokens=100)
        assert provider.requests == []
        ending = stage.ending("c1")
        assert ending.status is ColumnStatus.ERROR
        assert ending.error is not None
        assert (ending.error.title, ending.error.kind) == ("Spend limit per run reached", ErrorKind.USAGE)
        assert ending.error.code == "spend_limit"
        assert "of $109.00, $0 is spent; this request to a/m could cost $110.00" in ending.error.detail
        assert "--max-cost" in ending.error.hint
        assert "usd_per_run" in ending.error.hint


async def test_a_request_that_just_fits_is_sent_as_it_is() -> None:
    async with Stage(price=dollar) as stage:
        provider, run = await run_one(stage, says("ok"), max_cost=PROMPT_TOKENS + 100, max_tokens=100)
        assert provider.requests[0].params == ModelParams(max_tokens=100)
        assert run.status("c1") is ColumnStatus.DONE


async def test_what_calls_really_cost_counts_and_not_what_they_could_have() -> None:
    async with Stage(price=dollar) as stage:
        stage.model("a", says("ok", usage=used(10, 5)))
        run = stage.run(columns=[capped(1, "a", 100)], max_cost_usd=165)
        for _ in range(3):
            run.send(PROMPT)
            await within(run.wait())
            assert run.status("c1") is ColumnStatus.DONE
        # 45 are spent; the prompts and answers so far, and 100 of output, are more than the 120 that are left.
        run.send(PROMPT)
        await within(run.wait())
        assert run.status("c1") is ColumnStatus.ERROR
        run.configure(max_cost_usd=1000)
        run.send(PROMPT)
        await within(run.wait())
        assert run.status("c1") is ColumnStatus.DONE


async def test_without_a_maximum_the_output_is_limited_to_what_is_left() -> None:
    async with Stage(price=dollar) as stage:
        provider, _ = await run_one(stage, says("ok"), max_cost=PROMPT_TOKENS + 1000)
        assert provider.requests[0].params.max_tokens == 1000
    async with Stage(price=dollar) as stage:
        provider, _ = await run_one(stage, says("ok"), max_cost=1e9)
        assert provider.requests[0].params.max_tokens == OUTPUT_TOKENS
    async with Stage(price=dollar) as stage:
        provider, _ = await run_one(stage, says("ok"), max_cost=PROMPT_TOKENS + LEAST_OUTPUT_TOKENS - 1)
        assert provider.requests == []


async def test_without_a_limit_nothing_is_added_to_a_request() -> None:
    async with Stage(price=dollar) as stage:
        provider, _ = await run_one(stage, says("ok"))
        assert provider.requests[0].params == ModelParams()


async def test_an_answer_that_the_limit_cut_says_so() -> None:
    async with Stage(price=dollar) as stage:
        cut = [TextDelta("Half"), finished("Half", stop=StopReason.LENGTH)]
        await run_one(stage, cut, max_cost=PROMPT_TOKENS + 1000)
        ending = stage.ending("c1")
        assert ending.status is ColumnStatus.INCOMPLETE
        assert ending.error is not None
        assert ending.error.title == "Answer cut by the spend limit"
        assert "1000 tokens" in ending.error.detail


async def test_the_limit_holds_in_the_middle_of_a_turn_and_what_was_said_stays() -> None:
    async with Stage(price=dollar) as stage:
        stage.servers.add(tool("t"))
        script = costing(asks(("t", {}), text="Looking."), used(10, 480))
        provider, run = await run_one(stage, script, max_cost=1000, max_tokens=500)
        assert len(provider.requests) == 1
        ending = stage.ending("c1")
        assert ending.status is ColumnStatus.INCOMPLETE
        assert ending.error is not None
        assert ending.error.code == "spend_limit"
        assert "$490.00 is spent" in ending.error.detail
        assert run.answer_text("c1") == "Looking."


async def test_columns_that_begin_together_share_what_is_left() -> None:
    async with Stage(price=dollar) as stage:
        go_on = asyncio.Event()
        providers = [stage.model(name, [TextDelta("ok"), go_on, finished("ok")]) for name in "abc"]
        run = stage.run("a", "b", "c", max_cost_usd=3 * (PROMPT_TOKENS + 1000))
        run.send(PROMPT)
        await stage.until_status("c3", ColumnStatus.STREAMING)
        go_on.set()
        await within(run.wait())
        assert [provider.requests[0].params.max_tokens for provider in providers] == [1000, 1000, 1000]


async def test_a_column_waits_for_money_that_running_calls_hold_back() -> None:
    async with Stage(price=dollar) as stage:
        go_on = asyncio.Event()
        stage.model("a", [TextDelta("x"), go_on, finished("x", usage=used(1, 1))])
        second = stage.model("b", says("ok"))
        run = stage.run(columns=[capped(1, "a", 900), capped(2, "b", 900)], max_cost_usd=1000)
        run.send(PROMPT)
        await stage.until_status("c1", ColumnStatus.STREAMING)
        assert second.requests == []
        go_on.set()
        await within(run.wait())
        assert len(second.requests) == 1
        assert run.status("c2") is ColumnStatus.DONE


async def test_waiting_for_money_ends_when_the_column_is_stopped() -> None:
    async with Stage(price=dollar) as stage:
        stage.model("a", [TextDelta("x"), asyncio.Event()])
        second = stage.model("b", says("ok"))
        run = stage.run(columns=[capped(1, "a", 900), capped(2, "b", 900)], max_cost_usd=1000)
        run.send(PROMPT)
        await stage.until_status("c1", ColumnStatus.STREAMING)
        run.cancel("c2")
        await stage.until_status("c2", ColumnStatus.CANCELLED)
        run.cancel("c1")
        await within(run.wait())
        assert second.requests == []


async def test_never_more_than_the_limit_whatever_the_models_answer() -> None:
    limit = 20_000.0

    def greedy(request: ChatRequest) -> list[ScriptItem]:
        most = request.params.max_tokens
        assert most is not None
        return costing(asks(("t", {"x": "y" * 50})), used(most_request_tokens(request), most))

    async with Stage(price=dollar) as stage:
        stage.servers.add(tool("t"))
        for name in "abcd":
            stage.model(name, greedy)
        run = stage.run(*"abcd", max_cost_usd=limit, max_steps=1000)
        run.send(PROMPT)
        await within(run.wait())
        total = sum(run.metrics(f"c{number}").cost_usd or 0 for number in range(1, 5))
        assert limit * 0.9 < total <= limit


async def test_a_model_without_a_known_price_is_asked_and_that_is_said() -> None:
    async with Stage(price=nothing_known) as stage:
        provider, run = await run_one(stage, says("ok"), max_cost=0.01)
        assert len(provider.requests) == 1
        assert provider.requests[0].params == ModelParams()
        (note,) = run.metrics("c1").notes
        assert "no price is known for a/m" in note
        assert '[prices."a/m"]' in note
        assert run.to_json()["responses"][0]["notes"] == [note]


async def test_what_charges_nothing_is_not_complained_about() -> None:
    async with Stage(price=nothing_known) as stage:
        stage.spending.charges_nothing = "a".__eq__
        _, run = await run_one(stage, says("ok"), max_cost=0.01)
        assert run.metrics("c1").notes == ()


async def test_a_limit_of_zero_asks_nobody_who_costs() -> None:
    async with Stage(price=dollar) as stage:
        provider, _ = await run_one(stage, says("ok"), max_cost=0)
        assert provider.requests == []


async def test_the_limit_of_the_day_counts_what_was_spent_elsewhere() -> None:
    book = Book(spent=950.0)
    async with Stage(price=dollar, limits=Limits(usd_per_day=1000), ledger=book) as stage:
        provider, _ = await run_one(stage, says("ok"), max_tokens=100)
        assert provider.requests == []
        ending = stage.ending("c1")
        assert ending.error is not None
        assert ending.error.title == "Spend limit per day reached"
        assert "$950.00 is spent" in ending.error.detail
        assert "usd_per_day" in ending.error.hint
        assert book.rows == []


async def test_the_tighter_limit_decides() -> None:
    book = Book(spent=0.0)
    async with Stage(price=dollar, limits=Limits(usd_per_day=PROMPT_TOKENS + 700), ledger=book) as stage:
        provider, _ = await run_one(stage, says("ok"), max_cost=PROMPT_TOKENS + 900)
        assert provider.requests[0].params.max_tokens == 700
    async with Stage(price=dollar, limits=Limits(usd_per_day=PROMPT_TOKENS + 900), ledger=book) as stage:
        provider, _ = await run_one(stage, says("ok"), max_cost=PROMPT_TOKENS + 700)
        assert provider.requests[0].params.max_tokens == 700


@pytest.mark.parametrize("fault", [sqlite3.OperationalError("disk I/O error"), OSError("gone"), TimeoutError()])
async def test_a_day_that_cannot_be_looked_up_spends_nothing(fault: Exception) -> None:
    book = Book()
    book.fault = fault
    async with Stage(price=dollar, limits=Limits(usd_per_day=1000), ledger=book) as stage:
        provider, _ = await run_one(stage, says("ok"), max_tokens=10)
        assert provider.requests == []
        ending = stage.ending("c1")
        assert ending.error is not None
        assert ending.error.title == "Spend limit per day cannot be checked"


async def test_a_column_stopped_while_the_day_is_looked_up_gives_the_money_back() -> None:
    book = Book()
    book.gate = asyncio.Event()
    async with Stage(price=dollar, limits=Limits(usd_per_day=1000), ledger=book) as stage:
        stage.model("a", says("ok"))
        run = stage.run("a")
        run.send(PROMPT)
        await stage.until_status("c1", ColumnStatus.CONNECTING)
        await asyncio.sleep(0)
        run.cancel()
        await within(run.wait())
        assert {row.status for row in book.newest().values()} <= {"cancelled"}


async def test_every_call_is_entered_when_it_is_sent_and_when_it_ends() -> None:
    book = Book()
    async with Stage(price=0.25, ledger=book) as stage:
        stage.servers.add(tool("t"))
        stage.model("a", asks(("t", {})), [2.0, TextDelta("ok"), 1.0, finished("ok", usage=used(7, 3))])
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
    assert [row.status for row in book.newest().values()] == ["ok", "ok"]
    first = book.rows[0]
    assert (first.status, first.output_tokens, first.tokens_are_estimate, first.cost_usd) == ("open", None, True, 0.25)
    assert first.input_tokens
    last = book.rows[-1]
    assert (last.provider, last.model, last.run, last.column) == ("a", "m", "s-r1", "c1")
    assert (last.input_tokens, last.output_tokens, last.tokens_are_estimate) == (7, 3, False)
    assert (last.cost_usd, last.cost_is_estimate, last.attempts) == (0.25, True, 1)
    assert (last.ttft_ms, last.latency_ms) == (2000.0, 3000.0)
    assert len({row.id for row in book.rows}) == 2


async def test_a_cost_that_the_provider_reports_is_entered_as_it_is() -> None:
    book = Book()
    async with Stage(price=9.0, ledger=book) as stage:
        await run_one(stage, [finished("ok", cost_usd=0.125)])
    assert (book.rows[-1].cost_usd, book.rows[-1].cost_is_estimate) == (0.125, False)


async def test_while_it_streams_the_entry_follows_within_a_second() -> None:
    book = Book()
    async with Stage(price=dollar, ledger=book) as stage:
        pieces = [item for _ in range(100) for item in (TextDelta("abcd"), 0.1)]
        go_on = asyncio.Event()
        stage.model("a", [*pieces, go_on, finished("x", usage=used(10, 100))])
        run = stage.run("a")
        run.send("Go")
        await stage.until_status("c1", ColumnStatus.STREAMING)
        await within(book.until(lambda row: (row.output_tokens or 0) >= 90))
        running = [row for row in book.rows if row.status == "open" and row.output_tokens]
        assert 10 <= len(running) <= 20, "about every half second of ten"
        assert all(row.tokens_are_estimate and row.cost_usd for row in running)
        go_on.set()
        await within(run.wait())
    assert book.rows[-1].status == "ok"


async def test_a_stopped_call_is_entered_with_an_estimate() -> None:
    book = Book()
    async with Stage(price=dollar, ledger=book) as stage:
        stage.model("a", [TextDelta("x" * 80), asyncio.Event()])
        run = stage.run("a")
        run.send("Go")
        await stage.until_status("c1", ColumnStatus.STREAMING)
        run.cancel()
        await within(run.wait())
    last = book.rows[-1]
    assert (last.status, last.output_tokens, last.tokens_are_estimate) == ("cancelled", 20, True)
    assert last.cost_usd


async def test_a_call_that_failed_is_entered_without_tokens() -> None:
    book = Book()
    async with Stage(price=dollar, ledger=book) as stage:
        await run_one(stage, [finished(stop=StopReason.ERROR, usage=None, error=ErrorInfo("Down", code="http_500"))])
    last = book.rows[-1]
    assert (last.status, last.input_tokens, last.cost_usd, last.attempts) == ("error", None, None, 1)


async def test_two_runs_over_one_ledger_on_disk_share_the_day(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    ledger = UsageLedger(path)
    limits = Limits(usd_per_day=300)
    async with Stage(price=dollar, limits=limits, ledger=ledger) as stage:
        await run_one(stage, says("ok", usage=used(10, 90)), max_tokens=100)
        assert stage.ending("c1").status is ColumnStatus.DONE
    async with Stage(price=dollar, limits=limits, ledger=ledger) as stage:
        provider, _ = await run_one(stage, says("ok"), max_tokens=195)
        assert provider.requests == [], "100 are spent, and 205 could be"
    async with Stage(price=dollar, limits=limits, ledger=ledger) as stage:
        provider, _ = await run_one(stage, says("ok"), max_tokens=190)
        assert len(provider.requests) == 1
    assert ledger.close()


def writing(tokens: int, *before: ScriptItem) -> list[ScriptItem]:
    """An answer of about so many tokens, of four characters each."""
    return [*before, *(TextDelta("word") for _ in range(tokens)), finished("word" * tokens, usage=used(10, tokens))]


async def test_a_model_that_cannot_be_told_its_maximum_is_stopped_before_the_limit() -> None:
    unsent = Noticed("max_tokens was not sent: a/m does not take it", "max_tokens")
    async with Stage(price=dollar) as stage:
        provider, run = await run_one(stage, writing(5_000, unsent), max_cost=1010.0)
        (ending,) = [event for event in stage.of("c1") if isinstance(event, StatusChanged) and event.status.ended]
        assert ending.status is ColumnStatus.INCOMPLETE
        assert ending.error is not None and ending.error.title == "Answer cut by the spend limit"
        assert 600 < len(run.answer_text("c1")) // 4 < 1000
        assert provider.closed == 1
        cost = run.metrics("c1").cost_usd
        assert cost is not None and cost <= 1010.0
        assert run.metrics("c1").notes == ()  # the person set no maximum: there is nothing to tell about it


async def test_a_model_that_does_not_keep_its_maximum_is_stopped_too() -> None:
    async with Stage(price=dollar) as stage:
        _, run = await run_one(stage, writing(50_000), max_cost=1010.0)
        assert run.status("c1") is ColumnStatus.INCOMPLETE
        assert len(run.answer_text("c1")) // 4 < 2_100


async def test_an_estimate_alone_stops_nobody_who_keeps_the_maximum() -> None:
    async with Stage(price=dollar) as stage:
        words = [TextDelta("longer words "), finished("longer words " * 400, usage=used(10, 990))]
        script = [*[words[0]] * 400, words[1]]
        _, run = await run_one(stage, script, max_cost=1010.0)
        assert run.status("c1") is ColumnStatus.DONE


async def test_without_a_limit_nobody_is_stopped() -> None:
    unsent = Noticed("max_tokens was not sent: a/m does not take it", "max_tokens")
    async with Stage(price=dollar) as stage:
        _, run = await run_one(stage, writing(20_000, unsent), max_tokens=100)
        assert run.status("c1") is ColumnStatus.DONE
        assert run.metrics("c1").notes == ("max_tokens was not sent: a/m does not take it",)


def test_files_count_by_their_pages_and_recordings_by_their_length() -> None:
    def tokens(*blocks: Content) -> tuple[int, int]:
        request = ChatRequest("m", (Message("user", blocks),))
        return request_tokens(request), most_request_tokens(request)

    pages = FileBlock("application/pdf", "A" * 40_000, "a.pdf", 3)
    unknown = FileBlock("application/pdf", "A" * 160_000, "a.pdf")
    memo = FileBlock("audio/wav", "A" * 400_000, "a.wav")
    assert tokens(pages) == (6_000, 13_500)
    assert tokens(unknown) == (6_000, 13_500)  # 120,000 bytes: about three pages
    assert tokens(memo) == (600, 1_200)
    inside = ToolResultBlock("c", "t", (pages,), False)
    request = ChatRequest("m", (Message("user", (inside,)),))
    assert request_tokens(request) == 6_000


async def test_eight_columns_together_never_pass_the_limit_of_the_run() -> None:
    async with Stage(price=dollar) as stage:
        for number in range(8):
            stage.model(f"p{number}", lambda request: writing(request.params.max_tokens or 0))
        run = stage.run(*(f"p{number}" for number in range(8)), max_cost_usd=4_000.0)
        run.send(PROMPT)
        await within(run.wait())
        costs = [run.metrics(f"c{number}").cost_usd or 0.0 for number in range(1, 9)]
        assert 0 < sum(costs) <= 4_000.0
        assert all(cost > 0 for cost in costs)  # each had its share


async def test_columns_of_several_runs_under_one_limit_get_equal_shares() -> None:
    async with Stage(price=lambda ref, usage: (usage.output_tokens or 0) / 1000) as stage:
        spending = stage.spending.run("eval", 1.0)
        gate = asyncio.Event()
        providers = [stage.model(name, [gate, *says("x")]) for name in ("a", "b")]
        runs = [stage.run(name, spending=spending) for name in ("a", "b")]
        for run in runs:
            run.send("hello")
        for provider in providers:
            await within(provider.until_opened())
        assert [provider.requests[0].params.max_tokens for provider in providers] == [500, 500]
        gate.set()
        for run in runs:
            await within(run.wait())
