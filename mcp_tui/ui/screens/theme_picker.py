"""Choose a theme; the highlighted one is shown at once, escape puts the old one back."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from mcp_tui.ui import safe
from mcp_tui.ui.running_app import host


class ThemePicker(ModalScreen[str | None]):
    """The chosen theme's name, or None."""

    BINDINGS = [Binding("escape", "restore", "back")]
    DEFAULT_CSS = """
    ThemePicker { align: right top; background: transparent; }
    ThemePicker > OptionList {
        width: 28; height: auto; max-height: 70%; margin: 1 2; border: round $primary;
        border-title-color: $accent; background: $surface;
    }
    """

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self._names = names
        self._before = ""

    def compose(self) -> ComposeResult:
        themes = OptionList(*(Option(safe.label(name)) for name in self._names), compact=True)
        themes.border_title = "Theme"
        themes.border_subtitle = "enter keep · esc back"
        yield themes

    def on_mount(self) -> None:
        self._before = host(self).theme
        themes = self.query_one(OptionList)
        if self._before in self._names:
            themes.highlighted = self._names.index(self._before)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        host(self).theme = self._names[event.option_index]

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._names[event.option_index])

    def action_restore(self) -> None:
        host(self).theme = self._before
        self.dismiss(None)
