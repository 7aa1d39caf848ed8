"""Who decides whether a tool call may run: the policy, what was remembered, or a person."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from mcp_tui.config.save import LOCK_S
from mcp_tui.config.schema import ServerSpec
from mcp_tui.config.state_file import PATIENCE_S, in_background
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.state import ApprovalPolicy, ApprovalQuestion, Decision, ToolInfo
from mcp_tui.core.threads import off_loop
from mcp_tui.core.types import JsonObject
from mcp_tui.store.approvals import KeptApprovals

logger = logging.getLogger(__name__)


class Ruling(Enum):
    """What a policy says about a call, before anybody is asked."""

    RUN = "run"
    ASK = "ask"
    DENY = "deny"


def ruling(
    policy: ApprovalPolicy, tool: ToolInfo, *, remembered: bool, headless: bool, trusted: bool = False
) -> Ruling:
    """`trusted`: the person trusts the tool's server, so that its hints are believed."""
    if policy is ApprovalPolicy.NEVER:
        return Ruling.DENY
    if policy is ApprovalPolicy.AUTO or remembered:
        return Ruling.RUN
    if tool.hints.read_only is True and (trusted or policy is ApprovalPolicy.READONLY):
        return Ruling.RUN
    return Ruling.DENY if headless else Ruling.ASK


@dataclass(frozen=True, slots=True)
class Approval:
    """The outcome for one call. `arguments` are the ones to run with; `edited`: a person changed them."""

    allowed: bool
    arguments: JsonObject
    asked: bool = False
    edited: bool = False


@dataclass(frozen=True, slots=True)
class Applicant:
    """The column a call belongs to. `run` and `column` are ids, `label` is what people read."""

    run: str
    column: str
    label: str


@dataclass(frozen=True, slots=True)
class RememberedTool:
    """A tool that runs without asking."""

    server: str
    tool: str
    since: float | None
    """Seconds since the epoch it has been kept; None = until the program ends."""
    current: bool
    """It holds for the server as it is configured now."""


def program_of(spec: ServerSpec) -> str:
    """sha256 hex of what the entry starts or connects to. Values of variables are not part of it."""
    entry = spec.entry or {}
    what = [spec.transport, spec.command, spec.args, spec.cwd, spec.url, entry.get("env"), entry.get("headers")]
    if entry:
        # As it stands in the file: a rotated token is not another program.
        what[1:5] = [entry.get(name) for name in ("command", "args", "cwd", "url")]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


@dataclass(slots=True)
class _Waiter:
    applicant: Applicant
    outcome: asyncio.Future[Approval]


@dataclass(slots=True)
class _Pending:
    key: tuple[str, str, str, str, str]
    question: ApprovalQuestion
    waiters: list[_Waiter]


