"""What an evaluation amounts to: the JSON object and JUnit XML, also of hostile texts."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.core.types import JsonObject
from mcp_tui.runs.evals.checks import CheckResult
from mcp_tui.runs.evals.junit import junit
from mcp_tui.runs.evals.report import model_figures, to_json
from mcp_tui.runs.evals.results import Attempt, AttemptOutcome, Results, Verdict
from mcp_tui.runs.evals.suite import Suite
from tests.core.hostile import HOSTILE, interpreted

_LOST = ErrorInfo("Connection lost", "refused", kind=ErrorKind.UNREACHABLE, code="connect")


def _response(text: str = "answer", **figures: object) -> JsonObject:
    known: JsonObject = {"status": "ok", "cost_usd": 0.25, "cost_is_estimate": False, "ttft_ms": 100.0,
                         "duration_ms": 1000.0, "cached_steps": 0}  # fmt: skip
    return {"text": text, **known, **figures}


def _attempt(
    case: str,
    model: str,
    outcome: AttemptOutcome,
    response: JsonObject | None,
    number: int = 1,
    detail: str = "not there",
) -> Attempt:
    checks = (
        CheckResult("answer", outcome in (AttemptOutcome.PASSED, AttemptOutcome.FAILED)),
        CheckResult("text", False, detail),
    )
    passed = (CheckResult("answer", True),)
    error = _LOST if outcome is AttemptOutcome.ERROR else None
    return Attempt(
        case, model, number, outcome, passed if outcome is AttemptOutcome.PASSED else checks, response, error
    )


def _results(*attempts: Attempt, pass_rate: float = 1.0) -> Results:
    by_case: dict[tuple[str, str], list[Attempt]] = {}
    for attempt in attempts:
        by_case.setdefault((attempt.case, attempt.model), []).append(attempt)
    verdicts = tuple(
        Verdict(case, model, len(own), sum(one.passed for one in own), pass_rate)
        for (case, model), own in by_case.items()
    )
    return Results(Suite("shop", "shop.toml", ()), attempts, verdicts)


_MIXED = (
    _attempt("one", "a", AttemptOutcome.PASSED, _response()),
    _attempt("one", "b", AttemptOutcome.FAILED, _response(cost_usd=None, cost_is_estimate=True, ttft_ms=None)),
    _attempt("two", "a", AttemptOutcome.PASSED, _response(duration_ms=2000.0, ttft_ms=300.0)),
    _attempt("two", "b", AttemptOutcome.ERROR, None),
    _attempt("three", "a", AttemptOutcome.PASSED, _response(cached_steps=1, duration_ms=1.0, cost_usd=0.0)),
    _attempt("three", "b", AttemptOutcome.NOT_RUN, None),
)


def test_the_object_has_results_cases_and_a_summary() -> None:
    value = to_json(_results(*_MIXED))
    assert (value["suite"], value["file"]) == ("shop", "shop.toml")
    assert value["results"][1] == {
        "case": "one",
        "model": "b",
        "attempt": 1,
        "passed": False,
        "outcome": "failed",
        "checks": [
            {"check": "answer", "passed": True, "detail": ""},
            {"check": "text", "passed": False, "detail": "not there"},
        ],
        "response": _response(cost_usd=None, cost_is_estimate=True, ttft_ms=None),
    }
    assert value["cases"][0] == {
        "case": "one",
        "model": "a",
        "attempts": 1,
        "passed_attempts": 1,
        "pass_rate": 1.0,
        "needed": 1,
        "passed": True,
    }
    summary = value["summary"]
    assert (summary["cases"], summary["passed"], summary["failed"]) == (6, 3, 3)
    # The answer from the cache says nothing about the model's speed.
    assert summary["models"]["a"] == {
        "passed": 3,
        "total": 3,
        "cost_usd": 0.5,
        "cost_is_estimate": False,
        "duration_ms": 1500.0,
        "ttft_ms": 200.0,
    }
    assert (summary["models"]["b"]["cost_usd"], summary["models"]["b"]["ttft_ms"]) == (None, None)
    assert json.loads(json.dumps(value)) == value


def test_a_sum_without_the_cost_of_one_attempt_is_an_estimate() -> None:
    results = _results(
        _attempt("one", "a", AttemptOutcome.PASSED, _response()),
        _attempt("two", "a", AttemptOutcome.PASSED, _response(cost_usd=None)),
    )
    figures = model_figures(results)["a"]
    assert (figures.cost_usd, figures.cost_is_estimate) == (0.25, True)


@pytest.mark.parametrize(
    ("rate", "attempts", "needed"),
    [(1.0, 3, 3), (0.0, 3, 0), (0.5, 3, 2), (0.6, 5, 3), (0.7, 10, 7), (0.1, 10, 1), (0.34, 3, 2), (0.01, 1, 1)],
)
def test_needed_attempts_are_rounded_up_but_not_by_floating_point(rate: float, attempts: int, needed: int) -> None:
    assert Verdict("c", "m", attempts, 0, rate).needed == needed


def test_junit_has_a_suite_per_model_and_counts() -> None:
    root = ElementTree.fromstring(junit(_results(*_MIXED)))
    assert root.tag == "testsuites"
    assert dict(root.attrib) == {
        "name": "shop", "tests": "6", "failures": "1", "errors": "2", "skipped": "0", "time": "4.001",
    }  # fmt: skip
    good, bad = root.findall("testsuite")
    assert (good.get("name"), good.get("tests"), good.get("failures"), good.get("time")) == ("a", "3", "0", "3.001")
    assert (bad.get("name"), bad.get("failures"), bad.get("errors")) == ("b", "1", "2")
    first, second, third = bad.findall("testcase")
    assert (first.get("classname"), first.get("name"), first.get("time")) == ("shop", "one", "1.000")
    failure = first.find("failure")
    assert failure is not None
    assert (failure.get("message"), failure.text, failure.get("type")) == ("text: not there",) * 2 + ("failed",)
    assert first.findtext("system-out") == "answer"
    kinds = [error.get("type") for case in (second, third) for error in case.findall("error")]
    assert kinds == ["error", "not_run"]
    assert all(len(case) == 0 for case in good.findall("testcase"))


def test_junit_fails_only_what_the_command_fails() -> None:
    attempts = (
        _attempt("one", "a", AttemptOutcome.PASSED, _response(), 1),
        _attempt("one", "a", AttemptOutcome.FAILED, _response(), 2),
    )
    passed = ElementTree.fromstring(junit(_results(*attempts, pass_rate=0.5)))
    assert (passed.get("tests"), passed.get("failures"), passed.get("skipped")) == ("2", "0", "1")
    names = [case.get("name") for case in passed.iter("testcase")]
    assert names == ["one [1/2]", "one [2/2]"]
    skipped = passed.find(".//skipped")
    assert skipped is not None
    assert skipped.get("message") == "failed, but 1 of 2 passed, 1 needed: text: not there"
    assert ElementTree.fromstring(junit(_results(*attempts))).get("failures") == "1"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_junit_is_xml_whatever_was_written(text: str) -> None:
    ugly = f"{text}\x00\x0b\ufffe\uffff]]><&\"'"
    attempt = _attempt(ugly, ugly, AttemptOutcome.FAILED, _response(ugly), detail=ugly)
    document = junit(_results(attempt))
    root = ElementTree.fromstring(document)
    shown = "".join([*root.itertext(), *(value for one in root.iter() for value in one.attrib.values())])
    assert not interpreted(shown)
    assert "]]><&\"'" in shown


def test_long_answers_are_cut() -> None:
    attempt = _attempt("one", "a", AttemptOutcome.FAILED, _response("x" * 50_000))
    text = ElementTree.fromstring(junit(_results(attempt))).findtext(".//system-out")
    assert text is not None
    assert (len(text), text[-1]) == (4001, "…")
