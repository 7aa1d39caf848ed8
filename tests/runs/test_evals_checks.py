"""Every check of an evaluation, passing and failing, on responses as `compare --json` has them."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_tui.core.json_values import same
from mcp_tui.core.types import JsonObject
from mcp_tui.runs.evals import patterns
from mcp_tui.runs.evals.checks import CheckResult, check
from mcp_tui.runs.evals.expect import CallRule, Exactly, Expect, Items, Members, Rules, Shape, TextRules
from mcp_tui.runs.evals.patterns import SearchError, found
from mcp_tui.runs.evals.shapes import mismatch


def _call(tool: str, status: str = "ok", text: str = "", **arguments: Any) -> JsonObject:
    server, _, name = tool.rpartition(".")
    result = {"content": [{"type": "image", "data": ""}, {"type": "text", "text": text}]}
    return {"server": server, "tool": name, "arguments": arguments, "status": status, "result": result}


def _response(*calls: JsonObject, text: str = "", **figures: Any) -> JsonObject:
    usage = {"input_tokens": 10, "output_tokens": figures.pop("output_tokens", 5)}
    known = {"cost_usd": 0.02, "cost_is_estimate": True, "ttft_ms": 200.0, "duration_ms": 1500.0, "steps": 2}
    return {"text": text, "tool_calls": list(calls), "usage": usage, "cached_steps": 0, **known, **figures}


def _only(expect: Expect, response: JsonObject, last: str = "") -> CheckResult:
    (result,) = check(expect, response, last)
    return result


_TWO = (_call("db.schema"), _call("db.query", sql="select 1"))


@pytest.mark.parametrize(
    ("expect", "calls", "detail"),
    [
        (Expect(calls=("db.query",)), _TWO, ""),
        (Expect(calls=("db.q*",)), _TWO, ""),
        (Expect(calls=("*.query",)), _TWO, ""),
        (Expect(calls=("db.drop",)), _TWO, "it was never called; called were db.schema, db.query"),
        (Expect(calls=("db.drop",)), (), "it was never called; no tool was called"),
        (Expect(calls=("db.drop",)), (_TWO[0], _TWO[0]), "it was never called; called were db.schema (2 times)"),
        (Expect(calls=("db.*",)), (_call("db.query", "error"), _call("db.query", "denied")),
         "no call succeeded: db.query ended error, db.query ended denied"),
        (Expect(calls=("db.query",)), (_call("db.query", "error"), _call("db.query")), ""),
        (Expect(calls_in_order=("db.schema", "db.query")), _TWO, ""),
        (Expect(calls_in_order=("db.schema", "db.query")), (_TWO[0], _call("fs.read"), _TWO[1]), ""),
        (Expect(calls_in_order=("db.query", "db.schema")), _TWO,
         "db.schema did not succeed after db.query; called were db.schema, db.query"),
        (Expect(calls_in_order=("db.*", "db.*", "db.*")), _TWO,
         "db.* did not succeed after db.*; called were db.schema, db.query"),
        (Expect(calls_in_order=("db.schema", "db.query")), (_call("db.schema", "error"), _TWO[1]),
         "db.schema did not succeed; called were db.schema, db.query"),
        (Expect(never=("db.execute", )), _TWO, ""),
        (Expect(never=("*.q*",)), _TWO, "called was db.query"),
        (Expect(never=("db.query",)), (_call("db.query", "denied"),), "called was db.query"),
        (Expect(only=("db.*",)), _TWO, ""),
        (Expect(only=("db.*",)), (*_TWO, _call("invented")), "called was invented"),
        (Expect(only=()), (), ""),
        (Expect(only=()), _TWO, "called was db.schema, db.query"),
        (Expect(no_tool_errors=True), _TWO, ""),
        (Expect(no_tool_errors=True), (_TWO[0], _call("db.query", "unknown")), "db.query ended unknown"),
    ],
)  # fmt: skip
def test_which_tools_were_called(expect: Expect, calls: tuple[JsonObject, ...], detail: str) -> None:
    result = _only(expect, _response(*calls))
    assert (result.passed, result.detail) == (not detail, detail)


def test_each_expected_tool_is_a_check_with_its_name() -> None:
    results = check(
        Expect(calls=("a.b", "c.d"), never=("e.f",), only=(), calls_in_order=("a.b", "c.d"), no_tool_errors=True),
        _response(),
    )
    assert [result.check for result in results] == [
        "calls a.b",
        "calls c.d",
        "calls_in_order a.b > c.d",
        "never e.f",
        "only (no tool at all)",
        "no_tool_errors",
    ]


@pytest.mark.parametrize(
    ("rule", "detail"),
    [
        (CallRule("db.query"), ""),
        (CallRule("db.que*", Members({"sql": Exactly("select 1")})), ""),
        (CallRule("db.query", Members({"limit": Exactly(5.0)})), ""),
        (CallRule("db.query", Members({"limit": Exactly(6)})),
         "arguments.limit is missing; arguments.limit is 5, not 6"),
        (CallRule("db.query", result=TextRules(contains=("row 2",))), ""),
        (CallRule("db.query", result=TextRules(contains=("row 3",))),
         'result contains "row 3": it is not in "row 1"; result contains "row 3": it is not in "row 2"'),
        (CallRule("db.query", Members({"sql": Exactly("select 1")}), TextRules(contains=("row 2",))),
         'result contains "row 2": it is not in "row 1"; arguments.sql is "select 2", not "select 1"'),
        (CallRule("db.bad"), "the call ended error"),
        (CallRule("db.none"), "it was never called; called were db.query (2 times), db.bad"),
    ],
)  # fmt: skip
def test_one_call_must_be_as_described(rule: CallRule, detail: str) -> None:
    calls = (
        _call("db.query", text="row 1", sql="select 1"),
        _call("db.query", text="row 2", sql="select 2", limit=5),
        _call("db.bad", "error"),
    )
    result = _only(Expect(call=(rule,)), _response(*calls))
    assert (result.check, result.passed, result.detail) == (f"call {rule.tool}", not detail, detail)


def test_arguments_that_were_no_json_are_said() -> None:
    call = {**_call("db.query", "error"), "arguments": None, "result": None}
    result = _only(Expect(call=(CallRule("db.query", Members({})),)), _response(call))
    assert result.detail == "the arguments are no JSON object"


def test_a_result_without_text_is_its_structured_content() -> None:
    rule = CallRule("db.query", result=TextRules(contains=('"id": 7',)))
    call: JsonObject = {**_call("db.query"), "result": {"content": [], "structuredContent": {"id": 7}}}
    assert _only(Expect(call=(rule,)), _response(call)).passed
    assert not _only(Expect(call=(rule,)), _response({**call, "result": {"content": "odd"}})).passed


@pytest.mark.parametrize(
    ("shape", "value", "reason"),
    [
        (Exactly(1), 1.0, ""),
        (Exactly(1), True, "it is true, not 1"),
        (Exactly(True), 1, "it is 1, not true"),
        (Exactly("a"), None, 'it is null, not "a"'),
        (Members({}), {"more": 1}, ""),
        (Members({"a": Members({"b": Exactly(1)})}), {"a": {"b": 1, "c": 2}, "d": 3}, ""),
        (Members({"a": Members({"b": Exactly(1)})}), {"a": {"b": 2}}, "it.a.b is 2, not 1"),
        (Members({"a": Members({"b": Exactly(1)})}), {"a": [1]}, "it.a is [1], not an object"),
        (Members({"a": Exactly(1)}), {}, "it.a is missing"),
        (Items((Exactly(1), Rules({"min": 2}))), [1, 3], ""),
        (Items((Exactly(1), Rules({"min": 2}))), [1, 1], "it[1] is 1, not at least 2"),
        (Items((Exactly(1),)), [1, 2], "it has 2 items, not 1"),
        (Items((Exactly(1),)), "1", 'it is "1", not a list'),
        (Rules({"equals": {"a": [1]}}), {"a": [1.0]}, ""),
        (Rules({"equals": {"a": 1}}), {"a": 1, "b": 2}, 'it is {"a": 1, "b": 2}, not {"a": 1}'),
        (Rules({"contains": "el"}), "hello", ""),
        (Rules({"contains": "EL"}), "hello", 'it is "hello", which does not contain "EL"'),
        (Rules({"contains": 2}), [1, 2], ""),
        (Rules({"contains": "1"}), 1, 'it is 1, which does not contain "1"'),
        (Rules({"icontains": "EL"}), "hello", ""),
        (Rules({"icontains": "x"}), "hello", 'it is "hello", which does not contain, in any case, "x"'),
        (Rules({"matches": "^h.l+o$"}), "hello", ""),
        (Rules({"matches": "^x"}), "hello", 'it does not match "^x": nothing matches in "hello"'),
        (Rules({"matches": "1"}), 1, 'it does not match "1": it is 1, not a text'),
        (Rules({"one_of": [1, "a"]}), "a", ""),
        (Rules({"one_of": [1, "a"]}), "b", 'it is "b", none of [1, "a"]'),
        (Rules({"min": 1, "max": 3}), 2, ""),
        (Rules({"min": 1, "max": 3}), 4, "it is 4, not at most 3"),
        (Rules({"min": 1}), True, "it is true, not at least 1"),
        (Rules({"max": 1}), "0", 'it is "0", not at most 1'),
    ],
)  # fmt: skip
def test_values_of_arguments(shape: Shape, value: object, reason: str) -> None:
    assert mismatch(shape, value, "it") == reason


def test_equality_is_that_of_json() -> None:
    assert same({"a": [1, {"b": None}]}, {"a": [1.0, {"b": None}]})
    assert not same({"a": 1}, {"a": 1, "b": 2})
    assert not same([1], [1, 1])
    assert not same([True], [1])


@pytest.mark.parametrize(
    ("rules", "asked", "detail"),
    [
        (TextRules(contains=("pool",)), 'contains "pool"', ""),
        (TextRules(contains=("Pool",)), 'contains "Pool"', 'it is not in "The pool is full\\n"'),
        (TextRules(icontains=("POOL",)), 'icontains "POOL"', ""),
        (TextRules(icontains=("lake",)), 'icontains "lake"', 'it is not in "The pool is full\\n"'),
        (TextRules(not_contains=("lake",)), 'not_contains "lake"', ""),
        (TextRules(not_contains=("pool",)), 'not_contains "pool"', 'it is there: "The pool is full\\n"'),
        (TextRules(matches=("(?i)POOL.*FULL",)), 'matches "(?i)POOL.*FULL"', ""),
        (TextRules(matches=("^full",)), 'matches "^full"', 'nothing matches in "The pool is full\\n"'),
        (TextRules(equals=" The pool is full"), 'equals " The pool is full"', ""),
        (TextRules(equals="full"), 'equals "full"', 'it is "The pool is full\\n"'),
    ],
)
def test_texts(rules: TextRules, asked: str, detail: str) -> None:
    result = _only(Expect(text=rules), _response(text="The pool is full\n"))
    assert result == CheckResult(f"text {asked}", not detail, detail)


def test_what_was_said_before_the_calls_is_no_part_of_the_json() -> None:
    response, expect = _response(text='I look it up.\n\n{"id": 1}'), Expect(json=_SCHEMA)
    assert _only(expect, {**response, "text": "x"}, last='{"id": 1}').passed
    assert not _only(expect, response).passed
    equals = Expect(text=TextRules(equals="42", contains=("look",)))
    assert [one.passed for one in check(equals, _response(text="I look.\n\n42"), "42")] == [True, True]
    assert [one.passed for one in check(equals, _response(text="I look.\n\n43"), "43")] == [True, False]


def test_each_rule_of_a_text_is_a_check() -> None:
    results = check(Expect(text=TextRules(("a", "b"), matches=("c", "d"))), _response(text="a c"))
    assert [result.passed for result in results] == [True, False, True, False]


_SCHEMA: JsonObject = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (' {"id": 1}\n', ""),
        ('Here it is:\n```json\n{"id": 1}\n```\nDone.', ""),
        ('  ```\n  {"id": 1}\n  ```', ""),
        ('{"id": "1"}', "id is text, expected integer"),
        ("{}", "id required"),
        ("Sorry", 'the answer is no JSON: "Sorry"'),
        ("```\n{\n```", "the fenced block is no JSON: "),
        ("```\n1\n```\n```\n2\n```", "the answer is no JSON, and holds 2 fenced blocks"),
        ("[" * 100_000, "the answer is nested too deep"),
        ('{"id": NaN}', "the answer is no JSON"),
    ],
)
def test_json_answers(text: str, detail: str) -> None:
    result = _only(Expect(json=_SCHEMA), _response(text=text))
    assert result.check == "json"
    assert result.passed == (not detail)
    assert detail in result.detail


def test_a_schema_that_was_not_checked_completely_has_not_passed() -> None:
    schema: JsonObject = {"$ref": "https://example.com/schema.json"}
    result = _only(Expect(json=schema), _response(text="{}"))
    assert not result.passed
    assert "refers to https://example.com/schema.json" in result.detail


@pytest.mark.parametrize(
    ("expect", "figures", "passed", "detail"),
    [
        (Expect(max_calls=1), {}, True, "it was 1"),
        (Expect(max_calls=0), {}, False, "it was 1"),
        (Expect(max_steps=2), {}, True, "it was 2"),
        (Expect(max_steps=1), {}, False, "it was 2"),
        (Expect(max_cost_usd=0.02), {}, True, "it was ~$0.0200"),
        (Expect(max_cost_usd=0.019), {"cost_is_estimate": False}, False, "it was $0.0200"),
        (Expect(max_cost_usd=1), {"cost_usd": None}, False, "not known"),
        (Expect(max_duration_s=1.5), {}, True, "it was 1.5s"),
        (Expect(max_duration_s=1.4), {}, False, "it was 1.5s"),
        (Expect(max_duration_s=2), {"duration_ms": None}, False, "not known"),
        (Expect(max_ttft_s=0.2), {}, True, "it was 200ms"),
        (Expect(max_ttft_s=0.1), {}, False, "it was 200ms"),
        (Expect(max_ttft_s=9), {"ttft_ms": None}, False, "not known"),
        (Expect(max_ttft_s=9), {"cached_steps": 2}, False, "not known: the answer came from the cache"),
        (Expect(max_duration_s=9), {"cached_steps": 1}, False, "not known: the answer came from the cache"),
        (Expect(max_output_tokens=5), {}, True, "it was 5"),
        (Expect(max_output_tokens=4), {}, False, "it was 5"),
        (Expect(max_output_tokens=9), {"output_tokens": None}, False, "not known"),
    ],
)
def test_figures(expect: Expect, figures: dict[str, Any], passed: bool, detail: str) -> None:
    result = _only(expect, _response(_call("a.b"), **figures))
    assert (result.passed, result.detail) == (passed, detail)


def test_a_figure_is_named_with_its_limit() -> None:
    results = check(Expect(max_calls=3, max_duration_s=2.5, max_cost_usd=0.25), _response())
    assert [result.check for result in results] == ["max_calls 3", "max_cost_usd 0.25", "max_duration_s 2.5"]


def test_a_pattern_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "DEADLINE_S", 0.5)
    result = _only(Expect(text=TextRules(matches=("(a+)+$",))), _response(text="a" * 40 + "b"))
    assert not result.passed
    assert result.detail == "searching took longer than 0.5 s: the pattern is too costly"


def test_costly_looking_patterns_and_long_texts_are_searched_all_the_same() -> None:
    assert found("(a|b)+c", "xxabac")
    assert not found("(a|b)+c$", "xxaba")
    assert found("\ud800 é$", "x" * 5000 + "\ud800 é")
    assert not found("y.*z", "y" * 3000)
    with pytest.raises(SearchError, match="longer than 1,000,000 characters"):
        found("a", "a" * 1_000_001)
