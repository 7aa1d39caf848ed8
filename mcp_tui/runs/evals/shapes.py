"""Values and texts against what a suite expects of them, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from mcp_tui.core.json_text import dump
from mcp_tui.core.json_values import is_list, is_number, is_object, same
from mcp_tui.runs.evals.expect import Exactly, Items, Members, Rules, Shape, TextRules
from mcp_tui.runs.evals.patterns import SearchError, found

_QUOTED_CHARS = 120


def quoted(value: object) -> str:
    """The value as JSON, cut to what fits into a sentence."""
    text = dump(value, indent=None)
    return text if len(text) <= _QUOTED_CHARS else f"{text[:_QUOTED_CHARS]}…"


def mismatch(shape: Shape, value: object, name: str) -> str:
    """Why the value called `name` is not as expected; "" when it is."""
    match shape:
        case Exactly(expected):
            return "" if same(expected, value) else f"{name} is {quoted(value)}, not {quoted(expected)}"
        case Members(members):
            return _members(members, value, name)
        case Items(items):
            return _items(items, value, name)
        case Rules(rules):
            reasons = (_rule(operator, operand, value, name) for operator, operand in rules.items())
            return next((reason for reason in reasons if reason), "")


def text_checks(rules: TextRules, text: str, last: str = "") -> list[tuple[str, str]]:
    """(what is asked, why it does not hold or "") of each rule.

    last: the end of the text that may also stand for all of it.
    """
    folded = text.casefold()
    checks = [(f"contains {quoted(part)}", _unless(part in text, "it is not in", text)) for part in rules.contains]
    checks += [
        (f"icontains {quoted(part)}", _unless(part.casefold() in folded, "it is not in", text))
        for part in rules.icontains
    ]
    checks += [
        (f"not_contains {quoted(part)}", f"it is there: {_around(text, part)}" if part in text else "")
        for part in rules.not_contains
    ]
    checks += [(f"matches {quoted(pattern)}", _no_match(pattern, text)) for pattern in rules.matches]
    if rules.equals is not None:
        same = rules.equals.strip() in (text.strip(), (last or text).strip())
        checks.append((f"equals {quoted(rules.equals)}", "" if same else f"it is {quoted(last or text)}"))
    return checks


def _members(members: Mapping[str, Shape], value: object, name: str) -> str:
    if not is_object(value):
        return f"{name} is {quoted(value)}, not an object"
    for key, shape in members.items():
        inner = f"{name}.{key}"
        reason = mismatch(shape, value[key], inner) if key in value else f"{inner} is missing"
        if reason:
            return reason
    return ""


def _items(items: Sequence[Shape], value: object, name: str) -> str:
    if not is_list(value):
        return f"{name} is {quoted(value)}, not a list"
    if len(value) != len(items):
        return f"{name} has {len(value)} items, not {len(items)}"
    reasons = (mismatch(shape, one, f"{name}[{n}]") for n, (shape, one) in enumerate(zip(items, value, strict=True)))
    return next((reason for reason in reasons if reason), "")


def _rule(operator: str, operand: object, value: object, name: str) -> str:
    if operator == "matches":
        reason = _no_match(str(operand), value) if isinstance(value, str) else f"it is {quoted(value)}, not a text"
        return f"{name} does not match {quoted(operand)}: {reason}" if reason else ""
    holds, words = _RULES[operator]
    return "" if holds(operand, value) else f"{name} is {quoted(value)}, {words} {quoted(operand)}"


def _contains(part: object, value: object) -> bool:
    if isinstance(value, str):
        return isinstance(part, str) and part in value
    return is_list(value) and any(same(part, item) for item in value)


def _contains_folded(part: object, value: object) -> bool:
    return isinstance(value, str) and str(part).casefold() in value.casefold()


def _number(value: object) -> float | None:
    return value if is_number(value) else None


_RULES: Mapping[str, tuple[Callable[[object, object], bool], str]] = {
    "equals": (same, "not"),
    "contains": (_contains, "which does not contain"),
    "icontains": (_contains_folded, "which does not contain, in any case,"),
    "one_of": (lambda options, value: any(same(one, value) for one in cast("list[object]", options)), "none of"),
    "min": (lambda least, value: (it := _number(value)) is not None and it >= cast("float", least), "not at least"),
    "max": (lambda most, value: (it := _number(value)) is not None and it <= cast("float", most), "not at most"),
}


def _no_match(pattern: str, text: str) -> str:
    try:
        return "" if found(pattern, text) else f"nothing matches in {quoted(text)}"
    except SearchError as error:
        return str(error)


def _unless(holds: bool, reason: str, text: str) -> str:
    return "" if holds else f"{reason} {quoted(text)}"


def _around(text: str, part: str) -> str:
    at = text.index(part)
    start, end = max(0, at - 30), at + len(part) + 30
    return f"{'…' if start else ''}{quoted(text[start:end])}{'…' if end < len(text) else ''}"
