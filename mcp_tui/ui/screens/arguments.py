"""The arguments of a call that waits for approval, as JSON to be changed."""

from __future__ import annotations

from typing import cast

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from mcp_tui.core import json_text
from mcp_tui.core.state import ApprovalQuestion
from mcp_tui.core.text import clean_line
from mcp_tui.core.types import JsonObject
from mcp_tui.ui.stylesheets import sheets
from mcp_tui.ui.widgets.json_editor import JsonEditor


class ArgumentsScreen(ModalScreen[JsonObject | None]):
    """The new arguments; None when the person went back: the question still waits then."""

    CSS_PATH = sheets("compare_dialogs")
    BINDINGS = [
        Binding("escape", "dismiss(None)", "back"),
        Binding("ctrl+s,f9", "run", "run once with these", priority=True),
    ]

    def __init__(self, question: ApprovalQuestion) -> None:
        super().__init__()
        self._question = question
        self._editor = JsonEditor(json_text.dump(question.arguments))
        self._fault = Static(classes="fault", markup=False)

    def compose(self) -> ComposeResult:
        tool = self._question.tool
        box = Vertical()
        box.border_title = Content(f"Arguments of {clean_line(tool.server)}.{clean_line(tool.name)}")
        box.border_subtitle = "^s run once with these · esc back"
        with box:
            yield self._editor
            yield self._fault

    def on_mount(self) -> None:
        self._editor.focus()
        self._check()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._check()

    def _check(self) -> JsonObject | None:
        """What the text means, with the fault said below it otherwise."""
        text = self._editor.text
        try:
            parsed = json_text.parse(text)
        except json_text.JsonTextError as error:
            self._say(f"! {error}", "-bad")
            return None
        decoded: object = parsed.value
        if not isinstance(decoded, dict):
            self._say("! arguments are a JSON object: { ... }", "-bad")
            return None
        value = cast("JsonObject", decoded)
        missing = _missing(self._question.tool.input_schema, value)
        if missing:
            self._say(f"! the tool's schema also requires: {', '.join(missing)}", "-note")
        elif parsed.repairs:
            self._say(f"! read in spite of {', '.join(parsed.repairs)}", "-note")
        else:
            self._say("✓ valid JSON", "-good")
        return value

    def _say(self, text: str, kind: str) -> None:
        self._fault.set_classes(f"fault {kind}")
        self._fault.update(Content(clean_line(text)))

    def action_run(self) -> None:
        value = self._check()
        if value is not None:
            self.dismiss(value)


def _missing(schema: JsonObject, value: JsonObject) -> list[str]:
    """Required names that are absent; a schema that makes no sense requires nothing."""
    required: object = schema.get("required")
    if not isinstance(required, list):
        return []
    names: list[object] = required  # pyright: ignore[reportUnknownVariableType]  a server may send anything
    return [clean_line(name) for name in names if isinstance(name, str) and name not in value]
