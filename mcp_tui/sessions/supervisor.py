"""One server: connect, stay connected, say what is happening. One task runs it; everybody else asks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from mcp_tui.config import mask
from mcp_tui.config.schema import NEEDS_TRUST, ServerSpec, Transport
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.state import Catalog, CatalogDiff, CrashCard, ServerFacts, ServerSnapshot, ServerStatus
from mcp_tui.sessions.announcements import Announcements
from mcp_tui.sessions.authorisation.policy import SignInPolicy
from mcp_tui.sessions.backoff import FailureCount, backoff_s
from mcp_tui.sessions.catalog import catalog_diff
from mcp_tui.sessions.era import EraGuide
from mcp_tui.sessions.fault import Fault, Remedy
from mcp_tui.sessions.known_servers import KnownServers
from mcp_tui.sessions.logs import NOTICES
from mcp_tui.sessions.request_desk import Answering
from mcp_tui.sessions.restarts import Restarts, restart_reason
from mcp_tui.sessions.sign_in import SignIn
from mcp_tui.sessions.transport.processes import ProcessGroups
from mcp_tui.sessions.transport.stderr import Notices, StderrTail
from mcp_tui.sessions.wirelog.lifecycle import Lifecycle
from mcp_tui.sessions.wirelog.log import WireLog

if TYPE_CHECKING:
    from mcp_tui.sessions.connection import Connection, Ending
    from mcp_tui.sessions.sdk import Sdk

_log = logging.getLogger(__name__)
_LONGEST_RETRY_AFTER_S = 300.0
_BRIEF_S = 1.0


class Supervisor:
    """`run` is the body of the server's task and ends only after `close`."""

    def __init__(
        self,
        spec: ServerSpec,
        *,
        changed: Callable[[], None],
        load: Callable[[], Awaitable[type[Sdk]]],
        answering: Answering | None = None,
        groups: ProcessGroups,
        wire_log: WireLog | None = None,
        sign_in: SignInPolicy | None = None,
        memory: KnownServers | None = None,
    ) -> None:
        self.spec = spec
        self._wire_log = wire_log
        self._lifecycle = Lifecycle(wire_log, spec)
        self._tell = changed
        self._load = load
        self._answering = answering
        self._groups = groups
        self._stderr = StderrTail(self.changed, lambda line: self.announcements.log.stderr(line), self._cleaned)
        self._notices = Notices(self.changed, self._cleaned)
        memory = memory or KnownServers()
        self.announcements = Announcements(spec, self.changed, memory)
        self.sign_in = SignIn(spec, sign_in or SignInPolicy(), self, self._notices.add)
        self._restarts = Restarts(self._files_changed, self._notices.add)
        self._enabled = not spec.disabled
        self._closing = False
        self._wake = asyncio.Event()
        self._turn = asyncio.Event()
        """Set, and replaced, whenever the status changes."""
        self._connection: Connection | None = None
        self._failures = FailureCount()
        self._transport: Transport = spec.transport
        self._era = EraGuide(spec, memory)
        self._status = ServerStatus.CONNECTING if self._enabled else ServerStatus.DISABLED
        self._since = time.monotonic()
        self._attempt = 0
        self._retry_at: float | None = None
        self._planned_at: float | None = None
        """When to connect again after a loss; fixed when it was announced."""
        self._reason: ErrorInfo | None = None
        self._crash: CrashCard | None = None
        self._catalog = Catalog()
        self._listed = False
        self._diff: CatalogDiff | None = None
        self._facts: ServerFacts | None = None
        self._ready_count = 0
        self._snapshot: ServerSnapshot | None = None
        if spec.problem is not None and self._enabled:
            self._rest_on_problem(spec.problem)

    # ------------------------------------------------------------------ what others see

    @property
    def status(self) -> ServerStatus:
        return self._status

    @property
    def catalog(self) -> Catalog:
        return self._catalog

    @property
    def facts(self) -> ServerFacts | None:
        return self._facts

    @property
    def waiting_for(self) -> ErrorInfo | None:
        return self._reason

    @property
    def connection(self) -> Connection | None:
        connection = self._connection
        return connection if connection is not None and connection.usable else None

    @property
    def undecided(self) -> bool:
        """Nothing is known yet: connecting, waiting for the second try, or for the person at the browser."""
        if self.sign_in.url and not self._status.usable:
            return True
        return not self._status.settled and self._failures.attempt < 2

    @property
    def turn(self) -> asyncio.Event:
        return self._turn

    def changed(self) -> None:
        self._snapshot = None
        self._tell()

    def _cleaned(self, text: str) -> str:
        return self._lifecycle.cleaned(text)  # of the newest entry, which has other secrets than an earlier one

    def snapshot(self) -> ServerSnapshot:
        if self._snapshot is None:
            connection = self._connection
            self._snapshot = ServerSnapshot(
                name=self.spec.name,
                transport=self._transport,
                target=mask.target(self.spec),
                source=self.spec.origin.label,
                status=self._status,
                since_at=self._since,
                attempt=self._attempt,
                retry_at=self._retry_at,
                reason=self._reason,
                latency_ms=connection.latency_ms if connection is not None else None,
                pid=connection.line.child.pid if connection is not None else None,
                catalog=self._catalog,
                facts=self._facts,
                diff=self._diff,
                crash=self._crash,
                stderr_tail=self._stderr.lines(),
                warnings=self._notices.sentences(),
                reconnects=max(0, self._ready_count - 1),
                calls_in_flight=connection.in_flight if connection is not None else 0,
                sign_in_url=self.sign_in.url,
                signed_in=self.sign_in.signed_in,
                tasks=self.announcements.tasks.infos(),
                subscriptions=self.announcements.subscriptions.infos(),
                log=self.announcements.log.lines(),
                log_level=self.announcements.log_level,
                era_source=self._era.source,
            )
        return self._snapshot

    async def usable(self) -> Connection:
        while True:
            turn = self._turn
            if self._status.usable and (connection := self.connection) is not None:
                return connection
            if self._status.settled and not self._status.usable:
                raise AppError.of(self._why_not())
            await turn.wait()

    def _why_not(self) -> ErrorInfo:
        name = self.spec.name
        if self._status is ServerStatus.NEEDS_AUTH:
            reason = self._reason or ErrorInfo("Authorisation needed")
            return ErrorInfo(f"{name}: {reason.title}", reason.detail, reason.hint, ErrorKind.AUTH, "needs_auth")
        if self._status is ServerStatus.DISABLED:
            return ErrorInfo(
                f"{name} is switched off", hint="Switch it on first", kind=ErrorKind.USAGE, code="not_ready"
            )
        reason = self._reason or ErrorInfo(f"it is {self._status}")
        detail = f"{reason.title}: {reason.detail}" if reason.detail else reason.title
        kind = reason.kind if reason.kind is ErrorKind.USAGE else ErrorKind.UNREACHABLE
        return ErrorInfo(f"{name} is not connected", detail, reason.hint, kind, "not_ready")

    # ------------------------------------------------------------------ what others order

    def retry(self) -> None:
        """Connect now, from every state; a switched-off server is switched on."""
        self._enabled = True
        self._failures.reset()
        self._transport = self.spec.transport
        self._era.reset(self.spec)
        self._restart()

    def start_sign_in(self) -> None:
        """A browser may be opened; the connection is made anew. AppError when there is nothing to sign in to."""
        if not self.sign_in.url:
            self.sign_in.order(usable=self.connection is not None)
            self.retry()

    async def sign_out(self, sdk: type[Sdk]) -> None:
        await self.sign_in.forget(sdk)
        self.changed()
        if self._enabled:
            self.retry()

    def set_enabled(self, enabled: bool) -> None:
        if enabled == self._enabled:
            return
        self._enabled = enabled
        self._failures.reset()
        if not enabled and not self._closing:
            self._set(ServerStatus.DISABLED)
        self._restart()

    def reconfigure(self, spec: ServerSpec) -> bool:
        """Take over a new entry of the same name. True when that means connecting again; what was seen stays.

        An entry that only moved in its file, or to another file, changes nothing but where it says it stands.
        """
        before, self.spec = self.spec, spec
        if spec == before:
            return False
        if replace(spec, origin=before.origin) == before:
            self.changed()
            return False
        if spec.roots and before.roots and replace(spec, origin=before.origin, roots=before.roots) == before:
            if self._connection is not None:
                self._connection.roots.replace(spec.roots)
            self.changed()
            return False
        if spec.disabled != before.disabled:
            self._enabled = not spec.disabled
        self._lifecycle = Lifecycle(self._wire_log, spec)
        self.announcements.log_level = spec.log_level
        self.sign_in.reconfigured(spec)
        self._failures.reset()
        self._transport = spec.transport
        self._era.reset(spec)
        if not self._enabled:
            self._set(ServerStatus.DISABLED)
        elif spec.problem is not None:
            self._rest_on_problem(spec.problem)
        else:
            self._set(ServerStatus.CONNECTING)
        self._restart()
        return True

    def _files_changed(self, changed: tuple[str, ...]) -> None:
        """Of its source: a new process, from every state but those that wait for the person."""
        if not self._enabled or self._closing or self.spec.problem is not None:
            return
        reason = restart_reason(changed)
        self._lifecycle.restarting(reason)
        self._failures.reset()
        self._set(ServerStatus.CONNECTING, reason)
        self._restart()

    def woke(self) -> None:
        """The machine slept: whoever waits tries at once, and what seems connected has to prove it."""
        if self._status is ServerStatus.BACKOFF:
            self._failures.reset()
            self._restart()
        elif self._connection is not None:
            self._connection.woke()

    def close(self) -> None:
        self._closing = True
        self._restart()

    def _restart(self) -> None:
        self._wake.set()
        if self._connection is not None:
            self._connection.stop()

    # ------------------------------------------------------------------ the task

    async def run(self) -> None:
        NOTICES.set(self._notices)
        try:
            while not self._closing:
                self._wake.clear()
                self._restarts.follow(self.spec, on=self._enabled and self.spec.problem is None)
                await self._turn_once()
        finally:
            await self._restarts.end()
        self._set(ServerStatus.CLOSED)

    async def _turn_once(self) -> None:
        """One connection and the rest after it, or one rest."""
        try:
            if not self._enabled:
                self._set(ServerStatus.DISABLED)
                await self._wake.wait()
            elif self.spec.problem is not None:
                self._rest_on_problem(self.spec.problem)
                await self._wake.wait()
            else:
                self._set(ServerStatus.CONNECTING, self._reason, attempt=self._failures.attempt)
                ending = await self._connect()
                if ending is not None and ending.fault is not None and not self._wake.is_set():
                    await self._judge(ending, ending.fault)
        except Exception as error:  # noqa: BLE001 - the last boundary of the task; logged and shown
            _log.exception("the supervisor of %s failed", self.spec.name)
            info = ErrorInfo("Internal error", f"{type(error).__name__}: {error}", code="internal")
            self._set(ServerStatus.FAILED, info)
            await self._wake.wait()

    def _rest_on_problem(self, problem: ErrorInfo) -> None:
        untrusted = problem.code == NEEDS_TRUST
        self._set(ServerStatus.NEEDS_TRUST if untrusted else ServerStatus.FAILED, problem)

    async def _connect(self) -> Ending | None:
        sdk = await self._loaded()
        if sdk is None:
            return None
        await self._era.recall()
        self.announcements.recall()
        if self.spec.transport == "stdio":
            self._stderr.clear()
        connection = sdk.Connection(
            self.spec,
            self._transport,
            self._era.mode,
            self,
            answering=self._answering,
            stderr=self._stderr,
            notices=self._notices,
            groups=self._groups,
            announcements=self.announcements,
            recorder=self._lifecycle.connecting(self._transport),
            tokens=self.sign_in.connecting(sdk),
        )
        self._connection = connection
        try:
            ending = await connection.run()
            child = connection.line.child
            reason = ending.fault.info if ending.fault is not None else None
            self._era.ended(connection)
            self._lifecycle.closed(reason, exit_code=child.exit_code, signal=child.signal, ready_s=ending.ready_s)
            return ending
        finally:
            self._connection = None
            self.changed()

    async def _loaded(self) -> type[Sdk] | None:
        """The SDK, or None when something else was ordered in the seconds its import takes."""
        load = asyncio.ensure_future(self._load())
        wake = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait({load, wake}, return_when=asyncio.FIRST_COMPLETED)
            return None if self._wake.is_set() else load.result()
        finally:
            wake.cancel()
            load.cancel()

    async def _judge(self, ending: Ending, fault: Fault) -> None:
        """What follows from the end of a connection; returns when it is time to connect again."""
        self.sign_in.ended()
        if ending.crash is not None:
            self._crash = ending.crash
        if ending.ready_s == 0 and self._other_way(ending, fault):
            return
        if fault.harmless and ending.ready_s > _BRIEF_S:
            return
        planned, self._planned_at = self._planned_at, None
        given_up = self._failures.failed(lasted_s=ending.ready_s, crashed=ending.crashed)
        if fault.remedy is Remedy.AUTH:
            self._set(ServerStatus.NEEDS_AUTH, fault.info)
        elif fault.remedy is Remedy.PERSON:
            self._set(ServerStatus.FAILED, fault.info)
        elif given_up:
            why = fault.info
            info = ErrorInfo(
                "The server keeps ending", f"5 times within a minute; last: {why.detail}", why.hint, why.kind, "crashed"
            )
            self._set(ServerStatus.FAILED, info)
        else:
            now = time.monotonic()
            retry_at = planned if planned is not None else now + backoff_s(self._failures.attempt)
            retry_at = max(retry_at, now + min(fault.retry_after_s or 0.0, _LONGEST_RETRY_AFTER_S))
            self._set(ServerStatus.BACKOFF, fault.info, attempt=self._failures.attempt, retry_at=retry_at)
            try:
                async with asyncio.timeout(retry_at - now):
                    await self._wake.wait()
            except TimeoutError:
                return
        await self._wake.wait()

    def _other_way(self, ending: Ending, fault: Fault) -> bool:
        """Is there another way to connect that was not tried? Then at once."""
        if self.spec.try_sse and self._transport == "http" and fault.refused:
            self._transport = "sse"
            return True
        if self._transport == "sse" and self.spec.transport == "http":
            self._transport = "http"
        return self._era.failed(ending, fault)

    def _set(
        self,
        status: ServerStatus,
        reason: ErrorInfo | None = None,
        *,
        attempt: int = 0,
        retry_at: float | None = None,
    ) -> None:
        reason = self._lifecycle.told(reason)
        if status is not self._status:
            self._since = time.monotonic()
            wait_s = retry_at - self._since if retry_at is not None else None
            self._lifecycle.became(status, reason, attempt=attempt, wait_s=wait_s)
        self._status, self._reason, self._attempt, self._retry_at = status, reason, attempt, retry_at
        turn, self._turn = self._turn, asyncio.Event()
        turn.set()
        self.changed()

    # ------------------------------------------------------------------ what the connection says

    def waits_for_person(self, reason: ErrorInfo) -> None:
        """The browser is open. A server that works meanwhile (a call wants more access) stays usable."""
        if self._status in (ServerStatus.CONNECTING, ServerStatus.NEEDS_AUTH):
            self._set(ServerStatus.NEEDS_AUTH, reason)
        self.changed()

    def person_done(self) -> None:
        if self._status is ServerStatus.NEEDS_AUTH and self._connection is not None:
            self._set(ServerStatus.CONNECTING)
        self.changed()

    def became_ready(self, connection: Connection) -> None:
        self.sign_in.ended()
        self._facts = connection.facts
        self._crash = None
        self._ready_count += 1
        self._lifecycle.connected(connection.facts)
        self._era.connected(connection)
        if self._status is not ServerStatus.DEGRADED:
            self._set(ServerStatus.READY)

    def was_lost(self, connection: Connection, fault: Fault) -> None:
        """Said at once; closing what is left of it takes a moment, and then `_judge` has the last word."""
        if connection is not self._connection or not self._enabled or self._closing:
            return
        self._lifecycle.lost(fault.info)
        if fault.remedy is Remedy.AUTH:
            self._set(ServerStatus.NEEDS_AUTH, fault.info)
        elif fault.remedy is Remedy.PERSON:
            self._set(ServerStatus.FAILED, fault.info)
        elif fault.harmless:
            self._set(ServerStatus.CONNECTING, fault.info)
        else:
            attempt = self._failures.next_attempt(connection.ready_s)
            self._planned_at = time.monotonic() + backoff_s(attempt)
            self._set(ServerStatus.BACKOFF, fault.info, attempt=attempt, retry_at=self._planned_at)

    def listed(self, catalog: Catalog) -> None:
        if self._listed and catalog == self._catalog:
            # The same object, so that nobody draws it anew: some servers announce changes without end.
            if not self._status.usable and self._diff is not None:
                self._diff = None  # what an earlier connection changed is no news of this one
                self.changed()
            return
        if self._listed:
            diff = catalog_diff(self._catalog, catalog)
            self._diff = diff if diff else None
        self._listed = True
        self._catalog = catalog
        self.changed()

    def degraded(self, reason: ErrorInfo | None) -> None:
        if reason is not None:
            self._set(ServerStatus.DEGRADED, reason)
        elif self._status is ServerStatus.DEGRADED:
            self._set(ServerStatus.READY)
