"""An engine without servers, models or network: it records what the screen asks and says what a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from textual.pilot import Pilot
from textual.screen import Screen

from mcp_tui.config.schema import Config
from mcp_tui.core.chat import Message, ModelParams
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.events import (
    CallChanged,
    ColumnEvent,
    MetricsChanged,
    ReasoningAppended,
    StatusChanged,
    StepStarted,
    TextAppended,
    TurnStarted,
)
from mcp_tui.core.state import (
    ApprovalQuestion,
    CallRecord,
    CallStatus,
    Catalog,
    ColumnStatus,
    Decision,
    Metrics,
    PromptArgument,
    RateLimits,
    ServerSnapshot,
    ServerStatus,
    TemplateInfo,
    ToolInfo,
    Usage,
)
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.listing import ListedModel
from mcp_tui.providers.pricing import PriceBook
from mcp_tui.providers.registry import ModelRef, ProviderInfo, ProviderRegistry
from mcp_tui.runs.engine import Engine
from mcp_tui.runs.lineup import columns_for
from mcp_tui.runs.model_catalog import ModelCatalog
from mcp_tui.runs.model_names import ModelNames
from mcp_tui.runs.saved import Continuation
from mcp_tui.runs.spec import Attachment, ColumnSpec, RunSpec
from mcp_tui.sessions.wirelog.log import WireLog
from mcp_tui.ui import app as app_module
from mcp_tui.ui.app import McpTuiApp
from mcp_tui.ui.bridge import DashboardOptions
from mcp_tui.ui.compare.prompt_history import PromptHistory
from mcp_tui.ui.compare.screen import CompareScreen
from mcp_tui.ui.messages import ItemChosen, RunStateChanged
from tests.builders import DESTROY, READ, WRITE, Clock, prompt, resource, server, tool
from tests.ui.stage import screen_text


def example_servers(github: ServerStatus = ServerStatus.READY) -> tuple[ServerSnapshot, ...]:
    """fs, db and time ready, github as told, slack off."""
    fs = Catalog(
        tools=(
            tool("read_file", "fs", READ, tokens=120, description="Read one file as text"),
            tool("list_directory", "fs", READ, tokens=84, description="Names and sizes in a folder"),
            tool("write_file", "fs", WRITE, tokens=140, description="Write a file, replacing what was there"),
            tool("move_file", "fs", DESTROY, tokens=110, description="Move or rename a file"),
            tool("search_files", "fs", READ, tokens=131, description="Find files by a pattern"),
        ),
        resources=(
            resource("fs", "file:///logs/error.log", "logs/error.log", 20_480),
            resource("fs", "file:///logs/access.log", "logs/access.log", 1_204_000),
            resource("fs", "file:///README.md", "README.md", 4_100),
        ),
        templates=(TemplateInfo("fs", "file:///{path}", "file", "Any file", "", None, {}),),
        prompts=(prompt("fs", "summarise", PromptArgument("path", "path", "Which file", True)),),
    )
    db = Catalog(
        tools=(
            tool("query", "db", READ, tokens=96, description="Run one SELECT statement"),
            tool("explain", "db", READ, tokens=77, description="The plan of a query"),
            tool("execute", "db", DESTROY, tokens=104, description="Run a statement that changes data"),
        ),
        resources=(resource("db", "db://schema", "schema", 2_300),),
        prompts=(prompt("db", "review", description="Review the schema"),),
    )
    clock = Catalog(
        tools=(
            tool("get_current_time", "time", READ, tokens=88, description="The time in a zone"),
            tool("convert_time", "time", READ, tokens=131, description="The same moment in another zone"),
        )
    )
    hub = Catalog(
        tools=(tool("create_issue", "github", WRITE, tokens=210), tool("search_code", "github", READ, tokens=180)),
    )
    refused = ErrorInfo(
        "github ended", "exit code 1: GITHUB_TOKEN is not set", "set GITHUB_TOKEN", ErrorKind.UNREACHABLE
    )
    waits = github is not ServerStatus.READY
    return (
        server("fs", catalog=fs),
        server("db", catalog=db, latency_ms=12.0),
        server("time", catalog=clock, latency_ms=1.0),
        server(
            "github",
            github,
            hub,
            attempt=2 if waits else 0,
            retry_at=1004.0 if waits else None,
            reason=refused if waits else None,
            latency_ms=81.0,
        ),
        server("slack", ServerStatus.DISABLED),
    )


class FakeManager:
    def __init__(self) -> None:
        self.retried: list[str] = []
        self.enabled: list[tuple[str, bool]] = []
        self.signed: list[tuple[str, str]] = []
        """(what, server): in, cancel, out."""
        self.finished: list[tuple[str, str]] = []
        """(server, address) of sign-ins that were finished by hand."""
        self.waiting: dict[str, str] = {}
        """server -> the URL its sign-in waits at."""
        self.read: list[tuple[str, str]] = []
        self.prompted: list[tuple[str, str, dict[str, str]]] = []
        self.resources: dict[tuple[str, str], JsonObject | AppError] = {}
        self.prompt_result: JsonObject | AppError = {}
        self.completions: tuple[str, ...] = ()
        self.gate: asyncio.Event | None = None
        """Set: reads and prompts wait for it."""
        self.wire_log = WireLog(Path("no-such-folder"))

    def retry(self, name: str) -> None:
        self.retried.append(name)

    def set_enabled(self, name: str, enabled: bool) -> None:
        self.enabled.append((name, enabled))

    def server(self, name: str) -> ServerSnapshot:
        return replace(server(name), sign_in_url=self.waiting.get(name, ""))

    def sign_in(self, name: str) -> None:
        self.signed.append(("in", name))

    def cancel_sign_in(self, name: str) -> None:
        self.signed.append(("cancel", name))

    def finish_sign_in(self, name: str, address: str) -> bool:
        self.finished.append((name, address))
        return True

    async def sign_out(self, name: str) -> None:
        self.signed.append(("out", name))

    async def read_resource(
        self, server: str, uri: str, *, timeout_s: float | None = None, cached: bool = False
    ) -> JsonObject:
        assert timeout_s is not None, "every wait has a deadline"
        self.read.append((server, uri))
        if self.gate is not None:
            await self.gate.wait()
        result = self.resources[server, uri]
        if isinstance(result, AppError):
            raise result
        return result

    async def get_prompt(
        self, server: str, name: str, arguments: Mapping[str, str], *, timeout_s: float | None = None
    ) -> JsonObject:
        assert timeout_s is not None, "every wait has a deadline"
        self.prompted.append((server, name, dict(arguments)))
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(self.prompt_result, AppError):
            raise self.prompt_result
        return self.prompt_result

    async def complete(
        self, server: str, ref: JsonObject, argument: tuple[str, str], context: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        return self.completions


class FakeRegistry:
    def __init__(self) -> None:
        self.infos = (
            ProviderInfo("openai", "openai-chat", "https://o.example/v1", "OPENAI_API_KEY", True, False, ("gpt-mini",)),
            ProviderInfo("groq", "openai-chat", "https://g.example/v1", "", False, False, ("llama",)),
        )
        self.not_taken: tuple[str, ...] = ()
        self.started: tuple[ProviderInfo, ...] = ()
        """Local servers that the next search finds."""
        self.offered: dict[str, tuple[str, ...] | AppError] = {"openai": ("gpt-mini", "gpt-large")}

    def providers(self) -> tuple[ProviderInfo, ...]:
        return self.infos

    async def listed(self, name: str, *, timeout_s: float = 10.0) -> tuple[ListedModel, ...]:
        found = self.offered[name]
        if isinstance(found, AppError):
            raise found
        return tuple(ListedModel(model) for model in found)

    def address(self, ref: ModelRef) -> str:
        return ref.provider

    async def detect_local(self, *, timeout_s: float = 0.7) -> tuple[str, ...]:
        self.infos += self.started
        found, self.started = self.started, ()
        return tuple(info.name for info in found)

    def charges_nothing(self, name: str) -> bool:
        return False

    def unsent(self, ref: ModelRef, params: ModelParams) -> tuple[str, ...]:
        return tuple(name for name in self.not_taken if getattr(params, name) not in (None, ()))

    def resolve(self, text: str, *, usable: bool = True) -> ModelRef:
        provider, _, model = text.partition("/")
        info = next((info for info in self.infos if info.name == provider), None)
        if info is None:
            raise AppError("Unknown provider", provider, "known: openai, groq", kind=ErrorKind.USAGE)
        if usable and not info.available:
            raise AppError("No key", f"{provider} needs a key", "set GROQ_API_KEY", kind=ErrorKind.AUTH)
        return ModelRef(provider, model)


class FakeDesk:
    def __init__(self) -> None:
        self.answers: list[tuple[str, Decision, JsonObject | None]] = []

    def answer(self, question_id: str, decision: Decision, *, arguments: JsonObject | None = None) -> None:
        self.answers.append((question_id, decision, arguments))


class FakeRun:
    """Live from a send until the test ends the columns."""

    def __init__(self, spec: RunSpec, listener: Callable[[ColumnEvent], None]) -> None:
        self.spec = spec
        self._listener = listener
        self.sent: list[tuple[str, tuple[Attachment, ...], tuple[str, ...] | None]] = []
        self.cancelled: list[str | None] = []
        self.retried: list[str] = []
        self.set: list[ColumnSpec] = []
        self.limits: RateLimits | None = None
        self.states = {column.id: ColumnStatus.IDLE for column in spec.columns}
        self.figures = {column.id: Metrics() for column in spec.columns}
        self.answers = {column.id: "" for column in spec.columns}
        self.configured: list[frozenset[tuple[str, str]] | None] = []
        self.sent_again: list[tuple[str, Message]] = []
        self.continued: Continuation | None = None

    def send(
        self, prompt: str, attachments: Sequence[Attachment] = (), *, columns: Sequence[str] | None = None
    ) -> None:
        self.sent.append((prompt, tuple(attachments), None if columns is None else tuple(columns)))
        for column in self.states if columns is None else columns:
            self.tell(TurnStarted(column, len(self.sent), prompt))
            self.state(column, ColumnStatus.CONNECTING)

    def send_again(self, prompt: str, message: Message) -> None:
        self.sent_again.append((prompt, message))
        self.send(prompt)

    def tell(self, *events: ColumnEvent) -> None:
        for event in events:
            if isinstance(event, TextAppended):
                self.answers[event.column] += event.text
            self._listener(event)

    def state(self, column: str, status: ColumnStatus, error: ErrorInfo | None = None) -> None:
        self.states[column] = status
        self.tell(StatusChanged(column, status, error))

    def measure(self, column: str, metrics: Metrics) -> None:
        self.figures[column] = metrics
        self.tell(MetricsChanged(column, metrics))

    def finish(self, column: str, text: str, metrics: Metrics | None = None) -> None:
        self.state(column, ColumnStatus.STREAMING)
        self.tell(TextAppended(column, text))
        self.measure(column, metrics or Metrics())
        self.state(column, ColumnStatus.DONE)

    def cancel(self, column: str | None = None) -> None:
        self.cancelled.append(column)

    def retry(self, column: str) -> None:
        self.retried.append(column)

    def set_column(self, column: ColumnSpec) -> None:
        self.set.append(column)

    def rate_limits(self, column: str) -> RateLimits | None:
        return self.limits

    def add_column(self, column: ColumnSpec) -> None:
        self.states[column.id] = ColumnStatus.IDLE
        self.figures[column.id] = Metrics()
        self.answers[column.id] = ""

    def remove_column(self, column: str) -> None:
        del self.states[column]

    def configure(self, *, tools_off: frozenset[tuple[str, str]] | None = None) -> None:
        self.configured.append(tools_off)

    def status(self, column: str) -> ColumnStatus:
        return self.states[column]

    def metrics(self, column: str) -> Metrics:
        return self.figures[column]

    def answer_text(self, column: str) -> str:
        return self.answers[column]

    @property
    def live(self) -> bool:
        return any(not status.ended for status in self.states.values())


class FakeEngine:
    def __init__(self, labels: Sequence[str] = ("anthropic/claude-sonnet", "openai/gpt-mini", "groq/llama")) -> None:
        self.config = Config()
        self.manager = FakeManager()
        self.registry = FakeRegistry()
        self.prices = PriceBook()
        registry = cast("ProviderRegistry", self.registry)
        self.models = ModelCatalog(lambda: registry, lambda: self.prices, None)
        self.approvals = FakeDesk()
        self.demo_models = False
        self.demo_server = False
        self.labels = labels
        self.problem: AppError | None = None
        self.found_late = False
        """Looking for local servers solves the problem."""
        self.runs: list[FakeRun] = []
        self.emptied = 0

    def default_columns(self, models: Sequence[str] = ()) -> tuple[ColumnSpec, ...]:
        if self.problem is not None and not models:
            raise self.problem
        if models:
            names = ModelNames(self.config, cast("ProviderRegistry", self.registry))
            return columns_for(names.select(models), self.config.defaults.system)
        return tuple(
            ColumnSpec(f"c{number}", ModelRef(*label.split("/", 1)), label, ModelParams())
            for number, label in enumerate(self.labels, 1)
        )

    async def local_models_known(self) -> None:
        await self.registry.detect_local()
        if self.found_late:
            self.problem = None

    async def empty_response_cache(self) -> int:
        self.emptied += 1
        return 3

    def tool_tax(self, tools_off: frozenset[tuple[str, str]]) -> int:
        return 1200

    def start_run(
        self, spec: RunSpec, listener: Callable[[ColumnEvent], None], *, continued: Continuation | None = None
    ) -> FakeRun:
        self.runs.append(FakeRun(spec, listener))
        self.runs[-1].continued = continued
        return self.runs[-1]

    @property
    def run(self) -> FakeRun:
        return self.runs[-1]


class Stage:
    """A running dashboard on a fake engine."""

    def __init__(self, app: McpTuiApp, pilot: Pilot[Any], engine: FakeEngine, clock: Clock) -> None:
        self.app = app
        self.pilot = pilot
        self.engine = engine
        self.clock = clock
        self.chosen: list[tuple[str, str, str]] = []
        """What was to be opened in the Workbench: (server, kind, name)."""
        self.heard: list[RunStateChanged] = []
        """What the header was told."""

    @property
    def screen(self) -> CompareScreen:
        found = next(screen for screen in self.app.screen_stack if isinstance(screen, CompareScreen))
        return found

    @property
    def top(self) -> Screen[Any]:
        return cast("Screen[Any]", self.app.screen)

    async def settle(self) -> None:
        """Workers done (except those a test holds back), messages handled, layout up to date."""
        for _ in range(3):
            await self.pilot.pause()

    async def work_done(self) -> None:
        """Every worker ended, and what it said is on the screen."""
        workers = cast("Any", self.app.workers)
        await asyncio.wait_for(workers.wait_for_complete(), 20)
        await self.settle()

    async def servers(self, servers: tuple[ServerSnapshot, ...]) -> None:
        self.app.servers_changed(servers)
        await self.settle()

    async def questions(self, *questions: ApprovalQuestion) -> None:
        self.app.questions_changed(questions)
        await self.settle()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def type(self, text: str) -> None:
        names = {" ": "space", "\n": "ctrl+j", "/": "slash", "@": "at", ":": "colon", ".": "full_stop", "-": "minus"}
        names |= {"?": "question_mark", "=": "equals_sign", "|": "vertical_line"}
        for character in text:
            await self.pilot.press(names.get(character, character))
        await self.settle()

    async def send(self, text: str) -> FakeRun:
        self.screen.prompt_pane.set_text(text)
        self.screen.prompt_pane.editor.focus()
        await self.settle()
        await self.press("enter")
        return self.engine.run

    def prompt_note(self) -> str:
        note = self.screen.prompt_pane.note
        return str(note.render()) if note.display else ""

    def shown(self) -> str:
        return screen_text(self.app)


class _FakeBridge:
    """Stands where the app would start the engine."""

    def __init__(self, options: DashboardOptions, app: McpTuiApp) -> None: ...

    def start(self) -> None: ...

    async def stop(self) -> None: ...


Attach = Callable[[Pilot[Any]], Awaitable[Stage]]


@contextmanager
def staged(
    engine: FakeEngine | None = None,
    *,
    theme: str = "",
    servers: tuple[ServerSnapshot, ...] | None = None,
    ready: bool = True,
    history: PromptHistory | None = None,
) -> Generator[tuple[McpTuiApp, Attach]]:
    """The app, not yet running, and what to call with the pilot once it does."""
    engine = engine or FakeEngine()
    clock = Clock()
    keep = app_module.EngineBridge
    chosen: list[tuple[str, str, str]] = []
    heard: list[RunStateChanged] = []

    class StagedApp(McpTuiApp):
        MODES = {
            **McpTuiApp.MODES,
            "compare": lambda: CompareScreen(clock=clock, history=history or PromptHistory(None)),
        }

        async def on_item_chosen(self, message: ItemChosen) -> None:
            # Recorded instead of shown: the Workbench has its own tests.
            message.prevent_default()
            chosen.append((message.server, message.kind, message.name))

        def on_run_state_changed(self, message: RunStateChanged) -> None:
            heard.append(message)

    async def attach(pilot: Pilot[Any]) -> Stage:
        await pilot.pause()
        found = Stage(app, pilot, engine, clock)
        found.chosen, found.heard = chosen, heard
        if ready:
            app.engine_ready(cast("Engine", engine))
            await found.settle()
            await found.servers(example_servers() if servers is None else servers)
        return found

    app_module.EngineBridge = cast("Any", _FakeBridge)
    try:
        app = StagedApp(DashboardOptions(theme=theme))
        yield app, attach
    finally:
        app_module.EngineBridge = keep


@asynccontextmanager
async def stage(
    engine: FakeEngine | None = None,
    *,
    size: tuple[int, int] = (160, 45),
    theme: str = "",
    servers: tuple[ServerSnapshot, ...] | None = None,
    ready: bool = True,
    history: PromptHistory | None = None,
    notifications: bool = False,
) -> AsyncGenerator[Stage]:
    with staged(engine, theme=theme, servers=servers, ready=ready, history=history) as (app, attach):
        async with app.run_test(size=size, notifications=notifications) as pilot:
            yield await attach(pilot)


def question(
    number: int = 1, *columns: str, arguments: JsonObject | None = None, of: ToolInfo | None = None
) -> ApprovalQuestion:
    if arguments is None:
        arguments = {"sql": "update jobs set retry = true where id = 4711", "dry_run": False}
    return ApprovalQuestion(
        f"q{number}", of or tool("execute", "db", DESTROY), arguments, columns or ("groq/llama",), 1000.0
    )


ANSWER = """The job failed because the **session table** was locked:

