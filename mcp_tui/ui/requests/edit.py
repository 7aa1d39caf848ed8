"""What a model is asked, and an answer as a whole, as JSON to be changed; and a choice of earlier answers."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from mcp_tui.core.server_requests import message_fault
from mcp_tui.core.text import marked_name
from mcp_tui.core.types import JsonObject
from mcp_tui.ui import safe
from mcp_tui.ui.forms.json_edit import JsonScreen, Verdict
from mcp_tui.ui.stylesheets import sheets


class SamplingPromptScreen(JsonScreen[JsonObject]):
    """The params of sampling/createMessage; the server is not told that they were changed."""

    CSS_PATH = sheets("requests")

    def __init__(self, params: JsonObject, server: str) -> None:
        super().__init__(params, title=f"What {marked_name(server)} asks a model", keys="^s use it · esc back")

    def judge(self, value: JsonObject) -> Verdict[JsonObject]:
        if not isinstance(value.get("messages"), list):
            return Verdict(None, "`messages` must be a list")
        return Verdict(value, "valid")


class SamplingAnswerScreen(JsonScreen[JsonObject]):
    CSS_PATH = sheets("requests")

    def __init__(self, result: JsonObject, *, tools: bool) -> None:
        super().__init__(result, title="The whole answer", keys="^s use it · esc back")
        self._tools = tools

    def judge(self, value: JsonObject) -> Verdict[JsonObject]:
        fault = message_fault(value, tools=self._tools)
        return Verdict(None, fault) if fault else Verdict(value, "valid")


class CannedScreen(ModalScreen[str | None]):
    """One of the answers given before."""

    BINDINGS = [Binding("escape", "dismiss(None)", "back")]
    DEFAULT_CSS = """
    CannedScreen { align: center middle; background: $background 60%; }
    CannedScreen OptionList, CannedScreen OptionList:focus {
        width: 76; max-width: 96%; height: auto; max-height: 16; border: round $primary; background: $surface;
    }
    """

    def __init__(self, answers: Sequence[str]) -> None:
        super().__init__()
        self._answers = list(answers)

    def compose(self) -> ComposeResult:
        menu = OptionList(*(Option(safe.marked_line(text[:400])) for text in self._answers))
        menu.border_title = "Answer with"
        yield menu

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._answers[event.option_index])
