"""What a case expects of an answer, as frozen data. `checks` decides whether it holds, `suite` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeAlias

from mcp_tui.core.types import JsonObject

OPERATORS = ("equals", "contains", "icontains", "matches", "one_of", "min", "max")
"""A table of these, and only these, is a rule for a value of `arguments`; any other table describes an object."""


@dataclass(frozen=True, slots=True)
class Exactly:
    value: object


@dataclass(frozen=True, slots=True)
class Members:
    """An object with at least these members."""

    members: Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class Items:
    """A list with exactly these items."""

    items: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """Operator -> operand; all hold."""

    rules: Mapping[str, object]


Shape: TypeAlias = Exactly | Members | Items | Rules
"""What one value of a call's arguments must be."""


@dataclass(frozen=True, slots=True)
class TextRules:
    """All hold."""

    contains: tuple[str, ...] = ()
    icontains: tuple[str, ...] = ()
    not_contains: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()
    """Regular expressions that are found somewhere."""
    equals: str | None = None
    """White space around the text does not count. Of an answer in several messages the last one may be it."""


@dataclass(frozen=True, slots=True)
class CallRule:
    """At least one call that succeeded is like this."""

    tool: str
    arguments: Members | None = None
    result: TextRules | None = None


@dataclass(frozen=True, slots=True)
class Expect:
    """All that is given holds. Tools are patterns over `server.tool`."""

    calls: tuple[str, ...] = ()
    calls_in_order: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None
    """Empty: no tool may be called."""
    call: tuple[CallRule, ...] = ()
    no_tool_errors: bool = False
    text: TextRules | None = None
    json: JsonObject | None = None
    """A JSON Schema for the last message, or for its one fenced block."""
    max_calls: float | None = None
    max_steps: float | None = None
    max_cost_usd: float | None = None
    max_duration_s: float | None = None
    max_ttft_s: float | None = None
    max_output_tokens: float | None = None


def fits(pattern: str, tool: str) -> bool:
    """`*`, `?` and `[...]` as in file names, also across dots; case counts."""
    return fnmatchcase(tool, pattern)
