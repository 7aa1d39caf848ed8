from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_tui.core.chat import AttemptFailed, AttemptStarted, ModelParams, StopReason, TextDelta
from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.core.events import MetricsChanged, StatusChanged, TextAppended
from mcp_tui.core.state import ColumnStatus
from mcp_tui.providers.registry import ModelRef
from mcp_tui.runs.availability import is_unavailable
from mcp_tui.runs.spec import ColumnSpec, ModelChoice
from tests.builders import tool
from tests.runs.doubles import ScriptItem, Stage, asks, column, finished, says, within


def down(code: str = "http_503", title: str = "a is failing") -> list[ScriptItem]:
    error = ErrorInfo(title, "why", "what", ErrorKind.PROVIDER, code)
    return [AttemptStarted(1), AttemptFailed(1, 1.0, error), AttemptStarted(2),
            finished(stop=StopReason.ERROR, usage=None, error=error)]  # fmt: skip


def chain(*providers: str) -> ColumnSpec:
    first, *others = providers
    fallback = tuple(ModelChoice(ModelRef(name, f"{name}-model"), ModelParams(seed=9)) for name in others)
    return replace(column(1, first), fallback=fallback)


async def test_the_second_model_answers_when_the_first_is_down_and_the_column_says_so() -> None:
    async with Stage() as stage:
        first = stage.model("a", down())
        second = stage.model("b", says("hello"))
        run = stage.run(columns=[chain("a", "b")])
        run.send("Go")
        await within(run.wait())
        assert run.answer_text("c1") == "hello"
        assert run.status("c1") is ColumnStatus.DONE
        assert (first.requests[0].model, second.requests[0].model) == ("m", "b-model")
        assert second.requests[0].params == ModelParams(seed=9)
        assert second.requests[0].messages == first.requests[0].messages
        (told,) = [e for e in stage.of("c1") if isinstance(e, StatusChanged) and e.error and e.error.code == "fallback"]
        assert told.error is not None
        assert told.error.title == "fallback: b/b-model because a is failing"
        before = [type(event) for event in stage.events[: stage.events.index(told)]]
        assert TextAppended not in before
        assert run.metrics("c1").fallback == "b/b-model because a is failing"
        (response,) = run.to_json()["responses"]
        assert response["fallback"] == "b/b-model because a is failing"
        assert (response["status"], response["model"], response["steps"]) == ("ok", "a/m", 1)
        assert response["error"] is None


async def test_the_price_is_the_one_of_the_model_that_answered() -> None:
    def price(ref: ModelRef, usage: object) -> float:
        return {"a": 1.0, "b": 0.25}[ref.provider]

    async with Stage(price=price) as stage:
        stage.model("a", down())
        stage.model("b", says("hello"))
        run = stage.run(columns=[chain("a", "b")])
        run.send("Go")
        await within(run.wait())
        assert run.metrics("c1").cost_usd == 0.25


async def test_a_missing_key_falls_back_without_a_request() -> None:
    async with Stage() as stage:
        stage.providers.missing_code = "missing_key"
        stage.model("b", says("hello"))
        run = stage.run(columns=[chain("nokey", "b")])
        run.send("Go")
        await within(run.wait())
        assert run.answer_text("c1") == "hello"
        assert run.metrics("c1").steps == 1


async def test_the_chain_goes_on_and_the_last_error_is_shown() -> None:
    async with Stage() as stage:
        stage.model("a", down("connect_failed", "a cannot be reached"))
        stage.model("b", down("http_429", "b: rate limit reached"))
        stage.model("c", down("http_500", "c is failing"))
        run = stage.run(columns=[chain("a", "b", "c")])
        run.send("Go")
        await within(run.wait())
        ending = stage.ending("c1")
        assert ending.status is ColumnStatus.ERROR
        assert ending.error is not None
        assert ending.error.title == "c is failing"
        assert run.metrics("c1").fallback == "c/c-model because b: rate limit reached"


async def test_nothing_falls_back_once_something_was_said() -> None:
    error = ErrorInfo("a is failing", "", "", ErrorKind.PROVIDER, "overloaded_error")
    async with Stage() as stage:
        stage.model("a", [TextDelta("Half"), finished("Half", stop=StopReason.ERROR, error=error)])
        second = stage.model("b", says("hello"))
        run = stage.run(columns=[chain("a", "b")])
        run.send("Go")
        await within(run.wait())
        assert run.answer_text("c1") == "Half"
        assert second.requests == []


async def test_a_refused_request_does_not_fall_back() -> None:
    async with Stage() as stage:
        stage.model("a", down("http_400", "a refused the request"))
        second = stage.model("b", says("hello"))
        run = stage.run(columns=[chain("a", "b")])
        run.send("Go")
        await within(run.wait())
        assert run.status("c1") is ColumnStatus.ERROR
        assert second.requests == []
        assert run.metrics("c1").fallback == ""


async def test_who_took_over_answers_the_rest_of_the_turn_and_the_next_begins_with_the_first() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        first = stage.model("a", down(), says("back again"))
        second = stage.model("b", asks(("t", {})), says("after the tool"))
        run = stage.run(columns=[chain("a", "b")])
        run.send("Go")
        await within(run.wait())
        assert (len(first.requests), len(second.requests)) == (1, 2)
        assert run.answer_text("c1") == "after the tool"
        assert run.metrics("c1").steps == 2
        run.send("More")
        await within(run.wait())
        assert run.answer_text("c1") == "back again"
        assert run.metrics("c1").fallback == ""
        assert isinstance(stage.of("c1")[-2], MetricsChanged)


async def test_a_model_that_fails_in_the_second_step_is_replaced_with_the_conversation_kept() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        stage.model("a", asks(("t", {})), down())
        second = stage.model("b", says("done"))
        run = stage.run(columns=[chain("a", "b")])
        run.send("Go")
        await within(run.wait())
        assert run.answer_text("c1") == "done"
        assert len(second.requests[0].messages) == 3
        assert len(stage.servers.calls) == 1


@pytest.mark.parametrize(
    ("code", "kind", "expected"),
    [
        ("http_429", ErrorKind.PROVIDER, True),
        ("http_529", ErrorKind.PROVIDER, True),
        ("503", ErrorKind.PROVIDER, True),
        ("overloaded_error", ErrorKind.PROVIDER, True),
        ("insufficient_quota", ErrorKind.PROVIDER, True),
        ("connect_failed", ErrorKind.UNREACHABLE, True),
        ("anything", ErrorKind.UNREACHABLE, True),
        ("missing_key", ErrorKind.USAGE, True),
        ("http_401", ErrorKind.AUTH, False),
        ("http_400", ErrorKind.PROVIDER, False),
        ("model_not_found", ErrorKind.USAGE, False),
        ("context_overflow", ErrorKind.PROVIDER, False),
        ("spend_limit", ErrorKind.USAGE, False),
        ("", ErrorKind.PROVIDER, False),
    ],
)
def test_what_counts_as_unavailable(code: str, kind: ErrorKind, expected: bool) -> None:
    assert is_unavailable(ErrorInfo("t", kind=kind, code=code)) is expected
