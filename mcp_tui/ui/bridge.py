"""Between the engine and the screens: starts it after the first frame, hands its changes on, ends it.

The engine lives in one task of its own, which enters and leaves it; screens get whole pictures (levels), so a
flood of changes costs one update per frame.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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


@dataclass(frozen=True, slots=True)
class Listeners:
    """Called on the event loop, after the engine was entered (ready) and on every change."""

    ready: Callable[[Engine], None]
    failed: Callable[[ErrorInfo], None]
    config: Callable[[Config], None]
    servers: Callable[[tuple[ServerSnapshot, ...]], None]
    questions: Callable[[tuple[ApprovalQuestion, ...]], None]
    warned: Callable[[ErrorInfo], None] | None = None
    """A changed file cannot be used, or a file of ours; everything goes on without it."""
    requests: Callable[[tuple[ServerRequest, ...]], None] | None = None
    """What servers ask of the person and nobody has answered, oldest first."""
    ask: Callable[[InputSpec], Awaitable[str | None]] | None = None
    """Answers an input of the configuration; None: the person would not say."""


class EngineBridge:
    """Owns the engine's task. `start` once, `stop` any number of times."""

    def __init__(self, options: DashboardOptions, listeners: Listeners) -> None:
        self._options = options
        self._listeners = listeners
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
            if not self._stop.is_set():
                self._listeners.failed(error.info)
        except Exception as error:
            logger.exception("The engine ended unexpectedly")
            detail = f"{type(error).__name__}: {error}"
            hint = "this is a bug; run `mcp-tui doctor` and report what it prints"
            if self._stop.is_set():
                return
            self._listeners.failed(ErrorInfo("Engine stopped", detail, hint, ErrorKind.INTERNAL, "engine"))
        finally:
            gc.enable()  # the command line switched it off until here

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
        self._listeners.config(config)
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
                        self._warn(change)
                        continue
                    engine.reconfigure(change)
                    self._listeners.config(change)
                    tasks.create_task(self._ask(change), name="inputs")
        except Exception as error:
            logger.exception("Watching the configuration ended unexpectedly")
            detail = f"{type(error).__name__}: {error}"
            self._warn(ErrorInfo("Changed files are not noticed any more", detail, "restart the dashboard"))

    async def _ask(self, config: Config) -> None:
        from mcp_tui.config.inputs import ask_all

        ask, answers = self._listeners.ask, self._answers
        if ask is None or answers is None or not config.inputs:
            return
        async with self._asking:
            if await ask_all(config, answers, ask):
                self.look_now()

    def _notice(self, info: ErrorInfo) -> None:
        """A fault the engine lives with, such as of the usage ledger; it may come back at every call."""
        if info not in self._noticed:
            self._noticed.add(info)
            self._warn(info)

    def _warn(self, info: ErrorInfo) -> None:
        if self._listeners.warned is not None:
            self._listeners.warned(info)
        else:
            logger.warning("%s", info.line())

    def look_now(self) -> None:
        """Read the configuration again at once, such as after a file was trusted."""
        if self._watching is not None:
            self._watching.look_now()

    async def _follow(self, engine: Engine) -> None:
        """Announce the engine and its changes until stopped."""

        def servers_changed() -> None:
            self._listeners.servers(engine.servers())

        def questions_changed() -> None:
            self._listeners.questions(engine.approvals.pending())

        def requests_changed() -> None:
            if self._listeners.requests is not None:
                self._listeners.requests(engine.requests.pending())

        undo_requests = engine.requests.subscribe(requests_changed)
        undo_servers = engine.manager.subscribe(servers_changed)
        undo_questions = engine.approvals.subscribe(questions_changed)
        try:
            self._listeners.ready(engine)
            servers_changed()
            collecting.settle()
            await self._stop.wait()
        finally:
            undo_requests()
            undo_questions()
            undo_servers()
