"""F2: servers and their catalog, one column per model, the approval bar and the prompt editor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import on

from mcp_tui.core.errors import AppError
from mcp_tui.core.state import Decision, ServerStatus
from mcp_tui.core.text import clean_line
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.sign_in import brings_answer
from mcp_tui.ui.compare.catalog import CatalogPane
from mcp_tui.ui.compare.column_reading import ColumnReading
from mcp_tui.ui.compare.reviving import CompareReviving
from mcp_tui.ui.running_app import host
from mcp_tui.ui.screens.mode import TrustAsked
from mcp_tui.ui.servers.pane import ServersPane

if TYPE_CHECKING:
    from mcp_tui.runs.engine import Engine
    from mcp_tui.runs.spec import ColumnSpec
    from mcp_tui.ui.compare.approval import ApprovalBar
    from mcp_tui.ui.compare.params import ChosenParams
    from mcp_tui.ui.stream.model_column import ModelColumn


class CompareScreen(ColumnReading, CompareReviving):
    """What the keys do. Every action finds its column by the focus, else by what had it last."""

    # Servers and catalog

    @on(ServersPane.CardAsked)
    def _card_asked(self, event: ServersPane.CardAsked) -> None:
        from mcp_tui.ui.servers.card import ServerCard

        server = next((server for server in self._servers if server.name == event.name), None)
        if server is not None:
            card = ServerCard(
                server,
                reconnect=self._reconnect,
                set_enabled=self._set_enabled,
                sign_in=self._sign_in,
                finish_sign_in=self._finish_sign_in,
                clock=self._clock,
            )
            host(self).push_screen(card)

    @on(ServersPane.RetryAsked)
    def _retry_asked(self, event: ServersPane.RetryAsked) -> None:
        self._reconnect(event.name)

    @on(ServersPane.SignInAsked)
    def _sign_in_asked(self, event: ServersPane.SignInAsked) -> None:
        """The card shows the address of the sign-in, for browsers that do not open by themselves."""
        if self._sign_in(event.name):
            self._card_asked(ServersPane.CardAsked(event.name))

    @on(ServersPane.SignOutAsked)
    async def _sign_out_asked(self, event: ServersPane.SignOutAsked) -> None:
        if self._engine is not None:
            self.run_worker(self._sign_out(self._engine, event.name), group="sign-out")

    async def _sign_out(self, engine: Engine, server: str) -> None:
        try:
            await engine.manager.sign_out(server)
        except AppError as error:
            self._toast(error.info.line(), "error")

    @on(ServersPane.Toggled)
    def _toggled(self, event: ServersPane.Toggled) -> None:
        self._set_enabled(event.name, event.enabled)

    def _reconnect(self, server: str) -> None:
        known = next((snapshot for snapshot in self._servers if snapshot.name == server), None)
        if known is not None and known.status is ServerStatus.NEEDS_TRUST:
            self.post_message(TrustAsked(server))
        elif self._engine is not None:
            self._engine.manager.retry(server)

    def _sign_in(self, server: str) -> bool:
        """Start a sign-in, or end the one that waits. True when one was started."""
        if self._engine is None:
            return False
        manager = self._engine.manager
        try:
            if manager.server(server).sign_in_url:
                manager.cancel_sign_in(server)
                return False
            manager.sign_in(server)
        except AppError as error:
            self._toast(error.info.line(), "warning")
            return False
        return True

    def _finish_sign_in(self, server: str, address: str) -> None:
        """With the address that a browser on another machine ended on."""
        if self._engine is None:
            return
        if not brings_answer(address):
            self._toast("This is not the address the browser ended on: that one has code= and state= in it", "warning")
        elif not self._engine.manager.finish_sign_in(server, address):
            self._toast("No sign-in waits for an address", "warning")

    def _stop_sign_in(self) -> bool:
        """Of the selected server. False when none waits for the browser."""
        server = self.servers_pane.current
        if server is None or not server.sign_in_url or self._engine is None:
            return False
        try:
            self._engine.manager.cancel_sign_in(server.name)
        except AppError as error:
            self._toast(error.info.line(), "warning")
        return True

    def _set_enabled(self, server: str, enabled: bool) -> None:
        if self._engine is not None:
            self._engine.manager.set_enabled(server, enabled)

    @on(CatalogPane.SwitchesChanged)
    def _switched(self, event: CatalogPane.SwitchesChanged) -> None:
        if self._conversation is not None:
            self._conversation.switch_tools(event.off)
        self._changed()

    # Approval

    def on_approval_bar_answered(self, event: ApprovalBar.Answered) -> None:
        if self._engine is not None:
            self._engine.approvals.answer(event.question_id, event.decision, arguments=event.arguments)

    def on_approval_bar_edit_asked(self, event: ApprovalBar.EditAsked) -> None:
        from mcp_tui.ui.compare.approval_arguments import ArgumentsScreen

        question = event.question

        def edited(arguments: JsonObject | None) -> None:
            if arguments is not None and self._engine is not None:
                self._engine.approvals.answer(question.id, Decision.ONCE, arguments=arguments)

        host(self).push_screen(ArgumentsScreen(question), edited)

    def action_focus_question(self) -> None:
        if not self._questions:
            self._toast("No call waits for approval")
        elif not self.approval_bar.has_focus:
            self._focus_question()

    # Moving about

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
        if self._stop_delivery():
            return
        column = self._focused_column()
        if column is not None and column.step_back():
            return
        conversation = self._conversation
        if self.approval_bar.has_focus:
            self._return_focus()
        elif self.servers_pane.has_focus and self._stop_sign_in():
            return
        elif self.query_one("#sidebar").has_focus_within:
            self.remove_class("-sidebar-open")
            self.prompt_pane.editor.focus()
        elif column is not None:
            if conversation is not None and conversation.column_live(column.column_id):
                conversation.cancel(column.column_id)
            elif self.columns_area.maximised:
                self.columns_area.toggle_maximised()
            else:
                self.prompt_pane.editor.focus()
        elif conversation is not None and conversation.live:
            conversation.cancel()
        elif self.prompt_pane.editor.has_focus:
            self.prompt_pane.clear_note()
        else:
            self.prompt_pane.editor.focus()

    # Columns

    def _focused_column(self) -> ModelColumn | None:
        current = self.columns_area.current
        return current if current is not None and current.has_focus_within else None

    def _column(self) -> ModelColumn | None:
        return self._focused_column() or self.columns_area.current

    def action_cancel_column(self) -> None:
        column = self._column()
        if column is not None and self._conversation is not None:
            self._conversation.cancel(column.column_id)

    def action_retry_column(self) -> None:
        column = self._column()
        if column is None or self._conversation is None:
            return
        try:
            self._conversation.retry(column.column_id)
        except AppError as error:
            self._toast(error.info.line(), "warning")
        self._changed()

    def action_fork_column(self) -> None:
        """The next prompt goes to this column alone, until it is pressed again."""
        column = self._column()
        if column is None or self._conversation is None:
            return
        only = None if self._conversation.only == column.column_id else column.column_id
        self._conversation.only = only
        self._describe()
        if only is not None:
            self.prompt_pane.editor.focus()

    def action_new_conversation(self) -> None:
        if self._conversation is None:
            return
        if not self._conversation.live:
            self._restart()
            return
        from mcp_tui.ui.screens.dialog import ConfirmScreen

        def answered(yes: bool | None) -> None:
            if yes:
                self._restart()

        question = "The run is live. Stop every column and start a new conversation?"
        host(self).push_screen(ConfirmScreen(question, yes="new conversation", no="go on"), answered)

    def _restart(self) -> None:
        if self._conversation is not None:
            self._conversation.restart()
            self.run_worker(self._show_columns(), group="columns")
            self.prompt_pane.editor.focus()
            self._changed()

    def action_add_model(self) -> None:
        self._pick_model("Add a model", self._models_chosen)

    def _pick_model(self, title: str, chosen: Callable[[tuple[ColumnSpec, ...] | None], None]) -> None:
        from mcp_tui.ui.compare.model_picker import ModelPicker

        engine = self._engine
        if engine is not None:
            picker = ModelPicker(engine.registry, engine.config, engine.default_columns, engine.models, title=title)
            host(self).push_screen(picker, chosen)

    def _models_chosen(self, chosen: tuple[ColumnSpec, ...] | None) -> None:
        if self._conversation is None:
            return
        added: list[ColumnSpec] = []
        try:
            added.extend(self._conversation.add(spec) for spec in chosen or ())
        except AppError as error:
            self._toast(error.info.line(), "error")
        if added:
            self.run_worker(self._add_columns(added), group="columns")
            self._changed()

    async def _add_columns(self, specs: list[ColumnSpec]) -> None:
        for spec in specs:
            await self.columns_area.add_column(self._new_column(spec))

    def action_remove_column(self) -> None:
        column = self._column()
        if column is None or self._conversation is None:
            return
        live = self._conversation.column_live(column.column_id)
        if not live and not column.answer_text():
            self._remove(column.column_id)
            return
        from mcp_tui.ui.screens.dialog import ConfirmScreen

        def answered(yes: bool | None) -> None:
            if yes:
                self._remove(column.column_id)

        what = "It is live, and its answer goes" if live else "Its answer goes"
        question = f"Remove {clean_line(column.label)}? {what} with it."
        host(self).push_screen(ConfirmScreen(question, yes="remove", no="keep"), answered)

    def _remove(self, column: str) -> None:
        if self._conversation is None or all(spec.id != column for spec in self._conversation.columns):
            return
        self._conversation.remove(column)
        if not self._conversation.columns:
            self.columns_area.say("No model. Press + to choose one.")
        self.run_worker(self.columns_area.drop(column), group="columns")
        self._changed()

    def action_edit_params(self) -> None:
        from mcp_tui.ui.compare.column_facts import column_facts
        from mcp_tui.ui.compare.params import ParamsScreen

        column, conversation, engine = self._column(), self._conversation, self._engine
        if column is None or conversation is None or engine is None:
            return
        spec = conversation.column(column.column_id)

        def chosen(found: ChosenParams | None) -> None:
            if found is not None and (found.params, found.system) != (spec.params, spec.system):
                self._relabel(conversation.set_params(spec.id, found.params, found.system))

        facts = column_facts(engine, conversation, spec, self.catalog_pane.off)
        host(self).push_screen(ParamsScreen(spec, facts), chosen)

    def action_switch_model(self) -> None:
        column, conversation = self._column(), self._conversation
        if column is None or conversation is None:
            return
        spec = conversation.column(column.column_id)

        def chosen(found: tuple[ColumnSpec, ...] | None) -> None:
            if not found:
                return
            first, *others = found
            if others:
                self._toast("A set names several models: switch to one", "warning")
                return
            self._relabel(conversation.switch(spec.id, first))
            self._toast(f"{spec.label} → {first.label}: it goes on with the conversation")

        self._pick_model(f"Go on with another model than {clean_line(spec.label)}", chosen)

    def _relabel(self, spec: ColumnSpec) -> None:
        for column in self.columns_area.columns:
            if column.column_id == spec.id:
                column.relabel(spec.label, demo=spec.ref.provider == "demo")
        self._changed()

    # Comparing

    def _live(self) -> bool:
        return self._conversation is not None and self._conversation.live
