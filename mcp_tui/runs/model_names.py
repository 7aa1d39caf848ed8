"""What `-m` and the configuration call models.

    provider/model                      anything the registry knows, also a bare model or provider name
    fast                                a short name of [models]
    duel                                a set of [sets]: several columns
    openai/gpt-5?temperature=0.2        with parameters, separated by &
    groq/llama | openai/gpt-5.5         the second is asked when the first is unavailable

Parameters after a short name or a set replace those inside it. A fallback without parameters of its own is asked
with those of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

from mcp_tui.config.schema import Config
from mcp_tui.core.chat import ModelParams
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.names import closest, known_names_hint
from mcp_tui.core.text import clean_line
from mcp_tui.providers.registry import ModelRef, ProviderRegistry
from mcp_tui.runs.spec import ModelChoice

Settings = Mapping[str, tuple[str, ...]]
"""Parameter name -> values as written; only `stop` may have several."""


@dataclass(frozen=True, slots=True)
class Selection:
    """One column as it was asked for."""

    ref: ModelRef
    params: ModelParams = field(default_factory=ModelParams)
    system: str | None = None
    """None = the default system prompt."""
    fallback: tuple[ModelChoice, ...] = ()


@dataclass(frozen=True, slots=True)
class _Link:
    """One model of a fallback chain."""

    name: str
    settings: Settings


class ModelNames:
    """AppError (usage) for everything that makes no sense, naming what was written."""

    def __init__(self, config: Config, registry: ProviderRegistry) -> None:
        self._models = config.models
        self._sets = config.sets
        self._registry = registry

    def select(self, names: Iterable[str]) -> tuple[Selection, ...]:
        return tuple(self._selection(chain) for name in names for chain in self._chains(name, ()))

    def fallback(self, name: str) -> tuple[ModelChoice, ...]:
        """A chain for columns that have none; a provider without a key is found out when it is needed."""
        if self._sets_of(name):
            raise _usage("Bad fallback", f"`{name}` is a set", "name one model")
        return tuple(
            ModelChoice(self._resolved(link.name, usable=False), _params(link)) for link in self._chain(name, (), ())
        )

    def _chains(self, text: str, within: tuple[str, ...]) -> list[list[_Link]]:
        """A set is several chains, anything else one."""
        name = self._sets_of(text)
        if not name:
            return [self._chain(text, (), ())]
        if name in within:
            raise _usage(f"Set {name}", "it contains itself")
        settings = _settings(text)
        chains: list[list[_Link]] = []
        for member in self._sets[name]:
            for chain in self._chains(member, (*within, name)):
                chains.append([_Link(link.name, {**link.settings, **settings}) for link in chain])
        return chains

    def _sets_of(self, text: str) -> str:
        """The name of the set, or "" when the text names none."""
        head = _head(text)
        return head if head in self._sets and head not in self._models else ""

    def _chain(self, text: str, outer: tuple[tuple[str, tuple[str, ...]], ...], within: tuple[str, ...]) -> list[_Link]:
        links: list[_Link] = []
        for part in text.split("|"):
            head, settings = _head(part), {**_settings(part), **dict(outer)}
            if not head:
                raise _usage("No model given", f"in `{text}`", "use PROVIDER/MODEL; `mcp-tui models` lists them")
            if head in within:
                raise _usage(f"Short name {head}", "it stands for itself", "give it a PROVIDER/MODEL in [models]")
            if head in self._models:
                links += self._chain(self._models[head], tuple(settings.items()), (*within, head))
            elif head in self._sets:
                raise _usage(f"Set {head}", f"it stands in the chain `{text}`", "a chain takes single models")
            else:
                links.append(_Link(head, settings))
        return links

    def _selection(self, chain: list[_Link]) -> Selection:
        first, others = chain[0], chain[1:]
        params = _params(first)
        refs = [self._resolved(link.name, usable=not others) for link in chain]
        if others:
            self._require_one([link.name for link in chain])
        system = first.settings.get("system")
        return Selection(
            refs[0],
            params,
            system[-1] if system else None,
            tuple(
                ModelChoice(ref, _params(link) if link.settings else params)
                for ref, link in zip(refs[1:], others, strict=True)
            ),
        )

    def _require_one(self, names: list[str]) -> None:
        """The first one's AppError when no model of the chain can be asked."""
        refusals: list[AppError] = []
        for name in names:
            try:
                self._registry.resolve(name)
            except AppError as error:
                refusals.append(error)
        if len(refusals) == len(names):
            raise refusals[0]

    def _resolved(self, name: str, *, usable: bool) -> ModelRef:
        try:
            return self._registry.resolve(name, usable=usable)
        except AppError as error:
            near = closest(name, (*self._models, *self._sets)) if error.info.code == "unknown_model" else None
            if near is None:
                raise
            raise AppError.of(replace(error.info, hint=f"did you mean {clean_line(near)}?")) from error


