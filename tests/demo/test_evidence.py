from __future__ import annotations

import json

import pytest

from mcp_tui.core.types import JsonObject
from mcp_tui.demo.dialog import ToolOutcome
from mcp_tui.demo.evidence import change_line, code, data_of, denied, fence, log_finding, metric_finding, number_of

LINES = """3 lines match
14:09:17 ERROR   checkout no connection after 5.0 s, order=LH-2
14:06:54 ERROR   checkout no connection after 5.0 s, order=LH-1
10:12:13 ERROR   email    bounce
13:58:02 INFO    checkout deploy 4.7.2 rolled out"""


def outcome(name: str, text: str, *, is_error: bool = False) -> ToolOutcome:
    return ToolOutcome(name, {}, text, is_error)


def test_lines_that_differ_in_ids_only_are_one_finding() -> None:
    found = log_finding([outcome("demo__search_logs", LINES)])
    assert found is not None
    assert (found.service, found.message) == ("checkout", "no connection after 5.0 s")
    assert (found.count, found.total, found.first, found.last) == (2, 3, "14:06:54", "14:09:17")
    assert found.lines[0].endswith("order=LH-1")


def test_text_and_structured_logs_give_the_same_finding() -> None:
    keys = ("time", "level", "service", "message")
    rows = [line.split(None, 3) for line in LINES.splitlines()[1:]]
    entries = [
        dict(zip(keys, (time, level.lower(), service, rest), strict=True)) for time, level, service, rest in rows
    ]
    structured = log_finding([outcome("search_logs", json.dumps({"entries": entries}))])
    assert structured == log_finding([outcome("search_logs", LINES)])


def test_the_same_lines_found_twice_count_once() -> None:
    once, twice = (log_finding([outcome("search_logs", LINES)] * times) for times in (1, 2))
    assert once == twice


def test_failed_searches_and_other_tools_are_no_evidence() -> None:
    assert log_finding([outcome("search_logs", LINES, is_error=True)]) is None
    assert log_finding([outcome("echo", LINES)]) is None
    assert log_finding([outcome("search_logs", "nothing")]) is None


def test_a_change_is_found_in_the_log() -> None:
    assert change_line([outcome("search_logs", LINES)]) == "13:58:02 checkout deploy 4.7.2 rolled out"


def test_the_series_that_moved_is_found() -> None:
    series: list[JsonObject] = [
        {"group": {"service": "web"}, "points": [1, 1]},
        {"group": {"service": "checkout", "region": "eu"}, "points": [0.5, 9.0, 8.0]},
        {"group": {}, "points": ["a", None]},
    ]
    found = metric_finding(outcome("m", json.dumps({"metric": "errors", "unit": "%", "series": series})))
    assert found is not None
    assert (found.group, found.first, found.latest, found.peak) == ("checkout eu", 0.5, 8.0, 9.0)
    assert found.highest_other == 1


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"series": 7}', '{"series": [7, {"points": []}]}', "[" * 99_999])
def test_results_of_another_shape_are_no_finding(text: str) -> None:
    assert metric_finding(outcome("m", text)) is None
    assert log_finding([outcome("search_logs", text)]) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("5", 5), ("The sum of 2 and 3 is 5.", 5), ('{"sum": -1.5}', -1.5), ("none", None), ("{}", None)],
)
def test_the_number_of_a_result(text: str, number: float | None) -> None:
    assert number_of(outcome("add", text)) == number


def test_json_before_other_text_is_read() -> None:
    assert data_of('{"a": 1}\n[link to resource "x"]') == {"a": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The person declined this call; it was not run.", True),
        ("The call was denied and not run: the approval policy (readonly) does not allow demo.x.", True),
        ("open failed: permission denied", False),
        ("connection refused", False),
    ],
)
def test_a_denial_is_a_decision_not_a_fault(text: str, *, expected: bool) -> None:
    assert denied(outcome("x", text, is_error=True)) is expected
    assert not denied(outcome("x", text))


def test_foreign_text_cannot_leave_its_code_block() -> None:
    assert fence("```\n# heading\n````", "text") == "`````text\n```\n# heading\n````\n`````"
    assert code("a `b`` c") == "```a `b`` c```"
    assert code("`x`") == "`` `x` ``"
    assert code("two\nlines") == "`two lines`"
