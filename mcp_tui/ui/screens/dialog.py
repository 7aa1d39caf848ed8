"""A question with a few answers, by key or click."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import ModalScreen
from textual.widgets import Static

from mcp_tui.ui import safe
from mcp_tui.ui.running_app import host
from mcp_tui.ui.widgets.reading import Reading


def confirm(node: DOMNode, question: str | Content, then: Callable[[], object], *, yes: str, no: str) -> None:
    """`then` is done if the person says yes."""

    def answered(said: bool | None) -> None:
        if said:
            then()

    host(node).push_screen(ConfirmScreen(question, yes=yes, no=no), answered)


class ConfirmScreen(ModalScreen[bool]):
    """True for yes; escape is no."""

    BINDINGS = [
        Binding("y,enter", "answer(True)", "yes"),
        Binding("n,escape", "answer(False)", "no"),
    ]
    DEFAULT_CSS = """
    ConfirmScreen { align: center middle; background: $background 60%; }
    ConfirmScreen > Vertical {
        width: auto; max-width: 72; height: auto; max-height: 90%; padding: 1 2;
        border: round $warning; background: $surface;
    }
    ConfirmScreen .keys { color: $text-muted; margin-top: 1; }
    ConfirmScreen Static { width: auto; max-width: 66; }
    ConfirmScreen Reading { width: auto; max-width: 66; height: auto; max-height: 60vh; scrollbar-size-vertical: 1; }
    """

    def __init__(self, question: str | Content, *, yes: str, no: str) -> None:
        super().__init__()
        self._question = question if isinstance(question, Content) else safe.marked(question)
        self._keys = f"y {yes}   n {no}"

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Reading(Static(self._question))
            yield Static(safe.label(self._keys), classes="keys")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)
