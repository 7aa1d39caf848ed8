from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_tui.core.argument_document import (
    delete_at,
    edited_text,
    get_at,
    move_item,
    path_text,
    set_at,
    starting_arguments,
    text_to_value,
    value_to_text,
)
from mcp_tui.core.form_fields import ABSENT, SchemaReader
from mcp_tui.core.json_values import same
from mcp_tui.core.types import JsonObject

READER = SchemaReader({})
TYPES = ("string", "integer", "number", "boolean", "object", "array")
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(min_size=1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["integer", "number", "boolean", None]), JSON_VALUES)
def test_a_value_shown_as_text_is_read_back_as_itself(kind: str | None, value: object) -> None:
    field = READER.field({"type": kind} if kind else {}, "x")
    read = text_to_value(field, value_to_text(field, value))
    assert same(read, value)
    assert type(read) is type(value)


@given(st.text(min_size=1))
def test_a_text_field_keeps_every_text_as_it_is(text: str) -> None:
    field = READER.field({"type": "string"}, "x")
    assert text_to_value(field, text) == text
    assert value_to_text(field, text) == text


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("integer", "98765432109876543210987654321", 98765432109876543210987654321),
        ("integer", " -7 ", -7),
        ("integer", "1_000", 1000),
        ("integer", "5.0", 5.0),
        ("number", "1e3", 1000.0),
        ("number", ".5", 0.5),
        ("number", "1e999", "1e999"),
        ("integer", "12x", "12x"),
        ("integer", '"12"', "12"),
        ("integer", "null", None),
        ("integer", "٣", "٣"),
        ("boolean", "maybe", "maybe"),
    ],
)
def test_typed_text_means_the_exact_value_and_nothing_typed_is_lost(kind: str, text: str, value: object) -> None:
    read = text_to_value(READER.field({"type": kind}, "x"), text)
    assert read == value
    assert type(read) is type(value)


def test_an_integer_of_more_digits_than_python_converts_stays_text() -> None:
    digits = "9" * 5000
    assert text_to_value(READER.field({"type": "integer"}, "x"), digits) == digits


def test_an_emptied_field_is_left_out_and_an_emptied_list_entry_is_not() -> None:
    text, number = READER.field({"type": "string"}, "x"), READER.field({"type": "integer"}, "x")
    assert edited_text(text, "", inside_list=False) is ABSENT
    assert edited_text(text, "", inside_list=True) == ""
    assert edited_text(number, "", inside_list=True) is None


def test_places_are_made_read_and_taken_out() -> None:
    document: JsonObject = {}
    set_at(document, ("a", "b", 0, "c"), 1)
    assert document == {"a": {"b": [{"c": 1}]}}
    assert get_at(document, ("a", "b", 0, "c")) == 1
    assert get_at(document, ("a", "x", 3)) is ABSENT
    delete_at(document, ("a", "b", 0))
    delete_at(document, ("nowhere", "at", "all"))
    assert document == {"a": {"b": []}}


def test_list_entries_move_within_their_list() -> None:
    document: JsonObject = {"l": [1, 2, 3]}
    assert move_item(document, ("l", 2), -1)
    assert document == {"l": [1, 3, 2]}
    assert not move_item(document, ("l", 0), -1)


def test_a_form_starts_with_defaults_constants_and_the_frames_of_required_places() -> None:
    schema: JsonObject = {
        "type": "object",
        "properties": {
            "plain": {"type": "string"},
            "set": {"type": "integer", "default": 3},
            "none": {"type": ["string", "null"], "default": None},
            "kind": {"const": "x"},
            "needed": {
                "type": "object",
                "properties": {"deep": {"type": "boolean", "default": False}, "free": {"type": "string"}},
            },
            "list": {"type": "array", "items": {"type": "string"}},
            "optional": {"type": "object", "properties": {"a": {"default": 1}}},
        },
        "required": ["kind", "needed", "list", "plain"],
    }
    assert starting_arguments(SchemaReader(schema)) == {
        "set": 3,
        "kind": "x",
        "needed": {"deep": False},
        "list": [],
    }


def test_a_required_recursion_does_not_fill_for_ever() -> None:
    schema: JsonObject = {
        "type": "object",
        "properties": {"child": {"$ref": "#"}},
        "required": ["child"],
    }
    value = starting_arguments(SchemaReader(schema))
    depth = 0
    while "child" in value:
        value, depth = value["child"], depth + 1
    assert depth < 12


def test_paths_count_from_one() -> None:
    assert path_text(("filters", 1, "name")) == "filters[2].name"
