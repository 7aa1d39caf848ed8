"""Stand-ins for providers, servers and the clock, and a stage on which a run plays without an engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

from mcp_tui.config.schema import Limits
from mcp_tui.core.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    Message,
    StopReason,
    TextBlock,
    TextDelta,
    ToolCallBlock,
    ToolCallDelta,
    ToolCallStarted,
)
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.events import CallChanged, ColumnEvent, StatusChanged
from mcp_tui.core.state import (
    ApprovalPolicy,
    CallRecord,
    CallResult,
    Catalog,
    ColumnStatus,
    Progress,
    ServerSnapshot,
    ServerStatus,
    ToolInfo,
    Usage,
)
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.registry import ModelRef, Provider
from mcp_tui.runs.approval import ApprovalDesk
from mcp_tui.runs.metrics import PriceOf
from mcp_tui.runs.replay import Replays
from mcp_tui.runs.run import Run
from mcp_tui.runs.run_context import RunContext
from mcp_tui.runs.spec import ColumnSpec, RunSpec
from mcp_tui.runs.spending import Ledger, RunSpending, Spending
from mcp_tui.runs.toolbox import Toolbox
from mcp_tui.store.approvals import KeptApprovals
from tests.builders import Clock, server

DEADLINE_S = 20.0

ScriptItem = ChatEvent | asyncio.Event | float | Exception
"""An event is waited for, a number moves the clock, an exception is raised."""
Script = Sequence[ScriptItem] | Callable[[ChatRequest], Sequence[ScriptItem]]
Handler = Callable[[JsonObject, Callable[[Progress], None]], Awaitable[JsonObject]]


class FakeProvider:
    """Plays one script per request; the last one repeats."""

    def __init__(self, name: str, clock: Clock, *scripts: Script) -> None:
        self.name = name
        self.requests: list[ChatRequest] = []
        self.opened = 0
        self.closed = 0
        self._clock = clock
        self._scripts = scripts
        self._any_opened = asyncio.Event()
        self._any_closed = asyncio.Event()

    async def until_opened(self) -> None:
        await self._any_opened.wait()

    async def until_closed(self) -> None:
        await self._any_closed.wait()

    def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        script = self._scripts[min(len(self.requests), len(self._scripts) - 1)]
        self.requests.append(request)
        return self._play(script(request) if callable(script) else script)

    async def _play(self, script: Sequence[ScriptItem]) -> AsyncGenerator[ChatEvent, None]:
        self.opened += 1
        self._any_opened.set()
        try:
            for item in script:
                if isinstance(item, asyncio.Event):
                    await item.wait()
                elif isinstance(item, float | int):
                    self._clock.now += item
                elif isinstance(item, Exception):
                    raise item
                else:
                    yield item
        finally:
            self.closed += 1
            self._any_closed.set()

    async def list_models(self, *, timeout_s: float = 10.0) -> tuple[str, ...]:
        return ("m",)


class FakeProviders:
    def __init__(self) -> None:
        self.known: dict[str, Provider] = {}
        self.missing_code = "no_key"

    def provider(self, name: str) -> Provider:
        if name not in self.known:
            raise AppError("Missing key", f"provider {name} needs a key", kind=ErrorKind.USAGE, code=self.missing_code)
        return self.known[name]


class FakeServers:
    """Servers whose tools are functions; every call is written down."""

    def __init__(self) -> None:
        self._snapshots: dict[str, ServerSnapshot] = {}
        self._handlers: dict[tuple[str, str], Handler] = {}
        self.calls: list[tuple[str, str, JsonObject]] = []
        self.cancelled: list[tuple[str, str]] = []
        self.check: Callable[[], Awaitable[str]] | None = None
        """Of every result, when it has been handed on."""
        self._any_cancelled = asyncio.Event()

    def add(self, tool: ToolInfo, handler: Handler | None = None) -> ToolInfo:
        before = self._snapshots.get(tool.server) or server(tool.server)
        others = tuple(t for t in before.catalog.tools if t.name != tool.name)
        self._snapshots[tool.server] = replace(before, catalog=Catalog(tools=(*others, tool)))
        self._handlers[(tool.server, tool.name)] = handler or answering("ok")
        return tool

    async def until_cancelled(self) -> None:
        await self._any_cancelled.wait()

    def set_status(self, server: str, status: ServerStatus) -> None:
        self._snapshots[server] = replace(self._snapshots[server], status=status)

    def snapshot(self) -> tuple[ServerSnapshot, ...]:
        return tuple(self._snapshots.values())

    async def call_tool(
        self,
        server: str,
        tool: str,
        arguments: JsonObject,
        *,
        timeout_s: float | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> CallResult:
        self.calls.append((server, tool, arguments))
        try:
            raw = await self._handlers[(server, tool)](arguments, on_progress or (lambda _: None))
        except asyncio.CancelledError:
            self.cancelled.append((server, tool))
            self._any_cancelled.set()
            raise
        return CallResult(raw, duration_ms=5.0, check=self.check)


class Stage:
    """`async with Stage() as stage`: owns the tasks, as the engine does."""

    def __init__(
        self,
        *,
        headless: bool = False,
        price: float | PriceOf | None = None,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        ledger: Ledger | None = None,
        replays: Replays | None = None,
        kept: KeptApprovals | None = None,
        program: str = "program",
    ) -> None:
        """price: of every call, or a function. program: what server `s` runs."""
        self.clock = Clock()
        self.servers = FakeServers()
        self.providers = FakeProviders()
        self.notices: list[ErrorInfo] = []
        self.desk = ApprovalDesk(
            headless=headless, notice=self.notices.append, clock=self.clock, kept=kept, programs={"s": program}
        )
        self.events: list[ColumnEvent] = []
        self._price: PriceOf = price if callable(price) else lambda ref, usage: price
        self.replays = replays
        self.spending = Spending(ledger, limits, self._price, session="s", clock=self.clock)
        self._group = asyncio.TaskGroup()
        self._tasks: list[asyncio.Task[Any]] = []
        self._watchers: list[tuple[Callable[[ColumnEvent], bool], asyncio.Event]] = []
        self._actions: dict[tuple[str, ColumnStatus], Callable[[], None]] = {}
        self._runs = 0

    async def __aenter__(self) -> Stage:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(kind, error, trace)
        await self.desk.saved()

    def model(self, name: str, *scripts: Script) -> FakeProvider:
        provider = FakeProvider(name, self.clock, *scripts)
        self.providers.known[name] = provider
        return provider

    def run(
        self,
        *providers: str,
        approval: ApprovalPolicy = ApprovalPolicy.AUTO,
        tools_off: frozenset[tuple[str, str]] = frozenset(),
        no_tools: bool = False,
        max_steps: int = 12,
        share_results: bool = True,
        time_limit_s: float | None = None,
        max_cost_usd: float | None = None,
        columns: Sequence[ColumnSpec] = (),
        record: Callable[[Callable[[ColumnEvent], None]], Callable[[ColumnEvent], None]] | None = None,
        spending: RunSpending | None = None,
    ) -> Run:
        """A column for each provider, or exactly these columns. record: makes the run's listener of the stage's.
        spending: that of several runs."""
        specs = tuple(columns) or tuple(column(number, name) for number, name in enumerate(providers, 1))
        spec = RunSpec(specs, approval, tools_off, no_tools, max_steps, share_results, time_limit_s, max_cost_usd)
        self._runs += 1

        def context(newest: Callable[[], RunSpec]) -> RunContext:
            return RunContext(
                run_id=f"r{self._runs}",
                servers=self.servers,
                providers=self.providers,
                desk=self.desk,
                toolbox=Toolbox(self.servers),
                spawn=self._spawn,
                spec=newest,
                clock=self.clock,
                price=self._price,
                spending=spending or self.spending.run(f"r{self._runs}", max_cost_usd),
                replays=self.replays,
            )

        return Run(f"r{self._runs}", spec, self._listen if record is None else record(self._listen), context)

    def of(self, column_id: str) -> list[ColumnEvent]:
        return [event for event in self.events if event.column == column_id]

    def statuses(self, column_id: str) -> list[ColumnStatus]:
        return [event.status for event in self.of(column_id) if isinstance(event, StatusChanged)]

    def ending(self, column_id: str) -> StatusChanged:
        return [event for event in self.of(column_id) if isinstance(event, StatusChanged)][-1]

    def records(self, column_id: str) -> list[CallRecord]:
        """The newest record of each call, in order of appearance."""
        newest = {event.call.id: event.call for event in self.of(column_id) if isinstance(event, CallChanged)}
        return list(newest.values())

    async def until(self, seen: Callable[[ColumnEvent], bool]) -> None:
        """Wait for an event, also one that came already."""
        if any(seen(event) for event in self.events):
            return
        happened = asyncio.Event()
        self._watchers.append((seen, happened))
        await within(happened.wait())

    async def until_status(self, column_id: str, status: ColumnStatus) -> None:
        await self.until(lambda e: isinstance(e, StatusChanged) and e.column == column_id and e.status is status)

    def on_status(self, column_id: str, status: ColumnStatus, action: Callable[[], None]) -> None:
        """Do something inside the listener, once."""

        def act() -> None:
            del self._actions[(column_id, status)]
            action()

        self._actions[(column_id, status)] = act

    async def until_pending(self, columns: int, questions: int = 1) -> None:
        """Wait until this many columns stand in this many questions."""
        changed = asyncio.Event()
        undo = self.desk.subscribe(changed.set)

        async def poll() -> None:
            while True:
                pending = self.desk.pending()
                if len(pending) == questions and sum(len(q.columns) for q in pending) == columns:
                    return
                changed.clear()
                await changed.wait()

        try:
            await within(poll())
        finally:
            undo()

    def _listen(self, event: ColumnEvent) -> None:
        self.events.append(event)
        for seen, happened in self._watchers:
            if seen(event):
                happened.set()
        if isinstance(event, StatusChanged) and (action := self._actions.get((event.column, event.status))):
            action()

    def _spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = self._group.create_task(work, name=name)
        self._tasks.append(task)
        return task


async def within(wait: Awaitable[Any]) -> Any:
    async with asyncio.timeout(DEADLINE_S):
        return await wait


def column(number: int, provider: str) -> ColumnSpec:
    return ColumnSpec(f"c{number}", ModelRef(provider, "m"), f"{provider}/m")


def answering(text: str) -> Handler:
    async def handler(arguments: JsonObject, on_progress: Callable[[Progress], None]) -> JsonObject:
        return {"content": [{"type": "text", "text": text}]}

    return handler


def failing(error: Exception) -> Handler:
    async def handler(arguments: JsonObject, on_progress: Callable[[Progress], None]) -> JsonObject:
        raise error

    return handler


class Gate:
    """A tool that waits inside: `entered` says it runs, `open` lets it answer."""

    def __init__(self, text: str = "done") -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()
        self._text = text

    async def __call__(self, arguments: JsonObject, on_progress: Callable[[Progress], None]) -> JsonObject:
        on_progress(Progress(1, 2, "half"))
        self.entered.set()
        await self.open.wait()
        return {"content": [{"type": "text", "text": self._text}]}


def finished(
    text: str = "",
    calls: Sequence[ToolCallBlock] = (),
    stop: StopReason = StopReason.STOP,
    *,
    usage: Usage | None = Usage(10, 5),  # noqa: B008 (frozen)
    error: ErrorInfo | None = None,
    refusal: str = "",
    cost_usd: float | None = None,
) -> Finished:
    blocks = (*((TextBlock(text),) if text else ()), *calls)
    return Finished(
        Message("assistant", blocks),
        stop,
        stop.value,
        usage,
        error=error,
        refusal=refusal,
        cost_usd=cost_usd,
    )


def says(*pieces: str, usage: Usage | None = Usage(10, 5)) -> list[ScriptItem]:  # noqa: B008 (frozen)
    return [*(TextDelta(piece) for piece in pieces), finished("".join(pieces), usage=usage)]


def asks(
    *calls: tuple[str, JsonObject | str], text: str = "", stop: StopReason = StopReason.TOOL_CALLS
) -> list[ScriptItem]:
    """A message that calls tools; arguments given as text are sent raw, and are None unless they parse."""
    items: list[ScriptItem] = [TextDelta(text)] if text else []
    blocks: list[ToolCallBlock] = []
    for key, (name, arguments) in enumerate(calls):
        raw = arguments if isinstance(arguments, str) else json.dumps(arguments)
        items += [ToolCallStarted(key, f"p{key}", name), ToolCallDelta(key, raw)]
        parsed = arguments if not isinstance(arguments, str) else None
        blocks.append(ToolCallBlock(f"p{key}", name, parsed, raw))
    return [*items, finished(text, blocks, stop)]


def result_texts(request: ChatRequest) -> list[str]:
    """The texts of the tool results in the newest message, in order."""
    texts: list[str] = []
    for block in request.messages[-1].blocks:
        content = getattr(block, "content", ())
        texts.append("".join(part.text for part in content if isinstance(part, TextBlock)))
    return texts
