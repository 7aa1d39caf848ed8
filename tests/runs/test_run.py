from __future__ import annotations

import asyncio

import pytest

from mcp_tui.core.chat import ImageBlock, StopReason, TextBlock, TextDelta
from mcp_tui.core.errors import AppError, ErrorInfo
from mcp_tui.core.events import TurnStarted
from mcp_tui.core.state import ApprovalPolicy, CallStatus, ColumnStatus
from mcp_tui.runs.spec import Attachment, RunSpec
from tests.builders import READ, tool
from tests.runs.doubles import Gate, Stage, asks, column, finished, says, within

PNG = "iVBORw0KGgo="


async def test_failures_of_columns_leave_the_others_alone(caplog: pytest.LogCaptureFixture) -> None:
    async with Stage() as stage:
        go = asyncio.Event()
        stage.model("good", [TextDelta("Slow "), go, TextDelta("but fine"), finished("Slow but fine")])
        stage.model("bug", [TextDelta("x"), ZeroDivisionError("adapter bug")])
        stage.model("down", [finished(stop=StopReason.ERROR, usage=None, error=ErrorInfo("Down"))])
        run = stage.run("good", "bug", "down", "nokey")
        run.send("Go")
        for name in ("c2", "c3", "c4"):
            await stage.until_status(name, ColumnStatus.ERROR)
        assert run.status("c1") is ColumnStatus.STREAMING
        go.set()
        await within(run.wait())
        assert run.answer_text("c1") == "Slow but fine"
        assert run.status("c1") is ColumnStatus.DONE
        errors = {name: stage.ending(name).error for name in ("c2", "c3", "c4")}
        assert [error and error.title for error in errors.values()] == [
            "Internal fault",
            "Down",
            "Missing key",
        ]
        assert run.answer_text("c2") == "x"
        assert "adapter bug" in caplog.text


async def test_cancel_closes_the_stream_of_one_column_only() -> None:
    async with Stage() as stage:
        go = asyncio.Event()
        first = stage.model("a", [TextDelta("Part"), asyncio.Event()], says("ok"))
        stage.model("b", [TextDelta("B"), go, finished("B")])
        run = stage.run("a", "b")
        run.send("Go")
        await stage.until_status("c1", ColumnStatus.STREAMING)
        run.cancel("c1")
        await stage.until_status("c1", ColumnStatus.CANCELLED)
        assert (first.opened, first.closed) == (1, 1)
        assert run.answer_text("c1") == "Part"
        assert run.status("c2") is ColumnStatus.STREAMING
        go.set()
        await within(run.wait())
        assert run.status("c2") is ColumnStatus.DONE
        run.send("And?", columns=["c1"])
        await within(run.wait())
        assert [m.text for m in first.requests[1].messages] == ["Go", "Part", "And?"]


async def test_cancel_ends_running_tool_calls() -> None:
    async with Stage() as stage:
        gate = Gate()
        stage.servers.add(tool("slow"), gate)
        provider = stage.model("a", asks(("slow", {})), says("ok"))
        run = stage.run("a")
        run.send("Go")
        await within(gate.entered.wait())
        run.cancel()
        await within(run.wait())
        assert stage.servers.cancelled == [("s", "slow")]
        assert stage.records("c1")[0].status is CallStatus.CANCELLED
        assert stage.ending("c1").status is ColumnStatus.CANCELLED
        run.send("And?")
        await within(run.wait())
        roles = [(m.role, len(m.blocks)) for m in provider.requests[1].messages]
        assert roles == [("user", 1), ("assistant", 1), ("user", 1), ("user", 1)]


async def test_cancel_before_anything_happened_is_told() -> None:
    async with Stage() as stage:
        provider = stage.model("a", says("ok"))
        run = stage.run("a")
        run.send("Go")
        run.cancel()
        await within(run.wait())
        assert provider.requests == []
        assert stage.statuses("c1") == [ColumnStatus.CONNECTING, ColumnStatus.CANCELLED]
        assert run.to_json()["responses"][0]["status"] == "cancelled"


async def test_cancelling_the_waiter_cancels_nothing() -> None:
    async with Stage() as stage:
        go = asyncio.Event()
        stage.model("a", [TextDelta("A"), go, finished("A")])
        run = stage.run("a")
        run.send("Go")
        waiter = asyncio.create_task(run.wait())
        await stage.until_status("c1", ColumnStatus.STREAMING)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        assert run.live
        go.set()
        await within(run.wait())
        assert run.status("c1") is ColumnStatus.DONE


