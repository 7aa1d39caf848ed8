"""F2: servers and their catalog, one column per model, the approval bar and the prompt editor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from textual import on
from textual.app import RenderResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget

from mcp_tui.config import paths
from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.state import ApprovalQuestion, ServerSnapshot
from mcp_tui.ui.compare.catalog import CatalogPane
from mcp_tui.ui.compare.column_reading import ColumnReading
from mcp_tui.ui.compare.columns import ColumnsArea
from mcp_tui.ui.compare.delivery import Delivery
from mcp_tui.ui.compare.model_columns import ModelColumns
from mcp_tui.ui.compare.prompt import PromptPane
from mcp_tui.ui.compare.prompt_history import PromptHistory
from mcp_tui.ui.compare.questions import Questions
from mcp_tui.ui.compare.revival import Revival
from mcp_tui.ui.compare.sign_ins import SignIns
from mcp_tui.ui.first_words import COLUMNS_STARTING, SERVERS_STARTING
from mcp_tui.ui.messages import RunStateChanged
from mcp_tui.ui.screens.mode import ModeScreen
from mcp_tui.ui.servers.pane import ServersPane

if TYPE_CHECKING:
    from mcp_tui.runs.engine import Engine
    from mcp_tui.ui.compare.approval import ApprovalBar

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


class CompareScreen(ColumnReading, ModeScreen):
    """Puts panes and parts together: news goes to the panes, and what a person does to the part that does it."""

    MODE = "compare"
    AUTO_FOCUS = "PromptEditor"
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, history: PromptHistory | None = None) -> None:
        super().__init__()
        self.engine: Engine | None = None
        self.servers: tuple[ServerSnapshot, ...] = ()
        self._context_tokens = 0
        """Of the conversation so far; counted when something changed, not at every keystroke."""
        self.servers_pane = ServersPane(clock=clock, id="servers")
        self.catalog_pane = CatalogPane(id="catalog")
        self.columns_area = ColumnsArea(id="columns")
        self.prompt_pane = prompt = PromptPane(clock=clock, id="prompt")
        self.demo_line = DemoLine(id="demo-line")
        self.columns = ModelColumns(
            self,
            self.columns_area,
            off=lambda: self.catalog_pane.off,
            sent=self._sent,
            focus_prompt=prompt.editor.focus,
            clock=clock,
        )
        self.revival = Revival(self, self.columns, prompt)
        history = history or PromptHistory(paths.state_dir() / "prompts.jsonl")
        self.delivery = Delivery(self, self.columns, prompt, history, accepted=self.revival.offer_next, clock=clock)
        self.questions = Questions(self, self.columns_area, prompt, clock=clock)
        self.sign_ins = SignIns(self, self.servers_pane, clock=clock)

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
        self.describe()
        self.run_worker(self.delivery.load_history(), group="history")

    @property
    def approval_bar(self) -> ApprovalBar:
        return self.questions.bar

    # From the app

    def engine_ready(self, engine: Engine) -> None:
        self.engine = engine
        # Not in the first frame: nothing can ask before there is an engine.
        if not self.approval_bar.is_attached:
            self.query_one("#main").mount(self.approval_bar, before=self.prompt_pane)
        self.servers_pane.empty = "none yet: --server NAME=COMMAND"
        self.servers_pane.refresh()
        self.columns.engine_ready(engine)
        if engine.demo_models:
            from mcp_tui.demo import DEMO_PROMPT

            self.demo_line.display = True
            if not self.prompt_pane.text:
                self.prompt_pane.set_text(DEMO_PROMPT)
        self.changed()

    def engine_failed(self, info: ErrorInfo) -> None:
        self.engine = None
        self.columns_area.say(f"! {info.line()}")

    def servers_changed(self, servers: tuple[ServerSnapshot, ...]) -> None:
        self.servers = servers
        self.servers_pane.show(servers)
        self.catalog_pane.show(servers)
        self.prompt_pane.servers_changed(servers)
        self.sign_ins.servers_changed(servers)
        self.changed()

    def questions_changed(self, questions: tuple[ApprovalQuestion, ...]) -> None:
        self.questions.changed(questions)

    def offer_prompt(self, text: str) -> None:
        """Text from another mode: it goes below what is written already, so nothing is lost."""
        written = self.prompt_pane.text
        self.prompt_pane.set_text(f"{written.rstrip()}\n\n{text}" if written.strip() else text)
        self.prompt_pane.editor.focus()

    # What the parts tell

    def _sent(self) -> None:
        self.demo_line.display = False
        self.changed()

    def changed(self) -> None:
        """The conversation did: the header and the prompt's border follow."""
        conversation = self.columns.conversation
        self._context_tokens = conversation.context_tokens() if conversation is not None else 0
        tools, tax = self.catalog_pane.model.offered(self.catalog_pane.off)
        cost = conversation.cost() if conversation is not None else None
        self.post_message(
            RunStateChanged(
                live=self.columns.live,
                cost_usd=cost.usd if cost else None,
                cost_is_estimate=cost.is_estimate if cost else False,
                offered_tools=tools,
                tool_tax=tax,
            )
        )
        self.describe()

    def describe(self) -> None:
        """Only the prompt did: its border follows."""
        conversation = self.columns.conversation
        tools, tax = self.catalog_pane.model.offered(self.catalog_pane.off)
        parts: list[str] = []
        target = ""
        if conversation is not None:
            count = len(conversation.targets)
            parts.append(f"{count} model{'' if count == 1 else 's'}")
            if conversation.only is not None:
                target = conversation.column(conversation.only).label
        parts.append(f"{tools} tool{'' if tools == 1 else 's'}")
        if self.delivery.attached_files:
            parts.append(self.delivery.attached_files)
        parts.append(self.prompt_pane.input_tokens(tax, self._context_tokens))
        self.prompt_pane.describe(parts, target)

    def _live(self) -> bool:
        return self.columns.live

    # What the panes tell

    @on(ServersPane.CardAsked)
    def _card_asked(self, event: ServersPane.CardAsked) -> None:
        self.sign_ins.open_card(event.name)

    @on(ServersPane.SignInAsked)
    def _sign_in_asked(self, event: ServersPane.SignInAsked) -> None:
        self.sign_ins.start(event.name)

    @on(ServersPane.SignOutAsked)
    def _sign_out_asked(self, event: ServersPane.SignOutAsked) -> None:
        self.sign_ins.sign_out(event.name)

    @on(CatalogPane.SwitchesChanged)
    def _switched(self) -> None:
        self.columns.switch_tools()

    @on(ColumnsArea.CurrentChanged)
    def _column_changed(self) -> None:
        self.refresh_bindings()

    @on(PromptPane.Edited)
    def _edited(self) -> None:
        self.describe()
        self.delivery.look_for_files()

    @on(PromptPane.Sent)
    def _prompt_sent(self, event: PromptPane.Sent) -> None:
        self.delivery.send(event.text)

    @on(PromptPane.PromptTaken)
    def _prompt_taken(self, event: PromptPane.PromptTaken) -> None:
        self.delivery.take_prompt(event.prompt)

    def on_approval_bar_answered(self, event: ApprovalBar.Answered) -> None:
        self.questions.answer(event.question_id, event.decision, event.arguments)

    def on_approval_bar_edit_asked(self, event: ApprovalBar.EditAsked) -> None:
        self.questions.edit(event.question)

    # Keys

    def action_focus_question(self) -> None:
        self.questions.go_there()

    def action_cancel_column(self) -> None:
        self.columns.cancel_current()

    def action_retry_column(self) -> None:
        self.columns.retry()

    def action_fork_column(self) -> None:
        self.columns.fork()

    def action_new_conversation(self) -> None:
        self.columns.new()

    def action_add_model(self) -> None:
        self.columns.add()

    def action_remove_column(self) -> None:
        self.columns.remove()

    def action_edit_params(self) -> None:
        self.columns.edit_params()

    def action_switch_model(self) -> None:
        self.columns.switch_model()

    def action_toggle_sidebar(self) -> None:
        sidebar = self.query_one("#sidebar")
        had_focus = sidebar.has_focus_within
        if self.has_class("-narrow"):
            self.toggle_class("-sidebar-open")
            opened = self.has_class("-sidebar-open")
            self.remove_class("-sidebar-folded")
        else:
            self.toggle_class("-sidebar-folded")
            opened = not self.has_class("-sidebar-folded")
        if opened and self.has_class("-narrow"):
            self.catalog_pane.list.focus()
        elif had_focus and not opened:
            self.prompt_pane.editor.focus()

    def action_focus_prompt(self) -> None:
        self.remove_class("-sidebar-open")
        self.prompt_pane.editor.focus()

    def action_back(self) -> None:
        """One step back: what is being read, the bar, a sign-in, the sidebar, a live column, a big one, the editor."""
        current = self.columns_area.current
        column = current if current is not None and current.has_focus_within else None
        if self.delivery.stop() or (column is not None and column.step_back()):
            return
        if self.approval_bar.has_focus:
            self.questions.return_focus()
        elif self.servers_pane.has_focus and self.sign_ins.stop():
            return
        elif self.query_one("#sidebar").has_focus_within:
            self.action_focus_prompt()
        elif self.columns.cancel(column.column_id if column is not None else None):
            return
        elif column is not None and self.columns_area.maximised:
            self.columns_area.toggle_maximised()
        elif self.prompt_pane.editor.has_focus:
            self.prompt_pane.clear_note()
        else:
            self.prompt_pane.editor.focus()
