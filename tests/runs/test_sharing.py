from __future__ import annotations

from collections.abc import Callable

from mcp_tui.core.errors import AppError
from mcp_tui.core.events import CallChanged
from mcp_tui.core.state import CallStatus, ColumnStatus, Progress, ToolHints
from mcp_tui.core.types import JsonObject
from tests.builders import READ, tool
from tests.runs.doubles import Gate, Stage, answering, asks, result_texts, says, within


def running(column: str) -> Callable[[object], bool]:
    return lambda e: isinstance(e, CallChanged) and e.column == column and e.call.status is CallStatus.RUNNING


async def test_identical_read_only_calls_execute_once_and_are_marked() -> None:
    async with Stage() as stage:
        gate = Gate("same")
        stage.servers.add(tool("look", hints=READ), gate)
        providers = [stage.model(name, asks(("look", {"x": "1"})), says("ok")) for name in "abc"]
        run = stage.run("a", "b", "c")
        run.send("Go")
        for name in ("c1", "c2", "c3"):
            await stage.until(running(name))
        gate.open.set()
        await within(run.wait())
        assert len(stage.servers.calls) == 1
        assert [stage.records(name)[0].shared for name in ("c1", "c2", "c3")] == [False, True, True]
        assert [result_texts(p.requests[1]) for p in providers] == [["same"]] * 3
        assert all(stage.records(name)[0].progress is not None for name in ("c1", "c2", "c3"))


async def test_result_is_reused_after_it_came() -> None:
    async with Stage() as stage:
        gate = Gate()
        stage.servers.add(tool("look", hints=READ))
        stage.servers.add(tool("slow"), gate)
        stage.model("a", asks(("look", {})), says("ok"))
        stage.model("b", asks(("slow", {})), asks(("look", {})), says("ok"))
        run = stage.run("a", "b")
        run.send("Go")
        await stage.until_status("c1", ColumnStatus.DONE)
        gate.open.set()
        await within(run.wait())
        assert [name for _, name, _ in stage.servers.calls].count("look") == 1
        assert stage.records("c2")[1].shared


async def test_cancelled_executor_leaves_the_result_to_the_others() -> None:
    async with Stage() as stage:
        gate = Gate("kept")
        stage.servers.add(tool("look", hints=READ), gate)
        stage.model("a", asks(("look", {})), says("ok"))
        second = stage.model("b", asks(("look", {})), says("ok"))
        run = stage.run("a", "b")
        run.send("Go")
        await stage.until(running("c1"))
        await stage.until(running("c2"))
        run.cancel("c1")
        await stage.until_status("c1", ColumnStatus.CANCELLED)
        assert stage.servers.cancelled == []
        gate.open.set()
        await within(run.wait())
        assert result_texts(second.requests[1]) == ["kept"]
        assert len(stage.servers.calls) == 1


async def test_last_column_to_leave_cancels_the_call() -> None:
    async with Stage() as stage:
        gate = Gate()
        stage.servers.add(tool("look", hints=READ), gate)
        stage.model("a", asks(("look", {})), says("ok"))
        stage.model("b", asks(("look", {})), says("ok"))
        run = stage.run("a", "b")
        run.send("Go")
        await stage.until(running("c1"))
        await stage.until(running("c2"))
        await within(gate.entered.wait())
        run.cancel()
        await within(run.wait())
        await within(stage.servers.until_cancelled())
        assert stage.servers.cancelled == [("s", "look")]


async def test_tools_that_may_write_are_never_shared() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("write"))
        stage.servers.add(tool("write2", hints=ToolHints(read_only=False)))
        for name in "ab":
            stage.model(name, asks(("write", {}), ("write2", {})), says("ok"))
        run = stage.run("a", "b")
        run.send("Go")
        await within(run.wait())
        assert len(stage.servers.calls) == 4


async def test_switch_turns_sharing_off() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("look", hints=READ))
        for name in "ab":
            stage.model(name, asks(("look", {})), says("ok"))
        run = stage.run("a", "b", share_results=False)
        run.send("Go")
        await within(run.wait())
        assert len(stage.servers.calls) == 2


async def test_a_column_that_repeats_a_call_gets_a_fresh_result() -> None:
    async with Stage() as stage:
        count = 0

        async def poll(arguments: JsonObject, on_progress: Callable[[Progress], None]) -> JsonObject:
            nonlocal count
            count += 1
            return {"content": [{"type": "text", "text": f"state {count}"}]}

        stage.servers.add(tool("poll", hints=READ), poll)
        providers = [stage.model(n, asks(("poll", {})), asks(("poll", {})), says("ok")) for n in "ab"]
        run = stage.run("a", "b")
        run.send("Go")
        await within(run.wait())
        # Each of the two polls was executed once for both columns.
        assert count == 2
        for provider in providers:
            assert [result_texts(r) for r in provider.requests[1:]] == [["state 1"], ["state 2"]]


async def test_retry_and_next_turn_execute_anew() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("look", hints=READ))
        stage.model("a", asks(("look", {})), says("ok"), asks(("look", {})), says("ok"), asks(("look", {})), says("ok"))
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
        run.retry("c1")
        await within(run.wait())
        run.send("Again")
        await within(run.wait())
        assert len(stage.servers.calls) == 3


async def test_failure_reaches_all_who_waited_and_is_not_kept() -> None:
    async with Stage() as stage:
        gate, later = Gate(), Gate()
        tries = 0

        async def flaky(arguments: JsonObject, on_progress: Callable[[Progress], None]) -> JsonObject:
            nonlocal tries
            tries += 1
            if tries == 1:
                await gate(arguments, on_progress)
                raise AppError("Timed out", code="timeout")
            return await answering("now it works")(arguments, on_progress)

        stage.servers.add(tool("look", hints=READ), flaky)
        stage.servers.add(tool("wait"), later)
        waited = [stage.model(name, asks(("look", {})), says("ok")) for name in "ab"]
        late = stage.model("c", asks(("wait", {})), asks(("look", {})), says("ok"))
        run = stage.run("a", "b", "c")
        run.send("Go")
        await stage.until(running("c1"))
        await stage.until(running("c2"))
        gate.open.set()
        await stage.until_status("c1", ColumnStatus.DONE)
        await stage.until_status("c2", ColumnStatus.DONE)
        later.open.set()
        await within(run.wait())
        assert [result_texts(p.requests[1]) for p in waited] == [["Timed out"]] * 2
        assert result_texts(late.requests[2]) == ["now it works"]
