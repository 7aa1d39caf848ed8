"""Choose a model to add: short names and sets, every provider's models, what is missing where one cannot be used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from mcp_tui.core.errors import AppError, ErrorInfo
from mcp_tui.core.figures import price_text, tokens_text
from mcp_tui.core.text import clean, clean_line
from mcp_tui.providers.registry import ModelRef
from mcp_tui.providers.vendors import BY_NAME
from mcp_tui.runs.model_catalog import FRESH_S
from mcp_tui.ui.stylesheets import sheets
from mcp_tui.ui.widgets.row_list import RowList, fill

if TYPE_CHECKING:
    from mcp_tui.config.schema import Config
    from mcp_tui.providers.registry import ModelInfo, ProviderInfo, ProviderRegistry
    from mcp_tui.runs.model_catalog import ModelCatalog
    from mcp_tui.runs.spec import ColumnSpec

LIST_TIMEOUT_S = 10.0
_OWN = "short names and sets"
"""The heading, which no provider is called."""


def missing(provider: ProviderInfo) -> str:
    """What to do before this provider can be used, or ""."""
    if provider.available:
        return ""
    if provider.key_source == "":
        vendor = BY_NAME.get(provider.name)
        if vendor is not None and vendor.key_variables:
            return f"set {vendor.key_variables[0]}"
        return f"set api_key in [providers.{clean_line(provider.name)}]"
    return "not running here"


def _figures(info: ModelInfo) -> str:
    """`200k  $3.00 in  $15.00 out`, each where it is known."""
    size, tokens_in = tokens_text(info.context_tokens), price_text(info.input_usd_per_mtok)
    tokens_out = price_text(info.output_usd_per_mtok)
    prices = f"{tokens_in:>7} in {tokens_out:>7} out" if tokens_in and tokens_out else " " * 22
    return f"{size:>6} {prices}".rstrip() if size or tokens_in else ""


@dataclass(frozen=True, slots=True)
class _Row:
    provider: str
    text: str
    aside: str
    ref: ModelRef | None = None
    lacks: bool = False
    """Its provider cannot be asked now."""
    name: str = ""
    """A short name or set of the configuration."""

    @property
    def choice(self) -> str:
        return self.name or (str(self.ref) if self.ref else "")


class ModelList(RowList):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[_Row] = []

    def row_count(self) -> int:
        return len(self.rows) or 1

    def row_key(self, index: int) -> str:
        row = self.rows[index] if self.rows else None
        return "" if row is None else row.choice or row.provider

    def row_text(self, index: int, width: int) -> Text:
        muted = self.part("row-list--muted")
        if not self.rows:
            return Text("no such model in the lists; enter tries the name as you wrote it", muted)
        row = self.rows[index]
        if row.name:
            return fill(Text(f"  {row.text}", end=""), Text(row.aside, muted), width)
        if row.ref is None:
            return fill(Text(row.text, self.part("row-list--strong"), end=""), Text(row.aside, muted), width)
        return fill(Text(f"  {row.text}", muted if row.lacks else "", end=""), Text(row.aside, muted), width)

    @property
    def current(self) -> _Row | None:
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None


class ModelPicker(ModalScreen["tuple[ColumnSpec, ...] | None"]):
    """The columns to add: several for a set, None when the person went back.

    Models are asked for at every provider that can be used, all at once. What is written may be anything that `-m`
    takes.
    """

    CSS_PATH = sheets("compare_dialogs")
    BINDINGS = [
        Binding("escape", "dismiss(None)", "back"),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("pageup", "page(-1)", show=False, priority=True),
        Binding("pagedown", "page(1)", show=False, priority=True),
        Binding("ctrl+r", "ask_again", "ask again", priority=True),
    ]

    def __init__(
        self,
        registry: ProviderRegistry,
        config: Config,
        columns: Callable[[Sequence[str]], tuple[ColumnSpec, ...]],
        models: ModelCatalog,
        *,
        title: str = "Add a model",
    ) -> None:
        """columns: for names as `-m` takes them; AppError names what is wrong."""
        super().__init__()
        self._catalog = models
        self._title = title
        self._registry = registry
        self._columns = columns
        self._own = {**{name: " + ".join(models) for name, models in config.sets.items()}, **config.models}
        """Short names win over sets."""
        self._system = config.defaults.system
        self._providers: Sequence[ProviderInfo] = registry.providers()
        self._models: dict[str, tuple[ModelInfo, ...]] = {p.name: models.models(p.name) for p in self._providers}
        self._faults: dict[str, ErrorInfo] = {}
        self._asking: set[str] = set()
        self._filter = Input(placeholder="filter, or write PROVIDER/MODEL?effort=low | PROVIDER/MODEL", compact=True)
        self._list = ModelList()
        self._list.can_focus = False
        self._note = Static(classes="fault", markup=False)

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = Content(self._title)
        box.border_subtitle = "enter choose · ^r ask again · esc back"
        with box:
            yield self._filter
            yield self._list
            yield self._note

    def on_mount(self) -> None:
        self._filter.focus()
        self._rebuild()
        self._to_first_model()
        self.run_worker(self._ask_all(), group="models")

    def action_ask_again(self) -> None:
        self.run_worker(self._ask_all(anew=True), group="models", exclusive=True)

    async def _ask_all(self, *, anew: bool = False) -> None:
        """Those whose list is old; local servers always, they are another one every hour. anew: every one, and servers
        that were started since."""
        if anew:
            await self._registry.detect_local()
            self._providers = self._registry.providers()
            self._models |= {p.name: self._catalog.models(p.name) for p in self._providers}
        asked = [p.name for p in self._providers if p.available and not p.demo and (anew or self._is_old(p.name))]
        for name in asked:
            self._faults.pop(name, None)
        self._asking = set(asked)
        self._rebuild()
        async with asyncio.TaskGroup() as group:
            for name in asked:
                group.create_task(self._ask(name))

    def _is_old(self, name: str) -> bool:
        age_s = self._catalog.age_s(name)
        return age_s is None or age_s > FRESH_S or self._registry.charges_nothing(name)

    async def _ask(self, name: str) -> None:
        try:
            await self._catalog.ask(name, timeout_s=LIST_TIMEOUT_S)
        except AppError as error:
            self._faults[name] = error.info
        self._models[name] = self._catalog.models(name)
        self._asking.discard(name)
        self._rebuild()

    def _rebuild(self) -> None:
        key = self._list.current_key
        terms = self._filter.value.casefold().split()
        rows = self._own_rows(terms)
        for provider in sorted(self._providers, key=lambda p: not p.available):
            lack = missing(provider)
            found = [
                info for info in self._models[provider.name] if all(term in str(info.ref).casefold() for term in terms)
            ]
            if not found and terms:
                continue
            rows.append(_Row(provider.name, clean_line(provider.name), self._aside(provider)))
            rows.extend(
                _Row(provider.name, clean_line(info.ref.model), _figures(info) or (lack and "◇"), info.ref, bool(lack))
                for info in found
            )
        self._list.rows = rows
        self._list.rows_replaced(key)

    def _own_rows(self, terms: list[str]) -> list[_Row]:
        written = self._filter.value.strip()
        found = [name for name in self._own if all(term in name.casefold() for term in terms)]
        # What was written in full comes before what merely contains it.
        found.sort(key=lambda name: name != written)
        rows = [_Row(_OWN, clean_line(name), clean_line(self._own[name]), name=name) for name in found]
        return [_Row(_OWN, _OWN, ""), *rows] if rows else []

    def _aside(self, provider: ProviderInfo) -> str:
        if lack := missing(provider):
            return f"◇ {lack}"
        if provider.name in self._asking:
            return "◐ asking for models"
        if provider.name in self._faults:
            return f"! {clean_line(self._faults[provider.name].detail or self._faults[provider.name].title)}"
        if provider.demo:
            return "scripted, not a real model"
        return f"● {clean_line(provider.key_source)}"

    def _to_first_model(self) -> None:
        for index, row in enumerate(self._list.rows):
            if row.choice:
                self._list.cursor = index
                return

    @on(Input.Changed)
    def _filtered(self) -> None:
        self._note.update("")
        self._rebuild()
        self._to_first_model()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self._choose()

    def on_row_list_clicked(self, event: RowList.Clicked) -> None:
        event.stop()
        if event.again:
            self._choose()

    def action_move(self, rows: int) -> None:
        self._list.action_move(rows)

    def action_page(self, pages: int) -> None:
        self._list.action_page(pages)

    def _choose(self) -> None:
        row = self._list.current
        text = row.choice if row is not None else self._filter.value.strip()
        if not text:
            return
        try:
            self.dismiss(self._columns([text]) if row is None or row.ref is None else self._listed(row.ref))
        except AppError as error:
            self._note.update(Content(clean(f"! {error.info.line()}")))

    def _listed(self, ref: ModelRef) -> tuple[ColumnSpec, ...]:
        text = str(ref)
        if text not in self._own and not any(sign in text for sign in "?|"):
            return self._columns([text])
        # A name from a provider's list is only a name, whatever it would mean if a person wrote it.
        from mcp_tui.runs.spec import ColumnSpec

        ref = self._registry.resolve(text)
        return (ColumnSpec("", ref, str(ref), system=self._system),)

    def on_click(self, event: events.Click) -> None:
        if event.widget is self:
            self.dismiss(None)
