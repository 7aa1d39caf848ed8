"""Evaluations over runs: what is asked, what counts, and how they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from mcp_tui.config.schema import Limits
from mcp_tui.core.chat import StopReason
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.events import ColumnEvent
from mcp_tui.core.state import ApprovalPolicy, ServerSnapshot, ServerStatus, Usage
from mcp_tui.providers.registry import ModelRef
from mcp_tui.runs.evals.expect import Expect, TextRules
from mcp_tui.runs.evals.results import Attempt, AttemptOutcome, Results
from mcp_tui.runs.evals.runner import Evaluation, Planned, meaningless
from mcp_tui.runs.evals.suite import Case, Settings, Suite
from mcp_tui.runs.run import Run
from mcp_tui.runs.spec import Attachment, RunSpec
from tests.builders import READ, tool
from tests.runs.doubles import Gate, ScriptItem, Stage, asks, column, finished, says, within

LOST = ErrorInfo("Connection lost", "refused", kind=ErrorKind.UNREACHABLE, code="connect")


class Ground:
    """A stage as the host of an evaluation."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.specs: list[RunSpec] = []
        self.runs: list[Run] = []
        self.settling: list[Sequence[str]] = []
        self._spending = stage.spending.run("eval")

    def start_run(self, spec: RunSpec, listener: Callable[[ColumnEvent], None]) -> Run:
        self.specs.append(spec)

        def both(own: Callable[[ColumnEvent], None]) -> Callable[[ColumnEvent], None]:
            def listen(event: ColumnEvent) -> None:
                own(event)
                listener(event)

            return listen

        run = self.stage.run(
            columns=spec.columns,
            approval=spec.approval,
            tools_off=spec.tools_off,
            no_tools=spec.no_tools,
            max_steps=spec.max_steps,
            share_results=spec.share_results,
            time_limit_s=spec.time_limit_s,
            record=both,
            spending=self._spending,
        )
        self.runs.append(run)
        return run

    def servers(self) -> tuple[ServerSnapshot, ...]:
        return self.stage.servers.snapshot()

    async def settled(self, names: Sequence[str]) -> None:
        self.settling.append(list(names))


@asynccontextmanager
async def ground(
    *, price: float | Callable[[ModelRef, Usage], float] | None = None, limits: Limits | None = None
) -> AsyncGenerator[Ground]:
    async with Stage(headless=True, price=price, limits=limits or Limits()) as stage:
        yield Ground(stage)


def case(name: str, *, expect: Expect | None = None, repeat: int = 1, pass_rate: float = 1.0, **given: Any) -> Case:
    settings = replace(Settings(), repeat=repeat, pass_rate=pass_rate)
    return replace(Case(name, f"prompt of {name}", expect or Expect(), settings), **given)


def evaluation(
    cases: Sequence[Case], told: list[Attempt] | None = None, *, jobs: int = 1, fail_fast: bool = False
) -> Evaluation:
    suite, heard = Suite("s", "s.toml", tuple(cases)), [] if told is None else told
    return Evaluation(suite, jobs=jobs, fail_fast=fail_fast, report=heard.append)


async def evaluated(
    host: Ground, cases: Sequence[Case], *models: str, jobs: int = 1, fail_fast: bool = False
) -> Results:
    columns = tuple(column(number, name) for number, name in enumerate(models, 1))
    ran = evaluation(cases, jobs=jobs, fail_fast=fail_fast)
    await within(ran.run(host, [Planned(one, columns) for one in cases]))
    return ran.results()


def outcomes(results: Results) -> dict[tuple[str, str, int], str]:
    return {(one.case, one.model, one.number): one.outcome.value for one in results.attempts}


def saying(text: str) -> Expect:
    return Expect(text=TextRules(contains=(text,)))


async def test_every_case_is_asked_of_every_model_and_judged() -> None:
    async with ground() as host:
        a = host.stage.model("a", says("yes"))
        b = host.stage.model("b", says("no"))
        results = await evaluated(host, [case("one", expect=saying("yes")), case("two")], "a", "b")
    assert outcomes(results) == {
        ("one", "a/m", 1): "passed",
        ("one", "b/m", 1): "failed",
        ("two", "a/m", 1): "passed",
        ("two", "b/m", 1): "passed",
    }
    assert [request.messages[-1].text for request in a.requests] == ["prompt of one", "prompt of two"]
    assert len(b.requests) == 2
    failed = results.attempts[1]
    assert [(one.check, one.passed) for one in failed.checks] == [("answer", True), ('text contains "yes"', False)]
    assert failed.response is not None and failed.response["text"] == "no"
    assert [(one.case, one.model, one.passed) for one in results.verdicts][:2] == [
        ("one", "a/m", True),
        ("one", "b/m", False),
    ]
    assert results.exit_code() == 7


async def test_models_share_no_results_of_tools() -> None:
    async with ground() as host:
        host.stage.servers.add(tool("look", hints=READ))
        for name in ("a", "b"):
            host.stage.model(name, asks(("look", {"x": "1"})), says("done"))
        results = await evaluated(host, [case("one", expect=Expect(calls=("s.look",), no_tool_errors=True))], "a", "b")
        assert results.exit_code() == 0
        assert len(host.stage.servers.calls) == 2


