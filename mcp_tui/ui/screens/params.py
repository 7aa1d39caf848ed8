"""The parameters of one column."""

from __future__ import annotations

from dataclasses import dataclass, replace

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static, TextArea

from mcp_tui.core.chat import ModelParams
from mcp_tui.core.text import clean_line
from mcp_tui.runs.spec import ColumnSpec
from mcp_tui.ui.stylesheets import sheets


@dataclass(frozen=True, slots=True)
class ChosenParams:
    params: ModelParams
    system: str


class RefusedError(ValueError):
    """What is wrong with a field, in words."""


def _temperature(text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        raise RefusedError("a number such as 0.7") from None
    if not 0 <= value <= 2:
        raise RefusedError("between 0 and 2")
    return value


def _max_tokens(text: str) -> int | None:
    if not text:
        return None
    try:
        value = int(text.replace("_", "").replace(",", ""))
    except ValueError:
        raise RefusedError("a whole number such as 4096") from None
    if value < 1:
        raise RefusedError("at least 1")
    return value


def _effort(text: str) -> str | None:
    if any(character.isspace() for character in text):
        raise RefusedError("one word such as low, medium or high")
    return text or None


class ParamsScreen(ModalScreen[ChosenParams | None]):
    """None when the person went back."""

    CSS_PATH = sheets("compare_dialogs")
    BINDINGS = [
        Binding("escape", "dismiss(None)", "back"),
        Binding("ctrl+s,f9", "save", "save", priority=True),
    ]

    def __init__(self, spec: ColumnSpec) -> None:
        super().__init__()
        self._spec = spec
        params = spec.params
        temperature = "" if params.temperature is None else f"{params.temperature:g}"
        max_tokens = "" if params.max_tokens is None else str(params.max_tokens)
        self._inputs: dict[str, Input] = {
            "temperature": Input(temperature, placeholder="the model's own", compact=True),
            "max_tokens": Input(max_tokens, placeholder="the provider's own", compact=True),
            "effort": Input(params.effort or "", placeholder="low, medium, high; empty = not sent", compact=True),
        }
        self._system = TextArea(spec.system, soft_wrap=True, compact=True, id="params-system")
        self._faults = {name: Static(classes="fault", markup=False) for name in self._inputs}

    def compose(self) -> ComposeResult:
        words = {"temperature": "temperature", "max_tokens": "max tokens", "effort": "effort"}
        box = Vertical()
        box.border_title = Content(f"Parameters of {clean_line(self._spec.label)}")
        box.border_subtitle = "enter or ^s save · esc back"
        with box:
            for name, field in self._inputs.items():
                with Horizontal(classes="field"):
                    yield Label(words[name])
                    yield field
                    yield self._faults[name]
            yield Label("system prompt", classes="above")
            yield self._system

    def on_mount(self) -> None:
        self._inputs["temperature"].focus()

    def on_input_submitted(self) -> None:
        self.action_save()

    def on_input_changed(self, event: Input.Changed) -> None:
        for name, field in self._inputs.items():
            if field is event.input:
                self._faults[name].update("")

    def action_save(self) -> None:
        name = "temperature"
        try:
            temperature = _temperature(self._value(name))
            name = "max_tokens"
            max_tokens = _max_tokens(self._value(name))
            name = "effort"
            effort = _effort(self._value(name))
        except RefusedError as error:
            self._faults[name].update(f"! {error}")
            self._inputs[name].focus()
            return
        params = replace(self._spec.params, temperature=temperature, max_tokens=max_tokens, effort=effort)
        self.dismiss(ChosenParams(params, self._system.text))

    def _value(self, name: str) -> str:
        return self._inputs[name].value.strip()
