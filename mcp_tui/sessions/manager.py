"""The session manager: one supervising task per server, snapshots for every face."""

from __future__ import annotations

import asyncio
import difflib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from mcp_tui.config.schema import ServerSpec
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.imports import load
from mcp_tui.core.state import CallResult, Progress, ServerSnapshot
from mcp_tui.core.tasks import LogLine, SubscriptionInfo, TaskInfo
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.authorisation.policy import SignInPolicy
from mcp_tui.sessions.known_servers import KnownServers
from mcp_tui.sessions.logs import SdkLogs
from mcp_tui.sessions.request_desk import Answering
from mcp_tui.sessions.supervisor import Supervisor
from mcp_tui.sessions.suspension import Suspension
from mcp_tui.sessions.transport.processes import ProcessGroups
from mcp_tui.sessions.wirelog.log import WireLog

if TYPE_CHECKING:
    from mcp_tui.sessions.sdk import Sdk

_log = logging.getLogger(__name__)

SHUTDOWN_S = 6.0
"""Every server closes on its own within about 4.5 s, all at once; what is left then is killed."""
BURST_S = 0.05
"""Listeners hear of changes at most this often."""
LIST_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """Names of the servers that a new configuration added, removed, and connects again."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


class SessionManager:
    """Use as `async with SessionManager(specs) as manager`; leaving it ends every server and child process.

    All methods must be called on the event loop that entered it. Errors are `AppError`. Cancelling the task that
    holds it cleans up just the same: the cancellation is delivered when all servers have ended, at the latest
    `SHUTDOWN_S` seconds later, however often it is repeated.
    """

    def __init__(
        self,
        specs: Sequence[ServerSpec],
        *,
        answering: Answering | None = None,
        wire_log: WireLog | None = None,
        sign_in: SignInPolicy | None = None,
    ) -> None:
        """answering: who answers what servers ask; None: nobody, and no server is told otherwise.
        sign_in: when a browser may be opened by itself; without it only `sign_in` does.
        """
        self.wire_log = wire_log if wire_log is not None else WireLog()
        """Every message of every server, on disk; opened and closed with the manager."""
        self._groups = ProcessGroups()
        self._logs = SdkLogs()
        self._tasks: dict[asyncio.Task[None], Supervisor] = {}
        self._sdk: asyncio.Future[type[Sdk]] | None = None
        self._listeners: list[Callable[[], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._burst: asyncio.Handle | None = None
        self._told_at = 0.0
        self._all: tuple[ServerSnapshot, ...] | None = None
        self._supervisors: dict[str, Supervisor] = {}
        self._answering = answering
        self._sign_in = sign_in
        self.suspension = Suspension(self._woke)
        self._watching: asyncio.Task[None] | None = None
        self.memory = KnownServers()
        for spec in specs:
            self._supervisors[spec.name] = self._new_supervisor(spec)

    def _new_supervisor(self, spec: ServerSpec) -> Supervisor:
        return Supervisor(
            spec,
            changed=self._changed,
            load=self._load,
            answering=self._answering,
            groups=self._groups,
            wire_log=self.wire_log,
            sign_in=self._sign_in,
            memory=self.memory,
        )

    async def __aenter__(self) -> SessionManager:
        self._loop = asyncio.get_running_loop()
        self._logs.attach()
        self._groups.watch()
        self.wire_log.start()
        for supervisor in self._supervisors.values():
            self._start(supervisor, self._loop)
        self._watching = self._loop.create_task(self.suspension.watch(), name="suspension")
        return self

    def _woke(self, slept_s: float) -> None:
        _log.info("the machine slept for %.0f s: every connection is looked at", slept_s)
        for supervisor in self._supervisors.values():
            supervisor.woke()

    def _start(self, supervisor: Supervisor, loop: asyncio.AbstractEventLoop) -> None:
        task = loop.create_task(supervisor.run(), name=f"server {supervisor.spec.name}")
        self._tasks[task] = supervisor

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._end_all()
        finally:
            self._groups.kill()
            self._logs.detach()
            if self._burst is not None:
                self._burst.cancel()
            self._listeners.clear()
            self._loop = None
            await self.memory.close()
            try:
                await self.wire_log.close()
            finally:
                await self._groups.unwatch()

    async def _end_all(self) -> None:
        """Ends all servers at once. A cancellation meanwhile is kept until they have ended, then delivered."""
        import anyio  # not on the path to the first frame

        if self._watching is not None:
            self._watching.cancel()
        for supervisor in self._supervisors.values():
            supervisor.close()
        cancelled: asyncio.CancelledError | None = None
        with anyio.CancelScope(shield=True):
            cancelled = await self._wait_bounded(set(self._tasks), SHUTDOWN_S)
            left = {task for task in self._tasks if not task.done()}
            if left:
                _log.error("servers did not end in time: %s", ", ".join(task.get_name() for task in left))
                self._groups.kill()
                for task in left:
                    task.cancel()
                cancelled = await self._wait_bounded(left, 1.0) or cancelled
        for task in self._tasks:
            if task.done() and not task.cancelled() and (fault := task.exception()) is not None:
                _log.error("%s failed", task.get_name(), exc_info=fault)
        if self._sdk is not None:
            self._sdk.cancel()
        if cancelled is not None:
            raise cancelled

    @staticmethod
    async def _wait_bounded(tasks: set[asyncio.Task[None]], seconds: float) -> asyncio.CancelledError | None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        cancelled: asyncio.CancelledError | None = None
        while tasks and (left := deadline - loop.time()) > 0:
            try:
                _, tasks = await asyncio.wait(tasks, timeout=left)
            except asyncio.CancelledError as error:
                cancelled = error
                tasks = {task for task in tasks if not task.done()}
        return cancelled

    async def _load(self) -> type[Sdk]:
        """What needs the SDK, imported once, in a thread: the import takes over a second."""
        if self._sdk is not None and self._sdk.done():
            return self._sdk.result()
        if self._sdk is None:
            self._sdk = asyncio.get_running_loop().run_in_executor(None, lambda: load("mcp_tui.sessions.sdk").Sdk)
        return await asyncio.shield(self._sdk)

    async def _reach(self, server: str) -> tuple[Supervisor, type[Sdk]]:
        """For a request; an unknown server is told without waiting."""
        return self._supervisor(server), await self._load()

    # ------------------------------------------------------------------ state

    def snapshot(self) -> tuple[ServerSnapshot, ...]:
        """Every configured server in configuration order. Cheap: unchanged servers give the same object."""
        if self._all is None:
            self._all = tuple(supervisor.snapshot() for supervisor in self._supervisors.values())
        return self._all

    def server(self, name: str) -> ServerSnapshot:
        """AppError (usage, with the known names) when there is no such server."""
        return self._supervisor(name).snapshot()

    def _supervisor(self, name: str) -> Supervisor:
        found = self._supervisors.get(name)
        if found is not None:
            return found
        close = difflib.get_close_matches(name, self._supervisors, n=1)
        known = ", ".join(self._supervisors) or "none is configured"
        raise AppError(
            "Unknown server",
            f"There is no server named {name[:200]}",
            f"Did you mean {close[0]}? Known: {known}" if close else f"Known: {known}",
            kind=ErrorKind.USAGE,
            code="unknown_server",
        )

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` on the loop after anything changed (coalesced: once per burst). Returns the undo."""
        self._listeners.append(listener)

        def undo() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return undo

    def _changed(self) -> None:
        self._all = None
        if self._burst is None and self._loop is not None and self._listeners:
            # The first change is told at once, those that follow it together.
            self._burst = self._loop.call_at(self._told_at + BURST_S, self._tell)

    def _tell(self) -> None:
        self._burst = None
        if self._loop is not None:
            self._told_at = self._loop.time()
        for listener in tuple(self._listeners):
            try:
                listener()
            except Exception:  # noqa: BLE001 - a face must not stop the servers; logged
                _log.exception("a listener of the session manager failed")

    async def wait_settled(self, names: Sequence[str] | None = None, *, timeout_s: float) -> None:
        """Return when none of these (default: all) is connecting or in backoff for the first time, or at the deadline.

        So a server that cannot be reached holds it up for two tries, not for all of them.
        """
        chosen = [self._supervisor(name) for name in names] if names is not None else list(self._supervisors.values())
        try:
            async with asyncio.timeout(timeout_s):
                for supervisor in chosen:
                    while supervisor.undecided:
                        await supervisor.turn.wait()
        except TimeoutError:
            return

    # ------------------------------------------------------------------ requests

    async def call_tool(
        self,
        server: str,
        tool: str,
        arguments: JsonObject,
        *,
        timeout_s: float | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        as_task: bool | None = None,
        detach: bool = False,
    ) -> CallResult:
        """Waits for a reconnecting server up to its own deadline. Cancelling sends the cancellation.

        as_task: True asks for a task, None only where the tool demands one; a 2026-07-28 server decides by itself.
        A task is followed to its end, over reconnects (`Progress.task` tells its state), unless `detach`.
        AppError codes: "unknown_server", "unknown_tool", "bad_arguments", "timeout", "not_ready", "rejected"
        (JSON-RPC error), "outcome_unknown" (the connection, or the task, was lost after sending), "needs_auth",
        "http_NNN", "no_tasks", "task_cancelled", "result_lost" (a task completed, but its result is gone).
        """
        source, sdk = await self._reach(server)
        return await sdk.call_tool(
            source, tool, arguments, timeout_s=timeout_s, on_progress=on_progress, as_task=as_task, detach=detach
        )

    async def read_resource(
        self, server: str, uri: str, *, timeout_s: float | None = None, cached: bool = False
    ) -> JsonObject:
        """The resources/read result with wire keys: {"contents": [{"uri", "mimeType", "text" | "blob"}]}.

        cached: one read before will do for as long as the server said so (`ttlMs`) and announces no change.
        """
        source, sdk = await self._reach(server)
        return await sdk.read_resource(source, uri, timeout_s=timeout_s, cached=cached)

    async def get_prompt(
        self, server: str, name: str, arguments: Mapping[str, str], *, timeout_s: float | None = None
    ) -> JsonObject:
        """The prompts/get result with wire keys: {"description", "messages": [...]}."""
        source, sdk = await self._reach(server)
        return await sdk.get_prompt(source, name, arguments, timeout_s=timeout_s)

    async def complete(
        self,
        server: str,
        ref: JsonObject,
        argument: tuple[str, str],
        context: Mapping[str, str] | None = None,
        *,
        timeout_s: float = 5.0,
    ) -> tuple[str, ...]:
        """completion/complete for ref {"type": "ref/prompt", "name"} or {"type": "ref/resource", "uri"}.

        Empty when the server has no completions.
        """
        source, sdk = await self._reach(server)
        return await sdk.complete(source, ref, argument, context, timeout_s=timeout_s)

    async def send_raw(
        self, server: str, method: str, params: JsonObject | None, *, timeout_s: float | None = None
    ) -> JsonObject:
        """A request as it stands, one of `resending.RESENDABLE`; the result with its wire keys. Never repeated."""
        source, sdk = await self._reach(server)
        return await sdk.send_raw(source, method, params, timeout_s=timeout_s)

    # ------------------------------------------------------------------ tasks

    async def list_tasks(self, server: str, *, timeout_s: float = LIST_TIMEOUT_S) -> tuple[TaskInfo, ...]:
        """The tasks of the server with their newest state: all it names, else those we know of."""
        source, sdk = await self._reach(server)
        return await sdk.list_tasks(source, timeout_s=timeout_s)

    async def task_result(
        self,
        server: str,
        task_id: str,
        *,
        timeout_s: float | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> CallResult:
        """Wait for a task, whoever started it. Giving up waiting leaves it running."""
        source, sdk = await self._reach(server)
        return await sdk.task_result(source, task_id, timeout_s=timeout_s, on_progress=on_progress)

    async def cancel_task(self, server: str, task_id: str) -> None:
        """Ask the server to stop it. `rejected` when it will not; whoever waits for the task hears how it ends."""
        source, sdk = await self._reach(server)
        await sdk.cancel_task(source, task_id)

    # ------------------------------------------------------------------ what a server tells by itself

    def follow(self, server: str, uri: str) -> SubscriptionInfo:
        """Have changes of a resource announced until `unfollow`, also over reconnects. Each call counts."""
        return self._supervisor(server).announcements.subscriptions.follow(uri)

    def unfollow(self, server: str, uri: str) -> None:
        self._supervisor(server).announcements.subscriptions.unfollow(uri)

    async def set_log_level(self, server: str, level: str) -> None:
        """From now on, until the program ends. `bad_level`, or `rejected` with what the server says.

        2026-07-28: it goes with every request from now on; nothing is sent now.
        """
        source, sdk = await self._reach(server)
        await sdk.set_log_level(source, level)

    def hear_log(self, server: str, heard: Callable[[LogLine], None] | None) -> None:
        """Each message the server logs, at once (its stderr excluded). None ends it."""
        self._supervisor(server).announcements.log.heard = heard

    # ------------------------------------------------------------------ orders

    async def refresh(self, name: str) -> None:
        """Fetch the catalog again, past every cache."""
        connection = await self._supervisor(name).usable()
        failed = await connection.refresh()
        if failed is not None:
            raise AppError.of(failed)

    def retry(self, name: str) -> None:
        """Reconnect now: ends a backoff, restarts a failed or a live server."""
        self._supervisor(name).retry()

    def reconfigure(self, specs: Sequence[ServerSpec]) -> Reconfigured:
        """Take over a new configuration: what was added starts, what is gone ends, what differs connects again.

        Every other server is left alone, down to its snapshot. Returns at once; what ends does so in the background.
        """
        before = self._supervisors
        self._supervisors = {}
        changed: list[str] = []
        added: list[str] = []
        for spec in specs:
            supervisor = before.get(spec.name)
            if supervisor is None:
                added.append(spec.name)
                supervisor = self._new_supervisor(spec)
                if self._loop is not None:
                    self._start(supervisor, self._loop)
            elif supervisor.reconfigure(spec):
                changed.append(spec.name)
            self._supervisors[spec.name] = supervisor
        removed = [name for name in before if name not in self._supervisors]
        gone = {before[name] for name in removed}
        for supervisor in gone:
            supervisor.close()
        for task in [task for task, supervisor in self._tasks.items() if supervisor in gone]:
            task.add_done_callback(self._forget)
        if [*before] != [*self._supervisors]:
            self._changed()
        return Reconfigured(tuple(added), tuple(removed), tuple(changed))

    def _forget(self, task: asyncio.Task[None]) -> None:
        """The task of a server that was removed has ended."""
        self._tasks.pop(task, None)
        if not task.cancelled() and (fault := task.exception()) is not None:
            _log.error("%s failed", task.get_name(), exc_info=fault)

    def sign_in(self, name: str) -> None:
        """Sign in with the browser and connect. The snapshot tells the URL, and in the end `ready` or why not.

        AppError (usage) when there is nothing to sign in to, or it is done already. One that is under way goes on.
        """
        self._supervisor(name).start_sign_in()

    def cancel_sign_in(self, name: str) -> None:
        """End a sign-in that waits for the browser; the server then needs one again."""
        self._supervisor(name).sign_in.cancel()

    def finish_sign_in(self, name: str, address: str) -> bool:
        """The address a browser on another machine ended on (http://127.0.0.1...). False: none is waited for."""
        return self._supervisor(name).sign_in.deliver(address)

    async def sign_out(self, name: str) -> None:
        """Forget the tokens and registrations of a server, on disk too, and connect without. AppError."""
        supervisor = self._supervisor(name)
        await supervisor.sign_out(await self._load())

    def set_enabled(self, name: str, enabled: bool) -> None:
        self._supervisor(name).set_enabled(enabled)