async def test_settings_of_a_case_reach_its_run() -> None:
    async with ground() as host:
        a = host.stage.model("a", says("ok"))
        host.stage.servers.add(tool("look"))
        host.stage.servers.add(tool("drop"))
        host.stage.servers.add(tool("read", "t"))
        settings = Settings(approval=ApprovalPolicy.AUTO, max_steps=3, timeout_s=4.5)
        attached = Attachment("", "file:///x.txt", {"contents": [{"uri": "x.txt", "text": "ATTACHED"}]})
        cases = [
            case("one", settings=settings, servers=("s",), tools_off=("s.d*",), attachments=(attached,)),
            case("two", no_tools=True),
        ]
        results = await evaluated(host, cases, "a")
        assert results.exit_code() == 0
        first, second = host.specs
    requests = a.requests
    assert (first.approval, first.max_steps, first.time_limit_s) == (ApprovalPolicy.AUTO, 3, 4.5)
    assert (second.approval, second.no_tools) == (ApprovalPolicy.READONLY, True)
    assert [spec.name for spec in requests[0].tools] == ["look"]
    assert "ATTACHED" in str(requests[0].messages[-1])
    assert requests[1].tools == ()
    assert host.settling == [["s"]]


async def test_repeated_attempts_need_their_share() -> None:
    async with ground() as host:
        host.stage.model("a", says("yes"), says("no"), says("yes"))
        host.stage.model("b", says("yes"), says("no"), says("no"))
        cases = [case("one", expect=saying("yes"), repeat=3, pass_rate=0.6)]
        results = await evaluated(host, cases, "a", "b")
    good, bad = results.verdicts
    assert (good.passed_attempts, good.attempts, good.needed, good.passed) == (2, 3, 2, True)
    assert (bad.passed_attempts, bad.needed, bad.passed) == (1, 2, False)
    assert [one.number for one in results.of(good)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("scripts", "outcome", "words"),
    [
        ([[AppError.of(LOST)]], AttemptOutcome.ERROR, "error: Connection lost: refused"),
        ([[finished("half", stop=StopReason.LENGTH)]], AttemptOutcome.FAILED, "incomplete: Answer cut"),
        ([asks(("look", {"x": "1"}))], AttemptOutcome.FAILED, "incomplete: Step limit reached"),
    ],
)
async def test_an_answer_that_did_not_end_well_has_failed(
    scripts: Sequence[Sequence[ScriptItem]], outcome: AttemptOutcome, words: str
) -> None:
    async with ground() as host:
        host.stage.servers.add(tool("look", hints=READ))
        host.stage.model("a", *scripts)
        results = await evaluated(host, [case("one", settings=Settings(max_steps=2))], "a")
    (attempt,) = results.attempts
    assert attempt.outcome is outcome
    assert attempt.checks[0].check == "answer" and attempt.checks[0].detail.startswith(words)
    assert attempt.response is not None


async def test_json_and_equality_are_those_of_the_last_message() -> None:
    async with ground() as host:
        host.stage.servers.add(tool("look", hints=READ))
        host.stage.model("a", asks(("look", {"x": "1"}), text="I look."), says('{"id": 1}'))
        expect = Expect(json={"required": ["id"]}, text=TextRules(contains=("I look.",), equals='{"id": 1}'))
        results = await evaluated(host, [case("one", expect=expect)], "a")
    assert results.attempts[0].failures == ()


async def test_when_no_provider_answers_the_exit_code_is_theirs() -> None:
    async with ground() as host:
        host.stage.model("a", [AppError.of(LOST)])
        host.stage.model("b", [AppError.of(replace(LOST, kind=ErrorKind.PROVIDER, code="http_500"))])
        host.stage.model("c", says("ok"))
        cases = [case("one"), case("two")]
        assert (await evaluated(host, cases, "a")).exit_code() == 4
        assert (await evaluated(host, cases, "a", "b")).exit_code() == 6
        assert (await evaluated(host, cases, "a", "c")).exit_code() == 7
        assert (await evaluated(host, [case("one", repeat=2, pass_rate=0)], "a")).exit_code() == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"servers": ("sx",)}, "'sx' is not configured (did you mean s?)"),
        ({"servers": ("down",)}, "down is not connected: backoff"),
    ],
)
async def test_a_server_that_is_not_there_is_an_error_of_its_case(given: dict[str, Any], words: str) -> None:
    async with ground() as host:
        host.stage.model("a", says("ok"))
        host.stage.servers.add(tool("look"))
        host.stage.servers.add(tool("read", "down"))
        host.stage.servers.set_status("down", ServerStatus.BACKOFF)
        results = await evaluated(host, [case("one", **given), case("two")], "a")
        first, second = results.attempts
        assert second.passed
        assert (first.outcome, first.response) == (AttemptOutcome.ERROR, None)
        assert [(check.check, check.detail) for check in first.checks] == [("servers", words)]
        assert results.exit_code() == 7