async def test_follow_up_keeps_the_conversation_of_each_column() -> None:
    async with Stage() as stage:
        first = stage.model("a", says("A1"), says("A2"))
        second = stage.model("b", says("B1"), says("B2"))
        run = stage.run("a", "b")
        run.send("One")
        await within(run.wait())
        run.send("Two")
        await within(run.wait())
        assert [m.text for m in first.requests[1].messages] == ["One", "A1", "Two"]
        assert [m.text for m in second.requests[1].messages] == ["One", "B1", "Two"]
        assert run.answer_text("c1") == "A2"
        assert [e.turn for e in stage.of("c1") if isinstance(e, TurnStarted)] == [1, 2]


async def test_follow_up_to_one_column_is_unknown_to_the_others() -> None:
    async with Stage() as stage:
        stage.model("a", says("A"))
        second = stage.model("b", says("B"))
        run = stage.run("a", "b")
        run.send("One")
        await within(run.wait())
        run.send("Only a", columns=["c1"])
        await within(run.wait())
        assert [r["model"] for r in run.to_json()["responses"]] == ["a/m"]
        run.send("Both")
        await within(run.wait())
        assert [m.text for m in second.requests[1].messages] == ["One", "B", "Both"]


async def test_retry_replaces_the_last_turn() -> None:
    async with Stage() as stage:
        provider = stage.model("a", says("First"), says("Bad"), says("Good"), says("End"))
        stage.model("b", says("B"))
        run = stage.run("a", "b")
        run.send("One")
        await within(run.wait())
        run.send("Two")
        await within(run.wait())
        events_of_b = len(stage.of("c2"))
        run.retry("c1")
        await within(run.wait())
        assert [m.text for m in provider.requests[2].messages] == ["One", "First", "Two"]
        assert run.answer_text("c1") == "Good"
        assert [e.turn for e in stage.of("c1") if isinstance(e, TurnStarted)] == [1, 2, 2]
        assert len(stage.of("c2")) == events_of_b
        # What was replaced was paid for; the report of the turn is of the try that stands.
        assert run.metrics("c1").usage.output_tokens == 15
        assert run.to_json()["responses"][0]["usage"]["output_tokens"] == 5
        run.send("Three")
        await within(run.wait())
        assert [m.text for m in provider.requests[3].messages] == ["One", "First", "Two", "Good", "Three"]


async def test_retry_from_the_listener_of_the_end_works() -> None:
    async with Stage() as stage:
        stage.model("a", [finished(stop=StopReason.ERROR)], says("ok"))
        run = stage.run("a")
        stage.on_status("c1", ColumnStatus.ERROR, lambda: run.retry("c1"))
        run.send("Go")
        await stage.until_status("c1", ColumnStatus.DONE)
        await within(run.wait())
        assert run.answer_text("c1") == "ok"


async def test_added_column_gets_the_prompts_so_far() -> None:
    async with Stage() as stage:
        stage.model("a", says("A"))
        provider = stage.model("b", says("B"))
        run = stage.run("a")
        run.send("One")
        await within(run.wait())
        run.add_column(column(2, "b"))
        assert run.status("c2") is ColumnStatus.IDLE
        assert len(run.to_json()["responses"]) == 1
        run.send("Two")
        await within(run.wait())
        # One message: nothing of this model stands between the two prompts.
        (message,) = provider.requests[0].messages
        assert [b.text for b in message.blocks if isinstance(b, TextBlock)] == ["One", "Two"]


async def test_added_column_can_answer_the_newest_prompt_at_once() -> None:
    async with Stage() as stage:
        stage.model("a", says("A"))
        stage.model("b", says("B"))
        run = stage.run("a")
        run.send("One")
        await within(run.wait())
        run.add_column(column(2, "b"))
        run.retry("c2")
        await within(run.wait())
        assert run.answer_text("c2") == "B"
        assert [r["text"] for r in run.to_json()["responses"]] == ["A", "B"]


async def test_removed_column_stops_and_falls_silent() -> None:
    async with Stage() as stage:
        stage.model("a", says("A"))
        provider = stage.model("b", [TextDelta("B"), asyncio.Event()])
        run = stage.run("a", "b")
        run.send("Go")
        await stage.until_status("c2", ColumnStatus.STREAMING)
        before = len(stage.of("c2"))
        run.remove_column("c2")
        await within(run.wait())
        await within(provider.until_closed())
        await asyncio.sleep(0)
        assert len(stage.of("c2")) == before
        assert [c.id for c in run.spec.columns] == ["c1"]
        with pytest.raises(AppError, match="columns: c1"):
            run.status("c2")


async def test_wrong_use_is_a_usage_error() -> None:
    async with Stage() as stage:
        stage.model("a", [TextDelta("x"), asyncio.Event()])
        run = stage.run("a")
        with pytest.raises(AppError, match="Nothing to retry"):
            run.retry("c1")
        with pytest.raises(AppError, match="Empty prompt"):
            run.send("  ")
        with pytest.raises(AppError, match="Unknown column"):
            run.send("Go", columns=["c9"])
        assert not stage.events
        run.send("Go")
        for wrong in (lambda: run.send("More"), lambda: run.retry("c1")):
            with pytest.raises(AppError, match="Column is busy"):
                wrong()
        with pytest.raises(AppError, match="used twice"):
            run.add_column(column(1, "a"))
        with pytest.raises(AppError, match="step limit"):
            run.configure(max_steps=0)
        assert run.spec.max_steps == 12


