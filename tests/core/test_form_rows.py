from __future__ import annotations

from mcp_tui.core.form_fields import SchemaReader
from mcp_tui.core.form_rows import MAX_ROWS, Action, ArgumentRow, FormModel, RowKind, state_words, visible_place
from mcp_tui.core.types import JsonObject

TREE: JsonObject = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "child": {"$ref": "#"},
        "list": {"type": "array", "items": {"$ref": "#"}},
    },
}


def model(schema: JsonObject, document: JsonObject | None = None) -> FormModel:
    return FormModel(SchemaReader(schema), {} if document is None else document)


def row_at(form: FormModel, *path: str | int) -> ArgumentRow:
    return next(row for row in form.rows() if row.path == path and row.kind is not RowKind.ADD_ITEM)


def shown(form: FormModel) -> list[tuple[str, tuple[str | int, ...]]]:
    return [(row.kind.value, row.path) for row in form.rows()]


def test_recursion_is_one_line_until_it_is_opened() -> None:
    form = model(TREE)
    assert shown(form) == [("field", ("name",)), ("group", ("child",)), ("group", ("list",))]
    form.toggle(row_at(form, "child"))
    assert ("field", ("child", "name")) in shown(form)
    assert form.document == {"child": {}}


def test_folding_hides_without_changing_the_document() -> None:
    form = model(TREE, {"child": {"name": "x"}})
    form.toggle(row_at(form, "child"))
    assert ("field", ("child", "name")) not in shown(form)
    assert form.document == {"child": {"name": "x"}}


def test_what_the_schema_does_not_know_has_a_row_too() -> None:
    form = model({"type": "object", "properties": {}, "additionalProperties": False}, {"odd": 1})
    row = row_at(form, "odd")
    assert "does not know" in row.field.note
    assert Action.REMOVE in form.actions(row)


def test_a_value_of_the_wrong_kind_is_shown_as_json() -> None:
    form = model(
        {"type": "object", "properties": {"o": {"type": "object"}, "l": {"type": "array"}}}, {"o": [1], "l": 3}
    )
    assert shown(form) == [("field", ("o",)), ("field", ("l",))]


def test_list_entries_are_added_moved_and_removed() -> None:
    form = model({"type": "object", "properties": {"l": {"type": "array", "items": {"type": "string"}}}})
    form.toggle(row_at(form, "l"))
    assert form.add_item(row_at(form, "l")) == ("l", 0)
    form.document["l"] = ["a", "b", "c"]
    assert form.act(row_at(form, "l", 2), Action.UP) == ("l", 1)
    assert form.document["l"] == ["a", "c", "b"]
    form.act(row_at(form, "l", 0), Action.REMOVE)
    assert form.document["l"] == ["c", "b"]
    assert Action.UP not in form.actions(row_at(form, "l", 0))


def test_absent_null_and_empty_are_three_states() -> None:
    form = model({"type": "object", "properties": {"s": {"type": ["string", "null"]}}})
    assert state_words(row_at(form, "s")) == "not sent"
    form.act(row_at(form, "s"), Action.NULL)
    assert form.document == {"s": None}
    assert state_words(row_at(form, "s")) == "null"
    form.act(row_at(form, "s"), Action.EMPTY)
    assert form.document == {"s": ""}
    assert state_words(row_at(form, "s")) == "empty text"
    form.act(row_at(form, "s"), Action.UNSET)
    assert form.document == {}


def test_null_can_be_sent_where_it_is_wrong() -> None:
    form = model({"type": "object", "properties": {"n": {"type": "integer"}}})
    assert Action.NULL in form.actions(row_at(form, "n"))


def test_taking_another_alternative_keeps_what_fits_and_changes_the_constant() -> None:
    def option(kind: str, extra: str) -> JsonObject:
        return {
            "type": "object",
            "properties": {"kind": {"const": kind}, "to": {"type": "string"}, extra: {"type": "string"}},
            "required": ["kind"],
        }

    form = model({"type": "object", "properties": {"t": {"oneOf": [option("a", "x"), option("b", "y")]}}})
    form.take(row_at(form, "t"), 0)
    assert form.document == {"t": {"kind": "a"}}
    form.document["t"]["to"] = "me"
    form.take(row_at(form, "t"), 1)
    assert form.document == {"t": {"kind": "b", "to": "me"}}
    assert ("field", ("t", "y")) in shown(form)


def test_a_choice_between_scalars_has_a_row_for_the_value() -> None:
    form = model(
        {"type": "object", "properties": {"v": {"anyOf": [{"type": "string"}, {"type": "integer"}]}}}, {"v": 4}
    )
    kinds = [(row.kind, row.variant, row.field.name) for row in form.rows()]
    assert kinds == [(RowKind.VARIANT, 1, "v"), (RowKind.FIELD, None, "value")]


def test_members_of_a_map_are_added_by_name_once() -> None:
    form = model(
        {"type": "object", "properties": {"m": {"type": "object", "additionalProperties": {"type": "integer"}}}},
        {"m": {}},
    )
    adder = next(row for row in form.rows() if row.kind is RowKind.ADD_KEY)
    assert form.add_key(adder, "one") == ("m", "one")
    assert form.add_key(adder, "one") is None
    assert row_at(form, "m", "one").in_map


def test_a_root_of_alternatives_is_a_choice_with_its_members() -> None:
    schema: JsonObject = {
        "oneOf": [
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
            {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]},
        ]
    }
    form = model(schema, {"b": "x"})
    assert shown(form) == [("variant", ()), ("field", ("b",))]
    form.take(form.rows()[0], 0)
    assert shown(form)[1] == ("field", ("a",))
    assert form.document == {"b": "x"}


def test_a_huge_form_is_cut_and_says_so() -> None:
    schema: JsonObject = {
        "type": "object",
        "properties": {f"l{n}": {"type": "array", "items": {"type": "string"}} for n in range(10)},
    }
    form = model(schema, {f"l{n}": ["x"] * 90 for n in range(10)})
    rows = form.rows()
    assert len(rows) == MAX_ROWS + 1
    assert rows[-1].kind is RowKind.MORE


def test_a_problem_stands_at_the_nearest_drawn_place() -> None:
    places = {("a",), ("a", "b"), ("c",)}
    assert visible_place(("a", "b", 3), places) == ("a", "b")
    assert visible_place(("z",), places) is None