class ApprovalDesk:
    """Pending questions of all runs, oldest first, and what the person said.

    Headless, nobody can answer: what would ask is denied, and every denied call is reported through `notice`.
    """

    def __init__(
        self,
        *,
        headless: bool = False,
        notice: Callable[[ErrorInfo], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        trusted: Collection[str] = (),
        kept: KeptApprovals | None = None,
        programs: Mapping[str, str] | None = None,
    ) -> None:
        """`trusted`: names of the servers whose read-only hints are believed; `programs`: server -> `program_of`.

        Without `kept` nothing is remembered longer than this lives.
        """
        self._headless = headless
        self._trusted = frozenset(trusted)
        self._kept = kept
        self._programs = dict(programs or {})
        self._notice = notice
        self._clock = clock
        self._pending: dict[str, _Pending] = {}
        self._remembered: dict[tuple[str, str], ToolInfo] = {}
        """Until the program ends, or until it stands in the file."""
        self._taken_back: set[tuple[str, str]] = set()
        """Asks although it may still stand in the file."""
        self._disk = asyncio.Lock()
        """One after the other, as the person said them."""
        self._saving: set[asyncio.Task[None]] = set()
        self._ids = itertools.count(1)
        self._listeners: dict[int, Callable[[], None]] = {}
        self._listener_ids = itertools.count()
        self._announced = False

    def servers_changed(
        self, trusted: Collection[str], changed: Collection[str], programs: Mapping[str, str] | None = None
    ) -> None:
        """`changed`: servers that may be another program now. What was said about them counts no more; what was
        kept counts for the program it was said about."""
        self._trusted = frozenset(trusted)
        self._programs = dict(programs or {})
        for key in [key for key in self._remembered if key[0] in changed]:
            del self._remembered[key]
        self._changed()

    def pending(self) -> tuple[ApprovalQuestion, ...]:
        return tuple(pending.question for pending in self._pending.values())

    def answer(self, question_id: str, decision: Decision, *, arguments: JsonObject | None = None) -> None:
        """`arguments` replaces what the model asked for (edited). Unknown ids are ignored: it was answered.

        ALWAYS and KEEP also let the other waiting calls of the same tool definition run, with their own arguments.
        """
        pending = self._pending.get(question_id)
        if pending is None:
            return
        tool = pending.question.tool
        lasting = decision in (Decision.ALWAYS, Decision.KEEP)
        if lasting:
            self._remembered[(tool.server, tool.name)] = tool
        if decision is Decision.KEEP:
            self._keep(tool)
        if lasting:
            self._taken_back.discard((tool.server, tool.name))
        self._settle(pending, allowed=decision is not Decision.DENY, arguments=arguments)
        if lasting:
            for other in [p for p in self._pending.values() if self.remembers(p.question.tool)]:
                self._settle(other, allowed=True, arguments=None)
        self._changed()

    def _keep(self, tool: ToolInfo) -> None:
        kept, program, key = self._kept, self._programs.get(tool.server), (tool.server, tool.name)
        if kept is None or program is None:
            return

        def written() -> None:
            # From now on the file says so, or another dashboard that takes it back.
            if self._remembered.get(key) is tool:
                del self._remembered[key]

        self._save(lambda: kept.keep(*key, tool.digest, program), written, "The approval counts until you quit")

    def _save(self, work: Callable[[], object], written: Callable[[], None], hint: str) -> None:
        async def save() -> None:
            async with self._disk:
                try:
                    await in_background(work)
                except AppError as error:
                    if self._notice is not None:
                        self._notice(ErrorInfo("Approvals could not be saved", error.info.detail, hint))
                else:
                    written()
                    self._changed()

        task = asyncio.get_running_loop().create_task(save(), name="approvals")
        self._saving.add(task)
        task.add_done_callback(self._saving.discard)

    async def saved(self) -> None:
        """Returns when what the person said is on disk, or was refused, or the disk does not answer."""
        if self._saving:
            await asyncio.wait(self._saving, timeout=PATIENCE_S)

    async def refresh(self) -> None:
        """Take over what was said in other dashboards. AppError when the disk does not answer."""
        if self._kept is not None and not self._headless:
            async with self._disk:
                await off_loop(self._kept.refresh, LOCK_S)

    def remembered(self) -> tuple[RememberedTool, ...]:
        """Tools that run without asking as long as their definition is the one the person said so to."""
        known = self._kept.all() if self._kept is not None else ()
        kept = {key: one for one in known if (key := (one.server, one.tool)) not in self._taken_back}
        session = [RememberedTool(*key, since=None, current=True) for key in self._remembered if key not in kept]
        return (
            *session,
            *(
                RememberedTool(*key, since=one.since, current=self._programs.get(one.server) == one.program)
                for key, one in kept.items()
            ),
        )

    def remembers(self, tool: ToolInfo) -> bool:
        """True when "always" was said to exactly this definition, as far as `refresh` has heard."""
        key = (tool.server, tool.name)
        known = self._remembered.get(key)
        if known is not None and known.digest == tool.digest:
            return True
        if self._kept is None or self._headless or key in self._taken_back:
            return False
        program = self._programs.get(tool.server)
        return program is not None and self._kept.knows(tool.server, tool.name, tool.digest, program)

    def forget(self, server: str, tool: str) -> None:
        """Ask again for this tool from now on."""
        key, kept = (server, tool), self._kept
        self._remembered.pop(key, None)
        if kept is not None:
            self._taken_back.add(key)

            def written() -> None:
                self._taken_back.discard(key)

            self._save(lambda: kept.forget(*key), written, "It asks again until you quit")
        self._changed()

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` on the loop after questions or remembered tools changed, once per burst."""
        number = next(self._listener_ids)
        self._listeners[number] = listener

        def undo() -> None:
            self._listeners.pop(number, None)

        return undo

    async def request(
        self,
        policy: ApprovalPolicy,
        tool: ToolInfo,
        arguments: JsonObject,
        applicant: Applicant,
        *,
        waits: Callable[[], None] = lambda: None,
    ) -> Approval:
        """Decide about one call; `waits` is called before it waits for the person, when the policy asks.

        Cancelling withdraws the column from the question, and the question when no other column waits.
        """
        decided = self._ruling(policy, tool, remembered=False)
        if decided is not Ruling.RUN:
            decided = self._ruling(policy, tool, remembered=await self._remembers_now(tool))
        if decided is Ruling.RUN:
            return Approval(True, arguments)
        if decided is Ruling.DENY:
            self._report_denied(policy, tool, applicant)
            return Approval(False, arguments)
        waits()
        pending = self._join(tool, arguments, applicant)
        waiter = _Waiter(applicant, asyncio.get_running_loop().create_future())
        pending.waiters.append(waiter)
        self._rename(pending)
        try:
            return await waiter.outcome
        finally:
            # Answered waiters were removed by _settle; this one is left when its column was cancelled.
            if waiter in pending.waiters:
                pending.waiters.remove(waiter)
                self._rename(pending)

    async def _remembers_now(self, tool: ToolInfo) -> bool:
        """Also what was said in other dashboards until now."""
        try:
            await self.refresh()
        except AppError as error:
            logger.warning("remembered approvals do not count: %s", error)
            known = self._remembered.get((tool.server, tool.name))
            return known is not None and known.digest == tool.digest
        return self.remembers(tool)

    def _ruling(self, policy: ApprovalPolicy, tool: ToolInfo, *, remembered: bool) -> Ruling:
        trusted = tool.server in self._trusted
        return ruling(policy, tool, remembered=remembered, headless=self._headless, trusted=trusted)

    def _join(self, tool: ToolInfo, arguments: JsonObject, applicant: Applicant) -> _Pending:
        """The question to wait for: one per identical call, but two calls of one column are two questions."""
        key = (applicant.run, tool.server, tool.name, tool.digest, canonical(arguments))
        for pending in self._pending.values():
            taken = any(waiter.applicant.column == applicant.column for waiter in pending.waiters)
            if pending.key == key and not taken:
                return pending
        question = ApprovalQuestion(f"q{next(self._ids)}", tool, arguments, (), self._clock())
        pending = _Pending(key, question, [])
        self._pending[question.id] = pending
        return pending

    def _rename(self, pending: _Pending) -> None:
        labels = tuple(waiter.applicant.label for waiter in pending.waiters)
        pending.question = replace(pending.question, columns=labels)
        if not pending.waiters:
            self._pending.pop(pending.question.id, None)
        self._changed()

    def _settle(self, pending: _Pending, *, allowed: bool, arguments: JsonObject | None) -> None:
        del self._pending[pending.question.id]
        asked_for = pending.question.arguments
        final = asked_for if arguments is None else arguments
        edited = allowed and arguments is not None and canonical(arguments) != canonical(asked_for)
        waiters, pending.waiters = pending.waiters, []
        for waiter in waiters:
            if not waiter.outcome.done():
                waiter.outcome.set_result(Approval(allowed, final, asked=True, edited=edited))

    def _report_denied(self, policy: ApprovalPolicy, tool: ToolInfo, applicant: Applicant) -> None:
        if not self._headless or self._notice is None:
            return
        hint = "" if policy is ApprovalPolicy.NEVER else "approve such calls with --approve auto"
        detail = f"{tool.server}.{tool.name}, asked for by {applicant.label}, is not allowed by policy {policy}"
        self._notice(ErrorInfo("Tool call denied", detail, hint, ErrorKind.TOOL, "denied"))

    def _changed(self) -> None:
        if self._announced or not self._listeners:
            return
        self._announced = True
        asyncio.get_running_loop().call_soon(self._announce)

    def _announce(self) -> None:
        self._announced = False
        loop = asyncio.get_running_loop()
        for number, listener in self._listeners.items():
            # Each in a callback of its own: one that fails reaches the loop's handler, not the others.
            loop.call_soon(self._tell, number, listener)

    def _tell(self, number: int, listener: Callable[[], None]) -> None:
        if self._listeners.get(number) is listener:
            listener()


def canonical(arguments: JsonObject) -> str:
    """The same text for equal JSON objects, whatever the order of their keys."""
    return json.dumps(arguments, sort_keys=True, separators=(",", ":"))