1. `cleanup` started at 02:00
2. the export waited 30 s for it
3. the pool ran dry

```python
with engine.begin() as c:
    c.execute(text("set lock_timeout='5s'"))
```

Raise the pool or move the cleanup to 04:00.
"""
SECOND = """## Findings

| time | event |
|------|-------|
| 02:00 | cleanup locks `user_sessions` |
| 02:00:31 | export times out |

> lock wait timeout exceeded

The nightly job and the cleanup **collide**. Schedule cleanup at 04:00.
"""


def figures(ttft_ms: float, speed: float, cost: float) -> Metrics:
    return Metrics(Usage(1204, 310), False, cost, False, ttft_ms, 3100.0, speed, 2, 1, 2)


def call(
    identity: str, server_name: str, name: str, arguments: JsonObject, status: CallStatus, **more: Any
) -> CallRecord:
    return CallRecord(identity, 1, server_name, name, arguments, "", status, **more)


def play(run: FakeRun, until: str) -> None:
    """The example conversation up to `streaming`, `approval`, `finished` or `errors`."""
    read = call("a", "fs", "read_file", {"path": "logs/error.log"}, CallStatus.OK, duration_ms=12.0, result={})
    query = call("b", "db", "query", {"sql": "select * from jobs"}, CallStatus.OK, duration_ms=31.0, result={})
    for column in ("c1", "c2", "c3"):
        run.tell(StepStarted(column, 1))
        run.state(column, ColumnStatus.STREAMING)
    run.tell(ReasoningAppended("c1", "The log first."), TextAppended("c1", "I will read the log first.\n\n"))
    run.tell(CallChanged("c1", read), CallChanged("c1", query), StepStarted("c1", 2), TextAppended("c1", ANSWER))
    shared = call(
        "a", "fs", "read_file", {"path": "logs/error.log"}, CallStatus.OK, duration_ms=12.0, shared=True, result={}
    )
    run.tell(CallChanged("c2", shared), StepStarted("c2", 2), TextAppended("c2", SECOND))
    run.measure("c1", figures(410, 83, 0.0061))
    run.measure("c2", figures(380, 120, 0.0020))
    run.tell(CallChanged("c3", shared))
    if until == "streaming":
        return
    run.state("c2", ColumnStatus.DONE)
    if until == "approval":
        asked = call("b", "db", "execute", {"sql": "update jobs set retry = true where id = 4711"}, CallStatus.WAITING)
        run.tell(CallChanged("c3", asked))
        run.state("c3", ColumnStatus.APPROVAL)
        return
    if until == "errors":
        detail = ErrorInfo(
            "groq refused", "429: rate limit reached", "wait a minute, or choose another model", code="http_429"
        )
        run.state("c3", ColumnStatus.ERROR, detail)
        cut = ErrorInfo("Answer cut", "the connection ended in the middle", "retry with r")
        run.state("c1", ColumnStatus.INCOMPLETE, cut)
        return
    run.tell(StepStarted("c3", 2), TextAppended("c3", "Lock contention at 02:00. Move the cleanup job."))
    run.measure("c3", figures(120, 410, 0.0004))
    run.state("c3", ColumnStatus.DONE)
    run.state("c1", ColumnStatus.DONE)
