"""Values against JSON Schemas, with a bound on the work: a schema from outside may be built to never end.

Bounded are the steps (schema keywords applied), the size of texts given to `pattern`, and patterns that can
backtrack without end, which are skipped and named. `$ref` to anything outside the document is never fetched.
jsonschema is imported when first needed. Call `check` on a thread.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import UUID

from mcp_tui.core.argument_document import Path
from mcp_tui.core.json_text import dump
from mcp_tui.core.json_values import as_object, is_list
from mcp_tui.core.types import JsonObject

MAX_STEPS = 60_000
MAX_PROBLEMS = 60
MAX_PATTERN_WORK = 2_000_000
"""Characters ** (unbounded repeats in sequence) that a pattern may cost at worst."""


@dataclass(frozen=True, slots=True)
class Problem:
    """`path` is the place the message stands beside; () = the arguments as a whole."""

    path: Path
    message: str
    missing: bool = False
    """A required place is not there."""


@dataclass(frozen=True, slots=True)
class Report:
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    """What could not be checked, one sentence each."""


class _TooMuchError(Exception):
    pass


def check(schema: JsonObject, value: object) -> Report:
    """Every problem up to MAX_PROBLEMS, in document order. Never raises for a bad schema: it is a note."""
    import referencing
    import referencing.exceptions

    notes: list[str] = []
    validator = _validator_class(str(schema.get("$schema", "")))(
        schema,
        registry=referencing.Registry[Any](),
        format_checker=_format_checker(),
    )
    budget = _Budget(MAX_STEPS, notes)
    problems: list[Problem] = []
    token = _BUDGET.set(budget)
    try:
        for error in validator.iter_errors(value):
            problems.extend(_problems(error))
            if len(problems) >= MAX_PROBLEMS:
                notes.append(f"only the first {MAX_PROBLEMS} problems are shown")
                break
    except _TooMuchError:
        notes.append("the schema is too costly to check completely")
    except RecursionError:
        notes.append("the schema refers to itself without end, so it was not checked completely")
    except referencing.exceptions.Unresolvable as error:
        notes.append(f"the schema refers to {str(error.ref)[:80]}, which is not part of it")
    except Exception as error:  # noqa: BLE001  a malformed schema makes jsonschema raise whatever Python raises
        notes.append(f"the schema itself is faulty, so it was not checked completely ({type(error).__name__})")
    finally:
        _BUDGET.reset(token)
    unique = {(problem.path, problem.message): problem for problem in problems}
    return Report(tuple(list(unique.values())[:MAX_PROBLEMS]), tuple(dict.fromkeys(notes)))


class _Budget:
    def __init__(self, steps: int, notes: list[str]) -> None:
        self.steps = steps
        self.notes = notes

    def spend(self, steps: int = 1) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise _TooMuchError


_BUDGET: ContextVar[_Budget] = ContextVar("validation budget")


@lru_cache(maxsize=8)
def _validator_class(dialect: str) -> Any:
    import jsonschema.validators
    from jsonschema.exceptions import ValidationError

    extend: Any = getattr(jsonschema.validators, "extend")  # noqa: B009  the package has no types
    base: Any = jsonschema.validators.validator_for({"$schema": dialect}, default=jsonschema.Draft202012Validator)

    def counted(function: Any) -> Any:
        def apply(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[Any]:
            _BUDGET.get().spend()
            for error in function(validator, rule, instance, schema) or ():
                _BUDGET.get().spend()
                yield error

        return apply

    def pattern(_validator: Any, rule: Any, instance: Any, _schema: Any) -> Iterator[Any]:
        if not isinstance(instance, str) or not isinstance(rule, str):
            return
        budget = _BUDGET.get()
        budget.spend()
        fault = pattern_fault(rule, len(instance))
        if fault:
            budget.notes.append(f"the pattern {rule[:60]} was not checked: {fault}")
        elif re.search(rule, instance) is None:
            yield ValidationError(f"does not match the pattern {rule[:80]}")

    def unique_items(_validator: Any, rule: Any, instance: Any, _schema: Any) -> Iterator[Any]:
        if not rule or not is_list(instance):
            return
        _BUDGET.get().spend()
        seen: set[str] = set()
        for item in instance:
            _BUDGET.get().spend()
            key = dump(item, indent=None)
            if key in seen:
                yield ValidationError("holds the same entry twice")
                return
            seen.add(key)

    keywords = {name: counted(function) for name, function in base.VALIDATORS.items()}
    # patternProperties runs patterns of its own over every name; forms draw such members as JSON.
    keywords.pop("patternProperties", None)
    keywords["pattern"] = pattern
    keywords["uniqueItems"] = unique_items
    return extend(base, keywords)


def pattern_fault(pattern: str, length: int) -> str:
    """Why a pattern is not run on a text of this length, or "": it is no Python pattern, or it may never end."""
    try:
        nested, repeats = _pattern_cost(pattern)
    except (re.error, RecursionError, OverflowError):
        return "it is no pattern that can be run here"
    if nested:
        return "it can take for ever on some texts"
    if repeats > 1 and length**repeats > MAX_PATTERN_WORK:
        return "it is too costly for a text of this length"
    return ""


@lru_cache(maxsize=256)
def _pattern_cost(pattern: str) -> tuple[bool, int]:
    """(an unbounded repeat holds a repeat or an alternative, unbounded repeats in all)."""
    re.compile(pattern)
    # There is no public way to the parsed form; the module exists from 3.11 on.
    parser: Any = importlib.import_module("re._parser")
    repeats = 0
    nested = False

    def walk(node: object, inside: bool) -> None:
        nonlocal repeats, nested
        parts = _parts(node)
        word = str(parts[0]) if parts else ""
        if word in _REPEATS:
            low, high, body = _parts(parts[1])
            many = int(high) - int(low) > 20
            repeats += many
            nested = nested or (inside and int(high) > 1)
            walk(body, inside or many)
            return
        if word in ("BRANCH", "GROUPREF"):
            nested = nested or inside
        for child in parts:
            walk(child, inside)

    walk(parser.parse(pattern), False)
    return nested, repeats


def _parts(node: object) -> Sequence[Any]:
    """The children of a node of the parsed pattern; leaves have none."""
    inner: object = getattr(node, "data", node)
    return cast("Sequence[Any]", inner) if isinstance(inner, tuple | list) else ()


_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")


def _problems(error: Any) -> Iterator[Problem]:
    """One jsonschema error as problems at the place where a person can mend it."""
    path: Path = tuple(error.absolute_path)
    rule, instance, keyword = error.validator_value, error.instance, error.validator
    if keyword == "required" and isinstance(instance, dict):
        for name in rule:
            if isinstance(name, str) and name not in instance:
                yield Problem((*path, name), "required", missing=True)
        return
    if keyword in ("anyOf", "oneOf") and error.context:
        best = _best_branch(error)
        if best:
            for inner in best:
                yield from _problems(inner)
            return
    yield Problem(path, _message(keyword, rule, instance, error))


def _best_branch(error: Any) -> list[Any]:
    """Of the alternatives that failed, the errors of the one that came closest: its errors lie deepest."""
    branches: dict[int, list[Any]] = {}
    for inner in error.context:
        if inner.schema_path and isinstance(inner.schema_path[0], int):
            branches.setdefault(inner.schema_path[0], []).append(inner)

    def closeness(errors: list[Any]) -> tuple[int, int]:
        kinds = any(inner.validator in ("type", "const", "enum") for inner in errors)
        return (0 if kinds else 1, -len(errors))

    if not branches:
        return []
    best = max(branches.values(), key=closeness)
    return best if best and closeness(best)[0] == 1 else []


def _message(keyword: str | None, rule: Any, instance: Any, error: Any) -> str:
    match keyword:
        case "type":
            names = [rule] if isinstance(rule, str) else list(rule)
            return f"is {_kind(instance)}, expected {' or '.join(str(name) for name in names)}"
        case "enum":
            return f"is none of {_short(rule)}"
        case "const":
            return f"must be {_short(rule)}"
        case "minimum":
            return f"must be at least {rule}"
        case "maximum":
            return f"must be at most {rule}"
        case "exclusiveMinimum":
            return f"must be more than {rule}"
        case "exclusiveMaximum":
            return f"must be less than {rule}"
        case "multipleOf":
            return f"must be a multiple of {rule}"
        case "minLength":
            return f"needs at least {_count(rule, 'character')}, has {len(instance)}"
        case "maxLength":
            return f"may have {_count(rule, 'character')} at most, has {len(instance)}"
        case "minItems":
            return f"needs at least {_count(rule, 'item')}, has {len(instance)}"
        case "maxItems":
            return f"may have {_count(rule, 'item')} at most, has {len(instance)}"
        case "format":
            return f"is no {_FORMAT_WORDS.get(str(rule), str(rule)[:40])}"
        case "additionalProperties" | "unevaluatedProperties":
            return "holds a key the schema does not know" + _unknown_keys(error)
        case "anyOf" | "oneOf":
            if keyword == "oneOf" and not error.context:
                return "fits more than one of the alternatives"
            return "fits none of the alternatives"
        case "pattern" | "uniqueItems":
            return str(error.message)
        case "not":
            return "is a value the schema rules out"
        case None:
            return "no value is allowed here"
        case _:
            return f"breaks the rule {keyword}: {_short(rule)}"


def _count(number: object, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _unknown_keys(error: Any) -> str:
    known = as_object(as_object(error.schema).get("properties"))
    names = [str(name)[:40] for name in error.instance if name not in known]
    return f": {', '.join(names[:4])}" if names else ""


def _short(value: object) -> str:
    text = dump(value, indent=None)
    return text if len(text) <= 80 else text[:79] + "…"


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    for kind, name in ((str, "text"), (int, "an integer"), (float, "a number"), (list, "a list")):
        if isinstance(value, kind):
            return name
    return "an object"


_FORMAT_WORDS = {
    "date": "date (2026-12-31)",
    "date-time": "date and time with zone (2026-12-31T23:59:00Z)",
    "time": "time (23:59:00)",
    "email": "e-mail address",
    "uri": "address (https://…)",
    "uuid": "UUID",
    "ipv4": "IPv4 address",
    "ipv6": "IPv6 address",
}
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(?:\.[^@\s.]+)*\Z")


def _is_date(text: str) -> bool:
    return len(text) == 10 and bool(date.fromisoformat(text))


def _is_date_time(text: str) -> bool:
    return "T" in text.upper() and datetime.fromisoformat(text.upper().replace("Z", "+00:00")).tzinfo is not None


def _is_time(text: str) -> bool:
    return bool(time.fromisoformat(text.upper().replace("Z", "+00:00")).isoformat())


def _is_email(text: str) -> bool:
    return len(text) <= 320 and _EMAIL.match(text) is not None


def _is_uri(text: str) -> bool:
    parts = urlsplit(text)
    return bool(parts.scheme) and bool(parts.netloc or parts.path) and not any(c.isspace() for c in text)


@lru_cache(maxsize=1)
def _format_checker() -> Any:
    from jsonschema import FormatChecker

    checker = FormatChecker(formats=())

    def register(name: str, function: Any) -> None:
        def conforms(instance: object) -> bool:
            return not isinstance(instance, str) or bool(function(instance))

        checker.checks(name, raises=ValueError)(conforms)

    # A checker of its own, so that the process-wide one stays as it is.
    checker.checkers = {}
    for name, function in (
        ("date", _is_date),
        ("date-time", _is_date_time),
        ("time", _is_time),
        ("email", _is_email),
        ("uri", _is_uri),
        ("url", _is_uri),
        ("uuid", UUID),
        ("ipv4", IPv4Address),
        ("ipv6", IPv6Address),
    ):
        register(name, function)
    return checker
