from __future__ import annotations

import pytest

from mcp_tui.core.form_fields import ABSENT, Field, SchemaReader, Shape
from mcp_tui.core.json_values import same
from mcp_tui.core.types import JsonObject


def field_of(schema: JsonObject, document: JsonObject | None = None, name: str = "x") -> Field:
    return SchemaReader(document or {}).field(schema, name)


@pytest.mark.parametrize(
    ("schema", "shape"),
    [
        ({"type": "string"}, Shape.TEXT),
        ({"type": "string", "format": "textarea"}, Shape.LINES),
        ({"type": "string", "default": "a\nb"}, Shape.LINES),
        ({"type": "integer"}, Shape.INTEGER),
        ({"type": ["integer", "number"]}, Shape.NUMBER),
        ({"minimum": 3}, Shape.NUMBER),
        ({"type": "boolean"}, Shape.BOOLEAN),
        ({"enum": ["a", 1, True]}, Shape.CHOICE),
        ({"const": 4}, Shape.CHOICE),
        ({"properties": {}}, Shape.OBJECT),
        ({"items": {}}, Shape.LIST),
        ({"type": ["string", "object"]}, Shape.VARIANTS),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, Shape.VARIANTS),
        ({"type": "null"}, Shape.NULL),
        ({}, Shape.JSON),
        ({"type": "banana"}, Shape.JSON),
    ],
)
def test_a_schema_asks_for_its_kind_of_input(schema: JsonObject, shape: Shape) -> None:
    assert field_of(schema).shape is shape


@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["string", "null"]},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"oneOf": [{"type": "null"}, {"type": "string"}]},
    ],
)
def test_one_type_or_null_is_that_type_and_nullable(schema: JsonObject) -> None:
    found = field_of(schema)
    assert found.shape is Shape.TEXT
    assert found.nullable


def test_optional_models_of_pydantic_keep_default_and_description() -> None:
    document: JsonObject = {"$defs": {"M": {"type": "object", "properties": {"a": {"type": "integer"}}}}}
    schema: JsonObject = {
        "anyOf": [{"$ref": "#/$defs/M"}, {"type": "null"}],
        "default": None,
        "description": "outer",
    }
    found = SchemaReader(document).field(schema, "m")
    assert found.shape is Shape.OBJECT
    assert found.nullable
    assert found.default is None
    assert found.description == "outer"


def test_choices_take_their_titles_from_every_dialect() -> None:
    def labels(schema: JsonObject) -> list[str]:
        return [choice.label for choice in field_of(schema).choices]

    assert labels({"enum": ["a", "b"], "enumNames": ["Alpha", "Beta"]}) == ["Alpha", "Beta"]
    assert labels({"oneOf": [{"const": 1, "title": "One"}, {"const": 2}]}) == ["One", "2"]
    assert labels({"anyOf": [{"const": "x", "title": "Ex"}]}) == ["Ex"]


def test_null_among_choices_makes_the_field_nullable() -> None:
    found = field_of({"enum": ["a", None]})
    assert found.nullable
    assert [choice.value for choice in found.choices] == ["a"]


def test_local_references_are_followed_and_siblings_win() -> None:
    document: JsonObject = {
        "$defs": {"a/b": {"type": "integer", "title": "T"}, "n": {"$anchor": "here", "type": "boolean"}}
    }
    reader = SchemaReader(document)
    assert reader.field({"$ref": "#/$defs/a~1b", "title": "Mine"}, "x").title == "Mine"
    assert reader.field({"$ref": "#/$defs/a~1b"}, "x").shape is Shape.INTEGER
    assert reader.field({"$ref": "#here"}, "x").shape is Shape.BOOLEAN


@pytest.mark.parametrize("ref", ["http://example.com/s.json", "other.json#/a", "file:///etc/passwd"])
def test_references_to_elsewhere_are_named_and_not_fetched(ref: str) -> None:
    found = field_of({"$ref": ref})
    assert found.shape is Shape.JSON
    assert "not fetched" in found.note


def test_references_in_a_circle_end_as_json() -> None:
    document: JsonObject = {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}
    found = SchemaReader(document).field({"$ref": "#/$defs/a"}, "x")
    assert found.shape is Shape.JSON
    assert "without end" in found.note


def test_all_of_in_a_circle_ends() -> None:
    document: JsonObject = {"$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}}
    assert SchemaReader(document).field({"$ref": "#/$defs/a"}, "x").note


def test_all_of_adds_up_members_and_required_names() -> None:
    reader = SchemaReader({})
    found = reader.field(
        {
            "allOf": [
                {"properties": {"a": {"type": "string"}}, "required": ["a"]},
                {"properties": {"b": {"type": "integer"}}, "required": ["b"]},
            ]
        },
        "x",
    )
    assert [(member.name, member.required) for member in reader.properties(found)] == [("a", True), ("b", True)]


def test_the_variant_that_fits_a_value_is_found_by_its_constant() -> None:
    schema: JsonObject = {
        "oneOf": [
            {"type": "object", "properties": {"kind": {"const": "a"}, "v": {"type": "string"}}},
            {"type": "object", "properties": {"kind": {"const": "b"}, "v": {"type": "string"}}},
        ]
    }
    reader = SchemaReader({})
    found = reader.field(schema, "x")
    assert [variant.label for variant in found.variants] == ["kind: a", "kind: b"]
    assert reader.matching_variant(found, {"kind": "b", "v": "1"}) == 1
    assert reader.matching_variant(found, "text") is None


def test_alternatives_that_only_require_names_do_not_split_the_form() -> None:
    found = field_of(
        {
            "type": "object",
            "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
            "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
        }
    )
    assert found.shape is Shape.OBJECT


@pytest.mark.parametrize("document", [{}, {"type": "string"}, {"type": 7}, {"properties": 3}, {"required": "a"}])
def test_the_root_is_an_object_whatever_a_server_sent(document: JsonObject) -> None:
    reader = SchemaReader(document)
    root = reader.root()
    assert root.shape is Shape.OBJECT
    reader.properties(root)


def test_a_required_name_without_a_description_can_be_filled_in() -> None:
    reader = SchemaReader({"type": "object", "properties": {}, "required": ["a"]})
    assert [(member.name, member.shape) for member in reader.properties(reader.root())] == [("a", Shape.JSON)]


def test_a_tuple_has_a_field_for_each_position() -> None:
    reader = SchemaReader({})
    found = reader.field({"prefixItems": [{"type": "string"}, {"type": "integer"}], "items": {"type": "boolean"}}, "x")
    assert [reader.item(found, index).shape for index in range(3)] == [Shape.TEXT, Shape.INTEGER, Shape.BOOLEAN]


def test_false_as_a_schema_is_drawn_with_its_reason() -> None:
    assert SchemaReader({}).field(False, "x").note == "the schema allows no value here"


def test_limits_read_as_words() -> None:
    assert field_of({"type": "integer", "minimum": 1, "maximum": 9}).limits == "1 … 9"
    assert field_of({"type": "string", "maxLength": 20}).limits == "at most 20 characters"


def test_equality_is_that_of_json() -> None:
    assert same(1, 1.0)
    assert not same(True, 1)
    assert same({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]})
    assert not ABSENT
