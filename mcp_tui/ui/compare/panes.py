"""The panes of the Compare screen, how they hear of changes, and who has the focus when a question comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from textual import on
from textual.app import RenderResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, TextArea

from mcp_tui.config import paths
from mcp_tui.core.errors import AppError, ErrorInfo
from mcp_tui.core.events import ColumnEvent, MetricsChanged, StatusChanged, TextAppended, TurnStarted
from mcp_tui.core.state import ApprovalQuestion, ColumnStatus, ServerSnapshot
from mcp_tui.core.text import clean
from mcp_tui.ui.compare.catalog import CatalogPane
from mcp_tui.ui.compare.columns import ColumnsArea
from mcp_tui.ui.compare.conversation import Conversation, best_columns
from mcp_tui.ui.compare.prompt import PromptPane
from mcp_tui.ui.compare.prompt_history import PromptHistory
from mcp_tui.ui.first_words import COLUMNS_STARTING, SERVERS_STARTING
from mcp_tui.ui.running_app import host
from mcp_tui.ui.screens.mode import ModeScreen, RunStateChanged
from mcp_tui.ui.servers.pane import ServersPane

if TYPE_CHECKING:
    from mcp_tui.runs.engine import Engine
    from mcp_tui.runs.spec import ColumnSpec
    from mcp_tui.ui.compare.approval import ApprovalBar
    from mcp_tui.ui.stream.model_column import ModelColumn

QUIET_S = 1.0
"""Nobody who typed in the last second loses the focus to a question."""
HEADER_S = 0.5
"""At most this often the header follows the figures of live columns."""

DEMO_LINES = (
    "demo: scripted models and a bundled server, no network. Real models: set OPENAI_API_KEY, ANTHROPIC_API_KEY … and "
    "start again. Your own servers: mcp-tui --server NAME=COMMAND",
    "demo: scripted models, bundled server. Real ones: set OPENAI_API_KEY, ANTHROPIC_API_KEY …, --server NAME=COMMAND",
    "demo: scripted models. Real ones: set OPENAI_API_KEY … · --server NAME=COMMAND",
    "demo models. Real ones: set OPENAI_API_KEY …",
)
"""The longest that fits is shown."""


class DemoLine(Widget):
    """What is demo and how to get the real thing, in the words that fit."""

    def render(self) -> RenderResult:
        fitting = (line for line in DEMO_LINES if len(line) <= self.size.width)
        return Content(next(fitting, DEMO_LINES[-1]))


class ComparePanes(ModeScreen):
    """Draws what the engine says."""

    MODE = "compare"
    AUTO_FOCUS = "PromptEditor"
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, history: PromptHistory | None = None) -> None:
        super().__init__()
        self._clock = clock
        self._engine: Engine | None = None
        self._conversation: Conversation | None = None
        self._servers: tuple[ServerSnapshot, ...] = ()
        self._questions: tuple[ApprovalQuestion, ...] = ()
        self._before_question: Widget | None = None
        self._header_timer: Timer | None = None
        self._context_tokens = 0
        """Of the conversation so far; counted when something changed, not at every keystroke."""
        self._attached_files = ""
        """Files that the text in the editor names, in words."""
        self._history = history or PromptHistory(paths.state_dir() / "prompts.jsonl")
        self.servers_pane = ServersPane(clock=clock, id="servers")
        self.catalog_pane = CatalogPane(id="catalog")
        self.columns_area = ColumnsArea(id="columns")
        self.prompt_pane = PromptPane(clock=clock, id="prompt")
        self.demo_line = DemoLine(id="demo-line")

    @cached_property
    def approval_bar(self) -> ApprovalBar:
        # Late: the first frame has nothing to approve.
        from mcp_tui.ui.compare.approval import ApprovalBar

        return ApprovalBar(clock=self._clock, id="approval")

    def compose_body(self) -> Iterable[Widget]:
        with Horizontal(id="compare-body"):
            with Vertical(id="sidebar"):
                yield self.servers_pane
                yield self.catalog_pane
            with Vertical(id="main"):
                yield self.demo_line
                yield self.columns_area
                yield self.prompt_pane

    def on_mount(self) -> None:
        self.demo_line.display = False
        self.columns_area.say(COLUMNS_STARTING)
        self.servers_pane.empty = SERVERS_STARTING
        self.servers_pane.show(())
        self._describe()
        self.run_worker(self._load_history(), group="history")

    async def _load_history(self) -> None:
        problem = await self._history.load()
        self.prompt_pane.set_history(self._history.prompts)
        if problem is not None:
            self.prompt_pane.say_warning(problem)

    # Hooks of the app

    def engine_ready(self, engine: Engine) -> None:
        self._engine = engine
        # Not in the first frame: nothing can ask before there is an engine.
        if not self.approval_bar.is_attached:
            self.query_one("#main").mount(self.approval_bar, before=self.prompt_pane)
        self.servers_pane.empty = "none yet: --server NAME=COMMAND"
        self.servers_pane.refresh()
        columns: tuple[ColumnSpec, ...] = ()
        try:
            columns = engine.default_columns(self._wanted_models())
        except AppError as error:
            self.columns_area.say(f"! {error.info.line()}\n\nPress + to choose a model.")
            self.run_worker(self._columns_of_this_machine(engine), group="local-models")
        else:
            if not columns:
                self.columns_area.say("No model yet. Press + to choose one.")
        self._conversation = Conversation(engine, columns, self._column_event)
        self.run_worker(self._show_columns(), group="columns")
        if engine.demo_models:
            from mcp_tui.demo import DEMO_PROMPT

            self.demo_line.display = True
            if not self.prompt_pane.text:
                self.prompt_pane.set_text(DEMO_PROMPT)
        self._changed()

    async def _columns_of_this_machine(self, engine: Engine) -> None:
        """The model that was asked for may be one of a server that had not been found yet."""
        await engine.local_models_known()
        conversation = self._conversation
        if engine is not self._engine or conversation is None or conversation.columns:
            return
        try:
            columns = engine.default_columns(self._wanted_models())
        except AppError:
            return  # what stands there already says why
        if columns:
            self._conversation = Conversation(engine, columns, self._column_event)
            await self._show_columns()
            self._changed()

    def _wanted_models(self) -> tuple[str, ...]:
        from mcp_tui.ui.app import McpTuiApp

        app = host(self)
        return app.options.models if isinstance(app, McpTuiApp) else ()

    def engine_failed(self, info: ErrorInfo) -> None:
        self._engine = None
        self.columns_area.say(f"! {info.line()}")

    def servers_changed(self, servers: tuple[ServerSnapshot, ...]) -> None:
        self._servers = servers
        self.servers_pane.show(servers)
        self.catalog_pane.show(servers)
        self.prompt_pane.servers_changed(servers)
        self._update_card(servers)
        self._changed()

    def _update_card(self, servers: tuple[ServerSnapshot, ...]) -> None:
        from mcp_tui.ui.servers.card import ServerCard

        for screen in host(self).screen_stack:
            if isinstance(screen, ServerCard):
                for server in servers:
                    if server.name == screen.server_name:
                        screen.show(server)

    def _toast(self, text: str, severity: Literal["information", "warning", "error"] = "information") -> None:
        """Only for what the person did just now."""
        self.notify(clean(text), severity=severity, markup=False)

    def questions_changed(self, questions: tuple[ApprovalQuestion, ...]) -> None:
        known = {question.id for question in self._questions}
        arrived = any(question.id not in known for question in questions)
        self._questions = questions
        had_focus = self.approval_bar.has_focus
        self.approval_bar.show(questions)
        if not questions:
            if had_focus:
                self._return_focus()
        elif arrived and not had_focus and self._may_take_focus():
            self._focus_question()

    def _may_take_focus(self) -> bool:
        if host(self).screen is not self:
            return False
        if self.prompt_pane.editor.has_focus:
            return not self.prompt_pane.text.strip() and self.prompt_pane.quiet_s >= QUIET_S
        return not isinstance(self.focused, Input | TextArea)

    def _focus_question(self) -> None:
        self._before_question = self.focused
        question = self.approval_bar.question
        asking = [] if question is None else [c for c in self.columns_area.columns if c.label in question.columns]
        if asking and not any(column.display for column in asking):
            # Where not all columns are in view, the one that asks comes forward.
            self.columns_area.go_to(asking[0].column_id, focus=False)
        self.approval_bar.focus()

    def _return_focus(self) -> None:
        before, self._before_question = self._before_question, None
        if before is not None and before.is_mounted and before.display:
            before.focus()
        else:
            self.prompt_pane.editor.focus()

    def offer_prompt(self, text: str) -> None:
        """Text from another mode: it goes below what is written already, so nothing is lost."""
        written = self.prompt_pane.text
        self.prompt_pane.set_text(f"{written.rstrip()}\n\n{text}" if written.strip() else text)
        self.prompt_pane.editor.focus()

    # Columns and their run

    def _new_column(self, spec: ColumnSpec) -> ModelColumn:
        demo = spec.ref.provider == "demo"
        from mcp_tui.ui.stream.model_column import ModelColumn

        return ModelColumn(spec.id, spec.label, demo, clock=self._clock)

    async def _show_columns(self) -> None:
        if self._conversation is not None:
            await self.columns_area.replace(self._new_column(spec) for spec in self._conversation.columns)
            self._describe()

    def _column_event(self, event: ColumnEvent) -> None:
        """Called for every token: nothing here may cost more than handing it on."""
        self.columns_area.handle(event)
        if isinstance(event, TextAppended):
            return
        if isinstance(event, TurnStarted):
            self.columns_area.mark_best({})
        elif isinstance(event, StatusChanged):
            if event.status.ended and self._conversation is not None and not self._conversation.live:
                self._run_ended(self._conversation)
            self._changed()
        elif isinstance(event, MetricsChanged) and self._header_timer is None:
            self._header_timer = self.set_timer(HEADER_S, self._header_due)

    @property
    def header_current(self) -> bool:
        """The header knows the newest figures; it is told of them at intervals."""
        return self._header_timer is None

    def _header_due(self) -> None:
        self._header_timer = None
        self._changed()

    def _run_ended(self, conversation: Conversation) -> None:
        done = {
            column: metrics
            for column, metrics in conversation.metrics().items()
            if conversation.status(column) is ColumnStatus.DONE
        }
        self.columns_area.mark_best(best_columns(done))

    def _changed(self) -> None:
        """The header and the prompt's border follow."""
        conversation = self._conversation
        self._context_tokens = conversation.context_tokens() if conversation is not None else 0
        tools, tax = self.catalog_pane.model.offered(self.catalog_pane.off)
        cost = conversation.cost() if conversation is not None else None
        self.post_message(
            RunStateChanged(
                live=conversation is not None and conversation.live,
                cost_usd=cost.usd if cost else None,
                cost_is_estimate=cost.is_estimate if cost else False,
                offered_tools=tools,
                tool_tax=tax,
            )
        )
        self._describe()

    def _describe(self) -> None:
        conversation = self._conversation
        tools, tax = self.catalog_pane.model.offered(self.catalog_pane.off)
        parts: list[str] = []
        target = ""
        if conversation is not None:
            count = len(conversation.targets)
            parts.append(f"{count} model{'' if count == 1 else 's'}")
            if conversation.only is not None:
                target = conversation.column(conversation.only).label
        parts.append(f"{tools} tool{'' if tools == 1 else 's'}")
        if self._attached_files:
            parts.append(self._attached_files)
        parts.append(self.prompt_pane.input_tokens(tax, self._context_tokens))
        self.prompt_pane.describe(parts, target)

    @on(PromptPane.Edited)
    def _edited(self) -> None:
        self._describe()

    @on(ColumnsArea.CurrentChanged)
    def _column_changed(self) -> None:
        self.refresh_bindings()
