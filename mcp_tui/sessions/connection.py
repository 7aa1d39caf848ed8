"""One connection to one server, from the first byte to the last: entered and left by the task that runs it.

The SDK's client is not re-enterable and its cancel scopes belong to the task that entered it, so a connection is one
coroutine (`run`); everybody else only calls.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Literal, Protocol

import anyio
import httpx2
import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED, LOG_LEVEL_META_KEY, METHOD_NOT_FOUND
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from mcp_tui import __version__
from mcp_tui.config.schema import ServerSpec, Transport
from mcp_tui.core.deadline import Deadline
from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.core.state import Catalog, CrashCard, ServerFacts
from mcp_tui.sessions.advice.diagnosis import connect_fault, cut, http_fault, place
from mcp_tui.sessions.advice.likely_fix import Advice, LastWords, likely_fix, silence_fix
from mcp_tui.sessions.advice.neighbours import neighbours_fix
from mcp_tui.sessions.announcements import Announcements
from mcp_tui.sessions.calling.kept_reads import KeptReads
from mcp_tui.sessions.changes import Changes
from mcp_tui.sessions.dialogs import Dialogs
from mcp_tui.sessions.fault import Fault, Remedy
from mcp_tui.sessions.health import PROBE_MISSES, Health
from mcp_tui.sessions.link import Observer
from mcp_tui.sessions.listing import ALL_KINDS, Kind, Lists
from mcp_tui.sessions.request_desk import Answering
from mcp_tui.sessions.resource_watch import ResourceWatch, ask_for_log
from mcp_tui.sessions.roots import Roots
from mcp_tui.sessions.tasks.messages import TasksExtension
from mcp_tui.sessions.tokens import DENIED, Tokens
from mcp_tui.sessions.transport.client import TruthfulClient
from mcp_tui.sessions.transport.exchange import CURRENT, Exchange, Recording, exchanging
from mcp_tui.sessions.transport.processes import ProcessGroups
from mcp_tui.sessions.transport.stderr import Notices, StderrTail
from mcp_tui.sessions.transport.tap import Tap, unread_text
from mcp_tui.sessions.transport.transport import TransportContext
from mcp_tui.sessions.wirelog.cause import causing
from mcp_tui.sessions.wirelog.log import Recorder

_log = logging.getLogger(__name__)

Mode = Literal["auto", "legacy", "2026-07-28"]
MAX_INPUT_ROUNDS = 50
REFRESH_TIMEOUT_S = 60.0
CLOSE_S = 2.0
_LAST_WORDS_S = 1.0
_RIGHT_PLACE = ("refused", "redirected")
"""Codes of faults that leave no doubt about the path."""
_SLOW_FIX = "Is it busy, or behind something that holds requests back? Else raise connect_timeout_s"
MAX_CONCURRENT = 64


class Host(Observer, Protocol):
    """Who runs the connection."""

    def became_ready(self, connection: Connection) -> None: ...

    def was_lost(self, connection: Connection, fault: Fault) -> None: ...

    def listed(self, catalog: Catalog) -> None: ...


@dataclass(frozen=True, slots=True)
class Ending:
    """How a connection ended."""

    fault: Fault | None
    """None = it was stopped."""
    ready_s: float
    """How long it was ready; 0 when it never was."""
    crash: CrashCard | None
    """Also of a process that had to be ended because it never answered."""
    crashed: bool
    """It ended by itself, or never started."""
    mute: bool
    """A child process ended without having said anything."""


class Connection:
    def __init__(
        self,
        spec: ServerSpec,
        transport: Transport,
        mode: Mode,
        host: Host,
        *,
        answering: Answering | None,
        stderr: StderrTail,
        notices: Notices,
        groups: ProcessGroups,
        announcements: Announcements | None = None,
        recorder: Recorder | None = None,
        tokens: Tokens | None = None,
    ) -> None:
        self.spec = spec
        self.announcements = announcements or Announcements(spec, host.changed)
        self.facts: ServerFacts | None = None
        self.latency_ms: float | None = None
        self.in_flight = 0
        self.reads = KeptReads()
        self.slots = anyio.Semaphore(MAX_CONCURRENT, fast_acquire=True)
        self.lists = Lists(spec)
        self._mode: Mode = mode
        self._transport: Transport = transport
        self.host = host
        self.notices = notices
        tap = Tap(on_end=self._stream_ended, on_garbage=self._garbage, recorder=recorder)
        self.line = TransportContext(spec, transport, tap, stderr, groups, recorder=recorder)
        self.line.http.on_refused = self._http_refused
        self.line.http.on_broken = self._http_broken
        self.line.http.tokens = tokens
        self.line.http.pausing = self._person_asked
        self.line.http.on_unauthorised = lambda error: self.lose(error.fault)
        self._changes = Changes(self)
        self._health = Health(self)
        self._first_garbage = ""
        self.dialogs = Dialogs(spec.name, answering, notices, lambda: self.modern)
        self.roots = Roots(spec.roots, self.dialogs.roots_given)
        self.client = TruthfulClient(
            self.line.streams(),
            mode=mode,
            client_info=types.Implementation(name="mcp-tui", version=__version__),
            elicitation_callback=self.dialogs.elicit if answering is not None else None,
            sampling_callback=self.dialogs.sample if answering is not None else None,
            list_roots_callback=self.roots.answer if spec.roots else None,
            offers=answering.offers if answering is not None else frozenset(),
            offers_roots=bool(spec.roots),
            message_handler=self._changes.notified,
            logging_callback=self.announcements.log.received,
            extensions=(TasksExtension(self.announcements.tasks.notified),),
            input_required_max_rounds=MAX_INPUT_ROUNDS,
        )
        self._scope: anyio.CancelScope | None = None
        self._stopping = False
        self._ended = anyio.Event()
        self._closed = anyio.Event()
        self._fault: Fault | None = None
        self._last: Exchange | None = None
        """The request that showed that the connection is broken."""
        self._ready_at: float | None = None
        self._refreshing = anyio.Lock()

    # ------------------------------------------------------------------ life

    @property
    def usable(self) -> bool:
        return self._ready_at is not None and not self._ended.is_set()

    @property
    def ready_s(self) -> float:
        """Seconds since it became ready; 0 before."""
        return time.monotonic() - self._ready_at if self._ready_at is not None else 0.0

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    @property
    def modern(self) -> bool:
        return self.facts is not None and self.facts.era == "modern"

    @property
    def legacy_proven(self) -> bool:
        """The server itself showed that it does not know the newer protocol: no outage, no proxy did."""
        probe = self.line.tap.probe
        if self.facts is None or self.modern or not probe.asked:
            return False
        # A process that answered the older handshake was there when it ignored the question.
        silent = not (probe.refused or probe.older or probe.doubtful or probe.modern)
        return probe.refused or probe.older or (silent and self.spec.transport == "stdio")

    def request_meta(self) -> types.RequestParamsMeta | None:
        """`_meta` of a request of a person or model. 2026-07-28: what may be logged is said with each one."""
        level = self.announcements.log_level
        return {LOG_LEVEL_META_KEY: level} if level and self.modern else None

    def stop(self) -> None:
        """End it, whatever it is doing; `run` returns soon. Safe to repeat."""
        self._stopping = True
        self.dialogs.close("the server was disconnected")
        if self._ready_at is None:
            if self._scope is not None:
                self._scope.cancel()
        else:
            self._ended.set()

    def lose(self, fault: Fault) -> None:
        """The connection is of no more use; the first reason stands."""
        if self._ended.is_set() or self._stopping:
            return
        self._fault = fault
        self.dialogs.close("the connection was lost")
        self._ended.set()
        if self._ready_at is not None:
            self.host.was_lost(self, fault)

    def suspect(self) -> None:
        """Something went wrong on it: probe now."""
        self._health.suspect()

    def woke(self) -> None:
        """The machine slept: probe now, and do not wait for the third miss."""
        self._health.suspect(misses=PROBE_MISSES - 1)

    async def check(self) -> None:
        """Probe now; returns when the answer is there (afterwards look at `usable`)."""
        await self._health.check()

    async def run(self) -> Ending:
        """Connect, be ready until lost or stopped, close. Never raises what a server caused."""
        if self._stopping:
            return self._ending()
        caught: Exception | None = None
        with exchanging("") as exchange:
            try:
                with anyio.CancelScope(deadline=anyio.current_time() + self.spec.connect_timeout_s) as scope:
                    self._scope = scope
                    await self._live(scope)
            except Exception as error:  # noqa: BLE001 - the boundary: every SDK fault becomes a Fault here
                caught = error
                _log.debug("connection to %s ended with an error", self.spec.name, exc_info=error)
        if not self._stopping and self._fault is None:
            if caught is not None:
                self._fault = connect_fault(self.spec, caught, self._last or exchange)
            elif self._ready_at is None:
                self._fault = self._too_slow()
            await self._look_around()
        ending = self._ending()
        if ending.fault is not None:
            self._fault = ending.fault
        self._closed.set()
        return ending

    async def last_words(self) -> str:
        """How a process that was lost ended, with the line that says why; "" when that is not known soon."""
        if self.spec.transport != "stdio" or not self._ended.is_set():
            return ""
        with anyio.move_on_after(_LAST_WORDS_S, shield=True):
            await self._closed.wait()
        info = self._fault.info if self._fault is not None else None
        return info.detail if info is not None and info.code == "exited" else ""

    async def _look_around(self) -> None:
        """For a URL without an MCP server: is there one at another path?"""
        fault = self._fault
        other_transport_next = self.spec.try_sse and self._transport == "http"
        if (
            fault is None
            or not fault.refused
            or fault.info.code in _RIGHT_PLACE
            or self.spec.transport == "stdio"
            or other_transport_next
        ):
            return
        with anyio.CancelScope() as self._scope:
            if hint := await neighbours_fix(self.spec, self.line.recorder):
                self._fault = replace(fault, info=replace(fault.info, hint=hint))

    async def _live(self, scope: anyio.CancelScope) -> None:
        async with self.client:
            await self._settle_version()
            self.line.http.established = True
            await self._first_catalog()
            scope.deadline = math.inf
            self._ready_at = time.monotonic()
            if not self._ended.is_set():
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._health.watch)
                    tasks.start_soon(self._changes.follow)
                    tasks.start_soon(ResourceWatch(self).follow)
                    tasks.start_soon(ask_for_log, self)
                    if self.modern:
                        tasks.start_soon(self._changes.listen)
                    elif self.spec.roots:
                        tasks.start_soon(self.roots.follow, self.client.session)
                    self.host.became_ready(self)
                    await self._ended.wait()
                    tasks.cancel_scope.cancel()
            self._ended.set()
            scope.deadline = anyio.current_time() + CLOSE_S

    async def _settle_version(self) -> None:
        session = self.client.session
        if self._mode not in ("auto", "legacy"):
            # A pinned version adopts made-up facts (no capabilities); ask for the real ones.
            raw = await session.send_discover(self._mode)
            session.adopt(types.DiscoverResult.model_validate(raw))
        version = self.client.protocol_version
        self.line.tap.version = version
        info = self.client.server_info
        self.facts = ServerFacts(
            protocol_version=version,
            era="modern" if version in MODERN_PROTOCOL_VERSIONS else "legacy",
            server_name=info.name if info is not None else "",
            server_version=info.version if info is not None else "",
            instructions=session.instructions or "",
            capabilities=self.client.server_capabilities.model_dump(mode="json", by_alias=True, exclude_none=True),
            info=info.model_dump(mode="json", by_alias=True, exclude_none=True) if info is not None else {},
        )

    async def _first_catalog(self) -> None:
        with causing("first catalog"):
            failed = await self._fetch(ALL_KINDS)
        if self._ended.is_set():
            return
        self.host.listed(await self.lists.catalog())
        if failed is not None:
            self.host.degraded(failed)

    def _too_slow(self) -> Fault:
        seconds = f"{self.spec.connect_timeout_s:g} s"
        what = place(self.spec)
        words = self._last_words()
        info = ErrorInfo(
            "The server did not answer in time",
            f"{what}: no {'catalog' if self.facts else 'handshake'} within {seconds}",
            likely_fix(words).fix or (silence_fix(words) if self.spec.transport == "stdio" else _SLOW_FIX),
            ErrorKind.UNREACHABLE,
            "timeout",
        )
        return Fault(info)

    def _ending(self) -> Ending:
        fault = None if self._stopping else self._fault
        crash: CrashCard | None = None
        crashed = False
        child = self.line.child
        if fault is not None and self.spec.transport == "stdio":
            unanswered = child.pid is not None and not child.ended_alone and self._ready_at is None
            crashed = child.ended_alone or (child.pid is None and fault.remedy is Remedy.PERSON)
            if crashed or unanswered:
                crash = replace(self.line.crash_card(), unanswered=unanswered)
            if child.ended_alone and fault.closed:
                fault = Fault(_exit_info(crash, self.spec, likely_fix(self._last_words())))
        return Ending(fault, self.ready_s, crash, crashed, mute=self.line.tap.quiet and child.ended_alone)

    # ------------------------------------------------------------ what the transport says

    def _stream_ended(self) -> None:
        info = ErrorInfo(
            "The connection was closed", "The server ended the connection", kind=ErrorKind.UNREACHABLE, code="closed"
        )
        self.lose(Fault(info, closed=True))

    def _last_words(self) -> LastWords:
        line = self.line
        return LastWords(
            self.spec,
            line.stderr.lines(),
            line.env_withheld,
            line.child.exit_code,
            line.child.signal,
            answered=not line.tap.quiet,
            garbage=self._first_garbage,
        )

    def _garbage(self, error: ValueError) -> None:
        self._first_garbage = self._first_garbage or unread_text(error)
        self.notices.add("The server wrote something that is no JSON-RPC message.")

    def _http_refused(self, response: httpx2.Response) -> None:
        """401, or our HTTP session is gone: neither heals by itself."""
        if self._ready_at is None:
            return  # connecting fails by itself and says why
        seen = Exchange("", status=response.status_code)
        seen.challenge = ", ".join(response.headers.get_list("www-authenticate"))
        seen.denied = response.extensions.get(DENIED)
        if response.status_code == 401:
            self.lose(http_fault(self.spec, seen))
            return
        info = ErrorInfo(
            "The session ended",
            f"The server does not know this session any more (HTTP {response.status_code})",
            kind=ErrorKind.UNREACHABLE,
            code="session_gone",
        )
        self.lose(Fault(info, harmless=True))

    @contextmanager
    def _person_asked(self) -> Generator[None]:
        """While somebody signs in, neither the connect nor the call that needs it runs out of time."""
        exchange = CURRENT.get()
        clock = exchange.clock if exchange is not None else None
        scope = self._scope if self._ready_at is None else None
        left = scope.deadline - anyio.current_time() if scope is not None else 0.0
        if scope is not None:
            scope.deadline = math.inf
        if clock is not None:
            clock.pause()
        try:
            yield
        finally:
            if clock is not None:
                clock.resume()
            if scope is not None:
                scope.deadline = anyio.current_time() + left

    def _http_broken(self, error: Exception) -> None:
        _log.debug("a request to %s broke: %s", self.spec.name, error)
        self.suspect()

    # ------------------------------------------------------------------ catalog

    async def refresh(self, kinds: frozenset[Kind] = ALL_KINDS) -> ErrorInfo | None:
        """Fetch lists again, past every cache, and publish the catalog. The reason when that did not work."""
        async with self._refreshing:
            failed: ErrorInfo | None = None
            try:
                async with Deadline(REFRESH_TIMEOUT_S) as deadline:
                    with causing("catalog refresh"):
                        failed = await self._fetch(kinds)
            except Exception as error:  # noqa: BLE001 - converted: the connection is lost, and says why
                self.failed(error, self._last or Exchange(""))
                return self._fault.info if self._fault is not None else None
            if deadline.expired:
                failed = ErrorInfo(
                    "The catalog could not be refreshed", "No answer in time", "", ErrorKind.UNREACHABLE, "timeout"
                )
            if not self._ended.is_set():
                self.host.listed(await self.lists.catalog())
                self.host.degraded(failed)
            return failed

    async def _fetch(self, kinds: frozenset[Kind]) -> ErrorInfo | None:
        """Fetch these lists at once; the first list that failed, or None. Raises when the connection is broken."""
        failed: list[ErrorInfo] = []

        async def fetch(method: str, ask: Callable[[str | None], Awaitable[object]]) -> None:
            async def page(cursor: str | None) -> Exchange:
                with exchanging(method) as exchange:
                    try:
                        started = time.monotonic()
                        await ask(cursor)
                    except (MCPError, ValidationError) as error:
                        if self.broken(error, exchange):
                            self._last = exchange
                            raise
                        if not (isinstance(error, MCPError) and error.code == METHOD_NOT_FOUND):
                            reason = error.message if isinstance(error, MCPError) else "malformed answer"
                            failed.append(ErrorInfo(f"{method} failed", cut(reason), code="rejected"))
                        return exchange
                    self.latency_ms = (time.monotonic() - started) * 1000
                    return exchange

            await self.lists.fetch(method, page)

        async with anyio.create_task_group() as tasks:
            for method, ask in self._asks(kinds).items():
                tasks.start_soon(fetch, method, ask)
        return failed[0] if failed else None

    def _asks(self, kinds: frozenset[Kind]) -> dict[str, Callable[[str | None], Awaitable[object]]]:
        has = self.client.server_capabilities
        client = self.client
        asks: dict[str, Callable[[str | None], Awaitable[object]]] = {}
        if "tools" in kinds and has.tools is not None:
            asks["tools/list"] = lambda cursor: client.list_tools(cursor=cursor, cache_mode="refresh")
        if "resources" in kinds and has.resources is not None:
            asks["resources/list"] = lambda cursor: client.list_resources(cursor=cursor, cache_mode="refresh")
            asks["resources/templates/list"] = lambda cursor: client.list_resource_templates(
                cursor=cursor, cache_mode="refresh"
            )
        if "prompts" in kinds and has.prompts is not None:
            asks["prompts/list"] = lambda cursor: client.list_prompts(cursor=cursor, cache_mode="refresh")
        return asks

    def broken(self, error: BaseException, exchange: Exchange) -> bool:
        """Is it the connection, rather than an answer to this request?"""
        if self._ended.is_set() or exchange.error is not None or exchange.session_gone or exchange.status == 401:
            return True
        if isinstance(error, MCPError) and error.code == CONNECTION_CLOSED and not exchange.refusals:
            return True
        # While connecting, an HTTP refusal of a list is the server's word about the whole entry.
        return self._ready_at is None and exchange.status is not None and exchange.status >= 500

    def failed(self, error: BaseException, exchange: Exchange) -> None:
        """A request of our own showed that the connection is broken."""
        self.lose(connect_fault(self.spec, error, exchange))

    # ------------------------------------------------------------------ calls

    def calling(self, method: str, deadline: Deadline) -> _Calling:
        """One request of a person or model: counted, limited, its clock paused during dialogs."""
        return _Calling(self, Exchange(method, clock=deadline), deadline)


class _Calling:
    """What `Connection.calling` enters. A class, because a generator costs every call noticeably more."""

    def __init__(self, connection: Connection, exchange: Exchange, deadline: Deadline) -> None:
        self._connection = connection
        self._exchange = exchange
        self._deadline = deadline
        self._recording = Recording(exchange)

    async def __aenter__(self) -> Exchange:
        connection = self._connection
        connection.in_flight += 1
        connection.host.changed()
        try:
            await connection.slots.acquire()
        except BaseException:
            self._left()
            raise
        self._recording.__enter__()
        connection.dialogs.call_started(self._exchange, self._deadline)
        return self._exchange

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection = self._connection
        try:
            connection.dialogs.call_ended(self._exchange)
        finally:
            self._recording.__exit__(kind, error, trace)
            connection.slots.release()
            self._left()

    def _left(self) -> None:
        self._connection.in_flight -= 1
        self._connection.host.changed()


def _exit_info(crash: CrashCard | None, spec: ServerSpec, advice: Advice) -> ErrorInfo:
    how = "closed its output"
    if crash is not None and crash.signal is not None:
        how = f"was ended by {crash.signal}"
    elif crash is not None and crash.exit_code is not None:
        how = f"exited with code {crash.exit_code}"
    last = f": {advice.line.strip()[:300]}" if advice.line else ""
    return ErrorInfo(
        "The server ended",
        f"{place(spec)} {how}{last}",
        advice.fix or ("Its error output says more" if last else ""),
        ErrorKind.UNREACHABLE,
        "exited",
    )
