"""An editor for JSON text: coloured without a grammar library, and told apart by tabs that leave it."""

from __future__ import annotations

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widgets import TextArea

from mcp_tui.core.json_text import JsonTextError, parse
from mcp_tui.core.json_values import is_object
from mcp_tui.core.types import JsonObject
from mcp_tui.ui.component_colours import ink
from mcp_tui.ui.json_style import json_spans, visible


class JsonEditor(TextArea):
    """`replace_all` keeps what was there reachable by undo."""

    DEFAULT_CSS = """
    JsonEditor { border: none; padding: 0; height: 1fr; background: transparent; }
    JsonEditor:focus { border: none; }
    JsonEditor > .json-editor--key { color: $text-primary; }
    JsonEditor > .json-editor--string { color: $text-success; }
    JsonEditor > .json-editor--number { color: $text-warning; }
    JsonEditor > .json-editor--literal { color: $text-accent; }
    """
    COMPONENT_CLASSES = {f"json-editor--{kind}" for kind in ("key", "string", "number", "literal")}

    def __init__(self, text: str = "", *, id: str | None = None, line_numbers: bool = True) -> None:  # noqa: A002  the framework's name
        super().__init__(
            text,
            id=id,
            show_line_numbers=line_numbers,
            tab_behavior="focus",
            soft_wrap=True,
            compact=True,
        )
        self.indent_width = 2

    def get_line(self, line_index: int) -> Text:
        line = Text(visible(super().get_line(line_index).plain), end="", no_wrap=True)
        for start, end, kind in json_spans(line.plain):
            line.stylize(ink(self, f"json-editor--{kind}"), start, end)
        return line

    class ObjectPasted(Message):
        """A whole JSON object was pasted in place of everything; `repairs` is what had to be forgiven."""

        def __init__(self, value: JsonObject, repairs: tuple[str, ...]) -> None:
            super().__init__()
            self.value = value
            self.repairs = repairs

    async def _on_paste(self, event: events.Paste) -> None:
        if self._replaceable():
            try:
                parsed = parse(event.text)
            except JsonTextError:
                parsed = None
            if parsed is not None and is_object(parsed.value):
                event.prevent_default()
                event.stop()
                self.post_message(self.ObjectPasted(parsed.value, parsed.repairs))

    def _replaceable(self) -> bool:
        """Nothing is written here, or all of it is selected, or the cursor stands outside the braces."""
        text = self.text.strip()
        if text in ("", "{}") or self.selected_text.strip() == text:
            return True
        before = self.get_text_range(self.document.start, self.cursor_location).strip()
        return not before or before == text

    def replace_all(self, text: str) -> None:
        """One edit over the whole text: ctrl+z brings the old one back. No change, no edit."""
        if text != self.text:
            self.replace(text, self.document.start, self.document.end, maintain_selection_offset=False)
            self.move_cursor((0, 0))

    def go_to(self, line: int, column: int) -> None:
        """1-based, as error messages count."""
        self.move_cursor(self.clamp_visitable((line - 1, column - 1)))
