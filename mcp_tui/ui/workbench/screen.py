"""F3 Workbench: find a tool, resource or prompt, fill in its arguments, run it, read what comes back."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import tzinfo
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.binding import Binding
from textual.containers import Container, Horizontal
from textual.widget import Widget
from textual.worker import Worker

from mcp_tui.config import paths
from mcp_tui.core.argument_document import path_text
from mcp_tui.core.errors import AppError, ErrorInfo
from mcp_tui.core.form_fields import SchemaReader
from mcp_tui.core.json_text import dump
from mcp_tui.core.state import ResourceInfo, ServerSnapshot, ToolInfo
from mcp_tui.core.text import clean_line
from mcp_tui.core.types import JsonObject
from mcp_tui.core.validation import Report, check_aside
from mcp_tui.sessions.wirelog.caused import Caused, caused_by
from mcp_tui.store.argument_history import ArgumentHistory
from mcp_tui.ui import keys
from mcp_tui.ui.delays import Delays
from mcp_tui.ui.forms.form import FormPane, with_definition
from mcp_tui.ui.forms.open_item import (
    Definition,
    ItemKey,
    OpenItem,
    find,
    newest_call,
    opened,
    runs_word,
    same_definition,
    schema_of,
    takes_arguments,
)
from mcp_tui.ui.forms.schema_form import SchemaForm
from mcp_tui.ui.running_app import host
from mcp_tui.ui.stylesheets import sheets
from mcp_tui.ui.terminal import external_editor
from mcp_tui.ui.workbench import calls as workbench_calls
from mcp_tui.ui.workbench.activity import LiveItems, runs_as_task, task_is_choice, task_item
from mcp_tui.ui.workbench.items import ItemsPane
from mcp_tui.ui.workbench.outcomes import Kind, Outcome, OutcomeStatus, WireMark
from mcp_tui.ui.workbench.result import ResultPane
from mcp_tui.ui.workbench.result_actions import WorkbenchResults
from mcp_tui.ui.workbench.used_arguments import UsedArguments

if TYPE_CHECKING:
    from mcp_tui.runs.engine import Engine
    from mcp_tui.sessions.manager import SessionManager

logger = logging.getLogger(__name__)

PREVIEW_DELAY_S = 0.08
CHECK_DELAY_S = 0.25
COMPLETE_DELAY_S = 0.2


class WorkbenchScreen(WorkbenchResults):
    """now: the monotonic clock; history: where used arguments are kept (default: the data directory).

    zone: of the times of messages; None = where the person is.
    """

    CSS_PATH = sheets("workbench", "items", "form", "result")
    MODE: ClassVar[str] = "workbench"
    BINDINGS: ClassVar[list[Binding]] = keys.bindings("form")  # pyright: ignore[reportIncompatibleVariableOverride]  narrower on purpose

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.monotonic,
        history: ArgumentHistory | None = None,
        zone: tzinfo | None = None,
    ) -> None:
        super().__init__()
        self._now = now
        self._used = UsedArguments(
            history or ArgumentHistory(paths.data_dir() / "arguments.db"),
            lambda text: self.notify(text, severity="warning", markup=False),
        )
        self._engine: Engine | None = None
        self._failure: ErrorInfo | None = None
        self._servers: dict[str, ServerSnapshot] = {}
        self._open: dict[ItemKey, OpenItem] = {}
        self._item: OpenItem | None = None
        self._wanted: ItemKey | None = None
        self._calls: dict[int, Worker[None]] = {}
        self._count = 0
        self._delays = Delays(self)
        self._live = LiveItems(self)
        self.items = ItemsPane(now, id="items")
        self.form = FormPane(id="form")
        self.result = ResultPane(now, self._exchange, zone=zone, id="result")

    def compose_body(self) -> Iterable[Widget]:
        with Horizontal(id="workbench"):
            yield self.items
            with Container(id="desk"):
                yield self.form
                yield self.result

    def on_mount(self) -> None:
        self.add_class("-items")
        self.set_interval(1.0, self._show_server)
        self._show_nothing()
        self.items.list.focus()

    # From the app

    def engine_ready(self, engine: Engine) -> None:
        self._engine = engine
        self._failure = None
        engine.manager.wire_log.subscribe(self.result.messages_came)

    def engine_failed(self, info: ErrorInfo) -> None:
        self._failure = info
        if self._item is None:
            self._show_nothing()
        else:
            self.form.say(info.line(), "bad")

    def servers_changed(self, servers: tuple[ServerSnapshot, ...]) -> None:
        self._servers = {server.name: server for server in servers}
        self.items.show(servers)
        if self._wanted is not None:
            self._open_wanted()
        if self._item is None:
            self._show_nothing()
        else:
            self._follow_definition(self._item)
            self._show_server()
        self._live.look(self._open)

    @property
    def sessions(self) -> SessionManager | None:
        return self._engine.manager if self._engine is not None else None

    @property
    def server_map(self) -> Mapping[str, ServerSnapshot]:
        return self._servers

    def say(self, text: str, tone: str = "warn") -> None:
        self.form.say(text, tone)
        self._show_server()

    def read_again(self, item: OpenItem, heard: str) -> None:
        self._start(item, sent_wrong=False, heard=heard)

    def open_task(self, server: str, task_id: str, tool: str) -> None:
        """Wait for a task of a server, and show its result with its tool."""
        key = ItemKey(server, "tool", tool)
        if tool and key not in self._open and (definition := self._definition(key)) is not None:
            self._open[key] = opened(key, definition)
        item = task_item(server, task_id, tool, self._open.values())
        self._open[item.key] = item
        self._show(item, focus=False, run=False)
        self._start(item, sent_wrong=False, arguments={}, task_id=task_id)

    def open_item(self, server: str, kind: str, name: str) -> None:
        """Show an item and go to its arguments; when the server is not there yet, as soon as it is."""
        self._wanted = ItemKey(server, cast(Kind, kind), name)
        self._open_wanted()

    def _open_wanted(self) -> None:
        key = self._wanted
        server = self._servers.get(key.server) if key is not None else None
        if key is None or server is None:
            return
        if find(server.catalog, key.kind, key.name) is None and not server.status.settled:
            return
        self._wanted = None
        self.items.reveal(*key)
        self._open_key(key, focus=True, run=False)

    def _exchange(self, mark: WireMark) -> Caused:
        """On a thread."""
        engine = self._engine
        if engine is None:
            return Caused()
        return caused_by(engine.manager.wire_log.folder, mark.server, mark.cause, mark.since)

    # The open item

    def _show_nothing(self) -> None:
        if self._failure is not None:
            text = "\n".join(part for part in (self._failure.title, self._failure.detail, self._failure.hint) if part)
        elif not self._servers:
            text = "Servers appear on the left as they connect."
        else:
            text = "Choose a tool, resource or prompt on the left: enter opens it, / filters."
        self.form.show_empty(text)
        self.result.show((), empty="")

    def _definition(self, key: ItemKey) -> Definition | None:
        server = self._servers.get(key.server)
        return find(server.catalog, key.kind, key.name) if server is not None else None

    def _open_key(self, key: ItemKey, *, focus: bool, run: bool) -> None:
        item = self._open.get(key)
        if item is None:
            definition = self._definition(key)
            if definition is None:
                host(self).notify(
                    clean_line(f"{key.server} offers no {key.kind} {key.name} now"), severity="warning", markup=False
                )
                return
            item = self._open[key] = opened(key, definition)
        self._show(item, focus=focus, run=run)

    def _show(self, item: OpenItem, *, focus: bool, run: bool) -> None:
        self.run_worker(self._show_item(item, focus=focus, run=run), group="show", exclusive=True)

    async def _show_item(self, item: OpenItem, *, focus: bool, run: bool) -> None:
        changed = self._item is not item or self.form.item is not item
        self._item = item
        if changed:
            self._follow_definition(item, show=False)
            await self.form.show(item)
            self._show_results(item, newest=True)
            self._load_history(item)
            self._check_later()
        self._show_server()
        self.refresh_bindings()
        if focus:
            self._leave_items()
            self.form.focus_arguments()
        if run:
            self._run_at_once(item)

    def _run_at_once(self, item: OpenItem) -> None:
        """Enter on something without arguments runs it; a tool that says it destroys waits for F9."""
        if takes_arguments(item):
            return
        definition = item.definition
        if isinstance(definition, ToolInfo) and definition.hints.destructive and not definition.hints.read_only:
            self.form.say("This tool says it may destroy data: F9 runs it.", "warn")
            return
        self.action_run_item()

    def _follow_definition(self, item: OpenItem, *, show: bool = True) -> None:
        """Say when the server changed or removed what is open; arguments and results stay."""
        server = self._servers.get(item.key.server)
        if server is None or not server.status.usable or not item.listed:
            return
        newest = self._definition(item.key)
        if newest is None:
            if not item.gone:
                item.gone = True
                item.notice = (
                    f"{item.key.server} no longer offers this {item.key.kind}. Arguments and results are kept."
                )
                if show:
                    self.form.say(item.notice, "bad")
        elif item.gone or not same_definition(newest, item.definition):
            word = "offers this again" if item.gone else "changed the definition"
            item.notice = f"{item.key.server} {word}; the arguments are kept." if item.touched or not item.gone else ""
            item.gone = False
            item.definition = newest
            item.refused = None
            with_definition(item, SchemaReader(schema_of(newest)))
            if show:
                self.run_worker(self.form.rebuild_for(item), group="show", exclusive=True)
                self._check_later()

    def _show_server(self) -> None:
        if self._item is not None:
            item = self._item
            server = self._servers.get(item.key.server)
            self.form.show_server(server, self._now(), self._live.words(item))
            self.result.progress_line.server = server

    def _show_results(self, item: OpenItem, *, newest: bool) -> None:
        word = runs_word(item.key.kind)
        key = "Enter or F9" if not takes_arguments(item) else "F9"
        self.set_class(not item.outcomes, "-fresh")
        self.result.show(tuple(item.outcomes), empty=f"{key} {word}; the result stands here.", newest=newest)

    @on(ItemsPane.Highlighted)
    def _highlighted(self, event: ItemsPane.Highlighted) -> None:
        event.stop()
        looking = self.items.has_focus_within
        if self._item is not None and not looking:
            return
        key = ItemKey(event.server, cast(Kind, event.kind), event.name)
        self._delays.postpone("preview", PREVIEW_DELAY_S, lambda: self._preview(key))

    def _preview(self, key: ItemKey) -> None:
        wanted = self._item is None or (self._item.key != key and self.items.has_focus_within)
        if wanted and self._definition(key) is not None:
            self._open_key(key, focus=False, run=False)

    @on(ItemsPane.Opened)
    def _opened(self, event: ItemsPane.Opened) -> None:
        event.stop()
        self._delays.cancel("preview")
        self._open_key(ItemKey(event.server, cast(Kind, event.kind), event.name), focus=True, run=True)

    @on(ItemsPane.RefreshWanted)
    def _refresh_wanted(self, event: ItemsPane.RefreshWanted) -> None:
        event.stop()
        names = [event.server] if event.server is not None else list(self._servers)
        self.run_worker(self._refresh(names), group="refresh", exclusive=True)

    async def _refresh(self, names: list[str]) -> None:
        if self._engine is None:
            return
        for name in names:
            try:
                await self._engine.manager.refresh(name)
            except AppError as error:
                host(self).notify(clean_line(error.info.line()), severity="error", markup=False)
            else:
                host(self).notify(clean_line(f"Fetched the catalog of {name} again"), markup=False)

    # Running

    def action_run_item(self) -> None:
        item = self._item
        if item is None:
            return
        if any(outcome.status is OutcomeStatus.RUNNING for outcome in item.outcomes):
            self.form.say("It is still running; esc stops it.", "warn")
            return
        if item.view == "json" and item.json_draft is not None:
            self.form.say("The JSON text has an error: mend it, then F9.", "bad")
            self.form.go_to_json_error()
            return
        self.run_worker(self._check_and_run(item), group="run", exclusive=True)

    async def _check_and_run(self, item: OpenItem) -> None:
        report = await self._report(item)
        item.asked_to_run = True
        problems = report.problems
        if problems and item.refused != item.document:
            item.refused = copy.deepcopy(item.document)
            self.form.show_problems()
            first = problems[0]
            place = path_text(first.path)
            what = f"{place} is missing" if first.missing else f"{place} {first.message}".strip()
            more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
            self.form.say(f"✗ {what}{more}. F9 again sends it anyway.", "bad")
            self.form.focus_problem(first)
            return
        self.form.show_problems()
        self._start(item, sent_wrong=bool(problems))

    async def _report(self, item: OpenItem) -> Report:
        schema, value = item.model.reader.document, copy.deepcopy(item.document)
        report = await check_aside(schema, value)
        item.report = replace(report, problems=item.model.in_order(report.problems))
        return item.report

    def action_run_again(self) -> None:
        """Also while the server restarts: the call waits for it. What is being written in the form stays."""
        newest = newest_call(self._open.values(), self._item.key.server if self._item is not None else None)
        if newest is None:
            self.form.say("Nothing was run here yet.", "warn")
            return
        item, outcome = newest
        if outcome.status is OutcomeStatus.RUNNING:
            self.form.say(f"{clean_line(outcome.name)} is still running; esc stops it.", "warn")
            return
        if item is not self._item:
            self._show(item, focus=False, run=False)
        self._start(item, sent_wrong=outcome.sent_wrong, arguments=outcome.arguments)

    def _start(
        self,
        item: OpenItem,
        *,
        sent_wrong: bool,
        arguments: JsonObject | None = None,
        task_id: str = "",
        heard: str = "",
    ) -> None:
        """With the arguments of the form, or with these; or the result of a task that runs already."""
        if self._engine is None:
            info = self._failure
            self.form.say(info.line() if info is not None else "Still starting; try again in a moment.", "warn")
            return
        self._count += 1
        arguments = copy.deepcopy(item.document if arguments is None else arguments)
        name = item.definition.name
        as_task = True if runs_as_task(item, self._servers.get(item.key.server)) else None
        outcome = Outcome(
            self._count,
            item.key.kind,
            name,
            arguments,
            self._now(),
            sent_wrong=sent_wrong,
            as_task=as_task,
            task_id=task_id,
            heard=heard,
            wire=WireMark(item.key.server, f"workbench call {self._count}", time.time_ns() // 1000),
        )
        self.form.say(item.notice)
        self._outcome_changed(item, outcome)
        self._calls[outcome.number] = self.run_worker(
            self._run(self._engine, item, outcome), group=f"call-{outcome.number}"
        )
        self._remember(item, arguments)

    async def _run(self, engine: Engine, item: OpenItem, outcome: Outcome) -> None:
        def update(newest: Outcome) -> None:
            self._outcome_changed(item, newest)

        try:
            await workbench_calls.run(engine.manager, item.key, outcome, update, self._now)
        finally:
            self._calls.pop(outcome.number, None)
            self._live.look(self._open)
            if item is self._item and self.is_mounted:
                self.form.say(item.notice)  # "still running" is over, also when it was stopped

    def _outcome_changed(self, item: OpenItem, outcome: Outcome) -> None:
        started = all(old.number != outcome.number for old in item.outcomes)
        item.remember(outcome)
        if item is self._item and self.is_mounted:
            self._show_results(item, newest=started)

    def _cancel_running(self) -> bool:
        """Stop what the open item runs; False when it runs nothing."""
        if self._item is None:
            return False
        for outcome in self._item.outcomes:
            worker = self._calls.get(outcome.number)
            if outcome.status is OutcomeStatus.RUNNING and worker is not None:
                if not self._live.stop_task(self._item, outcome):
                    worker.cancel()
                return True
        return False

    # Checking while typing, completion

    @on(FormPane.Changed)
    def _arguments_changed(self, event: FormPane.Changed) -> None:
        event.stop()
        self._show_server()
        self._check_later()

    def _check_later(self) -> None:
        self._delays.postpone("check", CHECK_DELAY_S, self._check_now)

    def _check_now(self) -> None:
        if self._item is not None:
            self.run_worker(self._check(self._item), group="check", exclusive=True)

    async def _check(self, item: OpenItem) -> None:
        await self._report(item)
        if item is self._item:
            self.form.show_problems()

    @on(SchemaForm.CompletionWanted)
    def _completion_wanted(self, event: SchemaForm.CompletionWanted) -> None:
        event.stop()
        item = self._item
        if item is not None and item.key.kind in ("prompt", "template"):
            self._delays.postpone(
                "complete", COMPLETE_DELAY_S, lambda: self._complete_now(item, event.name, event.text)
            )

    def _complete_now(self, item: OpenItem, name: str, text: str) -> None:
        self.run_worker(self._complete(item, name, text), group="complete", exclusive=True)

    async def _complete(self, item: OpenItem, name: str, text: str) -> None:
        if self._engine is None:
            return
        values = await workbench_calls.complete(self._engine.manager, item.key, name, text, item.document)
        if item is self._item:
            self.form.form.offer(name, values)

    # Arguments used before

    def _load_history(self, item: OpenItem) -> None:
        if item.history is None and takes_arguments(item):
            self.run_worker(self._used.load(item), group="history")

    def _remember(self, item: OpenItem, arguments: JsonObject) -> None:
        kept = workbench_calls.worth_remembering(item.model.reader, arguments)
        if kept:
            item.history = (kept, *(old for old in item.history or () if old != kept))
            item.history_at = -1
            self.run_worker(self._used.store(item.key, kept), group="history")

    def action_older_arguments(self) -> None:
        self._step_history(1)

    def action_newer_arguments(self) -> None:
        self._step_history(-1)

    def _step_history(self, by: int) -> None:
        item = self._item
        if item is None or not item.history:
            if item is not None:
                self.form.say("No arguments were used here before.", "warn")
            return
        at = item.history_at + by
        # What is being written and what was sent last are often the same: skip to something else.
        while 0 <= at < len(item.history) and dump(item.history[at]) == dump(item.document):
            at += by
        if not -1 <= at < len(item.history):
            return
        if item.history_at == -1:
            item.draft = copy.deepcopy(item.document)
        item.history_at = at
        item.replace_document(item.draft if at == -1 else item.history[at])
        self.run_worker(self._show_replaced(), group="show", exclusive=True)

    async def _show_replaced(self) -> None:
        await self.form.document_replaced()
        self._show_server()
        self._check_later()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("run_item", "toggle_view", "focus_result"):
            return self._item is not None
        if action == "toggle_task":
            return self._item is not None and task_is_choice(self._item, self._servers.get(self._item.key.server))
        if action == "toggle_follow":
            return self._item is not None and self._item.key.kind == "resource"
        if action == "field_menu":
            return self.form.form.has_focus_within
        return super().check_action(action, parameters)

    def action_toggle_task(self) -> None:
        if self._item is not None:
            self._live.toggle_task(self._item)

    def action_toggle_follow(self) -> None:
        if self._item is not None:
            self._live.toggle_follow(self._item)
            self._show_server()

    async def action_toggle_view(self) -> None:
        await self.form.toggle_view()
        self._show_server()

    def action_field_menu(self) -> None:
        self.form.form.open_menu()

    def action_focus_result(self) -> None:
        self._leave_items()
        self.result.focus_content()

    async def action_external_editor(self) -> None:
        item = self._item
        if item is None:
            return
        text = item.json_draft if item.json_draft is not None else dump(item.document)
        self.run_worker(self._edit(text), group="editor", exclusive=True)

    async def _edit(self, text: str) -> None:
        try:
            edited = await external_editor.edit(host(self), text, suffix=".json")
        except AppError as error:
            self.form.say(error.info.line(), "bad")
            return
        await self.form.take_text(edited)

    def _leave_items(self) -> None:
        """In a narrow terminal the list gives its place to what was chosen."""
        if self.has_class("-narrow"):
            self.remove_class("-items")

    def action_toggle_sidebar(self) -> None:
        self.toggle_class("-items")
        if self.has_class("-items"):
            self.items.list.focus()
        elif self.items.has_focus_within:
            self.form.focus_arguments()

    def action_back(self) -> None:
        if self._cancel_running():
            return
        if self.result.has_focus_within:
            self.form.focus_arguments()
        elif self.form.has_focus_within:
            self.add_class("-items")
            self.items.list.focus()
        elif self.items.clear_filter():
            self.items.list.focus()

    # Results

    @on(ResultPane.ReadWanted)
    def _read_wanted(self, event: ResultPane.ReadWanted) -> None:
        event.stop()
        if self._item is None:
            return
        key = ItemKey(self._item.key.server, "resource", event.uri)
        item = self._open.get(key)
        if item is None:
            listed = self._definition(key)
            definition = listed or ResourceInfo(key.server, event.uri, event.uri, event.uri, "", None, None, {})
            item = self._open[key] = opened(key, definition)
            item.listed = listed is not None
        self._show(item, focus=True, run=True)
