from __future__ import annotations

import asyncio

import pytest

from mcp_tui.core.chat import (
    AttemptFailed,
    AttemptStarted,
    Finished,
    Message,
    Opaque,
    OpaqueBlock,
    ReasoningDelta,
    RefusalDelta,
    StopReason,
    TextBlock,
    TextDelta,
    ToolCallBlock,
    ToolCallDelta,
    ToolCallStarted,
    ToolResultBlock,
)
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.events import (
    CallChanged,
    ReasoningAppended,
    StatusChanged,
    StepStarted,
    TextAppended,
    TurnStarted,
)
from mcp_tui.core.state import CallStatus, ColumnStatus, ServerStatus
from tests.builders import tool
from tests.runs.doubles import Gate, Stage, answering, asks, failing, finished, result_texts, says, within


async def test_answer_streams_and_ends() -> None:
    async with Stage() as stage:
        stage.model("a", says("Hello", ", ", "you"))
        run = stage.run("a")
        run.send("Hi")
        await within(run.wait())
        assert run.answer_text("c1") == "Hello, you"
        assert run.status("c1") is ColumnStatus.DONE
        assert [type(event) for event in stage.of("c1")][:3] == [TurnStarted, StatusChanged, StepStarted]
        assert stage.statuses("c1") == [ColumnStatus.CONNECTING, ColumnStatus.STREAMING, ColumnStatus.DONE]
        assert not run.live


async def test_pieces_of_one_tick_are_one_event_and_keep_their_order() -> None:
    async with Stage() as stage:
        stage.model(
            "a",
            [
                ReasoningDelta("th"),
                ReasoningDelta("ink"),
                TextDelta("a"),
                TextDelta("b"),
                ReasoningDelta("more"),
                TextDelta("c"),
                finished("abc"),
            ],
        )
        run = stage.run("a")
        run.send("Hi")
        await within(run.wait())
        pieces = [
            (type(event), event.text) for event in stage.of("c1") if isinstance(event, TextAppended | ReasoningAppended)
        ]
        assert pieces == [
            (ReasoningAppended, "think"),
            (TextAppended, "ab"),
            (ReasoningAppended, "more"),
            (TextAppended, "c"),
        ]


async def test_text_of_hostile_model_arrives_raw() -> None:
    async with Stage() as stage:
        stage.model("a", says("\x1b]52;c;aGk=\x07[/x]\ud800"))
        run = stage.run("a")
        run.send("Hi")
        await within(run.wait())
        assert run.answer_text("c1") == "\x1b]52;c;aGk=\x07[/x]\ud800"


async def test_tool_loop_brings_results_back_in_call_order() -> None:
    async with Stage() as stage:
        first = Gate("first")
        stage.servers.add(tool("slow"), first)
        stage.servers.add(tool("quick", "t"), answering("second"))
        provider = stage.model("a", asks(("slow", {"x": "1"}), ("quick", {"x": "2"}), text="Looking."), says("Done."))
        run = stage.run("a")
        run.send("Go")
        # The quick call ends while the slow one still runs: they run side by side.
        await stage.until(
            lambda e: isinstance(e, CallChanged) and e.call.tool == "quick" and e.call.status is CallStatus.OK
        )
        assert first.entered.is_set()
        first.open.set()
        await within(run.wait())
        assert result_texts(provider.requests[1]) == ["first", "second"]
        assert [m.role for m in provider.requests[1].messages] == ["user", "assistant", "user"]
        assert run.answer_text("c1") == "Looking.\n\nDone."
        assert [r.status for r in stage.records("c1")] == [CallStatus.OK, CallStatus.OK]
        assert [(r.server, r.tool) for r in stage.records("c1")] == [("s", "slow"), ("t", "quick")]
        assert run.metrics("c1").steps == 2
        assert run.metrics("c1").tool_calls == 2
        assert ColumnStatus.TOOLS in stage.statuses("c1")


async def test_the_model_does_not_wait_for_the_check_of_a_result_and_the_turn_does() -> None:
    async with Stage() as stage:
        begun, may_end = asyncio.Event(), asyncio.Event()

        async def check() -> str:
            begun.set()
            await may_end.wait()
            return "it does not match"

        stage.servers.add(tool("t"), answering("first"))
        stage.servers.check = check
        provider = stage.model("a", asks(("t", {})), says("Done."))
        run = stage.run("a")
        run.send("Go")
        await within(begun.wait())
        await stage.until(lambda event: isinstance(event, TextAppended))
        assert result_texts(provider.requests[1]) == ["first"]
        assert run.live
        may_end.set()
        await within(run.wait())
        assert run.status("c1") is ColumnStatus.DONE
        changes = [event.call for event in stage.of("c1") if isinstance(event, CallChanged)]
        assert (changes[-1].status, changes[-1].note) == (CallStatus.OK, "it does not match")


