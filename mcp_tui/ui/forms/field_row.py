"""One line of a form: label, input, state; its error stands under the input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.text import Text
from textual import events
from textual.app import ComposeResult, RenderResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static, TextArea

from mcp_tui.core.argument_document import edited_text, value_to_text
from mcp_tui.core.form_fields import ABSENT, Shape
from mcp_tui.core.form_rows import ArgumentRow, RowKind, state_words
from mcp_tui.core.json_text import dump
from mcp_tui.core.json_values import same
from mcp_tui.core.text import concerns, marked_line, marked_name
from mcp_tui.ui import safe
from mcp_tui.ui.component_colours import ink
from mcp_tui.ui.forms.choice import ChoiceLine
from mcp_tui.ui.forms.field_input import FieldInput, FieldLines, Suggestions
from mcp_tui.ui.forms.json_editor import JsonEditor
from mcp_tui.ui.stream.rows import shorten
from mcp_tui.ui.widgets import glyphs

INDENT = 2


class FormRow(Vertical):
    """Posts what a person did; the form changes the document."""

    class Edited(Message):
        """`value` is the new value, ABSENT to take it out."""

        def __init__(self, form_row: FormRow, value: Any) -> None:
            super().__init__()
            self.form_row = form_row
            self.value = value

    class Toggled(Message):
        def __init__(self, form_row: FormRow) -> None:
            super().__init__()
            self.form_row = form_row

    class VariantTaken(Message):
        def __init__(self, form_row: FormRow, index: int) -> None:
            super().__init__()
            self.form_row = form_row
            self.index = index

    class KeyAdded(Message):
        def __init__(self, form_row: FormRow, name: str) -> None:
            super().__init__()
            self.form_row = form_row
            self.name = name

    class LinesWanted(Message):
        """A text of several lines was pasted into one line."""

        def __init__(self, form_row: FormRow, text: str) -> None:
            super().__init__()
            self.form_row = form_row
            self.text = text

    def __init__(self, row: ArgumentRow, *, label_width: int, completes: bool = False, lines: bool = False) -> None:
        super().__init__(classes=f"-{row.kind.value.replace('_', '-')}")
        self.row = row
        self._label_width = label_width
        self._completes = completes
        self._lines = lines
        self.editor: Widget | None = None

    def compose(self) -> ComposeResult:
        row = self.row
        if row.kind is RowKind.MORE:
            yield Static(safe.label(f"{' ' * (row.depth * INDENT)}… {row.note}"), classes="more")
            return
        with Horizontal(classes="line"):
            if row.kind in (RowKind.GROUP, RowKind.ADD_ITEM):
                self.editor = HeadLine(row)
                yield self.editor
            else:
                yield Static(self._label(), classes="name")
                self.editor = self._editor()
                yield self.editor
            yield Static(safe.label(self._state()), classes="state")
        yield Static("", classes="concern")
        yield Static("", classes="error")
        if self._completes and isinstance(self.editor, FieldInput):
            self.editor.suggestions = Suggestions()
            yield self.editor.suggestions

    def on_mount(self) -> None:
        for label in self.query(".name").results(Static):
            label.styles.width = self._label_width
        self._show_concern()

    def _label(self) -> Content:
        row = self.row
        name = "+ key" if row.kind is RowKind.ADD_KEY else marked_name(row.field.name) or '""'
        mark = " *" if row.field.required and row.kind is not RowKind.ADD_KEY else ""
        indent = " " * (row.depth * INDENT)
        room = self._label_width - len(indent) - len(mark) - 1
        text = Content(indent + shorten(name, room))
        return text + Content.styled(mark, "$text-warning") if mark else text

    def _placeholder(self) -> str:
        place = self.row.field
        words = [marked_line(place.description).split(" ↵ ")[0], place.limits, place.format]
        if place.default is not ABSENT and self.row.value is ABSENT:
            words.insert(0, f"default {value_to_text(place, place.default)}")
        if not any(words) and place.shape not in (Shape.TEXT, Shape.LINES):
            words.append("any JSON" if place.shape is Shape.JSON else place.shape.value)
        return " · ".join(marked_line(word) for word in words if word)[:160]

    def _editor(self) -> Widget:
        row, place = self.row, self.row.field
        if row.kind is RowKind.ADD_KEY:
            return FieldInput("", placeholder="name of a new key, enter adds it")
        if row.kind is RowKind.VARIANT:
            labels = [variant.label for variant in place.variants]
            return ChoiceLine(place.name, labels, row.variant, empty="choose one")
        index = self._choice_index(row.value)
        if place.shape is Shape.BOOLEAN and index is not None:
            return ChoiceLine(place.name, ("true", "false"), None if index < 0 else index)
        if place.shape is Shape.CHOICE and index is not None:
            labels = [choice.label for choice in place.choices]
            return ChoiceLine(place.name, labels, None if index < 0 else index)
        if place.shape is Shape.NULL and row.value in (None, ABSENT):
            return ChoiceLine(place.name, ("null",), 0 if row.value is None else None)
        text = "" if row.value is None else value_to_text(place, row.value)
        if place.shape is Shape.JSON:
            editor = JsonEditor(text, line_numbers=False)
            editor.add_class("-in-place")
            editor.placeholder = Content(self._placeholder())
            return editor
        if place.shape is Shape.LINES or self._lines or "\n" in text or concerns(text):
            return FieldLines(text, placeholder=self._placeholder())
        secret = place.format == "password" or place.schema.get("writeOnly") is True
        return FieldInput(text, placeholder=self._placeholder(), secret=secret)

    def _choice_index(self, value: Any) -> int | None:
        """The index of a value among the choices, -1 for nothing chosen, None when it is none of them."""
        if value is ABSENT or value is None:
            return -1
        values = [True, False] if self.row.field.shape is Shape.BOOLEAN else [c.value for c in self.row.field.choices]
        return next((index for index, choice in enumerate(values) if same(choice, value)), None)

    def _state(self) -> str:
        if self.row.kind in (RowKind.ADD_ITEM, RowKind.ADD_KEY):
            return ""
        return state_words(self.row)

    # From the form

    def update_value(self, row: ArgumentRow) -> None:
        """The value changed by typing here: only the state word follows."""
        self.row = row
        for state in self.query(".state").results(Static):
            state.update(safe.label(self._state()))
        self._show_concern()
        if isinstance(self.editor, HeadLine):
            self.editor.row = row
            self.editor.refresh()

    def _show_concern(self) -> None:
        """What the input cannot show of its text."""
        value = self.row.value
        unseen = concerns(value) if isinstance(value, str) else ""
        for line in self.query(".concern").results(Static):
            line.update(Content(f"{' ' * self._label_width}! {unseen}"))
            line.display = bool(unseen)

    def show_error(self, message: str) -> None:
        missing = message == "required"
        for error in self.query(".error").results(Static):
            error.update(Content(f"{' ' * self._label_width}! ") + safe.label(message))
        # That something is missing needs no line of its own: the state at the end of the row says it.
        self.set_class(bool(message) and not missing, "-wrong")
        self.set_class(missing, "-missing")

    def offer(self, values: Sequence[str]) -> None:
        if isinstance(self.editor, FieldInput) and self.editor.suggestions is not None and self.editor.has_focus:
            self.editor.suggestions.styles.offset = (self._label_width, 0)
            self.editor.suggestions.offer([value for value in values if value != self.editor.value])

    # From the inputs

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.row.kind is RowKind.FIELD:
            self._typed(event.value)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._typed(event.text_area.text)

    def on_json_editor_object_pasted(self, event: JsonEditor.ObjectPasted) -> None:
        event.stop()
        if isinstance(self.editor, JsonEditor):
            self.editor.replace_all(dump(event.value))

    def _typed(self, text: str) -> None:
        row = self.row
        shown = "" if row.value is None else value_to_text(row.field, row.value)
        if text == shown:  # the input's own first report, not a person
            return
        self.post_message(self.Edited(self, edited_text(row.field, text, inside_list=row.in_list)))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()

    def on_field_input_lines_pasted(self, event: FieldInput.LinesPasted) -> None:
        event.stop()
        self.post_message(self.LinesWanted(self, event.text))

    def on_choice_line_changed(self, event: ChoiceLine.Changed) -> None:
        event.stop()
        place = self.row.field
        if self.row.kind is RowKind.VARIANT:
            self.post_message(self.VariantTaken(self, event.index))
        elif place.shape is Shape.BOOLEAN:
            self.post_message(self.Edited(self, event.index == 0))
        elif place.shape is Shape.NULL:
            self.post_message(self.Edited(self, None))
        else:
            self.post_message(self.Edited(self, place.choices[event.index].value))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if isinstance(self.editor, FieldInput) and isinstance(event.option_list, Suggestions):
            event.option_list.highlighted = event.option_index
            self.editor.value = event.option_list.chosen or ""
            event.option_list.hide()

    def on_key(self, event: events.Key) -> None:
        if event.key == "enter" and self.row.kind is RowKind.ADD_KEY and isinstance(self.editor, FieldInput):
            event.stop()
            event.prevent_default()
            if self.editor.value:
                self.post_message(self.KeyAdded(self, self.editor.value))


class HeadLine(Widget, can_focus=True):
    """The head of an object or list, or the line that adds an item: enter opens, folds or adds."""

    BINDINGS = [Binding("enter,space", "unfold", "open")]
    DEFAULT_CSS = """
    HeadLine { height: 1; width: 1fr; }
    HeadLine > .head-line--name { color: $text; text-style: bold; }
    HeadLine > .head-line--muted { color: $text-muted; }
    HeadLine > .head-line--mark { color: $text-warning; }
    HeadLine:focus { background: $primary 25%; }
    """
    COMPONENT_CLASSES = {"head-line--name", "head-line--muted", "head-line--mark"}

    def __init__(self, row: ArgumentRow) -> None:
        super().__init__()
        self.row = row

    def render(self) -> RenderResult:
        row = self.row
        muted = ink(self, "head-line--muted")
        line = Text(" " * (row.depth * INDENT), no_wrap=True, overflow="ellipsis", end="")
        if row.kind is RowKind.ADD_ITEM:
            line.append("+ add an item", muted)
            return line
        line.append(f"{glyphs.UNFOLDED if row.open else glyphs.FOLDED} ")
        line.append(marked_name(row.field.name), ink(self, "head-line--name"))
        if row.field.required:
            line.append(" *", ink(self, "head-line--mark"))
        words = [marked_line(row.field.description).split(" ↵ ")[0], row.field.limits]
        about = " · ".join(word for word in words if word)
        if about:
            line.append(f"  {about}", muted)
        return line

    def action_unfold(self) -> None:
        for widget in self.ancestors_with_self:
            if isinstance(widget, FormRow):
                widget.post_message(FormRow.Toggled(widget))
                return

    def on_click(self) -> None:
        self.action_unfold()
