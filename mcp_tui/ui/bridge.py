"""Between the engine and the screens: starts it after the first frame, hands its changes on, ends it.

The engine lives in one task of its own, which enters and leaves it.

News goes one way, and each step knows only the next:

    engine     says that something changed, once per burst; runs tell their listener the events of a column
    bridge     reads the whole picture and hands it to the app (`Hearer`); after exit it tells nothing more
    app        keeps the newest picture, draws the header, and hands it to every mode's screen (`ModeScreen`); a screen
               that is built later gets what is kept
    screen     hands it to its panes, and to the parts that act on them
    pane       draws it

Everything is a level, never an edge: a picture says how it is now, not what happened, so that one which is left out
or comes twice does no harm, and a flood of changes costs one update per frame. Under the same name a method does the
same on every step: `engine_ready`, `engine_failed`, `servers_changed`, `questions_changed`, `requests_changed`.

What a person does goes the other way as messages, past every screen between: those of a pane are for the screen it
stands on, those in `messages` for the app.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.ui import garbage_collection as collecting

if TYPE_CHECKING:
    from mcp_tui.config.inputs import Answers
    from mcp_tui.config.schema import Config, InputSpec
    from mcp_tui.config.watch import ConfigWatch
    from mcp_tui.core.server_requests import ServerRequest
    from mcp_tui.core.state import ApprovalQuestion, ServerSnapshot
    from mcp_tui.runs.engine import Engine

logger = logging.getLogger(__name__)

_News = TypeVar("_News")


@dataclass(frozen=True, slots=True)
class DashboardOptions:
    """What the command line said. demo_speed: 0 = the demo models answer without delays (tests)."""

    config_files: tuple[Path, ...] = ()
    servers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    demo: bool = False
    theme: str = ""
    demo_speed: float = 1.0
    watch_interval_s: float = 1.0
    """How often changed configuration files are looked for."""


class Hearer(Protocol):
    """The app, as the bridge knows it: called on the event loop, with whole pictures."""

    @property
    def is_running(self) -> bool: ...

    def engine_ready(self, engine: Engine) -> None: ...
    def engine_failed(self, info: ErrorInfo) -> None: ...
    def config_loaded(self, config: Config) -> None: ...
    def servers_changed(self, servers: tuple[ServerSnapshot, ...]) -> None: ...
    def questions_changed(self, questions: tuple[ApprovalQuestion, ...]) -> None:
        """The calls that wait for approval, oldest first."""

    def requests_changed(self, requests: tuple[ServerRequest, ...]) -> None:
        """What servers ask of the person and nobody has answered, oldest first."""

    def warned(self, problem: ErrorInfo) -> None:
        """A changed file cannot be used, or a file of ours; everything goes on without it."""

    async def ask_for_input(self, wanted: InputSpec) -> str | None:
        """Answers an input of the configuration; None: the person would not say."""
        ...


class EngineBridge:
    """Owns the engine's task. `start` once, `stop` any number of times."""

    def __init__(self, options: DashboardOptions, app: Hearer) -> None:
        self._options = options
        self._app = app
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._answers: Answers | None = None
        self._watching: ConfigWatch | None = None
        self._noticed: set[ErrorInfo] = set()
        self._asking = asyncio.Lock()
        """One question at a time, also when the configuration changes meanwhile."""

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="engine")

    async def stop(self, *, timeout_s: float = 12.0) -> None:
        """Leave the engine: columns stop, children end. Returns at the deadline at the latest."""
        self._stop.set()
        if self._task is None:
            return
        done, _ = await asyncio.wait({self._task}, timeout=timeout_s)
        if not done:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=2.0)

    async def _run(self) -> None:
        try:
            await self._serve()
        except AppError as error:
            self._failed(error.info)
        except Exception as error:
            logger.exception("The engine ended unexpectedly")
            detail = f"{type(error).__name__}: {error}"
            hint = "this is a bug; run `mcp-tui doctor` and report what it prints"
            self._failed(ErrorInfo("Engine stopped", detail, hint, ErrorKind.INTERNAL, "engine"))
        finally:
            gc.enable()  # the command line switched it off until here

    def _tell(self, hear: Callable[[_News], None], news: _News) -> None:
        """The engine outlives the screens by a moment; then there is nothing to show its news on."""
        if self._app.is_running:
            hear(news)

    def _failed(self, info: ErrorInfo) -> None:
        if not self._stop.is_set():
            self._tell(self._app.engine_failed, info)

    async def _serve(self) -> None:
        # The heavy imports run on a thread, so that keys and timers stay alive meanwhile.
        load = await asyncio.to_thread(importlib.import_module, "mcp_tui.config.load")
        inputs = await asyncio.to_thread(importlib.import_module, "mcp_tui.config.inputs")
        self._answers = answers = inputs.Answers()
        cwd, options = Path.cwd(), self._options

        def read() -> Config:
            return load.load(options.config_files, options.servers, os.environ, cwd, answers=answers)

        config = await asyncio.to_thread(read)
        if self._stop.is_set():
            return
        self._tell(self._app.config_loaded, config)
        await asyncio.to_thread(importlib.import_module, "mcp_tui.ui.stream.model_column")
        runs = await asyncio.to_thread(importlib.import_module, "mcp_tui.runs.engine")
        engine_options = runs.EngineOptions(demo=options.demo, demo_speed=options.demo_speed)
        if self._stop.is_set():
            return
        async with runs.Engine(config, engine_options, environ=os.environ, notice=self._notice) as engine:
            beside = None if options.demo else asyncio.create_task(self._watch(engine, read), name="config")
            try:
                await self._follow(engine)
            finally:
                if beside is not None:
                    beside.cancel()
                    await asyncio.wait({beside})

    async def _watch(self, engine: Engine, read: Callable[[], Config]) -> None:
        """Ask for inputs and take over what changes on disk, for as long as the engine runs."""
        try:
            from mcp_tui.config.watch import ConfigWatch

            self._watching = ConfigWatch(read, engine.config, interval_s=self._options.watch_interval_s)
            async with asyncio.TaskGroup() as tasks, contextlib.aclosing(self._watching.changes()) as changes:
                tasks.create_task(self._ask(engine.config), name="inputs")
                async for change in changes:
                    if isinstance(change, ErrorInfo):
                        self._tell(self._app.warned, change)
                        continue
                    engine.reconfigure(change)
                    self._tell(self._app.config_loaded, change)
                    tasks.create_task(self._ask(change), name="inputs")
        except Exception as error:
            logger.exception("Watching the configuration ended unexpectedly")
            detail = f"{type(error).__name__}: {error}"
            info = ErrorInfo("Changed files are not noticed any more", detail, "restart the dashboard")
            self._tell(self._app.warned, info)

    async def _ask(self, config: Config) -> None:
        from mcp_tui.config.inputs import ask_all

        answers = self._answers
        if answers is None or not config.inputs:
            return
        async with self._asking:
            if await ask_all(config, answers, self._app.ask_for_input):
                self.look_now()

    def _notice(self, info: ErrorInfo) -> None:
        """A fault the engine lives with, such as of the usage ledger; it may come back at every call."""
        if info not in self._noticed:
            self._noticed.add(info)
            self._tell(self._app.warned, info)

    def look_now(self) -> None:
        """Read the configuration again at once, such as after a file was trusted."""
        if self._watching is not None:
            self._watching.look_now()

    async def _follow(self, engine: Engine) -> None:
        """Announce the engine and its changes until stopped."""

        def servers_changed() -> None:
            self._tell(self._app.servers_changed, engine.servers())

        def questions_changed() -> None:
            self._tell(self._app.questions_changed, engine.approvals.pending())

        def requests_changed() -> None:
            self._tell(self._app.requests_changed, engine.requests.pending())

        undo_requests = engine.requests.subscribe(requests_changed)
        undo_servers = engine.manager.subscribe(servers_changed)
        undo_questions = engine.approvals.subscribe(questions_changed)
        try:
            self._tell(self._app.engine_ready, engine)
            servers_changed()
            collecting.settle()
            await self._stop.wait()
        finally:
            undo_requests()
            undo_questions()
            undo_servers()
