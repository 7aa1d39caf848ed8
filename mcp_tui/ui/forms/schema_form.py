"""A form for the arguments of one item: one row per place, drawn from the pure model in core.form_rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from mcp_tui.core.argument_document import Path, delete_at, set_at
from mcp_tui.core.form_fields import ABSENT
from mcp_tui.core.form_rows import ACTION_WORDS, Action, ArgumentRow, FormModel, RowKind, visible_place
from mcp_tui.core.json_values import as_text
from mcp_tui.core.text import marked_name
from mcp_tui.core.validation import Problem
from mcp_tui.ui import safe
from mcp_tui.ui.forms.field_row import INDENT, FormRow
from mcp_tui.ui.running_app import host

MAX_LABEL_CELLS = 26
MIN_LABEL_CELLS = 8


class ActionMenu(ModalScreen[Action | None]):
    """What can be done with one field."""

    BINDINGS = [Binding("escape,f7", "dismiss(None)", "back")]
    DEFAULT_CSS = """
    ActionMenu { align: center middle; background: $background 60%; }
    ActionMenu OptionList, ActionMenu OptionList:focus {
        width: 40; height: auto; max-height: 14; border: round $primary; background: $surface;
    }
    """

    def __init__(self, title: str, actions: Sequence[Action]) -> None:
        super().__init__()
        self._title = title
        self._actions = list(actions)

    def compose(self) -> ComposeResult:
        menu = OptionList(*(Option(ACTION_WORDS[action], id=action.value) for action in self._actions), markup=False)
        menu.border_title = safe.marked_name(self._title)  # pyright: ignore[reportAttributeAccessIssue]  Content is taken as it is
        yield menu

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._actions[event.option_index])


class NoArguments(Static, can_focus=True):
    """Stands where a form would be; enter runs."""

    BINDINGS = [Binding("enter", "screen.run_item", "run")]


class SchemaForm(Vertical):
    """`load` shows a document; edits change that document in place and are announced by `Edited`."""

    class Edited(Message):
        """The document changed."""

    class RowFocused(Message):
        """`row`: where the person is."""

        def __init__(self, row: ArgumentRow) -> None:
            super().__init__()
            self.row = row

    class CompletionWanted(Message):
        """A text was typed into a field whose values the server can complete."""

        def __init__(self, name: str, text: str) -> None:
            super().__init__()
            self.name = name
            self.text = text

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  the framework's name
        super().__init__(id=id)
        self._model: FormModel | None = None
        self._completes = False
        self._empty_text = ""
        self._problems: Mapping[Path, str] = {}
        self._lines: set[Path] = set()

    @property
    def model(self) -> FormModel | None:
        return self._model

    async def load(self, model: FormModel, *, completes: bool, empty_text: str) -> None:
        """empty_text: what stands here when there is nothing to fill in."""
        self._model = model
        self._completes = completes
        self._empty_text = empty_text
        self._problems = {}
        self._lines.clear()
        await self.recompose()

    def compose(self) -> ComposeResult:
        if self._model is None:
            return
        rows = self._model.rows()
        if not rows:
            yield NoArguments(safe.block(self._empty_text), classes="empty")
            return
        named = [row for row in rows if row.kind not in (RowKind.GROUP, RowKind.ADD_ITEM, RowKind.MORE)]
        widest = max((row.depth * INDENT + len(marked_name(row.field.name)) + 4 for row in named), default=0)
        narrow = 18 if self.screen.size.width < 100 else MAX_LABEL_CELLS
        width = max(MIN_LABEL_CELLS, min(widest, narrow))
        for row in rows:
            lines = row.path in self._lines
            completes = self._completes and len(row.path) == 1
            yield FormRow(row, label_width=width, completes=completes, lines=lines)

    def form_rows(self) -> list[FormRow]:
        return list(self.query(FormRow))

    async def rebuild(self, focus: Path | None = None) -> None:
        """After the document changed in shape; `focus` is where to go on."""
        async with self.batch():
            await self.recompose()
        self._mark_problems()
        if focus is not None:
            self.call_after_refresh(self.focus_path, focus)

    def focus_path(self, path: Path) -> bool:
        """Go to the row of a place, or to the nearest one around it."""
        rows = {row.row.path: row for row in reversed(self.form_rows()) if row.editor is not None}
        place = visible_place(path, rows.keys())
        if place is None:
            return False
        editor = rows[place].editor
        if editor is not None:
            editor.focus()
        return True

    def focus_first(self) -> bool:
        for widget in self.query("*"):
            if widget.focusable:
                widget.focus()
                return True
        return False

    # Problems

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Each beside its field, or beside the nearest one that is drawn; the first one of a field is shown."""
        places = {row.row.path for row in self.form_rows() if row.row.kind is not RowKind.MORE}
        found: dict[Path, str] = {}
        for problem in problems:
            place = visible_place(problem.path, places) or ()
            if place != problem.path and problem.path:
                rest = ".".join(str(step + 1) if isinstance(step, int) else step for step in problem.path[len(place) :])
                text = f"{rest}: {problem.message}"
            else:
                text = problem.message
            found.setdefault(place, text)
        self._problems = found
        self._mark_problems()

    def _mark_problems(self) -> None:
        taken: set[Path] = set()
        for row in self.form_rows():
            path = row.row.path
            first = path not in taken and row.row.kind not in (RowKind.ADD_ITEM, RowKind.ADD_KEY, RowKind.MORE)
            row.show_error(self._problems.get(path, "") if first and path else "")
            taken.add(path)

    # What a person does

    def _set(self, row: ArgumentRow, value: Any) -> ArgumentRow:
        assert self._model is not None
        if value is ABSENT:
            delete_at(self._model.document, row.path)
        else:
            set_at(self._model.document, row.path, value)
        return replace(row, value=value)

    def on_form_row_edited(self, event: FormRow.Edited) -> None:
        event.stop()
        row = event.form_row.row
        event.form_row.update_value(self._set(row, event.value))
        self._refresh_heads(row.path)
        self.post_message(self.Edited())
        if self._completes and len(row.path) == 1 and isinstance(event.value, str | type(ABSENT)):
            text = as_text(event.value)
            self.post_message(self.CompletionWanted(str(row.path[0]), text))

    def _refresh_heads(self, path: Path) -> None:
        """The counts in the heads above a place."""
        assert self._model is not None
        from mcp_tui.core.argument_document import get_at

        for row in self.form_rows():
            length = len(row.row.path)
            if row.row.kind is RowKind.GROUP and 0 < length < len(path) and path[:length] == row.row.path:
                row.update_value(replace(row.row, value=get_at(self._model.document, row.row.path)))

    async def on_form_row_toggled(self, event: FormRow.Toggled) -> None:
        event.stop()
        assert self._model is not None
        row = event.form_row.row
        if row.kind is RowKind.ADD_ITEM:
            await self._changed(self._model.add_item(row))
        else:
            was_absent = row.value is ABSENT or row.value is None
            self._model.toggle(row)
            await self._changed(self._inside(row.path) if was_absent else row.path, document=was_absent)

    def _inside(self, path: Path) -> Path:
        """The first place below a group that was just opened, else the group."""
        assert self._model is not None
        inner = (row.path for row in self._model.rows() if len(row.path) > len(path) and row.path[: len(path)] == path)
        return next(inner, path)

    async def on_form_row_variant_taken(self, event: FormRow.VariantTaken) -> None:
        event.stop()
        assert self._model is not None
        self._model.take(event.form_row.row, event.index)
        await self._changed(event.form_row.row.path)
        if not event.form_row.row.path:
            self.focus_first()

    async def on_form_row_key_added(self, event: FormRow.KeyAdded) -> None:
        event.stop()
        assert self._model is not None
        path = self._model.add_key(event.form_row.row, event.name)
        if path is None:
            event.form_row.show_error("this key is there already")
            return
        await self._changed(path)

    async def on_form_row_lines_wanted(self, event: FormRow.LinesWanted) -> None:
        event.stop()
        row = event.form_row.row
        self._lines.add(row.path)
        self._set(row, event.text)
        await self._changed(row.path)

    async def _changed(self, focus: Path, *, document: bool = True) -> None:
        await self.rebuild(focus)
        if document:
            self.post_message(self.Edited())

    def focused_row(self) -> FormRow | None:
        focused = self.screen.focused
        for widget in focused.ancestors_with_self if focused is not None else ():
            if isinstance(widget, FormRow):
                return widget
        return None

    def open_menu(self) -> None:
        """F7: what can be done with the focused field."""
        found = self.focused_row()
        if found is None or self._model is None:
            return
        row, model = found.row, self._model
        actions = model.actions(row)
        if not actions:
            return

        def chosen(action: Action | None) -> None:
            if action is not None:
                self.run_worker(self._act(row, action), group="form-action")

        host(self).push_screen(ActionMenu(row.field.name or "arguments", actions), chosen)

    async def _act(self, row: ArgumentRow, action: Action) -> None:
        assert self._model is not None
        await self._changed(self._model.act(row, action))

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        widget: Widget | None = event.widget
        for parent in widget.ancestors_with_self:
            if isinstance(parent, FormRow):
                self.post_message(self.RowFocused(parent.row))
                if self._completes and len(parent.row.path) == 1:
                    text = as_text(parent.row.value)
                    self.post_message(self.CompletionWanted(str(parent.row.path[0]), text))
                return

    def offer(self, name: str, values: Sequence[str]) -> None:
        """Completions for a field, as far as it still has the focus."""
        for row in self.form_rows():
            if row.row.path == (name,):
                row.offer(values)


def field_help(row: ArgumentRow) -> Content:
    """Everything known about one field, for the line under the form."""
    place = row.field
    head = place.title if place.title and place.title != place.name else ""
    words = [head, place.description, place.limits, place.format, place.note]
    kind = place.shape.value if place.shape.value not in ("lines", "variants") else ""
    if place.nullable:
        kind = f"{kind} or null".strip()
    return safe.marked_line(" · ".join(word for word in (kind, *words) if word))
