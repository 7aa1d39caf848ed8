"""The inputs of one form field: one line, several lines, and the list of completions under a line."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, TextArea
from textual.widgets.option_list import Option

from mcp_tui.core.text import marked_name
from mcp_tui.ui.json_style import visible


class FieldInput(Input):
    """One line. Pasting several lines asks the form for a bigger input instead of losing all but the first."""

    BINDINGS = [
        Binding("down", "suggest_or_next(1)", "next", show=False),
        Binding("up", "suggest_or_next(-1)", "previous", show=False),
    ]

    class LinesPasted(Message):
        """`text`: the whole value as it would be, line breaks kept."""

        def __init__(self, field_input: FieldInput, text: str) -> None:
            super().__init__()
            self.field_input = field_input
            self.text = text

    def __init__(self, value: str, *, placeholder: str, secret: bool = False) -> None:
        """placeholder: cleaned by the caller."""
        super().__init__(value, placeholder=placeholder, compact=True, select_on_focus=False, password=secret)
        self.suggestions: Suggestions | None = None

    @property
    def _value(self) -> Text:
        # The framework draws what this returns: control characters of a default or a completion must not.
        return Text(visible(super()._value.plain), no_wrap=True, overflow="ignore", end="")

    def _on_paste(self, event: events.Paste) -> None:
        text = event.text.replace("\r\n", "\n").replace("\r", "\n")
        if "\n" not in text.rstrip("\n"):
            event.prevent_default()
            event.stop()
            start, end = sorted(self.selection)
            self.replace(text.rstrip("\n"), start, end)
            return
        event.prevent_default()
        event.stop()
        start, end = sorted(self.selection)
        self.post_message(self.LinesPasted(self, self.value[:start] + text + self.value[end:]))

    def action_suggest_or_next(self, by: int) -> None:
        if self.suggestions is not None and self.suggestions.shown:
            self.suggestions.move(by)
        elif by > 0:
            self.screen.focus_next()
        else:
            self.screen.focus_previous()

    async def _on_key(self, event: events.Key) -> None:
        popup = self.suggestions
        if popup is not None and popup.shown:
            if event.key == "escape":
                popup.hide()
                event.stop()
                event.prevent_default()
            elif event.key in ("enter", "tab") and popup.chosen is not None:
                self.value = popup.chosen
                self.cursor_position = len(self.value)
                popup.hide()
                event.stop()
                event.prevent_default()

    async def action_submit(self) -> None:
        self.screen.focus_next()

    def on_blur(self, _event: events.Blur) -> None:
        if self.suggestions is not None:
            self.suggestions.hide()


class FieldLines(TextArea):
    """Several lines; grows with its text up to eight."""

    DEFAULT_CSS = """
    FieldLines { height: auto; min-height: 2; max-height: 8; border: none; padding: 0; width: 1fr; }
    FieldLines:focus { border: none; }
    """

    def __init__(self, text: str, *, placeholder: str) -> None:
        super().__init__(text, tab_behavior="focus", compact=True, placeholder=Content(placeholder))

    def get_line(self, line_index: int) -> Text:
        return Text(visible(super().get_line(line_index).plain), end="", no_wrap=True)


class Suggestions(OptionList, can_focus=False):
    """Completions from the server, over what stands below."""

    DEFAULT_CSS = """
    Suggestions {
        display: none; overlay: screen; constrain: none inside; width: 40; height: auto; max-height: 8;
        border: round $primary; background: $surface; padding: 0; text-wrap: nowrap; text-overflow: ellipsis;
    }
    Suggestions.-shown { display: block; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._values: tuple[str, ...] = ()

    @property
    def shown(self) -> bool:
        return self.has_class("-shown")

    @property
    def chosen(self) -> str | None:
        """None until one was moved to: enter then goes on to the next field as ever."""
        return None if self.highlighted is None else self._values[self.highlighted]

    def offer(self, values: Sequence[str]) -> None:
        self._values = tuple(values)
        self.set_options(Option(Content(marked_name(value) or '""')) for value in values)
        self.highlighted = None
        self.set_class(bool(values), "-shown")

    def hide(self) -> None:
        self.set_class(False, "-shown")

    def move(self, by: int) -> None:
        count = len(self._values)
        if self.highlighted is None:
            self.highlighted = 0 if by > 0 else count - 1
        else:
            self.highlighted = (self.highlighted + by) % count
