"""Choosing tools and filling arguments: pure functions over what servers, strangers, declare."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_tui.core.types import JsonObject
from mcp_tui.demo.dialog import OfferedTool
from mcp_tui.demo.prompt import given_arguments, read_prompt
from mcp_tui.demo.toolbox import fill, fill_named, find_tool, named_tools, reading_tool


def tool(
    name: str, properties: JsonObject | None = None, required: list[Any] | None = None, **more: Any
) -> OfferedTool:
    schema: JsonObject = {"type": "object", "properties": properties or {}, "required": required or []} | more
    return OfferedTool(name, "", schema)


@pytest.mark.parametrize(
    ("offered", "wanted", "found"),
    [
        (["add"], ["add"], "add"),
        (["x__add", "add"], ["add"], "x__add"),
        (["get_current_time"], ["current_time"], "get_current_time"),
        (["srv__get-current-time"], ["current_time"], "srv__get-current-time"),
        (["getCurrentTime"], ["current_time"], "getCurrentTime"),
        (["delete_logs"], ["logs"], None),
        (["cart_add"], ["add"], None),
        (["time_current"], ["current_time"], None),
        ([], ["add"], None),
    ],
)
def test_tools_are_found_by_their_last_words(offered: list[str], wanted: list[str], found: str | None) -> None:
    chosen = find_tool([tool(name) for name in offered], *wanted)
    assert (chosen.name if chosen else None) == found


def test_required_arguments_come_from_the_prompt() -> None:
    schema: JsonObject = {
        "query": {"type": "string"},
        "limit": {"type": "integer", "maximum": 10},
        "ratio": {"type": ["null", "number"]},
        "order": {"enum": ["newest", "oldest"]},
        "deep": {"type": "boolean"},
        "kept": {"type": "string", "default": "as it is"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "where": {"$ref": "#/$defs/Place"},
        "note": {
            "anyOf": [{"type": "object", "properties": {"x": {"type": "odd"}}, "required": ["x"]}, {"type": "null"}]
        },
        "optional": {"type": "string"},
    }
    place: JsonObject = {"type": "object", "properties": {"timezone": {"type": "string"}}, "required": ["timezone"]}
    required = [key for key in schema if key != "optional"]
    offered = tool("search", schema, required, **{"$defs": {"Place": place}})
    arguments = fill(offered, read_prompt('find "brass lamp" in Tokyo, 25 of them, 0.5, oldest first'), {})
    assert arguments == {
        "query": "brass lamp",
        "limit": 10,
        "ratio": 0.5,
        "order": "oldest",
        "deep": False,
        "kept": "as it is",
        "tags": [],
        "where": {"timezone": "Asia/Tokyo"},
        "note": None,
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^(a+)+$"},
        {"type": "wizard"},
        {"$ref": "https://example.com/schema"},
        {"$ref": "#/nowhere"},
        {"$ref": "#/properties/value"},
        {"anyOf": [{"$ref": "#/properties/value"}] * 60},
        {"type": "array", "minItems": 99, "items": {"$ref": "#/properties/value"}},
        {"type": "integer", "minimum": float("inf")},
        {"type": 7},
    ],
)
def test_what_cannot_be_filled_is_not_called(schema: JsonObject) -> None:
    assert fill(tool("x", {"value": schema}, ["value"]), read_prompt("hello"), {}) is None


def test_broken_schemas_are_no_crash() -> None:
    for broken in ({"properties": 7}, {"required": "a"}, {"required": [1, None]}, {"properties": {"a": 3}}, {}):
        assert fill(OfferedTool("x", "", broken), read_prompt("hello"), {"a": 1}) is not None


def test_arguments_the_tool_does_not_know_are_left_out() -> None:
    assert fill(tool("x", {"a": {}}), read_prompt(""), {"a": 1, "b": 2}) == {"a": 1}


def test_only_tools_that_read_are_picked_unasked() -> None:
    offered = [tool("get_and_delete"), tool("run_report"), tool("get_env"), tool("frobnicate"), tool("list_files")]
    picked = reading_tool(offered, read_prompt("hello"))
    assert picked is not None
    assert picked[0].name == "list_files"
    assert reading_tool(offered[:4], read_prompt("get env and delete")) is None


def test_a_tool_that_needs_arguments_must_be_near_to_the_prompt() -> None:
    lookup = tool("lookup_word", {"text": {"type": "string"}}, ["text"])
    assert reading_tool([lookup], read_prompt("hello")) is None
    assert reading_tool([lookup], read_prompt("lookup the word 'lamp'")) == (lookup, {"text": "lamp"})


def test_tools_asked_for_by_name_get_the_arguments_of_the_prompt() -> None:
    offered = [tool("demo__echo", {"message": {}, "n": {}}), tool("add"), tool("echo_all")]
    prompt = read_prompt('please call echo with message="hi there" and n=3, then use the tool add')
    assert [found.name for found in named_tools(offered, prompt)] == ["demo__echo", "add"]
    assert fill_named(offered[0], prompt) == {"message": "hi there", "n": 3}
    assert named_tools(offered, read_prompt("add an echo")) == []


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('use x {"a": [1, {"b": null}]} now', {"a": [1, {"b": None}]}),
        ("use x {broken", {}),
        ("a=1 b=true c='two words' d=three", {"a": 1, "b": True, "c": "two words", "d": "three"}),
        ("nothing", {}),
    ],
)
def test_arguments_are_read_from_json_or_pairs(text: str, arguments: JsonObject) -> None:
    assert given_arguments(text) == arguments


@pytest.mark.parametrize(
    ("text", "wants"),
    [
        ("What time is it?", {"time"}),
        ("How is the response time?", set[str]()),
        ("add 2 and 3", {"add"}),
        ("add a button", set[str]()),
        ("7 + 8", {"add"}),
        ("why do payments fail", {"incident"}),
        ("chart the error rate", {"chart", "metrics"}),
        ("in order to see", set[str]()),
        ("order LH-1043", {"order"}),
        ("fix it", {"fix"}),
        ("a fix", set[str]()),
        ("restart web", {"fix", "restart"}),
        ("open a ticket", {"ticket"}),
        ("a slow report", {"report"}),
        ("without tools", {"no_tools"}),
    ],
)
def test_prompts_are_understood_by_words(text: str, wants: set[str]) -> None:
    prompt = read_prompt(text)
    kinds = ("time", "add", "incident", "metrics", "fix", "restart", "ticket", "chart", "order", "report", "no_tools")
    assert {kind for kind in kinds if getattr(prompt, kind)} == wants


def test_numbers_are_those_that_stand_alone() -> None:
    assert read_prompt("add -2, 3.5 and 4 to LH-1043 v2 x9, 1e5 " + "9" * 400).numbers == (-2, 3.5, 4)


def test_long_is_no_question_about_time() -> None:
    assert read_prompt("a long answer").appendix_words == 1200
    assert read_prompt("a long story in 300 words").appendix_words == 300
    assert read_prompt("how long does it take").appendix_words == 0
