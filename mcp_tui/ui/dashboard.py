"""The dashboard as a person starts it: a lean first frame, then the panes, then the engine.

What it takes from the command to the first frame, against an empty Textual app started the same way (150 ms on two
cores, most of it the framework's own imports), and what each step bought:

    all panes in the first frame, garbage collection off until the engine is up     1.92
    the frame drawn by `StartScreen`; panes, their modules and styles after it      1.29
    no click for a command without arguments                                        1.18
    one theme file instead of all, the log file opened later                        1.15

The panes stand about 120 ms after it. What was typed meanwhile is theirs.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from textual import events

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.text import clean_line
from mcp_tui.ui import garbage_collection as collecting
from mcp_tui.ui.app import McpTuiApp
from mcp_tui.ui.screens.start import StartScreen
from mcp_tui.ui.stylesheets import FIRST_FRAME, sheets
from mcp_tui.ui.terminal.key_sequences import read_alt_digits
from mcp_tui.ui.terminal.log_file import EarlyLog, log_path
from mcp_tui.ui.terminal.output import watched_terminal

if TYPE_CHECKING:
    from mcp_tui.runs.engine import Engine
    from mcp_tui.ui.bridge import DashboardOptions


logger = logging.getLogger(__name__)

COLLECT_S = 20.0
IDLE_S = 5.0
"""Nobody typed or moved the mouse for so long."""


class Dashboard(McpTuiApp):
    # The styles of the panes are read when the panes are.
    CSS_PATH = None
    MODES = {**McpTuiApp.MODES, "start": StartScreen}
    DEFAULT_MODE = "start"

    def __init__(self, options: DashboardOptions | None = None, log: EarlyLog | None = None) -> None:
        super().__init__(options)
        self._early_log = log
        self._held: list[events.Key | events.Paste] | None = []
        """What was typed before there was a prompt editor; None once there is one."""
        self._input_at = 0.0
        self._fault = ""
        """What ended the program, if a defect did."""

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent):
            self._input_at = monotonic()
        if self._held is not None and isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            self._held.append(event)
            return
        await super().on_event(event)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A click on the first frame does nothing: there is nowhere to go yet."""
        return False if self._held is not None else super().check_action(action, parameters)

    async def _begin(self) -> None:
        """The first frame is on the screen: build the panes, hand over what was typed, start the engine."""
        # On a thread: a resize or a signal is still answered.
        await asyncio.to_thread(importlib.import_module, "mcp_tui.ui.compare.screen")
        self.stylesheet.read_all([Path(sheet) for sheet in sheets(*FIRST_FRAME)])
        await self.switch_mode("compare")
        held, self._held = self._held or [], None
        for event in held:
            await self.on_event(event)
        self.remove_mode("start")
        self.call_after_refresh(self._begin_engine)

    def _fatal_error(self) -> None:
        """In place of the framework's page of stack and local variables, which may hold secrets."""
        error = self._exception
        logger.critical("the dashboard ended by an unexpected fault", exc_info=error)
        self._fault = f"{type(error).__name__}: {error}" if error is not None else "no exception"
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        """The terminal is restored by now."""
        super()._print_error_renderables()
        if self._fault:
            with suppress(OSError):  # there may be no terminal any more
                print(fault_text(self._fault), file=sys.stderr, flush=True)
            self._fault = ""

    def engine_ready(self, engine: Engine) -> None:
        super().engine_ready(engine)
        self.run_worker(asyncio.to_thread(_prepare_answers), group="prepare")
        self.set_interval(COLLECT_S, self._collect_when_idle)

    def _collect_when_idle(self) -> None:
        if not self.run_live and monotonic() - self._input_at > IDLE_S:
            collecting.collect_all()

    async def _begin_engine(self) -> None:
        await super()._begin()
        if self._early_log is None:
            return
        try:
            await asyncio.to_thread(self._early_log.open_file)
        except OSError as error:
            self.warned(ErrorInfo("No log file", f"{error.strerror or error}: {error.filename}", ""))


def fault_text(what: str) -> str:
    """What a person reads in the terminal after a crash."""
    return (
        f"mcp-tui ended by an unexpected fault: {clean_line(what)[:300]}\n"
        f"This is a defect of the program. Your runs are saved; what happened is in {log_path()}"
    )


def _prepare_answers() -> None:
    """The first answer's first words, and its first code block, shall not wait for imports."""
    from mcp_tui.ui.stream import code_body, markdown_blocks

    markdown_blocks.prepare()
    code_body.prepare()


def run_dashboard(options: DashboardOptions) -> int:
    """The exit code: 0, or 128 + the signal that ended it, or 1 after a crash."""

    async def main() -> int:
        app = Dashboard(options, log)
        app.leave_engine_to_caller()
        try:
            await app.run_async()
        finally:
            # The terminal is restored already; children get a few seconds to end.
            waiting = asyncio.create_task(app.stop_engine())
            done, _ = await asyncio.wait({waiting}, timeout=0.7)
            if not done:
                with suppress(OSError):  # there may be no terminal any more
                    print("mcp-tui: stopping servers ...", file=sys.stderr, flush=True)
                await waiting
        return app.return_code or 0

    log = EarlyLog()
    read_alt_digits()
    try:
        with watched_terminal():
            return asyncio.run(main())
    finally:
        with suppress(OSError):  # said on the screen, if there was one
            log.open_file()
