"""The dashboard: modes, themes, keys, and the engine behind them. Panes and screens do the rest."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App
from textual.binding import Binding
from textual.screen import Screen

from mcp_tui.config import paths
from mcp_tui.config.state_file import in_background
from mcp_tui.core.errors import AppError, ErrorInfo
from mcp_tui.store.preferences import Preferences
from mcp_tui.ui import keys, safe
from mcp_tui.ui.bridge import DashboardOptions, EngineBridge
from mcp_tui.ui.screens.mode import ModeScreen, ScreenMounted
from mcp_tui.ui.stylesheets import FIRST_FRAME, sheets
from mcp_tui.ui.themes import DEFAULT_THEME, load_file, load_folder, shipped_folder
from mcp_tui.ui.widgets.top_bar import Facts

if TYPE_CHECKING:
    from textual.command import Provider
    from textual.theme import Theme

    from mcp_tui.config.schema import Config, InputSpec
    from mcp_tui.core.server_requests import ServerRequest
    from mcp_tui.core.state import ApprovalQuestion, ServerSnapshot
    from mcp_tui.runs.engine import Engine
    from mcp_tui.ui.messages import (
        ItemChosen,
        LogAsked,
        PromptOffered,
        ReconnectAsked,
        RunRevived,
        RunStateChanged,
        ServerSwitched,
        TaskOpened,
    )
    from mcp_tui.ui.requests.drafts import RequestDrafts
    from mcp_tui.ui.requests.screen import RequestsScreen


def _compare() -> Screen[Any]:
    from mcp_tui.ui.compare.screen import CompareScreen

    return CompareScreen()


def _workbench() -> Screen[Any]:
    from mcp_tui.ui.workbench.screen import WorkbenchScreen

    return WorkbenchScreen()


def _wire() -> Screen[Any]:
    from mcp_tui.ui.wire.screen import WireScreen

    return WireScreen()


def _history() -> Screen[Any]:
    from mcp_tui.ui.history.screen import HistoryScreen

    return HistoryScreen()


def _action_commands() -> type[Provider]:
    from mcp_tui.ui.commands import ActionCommands

    return ActionCommands


def _catalog_commands() -> type[Provider]:
    from mcp_tui.ui.commands import CatalogCommands

    return CatalogCommands


class McpTuiApp(App[None]):
    """`engine` is None until the engine was entered, a moment after the first frame."""

    TITLE = "mcp-tui"
    CSS_PATH = sheets(*FIRST_FRAME)
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "compare": _compare,
        "workbench": _workbench,
        "wire": _wire,
        "history": _history,
    }
    DEFAULT_MODE = "compare"
    BINDINGS: ClassVar[list[Binding]] = keys.bindings("app")  # pyright: ignore[reportIncompatibleVariableOverride]  narrower on purpose
    COMMAND_PALETTE_BINDING = "ctrl+p"
    COMMANDS = {_action_commands, _catalog_commands}

    def __init__(self, options: DashboardOptions | None = None) -> None:
        super().__init__()
        self.options = options or DashboardOptions()
        self.themes: dict[str, Theme] = {}
        """The shipped ones and the person's own."""
        self.engine: Engine | None = None
        self.config: Config | None = None
        self.servers: tuple[ServerSnapshot, ...] = ()
        self.questions: tuple[ApprovalQuestion, ...] = ()
        self.requests: tuple[ServerRequest, ...] = ()
        self.clock: Callable[[], float] = time.monotonic
        """Of what shows how long something waits."""
        self._request_drafts: RequestDrafts | None = None
        self._requests_screen: RequestsScreen | None = None
        self.key_overrides: dict[str, str] = {}
        self.problems: tuple[ErrorInfo, ...] = ()
        """Faults in the person's own files that the dashboard can live with."""
        self._failure: ErrorInfo | None = None
        self._facts = Facts()
        self._mode_screens: list[ModeScreen] = []
        self._preferences = Preferences(paths.state_dir() / "preferences.json")
        self.run_live = False
        self._stop_in_app = True
        self._bridge: EngineBridge | None = None
        self._first_theme()

    # Start and end

    @property
    def css_generation(self) -> int:
        """Which change of styles the framework is at; a new screen that knows it is not styled twice."""
        return self._css_update_count

    @property
    def wanted_models(self) -> tuple[str, ...]:
        return self.options.models

    def _first_theme(self) -> None:
        """Set before the app runs: a change later would parse and apply every style a second time."""
        wanted = self.options.theme or self._preferences.text("theme")
        theme = self._one_theme(wanted or DEFAULT_THEME)
        self.set_reactive(App.theme, theme.name)
        self.stylesheet.set_variables(self.get_css_variables())
        if theme.ansi:
            # Terminal colours also switch off the conversion to RGB, which only the change of a theme does.
            self.set_reactive(App.theme, DEFAULT_THEME)
            self.theme = theme.name

    def on_load(self) -> None:
        # From Python 3.12 on the framework makes tasks start eagerly, in the middle of whoever creates them: an input
        # is then mounted before its screen is on the stack, and a column runs before its turn was announced.
        asyncio.get_running_loop().set_task_factory(None)

    def on_mount(self) -> None:
        self._bridge = EngineBridge(self.options, self)
        self._install_signals()
        self.call_after_refresh(self._begin)

    async def _begin(self) -> None:
        """The first frame is on the screen."""
        if self._bridge is not None:
            self._bridge.start()

    def _install_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGHUP", "SIGINT"):
            number = getattr(signal, name, None)
            if number is None:
                continue
            # Only the main thread may install handlers; a test may run the app elsewhere.
            with suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, self._ended_by_signal, 128 + number)

    def _ended_by_signal(self, code: int) -> None:
        self.exit(return_code=code)

    async def on_unmount(self) -> None:
        if self._stop_in_app:
            await self.stop_engine()

    def leave_engine_to_caller(self) -> None:
        """The caller restores the terminal first and then awaits `stop_engine`."""
        self._stop_in_app = False

    async def stop_engine(self) -> None:
        if self._bridge is not None:
            await self._bridge.stop()

    # Themes

    def _one_theme(self, name: str) -> Theme:
        """By this name, else the default. Reads one file where it can: the others are not needed for a frame."""
        own = paths.themes_dir()
        file = shipped_folder() / f"{name}.toml"
        if not own.is_dir() and Path(name).name == name and file.is_file():
            theme = load_file(file)
            self.themes = {theme.name: theme}
            self.register_theme(theme)
        if name not in self.themes:
            self._load_themes()
        return self.themes.get(name) or self.themes[DEFAULT_THEME]

    def _load_themes(self) -> list[ErrorInfo]:
        shipped, problems = load_folder(shipped_folder())
        own, own_problems = load_folder(paths.config_dir() / "themes")
        self.themes = {**shipped, **own}
        for theme in self.themes.values():
            self.register_theme(theme)
        return [*problems, *own_problems]

    def get_css_variables(self) -> dict[str, str]:
        variables = super().get_css_variables()
        # Widgets name this variable; a theme may leave it out.
        variables.setdefault("border-blurred", variables.get("panel", "#333333"))
        return variables

    def action_choose_theme(self) -> None:
        from mcp_tui.ui.screens.theme_picker import ThemePicker

        def chosen(name: str | None) -> None:
            if name is not None:
                self.run_worker(self._remember("theme", name), group="preferences")

        self._load_themes()
        self.push_screen(ThemePicker(sorted(self.themes)), chosen)

    async def _remember(self, name: str, value: str) -> None:
        try:
            await in_background(partial(self._preferences.set, name, value))
        except AppError as error:
            self.notify(safe.clean_line(f"Not remembered: {error.info.detail}"), severity="warning", markup=False)

    # What the engine tells

    def config_loaded(self, config: Config) -> None:
        self.config = config
        bad_themes = self._load_themes()
        usable, problems = keys.keymap(config.keys)
        self.key_overrides = usable
        self.set_keymap(usable)
        theme = self.options.theme or ("" if self._preferences.text("theme") else config.defaults.theme)
        if theme and theme not in self.themes:
            names = ", ".join(sorted(self.themes))
            problems += (ErrorInfo(f"Theme {theme} does not exist", "", f"choose one of {names}"),)
        elif theme and theme != self.options.theme:
            self.theme = theme
        known, self.problems = self.problems, (*config.problems, *problems, *bad_themes)
        for problem in self.problems:
            if problem not in known:
                self.warned(problem)

    def warned(self, problem: ErrorInfo) -> None:
        self.notify(safe.clean(problem.line()), severity="warning", timeout=12, markup=False)

    async def ask_for_input(self, wanted: InputSpec) -> str | None:
        """Cancelling closes the question."""
        from mcp_tui.ui.screens.input_value import InputValueScreen

        answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        screen = InputValueScreen(wanted)
        self.push_screen(screen, lambda value: None if answer.done() else answer.set_result(value))
        try:
            return await answer
        finally:
            if answer.cancelled() and self.is_running and self.screen is screen:
                screen.dismiss(None)

    def engine_ready(self, engine: Engine) -> None:
        self.engine = engine
        demo = engine.demo_models or engine.demo_server
        self._show(replace(self._facts, starting=False, demo=demo))
        for screen in self._mode_screens:
            screen.engine_ready(engine)

    def engine_failed(self, info: ErrorInfo) -> None:
        self._failure = info
        self.engine = None
        self._show(replace(self._facts, starting=False, failed=True))
        for screen in self._mode_screens:
            screen.engine_failed(info)

    def servers_changed(self, servers: tuple[ServerSnapshot, ...]) -> None:
        from mcp_tui.ui.servers.news import news

        for sentence in news(self.servers, servers):
            self.notify(sentence, markup=False)
        self.servers = servers
        tools = sum(len(server.catalog.tools) for server in servers if server.status.usable)
        self._show(replace(self._facts, servers=servers, tools=tools))
        for screen in self._mode_screens:
            screen.servers_changed(servers)

    def questions_changed(self, questions: tuple[ApprovalQuestion, ...]) -> None:
        self.questions = questions
        self._show(replace(self._facts, waiting=len(questions)))
        for screen in self._mode_screens:
            screen.questions_changed(questions)

    def requests_changed(self, requests: tuple[ServerRequest, ...]) -> None:
        self.requests = requests
        self._show(replace(self._facts, requests=len(requests)))
        if self._request_drafts is not None:
            self._request_drafts.keep_only(requests)
        for screen in self._mode_screens:
            screen.requests_changed(requests, self._requests_key)
        if self._requests_screen is not None and self._requests_screen.is_mounted:
            self._requests_screen.show()

    @property
    def _requests_key(self) -> str:
        return keys.shown(self.key_overrides.get("app.requests", "ctrl+g"))

    def _drafts(self, engine: Engine) -> RequestDrafts:
        from mcp_tui.ui.requests.drafts import RequestDrafts

        if self._request_drafts is None:
            spawn = partial(self.run_worker, group="sampling")
            self._request_drafts = RequestDrafts(engine, spawn, clock=self.clock)
        return self._request_drafts

    def _column_label(self, column: str) -> str:
        from mcp_tui.ui.compare.screen import CompareScreen

        compare = next((screen for screen in self._mode_screens if isinstance(screen, CompareScreen)), None)
        found = compare.columns_area.find(column) if compare is not None else None
        return found.label if found is not None else ""

    def action_open_requests(self) -> None:
        from mcp_tui.ui.requests.screen import RequestsScreen

        if self.engine is None or isinstance(self.screen, RequestsScreen):
            return
        drafts = self._drafts(self.engine)
        screen = RequestsScreen(self.engine, drafts, label_of=self._column_label, clock=self.clock)

        def closed(_: object) -> None:
            # A closed screen still counts as mounted: told of the next request it would draw nowhere.
            self._requests_screen = None

        self.push_screen(screen, closed)
        self._requests_screen = screen

    def _show(self, facts: Facts) -> None:
        self._facts = facts
        for screen in self._mode_screens:
            screen.top_bar.facts = facts

    # What the screens tell

    def on_screen_mounted(self, message: ScreenMounted) -> None:
        self._welcome(message.mode_screen)

    def _welcome(self, screen: ModeScreen) -> None:
        """A new screen gets the newest pictures, once."""
        if screen in self._mode_screens:
            return
        self._mode_screens.append(screen)
        screen.top_bar.facts = self._facts
        if self._failure is not None:
            screen.engine_failed(self._failure)
        elif self.engine is not None:
            screen.engine_ready(self.engine)
        if self.servers:
            screen.servers_changed(self.servers)
        if self.questions:
            screen.questions_changed(self.questions)
        if self.requests:
            screen.requests_changed(self.requests, self._requests_key)

    async def _go_to(self, mode: str) -> Screen[Any]:
        """The mode's own screen, also when it was built just now or a dialog stands above it."""
        await self.switch_mode(mode)
        screen = self.screen_stack[0]
        if isinstance(screen, ModeScreen):
            self._welcome(screen)
        return screen

    def on_run_state_changed(self, message: RunStateChanged) -> None:
        self.run_live = message.live
        self._show(
            replace(
                self._facts,
                cost_usd=message.cost_usd,
                cost_is_estimate=message.cost_is_estimate,
                tools=message.offered_tools,
                tool_tax=message.tool_tax,
            )
        )

    async def on_item_chosen(self, message: ItemChosen) -> None:
        from mcp_tui.ui.workbench.screen import WorkbenchScreen

        screen = await self._go_to("workbench")
        if isinstance(screen, WorkbenchScreen):
            screen.open_item(message.server, message.kind, message.name)

    async def on_task_opened(self, message: TaskOpened) -> None:
        from mcp_tui.ui.workbench.screen import WorkbenchScreen

        screen = await self._go_to("workbench")
        if isinstance(screen, WorkbenchScreen):
            screen.open_task(message.server, message.task_id, message.tool)

    async def on_prompt_offered(self, message: PromptOffered) -> None:
        from mcp_tui.ui.compare.screen import CompareScreen

        screen = await self._go_to("compare")
        if isinstance(screen, CompareScreen):
            screen.offer_prompt(message.text)

    async def on_run_revived(self, message: RunRevived) -> None:
        from mcp_tui.ui.compare.screen import CompareScreen

        screen = await self._go_to("compare")
        if isinstance(screen, CompareScreen):
            screen.revival.revive(message.saved, message.how)

    def on_log_asked(self, message: LogAsked) -> None:
        from mcp_tui.ui.servers.log import LogScreen

        if self.engine is not None and not isinstance(self.screen, LogScreen):
            self.push_screen(LogScreen(self.engine.manager, message.server))

    def on_reconnect_asked(self, message: ReconnectAsked) -> None:
        self.reconnect(message.server)

    def on_server_switched(self, message: ServerSwitched) -> None:
        self.set_server_enabled(message.server, message.enabled)

    # Actions

    def action_show_help(self) -> None:
        from mcp_tui.ui.screens.help import HelpScreen

        if isinstance(self.screen, HelpScreen):
            return
        active = (entry.binding.id or "" for entry in self.screen.active_bindings.values())
        scopes = dict.fromkeys(key_id.partition(".")[0] for key_id in active if not key_id.startswith("app."))
        self.push_screen(HelpScreen(tuple(scopes)))

    def action_open_tasks(self) -> None:
        from mcp_tui.ui.servers.tasks import TasksScreen

        if self.engine is not None and not isinstance(self.screen, TasksScreen):
            self.push_screen(TasksScreen(self.engine.manager))

    def action_request_quit(self) -> None:
        from mcp_tui.ui.screens.dialog import ConfirmScreen, confirm

        if not self.run_live or isinstance(self.screen, ConfirmScreen):
            self.exit()
            return
        confirm(self, "A run is live. Quit, and stop every column?", self.exit, yes="quit", no="stay")

    def action_review_approvals(self) -> None:
        from mcp_tui.ui.compare.approvals import ApprovalsScreen

        if self.engine is not None:
            self.push_screen(ApprovalsScreen(self.engine.approvals))

    def action_empty_cache(self) -> None:
        self.run_worker(self._empty_cache(), group="cache", exclusive=True)

    async def _empty_cache(self) -> None:
        if self.engine is None:
            return
        try:
            count = await self.engine.empty_response_cache()
        except AppError as error:
            self.notify(safe.clean_line(error.info.line()), severity="error", markup=False)
        else:
            self.notify(f"{count} kept answer{'' if count == 1 else 's'} forgotten", markup=False)

    def action_save_picture(self) -> None:
        path = self.save_screenshot(path=str(Path.cwd()))
        self.notify(safe.clean_line(f"Saved {path}"), markup=False)

    def reconnect(self, server: str) -> None:
        from mcp_tui.core.state import ServerStatus

        if any(known.name == server and known.status is ServerStatus.NEEDS_TRUST for known in self.servers):
            self._ask_for_trust(server)
        elif self.engine is not None:
            self.engine.manager.retry(server)

    def _ask_for_trust(self, server: str) -> None:
        from mcp_tui.ui.screens.dialog import confirm
        from mcp_tui.ui.servers import trusting

        config = self.engine.config if self.engine is not None else None
        file = trusting.file_of(config, server) if config is not None else None
        if config is None or file is None:
            return

        async def trust() -> None:
            problem = await trusting.trust(file)
            if problem is not None:
                self.warned(problem)
            elif self._bridge is not None:
                self._bridge.look_now()

        def agreed() -> None:
            self.run_worker(trust(), group="trust")

        confirm(self, trusting.question(config, file), agreed, yes="trust", no="not now")

    def set_server_enabled(self, server: str, enabled: bool) -> None:
        if self.engine is not None:
            self.engine.manager.set_enabled(server, enabled)