def params_text(params: ModelParams, *, system: bool = False) -> str:
    """`temperature=0.2 effort=high`: what tells columns of one model apart; "" for none."""
    words = [
        f"temperature={params.temperature:g}" if params.temperature is not None else "",
        f"max_tokens={params.max_tokens}" if params.max_tokens is not None else "",
        f"effort={params.effort}" if params.effort is not None else "",
        f"seed={params.seed}" if params.seed is not None else "",
        "stop" if params.stop else "",
        "system" if system else "",
    ]
    return clean_line(" ".join(word for word in words if word))


def _head(text: str) -> str:
    return text.partition("?")[0].strip()


def _settings(text: str) -> dict[str, tuple[str, ...]]:
    head, mark, query = text.partition("?")
    if not mark:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    try:
        pairs = parse_qsl(query.strip(), keep_blank_values=True, strict_parsing=True, max_num_fields=64)
    except ValueError as error:
        hint = "write NAME=VALUE&NAME=VALUE; % and & in a value as %25 and %26"
        raise _usage(f"Parameters of {head.strip()}", f"`{query.strip()}` cannot be read", hint) from error
    for name, value in pairs:
        if name not in _KNOWN:
            near = next((known for known in _KNOWN if name and known.startswith(name.lower())), None)
            hint = f"did you mean {near}?" if near else known_names_hint(name, _KNOWN, what="parameters")
            raise _usage(f"Parameters of {head.strip()}", f"`{name}` is not known", hint)
        if name in found and name != "stop":
            raise _usage(f"Parameters of {head.strip()}", f"`{name}` is given twice")
        found[name] = (*found.get(name, ()), value)
    return found


def _params(link: _Link) -> ModelParams:
    values: dict[str, Any] = {}
    for name, written in link.settings.items():
        if name in _READERS:
            try:
                values[name] = _READERS[name](written[-1].strip())
            except ValueError as error:
                wants = _WANTS[name]
                raise _usage(f"Parameters of {link.name}", f"`{name}` must be {wants}, not `{written[-1]}`") from error
    if "stop" in link.settings:
        values["stop"] = tuple(text for text in link.settings["stop"] if text)
    return ModelParams(**values)


def _temperature(text: str) -> float:
    value = float(text)
    # `not 0 <= value` also refuses NaN.
    if not 0 <= value <= 2:
        raise ValueError(text)
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def _word(text: str) -> str:
    if not text or not text.isprintable() or any(character.isspace() for character in text):
        raise ValueError(text)
    return text


_READERS: dict[str, Callable[[str], object]] = {
    "temperature": _temperature,
    "max_tokens": _count,
    "effort": _word,
    "seed": int,
}
_KNOWN = (*_READERS, "stop", "system")
_WANTS = {
    "temperature": "a number from 0 to 2",
    "max_tokens": "a whole number from 1 on",
    "effort": "one word such as low, medium or high",
    "seed": "a whole number",
}


def _usage(title: str, detail: str, hint: str = "") -> AppError:
    return AppError(clean_line(title), clean_line(detail), clean_line(hint), kind=ErrorKind.USAGE, code="bad_model")
