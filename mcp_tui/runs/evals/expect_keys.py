"""Reads `[case.expect]`."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import fields
from typing import cast

from mcp_tui.config.entry_reader import kind_text
from mcp_tui.core.json_values import as_object, is_list, is_object
from mcp_tui.core.names import known_names_hint
from mcp_tui.core.types import JsonObject
from mcp_tui.runs.evals.expect import OPERATORS, CallRule, Exactly, Expect, Items, Members, Rules, Shape, TextRules
from mcp_tui.runs.evals.table_reader import Keys

_KEYS = tuple(field.name for field in fields(Expect))
_CALL_KEYS = ("tool", "arguments", "result")
_TEXT_KEYS = tuple(field.name for field in fields(TextRules))


def expectation(keys: Keys) -> Expect:
    keys.refuse_unknown(_KEYS)
    return Expect(
        calls=tool_patterns(keys, "calls") or (),
        calls_in_order=tool_patterns(keys, "calls_in_order") or (),
        never=tool_patterns(keys, "never") or (),
        only=tool_patterns(keys, "only", empty=True),
        call=tuple(rule for entry in keys.tables("call") if (rule := _call_rule(entry)) is not None),
        no_tool_errors=bool(keys.flag("no_tool_errors")),
        text=_text_rules(keys, "text"),
        json=_schema(keys, "json"),
        max_calls=keys.whole("max_calls", 0),
        max_steps=keys.whole("max_steps", 1),
        max_cost_usd=keys.number("max_cost_usd", 0),
        max_duration_s=keys.seconds("max_duration_s"),
        max_ttft_s=keys.seconds("max_ttft_s"),
        max_output_tokens=keys.whole("max_output_tokens", 0),
    )


def tool_patterns(keys: Keys, key: str, *, empty: bool = False) -> tuple[str, ...] | None:
    """Names or patterns of tools: each with a server, so that none matches nothing by mistake."""
    found = keys.texts(key, empty=empty)
    return None if found is None or not _all_name_servers(keys, key, found) else found


def _all_name_servers(keys: Keys, key: str, patterns: Sequence[str]) -> bool:
    named = [_names_a_server(keys, key, pattern) for pattern in patterns]
    return all(named)


def _names_a_server(keys: Keys, key: str, pattern: str) -> bool:
    if "." in pattern or "*" in pattern:
        return True
    keys.fault(key, f"names {pattern!r} without its server", f'write it as "SERVER.{pattern}" or "*.{pattern}"')
    return False


def _call_rule(keys: Keys) -> CallRule | None:
    keys.refuse_unknown(_CALL_KEYS)
    if "tool" not in keys:
        keys.fault("tool", "is missing", 'write it as "SERVER.TOOL"')
        return None
    tool = keys.text("tool")
    arguments = keys.table("arguments")
    result = _text_rules(keys, "result")
    if tool is None or not _names_a_server(keys, "tool", tool):
        return None
    return CallRule(tool, None if arguments is None else _members(arguments), result)


def _text_rules(keys: Keys, key: str) -> TextRules | None:
    table = keys.table(key)
    if table is None:
        return None
    table.refuse_unknown(_TEXT_KEYS)
    patterns = table.texts("matches", single=True) or ()
    for pattern in patterns:
        _check_pattern(table, "matches", pattern)
    return TextRules(
        contains=table.texts("contains", single=True) or (),
        icontains=table.texts("icontains", single=True) or (),
        not_contains=table.texts("not_contains", single=True) or (),
        matches=patterns,
        equals=table.text("equals", empty=True),
    )


def _check_pattern(keys: Keys, key: str, pattern: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about spellings that later versions of Python read differently
            re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        keys.fault(key, f"is no regular expression: {error}")


def _members(keys: Keys) -> Members:
    """The arguments themselves, or an object in them. It is never a rule: arguments may be called `min`."""
    members: dict[str, Shape] = {}
    for name in keys.names():
        shape = _shape(keys, name, keys.raw(name))
        if shape is not None:
            members[name] = shape
    return Members(members)


def _shape(keys: Keys, key: str, value: object) -> Shape | None:
    match value:
        case dict():
            return _rules_or_members(keys, key, cast("JsonObject", value))
        case list():
            items = [_shape(keys, key, item) for item in cast("list[object]", value)]
            return Items(tuple(item for item in items if item is not None))
        case str() | bool() | int() | float():
            return Exactly(value)
        case _:
            keys.fault(key, f"is {kind_text(value)}, which JSON does not have", "write it as a text")
            return None


def _rules_or_members(keys: Keys, key: str, table: JsonObject) -> Shape | None:
    rules = [name for name in table if name in OPERATORS]
    inner = keys.inner(key, table)
    if not rules:
        return _members(inner)
    if len(rules) < len(table):
        other = next(name for name in table if name not in OPERATORS)
        hint = known_names_hint(other, OPERATORS, what="rules")
        inner.fault(other, f"is no rule, but stands beside `{rules[0]}`", hint if "mean" in hint else
                    "an object with such members: { equals = { ... } }")  # fmt: skip
        return None
    return Rules({name: operand for name in rules if (operand := _operand(inner, name)) is not None})


def _operand(keys: Keys, name: str) -> object:
    """None when it is faulty."""
    match name:
        case "matches":
            pattern = keys.text(name)
            if pattern is not None:
                _check_pattern(keys, name, pattern)
            return pattern
        case "icontains":
            return keys.text(name)
        case "min" | "max":
            return keys.number(name, float("-inf"))
        case "one_of":
            value = keys.raw(name)
            if not is_list(value) or not value:
                keys.fault(name, "must be a list of values")
                return None
            return value if _plain(keys, name, value) else None
        case _:
            value = keys.raw(name)
            return value if _plain(keys, name, value) else None


def _plain(keys: Keys, key: str, value: object) -> bool:
    """Only what JSON has."""
    if is_object(value):
        return all(_plain(keys, key, item) for item in value.values())
    if is_list(value):
        return all(_plain(keys, key, item) for item in value)
    if isinstance(value, str | bool | int | float):
        return True
    keys.fault(key, f"is {kind_text(value)}, which JSON does not have", "write it as a text")
    return False


def _schema(keys: Keys, key: str) -> JsonObject | None:
    table = keys.table(key)
    if table is None:
        return None
    schema = as_object(keys.raw(key))
    from mcp_tui.core.bounded_schema import MAX_SCHEMA_WORK, Schema, UnfinishedError, Work

    try:
        error = Schema(schema).fault(Work(MAX_SCHEMA_WORK))
    except UnfinishedError:
        keys.fault(key, "is too complex a JSON Schema", "make it smaller")
        return None
    if error is None:
        return schema
    where = ".".join(str(part) for part in cast("Sequence[object]", error.absolute_path))
    keys.fault(key, f"is no JSON Schema: {f'{where}: ' if where else ''}{error.message}")
    return None
