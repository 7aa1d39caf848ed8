"""Values against JSON Schemas from outside, which may be built to never end: every check has an amount of work.

Work is counted where it is done: schemas and members visited, values compared, characters quoted in messages. Patterns
are run where they are provably cheap, and named otherwise. Nothing outside the document is fetched. jsonschema is
imported when first needed.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from functools import cached_property
from typing import Any, TypeVar

from mcp_tui.core.json_values import is_list, is_object
from mcp_tui.core.patterns import Pattern, judged
from mcp_tui.core.types import JsonObject

MAX_SCHEMA_WORK = 10_000_000
"""For making a schema ready and for looking whether it is one. A unit is about half a microsecond."""
QUOTED_CHARS = 320
"""More of a value is never written into a message."""

_VISIT = 10
_KEYWORD = 20
_MAX_DEPTH = 300
_T = TypeVar("_T")


class UnfinishedError(Exception):
    """The check did not come to its end."""


class TooMuchError(UnfinishedError):
    """It took more work than it may, or was stopped."""


class EndlessError(UnfinishedError):
    """Nested too deeply, or a schema that refers to itself without end."""


class ElsewhereError(UnfinishedError):
    """The schema refers to something outside itself, or to nothing: the message is the reference."""


class FaultyError(UnfinishedError):
    """The schema makes no sense: the message is the name of what went wrong."""


class Work:
    """What one check may still do. `stop` ends it soon, from any thread."""

    def __init__(self, units: int, stop: threading.Event | None = None) -> None:
        self.units = units
        self.notes: dict[str, None] = {}
        """What could not be checked, one sentence each, in order."""
        self._stop = stop or threading.Event()
        self._patterns: dict[str, Pattern] = {}

    @property
    def exhausted(self) -> bool:
        return self.units < 0

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def stop(self) -> None:
        self._stop.set()

    def part(self, units: int) -> Work:
        """An amount of its own for a part of the same check."""
        return Work(units, self._stop)

    def spend(self, units: int) -> None:
        self.units -= units
        if self.units < 0 or self._stop.is_set():
            raise TooMuchError

    def pattern(self, text: str) -> Pattern:
        found = self._patterns.get(text)
        if found is None:
            found = self._patterns[text] = judged(text)
            self.spend(2_000 + found.set_chars // 4)
        return found

    def matches(self, pattern: str, text: str) -> bool | None:
        """None: nobody knows, which is noted."""
        found = self.pattern(pattern)
        fault = found.fault(len(text))
        if found.compiled is None or fault:
            self.spend(_KEYWORD)
            self.notes[f"the pattern {pattern[:60]} was not checked: {fault}"] = None
            return None
        self.spend(found.steps(len(text)) // 64 + 2)
        return found.compiled.search(text) is not None


_WORK: ContextVar[Work] = ContextVar("work")


async def aside(function: Callable[[Work], _T], work: Work, deadline_s: float | None = None) -> _T:
    """`function(work)` on a thread. It is stopped at the deadline, and when this is cancelled."""
    timer = None if deadline_s is None else asyncio.get_running_loop().call_later(deadline_s, work.stop)
    try:
        return await asyncio.to_thread(function, work)
    finally:
        work.stop()
        if timer is not None:
            timer.cancel()


class Schema:
    """One schema, made ready at its first use."""

    def __init__(self, document: JsonObject) -> None:
        self._document = document

    def check(
        self,
        value: object,
        work: Work,
        consume: Callable[[Iterator[Any]], _T],
        *,
        formats: Any = None,
        small: bool = False,
    ) -> _T:
        """What `consume` makes of the errors (of jsonschema), in document order. UnfinishedError.

        formats: a jsonschema.FormatChecker; without one no format is looked at. small: the value is so small that it
        may be quoted as a whole.
        """

        def run() -> _T:
            schema, resolver = self._ready
            validator = self._class(schema, format_checker=formats, _resolver=resolver)
            return consume(validator.iter_errors(value if small else _measured(value, work)))

        return _guarded(work, run)

    def fault(self, work: Work) -> Any:
        """The first error (of jsonschema) of the schema itself, or None. UnfinishedError."""
        from jsonschema import FormatChecker

        def is_pattern(text: object) -> bool:
            return not isinstance(text, str) or not work.pattern(text).wrong

        checker = FormatChecker(formats=())
        checker.checkers = {"regex": (is_pattern, ())}

        def run() -> Any:
            schema = self._class.META_SCHEMA
            resolver = _specifications().resolver(base_uri=self._class.ID_OF(schema).rstrip("#"))
            validator = self._class(schema, format_checker=checker, _resolver=resolver)
            return next(validator.iter_errors(self._ready[0]), None)

        return _guarded(work, run)

    @cached_property
    def _class(self) -> Any:
        return _bounded(str(self._document.get("$schema", "")))

    @cached_property
    def _ready(self) -> tuple[Any, Any]:
        """The schema with its sizes, and the resolver of its references."""
        import referencing.jsonschema

        schema = _measured(self._document, _WORK.get())
        known: Any = referencing.jsonschema
        resource = known.specification_with(self._class.META_SCHEMA["$schema"]).create_resource(schema)
        name = resource.id() or ""
        registry = _specifications().with_resource(name, resource)
        if references := _references(schema):
            # Otherwise everything is looked through again for each of them.
            _WORK.get().spend(references)
            registry = registry.crawl()
        return schema, registry.resolver(base_uri=name)


def _guarded(work: Work, run: Callable[[], _T]) -> _T:
    import referencing.exceptions

    token = _WORK.set(work)
    try:
        return run()
    except UnfinishedError:
        raise
    except RecursionError as error:
        raise EndlessError from error
    except referencing.exceptions.Unresolvable as error:
        raise ElsewhereError(str(error.ref)) from error
    except Exception as error:  # a malformed schema makes jsonschema raise whatever Python raises
        raise FaultyError(type(error).__name__) from error
    finally:
        _WORK.reset(token)


def _specifications() -> Any:
    """The schemas of all dialects; nothing else is known, and nothing is fetched."""
    return importlib.import_module("jsonschema_specifications").REGISTRY  # without types


# --- values that know their size


class _Text(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return _quoted(self)


class _Items(list[Any]):
    __slots__ = ()

    def __repr__(self) -> str:
        return _quoted(self)


class _Members(dict[str, Any]):
    __slots__ = ("size",)

    size: int

    def __repr__(self) -> str:
        return _quoted(self)


def _measured(value: Any, work: Work, depth: int = 0) -> Any:
    """The same value; what jsonschema writes of it into messages is cut to what is read of them."""
    work.spend(1)
    if depth > _MAX_DEPTH:
        raise EndlessError
    if isinstance(value, str):
        return _Text(value)
    if is_list(value):
        return _Items([_measured(item, work, depth + 1) for item in value])
    if is_object(value):
        measured = _Members({_Text(name): _measured(inner, work, depth + 1) for name, inner in value.items()})
        measured.size = len(value) + sum(map(len, value)) // 64
        return measured
    return value


def _size(value: Any) -> int:
    """Units that one look at a value costs, without what is inside."""
    kind = type(value)  # pyright: ignore[reportUnknownVariableType]  of anything
    if kind is _Members:
        return value.size
    return len(value) if kind is _Items or kind is dict or kind is list else 0


def _quoted(value: Any) -> str:
    """The first `QUOTED_CHARS` of its `repr`."""
    text = ""
    for piece in _pieces(value):
        text += piece
        if len(text) >= QUOTED_CHARS:
            break
    if work := _WORK.get(None):  # else somebody looks at an error after the check
        work.spend(len(text) // 8)
    return text[:QUOTED_CHARS]


def _pieces(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield repr(value[:QUOTED_CHARS])
    elif is_list(value):
        for number, item in enumerate(value):
            yield ", " if number else "["
            yield from _pieces(item)
        yield "]" if value else "[]"
    elif is_object(value):
        for number, (name, item) in enumerate(value.items()):
            yield ", " if number else "{"
            yield from _pieces(name)
            yield ": "
            yield from _pieces(item)
        yield "}" if value else "{}"
    else:
        yield repr(value)


def _canonical(value: Any) -> str:
    """A text that equal values share, as JSON Schema sees them: 1 is 1.0 and not true, and members have no order."""
    work = _WORK.get()
    work.spend(2)
    if isinstance(value, str):
        work.spend(len(value) // 16)
        return repr(value[:])
    if is_list(value):
        return f"[{','.join(map(_canonical, value))}]"
    if is_object(value):
        members = sorted(f"{_canonical(name)}:{_canonical(inner)}" for name, inner in value.items())
        return f"{{{','.join(members)}}}"
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int) or value.is_integer():
        return hex(int(value))
    return repr(value)


def _references(schema: Any) -> int:
    """Units it costs to look for what can be referred to; 0 when nothing refers to anything."""
    units, refers = 0, False
    stack: list[tuple[Any, int]] = [(schema, 0)]
    while stack:
        node, path = stack.pop()
        if is_object(node):
            refers = refers or any(name in node for name in ("$ref", "$dynamicRef", "$recursiveRef"))
            for name in ("$id", "id"):
                # Names are relative to the names around them, which are put together anew for each.
                if isinstance(own := node.get(name), str):
                    path += len(own)
                    units += path // 4
            stack.extend((inner, path) for inner in node.values())
            units += 10
        elif is_list(node):
            stack.extend((inner, path) for inner in node)
    return units if refers else 0


# --- keywords


def _bounded(dialect: str) -> Any:
    """The validator class of a dialect, with every keyword counted."""
    import jsonschema.validators

    package: Any = jsonschema
    validators: Any = jsonschema.validators
    base: Any = validators.validator_for({"$schema": dialect}, default=package.Draft202012Validator)
    own = {
        "additionalProperties": _additional_properties,
        "const": _Constants(lambda rule: (rule,), "{1!r} was expected"),
        "enum": _Constants(lambda rule: rule, "{0!r} is not one of {1!r}"),
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "unevaluatedItems": _unevaluated_items,
        "unevaluatedProperties": _unevaluated_properties,
        "uniqueItems": _unique_items,
    }
    keywords = {name: _counted(name, own.get(name, function)) for name, function in base.VALIDATORS.items()}
    bounded = validators.extend(base, keywords)

    def evolve(self: Any, **changes: Any) -> Any:
        # That of jsonschema looks at `$schema` in every part of a schema, and leaves this class for what stands there.
        schema = changes.get("schema", self.schema)
        resolver = changes.get("_resolver", self._resolver)
        _WORK.get().spend(_VISIT + _size(schema) + len(resolver._base_uri) // 16)
        return bounded(schema, format_checker=self.format_checker, _resolver=resolver)

    bounded.evolve = evolve
    return bounded


def _counted(name: str, function: Any) -> Any:
    costs_more = name in _COST_MORE
    once = name == "enum"  # its rule is looked through

    def apply(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[Any]:
        work = _WORK.get()
        own = _own_cost(name, rule, instance) if costs_more else 0
        work.spend(_KEYWORD + (0 if once else _size(rule)) + _size(instance) + own)
        for error in function(validator, rule, instance, schema) or ():
            work.spend(_KEYWORD)
            yield error

    return apply


_COST_MORE = ("$ref", "$dynamicRef", "$recursiveRef", "dependentRequired", "dependencies", "multipleOf", "format")


def _own_cost(name: str, rule: Any, instance: Any) -> int:
    match name:
        case "$ref" | "$dynamicRef" | "$recursiveRef" if isinstance(rule, str):
            # Each step of a pointer is looked up from the start of the part with a name.
            return len(rule) // 2 + (rule.count("/") + rule.count("%")) ** 2
        case "dependentRequired" | "dependencies" if is_object(rule):
            return sum(map(_size, rule.values()))
        case "multipleOf" if isinstance(instance, int) and isinstance(rule, int):
            return instance.bit_length() * rule.bit_length() >> 12
        case "format" if isinstance(instance, str):
            return len(instance) // 4
        case _:
            return 0


class _Constants:
    """`enum` and `const`: what is allowed is put into a comparable form once."""

    def __init__(self, values: Callable[[Any], Iterable[Any]], words: str) -> None:
        self._values = values
        self._words = words
        self._known: dict[int, frozenset[str]] = {}
        """By the identity of the rule, which lives as long as its schema, and so as this."""

    def __call__(self, validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[Any]:
        known = self._known.get(id(rule))
        if known is None:
            known = self._known[id(rule)] = frozenset(map(_canonical, self._values(rule)))
        if _canonical(instance) not in known:
            yield _error(self._words.format(instance, rule))


def _error(message: str) -> Any:
    from jsonschema.exceptions import ValidationError

    return ValidationError(message)


def _pattern(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if isinstance(instance, str) and _WORK.get().matches(rule, instance) is False:
        yield _error(f"{instance!r} does not match {rule!r}")


def _pattern_properties(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if not is_object(instance):
        return
    for pattern, inner in rule.items():
        for name, value in instance.items():
            if _WORK.get().matches(pattern, name):
                yield from validator.descend(value, inner, path=name, schema_path=pattern)


def _patterned(schema: Any, name: str) -> bool:
    """Also when a pattern that was not run may fit."""
    return any(_WORK.get().matches(pattern, name) is not False for pattern in schema.get("patternProperties", ()))


def _additional_properties(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if not is_object(instance):
        return
    known = schema.get("properties", ())
    extra = [name for name in instance if name not in known and not _patterned(schema, name)]
    if is_object(rule):
        for name in extra:
            yield from validator.descend(instance[name], rule, path=name)
    elif not rule and extra and "patternProperties" in schema:
        verb = "does" if len(extra) == 1 else "do"
        patterns = ", ".join(map(repr, sorted(schema["patternProperties"])))
        yield _error(f"{', '.join(map(repr, sorted(extra)))} {verb} not match any of the regexes: {patterns}")
    elif not rule and extra:
        yield _error(f"Additional properties are not allowed ({_unexpected(sorted(extra))} unexpected)")


def _unexpected(extra: list[Any]) -> str:
    return f"{', '.join(map(repr, extra))} {'was' if len(extra) == 1 else 'were'}"


def _unique_items(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if not rule or not is_list(instance):
        return
    seen: set[str] = set()
    for item in instance:
        key = _canonical(item)
        if key in seen:
            yield _error(f"{instance!r} has non-unique elements")
            return
        seen.add(key)


def _unevaluated_items(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if not is_list(instance):
        return
    seen = _seen(validator, schema, instance)
    left = [item for index, item in enumerate(instance) if index not in seen]
    if left:
        yield _error(f"Unevaluated items are not allowed ({_unexpected(left)} unexpected)")


def _unevaluated_properties(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if not is_object(instance):
        return
    seen = _seen(validator, schema, instance)
    left = [name for name in instance if name not in seen]
    if left and rule is False:
        yield _error(f"Unevaluated properties are not allowed ({_unexpected(sorted(left))} unexpected)")
    elif left:
        words = f"{_unexpected(left)} unevaluated and invalid"
        yield _error(f"Unevaluated properties are not valid under the given schema ({words})")


def _fits(validator: Any, instance: Any, schema: Any) -> bool:
    return next(validator.descend(instance, schema), None) is None


def _seen(validator: Any, schema: Any, instance: Any) -> set[Any]:
    """The positions or names about which the schema says something, or another that holds in its place."""
    if not is_object(schema):
        return set()
    _WORK.get().spend(_KEYWORD + _size(schema) + _size(instance))
    beside: list[tuple[Any, Any]] = []
    for name in ("$ref", "$dynamicRef", "$recursiveRef"):
        if name in schema:
            beside.append(_resolved(validator, name, schema[name]))
    for name in ("allOf", "anyOf", "oneOf"):
        beside += [(validator, inner) for inner in schema.get(name, ()) if _fits(validator, instance, inner)]
    if "if" in schema:
        names = ("if", "then") if _fits(validator, instance, schema["if"]) else ("else",)
        beside += [(validator, schema[name]) for name in names if name in schema]
    if is_object(instance):
        seen = _seen_members(validator, schema, instance)
        beside += [(validator, inner) for name, inner in schema.get("dependentSchemas", {}).items() if name in instance]
    else:
        seen = _seen_items(validator, schema, instance)
    return seen.union(*(_seen(other, inner, instance) for other, inner in beside))


def _resolved(validator: Any, keyword: str, reference: str) -> tuple[Any, Any]:
    from referencing.jsonschema import lookup_recursive_ref

    _WORK.get().spend(_own_cost(keyword, reference, None))
    resolver = validator._resolver
    found: Any = lookup_recursive_ref(resolver) if keyword == "$recursiveRef" else resolver.lookup(reference)
    return validator.evolve(schema=found.contents, _resolver=found.resolver), found.contents


def _seen_items(validator: Any, schema: JsonObject, items: list[Any]) -> set[Any]:
    whole = "items" in schema and (not isinstance(schema["items"], list) or "additionalItems" in schema)
    told = len(items) if whole else max(len(schema.get("prefixItems", ())), len(schema.get("items", ())))
    seen = set(range(min(told, len(items))))
    for name in ("contains", "unevaluatedItems"):
        if name in schema:
            seen |= {index for index, item in enumerate(items) if _fits(validator, item, schema[name])}
    return seen


def _seen_members(validator: Any, schema: JsonObject, members: JsonObject) -> set[Any]:
    if "additionalProperties" in schema:
        return set(members)
    seen = {name for name in members if name in schema.get("properties", ()) or _patterned(schema, name)}
    if "unevaluatedProperties" in schema:
        rest = [name for name in members if name not in seen]
        seen |= {name for name in rest if _fits(validator, members[name], schema["unevaluatedProperties"])}
    return seen
