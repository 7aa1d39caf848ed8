"""The parameters of one column, and what is known about its model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static, TextArea

from mcp_tui.core.chat import ModelParams
from mcp_tui.core.text import clean, clean_line
from mcp_tui.runs.spec import ColumnSpec
from mcp_tui.ui.compare.column_facts import ColumnFacts
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
    value = _whole(text, "a whole number such as 4096")
    if value is not None and value < 1:
        raise RefusedError("at least 1")
    return value


def _seed(text: str) -> int | None:
    return _whole(text, "a whole number such as 42")


def _whole(text: str, wants: str) -> int | None:
    if not text:
        return None
    try:
        return int(text.replace("_", "").replace(",", ""))
    except ValueError:
        raise RefusedError(wants) from None


def _effort(text: str) -> str | None:
    if any(character.isspace() for character in text):
        raise RefusedError("one word such as low, medium or high")
    return text or None


def _stop(text: str) -> tuple[str, ...]:
    """Separated by ` | `; `\\n` stands for a line end."""
    parts = (part.strip(" ") for part in text.split(" | "))
    return tuple(part.replace("\\n", "\n") for part in parts if part)


def _stop_text(stop: tuple[str, ...]) -> str:
    return " | ".join(text.replace("\n", "\\n") for text in stop)


def _text(value: object) -> str:
    return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class _Field:
    word: str
    read: Callable[[str], Any]
    write: Callable[[Any], str]
    placeholder: str


_FIELDS = {
    "temperature": _Field("temperature", _temperature, lambda t: "" if t is None else f"{t:g}", "the model's own"),
    "max_tokens": _Field("max tokens", _max_tokens, _text, "the provider's own"),
    "effort": _Field("effort", _effort, _text, "low, medium, high; empty = not sent"),
    "seed": _Field("seed", _seed, _text, "empty = not sent"),
    "stop": _Field("stop", _stop, _stop_text, "texts that end the answer, between them  |  ; \\n is a line end"),
}


class ParamsScreen(ModalScreen[ChosenParams | None]):
    """None when the person went back."""

    CSS_PATH = sheets("compare_dialogs")
    BINDINGS = [
        Binding("escape", "dismiss(None)", "back"),
        Binding("ctrl+s,f9", "save", "save", priority=True),
    ]

    def __init__(self, spec: ColumnSpec, facts: ColumnFacts) -> None:
        super().__init__()
        self._spec = spec
        self._facts = facts
        self._inputs = {
            name: Input(clean(field.write(getattr(spec.params, name))), placeholder=field.placeholder, compact=True)
            for name, field in _FIELDS.items()
        }
        self._system = TextArea(spec.system, soft_wrap=True, compact=True, id="params-system")
        self._faults = {name: Static(classes="fault", markup=False) for name in self._inputs}

    def compose(self) -> ComposeResult:
        box = VerticalScroll(can_focus=False)
        box.border_title = Content(f"Parameters of {clean_line(self._spec.label)}")
        box.border_subtitle = "enter or ^s save · esc back"
        with box:
            for name, field in self._inputs.items():
                with Horizontal(classes="field"):
                    yield Label(_FIELDS[name].word)
                    yield field
                    yield self._faults[name]
            yield Label("system prompt", classes="above")
            yield self._system
            with Vertical(id="facts"):
                for about, words in self._facts.lines:
                    with Horizontal(classes="fact"):
                        yield Label(about)
                        yield Static(Text(clean_line(words)), classes="words")

    def on_mount(self) -> None:
        self._inputs["temperature"].focus()
        self._check()

    def on_input_submitted(self) -> None:
        self.action_save()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._check()

    def _check(self) -> None:
        """Beside each field: nothing while it is being written, what the model will not get once it can be read."""
        values: dict[str, Any] = {}
        for name in _FIELDS:
            self._faults[name].update("")
            try:
                values[name] = self._read(name)
            except RefusedError:
                continue
        for name in self._facts.unsent(ModelParams(**values)):
            self._faults[name].update("this model does not take it")

    def action_save(self) -> None:
        values: dict[str, Any] = {}
        for name in _FIELDS:
            try:
                values[name] = self._read(name)
            except RefusedError as error:
                self._faults[name].update(f"! {error}")
                self._inputs[name].focus()
                return
        self.dismiss(ChosenParams(ModelParams(**values), self._system.text))

    def _read(self, name: str) -> Any:
        return _FIELDS[name].read(self._inputs[name].value.strip())
