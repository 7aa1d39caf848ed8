"""JSON to be changed in a dialog, judged while it is typed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from mcp_tui.core import json_text
from mcp_tui.core.json_values import is_object
from mcp_tui.core.text import concerns, marked_line
from mcp_tui.core.types import JsonObject
from mcp_tui.ui import safe
from mcp_tui.ui.forms.json_editor import JsonEditor

Accepted = TypeVar("Accepted")


@dataclass(frozen=True, slots=True)
class Verdict(Generic[Accepted]):
    """What the text means: `value` None = it cannot be used as it is, and `said` tells why."""

    value: Accepted | None
    said: str = ""
    note: bool = False
    """Usable, and yet worth a word of warning."""


class JsonScreen(ModalScreen[Accepted | None], Generic[Accepted]):
    """What `judge` made of the text; None when the person went back."""

    BINDINGS = [
        Binding("escape", "dismiss(None)", "back"),
        Binding("f9,ctrl+s", "accept", "accept", priority=True),
    ]
    expected = "a JSON object: { ... }"
    """What the text has to be, for who wrote something else."""

    def __init__(self, value: JsonObject, *, title: str, keys: str) -> None:
        super().__init__()
        self._title = title
        self._keys = keys
        self._editor = JsonEditor(json_text.dump(value))
        self._fault = Static(classes="fault", markup=False)

    def judge(self, value: JsonObject) -> Verdict[Accepted]:
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = safe.marked_line(self._title)
        box.border_subtitle = self._keys
        with box:
            yield self._editor
            yield self._fault

    def on_mount(self) -> None:
        self._editor.focus()
        self._check()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._check()

    def _check(self) -> Accepted | None:
        try:
            parsed = json_text.parse(self._editor.text)
        except json_text.JsonTextError as error:
            self._say(f"! {error}", "-bad")
            return None
        decoded: object = parsed.value
        if not is_object(decoded):
            self._say(f"! {self.expected}", "-bad")
            return None
        verdict = self.judge(decoded)
        unseen = concerns(json.dumps(decoded, ensure_ascii=False))
        if verdict.value is None:
            self._say(f"! {verdict.said}", "-bad")
        elif unseen:
            self._say(f"! {verdict.said}; holds {unseen}", "-note")
        elif verdict.note:
            self._say(f"! {verdict.said}", "-note")
        elif parsed.repairs:
            self._say(f"! read in spite of {', '.join(parsed.repairs)}", "-note")
        else:
            self._say(f"✓ {verdict.said}", "-good")
        return verdict.value

    def _say(self, text: str, kind: str) -> None:
        self._fault.set_classes(f"fault {kind}")
        self._fault.update(Content(marked_line(text)))

    def action_accept(self) -> None:
        value = self._check()
        if value is not None:
            self.dismiss(value)
