"""Inputs: values a configuration refers to as `${input:ID}`, which a person answers once.

Answers live in memory only, for as long as the process. Where nobody can be asked, `MCP_TUI_INPUT_ID` answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from mcp_tui.config.document import Document
from mcp_tui.config.expand import input_ids
from mcp_tui.config.schema import NEEDS_INPUT, Config, InputSpec, ServerSpec
from mcp_tui.core.json_values import as_list, as_text, is_object
from mcp_tui.core.types import JsonObject


class Answers:
    """What was answered so far, kept over every reload. One per process."""

    def __init__(self) -> None:
        self._given: dict[tuple[Path, str], str] = {}
        self._asked: set[tuple[Path, str]] = set()

    def give(self, wanted: InputSpec, value: str | None) -> None:
        """None: the person would not say; it is not asked again."""
        key = (wanted.path, wanted.id)
        self._asked.add(key)
        if value is not None:
            self._given[key] = value

    def asked(self, wanted: InputSpec) -> bool:
        return (wanted.path, wanted.id) in self._asked

    def values(self, path: Path, ids: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
        """The known values of a file's inputs; an answer counts more than the environment."""
        values: dict[str, str] = {}
        for name in ids:
            known = self._given.get((path, name), environ.get(InputSpec(name, path).variable))
            if known is not None:
                values[name] = known
        return values

    def open(self, config: Config) -> tuple[InputSpec, ...]:
        """What is still to be asked for."""
        return tuple(wanted for wanted in config.inputs if not self.asked(wanted))


async def ask_all(config: Config, answers: Answers, ask: Callable[[InputSpec], Awaitable[str | None]]) -> bool:
    """Ask for every open input, one after the other. True when a new answer makes loading again worthwhile."""
    answered = False
    for wanted in answers.open(config):
        value = await ask(wanted)
        answers.give(wanted, value)
        answered = answered or value is not None
    return answered


def defined(document: Document) -> dict[str, InputSpec]:
    """The inputs a file defines; what is no definition is left out, and then counts as a password."""
    section = document.value.get("inputs")
    specs: dict[str, InputSpec] = {}
    for item in as_list(section):
        if not is_object(item):
            continue
        name = item.get("id")
        if isinstance(name, str) and name:
            specs[name] = _spec(name, document.path, item)
    return specs


def _spec(name: str, path: Path, table: JsonObject) -> InputSpec:
    options: list[str] = []
    for option in as_list(table.get("options")):
        value = option.get("value") if is_object(option) else option
        if isinstance(value, str):
            options.append(value)
    description, default = table.get("description"), table.get("default")
    return InputSpec(
        name,
        path,
        as_text(description),
        table.get("password") is True,
        as_text(default),
        tuple(options),
    )


def wanted(servers: Iterable[ServerSpec], definitions: Mapping[Path, Mapping[str, InputSpec]],
           values: Mapping[Path, Mapping[str, str]]) -> tuple[InputSpec, ...]:  # fmt: skip
    """The inputs that servers wait for, each once, with their names."""
    found: dict[tuple[Path, str], InputSpec] = {}
    for spec in servers:
        path = spec.origin.path
        if path is None or spec.disabled or spec.problem is None or spec.problem.code != NEEDS_INPUT:
            continue
        for name in input_ids(spec.entry):
            if name in values.get(path, {}):
                continue
            known = definitions.get(path, {}).get(name) or InputSpec(name, path)
            before = found.get((path, name), known)
            found[path, name] = replace(before, servers=(*before.servers, spec.name))
    return tuple(found.values())
