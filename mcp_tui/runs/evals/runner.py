"""Runs the cases of a suite, a few at once; every attempt is a run of its own, its models are the columns."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.events import ColumnEvent, StatusChanged
from mcp_tui.core.names import known_names_hint
from mcp_tui.core.state import ApprovalPolicy, ColumnStatus, ServerSnapshot
from mcp_tui.runs.evals.checks import CheckResult, check
from mcp_tui.runs.evals.expect import fits
from mcp_tui.runs.evals.results import MODELS_DOING, Attempt, AttemptOutcome, Results, Verdict
from mcp_tui.runs.evals.suite import Case, Suite
from mcp_tui.runs.report import ColumnAnswer, response_of
from mcp_tui.runs.spec import ColumnSpec, RunSpec
from mcp_tui.runs.tool_switches import WHOLE_SERVER

if TYPE_CHECKING:
    from mcp_tui.runs.engine import Engine
    from mcp_tui.runs.run import Run

DEFAULT_MAX_STEPS = 12


class EvalEngine(Protocol):
    """What an evaluation needs of an engine."""

    def start_run(self, spec: RunSpec, listener: Callable[[ColumnEvent], None]) -> Run: ...

    def servers(self) -> tuple[ServerSnapshot, ...]: ...

    async def settled(self, names: Sequence[str]) -> None:
        """Until none of these servers is about to connect."""
        ...


class OneEngine:
    """All attempts on one engine, under one spend limit."""

    def __init__(self, engine: Engine, *, connect_s: float) -> None:
        self._engine = engine
        self._connect_s = connect_s
        self._spending = engine.spending.run("eval")

    def start_run(self, spec: RunSpec, listener: Callable[[ColumnEvent], None]) -> Run:
        return self._engine.start_run(spec, listener, spending=self._spending, source="eval")

    def servers(self) -> tuple[ServerSnapshot, ...]:
        return self._engine.servers()

    async def settled(self, names: Sequence[str]) -> None:
        await self._engine.manager.wait_settled(names, timeout_s=self._connect_s)


@dataclass(frozen=True, slots=True)
class Planned:
    case: Case
    columns: tuple[ColumnSpec, ...]


_Key = tuple[str, str, int]
"""Case, model, number of the attempt."""


class Evaluation:
    """`await run(...)` once; `results()` at any time, also after run() was cancelled.

    report: told every attempt as it ends; those that were not run are not told.
    """

    def __init__(
        self, suite: Suite, *, jobs: int = 2, fail_fast: bool = False, report: Callable[[Attempt], None]
    ) -> None:
        self._suite = suite
        self._jobs = jobs
        self._fail_fast = fail_fast
        self._report = report
        self._planned: tuple[Planned, ...] = ()
        self._done: dict[_Key, Attempt] = {}
        self._running: dict[tuple[str, int], Run] = {}
        self._why_stopped = ""
        self._needed: frozenset[str] = frozenset()
        """Servers that were there when it began: a case without one of them would be another case."""

    @property
    def began(self) -> bool:
        return bool(self._planned)

    async def run(self, host: EvalEngine, planned: Sequence[Planned]) -> None:
        self._planned = tuple(planned)
        self._needed = frozenset(server.name for server in host.servers() if server.status.usable)
        waiting = deque(
            (one, number) for one in self._planned for number in range(1, one.case.settings.repeat + 1)
        )  # fmt: skip

        async def work() -> None:
            while waiting and not self._why_stopped:
                one, number = waiting.popleft()
                await self._attempt(host, one, number)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._jobs, len(waiting))):
                group.create_task(work())

    def stop(self, why: str) -> None:
        """Nothing more is begun; what runs goes on to its end."""
        self._why_stopped = self._why_stopped or why

    def results(self) -> Results:
        """With what is known now: an attempt without an end was not run, or cancelled."""
        attempts: list[Attempt] = []
        verdicts: list[Verdict] = []
        for one in self._planned:
            repeat = one.case.settings.repeat
            for column in one.columns:
                own = [self._known(one.case, column, number) for number in range(1, repeat + 1)]
                attempts += own
                passed = sum(attempt.passed for attempt in own)
                verdicts.append(Verdict(one.case.name, column.label, repeat, passed, one.case.settings.pass_rate))
        return Results(self._suite, tuple(attempts), tuple(verdicts))

    def _known(self, case: Case, column: ColumnSpec, number: int) -> Attempt:
        done = self._done.get((case.name, column.label, number))
        if done is not None:
            return done
        run = self._running.get((case.name, number))
        answer = None if run is None else run.answer(column.id)
        if run is None and self._why_stopped:
            why = ErrorInfo("Not run", self._why_stopped, kind=ErrorKind.CANCELLED, code="not_run")
        else:
            why = ErrorInfo("Cancelled", kind=ErrorKind.CANCELLED, code="cancelled")
        response = None if answer is None else response_of(answer)
        failed = CheckResult("answer", False, why.line())
        return Attempt(case.name, column.label, number, AttemptOutcome.NOT_RUN, (failed,), response, why)

    async def _attempt(self, host: EvalEngine, planned: Planned, number: int) -> None:
        case = planned.case
        ended: asyncio.Queue[str] = asyncio.Queue()

        def listen(event: ColumnEvent) -> None:
            if isinstance(event, StatusChanged) and event.status.ended and event.status is not ColumnStatus.IDLE:
                ended.put_nowait(event.column)

        try:
            tools_off = await self._tools_off(host, case)
            settings = case.settings
            spec = RunSpec(
                planned.columns,
                approval=settings.approval or ApprovalPolicy.READONLY,
                tools_off=tools_off,
                no_tools=case.no_tools,
                max_steps=settings.max_steps or DEFAULT_MAX_STEPS,
                share_results=False,  # each model is measured by itself
                time_limit_s=settings.timeout_s,
            )
            run = host.start_run(spec, listen)
            run.send(case.prompt, case.attachments)
        except AppError as error:
            failed = _not_asked(error.info)
            for column in planned.columns:
                self._keep(
                    case, Attempt(case.name, column.label, number, AttemptOutcome.ERROR, (failed,), None, error.info)
                )
            return
        self._running[(case.name, number)] = run
        for _ in planned.columns:
            answer = run.answer(await ended.get())
            assert answer is not None  # nobody removes its columns
            self._keep(case, await _judged(case, answer, number))
        # Stays when this was cancelled: results() looks what came until then.
        del self._running[(case.name, number)]

    def _keep(self, case: Case, attempt: Attempt) -> None:
        self._done[(case.name, attempt.model, attempt.number)] = attempt
        if attempt.error is not None and attempt.error.code == "spend_limit":
            self.stop("the spend limit was reached")
        if self._fail_fast and not self._may_pass(case, attempt.model):
            self.stop("a case failed before (--fail-fast)")
        self._report(attempt)

    def _may_pass(self, case: Case, model: str) -> bool:
        settings = case.settings
        done = [self._done.get((case.name, model, number)) for number in range(1, settings.repeat + 1)]
        not_failed = sum(attempt is None or attempt.passed for attempt in done)
        return Verdict(case.name, model, settings.repeat, not_failed, settings.pass_rate).passed

    async def _tools_off(self, host: EvalEngine, case: Case) -> frozenset[tuple[str, str]]:
        """What is not offered. AppError (code `servers`) when a server the case needs is not there, or a switch
        means nothing."""
        if case.no_tools:
            return frozenset()
        known = [server.name for server in host.servers()]
        for name in case.servers or ():
            if name not in known:
                hint = known_names_hint(name, known, what="servers") or "none is configured"
                raise _missing(f"{name!r} is not configured", hint)
        needed = list(case.servers) if case.servers is not None else [name for name in known if name in self._needed]
        await host.settled(needed)
        servers = {server.name: server for server in host.servers()}
        for name in needed:
            server = servers[name]
            if not server.status.usable:
                reason = server.reason.line() if server.reason is not None else server.status.value.replace("_", " ")
                raise _missing(f"{name} is not connected: {reason}")
        off = {(name, WHOLE_SERVER) for name in known if case.servers is not None and name not in case.servers}
        for pattern in case.tools_off:
            off |= _switched(pattern, list(servers.values()))
        return frozenset(off)


async def _judged(case: Case, answer: ColumnAnswer, number: int) -> Attempt:
    turn, label = answer.turn, answer.label
    response = response_of(answer)
    if not answer.ok:
        error = turn.error or ErrorInfo("Cancelled", kind=ErrorKind.CANCELLED, code="cancelled")
        failed = CheckResult("answer", False, f"{response['status']}: {error.line()}")
        return Attempt(case.name, label, number, _without_answer(answer, error), (failed,), response, error)
    last = turn.segments[-1].text if turn.segments else ""
    # On a thread: a text of many megabytes, or a pattern, takes its time.
    checks = (CheckResult("answer", True), *await asyncio.to_thread(check, case.expect, response, last))
    outcome = AttemptOutcome.PASSED if all(one.passed for one in checks) else AttemptOutcome.FAILED
    return Attempt(case.name, label, number, outcome, checks, response)


def _not_asked(error: ErrorInfo) -> CheckResult:
    if error.code != "servers":
        return CheckResult("answer", False, error.line())
    return CheckResult("servers", False, f"{error.detail} ({error.hint})" if error.hint else error.detail)


def _without_answer(answer: ColumnAnswer, error: ErrorInfo) -> AttemptOutcome:
    nothing_sent = answer.metrics.steps == 0
    if error.code == "cancelled" or (error.code == "spend_limit" and nothing_sent):
        return AttemptOutcome.NOT_RUN
    return AttemptOutcome.FAILED if error.code in MODELS_DOING else AttemptOutcome.ERROR


def _switched(pattern: str, servers: Sequence[ServerSnapshot]) -> set[tuple[str, str]]:
    found = {
        (server.name, tool.name)
        for server in servers
        for tool in server.catalog.tools
        if fits(pattern, f"{server.name}.{tool.name}")
    }
    if not found and all(server.status.usable for server in servers):
        names = [f"{server.name}.{tool.name}" for server in servers for tool in server.catalog.tools]
        raise _missing(f"tools_off: no tool fits {pattern!r}", known_names_hint(pattern, names, what="tools"))
    return found


def _missing(detail: str, hint: str = "") -> AppError:
    return AppError("Servers", detail, hint, kind=ErrorKind.UNREACHABLE, code="servers")


def meaningless(suite: Suite, servers: Sequence[ServerSnapshot]) -> list[str]:
    """Patterns of `never` that no tool fits: such a check passes whatever happens. Empty while a server is away."""
    if not all(server.status.usable for server in servers):
        return []
    names = [f"{server.name}.{tool.name}" for server in servers for tool in server.catalog.tools]
    found: list[str] = []
    for case in suite.cases:
        for pattern in () if case.no_tools else case.expect.never:
            if not any(fits(pattern, name) for name in names):
                hint = known_names_hint(pattern, names, what="tools")
                found.append(
                    f"{case.where}: never {pattern!r}: no connected server has such a tool{f' ({hint})' * bool(hint)}"
                )
    return found
