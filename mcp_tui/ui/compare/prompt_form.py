"""The arguments of an MCP prompt, with the server's own suggestions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input, Label, Static

from mcp_tui.core.state import PromptInfo
from mcp_tui.core.text import clean_line, marked_name
from mcp_tui.ui import safe
from mcp_tui.ui.stylesheets import sheets

Complete = Callable[[str, str, Mapping[str, str]], Awaitable[tuple[str, ...]]]
"""(argument, typed so far, the other arguments) -> suggestions; never raises."""


class _ServerSuggester(Suggester):
    def __init__(self, argument: str, complete: Complete, others: Callable[[str], Mapping[str, str]]) -> None:
        # No cache: what fits may depend on the other arguments.
        super().__init__(use_cache=False, case_sensitive=True)
        self._argument = argument
        self._complete = complete
        self._others = others

    async def get_suggestion(self, value: str) -> str | None:
        found = await self._complete(self._argument, value, self._others(self._argument))
        return next((clean_line(text) for text in found if clean_line(text).startswith(value)), None)


class PromptForm(ModalScreen[dict[str, str] | None]):
    """The arguments that were filled in; None when the person went back."""

    CSS_PATH = sheets("compare_dialogs")
    BINDINGS = [
        Binding("escape", "dismiss(None)", "back"),
        Binding("ctrl+s,f9", "insert", "insert", priority=True),
    ]

    def __init__(self, prompt: PromptInfo, complete: Complete) -> None:
        super().__init__()
        self._prompt = prompt
        self._fields = [
            Input(
                placeholder="" if argument.required else "optional",
                suggester=_ServerSuggester(argument.name, complete, self._filled),
                compact=True,
            )
            for argument in prompt.arguments
        ]
        self._fault = Static(classes="fault", markup=False)

    def _filled(self, without: str) -> dict[str, str]:
        """What stands in the other fields."""
        pairs = zip(self._prompt.arguments, self._fields, strict=True)
        return {argument.name: field.value for argument, field in pairs if field.value and argument.name != without}

    def compose(self) -> ComposeResult:
        box = VerticalScroll(can_focus=False)
        box.border_title = Content(f"/{marked_name(self._prompt.server)}:{marked_name(self._prompt.name)}")
        box.border_subtitle = "enter next, then insert · → take suggestion · esc back"
        with box:
            if self._prompt.description:
                yield Static(safe.marked(self._prompt.description), classes="intro")
            for argument, field in zip(self._prompt.arguments, self._fields, strict=True):
                with Horizontal(classes="field"):
                    mark = "*" if argument.required else " "
                    yield Label(safe.marked_name(argument.title or argument.name) + mark)
                    yield field
                if argument.description:
                    yield Static(safe.marked_line(argument.description), classes="about")
            yield self._fault

    def on_mount(self) -> None:
        self._fields[0].focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        at = self._fields.index(event.input)
        if at + 1 < len(self._fields):
            self._fields[at + 1].focus()
        else:
            self.action_insert()

    def action_insert(self) -> None:
        values: dict[str, str] = {}
        for argument, field in zip(self._prompt.arguments, self._fields, strict=True):
            if field.value:
                values[argument.name] = field.value
            elif argument.required:
                self._fault.update(Content(f"! {marked_name(argument.title or argument.name)} is required"))
                field.focus()
                return
        self.dismiss(values)
