"""The line of a column's search, in its bottom frame. Letters go here; the arrows still scroll the column."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding
from textual.message import Message
from textual.widgets import Input

LEFT_CELLS = 5
"""`╰─ / ` stands before it."""
RIGHT_CELLS = 14
"""The count and the corner stand behind it."""


class SearchInput(Input):
    """Posts `Changed` for every letter, `Submitted` to keep what is found, `Cancelled` to go back."""

    BINDINGS: ClassVar[list[Binding]] = [  # pyright: ignore[reportIncompatibleVariableOverride]  narrower on purpose
        Binding("enter", "submit", "keep, then n and N"),
        Binding("escape", "cancel", "back"),
    ]
    DEFAULT_CSS = f"""
    SearchInput {{
        dock: bottom; height: 1; margin: 0 {RIGHT_CELLS} 0 {LEFT_CELLS}; padding: 0; border: none;
        &:focus {{ border: none; }}
    }}
    """

    class Cancelled(Message):
        """Go back to where the search began."""

    def __init__(self, query: str) -> None:
        super().__init__(query, compact=True, select_on_focus=True)

    def action_cancel(self) -> None:
        self.post_message(self.Cancelled())
