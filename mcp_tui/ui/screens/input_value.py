"""Asks for a value that the configuration leaves to the person; a password is not shown."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from mcp_tui.config import paths
from mcp_tui.config.schema import InputSpec
from mcp_tui.ui import safe
from mcp_tui.ui.status import MUTED


class InputValueScreen(ModalScreen[str | None]):
    """The value, or None after escape: the servers that want it then stay as they are."""

    BINDINGS = [Binding("escape", "dismiss(None)", "not now")]
    DEFAULT_CSS = """
    InputValueScreen { align: center middle; background: $background 60%; }
    InputValueScreen > Vertical {
        width: 70%; max-width: 90; min-width: 40; height: auto; max-height: 80%;
        border: round $primary; background: $surface; padding: 0 1;
    }
    InputValueScreen OptionList { height: auto; max-height: 12; border: none; }
    """

    def __init__(self, wanted: InputSpec) -> None:
        super().__init__()
        self._wanted = wanted

    def compose(self) -> ComposeResult:
        wanted = self._wanted
        servers = ", ".join(wanted.servers)
        with Vertical() as box:
            box.border_title = safe.label(f"Value of {wanted.id}")
            yield Static(safe.block(wanted.description or wanted.id))
            want = "want" if len(wanted.servers) > 1 else "wants"
            yield Static(safe.label(f"{servers or 'a server'} {want} it; from {paths.shown(wanted.path)}", MUTED))
            if wanted.options:
                yield OptionList(*(Option(safe.label(option)) for option in wanted.options))
            else:
                yield Input(wanted.default, password=wanted.password, compact=True)
            yield Static(Content.styled("enter uses it until mcp-tui ends · esc not now", MUTED))

    def on_mount(self) -> None:
        if self._wanted.default in self._wanted.options:
            self.query_one(OptionList).highlighted = self._wanted.options.index(self._wanted.default)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._wanted.options[event.option_index])
