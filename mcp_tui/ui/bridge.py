"""Between the engine and the screens: starts it after the first frame, hands its changes on, ends it.

The engine lives in one task of its own, which enters and leaves it; screens get whole pictures (levels), so a
flood of changes costs one update per frame.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.state import ApprovalQuestion, ServerSnapshot

if TYPE_CHECKING:
    from mcp_tui.config.schema import Config
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


@dataclass(frozen=True, slots=True)
class Listeners:
    """Called on the event loop, after the engine was entered (ready) and on every change."""

    ready: Callable[[Engine], None]
    failed: Callable[[ErrorInfo], None]
    config: Callable[[Config], None]
    servers: Callable[[tuple[ServerSnapshot, ...]], None]
    questions: Callable[[tuple[ApprovalQuestion, ...]], None]


class EngineBridge:
    """Owns the engine's task. `start` once, `stop` any number of times."""

    def __init__(self, options: DashboardOptions, listeners: Listeners) -> None:
        self._options = options
        self._listeners = listeners
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

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
        config: Config = await asyncio.to_thread(
            load.load,
            self._options.config_files,
            self._options.servers,
            os.environ,
            Path.cwd(),
        )
        if self._stop.is_set():
            return
        self._listeners.config(config)
        runs = await asyncio.to_thread(importlib.import_module, "mcp_tui.runs.engine")
        options = runs.EngineOptions(demo=self._options.demo, demo_speed=self._options.demo_speed)
        if self._stop.is_set():
            return
        async with runs.Engine(config, options, environ=os.environ) as engine:
            await self._follow(engine)

    async def _follow(self, engine: Engine) -> None:
        """Announce the engine and its changes until stopped."""

        def servers_changed() -> None:
            self._listeners.servers(engine.servers())

        def questions_changed() -> None:
            self._listeners.questions(engine.approvals.pending())

        undo_servers = engine.manager.subscribe(servers_changed)
        undo_questions = engine.approvals.subscribe(questions_changed)
        try:
            self._listeners.ready(engine)
            servers_changed()
            # What was loaded until now lives as long as the process; walking it again and again would cost the
            # frames of a stream 35 to 100 ms at a time.
            gc.collect()
            gc.freeze()
            gc.enable()
            await self._stop.wait()
        finally:
            undo_questions()
            undo_servers()