async def test_a_stopped_column_ends_the_check_of_a_result() -> None:
    async with Stage() as stage:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def check() -> str:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return ""

        stage.servers.add(tool("t"), answering("first"))
        stage.servers.check = check
        stage.model("a", asks(("t", {})), [TextDelta("Don"), asyncio.Event()])
        run = stage.run("a")
        run.send("Go")
        await within(begun.wait())
        run.cancel("c1")
        await within(run.wait())
        await within(ended.wait())
        assert run.status("c1") is ColumnStatus.CANCELLED


async def test_progress_of_a_call_is_told() -> None:
    async with Stage() as stage:
        gate = Gate()
        stage.servers.add(tool("slow"), gate)
        stage.model("a", asks(("slow", {})), says("ok"))
        run = stage.run("a")
        run.send("Go")
        await stage.until(
            lambda e: isinstance(e, CallChanged) and e.call.progress is not None and e.call.progress.message == "half"
        )
        gate.open.set()
        await within(run.wait())


async def test_arguments_are_shown_while_the_model_writes_them() -> None:
    async with Stage() as stage:
        go = asyncio.Event()
        stage.servers.add(tool("t"))
        call = ToolCallBlock("p0", "t", {"x": "1"}, '{"x":"1"}')
        stage.model(
            "a",
            [
                ToolCallStarted(0, "p0", "t"),
                ToolCallDelta(0, '{"x"'),
                go,
                ToolCallDelta(0, ':"1"}'),
                finished("", [call], StopReason.TOOL_CALLS),
            ],
            says("ok"),
        )
        run = stage.run("a")
        run.send("Go")
        await stage.until(lambda e: isinstance(e, CallChanged) and e.call.arguments_raw == '{"x"')
        assert stage.records("c1")[0].status is CallStatus.STREAMING
        go.set()
        await within(run.wait())
        assert stage.records("c1")[0].arguments == {"x": "1"}
        assert stage.records("c1")[0].arguments_raw == '{"x":"1"}'


async def test_invalid_arguments_are_never_executed() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        provider = stage.model("a", asks(("t", '{"x": ')), says("sorry"))
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
        assert stage.servers.calls == []
        assert "not a complete JSON object" in result_texts(provider.requests[1])[0]
        record = stage.records("c1")[0]
        assert record.status is CallStatus.ERROR
        assert record.arguments is None
        assert record.error is not None and record.error.code == "bad_arguments"
        assert run.status("c1") is ColumnStatus.DONE


async def test_call_cut_at_the_output_limit_is_not_executed_but_the_whole_ones_are() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        whole = ToolCallBlock("p0", "t", {"x": "1"}, '{"x": "1"}')
        # Nothing of the arguments came: for some formats that would read as "no arguments".
        cut = ToolCallBlock("p1", "t", {}, "")
        provider = stage.model("a", [finished("", [whole, cut], StopReason.LENGTH)], says("ok"))
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
        assert stage.servers.calls == [("s", "t", {"x": "1"})]
        assert [r.status for r in stage.records("c1")] == [CallStatus.OK, CallStatus.ERROR]
        assert len(result_texts(provider.requests[1])) == 2


async def test_unknown_tool_is_answered_with_the_closest_names() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("read_file"))
        provider = stage.model("a", asks(("read_fil", {})), says("ok"))
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
        assert "closest: read_file" in result_texts(provider.requests[1])[0]
        record = stage.records("c1")[0]
        assert (record.server, record.tool, record.status) == ("", "read_fil", CallStatus.ERROR)


async def test_illegal_name_from_a_model_is_not_replayed() -> None:
    async with Stage() as stage:
        provider = stage.model("a", asks(("s.read file", {})), says("ok"))
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
        replayed = provider.requests[1].messages[1].tool_calls[0].name
        answered = provider.requests[1].messages[2].blocks[0]
        assert replayed == "s_read_file"
        assert isinstance(answered, ToolResultBlock) and answered.name == replayed


