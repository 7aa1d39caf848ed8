"""A schema from outside may be built to never end: every kind of it is given up after a known amount of work."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from mcp_tui.core.bounded_schema import (
    MAX_SCHEMA_WORK,
    EndlessError,
    FaultyError,
    Schema,
    TooMuchError,
    UnfinishedError,
    Work,
    aside,
)
from mcp_tui.core.types import JsonObject

WORK = 200_000
"""A tenth of a second."""


def messages(schema: JsonObject, value: object, work: Work | None = None) -> list[str]:
    def all_of(errors: Iterator[Any]) -> list[str]:
        return [str(error.message) for error in errors]

    return Schema(schema).check(value, work or Work(2_000_000), all_of)


def plain(schema: JsonObject, value: object) -> list[str]:
    """The same of jsonschema by itself."""
    validators: Any = getattr(jsonschema, "validators")  # noqa: B009  the package has no types
    kind = validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    return [str(error.message) for error in kind(schema).iter_errors(value)]


def chain(levels: int, keyword: str = "allOf", **last: object) -> JsonObject:
    """Each level refers to the next one twice."""
    definitions: JsonObject = {f"d{n}": {keyword: [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(levels)}
    return {"$ref": "#/$defs/d0", "$defs": definitions | {f"d{levels}": last or {"type": "object"}}}


NUMBERS = list(range(20_000))
OBJECTS: list[Any] = [{"n": n} for n in range(4_000)]
NAMES = [f"name{n}" for n in range(10_000)]
OLD = "http://json-schema.org/draft-04/schema#"

HOSTILE: dict[str, tuple[JsonObject, object]] = {
    "references that double": (chain(30), {}),
    "alternatives that double": (chain(30, "anyOf", type="string"), {}),
    "one of alternatives that double": (chain(30, "oneOf"), {}),
    "unevaluated through references that double": ({**chain(30), "unevaluatedProperties": False}, {"a": 1}),
    "dynamic references": (
        {"$dynamicAnchor": "x", "allOf": [{"$dynamicRef": "#x"}, {"$dynamicRef": "#x"}]},
        {},
    ),
    "recursive references": (
        {"$schema": "https://json-schema.org/draft/2019-09/schema", "allOf": [{"$recursiveRef": "#"}] * 2},
        {},
    ),
    "required names": ({"items": {"required": NAMES}}, [dict.fromkeys(NAMES[:5], 1)] * 2_000),
    "properties": ({"items": {"properties": dict.fromkeys(NAMES, True)}}, OBJECTS),
    "dependent names": ({"items": {"dependentRequired": {"n": ["n"] * 10_000}}}, OBJECTS),
    "dependencies": ({"$schema": OLD, "items": {"dependencies": {"n": ["n"] * 10_000}}}, OBJECTS),
    "keywords nobody knows": ({"items": dict.fromkeys(NAMES, 1)}, NUMBERS),
    "dependent schemas": ({"items": {"dependentSchemas": {"n": {"allOf": [{"minProperties": 1}] * 200}}}}, OBJECTS),
    "contains": ({"allOf": [{"contains": {"type": "string"}}] * 100}, NUMBERS),
    "names": ({"allOf": [{"propertyNames": {"maxLength": 3}}] * 100}, dict.fromkeys(NAMES, 1)),
    "values quoted in messages": ({"anyOf": [{"type": "string"}] * 10_000}, ["x" * 400_000]),
    "constants": ({"anyOf": [{"const": n} for n in range(1_000)]}, NUMBERS),
    "many patterns": (
        {"patternProperties": {f"^{name}$": {} for name in NAMES}, "additionalProperties": False},
        {"a": 1},
    ),
    "a pattern on many names": ({"allOf": [{"patternProperties": {"^[a-z]+$": {}}}] * 1_000}, dict.fromkeys(NAMES, 1)),
    "a pattern on a text": ({"allOf": [{"pattern": "[a-z]+0"}] * 10_000}, "a" * 900),
    "huge numbers": ({"items": {"multipleOf": 7**90_000}}, [3**200_000] * 100),
    "anchors": ({"items": {"$ref": "#x"}, "$defs": {"a": {"$anchor": "x", "allOf": [{}] * 2_000}}}, NUMBERS),
    "long references": ({"items": {"$ref": f"#/$defs/{'x' * 50_000}"}, "$defs": {"x" * 50_000: {}}}, NUMBERS),
    "unevaluated items": (
        {"allOf": [{"contains": {"type": "integer"}}] * 50, "unevaluatedItems": False},
        NUMBERS,
    ),
    "unevaluated properties": (
        {"allOf": [{"properties": dict.fromkeys(NAMES, True)}] * 50, "unevaluatedProperties": False},
        dict.fromkeys(NAMES, 1),
    ),
}


VERDICTS: list[tuple[JsonObject, object]] = [
    ({"type": "object", "required": ["a", "b"], "additionalProperties": False}, {"c": 1, "d": 2}),
    (
        {"properties": {"a": {}}, "patternProperties": {"^x": {"type": "string"}}, "additionalProperties": False},
        {"a": 1, "x": 2, "y": 3},
    ),
    ({"additionalProperties": {"type": "integer"}}, {"a": "b"}),
    ({"const": {"a": 1}}, {"a": True}),
    ({"uniqueItems": True}, [1, 1.0]),
    ({"pattern": "^a+$"}, "b"),
    ({"items": False}, [1, 2]),
    ({"prefixItems": [{}], "unevaluatedItems": False}, [1, 2, 3]),
    ({"contains": {"type": "string"}, "unevaluatedItems": {"type": "null"}}, ["a", None, 3]),
    ({"properties": {"a": {}}, "unevaluatedProperties": False}, {"a": 1, "b": 2}),
    (
        {
            "allOf": [{"properties": {"a": {}}}],
            "if": {"required": ["b"]},
            "then": {"properties": {"b": {}}},
            "unevaluatedProperties": {"type": "string"},
        },
        {"a": 1, "b": 2, "c": 3},
    ),
    ({"dependentSchemas": {"a": {"properties": {"b": {}}}}, "unevaluatedProperties": False}, {"a": 1, "b": 2}),
    (
        {"$ref": "#/$defs/x", "$defs": {"x": {"properties": {"a": {}}}}, "unevaluatedProperties": False},
        {"a": 1, "b": 2},
    ),
    ({"$schema": "https://json-schema.org/draft/2019-09/schema", "items": [{}], "unevaluatedItems": False}, [1, 2]),
    (
        {
            "$schema": "https://json-schema.org/draft/2019-09/schema",
            "$recursiveAnchor": True,
            "properties": {"a": {"$recursiveRef": "#"}},
            "unevaluatedProperties": False,
        },
        {"a": {"b": 1}},
    ),
    ({"$schema": OLD, "items": {"type": "string"}, "minItems": 4}, ["a", 2]),
    ({"oneOf": [{"type": "integer"}, {"minimum": 2}]}, 3),
    ({"not": {"type": "integer"}, "multipleOf": 2}, 3),
    (
        {
            "$id": "https://example.com/a/",
            "$defs": {"x": {"$id": "b", "$anchor": "y", "type": "null"}},
            "$ref": "b#y",
        },
        1,
    ),
    ({"$ref": "https://json-schema.org/draft/2020-12/schema"}, {"type": 5}),
]


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_takes_too_much_work_is_given_up(kind: str) -> None:
    schema, value = HOSTILE[kind]
    work = Work(WORK)
    with pytest.raises(UnfinishedError) as caught:
        messages(schema, value, work)
    assert isinstance(caught.value, TooMuchError | EndlessError)
    if isinstance(caught.value, TooMuchError):
        assert work.exhausted


@pytest.mark.parametrize("dialect", ["https://json-schema.org/draft/2020-12/schema", OLD])
def test_equal_values_in_a_long_list_cost_one_look_each(dialect: str) -> None:
    objects = [{"n": n, "list": [n]} for n in range(2_000)]
    work = Work(WORK)
    assert messages({"$schema": dialect, "uniqueItems": True}, [*objects, None, "x"], work) == []
    assert work.units > WORK // 3
    (repeated,) = messages({"$schema": dialect, "uniqueItems": True}, [*objects, {"list": [7.0], "n": 7}])
    assert repeated.startswith("[{'n': 0, 'list': [0]}")
    assert messages({"$schema": dialect, "uniqueItems": True}, [1, True, "1", 0, False, None]) == []


@pytest.mark.parametrize("dialect", ["https://json-schema.org/draft/2020-12/schema", OLD])
def test_a_long_enumeration_is_read_once(dialect: str) -> None:
    allowed = [{"n": n} for n in range(4_000)]
    work = Work(WORK)
    assert messages({"$schema": dialect, "items": {"enum": allowed}}, allowed[2_000:], work) == []
    assert messages({"enum": [1, "a", [True]]}, [1]) == ["[1] is not one of [1, 'a', [True]]"]


@pytest.mark.parametrize(("schema", "value"), VERDICTS)
def test_the_verdict_is_that_of_jsonschema(schema: JsonObject, value: object) -> None:
    assert messages(schema, value) == plain(schema, value)


def test_a_dialect_named_deep_inside_gets_no_work_for_nothing() -> None:
    inner: JsonObject = {"$schema": OLD, "pattern": "(a+)+$", "allOf": [{"maxLength": 9}] * 20}
    work = Work(WORK)
    with pytest.raises(TooMuchError):
        messages({"items": inner}, ["a" * 60 + "b"] * 2_000, work)
    assert list(work.notes) == ["the pattern (a+)+$ was not checked: it can take for ever on some texts"]


def test_a_message_quotes_no_more_of_a_value_than_is_read() -> None:
    (message,) = messages({"type": "string"}, [{"a": "x" * 100_000}, *NUMBERS])
    assert message.startswith("[{'a': 'xxx")
    assert len(message) < 400


def nested(levels: int) -> JsonObject:
    deep: JsonObject = {}
    for _ in range(levels):
        deep = {"a": deep}
    return deep


def test_deep_nesting_is_an_answer_and_no_crash() -> None:
    schema: JsonObject = {"properties": {"a": {"$ref": "#"}}, "type": "object"}
    assert messages(schema, nested(10)) == []
    for document, value in ((schema, nested(250)), (schema, nested(5_000)), (nested(5_000), 1)):
        with pytest.raises(EndlessError):
            messages(document, value)


def test_checking_the_schema_is_work_too() -> None:
    huge: JsonObject = {"properties": {name: {"type": "string"} for name in NAMES}}
    work = Work(WORK)
    with pytest.raises(TooMuchError):
        Schema(huge).fault(work)
    assert work.exhausted
    assert Schema({"type": "object"}).fault(Work(MAX_SCHEMA_WORK)) is None
    fault = Schema({"properties": {"a": {"type": "nonsense"}}}).fault(Work(MAX_SCHEMA_WORK))
    assert list(fault.absolute_path) == ["properties", "a", "type"]
    assert Schema({"pattern": "("}).fault(Work(MAX_SCHEMA_WORK)).message == "'(' is not a 'regex'"
    assert Schema({"pattern": "(a+)+$"}).fault(Work(MAX_SCHEMA_WORK)) is None


@pytest.mark.parametrize("draft", ["draft-03/schema#", "draft-04/schema#", "draft-06/schema#", "draft-07/schema#"])
def test_schemas_of_older_drafts_are_checked_by_theirs(draft: str) -> None:
    dialect = f"http://json-schema.org/{draft}"
    assert Schema({"$schema": dialect, "items": {"type": "string"}}).fault(Work(MAX_SCHEMA_WORK)) is None
    fault = Schema({"$schema": dialect, "properties": {"a": {"minLength": -1}}}).fault(Work(MAX_SCHEMA_WORK))
    assert fault.message == "-1 is less than the minimum of 0"


def test_names_built_upon_names_are_counted_before_they_are_put_together() -> None:
    schema: JsonObject = {"$ref": "#/$defs/x", "$defs": {"x": {}}}
    for _ in range(100):
        schema = {"$id": "a/" * 1_000, "allOf": [schema]}
    with pytest.raises(TooMuchError):
        messages(schema, 1, Work(WORK))


def test_a_schema_that_makes_python_raise_is_called_faulty() -> None:
    with pytest.raises(FaultyError, match="OverflowError"):
        messages({"multipleOf": 0.5}, 10**400)


async def test_cancelling_ends_the_thread_and_the_deadline_too() -> None:
    begun, ended = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    schema = Schema(chain(60))

    def endless(work: Work) -> None:
        ended.clear()
        loop.call_soon_threadsafe(begun.set)
        try:
            schema.check({}, work, list)
        finally:
            ended.set()

    work = Work(10**15)
    task = asyncio.create_task(aside(endless, work))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(ended.wait, 30), "the thread goes on"
    assert work.units > 0

    late = Work(10**15)
    with pytest.raises(TooMuchError):
        await aside(endless, late, deadline_s=0.05)
    assert late.stopped
    assert ended.is_set()
