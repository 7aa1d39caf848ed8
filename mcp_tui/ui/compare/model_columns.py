"""The model columns of the Compare screen and the conversation behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from textual.timer import Timer

from mcp_tui.core.errors import AppError
from mcp_tui.core.events import ColumnEvent, MetricsChanged, StatusChanged, TextAppended, TurnStarted
from mcp_tui.core.state import ColumnStatus
from mcp_tui.core.text import clean_line
from mcp_tui.core.types import JsonObject
from mcp_tui.ui.compare.columns import ColumnsArea
from mcp_tui.ui.compare.conversation import Conversation, best_columns
from mcp_tui.ui.compare.desk import Desk
from mcp_tui.ui.running_app import dashboard, host, toast
from mcp_tui.ui.stream.past_clock import PastClock

if TYPE_CHECKING:
    from mcp_tui.core.chat import Message
    from mcp_tui.runs.engine import Engine
    from mcp_tui.runs.saved import Continuation
    from mcp_tui.runs.spec import Attachment, ColumnSpec
    from mcp_tui.store.history.events import Timed
    from mcp_tui.ui.compare.params import ChosenParams
    from mcp_tui.ui.stream.model_column import ModelColumn
    from mcp_tui.ui.widgets.catalog_rows import Off

HEADER_S = 0.5
"""At most this often the header follows the figures of live columns."""


class ModelColumns:
    """Owns the conversation: `converse` alone puts another in its place. What is done to a column is done here.

    The keys mean the area's current column.
    """

    def __init__(
        self,
        desk: Desk,
        area: ColumnsArea,
        *,
        off: Callable[[], Off],
        sent: Callable[[], None],
        focus_prompt: Callable[[], object],
        clock: Callable[[], float],
    ) -> None:
        """off: the tools that are switched off. sent: called when a prompt went out."""
        self._desk = desk
        self._area = area
        self._off = off
        self._sent = sent
        self._focus_prompt = focus_prompt
        self._clock = PastClock(clock)
        self._conversation: Conversation | None = None
        self._header_timer: Timer | None = None

    # The conversation

    @property
    def conversation(self) -> Conversation | None:
        """None until the engine is there."""
        return self._conversation

    @property
    def live(self) -> bool:
        return self._conversation is not None and self._conversation.live

    def engine_ready(self, engine: Engine) -> None:
        columns: tuple[ColumnSpec, ...] = ()
        try:
            columns = engine.default_columns(self._wanted_models())
        except AppError as error:
            self._area.say(f"! {error.info.line()}\n\nPress + to choose a model.")
            self._desk.run_worker(self._columns_of_this_machine(engine), group="local-models")
        else:
            if not columns:
                self._area.say("No model yet. Press + to choose one.")
        self.converse(engine, columns)
        self._desk.run_worker(self.show(), group="columns")

    async def _columns_of_this_machine(self, engine: Engine) -> None:
        """The model that was asked for may be one of a server that had not been found yet."""
        await engine.local_models_known()
        conversation = self._conversation
        if engine is not self._desk.engine or conversation is None or conversation.columns:
            return
        try:
            columns = engine.default_columns(self._wanted_models())
        except AppError:
            return  # what stands there already says why
        if columns:
            self.converse(engine, columns)
            await self.show()
            self._desk.changed()

    def _wanted_models(self) -> tuple[str, ...]:
        app = dashboard(self._area)
        return app.wanted_models if app is not None else ()

    def converse(
        self,
        engine: Engine,
        columns: Sequence[ColumnSpec],
        *,
        settings: JsonObject | None = None,
        continued: Continuation | None = None,
    ) -> None:
        """Another conversation, as `Conversation` has it; the one before is stopped. `show` draws its columns."""
        if self._conversation is not None:
            self._conversation.restart()
        self._conversation = Conversation(engine, columns, self._happened, settings=settings, continued=continued)

    async def show(self) -> None:
        if self._conversation is not None:
            await self._area.replace(self._new(spec) for spec in self._conversation.columns)

    def _new(self, spec: ColumnSpec) -> ModelColumn:
        from mcp_tui.ui.stream.model_column import ModelColumn

        return ModelColumn(spec.id, spec.label, spec.ref.provider == "demo", clock=self._clock)

    def show_past(self, events: Iterable[Timed]) -> None:
        """Events of a saved conversation, each with the time at which it happened."""
        try:
            for at_s, event in events:
                self._clock.past_s = at_s
                self._area.handle(event)
        finally:
            self._clock.past_s = None

    def new(self) -> None:
        """A new conversation with the same columns; asks first while the old one is live."""
        if self._conversation is None:
            return
        if not self._conversation.live:
            self._restart()
            return
        from mcp_tui.ui.screens.dialog import confirm

        question = "The run is live. Stop every column and start a new conversation?"
        confirm(self._area, question, self._restart, yes="new conversation", no="go on")

    def _restart(self) -> None:
        if self._conversation is not None:
            self._conversation.restart()
            self._desk.run_worker(self.show(), group="columns")
            self._focus_prompt()
            self._desk.changed()

    # What goes out: AppError where it cannot

    def send(self, text: str, read: tuple[Attachment, ...]) -> None:
        if self._conversation is not None:
            self._conversation.send(text, read, self._off())
            self._sent()

    def send_again(self, text: str, message: Message) -> None:
        """The message of a saved run, as it went out then."""
        if self._conversation is not None:
            self._conversation.begin(self._off()).send_again(text, message)
            self._sent()

    def begin(self) -> None:
        """Start the run, so that a column can be tried again, or taken away, before anything is sent."""
        if self._conversation is not None:
            self._conversation.begin(self._off())

    def switch_tools(self) -> None:
        if self._conversation is not None:
            self._conversation.switch_tools(self._off())
        self._desk.changed()

    # What a run tells

    def _happened(self, event: ColumnEvent) -> None:
        """Called for every token: nothing here may cost more than handing it on."""
        self._area.handle(event)
        if isinstance(event, TextAppended):
            return
        if isinstance(event, TurnStarted):
            self._area.mark_best({})
        elif isinstance(event, StatusChanged):
            if event.status.ended and self._conversation is not None and not self._conversation.live:
                self._run_ended(self._conversation)
            self._desk.changed()
        elif isinstance(event, MetricsChanged) and self._header_timer is None:
            self._header_timer = self._area.set_timer(HEADER_S, self._header_due)

    @property
    def header_current(self) -> bool:
        """The header knows the newest figures; it is told of them at intervals."""
        return self._header_timer is None

    def _header_due(self) -> None:
        self._header_timer = None
        self._desk.changed()

    def _run_ended(self, conversation: Conversation) -> None:
        done = {
            column: metrics
            for column, metrics in conversation.metrics().items()
            if conversation.status(column) is ColumnStatus.DONE
        }
        self._area.mark_best(best_columns(done))

    # Columns

    def cancel(self, column: str | None = None) -> bool:
        """None: all of them. False when nothing was live."""
        conversation = self._conversation
        if conversation is None or not (conversation.live if column is None else conversation.column_live(column)):
            return False
        conversation.cancel(column)
        return True

    def cancel_current(self) -> None:
        if self._area.current is not None:
            self.cancel(self._area.current.column_id)

    def retry(self) -> None:
        column = self._area.current
        if column is None or self._conversation is None:
            return
        try:
            self._conversation.retry(column.column_id)
        except AppError as error:
            toast(self._area, error.info.line(), "warning")
        self._desk.changed()

    def fork(self) -> None:
        """The next prompt goes to this column alone, until it is pressed again."""
        column = self._area.current
        if column is None or self._conversation is None:
            return
        only = None if self._conversation.only == column.column_id else column.column_id
        self._conversation.only = only
        self._desk.describe()
        if only is not None:
            self._focus_prompt()

    def add(self) -> None:
        self._pick("Add a model", self._chosen)

    def _pick(self, title: str, chosen: Callable[[tuple[ColumnSpec, ...] | None], None]) -> None:
        from mcp_tui.ui.compare.model_picker import ModelPicker

        engine = self._desk.engine
        if engine is not None:
            picker = ModelPicker(engine.registry, engine.config, engine.default_columns, engine.models, title=title)
            host(self._area).push_screen(picker, chosen)

    def _chosen(self, chosen: tuple[ColumnSpec, ...] | None) -> None:
        if self._conversation is None:
            return
        added: list[ColumnSpec] = []
        try:
            added.extend(self._conversation.add(spec) for spec in chosen or ())
        except AppError as error:
            toast(self._area, error.info.line(), "error")
        if added:
            self._desk.run_worker(self._show_added(added), group="columns")
            self._desk.changed()

    async def _show_added(self, specs: list[ColumnSpec]) -> None:
        for spec in specs:
            await self._area.add_column(self._new(spec))

    def remove(self) -> None:
        column = self._area.current
        if column is None or self._conversation is None:
            return
        live = self._conversation.column_live(column.column_id)
        if not live and not column.answer_text():
            self._remove(column.column_id)
            return
        from mcp_tui.ui.screens.dialog import confirm

        what = "It is live, and its answer goes" if live else "Its answer goes"
        question = f"Remove {clean_line(column.label)}? {what} with it."
        confirm(self._area, question, lambda: self._remove(column.column_id), yes="remove", no="keep")

    def _remove(self, column: str) -> None:
        if self._conversation is None or all(spec.id != column for spec in self._conversation.columns):
            return
        self._conversation.remove(column)
        if not self._conversation.columns:
            self._area.say("No model. Press + to choose one.")
        self._desk.run_worker(self._area.drop(column), group="columns")
        self._desk.changed()

    def edit_params(self) -> None:
        from mcp_tui.ui.compare.column_facts import column_facts
        from mcp_tui.ui.compare.params import ParamsScreen

        column, conversation, engine = self._area.current, self._conversation, self._desk.engine
        if column is None or conversation is None or engine is None:
            return
        spec = conversation.column(column.column_id)

        def chosen(found: ChosenParams | None) -> None:
            if found is not None and (found.params, found.system) != (spec.params, spec.system):
                self._relabel(conversation.set_params(spec.id, found.params, found.system))

        facts = column_facts(engine, conversation, spec, self._off())
        host(self._area).push_screen(ParamsScreen(spec, facts), chosen)

    def switch_model(self) -> None:
        column, conversation = self._area.current, self._conversation
        if column is None or conversation is None:
            return
        spec = conversation.column(column.column_id)

        def chosen(found: tuple[ColumnSpec, ...] | None) -> None:
            if not found:
                return
            first, *others = found
            if others:
                toast(self._area, "A set names several models: switch to one", "warning")
                return
            self._relabel(conversation.switch(spec.id, first))
            toast(self._area, f"{spec.label} → {first.label}: it goes on with the conversation")

        self._pick(f"Go on with another model than {clean_line(spec.label)}", chosen)

    def _relabel(self, spec: ColumnSpec) -> None:
        column = self._area.find(spec.id)
        if column is not None:
            column.relabel(spec.label, demo=spec.ref.provider == "demo")
        self._desk.changed()