async def test_switched_off_tools_are_not_offered() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("a"))
        stage.servers.add(tool("b"))
        stage.servers.add(tool("c", "t"))
        provider = stage.model("m", says("ok"))
        run = stage.run("m", tools_off=frozenset({("s", "a"), ("t", "*")}))
        run.send("Go")
        await within(run.wait())
        assert [spec.name for spec in provider.requests[0].tools] == ["b"]
        run.configure(tools_off=frozenset())
        run.send("Go")
        await within(run.wait())
        assert [spec.name for spec in provider.requests[1].tools] == ["a", "b", "c"]
        run.configure(no_tools=True)
        run.send("Go")
        await within(run.wait())
        assert provider.requests[2].tools == ()


async def test_tools_of_a_reconnecting_server_stay_within_the_turn_only() -> None:
    async with Stage() as stage:
        gate = Gate()
        stage.servers.add(tool("t"), gate)
        provider = stage.model("a", asks(("t", {})), says("ok"))
        run = stage.run("a")
        run.send("Go")
        await within(gate.entered.wait())
        stage.servers.set_status("s", ServerStatus.BACKOFF)
        gate.open.set()
        await within(run.wait())
        assert [spec.name for spec in provider.requests[1].tools] == ["t"]
        run.send("Again")
        await within(run.wait())
        assert provider.requests[2].tools == ()


async def test_names_stay_when_a_rival_server_arrives() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("add", "one"))
        provider = stage.model("a", says("ok"))
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
        stage.servers.add(tool("add", "two"))
        run.send("Go")
        await within(run.wait())
        assert [spec.name for spec in provider.requests[1].tools] == ["add", "two__add"]


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (AppError("No", "it broke", kind=ErrorKind.TOOL, code="rejected"), CallStatus.ERROR, "No: it broke"),
        (AppError("Lost", "gone", code="outcome_unknown"), CallStatus.UNKNOWN, "it may have run"),
        (ZeroDivisionError("bug"), CallStatus.ERROR, "Internal fault"),
    ],
)
async def test_failed_call_is_told_to_the_model_and_the_column_goes_on(
    error: Exception, status: CallStatus, said: str
) -> None:
    async with Stage() as stage:
        stage.servers.add(tool("bad"), failing(error))
        stage.servers.add(tool("good"))
        provider = stage.model("a", asks(("bad", {}), ("good", {})), says("fine"))
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
        assert said in result_texts(provider.requests[1])[0]
        assert [r.status for r in stage.records("c1")] == [status, CallStatus.OK]
        assert run.status("c1") is ColumnStatus.DONE


async def test_step_limit_ends_incomplete_and_keeps_the_answer() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        provider = stage.model("a", asks(("t", {}), text="Again. "))
        run = stage.run("a", max_steps=2)
        run.send("Go")
        await within(run.wait())
        ending = stage.ending("c1")
        assert ending.status is ColumnStatus.INCOMPLETE
        assert ending.error is not None and ending.error.code == "step_limit"
        assert "1 tool call not run" in ending.error.detail
        assert run.answer_text("c1") == "Again. \n\nAgain. "
        assert len(stage.servers.calls) == 1
        assert [r.status for r in stage.records("c1")] == [CallStatus.OK, CallStatus.CANCELLED]
        # The conversation is still one that providers accept: every call has its result.
        run.configure(max_steps=1)
        run.send("Go on")
        await within(run.wait())
        messages = provider.requests[2].messages
        assert [block.is_error for block in messages[4].blocks if isinstance(block, ToolResultBlock)] == [True]
        assert messages[5].text == "Go on"


async def test_pause_sends_the_same_conversation_again() -> None:
    async with Stage() as stage:
        part = OpaqueBlock(Opaque("anthropic-messages", {"type": "server_tool_use"}))
        pause = Finished(Message("assistant", (TextBlock("Half "), part)), StopReason.PAUSE, "pause_turn", None)
        provider = stage.model("a", [TextDelta("Half "), pause], says("whole"))
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
        assert run.answer_text("c1") == "Half whole"
        assert provider.requests[1].messages[1].blocks[1] == part
        assert run.status("c1") is ColumnStatus.DONE


@pytest.mark.parametrize(
    ("stop", "status"),
    [
        (StopReason.ERROR, ColumnStatus.ERROR),
        (StopReason.CONTENT_FILTER, ColumnStatus.ERROR),
        (StopReason.REFUSAL, ColumnStatus.ERROR),
        (StopReason.CONTEXT_OVERFLOW, ColumnStatus.ERROR),
        (StopReason.INCOMPLETE, ColumnStatus.INCOMPLETE),
        (StopReason.LENGTH, ColumnStatus.INCOMPLETE),
        (StopReason.TOOL_CALLS, ColumnStatus.INCOMPLETE),
    ],
)
async def test_bad_ends_say_why_and_keep_the_partial_text(stop: StopReason, status: ColumnStatus) -> None:
    async with Stage() as stage:
        provider = stage.model("a", [TextDelta("Part"), finished("Part", stop=stop)], says("ok"))
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
        ending = stage.ending("c1")
        assert ending.status is status
        assert ending.error is not None and ending.error.code == stop.value and ending.error.hint
        assert run.answer_text("c1") == "Part"
        run.send("And?")
        await within(run.wait())
        assert [m.text for m in provider.requests[1].messages] == ["Go", "Part", "And?"]


