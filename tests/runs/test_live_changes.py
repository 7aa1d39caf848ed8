"""Changing a column while its conversation goes on, and what a column tells of its requests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from mcp_tui.core.chat import (
    AttemptFailed,
    AttemptStarted,
    ModelParams,
    Noticed,
    TextDelta,
    ToolResultBlock,
)
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.events import StatusChanged
from mcp_tui.core.state import ColumnStatus, RateLimit, RateLimits
from mcp_tui.providers.registry import ModelRef
from mcp_tui.runs.spec import ColumnSpec, ModelChoice
from tests.builders import tool
from tests.runs.doubles import ScriptItem, Stage, asks, column, finished, says, within

WARM = ModelParams(temperature=0.9)


async def test_other_parameters_hold_from_the_next_message_on_and_nothing_is_forgotten() -> None:
    async with Stage() as stage:
        provider = stage.model("a", says("one"), says("two"))
        run = stage.run("a")
        run.send("First")
        await within(run.wait())
        run.set_column(replace(column(1, "a"), params=WARM, system="Be brief.", label="a/m temperature=0.9"))
        run.send("Second")
        await within(run.wait())
        first, second = provider.requests
        assert (first.params, first.system) == (ModelParams(), "")
        assert (second.params, second.system) == (WARM, "Be brief.")
        assert [message.text for message in second.messages] == ["First", "one", "Second"]
        assert run.to_json()["responses"][0]["model"] == "a/m temperature=0.9"
        assert run.to_json()["responses"][0]["params"] == {"temperature": 0.9}


async def test_a_live_column_takes_them_at_its_next_model_call() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        provider = stage.model("a", asks(("t", {})), says("done"))
        run = stage.run("a")
        stage.on_status("c1", ColumnStatus.TOOLS, lambda: run.set_column(replace(column(1, "a"), params=WARM)))
        run.send("Go")
        await within(run.wait())
        assert [request.params for request in provider.requests] == [ModelParams(), WARM]


async def test_another_model_goes_on_with_the_conversation() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        stage.model("a", asks(("t", {})), says("from a"))
        other = stage.model("b", says("from b"))
        run = stage.run("a")
        run.send("First")
        await within(run.wait())
        run.set_column(replace(column(1, "b"), id="c1"))
        run.send("Second")
        await within(run.wait())
        (request,) = other.requests
        assert [message.role for message in request.messages] == ["user", "assistant", "user", "assistant", "user"]
        assert any(isinstance(block, ToolResultBlock) for block in request.messages[2].blocks)
        assert run.answer_text("c1") == "from b"


@pytest.mark.parametrize("wide", [True, False])
async def test_a_shorter_chain_of_fallbacks_leaves_the_column_alive(wide: bool) -> None:
    down = ErrorInfo("down", kind=ErrorKind.UNREACHABLE, code="connect_failed")
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        stage.model("a", [finished(error=down)], says("a again"))
        stage.model("b", asks(("t", {})), says("b again"))
        spec = ColumnSpec("c1", ModelRef("a", "m"), "a", fallback=(ModelChoice(ModelRef("b", "m")),))
        changed = replace(spec, params=WARM) if wide else replace(spec, fallback=())
        run = stage.run(columns=[spec])
        stage.on_status("c1", ColumnStatus.TOOLS, lambda: run.set_column(changed))
        run.send("Go")
        await within(run.wait())
        assert run.status("c1") is ColumnStatus.DONE
        assert run.answer_text("c1") == ("b again" if wide else "a again")


async def test_only_columns_of_the_run_can_be_changed() -> None:
    async with Stage() as stage:
        stage.model("a", says("x"))
        run = stage.run("a")
        with pytest.raises(AppError, match="Unknown column"):
            run.set_column(column(7, "a"))


async def test_the_same_model_twice_with_different_parameters() -> None:
    async with Stage() as stage:
        provider = stage.model("a", says("x"))
        run = stage.run(columns=[column(1, "a"), replace(column(2, "a"), params=WARM)])
        run.send("Go")
        await within(run.wait())
        assert sorted(request.params.temperature or 0 for request in provider.requests) == [0, 0.9]


async def test_a_retry_says_which_try_comes_next() -> None:
    slow = ErrorInfo("slow down")
    script: list[ScriptItem] = [
        *(AttemptStarted(1), AttemptFailed(1, 2.0, slow)),
        *(AttemptStarted(2), AttemptFailed(2, 4.0, slow)),
        AttemptStarted(3),
        *says("ok"),
    ]
    async with Stage() as stage:
        stage.model("a", script)
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
        waits = [e for e in stage.of("c1") if isinstance(e, StatusChanged) and e.status is ColumnStatus.RETRYING]
        assert [(wait.attempt, wait.retry_at) for wait in waits] == [(2, 1002.0), (3, 1004.0)]


async def test_what_was_not_sent_stands_in_the_notes_of_the_turn() -> None:
    async with Stage() as stage:
        stage.model("a", [Noticed("seed was not sent: a/m does not take it", "seed"), *says("ok")], says("fine"))
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
        assert run.metrics("c1").notes == ("seed was not sent: a/m does not take it",)
        assert run.to_json()["responses"][0]["notes"] == ["seed was not sent: a/m does not take it"]
        run.send("Again")
        await within(run.wait())
        assert run.metrics("c1").notes == ()


async def test_a_notice_is_no_answer_so_the_fallback_still_comes() -> None:
    down = ErrorInfo("down", kind=ErrorKind.UNREACHABLE, code="timeout")
    async with Stage() as stage:
        stage.model("a", [Noticed("x"), finished(error=down)])
        stage.model("b", says("from b"))
        spec = ColumnSpec("c1", ModelRef("a", "m"), "a", fallback=(ModelChoice(ModelRef("b", "m")),))
        run = stage.run(columns=[spec])
        run.send("Go")
        await within(run.wait())
        assert run.answer_text("c1") == "from b"


def limited(text: str, remaining: float | None) -> Sequence[ScriptItem]:
    limits = None if remaining is None else RateLimits(5.0, (RateLimit("requests", 60, remaining, 65.0),))
    return [TextDelta(text), replace(finished(text), rate_limits=limits)]


async def test_the_newest_rate_limits_are_kept_and_reported() -> None:
    async with Stage() as stage:
        stage.model("a", limited("1", 59), limited("2", 58), limited("3", None))
        stage.model("b", says("x"))
        run = stage.run("a")
        assert run.rate_limits("c1") is None
        for _ in range(3):
            run.send("Go")
            await within(run.wait())
        found = run.rate_limits("c1")
        assert found is not None and found.limits[0].remaining == 58  # the third answer said nothing
        assert run.to_json()["responses"][0]["rate_limits"] == {
            "seen_at": 5.0,
            "limits": [{"what": "requests", "limit": 60, "remaining": 58, "resets_at": 65.0}],
        }
        run.set_column(replace(column(1, "b"), id="c1"))
        assert run.rate_limits("c1") is None  # they were another model's


async def test_changing_a_column_while_it_streams_leaves_the_stream_alone() -> None:
    go_on = asyncio.Event()
    async with Stage() as stage:
        provider = stage.model("a", [TextDelta("half"), go_on, TextDelta(" whole"), finished("half whole")])
        run = stage.run("a")
        run.send("Go")
        await stage.until_status("c1", ColumnStatus.STREAMING)
        run.set_column(replace(column(1, "a"), params=WARM))
        go_on.set()
        await within(run.wait())
        assert (run.answer_text("c1"), len(provider.requests)) == ("half whole", 1)
