"""The Workbench's middle: what an item is, and its arguments as a form and as JSON, kept in step."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static, TextArea

from mcp_tui.core.argument_document import path_text, starting_arguments
from mcp_tui.core.form_fields import SchemaReader
from mcp_tui.core.form_rows import ArgumentRow
from mcp_tui.core.json_text import JsonTextError, dump, parse
from mcp_tui.core.json_values import is_object
from mcp_tui.core.state import ServerSnapshot
from mcp_tui.core.text import mark
from mcp_tui.core.types import JsonObject
from mcp_tui.core.validation import Problem
from mcp_tui.ui import safe
from mcp_tui.ui.forms.json_editor import JsonEditor
from mcp_tui.ui.forms.open_item import OpenItem, facts, runs_word, takes_arguments
from mcp_tui.ui.forms.schema_form import SchemaForm, field_help
from mcp_tui.ui.status import server_state
from mcp_tui.ui.widgets.tab_line import TabLine

VIEW_TABS = [("form", "Form"), ("json", "JSON")]
SHORT_LINES = 3


class About(Static, can_focus=False):
    """A description; a long one is cut until it is opened."""

    BINDINGS = [Binding("enter,space", "unfold", "whole description")]

    def __init__(self) -> None:
        super().__init__("", classes="about")
        self._full = False
        self._text = ""

    def show(self, text: str) -> None:
        self._text, self._full = text.strip(), False
        self._draw()

    def _draw(self) -> None:
        width = max(20, self.size.width or 60)
        kept: list[str] = []
        room = 1 if self.screen.size.width < 100 else SHORT_LINES
        for line in self._text.split("\n"):
            rows = max(1, -(-len(line) // width))
            if not self._full and rows > room:
                if room > 0 and line:
                    kept.append(line[: room * width - 12])
                break
            room -= rows
            kept.append(line)
        shown = "\n".join(kept).rstrip()
        cut = shown != self._text
        self.can_focus = cut or self._full
        self.display = bool(self._text)
        self.update(Content(shown) + (Content.styled(" … more", "$text-accent") if cut else Content("")))

    def on_resize(self) -> None:
        if not self._full:
            self._draw()

    def action_unfold(self) -> None:
        self._full = not self._full
        self._draw()

    def on_click(self) -> None:
        if self.can_focus:
            self.action_unfold()


class FormPane(Vertical):
    """`show` puts up an item. The document belongs to the item; both views write into it."""

    class Changed(Message):
        """The arguments are other ones now."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  the framework's name
        super().__init__(id=id, classes="pane")
        self.tabs = TabLine(VIEW_TABS)
        self.facts = Static("", classes="facts")
        self.about = About()
        self.notice = Static("", classes="notice")
        self.form = SchemaForm()
        self.editor = JsonEditor()
        self.help = Static("", classes="help")
        self._item: OpenItem | None = None
        self._row: ArgumentRow | None = None

    def compose(self) -> ComposeResult:
        yield self.tabs
        yield self.facts
        yield self.about
        yield self.notice
        with VerticalScroll(can_focus=False, classes="body"):
            yield self.form
        yield self.editor
        yield self.help

    def on_mount(self) -> None:
        self.show_empty("")

    @property
    def item(self) -> OpenItem | None:
        return self._item

    def show_empty(self, text: str) -> None:
        """Nothing is open."""
        self._item = None
        self.border_title = "Item"
        self.set_class(True, "-empty")
        self.set_class(False, "-json")
        self.facts.update("")
        self.about.show(text)
        self.tabs.show(status=())
        self.say("")
        self.help.update("")

    async def show(self, item: OpenItem) -> None:
        """Everything anew, also after the definition changed."""
        self._item = item
        self._row = None
        definition = item.definition
        self.set_class(False, "-empty")
        title = f"  {definition.title}" if definition.title not in ("", definition.name) else ""
        self.border_title = safe.marked_line(f"{item.key.server} › {definition.name}{title}")  # pyright: ignore[reportAttributeAccessIssue]  Content is taken as it is
        self.facts.update(safe.marked_line(facts(definition)))
        self.facts.display = bool(facts(definition))
        self.about.show(mark(definition.description).text)
        self._say_notice()
        word = runs_word(item.key.kind)
        noun = "This tool takes no arguments" if item.key.kind == "tool" else "Nothing to fill in"
        completes = item.key.kind in ("prompt", "template")
        await self.form.load(item.model, completes=completes, empty_text=f"{noun}. Enter {word}.")
        self.editor.load_text(item.json_draft if item.json_draft is not None else dump(item.document))
        self._show_view()
        self.show_problems()

    def show_server(self, server: ServerSnapshot | None, now: float, live: Sequence[tuple[str, str]] = ()) -> None:
        """The state of the item's server, at the end of the tab line; live: what goes on by itself, (text, tone)."""
        item = self._item
        if item is None:
            return
        status: list[tuple[str, str]] = []
        if server is None or not server.status.usable:
            state = server_state(server, now) if server is not None else None
            status.append((str(state) if state is not None else "○ gone", "wait"))
        status.extend(live)
        if item.history_at >= 0 and item.history:
            status.append((f"used before {item.history_at + 1}/{len(item.history)}", "muted"))
        self.tabs.show(active=item.view, status=status)

    def _say_notice(self) -> None:
        self.say(self._item.notice if self._item is not None else "", "warn")

    def say(self, text: str, tone: str = "warn") -> None:
        """One sentence above the arguments; tone: warn, bad or good."""
        self.notice.update(safe.marked(text))
        for known in ("warn", "bad", "good"):
            self.notice.set_class(known == tone, f"-{known}")
        self.notice.display = bool(text)

    # Views

    def _show_view(self) -> None:
        item = self._item
        if item is None:
            return
        self.set_class(item.view == "json", "-json")
        self.tabs.show(active=item.view)
        self._show_help()

    async def toggle_view(self) -> None:
        item = self._item
        if item is None:
            return
        if item.view == "form":
            item.view = "json"
            if item.json_draft is None:
                self.editor.replace_all(dump(item.document))
            self._show_view()
            self.editor.focus()
            self.show_problems()
            return
        if item.json_draft is not None and not self.notice.has_class("-json-held"):
            error = self._json_error() or "the JSON is not valid yet"
            self.say(
                f"{error}. Mend it, or F8 again for the form with the last valid arguments; the text is kept.", "bad"
            )
            self.notice.add_class("-json-held")
            return
        held = item.json_draft is not None
        item.view = "form"
        await self.form.rebuild()
        self._show_view()
        if held:
            self.say("The JSON text has an error and is kept; the form shows the last valid arguments.", "warn")
        else:
            self._say_notice()
        self.show_problems()
        self.focus_arguments()

    def focus_arguments(self) -> None:
        item = self._item
        if item is None:
            return
        if item.view == "json":
            self.editor.focus()
        else:
            self.form.focus_first()

    async def document_replaced(self) -> None:
        """The whole document is another one: both views follow; undo in the JSON view goes back."""
        item = self._item
        if item is None:
            return
        item.json_draft = None
        self.editor.replace_all(dump(item.document))
        await self.form.rebuild()
        self.show_problems()

    async def rebuild_for(self, item: OpenItem) -> None:
        """The same item with another definition."""
        await self.show(item)

    # JSON

    def _json_error(self) -> str:
        """Why the text in the editor is no arguments, or ""."""
        try:
            value = parse(self.editor.text).value
        except JsonTextError as error:
            return f"Line {error.line}, column {error.column}: {error.reason}"
        return "" if is_object(value) else "The arguments must be one object: { … }"

    def go_to_json_error(self) -> None:
        """Put the cursor where the text stops making sense."""
        try:
            parse(self.editor.text)
        except JsonTextError as error:
            self.editor.go_to(error.line, error.column)
        self.editor.focus()

    @on(TextArea.Changed)
    def _json_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        item = self._item
        if item is None or event.text_area is not self.editor or item.view != "json":
            return
        self._read_json(item)

    def _read_json(self, item: OpenItem) -> None:
        self.notice.remove_class("-json-held")
        try:
            parsed = parse(self.editor.text)
        except JsonTextError as error:
            item.json_draft = self.editor.text
            self._json_status(f"! line {error.line}, column {error.column}: {error.reason}", "bad")
            return
        if not is_object(parsed.value):
            item.json_draft = self.editor.text
            self._json_status("! the arguments must be one object: { … }", "bad")
            return
        item.json_draft = None
        value: JsonObject = parsed.value
        if value != item.document or dump(value) != dump(item.document):
            item.replace_document(value)
            item.history_at = -1
            self.post_message(self.Changed())
        if parsed.repairs:
            self._json_status(f"✓ read, forgiving {', '.join(parsed.repairs)}", "good")
        else:
            self._show_help()

    @on(JsonEditor.ObjectPasted)
    def _object_pasted(self, event: JsonEditor.ObjectPasted) -> None:
        event.stop()
        self.editor.replace_all(dump(event.value))
        if event.repairs and self._item is not None:
            self.say(f"Pasted, forgiving {', '.join(event.repairs)}. ctrl+z takes it back.", "good")

    def _json_status(self, text: str, tone: str) -> None:
        self.help.update(safe.label(text))
        for known in ("warn", "bad", "good"):
            self.help.set_class(known == tone, f"-{known}")

    async def take_text(self, text: str) -> None:
        """A text written elsewhere ($EDITOR) as the new JSON; shown as JSON when it is not valid."""
        item = self._item
        if item is None:
            return
        before = item.view
        item.view = "json"
        self._show_view()
        self.editor.replace_all(text)
        self._read_json(item)
        if item.json_draft is None and before == "form":
            item.view = "form"
            self.editor.replace_all(dump(item.document))
            await self.form.rebuild()
            self._show_view()
        self.focus_arguments()

    # Form

    @on(SchemaForm.Edited)
    def _form_edited(self, event: SchemaForm.Edited) -> None:
        event.stop()
        item = self._item
        if item is None:
            return
        if item.json_draft is not None:
            # The rejected text stays one undo away.
            item.json_draft = None
            self._say_notice()
        item.history_at = -1
        self.post_message(self.Changed())

    @on(SchemaForm.RowFocused)
    def _row_focused(self, event: SchemaForm.RowFocused) -> None:
        event.stop()
        self._row = event.row
        self._show_help()

    def _show_help(self) -> None:
        item = self._item
        if item is None:
            return
        problems = self._visible_problems(item)
        for known in ("warn", "bad", "good"):
            self.help.remove_class(f"-{known}")
        if item.view == "json":
            if problems:
                first = problems[0]
                place = f"{path_text(first.path)}: " if first.path else ""
                more = f"  (+{len(problems) - 1} more)" if len(problems) > 1 else ""
                self._json_status(f"! {place}{first.message}{more}", "warn")
            else:
                self._json_status("✓ valid JSON", "good" if takes_arguments(item) else "warn")
        elif self._row is not None:
            self.help.update(field_help(self._row))
        else:
            self.help.update("")

    # Problems

    def _visible_problems(self, item: OpenItem) -> Sequence[Problem]:
        return [problem for problem in item.report.problems if item.asked_to_run or not problem.missing]

    def show_problems(self) -> None:
        """The item's report, beside the fields and under the JSON."""
        item = self._item
        if item is None:
            return
        problems = self._visible_problems(item)
        self.form.show_problems(problems)
        if item.json_draft is None:
            self._show_help()

    def focus_problem(self, problem: Problem) -> None:
        """Go to the first bad field; in the JSON view the cursor stays."""
        if self._item is not None and self._item.view == "form" and self.form.focus_path(problem.path):
            return
        self.focus_arguments()

    async def clear(self) -> None:
        """Back to the defaults."""
        item = self._item
        if item is not None:
            item.replace_document(starting_arguments(item.model.reader))
            await self.document_replaced()
            self.post_message(self.Changed())


def with_definition(item: OpenItem, reader: SchemaReader) -> None:
    """Read the same arguments by another schema."""
    item.model.reader = reader
    item.model.chosen.clear()
    item.draft = copy.deepcopy(item.document)