async def test_error_of_the_provider_is_shown_as_it_is() -> None:
    async with Stage() as stage:
        error = ErrorInfo("Rate limited", "429", "wait", ErrorKind.PROVIDER, "http_429")
        stage.model("a", [finished(stop=StopReason.ERROR, usage=None, error=error)])
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
        assert stage.ending("c1") == StatusChanged("c1", ColumnStatus.ERROR, error)


async def test_refusal_text_is_shown() -> None:
    async with Stage() as stage:
        stage.model("a", [RefusalDelta("I cannot."), finished(refusal="I cannot.")])
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
        assert run.answer_text("c1") == "I cannot."
        error = stage.ending("c1").error
        assert run.status("c1") is ColumnStatus.ERROR
        assert error is not None and error.title == "Refused" and error.detail == "I cannot."


async def test_calls_of_a_broken_stream_are_not_run() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        call = ToolCallBlock("p0", "t", {}, "{}")
        stage.model("a", [ToolCallStarted(0, "p0", "t"), finished("", [call], StopReason.INCOMPLETE)])
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
        assert stage.servers.calls == []
        assert stage.records("c1")[0].status is CallStatus.CANCELLED
        assert run.status("c1") is ColumnStatus.INCOMPLETE


async def test_stream_without_a_last_event_is_incomplete() -> None:
    async with Stage() as stage:
        stage.model("a", [TextDelta("Part")])
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
        assert run.status("c1") is ColumnStatus.INCOMPLETE
        assert run.answer_text("c1") == "Part"


async def test_answer_that_came_whole_is_shown() -> None:
    async with Stage() as stage:
        stage.model("a", [finished("All at once")])
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
        assert run.answer_text("c1") == "All at once"
        assert TextAppended("c1", "All at once") in stage.events


async def test_retry_before_the_first_event_is_told() -> None:
    async with Stage() as stage:
        error = ErrorInfo("Busy", code="http_503")
        stage.model(
            "a",
            [
                AttemptStarted(1),
                AttemptFailed(1, 2.5, error),
                3.0,
                AttemptStarted(2),
                0.5,
                TextDelta("ok"),
                finished("ok"),
            ],
        )
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
        assert StatusChanged("c1", ColumnStatus.RETRYING, error, 1002.5, 2) in stage.events
        assert run.metrics("c1").attempts == 2
        assert run.metrics("c1").ttft_ms == pytest.approx(500)  # pyright: ignore[reportUnknownMemberType] # stub


async def test_time_limit_ends_incomplete_and_cancels_the_call() -> None:
    async with Stage() as stage:
        gate = Gate()
        stage.servers.add(tool("slow"), gate)
        stage.model("a", asks(("slow", {}), text="Wait."))
        run = stage.run("a", time_limit_s=0.05)
        run.send("Go")
        await within(run.wait())
        ending = stage.ending("c1")
        assert ending.status is ColumnStatus.INCOMPLETE
        assert ending.error is not None and ending.error.code == "time_limit"
        assert stage.servers.cancelled == [("s", "slow")]
        assert run.answer_text("c1") == "Wait."
        assert stage.records("c1")[0].status is CallStatus.CANCELLED


async def test_bug_in_a_listener_does_not_hurt_the_run(caplog: pytest.LogCaptureFixture) -> None:
    async with Stage() as stage:
        stage.model("a", says("fine"))
        run = stage.run("a")
        broken = run._columns["c1"].outbox  # pyright: ignore[reportPrivateUsage] # put the bug in
        good = broken._listener  # pyright: ignore[reportPrivateUsage] # put the bug in

        def listener(event: object) -> None:
            if isinstance(event, TextAppended):
                raise ZeroDivisionError
            good(event)  # pyright: ignore[reportArgumentType] # any event

        broken._listener = listener  # pyright: ignore[reportPrivateUsage] # put the bug in
        run.send("Go")
        await within(run.wait())
        assert run.status("c1") is ColumnStatus.DONE
        assert "listener of column c1 failed" in caplog.text
