"""The whole path: real demo models over HTTP, the real demo server as a child process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from mcp_tui.config.schema import Config
from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.events import ColumnEvent, StatusChanged, TextAppended
from mcp_tui.core.state import ApprovalPolicy, CallStatus, ColumnStatus, Decision, ServerStatus
from mcp_tui.demo import DEMO_PROMPT
from mcp_tui.runs.engine import Engine, EngineOptions, RunSpec

DEADLINE_S = 45.0


@asynccontextmanager
async def demo(
    *, headless: bool = False, speed: float = 0.0, notices: list[ErrorInfo] | None = None
) -> AsyncGenerator[Engine]:
    options = EngineOptions(demo=True, headless=headless, demo_speed=speed)
    said: list[ErrorInfo] = [] if notices is None else notices
    async with asyncio.timeout(DEADLINE_S), Engine(Config(), options, environ={}, notice=said.append) as engine:
        await engine.manager.wait_settled(timeout_s=30)
        assert [server.status for server in engine.servers()] == [ServerStatus.READY]
        yield engine


def ignore(event: ColumnEvent) -> None:
    """A listener for runs that are judged by their end."""


async def test_three_models_answer_one_prompt_with_the_servers_tools() -> None:
    async with demo(headless=True) as engine:
        run = engine.start_run(RunSpec(engine.default_columns(), ApprovalPolicy.READONLY), ignore)
        run.send("What time is it, and add 2 and 3")
        await run.wait()
        report = run.to_json()
        assert [r["model"] for r in report["responses"]] == ["demo/swift", "demo/scholar", "demo/builder"]
        for response in report["responses"]:
            assert response["status"] == "ok"
            assert "2 + 3 = **5**" in response["text"]
            added = next(call for call in response["tool_calls"] if call["tool"] == "add")
            assert added["status"] == "ok" and added["server"] == "demo"
            assert added["result"]["structuredContent"] == {"sum": 5}
            assert response["usage"]["input_tokens"] > 0 and response["usage"]["output_tokens"] > 0
            assert response["duration_ms"] > response["ttft_ms"] > 0
            assert response["cost_usd"] is None
        assert report["responses"][1]["reasoning"]
        # The sum was executed once for all three.
        calls = [c for r in report["responses"] for c in r["tool_calls"] if c["tool"] == "add"]
        assert sorted(call["shared"] for call in calls) == [False, True, True]
        assert report["comparison"]["tool_agreement"] == 1.0


async def test_call_that_changes_something_waits_for_the_person() -> None:
    async with demo() as engine:
        asked = asyncio.Event()
        engine.approvals.subscribe(lambda: asked.set() if engine.approvals.pending() else None)
        run = engine.start_run(RunSpec(engine.default_columns(), ApprovalPolicy.READONLY), ignore)
        run.send(DEMO_PROMPT)
        await asked.wait()
        (question,) = engine.approvals.pending()
        assert question.columns == ("demo/builder",)
        assert question.tool.name == "restart_service"
        assert run.status("c3") is ColumnStatus.APPROVAL
        engine.approvals.answer(question.id, Decision.ONCE)
        await run.wait()
        builder = run.to_json()["responses"][2]
        restarted = next(call for call in builder["tool_calls"] if call["tool"] == "restart_service")
        assert restarted["status"] == CallStatus.OK
        assert all(run.status(column) is ColumnStatus.DONE for column in ("c1", "c2", "c3"))


async def test_headless_denies_the_change_and_says_so() -> None:
    notices: list[ErrorInfo] = []
    async with demo(headless=True, notices=notices) as engine:
        columns = engine.default_columns(["demo/builder"])
        run = engine.start_run(RunSpec(columns, ApprovalPolicy.READONLY), ignore)
        run.send(DEMO_PROMPT)
        await run.wait()
        (response,) = run.to_json()["responses"]
        denied = [call["tool"] for call in response["tool_calls"] if call["status"] == "denied"]
        assert denied == ["restart_service"]
        assert response["status"] == "ok" and response["text"]
        assert any("restart_service" in notice.detail for notice in notices)


async def test_stopped_column_closes_its_stream_while_the_others_finish() -> None:
    # Slow enough that the long answer is still streaming when it is stopped.
    async with demo(speed=1.0) as engine:
        streaming = asyncio.Event()
        ends: list[StatusChanged] = []

        def listener(event: ColumnEvent) -> None:
            if isinstance(event, TextAppended) and event.column == "c1":
                streaming.set()
            if isinstance(event, StatusChanged) and event.status.ended:
                ends.append(event)

        columns = engine.default_columns(["demo/swift", "demo/builder"])
        run = engine.start_run(RunSpec(columns), listener)
        run.send("Write in 5000 words, no tools", columns=["c1"])
        await streaming.wait()
        run.send("Say something, no tools", columns=["c2"])
        run.cancel("c1")
        await run.wait()
        assert {end.column: end.status for end in ends} == {
            "c1": ColumnStatus.CANCELLED,
            "c2": ColumnStatus.DONE,
        }
        assert run.answer_text("c1")
        assert run.metrics("c1").usage_is_estimate


async def test_follow_up_is_sent_in_both_wire_formats() -> None:
    async with demo() as engine:
        columns = engine.default_columns(["demo/swift", "demo/scholar"])
        run = engine.start_run(RunSpec(columns, ApprovalPolicy.AUTO), ignore)
        for prompt in ("Add 2 and 3", "Add 20 and 30"):
            run.send(prompt)
            await run.wait()
        for response in run.to_json()["responses"]:
            assert response["status"] == "ok"
            assert "**50**" in response["text"]
