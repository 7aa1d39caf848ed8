"""The engine: sessions, providers and runs together. One per process; both faces use it.

Importing this module imports neither mcp nor httpx: entering the engine does.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import importlib
import itertools
import logging
import sys
import time
import uuid
import weakref
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from mcp_tui.config import paths
from mcp_tui.config.schema import Config, Origin, ProviderSpec, ServerSpec
from mcp_tui.core.errors import AppError, ErrorInfo
from mcp_tui.core.events import ColumnEvent
from mcp_tui.core.state import ServerSnapshot, Usage
from mcp_tui.providers.pricing import PriceBook
from mcp_tui.providers.registry import DEMO, ModelRef, ProviderRegistry
from mcp_tui.runs.approval import ApprovalDesk, program_of
from mcp_tui.runs.lineup import columns_for, default_selections, usable_providers
from mcp_tui.runs.metrics import table_price
from mcp_tui.runs.model_catalog import ModelCatalog
from mcp_tui.runs.replay import Replays
from mcp_tui.runs.run import Run
from mcp_tui.runs.run_context import RunContext
from mcp_tui.runs.sampling import Sampler, run_of
from mcp_tui.runs.spec import Attachment, ColumnSpec, EngineOptions, RunSpec, is_on
from mcp_tui.runs.spending import RunSpending, Spending
from mcp_tui.runs.stores import Stores
from mcp_tui.runs.toolbox import Toolbox
from mcp_tui.sessions.manager import Reconfigured, SessionManager
from mcp_tui.sessions.request_desk import RequestDesk
from mcp_tui.store.approvals import KeptApprovals
from mcp_tui.store.usage import UsageLedger

if TYPE_CHECKING:
    from mcp_tui.runs.saved import Continuation

__all__ = [
    "ApprovalDesk",
    "Attachment",
    "ColumnSpec",
    "Engine",
    "EngineOptions",
    "Run",
    "RunSpec",
]

DEMO_SERVER = ServerSpec(
    name="demo",
    origin=Origin("demo"),
    command=sys.executable,
    args=("-m", "mcp_tui.servers.demo"),
    trusted=True,
)

_DASHBOARD = EngineOptions()

logger = logging.getLogger(__name__)


class Engine:
    """`async with Engine(config, options, environ=os.environ) as engine`: enter and exit in the same task.

    Before it is entered, `servers()` and `registry` tell what is configured, and nothing is started. Entering looks
    for model servers on this machine, and only then settles what of the demo is needed; it does not wait for servers.
    """

    config: Config
    options: EngineOptions
    manager: SessionManager
    registry: ProviderRegistry
    approvals: ApprovalDesk
    demo_models: bool
    """The demo models are offered (no usable provider was found, or --demo)."""
    demo_server: bool

    def __init__(
        self,
        config: Config,
        options: EngineOptions = _DASHBOARD,
        *,
        environ: Mapping[str, str],
        notice: Callable[[ErrorInfo], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config
        self.options = options
        self._environ = dict(environ)
        self._clock = clock
        self._stored_keys: Mapping[str, str] = {}
        self.registry = self._new_registry(None)
        self.requests = RequestDesk(clock=clock)
        """What servers ask of the person. Headless nothing waits there."""
        self._settle_demo()
        trusted = {spec.name for spec in self._server_specs() if spec.trusted}
        self.approvals = ApprovalDesk(
            headless=options.headless,
            notice=notice,
            clock=clock,
            trusted=trusted,
            kept=KeptApprovals(paths.state_dir() / "approvals.json"),
            programs={spec.name: program_of(spec) for spec in self._server_specs()},
        )
        self._run_ids = itertools.count(1)
        self._left: contextlib.AsyncExitStack | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._looking: asyncio.Task[Any] | None = None
        """For model servers on this machine, beside everything else."""
        self._demo_base_url: str | None = None
        self._retired: list[ProviderRegistry] = []
        """Registries of earlier configurations; conversations may still use them."""
        self._stores = Stores(config.limits, notice)
        self._session = uuid.uuid4().hex[:8]
        self.models = ModelCatalog(
            lambda: self.registry, lambda: self.prices, None if options.demo else paths.cache_dir() / "models.json"
        )
        self._spendings: weakref.WeakValueDictionary[str, RunSpending] = weakref.WeakValueDictionary()
        """Of the runs that still live, by id."""
        self.sampler = Sampler(lambda: self.registry, self._sampling_spending, self._price, clock=clock)
        self._take_prices()

    async def __aenter__(self) -> Engine:
        async with contextlib.AsyncExitStack() as stack:
            self._stores.attend()
            stack.push_async_callback(self._stores.aclose)
            stack.push_async_callback(self.approvals.saved)
            # Connecting takes longest: it starts first and goes on beside everything below. Only where the
            # demo server may be needed, that is known after looking for local models.
            undecided = self.demo_server and not self.options.demo
            if not undecided:
                await stack.enter_async_context(self.manager)
            await self._take_stored_keys(keep_manager=not undecided)
            await asyncio.to_thread(_warm_up)
            await self.models.load()
            if self.demo_models and not self.options.demo:
                await self.registry.detect_local()
                self._settle_demo(keep_manager=not undecided)
            if undecided:
                await stack.enter_async_context(self.manager)
            if self.demo_models:
                await self._start_demo_models(stack)
            stack.push_async_callback(self._close_registry)
            self._tasks = await asyncio.TaskGroup().__aenter__()
            # Left without the error of the block: a TaskGroup would wrap it, and the caller awaits an AppError.
            stack.push_async_callback(self._tasks.__aexit__, None, None, None)
            if not self.demo_models:
                self._looking = self._spawn(self._look_for_local_models(), "local models")
            self._left = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stack, self._left, self._tasks = self._left, None, None
        for task in tuple(self._running):
            task.cancel()
        if stack is not None:
            await stack.__aexit__(kind, error, trace)

    def servers(self) -> tuple[ServerSnapshot, ...]:
        return self.manager.snapshot()

    def default_columns(self, models: Sequence[str] = (), *, system: str | None = None) -> tuple[ColumnSpec, ...]:
        """Columns for these model names, else the config's, else one per available provider (up to three),
        else the demo models. AppError (usage) names what is wrong. system: instead of the config's."""
        selections = default_selections(models, self.config, self.registry, demo_only=self.options.demo)
        return columns_for(selections, self.config.defaults.system if system is None else system)

    async def local_models_known(self) -> None:
        """Until the search for model servers on this machine is over: less than a second."""
        if self._looking is not None:
            await asyncio.wait((self._looking,))

    @property
    def ledger(self) -> UsageLedger:
        """What model calls used, of all engines of this person."""
        return self._stores.ledger

    def start_run(
        self,
        spec: RunSpec,
        listener: Callable[[ColumnEvent], None],
        *,
        continued: Continuation | None = None,
        spending: RunSpending | None = None,
        source: str = "",
    ) -> Run:
        """A run that waits for its first send(). AppError (usage) when the spec makes no sense.

        continued: a saved conversation that goes on in it. spending: of several runs under one limit, instead of
        its own. source: who asks, for the history.
        """
        use_cache = self.config.defaults.cache if spec.use_cache is None else spec.use_cache
        replays = self._replays() if use_cache else None

        run_id = f"r{next(self._run_ids)}"
        spending = spending or self.spending.run(run_id, spec.max_cost_usd)
        self._spendings[run_id] = spending

        def context(newest: Callable[[], RunSpec]) -> RunContext:
            return RunContext(
                run_id=run_id,
                servers=self.manager,
                providers=self.registry,
                desk=self.approvals,
                toolbox=Toolbox(self.manager),
                spawn=self._spawn,
                spec=newest,
                clock=self._clock,
                price=self._price,
                spending=spending,
                replays=replays,
            )

        recorder = None
        if self.config.defaults.history:
            source = source or ("compare" if self.options.headless else "dashboard")
            recorder = self._stores.recorder(listener, source=source, clock=self._clock, continued=continued)
        run = Run(run_id, spec, recorder or listener, context)
        if continued is not None:
            run.take_over([(prompt.text, prompt.message) for prompt in continued.prompts], continued.turns)
        if recorder is not None:
            recorder.attach(run)
        return run

    def reconfigure(self, config: Config) -> Reconfigured:
        """Take over a new configuration while everything runs: servers that did not change notice nothing.

        Providers and defaults count for what starts from now on; conversations that began keep theirs. With
        `--demo` there is nothing to take over.
        """
        before, self.config = self.config, config
        self._take_prices()
        if self.options.demo:
            return Reconfigured()
        if _without_origins(config.providers) != _without_origins(before.providers):
            self._retired.append(self.registry)
            self.registry = self._new_registry(self._demo_base_url)
            self.registry.use_stored_keys(self._stored_keys)
            if self._tasks is not None:
                self._looking = self._spawn(self._look_for_local_models(), "local models")
        self.demo_server = self.demo_models and not config.servers and not self.options.models_only
        specs = self._server_specs()
        outcome = self.manager.reconfigure(specs)
        trusted = {spec.name for spec in specs if spec.trusted}
        programs = {spec.name: program_of(spec) for spec in specs}
        self.approvals.servers_changed(trusted, {*outcome.removed, *outcome.changed}, programs)
        return outcome

    async def empty_response_cache(self) -> int:
        """The number of answers forgotten. AppError when the file cannot be written."""
        return await self._stores.empty_responses()

    def tool_tax(self, tools_off: frozenset[tuple[str, str]]) -> int:
        """Estimated tokens the offered tools add to every request."""
        return sum(
            tool.token_estimate
            for server in self.manager.snapshot()
            if server.status.usable
            for tool in server.catalog.tools
            if is_on(tools_off, server.name, tool.name)
        )

    def _new_registry(self, demo_base_url: str | None) -> ProviderRegistry:
        if self.options.demo:
            return ProviderRegistry((), {}, demo_base_url=demo_base_url)
        return ProviderRegistry(self.config.providers, self._environ, demo_base_url=demo_base_url)

    def _settle_demo(self, *, keep_manager: bool = False) -> None:
        """Decide what of the demo is needed, by what is known of the providers now."""
        usable = usable_providers(self.registry.providers())
        stands_in = not usable and not self.options.models_only
        self.demo_models = self.options.demo or stands_in
        self.demo_server = not self.options.models_only and (
            self.options.demo or (stands_in and not self.config.servers)
        )
        if not keep_manager:
            answering = self.options.answering if self.options.headless else self.requests.answering()
            self.manager = SessionManager(self._server_specs(), answering=answering)

    def _server_specs(self) -> tuple[ServerSpec, ...]:
        if self.options.models_only:
            return ()
        return (DEMO_SERVER,) if self.demo_server else self.config.servers

    def _take_prices(self) -> None:
        """Prices and limits of the configuration count for what starts from now on."""
        self.prices = PriceBook(self.config.prices)
        self._stores.limits = self.config.limits
        self.spending = Spending(
            self._stores.ledger,
            self.config.limits,
            self._price,
            session=self._session,
            charges_nothing=lambda provider: self.registry.charges_nothing(provider),
            clock=self._clock,
        )

    async def _take_stored_keys(self, *, keep_manager: bool) -> None:
        """Keys from the keyring join those of the configuration and the environment."""
        if self.options.demo:
            return
        self._stored_keys = await self._stores.provider_keys()
        if self._stored_keys:
            self.registry.use_stored_keys(self._stored_keys)
            self._settle_demo(keep_manager=keep_manager)

    def _sampling_spending(self, origin: str) -> RunSpending:
        """Under the limit of the run whose call a server asks for, else one of its own."""
        of_run = self._spendings.get(run_of(origin))
        return of_run if of_run is not None else self.spending.run(f"s{next(self._run_ids)}")

    def _price(self, ref: ModelRef, usage: Usage) -> float | None:
        """Demo models cost nothing real."""
        return None if ref.provider == DEMO else self.prices.cost_usd(ref, usage)

    def _replays(self) -> Replays:
        return Replays(self._stores.responses(), lambda ref: self.registry.address(ref))

    async def _look_for_local_models(self) -> None:
        """They join what can be chosen; nothing waits for them."""
        try:
            await self.registry.detect_local()
        except Exception:
            logger.exception("looking for local model servers failed")

    async def _start_demo_models(self, stack: contextlib.AsyncExitStack) -> None:
        from mcp_tui.demo.models import DemoModels

        models = await stack.enter_async_context(DemoModels(speed=self.options.demo_speed))
        await self.registry.aclose()
        self._demo_base_url = models.base_url
        self.registry = self._new_registry(models.base_url)
        self.registry.use_stored_keys(self._stored_keys)

    async def _close_registry(self) -> None:
        for registry in (*self._retired, self.registry):
            await registry.aclose()

    def _spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        if self._tasks is None:
            work.close()
            raise AppError("Engine is closed", "runs live only while it is entered", code="closed")
        task = self._tasks.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task


def _without_origins(specs: Sequence[ProviderSpec]) -> list[ProviderSpec]:
    """What they say, wherever it stands."""
    return [dataclasses.replace(spec, origin=Origin("")) for spec in specs]


def _warm_up() -> None:
    """In a thread while the servers connect: what the first model call would hold up the loop with."""
    importlib.import_module("mcp_tui.providers.building")
    importlib.import_module("mcp_tui.providers.routed")
    # The first question loads the price table.
    table_price(ModelRef("openai", "gpt-5"), Usage(1, 1))
