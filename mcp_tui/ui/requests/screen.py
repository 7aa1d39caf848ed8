"""What servers ask of the person: the queue on the left, the chosen request and its answer on the right."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Static

from mcp_tui.core.argument_document import path_text
from mcp_tui.core.errors import AppError
from mcp_tui.core.figures import elapsed_text
from mcp_tui.core.server_requests import RequestKind, ServerRequest, offers_tools
from mcp_tui.core.text import clean_line
from mcp_tui.core.types import JsonObject
from mcp_tui.core.validation import check_aside
from mcp_tui.ui import keys, safe
from mcp_tui.ui.forms.form import FormPane
from mcp_tui.ui.forms.open_item import OpenItem
from mcp_tui.ui.requests.drafts import RequestDrafts
from mcp_tui.ui.requests.queue import ACTS_ON, RequestList
from mcp_tui.ui.requests.sampling import SamplingPane
from mcp_tui.ui.requests.text import ASKS, address_lines, openable, settled_lines, who_called
from mcp_tui.ui.running_app import host
from mcp_tui.ui.status import MUTED
from mcp_tui.ui.stylesheets import sheets
from mcp_tui.ui.widgets.key_bar import KeyBar
from mcp_tui.ui.widgets.reading import Reading
from mcp_tui.ui.widgets.row_list import RowList

if TYPE_CHECKING:
    from mcp_tui.runs.engine import Engine
    from mcp_tui.runs.spec import ColumnSpec

GUARD_S = 0.4
"""Keys this soon after another request took the place of the chosen one were meant for that one."""
WRITING_S = 0.1
"""How often the answer of a model follows."""
OPEN_TIMEOUT_S = 10.0


class RequestsScreen(ModalScreen[None]):
    """label_of: what people call a column, by its id."""

    CSS_PATH = sheets("requests", "form")
    BINDINGS: ClassVar[list[Binding]] = [  # pyright: ignore[reportIncompatibleVariableOverride]  narrower on purpose
        *keys.bindings("answer"),
        Binding("escape", "back", "back"),
    ]
    AUTO_FOCUS = "RequestList"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal")]

    def __init__(
        self,
        engine: Engine,
        drafts: RequestDrafts,
        *,
        label_of: Callable[[str], str] = lambda column: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._engine = engine
        self._desk = engine.requests
        self._drafts = drafts
        self._label_of = label_of
        self._clock = clock
        self._shown: str | None = None
        """The key of the row on show."""
        self._guard_until = 0.0
        self._later: Timer | None = None
        self.list = RequestList(clock)
        self._who = Static(classes="who")
        self._why = Static(classes="why")
        self._text = Static(classes="text")
        self._why_reading = Reading(self._why, classes="why-reading")
        self._reading = Reading(self._text, classes="reading")
        self.form = FormPane()
        self.sampling = SamplingPane(clock)
        self._said = Static(classes="said")

    def compose(self) -> ComposeResult:
        box = Vertical(id="requests")
        box.border_title = "Requests from servers"
        with box:
            with Horizontal(id="requests-body"):
                yield self.list
                with Vertical(id="request"):
                    yield self._who
                    yield self._why_reading
                    yield self._reading
                    yield self.form
                    yield self.sampling
                    yield self._said
            yield KeyBar()

    def on_mount(self) -> None:
        self.set_interval(1.0, self._tick)
        self._say("")
        self.show()

    def on_screen_resume(self) -> None:
        self._drafts.changed = self._written
        self.show()

    def on_unmount(self) -> None:
        self._drafts.changed = lambda: None

    # ------------------------------------------------------------------ what is shown

    def show(self) -> None:
        """The newest of the desk."""
        waiting = self._desk.pending()
        self._drafts.keep_only(waiting)
        self.list.show(waiting, self._desk.settled())
        self._mark_writing()
        self._show_row()

    def _mark_writing(self) -> None:
        writing = (r.id for r in self._desk.pending() if r.kind is RequestKind.SAMPLING)
        self.list.running = frozenset(id_ for id_ in writing if self._drafts.asking(id_))

    @on(RowList.Moved)
    def _moved(self, event: RowList.Moved) -> None:
        event.stop()
        self._show_row()

    def _show_row(self) -> None:
        key = self.list.current_key or ""
        before, self._shown = self._shown, key
        request, settled = self.list.waiting, self.list.settled
        if key != before:
            self._guard_until = self._clock() + GUARD_S if before is not None else 0.0
            self._say("")
            if before is not None and not self.list.has_focus:
                # What was being answered is gone: what is typed now belongs nowhere.
                self.list.focus()
        self._heads(request or (settled.request if settled is not None else None))
        kind = request.kind if request is not None else None
        self.form.display = kind is RequestKind.FORM
        self.sampling.display = kind is RequestKind.SAMPLING
        self._reading.display = kind in (None, RequestKind.URL)
        if request is None:
            lines = settled_lines(settled) if settled is not None else _nothing()
            self._text.update(Content("\n").join(lines))
        elif kind is RequestKind.URL:
            self._text.update(Content("\n").join(self._page(request)))
        elif kind is RequestKind.SAMPLING:
            self.sampling.show(request, self._drafts.sampling(request))
        elif key != before or self.form.item is not self._drafts.form(request):
            self.run_worker(partial(self._show_form, request), group="form", exclusive=True)
        self.refresh_bindings()

    async def _show_form(self, request: ServerRequest) -> None:
        await self.form.show(self._drafts.form(request))
        self.form.border_title = ""
        # They tell of tools: what a form does is not known.
        self.form.facts.display = False

    def _heads(self, request: ServerRequest | None) -> None:
        self._who.display = self._why_reading.display = request is not None
        if request is None:
            return
        head: list[Content | str | tuple[str, str]] = [
            safe.marked_name(request.server).stylize("bold"),
            f" {ASKS[request.kind]}",
        ]
        if self.list.waiting is not None:
            head.append((f"   {elapsed_text(self._clock() - request.asked_at)}", MUTED))
        self._who.update(Content.assemble(*head))
        called = who_called(request, self._label_of)
        why = Content.styled(f"during {called}" if request.cause else called, MUTED)
        message = request.message.strip()
        self._why.update(Content("\n").join([why, safe.marked(message)]) if message else why)

    def _page(self, request: ServerRequest) -> list[Content]:
        lines = address_lines(request)
        lines.append(Content(""))
        if not openable(request):
            words = "d declines it · c copies the address"
        elif request.id in self._drafts.opened:
            words = "Opened in your browser. F9 when you have finished there · d declines"
        elif request.waits_for_finish:
            words = "o opens it in your browser · c copies it · F9 when you have finished there · d declines"
        else:
            words = "o opens it and tells the server so · c copies it · F9 says you have opened it · d declines"
        lines.append(Content.styled(words, MUTED))
        if request.required:
            lines.append(Content.styled("The call was refused until you have been there; F9 makes it again.", MUTED))
        return lines

    def _tick(self) -> None:
        self.list.refresh()
        request = self.list.waiting
        if request is not None:
            self._heads(request)
            if request.kind is RequestKind.SAMPLING:
                self.sampling.update_answer()

    def _written(self) -> None:
        """A model wrote more: follow at most so often."""
        if self._later is None and self.is_mounted:
            self._later = self.set_timer(WRITING_S, self._follow)

    def _follow(self) -> None:
        self._later = None
        self._mark_writing()
        self.list.refresh()
        if self.list.waiting is not None and self.list.waiting.kind is RequestKind.SAMPLING:
            self.sampling.update_answer()

    def _say(self, text: str) -> None:
        self._said.update(safe.marked(text))
        self._said.display = bool(text)

    # ------------------------------------------------------------------ moving about

    def _current(self) -> ServerRequest | None:
        """The chosen request, unless it took its place this very moment."""
        return self.list.waiting if self._clock() >= self._guard_until else None

    def action_answer_request(self) -> None:
        request = self.list.waiting
        if request is None:
            return
        if request.kind is RequestKind.FORM:
            self.form.focus_arguments()
        elif request.kind is RequestKind.SAMPLING:
            self.sampling.editor.focus()
        else:
            self._reading.focus()

    def on_row_list_clicked(self, event: RowList.Clicked) -> None:
        event.stop()
        if event.again:
            self.action_answer_request()

    def action_back(self) -> None:
        """What a model writes, the answer, the dialog; the request waits on."""
        request = self.list.waiting
        if request is not None and self._drafts.stop(request):
            return
        if self.list.has_focus:
            self.dismiss(None)
        else:
            self.list.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ACTS_ON:
            request = self.list.waiting
            return request is not None and request.kind in ACTS_ON[action]
        return super().check_action(action, parameters)

    async def action_toggle_view(self) -> None:
        await self.form.toggle_view()

    def action_field_menu(self) -> None:
        self.form.form.open_menu()

    def action_run_item(self) -> None:
        """Enter on a form without fields."""
        self.action_send_answer()

    # ------------------------------------------------------------------ answering

    def action_decline_request(self) -> None:
        request = self._current()
        if request is not None:
            self._desk.decline(request.id)

    def action_cancel_request(self) -> None:
        request = self._current()
        if request is not None:
            self._desk.cancel(request.id)

    def action_send_answer(self) -> None:
        request = self._current()
        if request is None:
            return
        if request.kind is RequestKind.FORM:
            self.run_worker(partial(self._send_form, request), group="send", exclusive=True)
        elif request.kind is RequestKind.SAMPLING:
            self._send_sampling(request)
        else:
            self._accept(request, None)

    async def _send_form(self, request: ServerRequest) -> None:
        item = self._drafts.form(request)
        if item.view == "json" and item.json_draft is not None:
            self.form.say("The JSON text has an error: mend it, then F9.", "bad")
            self.form.go_to_json_error()
            return
        item.asked_to_run = True
        value = await self._checked(item)
        problems = item.report.problems
        if problems:
            more = f", and {len(problems) - 1} more" if problems[1:] else ""
            place = path_text(problems[0].path)
            what = f"{place} is missing" if problems[0].missing else f"{place} {problems[0].message}".strip()
            self.form.say(f"✗ {what}{more}", "bad")
            self.form.focus_problem(problems[0])
            return
        self._accept(request, value)

    async def _checked(self, item: OpenItem) -> JsonObject:
        """What was checked, as it stood then."""
        value = copy.deepcopy(item.document)
        report = await check_aside(item.model.reader.document, value)
        item.report = replace(report, problems=item.model.in_order(report.problems))
        self.form.show_problems()
        return value

    @on(FormPane.Changed)
    def _form_changed(self, event: FormPane.Changed) -> None:
        event.stop()
        request = self.list.waiting
        if request is not None and request.kind is RequestKind.FORM:
            self.form.say("")
            self.run_worker(partial(self._checked, self._drafts.form(request)), group="check", exclusive=True)

    def _send_sampling(self, request: ServerRequest) -> None:
        draft = self._drafts.sampling(request)
        if draft.state == "asking":
            self._say("The model still writes; esc stops it.")
            return
        if draft.state == "empty":
            self._say("There is no answer yet.")
            return
        if self._accept(request, draft.whole(), by=draft.by):
            self._drafts.remember(draft.text)

    def _accept(self, request: ServerRequest, content: JsonObject | None, *, by: str = "by hand") -> bool:
        try:
            self._desk.accept(request.id, content, by=by)
        except AppError as error:
            self._say(f"! {error.info.line()}")
            return False
        return True

    # ------------------------------------------------------------------ web pages

    def action_copy_address(self) -> None:
        request = self.list.waiting
        if request is not None:
            host(self).copy_to_clipboard(clean_line(request.url))
            self.notify("Address copied", timeout=2, markup=False)

    def action_open_address(self) -> None:
        request = self._current()
        if request is not None and openable(request):
            self.run_worker(partial(self._open, request), group="open", exclusive=True)

    async def _open(self, request: ServerRequest) -> None:
        from mcp_tui.sessions.authorisation.browser import Browser

        browser = Browser()
        opened = True
        try:
            await browser.open(clean_line(request.url))
            with suppress(TimeoutError):
                opened = await asyncio.wait_for(browser.opened(), OPEN_TIMEOUT_S)
        except (OSError, ValueError) as error:
            self._say(f"! not opened: {error}; c copies the address")
            return
        finally:
            await browser.close()
        if not opened:
            self._say("! no browser could be started here; c copies the address")
            return
        self._drafts.opened.add(request.id)
        if request.waits_for_finish:
            self._show_row()
        else:
            self._accept(request, None)

    # ------------------------------------------------------------------ models

    def action_generate(self) -> None:
        request = self._current()
        if request is None:
            return
        if self._drafts.sampling(request).model is None:
            self.action_choose_model()
            return
        self._drafts.generate(request)
        self._follow()

    def action_choose_model(self) -> None:
        from mcp_tui.ui.compare.model_picker import ModelPicker

        request, engine = self.list.waiting, self._engine
        if request is None:
            return

        def chosen(columns: tuple[ColumnSpec, ...] | None) -> None:
            if columns:
                self._drafts.sampling(request).model = columns[0].ref
                self._show_row()

        picker = ModelPicker(
            engine.registry, engine.config, engine.default_columns, engine.models, title="Who answers the server"
        )
        host(self).push_screen(picker, chosen)

    def action_canned(self) -> None:
        from mcp_tui.ui.requests.edit import CannedScreen

        request = self.list.waiting
        if request is None:
            return

        def chosen(text: str | None) -> None:
            if text is not None:
                draft = self._drafts.sampling(request)
                draft.text, draft.result, draft.answer, draft.error = text, None, None, None
                draft.state, draft.by = "written", "by hand"
                self._show_row()

        host(self).push_screen(CannedScreen([*self._drafts.canned, *CANNED]), chosen)

    def action_edit_prompt(self) -> None:
        from mcp_tui.ui.requests.edit import SamplingPromptScreen

        request = self.list.waiting
        if request is None:
            return
        draft = self._drafts.sampling(request)

        def changed(params: JsonObject | None) -> None:
            if params is not None:
                draft.params = params
                self._show_row()

        host(self).push_screen(SamplingPromptScreen(draft.params, request.server), changed)

    def action_edit_answer(self) -> None:
        from mcp_tui.ui.requests.edit import SamplingAnswerScreen

        request = self.list.waiting
        if request is None:
            return
        draft = self._drafts.sampling(request)
        if draft.state == "asking":
            return

        def changed(result: JsonObject | None) -> None:
            if result is not None:
                self._drafts.take_whole(request, result)
                self._show_row()

        host(self).push_screen(SamplingAnswerScreen(draft.whole(), tools=offers_tools(request)), changed)


CANNED = ("OK", "Yes", "No", "I do not know.")
"""What can be answered without a model and without typing."""


def _nothing() -> list[Content]:
    return [
        Content.styled("Nothing waits.", MUTED),
        Content(""),
        Content.styled("Servers ask here for forms to fill in, pages to visit and answers of a model;", MUTED),
        Content.styled("nothing is sent, opened or asked without you.", MUTED),
    ]
