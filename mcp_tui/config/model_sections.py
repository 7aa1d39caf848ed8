"""What an own file says about models: short names, sets, prices, and limits of spending.

[models]
fast = "groq/llama-3.3-70b-versatile"
careful = "anthropic/claude-sonnet-5?effort=high | openai/gpt-5.5"

[sets]
duel = ["fast", "careful"]

[prices."lab/qwen3-32b"]            # US dollars per million tokens; "lab/*" is every model of lab
input = 0.2
output = 0.6
cached = 0.02

[limits]
usd_per_run = 0.50
usd_per_day = 5
cache_days = 30
cache_mb = 200
history_days = 365                  # of runs; 0 = no limit
history_mb = 500
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

from mcp_tui.config.document import Document
from mcp_tui.config.entry_reader import EntryError, EntryReader, usage
from mcp_tui.config.expand import Scope
from mcp_tui.config.schema import Limits, Origin, PriceSpec
from mcp_tui.core.errors import AppError, ErrorInfo
from mcp_tui.core.json_values import is_number, is_object
from mcp_tui.core.names import known_names_hint
from mcp_tui.core.types import JsonObject

SECTIONS = ("models", "sets", "prices", "limits")

_PRICE_KEYS = ("input", "output", "cached")
_LIMIT_KEYS = ("usd_per_run", "usd_per_day", "cache_days", "cache_mb", "history_days", "history_mb")
_NOT_IN_NAMES = frozenset("/|?")
"""They have a meaning in `-m`."""


@dataclass(slots=True)
class ModelSections:
    """Of all files read so far; the first of a name wins."""

    models: dict[str, str] = field(default_factory=dict[str, str])
    sets: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    prices: dict[str, PriceSpec] = field(default_factory=dict[str, PriceSpec])
    limits: dict[str, float] = field(default_factory=dict[str, float])
    origins: dict[tuple[str, str], Origin] = field(default_factory=dict[tuple[str, str], Origin])

    def read(self, document: Document, scope: Scope, problems: list[ErrorInfo]) -> None:
        """Faults go to `problems`; AppError for a limit of spending that cannot be read, because a program that
        went on without it would spend what it must not."""
        self._read_names(document, scope, problems)
        self._read_prices(document, scope, problems)
        self._read_limits(document, scope, problems)

    def fields(self) -> dict[str, Any]:
        """For `Config`."""
        return {
            "models": self.models,
            "sets": self.sets,
            "prices": self.prices,
            "limits": replace(Limits(), **cast("dict[str, Any]", self.limits)),
            "origins": self.origins,
        }

    def _read_names(self, document: Document, scope: Scope, problems: list[ErrorInfo]) -> None:
        for section in ("models", "sets"):
            table = _table(document, section, problems)
            reader = EntryReader(document, (section,), table, scope, f"[{section}]")
            for name in table:
                try:
                    self._read_name(reader, section, name)
                except EntryError as fault:
                    problems.append(fault.info)
                else:
                    self._came_from(document, section, name)

    def _read_name(self, reader: EntryReader, section: str, name: str) -> None:
        if not name.strip() or _NOT_IN_NAMES & set(name):
            raise reader.fault(name, f"`{name}` cannot be a short name: / | and ? have a meaning in `-m`")
        if section == "models":
            text = reader.text(name)
            if not text.strip():
                raise reader.fault(name, f"`{name}` names no model", 'write it as "PROVIDER/MODEL"')
            self.models.setdefault(name, text)
            return
        members = reader.texts(name)
        if not members:
            raise reader.fault(name, f"the set `{name}` is empty", 'write it as ["PROVIDER/MODEL", ...]')
        self.sets.setdefault(name, members)

    def _read_prices(self, document: Document, scope: Scope, problems: list[ErrorInfo]) -> None:
        for name, entry in _table(document, "prices", problems).items():
            keys = ("prices", name)
            table = entry if is_object(entry) else None
            reader = EntryReader(document, keys, table or {}, scope, f"Price of {name}")
            try:
                if table is None:
                    raise reader.fault("", "it must be a table with input and output")
                _refuse_unknown(reader, table, _PRICE_KEYS)
                provider, slash, model = name.partition("/")
                if not (provider and slash and model):
                    raise reader.fault("", "the name must be PROVIDER/MODEL, or PROVIDER/* for all of them")
                spec = PriceSpec(_price(reader, "input"), _price(reader, "output"), _optional_price(reader, "cached"))
            except EntryError as fault:
                problems.append(fault.info)
            else:
                self.prices.setdefault(name, spec)
                self._came_from(document, "prices", name)

    def _read_limits(self, document: Document, scope: Scope, problems: list[ErrorInfo]) -> None:
        table = _table(document, "limits", problems)
        reader = EntryReader(document, ("limits",), table, scope, "Limits")
        try:
            _refuse_unknown(reader, table, _LIMIT_KEYS)
            given = {name: _amount(reader, name) for name in _LIMIT_KEYS if reader.found(name) is not None}
        except EntryError as fault:
            raise AppError.of(fault.info) from fault
        self.limits = given | self.limits
        for name in given:
            self._came_from(document, "limits", name)

    def _came_from(self, document: Document, section: str, name: str) -> None:
        self.origins.setdefault((section, name), document.origin((section, name)))


def _refuse_unknown(reader: EntryReader, table: JsonObject, known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise reader.fault(key, f"`{key}` is not known", known_names_hint(key, known, what="keys"))


def _price(reader: EntryReader, name: str) -> float:
    price = _optional_price(reader, name)
    if price is None:
        raise reader.fault("", f"`{name}` is missing", "prices are US dollars per million tokens")
    return price


def _optional_price(reader: EntryReader, name: str) -> float | None:
    return None if reader.found(name) is None else _amount(reader, name)


def _amount(reader: EntryReader, name: str) -> float:
    value: object = reader.raw(name)
    # `not 0 <= value` also refuses NaN.
    if not is_number(value) or not 0 <= value < 1e9:
        raise reader.fault(name, f"`{name}` must be a number from 0 on")
    return float(value)


def _table(document: Document, name: str, problems: list[ErrorInfo]) -> JsonObject:
    """A section; empty when absent or of another kind, which is reported."""
    value = document.value.get(name, {})
    if is_object(value):
        return value
    problems.append(usage("Configuration", f"`{name}` must be a table, at {document.where((name,))}"))
    return {}
