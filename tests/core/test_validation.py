from __future__ import annotations

import socket
from typing import NoReturn

import pytest

from mcp_tui.core import validation
from mcp_tui.core.patterns import pattern_fault
from mcp_tui.core.types import JsonObject
from mcp_tui.core.validation import check


def messages(schema: JsonObject, value: object) -> dict[tuple[str | int, ...], str]:
    return {problem.path: problem.message for problem in check(schema, value).problems}


def test_problems_stand_at_their_places_in_words() -> None:
    schema: JsonObject = {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 3},
            "s": {"type": "string", "maxLength": 2},
            "e": {"enum": ["a", "b"]},
            "l": {"type": "array", "items": {"type": "boolean"}, "minItems": 1},
        },
        "required": ["n", "gone"],
        "additionalProperties": False,
    }
    found = messages(schema, {"n": 2, "s": "abc", "e": "c", "l": [True, 4], "odd": 1})
    assert found == {
        ("n",): "must be at least 3",
        ("s",): "may have 2 characters at most, has 3",
        ("e",): 'is none of ["a", "b"]',
        ("l", 1): "is an integer, expected boolean",
        ("gone",): "required",
        (): "holds a key the schema does not know: odd",
    }


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date", "2026-02-28", "2026-02-30"),
        ("date-time", "2026-02-28T12:00:00Z", "2026-02-28T12:00:00"),
        ("email", "a@b.example", "a@"),
        ("uri", "https://a.example/x?y", "not a uri"),
        ("uuid", "12345678-1234-1234-1234-123456789012", "1234"),
        ("ipv4", "127.0.0.1", "1.2.3"),
    ],
)
def test_formats_are_checked(name: str, good: str, bad: str) -> None:
    assert messages({"format": name}, good) == {}
    assert messages({"format": name}, bad)[()].startswith("is no ")


def test_of_several_alternatives_the_closest_explains_what_is_wrong() -> None:
    schema: JsonObject = {
        "oneOf": [
            {"type": "object", "properties": {"k": {"const": "a"}, "x": {"type": "integer"}}, "required": ["k", "x"]},
            {"type": "object", "properties": {"k": {"const": "b"}, "y": {"type": "integer"}}, "required": ["k", "y"]},
        ]
    }
    assert messages(schema, {"k": "b"}) == {("y",): "required"}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "http://127.0.0.1:9/schema"},
        {"type": 5},
        {"properties": 3},
        {"allOf": [{"$ref": "#"}]},
        {"$schema": "nonsense", "required": 4},
        {"pattern": "("},
    ],
)
def test_a_faulty_schema_is_a_note_and_never_an_exception(schema: JsonObject) -> None:
    report = check(schema, {"a": "x"})
    assert report.problems == () or report.notes


def test_no_reference_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a schema reached for the network")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    report = check({"properties": {"a": {"$ref": "http://example.com/s"}}}, {"a": 1})
    assert "not part of it" in report.notes[0]


def test_patterns_that_may_never_end_are_named_instead_of_run() -> None:
    for pattern in ("(a+)+$", "(a|a)*b", "(.*)*x", r"(\w+\s?)*$"):
        assert pattern_fault(pattern, 30), pattern
    for pattern in ("^[a-z]+$", r"^\d{3}-\d{4}$", r"^[A-Z][a-z]*(-[A-Z])?$", "^(a|b)$"):
        assert pattern_fault(pattern, 30) == "", pattern
    report = check({"pattern": "(a+)+$"}, "a" * 40 + "b")
    assert report.problems == ()
    assert "was not checked" in report.notes[0]


def test_the_work_on_one_schema_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "MAX_STEPS", 2_000)
    bomb: JsonObject = {"$defs": {"d0": {"type": "integer"}}}
    for level in range(1, 24):
        inner = {"$ref": f"#/$defs/d{level - 1}"}
        bomb["$defs"][f"d{level}"] = {"allOf": [inner, inner]}
    bomb["$ref"] = "#/$defs/d23"
    assert "too costly" in check(bomb, 1).notes[0]


def test_the_number_of_problems_is_bounded() -> None:
    report = check({"items": {"type": "string"}}, list(range(10_000)))
    assert len(report.problems) == validation.MAX_PROBLEMS
    assert report.notes
