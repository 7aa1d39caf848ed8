"""Values against JSON Schemas, in words for the person who wrote the value. Call `check` on a thread."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from mcp_tui.core.argument_document import Path
from mcp_tui.core.bounded_schema import (
    ElsewhereError,
    EndlessError,
    FaultyError,
    Schema,
    TooMuchError,
    Work,
    aside,
)
from mcp_tui.core.json_text import compact_start
from mcp_tui.core.json_values import as_object
from mcp_tui.core.text import json_escaped
from mcp_tui.core.types import JsonObject

MAX_STEPS = 2_000_000
"""Units of work for one check: about a second."""
MAX_PROBLEMS = 60


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


def check(schema: JsonObject, value: object, work: Work | None = None) -> Report:
    """Every problem up to MAX_PROBLEMS, in document order. Never raises for a bad schema: it is a note."""
    work = work or Work(MAX_STEPS)
    problems: dict[tuple[Path, str], Problem] = {}

    def collect(errors: Iterator[Any]) -> bool:
        """Whether there are more."""
        for error in errors:
            for problem in _problems(error):
                problems.setdefault((problem.path, problem.message), problem)
            if len(problems) >= MAX_PROBLEMS:
                return True
        return False

    note = ""
    try:
        if Schema(schema).check(value, work, collect, formats=_format_checker()):
            note = f"only the first {MAX_PROBLEMS} problems are shown"
    except TooMuchError:
        note = "the schema is too costly to check completely"
    except EndlessError:
        note = "the schema refers to itself without end, so it was not checked completely"
    except ElsewhereError as error:
        note = f"the schema refers to {str(error)[:80]}, which is not part of it"
    except FaultyError as error:
        note = f"the schema itself is faulty, so it was not checked completely ({error})"
    notes = (*work.notes, note) if note else tuple(work.notes)
    return Report(tuple(problems.values())[:MAX_PROBLEMS], notes)


async def check_aside(schema: JsonObject, value: object) -> Report:
    """As `check`, on a thread, which does nothing more when this is cancelled."""
    return await aside(lambda work: check(schema, value, work), Work(MAX_STEPS))


def _problems(error: Any) -> Iterator[Problem]:
    """One jsonschema error as problems at the place where a person can mend it."""
    path: Path = tuple(step if isinstance(step, int) else str(step) for step in error.absolute_path)
    rule, instance, keyword = error.validator_value, error.instance, error.validator
    if keyword == "required" and isinstance(instance, dict):
        for name in rule:
            if isinstance(name, str) and name not in instance:
                yield Problem((*path, str(name)), "required", missing=True)
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
        case "pattern":
            return f"does not match the pattern {rule[:80]}"
        case "uniqueItems":
            return "holds the same entry twice"
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
    start, whole = compact_start(value, max_chars=80)
    text = json_escaped(start)
    return text if whole and len(text) <= 80 else text[:79] + "…"


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