async def test_a_switch_that_fits_no_tool_is_an_error_of_its_case() -> None:
    async with ground() as host:
        host.stage.model("a", says("ok"))
        host.stage.servers.add(tool("drop"))
        results = await evaluated(host, [case("one", tools_off=("s.drip",))], "a")
    assert results.attempts[0].failures[0].detail == "tools_off: no tool fits 's.drip' (did you mean s.drop?)"


async def test_a_server_that_was_lost_meanwhile_fails_the_cases_that_would_use_it() -> None:
    async with ground() as host:
        host.stage.model("a", asks(("look", {"x": "1"})), says("ok"))

        async def crash(*_: object) -> dict[str, object]:
            host.stage.servers.set_status("s", ServerStatus.FAILED)
            return {"content": []}

        host.stage.servers.add(tool("look", hints=READ), crash)
        results = await evaluated(host, [case("one"), case("two"), case("three", no_tools=True)], "a")
    assert [one.outcome.value for one in results.attempts] == ["passed", "error", "passed"]
    assert results.attempts[1].failures[0].detail == "s is not connected: failed"


async def test_as_many_cases_as_jobs_run_at_once() -> None:
    async with ground() as host:
        gates = [Gate() for _ in range(3)]
        for number, gate in enumerate(gates):
            host.stage.servers.add(tool(f"look{number}", hints=READ), gate)
        host.stage.model("a", *(asks((f"look{number}", {"x": "1"})) for number in range(2)), says("ok"))
        cases = [case(str(number)) for number in range(3)]
        ran = evaluation(cases, jobs=2)
        task = asyncio.ensure_future(ran.run(host, [Planned(one, (column(1, "a"),)) for one in cases]))
        for gate in gates[:2]:
            await within(gate.entered.wait())
        assert len(host.runs) == 2
        for gate in gates:
            gate.open.set()
        await within(task)
        assert len(host.runs) == 3
        assert ran.results().exit_code() == 0


async def test_fail_fast_begins_nothing_more_once_a_case_cannot_pass() -> None:
    async with ground() as host:
        host.stage.model("a", says("no"))
        cases = [case("one", expect=saying("yes"), repeat=3, pass_rate=0.5), case("two")]
        results = await evaluated(host, cases, "a", fail_fast=True)
    assert list(outcomes(results).values()) == ["failed", "failed", "not_run", "not_run"]
    assert results.attempts[-1].failures[0].detail == "Not run: a case failed before (--fail-fast)"
    assert results.attempts[-1].response is None
    assert results.exit_code() == 7


async def test_a_spend_limit_holds_for_all_attempts_together() -> None:
    def dollars(ref: ModelRef, usage: Usage) -> float:
        return (usage.output_tokens or 0) / 1000

    async with ground(price=dollars, limits=Limits(usd_per_run=0.7)) as host:
        a = host.stage.model("a", says("x", usage=Usage(0, 200)))
        cases = [case(str(number)) for number in range(6)]
        results = await evaluated(host, cases, "a", jobs=2)
        # 256 tokens at least are asked for: after three answers 0.1 dollars are left.
        assert [one.outcome.value for one in results.attempts] == ["passed"] * 3 + ["not_run"] * 3
        assert len(a.requests) == 3
    refused, never = results.attempts[3], results.attempts[5]
    assert refused.failures[0].detail.startswith("error: Spend limit per run reached")
    assert never.failures[0].detail == "Not run: the spend limit was reached"
    assert results.exit_code() == 7


async def test_cancelling_keeps_what_ended_and_what_came_of_the_rest() -> None:
    async with ground() as host:
        gate = asyncio.Event()
        host.stage.model("a", says("first"), [*says("half")[:1], gate])
        told: list[Attempt] = []
        cases = [case("one"), case("two"), case("three")]
        ran = evaluation(cases, told)
        task = asyncio.ensure_future(ran.run(host, [Planned(one, (column(1, "a"),)) for one in cases]))
        await host.stage.until(lambda event: getattr(event, "text", "") == "half")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        host.runs[-1].cancel()
        await within(host.runs[-1].wait())
        results = ran.results()
    assert [one.outcome.value for one in results.attempts] == ["passed", "not_run", "not_run"]
    assert [one.case for one in told] == ["one"]
    _, running, waiting = results.attempts
    assert running.response is not None
    assert (running.response["status"], running.response["text"]) == ("cancelled", "half")
    assert (waiting.response, waiting.failures[0].detail) == (None, "Cancelled")
    assert results.exit_code() == 7


async def test_a_forbidden_tool_that_nobody_has_is_said() -> None:
    async with ground() as host:
        host.stage.servers.add(tool("drop"))
        suite = Suite(
            "s",
            "s.toml",
            (
                case("one", expect=Expect(never=("s.drip", "s.d*")), where="s.toml:3"),
                case("two", expect=Expect(never=("x.y",)), no_tools=True),
            ),
        )
        assert meaningless(suite, host.servers()) == [
            "s.toml:3: never 's.drip': no connected server has such a tool (did you mean s.drop?)"
        ]
        host.stage.servers.set_status("s", ServerStatus.BACKOFF)
        assert meaningless(suite, host.servers()) == []