async def test_policy_changed_during_a_run_holds_for_the_next_call() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        stage.model("a", asks(("t", {})), says("ok"))
        run = stage.run("a", approval=ApprovalPolicy.NEVER)
        run.configure(approval=ApprovalPolicy.AUTO)
        run.send("Go")
        await within(run.wait())
        assert len(stage.servers.calls) == 1


async def test_attachments_stand_before_the_prompt_and_name_their_source() -> None:
    async with Stage() as stage:
        provider = stage.model("a", says("ok"))
        run = stage.run("a")
        text = Attachment("fs", "file:///a", {"contents": [{"uri": "file:///a", "text": "Content"}]})
        image = Attachment(
            "fs", "file:///b", {"contents": [{"uri": "file:///b", "mimeType": "image/png", "blob": PNG}]}
        )
        run.send("What is it?", [text, image])
        await within(run.wait())
        blocks = provider.requests[0].messages[0].blocks
        assert isinstance(blocks[0], TextBlock)
        assert 'server "fs", uri "file:///a"' in blocks[0].text and "\nContent\n" in blocks[0].text
        assert blocks[2] == ImageBlock("image/png", PNG)
        assert blocks[-1] == TextBlock("What is it?")
        assert stage.of("c1")[0] == TurnStarted("c1", 1, "What is it?")


async def test_json_has_the_documented_shape() -> None:
    async with Stage(price=0.25) as stage:
        stage.servers.add(tool("t", hints=READ, tokens=10))
        stage.model("a", [1.0, *asks(("t", {"x": "1"}))], [TextDelta("1"), 1.0, TextDelta("234"), finished("1234")])
        stage.model("b", [finished(stop=StopReason.ERROR, usage=None, error=ErrorInfo("Down", "why", "what"))])
        run = stage.run("a", "b")
        run.send("Go")
        await within(run.wait())
        report = run.to_json()
        assert report["prompt"] == "Go"
        good, bad = report["responses"]
        assert list(good) == [
            *("model", "status", "text", "reasoning", "tool_calls", "usage", "cost_usd", "cost_is_estimate"),
            *("ttft_ms", "duration_ms", "tokens_per_s", "steps", "attempts", "cached", "cached_steps", "fallback"),
            *("params", "notes", "tool_tax", "rate_limits", "stop_reason", "error"),
        ]
        assert good["tool_calls"] == [
            {
                "id": "t1s1c1",
                "server": "s",
                "tool": "t",
                "arguments": {"x": "1"},
                "status": "ok",
                "shared": False,
                "duration_ms": 5.0,
                "result": {"content": [{"type": "text", "text": "ok"}]},
            }
        ]
        assert good["usage"] == {
            "input_tokens": 20,
            "output_tokens": 10,
            "cached_input_tokens": None,
            "reasoning_tokens": None,
        }
        assert (good["status"], good["text"], good["cost_usd"], good["cost_is_estimate"]) == ("ok", "1234", 0.5, True)
        assert (good["ttft_ms"], good["tokens_per_s"]) == (1000.0, 5.0)
        assert (good["steps"], good["attempts"], good["cached"], good["stop_reason"]) == (2, 2, False, "stop")
        assert good["error"] is None
        assert (good["cached_steps"], good["fallback"], good["params"], good["notes"]) == (0, None, {}, [])
        assert good["tool_tax"] == {"tokens": 10, "usd": 0.25, "servers": {"s": {"t": 10}}}
        assert bad["status"] == "error"
        assert bad["error"] == {"title": "Down", "detail": "why", "hint": "what"}
        assert report["comparison"] == {
            "count": 2,
            "average_length": 4.0,
            "fastest": "a/m",
            "cheapest": "a/m",
            "tool_agreement": None,
        }


async def test_agreement_is_the_share_of_the_largest_group() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        stage.servers.add(tool("u"))
        stage.model("a", asks(("t", {"x": "1"})), says("A"))
        stage.model("b", asks(("t", {"x": "2"}), ("t", {})), says("B"))
        stage.model("c", asks(("u", {})), says("C"))
        stage.model("d", asks(("none", {})), says("D"))
        run = stage.run("a", "b", "c", "d")
        run.send("Go")
        await within(run.wait())
        comparison = run.to_json()["comparison"]
        assert comparison["tool_agreement"] == 0.5
        assert comparison["cheapest"] is None


def test_spec_without_tools_offers_none() -> None:
    assert not RunSpec((), no_tools=True).offers("s", "t")
