"""A request of the log as JSON, to be changed and sent again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from mcp_tui.core import json_text
from mcp_tui.core.text import clean_line
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.resending import RESENDABLE
from mcp_tui.ui.stylesheets import sheets
from mcp_tui.ui.widgets.json_editor import JsonEditor


@dataclass(frozen=True, slots=True)
class Resend:
    method: str
    params: JsonObject | None


class ResendScreen(ModalScreen[Resend | None]):
    """What to send; None when the person went back."""

    CSS_PATH = sheets("wire")
    BINDINGS = [
        Binding("escape", "dismiss(None)", "back"),
        Binding("f9,ctrl+s", "send", "send", priority=True),
    ]

    def __init__(self, server: str, request: JsonObject) -> None:
        super().__init__()
        self._server = server
        self._editor = JsonEditor(json_text.dump(request))
        self._fault = Static(classes="fault", markup=False)

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = Content(f"Send to {clean_line(self._server)}")
        box.border_subtitle = "F9 send · esc back"
        with box:
            yield self._editor
            yield self._fault

    def on_mount(self) -> None:
        self._editor.focus()
        self._check()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._check()

    def _check(self) -> Resend | None:
        """What the text means, with the fault said below it otherwise."""
        try:
            parsed = json_text.parse(self._editor.text)
        except json_text.JsonTextError as error:
            return self._say(f"! {error}", "-bad")
        decoded: object = parsed.value
        if not isinstance(decoded, dict):
            return self._say("! a request is a JSON object with `method` and `params`", "-bad")
        request = cast("JsonObject", decoded)
        method: Any = request.get("method")
        params: Any = request.get("params")
        if not isinstance(method, str) or method not in RESENDABLE:
            return self._say(f"! `method` is one of {', '.join(sorted(RESENDABLE))}", "-bad")
        if params is not None and not isinstance(params, dict):
            return self._say("! `params` is a JSON object, or left out", "-bad")
        if parsed.repairs:
            self._say(f"! read in spite of {', '.join(parsed.repairs)}", "-note")
        else:
            self._say("✓ can be sent; the id and the protocol's _meta are set anew", "-good")
        return Resend(method, cast("JsonObject | None", params))

    def _say(self, text: str, kind: str) -> None:
        self._fault.set_classes(f"fault {kind}")
        self._fault.update(Content(clean_line(text)))

    def action_send(self) -> None:
        request = self._check()
        if request is not None:
            self.dismiss(request)
