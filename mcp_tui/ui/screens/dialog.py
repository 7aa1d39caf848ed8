"""A question with a few answers, by key or click."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from mcp_tui.ui import safe


class ConfirmScreen(ModalScreen[bool]):
    """True for yes; escape is no."""

    BINDINGS = [
        Binding("y,enter", "answer(True)", "yes"),
        Binding("n,escape", "answer(False)", "no"),
    ]
    DEFAULT_CSS = """
    ConfirmScreen { align: center middle; background: $background 60%; }
    ConfirmScreen > Vertical {
        width: auto; max-width: 72; height: auto; padding: 1 2; border: round $warning; background: $surface;
    }
    ConfirmScreen .keys { color: $text-muted; margin-top: 1; }
    ConfirmScreen Static { width: auto; max-width: 66; }
    """

    def __init__(self, question: str, *, yes: str, no: str) -> None:
        super().__init__()
        self._question = question
        self._keys = f"y {yes}   n {no}"

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(safe.block(self._question))
            yield Static(safe.label(self._keys), classes="keys")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)
