"""An editor for plain text that a model or a person writes."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import TextArea

from mcp_tui.ui.json_style import visible


class ProseEditor(TextArea):
    DEFAULT_CSS = """
    ProseEditor { border: none; padding: 0; background: $panel; }
    ProseEditor:focus { border: none; background: $primary 15%; }
    ProseEditor:ansi, ProseEditor:focus:ansi { background: ansi_default; }
    """

    def __init__(self, text: str = "") -> None:
        super().__init__(text, soft_wrap=True, tab_behavior="focus", compact=True, show_line_numbers=False)

    def get_line(self, line_index: int) -> Text:
        return Text(visible(super().get_line(line_index).plain), end="", no_wrap=True)

    def load(self, text: str, *, at_end: bool) -> None:
        """Put this text there without an undo step; at_end: follow it as it grows."""
        if text.startswith(self.text) and len(text) > len(self.text):
            self.insert(text[len(self.text) :], self.document.end, maintain_selection_offset=not at_end)
        else:
            self.text = text
        if at_end:
            self.move_cursor(self.document.end)
