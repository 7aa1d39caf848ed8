from __future__ import annotations

import asyncio

import pytest

from mcp_tui.core.chat import (
    AttemptStarted,
    ChatRequest,
    ImageBlock,
    Message,
    ReasoningDelta,
    TextBlock,
    TextDelta,
    ToolSpec,
)
from mcp_tui.core.events import MetricsChanged
from mcp_tui.core.state import ColumnStatus, Metrics, Usage
from mcp_tui.providers.registry import ModelRef
from mcp_tui.runs.metrics import Meter, request_tokens
from tests.builders import Clock, tool
from tests.runs.doubles import Gate, Script, Stage, asks, finished, says, within


async def measured(*scripts: Script, price: float | None = None, provider: str = "a") -> Metrics:
    async with Stage(price=price) as stage:
        stage.servers.add(tool("t"))
        stage.model(provider, *scripts)
        run = stage.run(provider)
        run.send("Go" * 200)
        await within(run.wait())
        return run.metrics("c1")


async def test_time_to_first_token_counts_from_the_attempt_that_succeeded() -> None:
    metrics = await measured([AttemptStarted(1), 5.0, AttemptStarted(2), 0.25, *says("x")])
    assert metrics.ttft_ms == 250.0
    assert metrics.duration_ms == 5250.0
    assert metrics.attempts == 2


async def test_speed_counts_streaming_only() -> None:
    metrics = await measured([1.0, TextDelta("a"), 2.0, TextDelta("b"), 10.0, finished("ab", usage=Usage(10, 40))])
    assert metrics.tokens_per_s == 20.0


async def test_reasoning_that_was_not_streamed_is_not_part_of_the_speed() -> None:
    usage = Usage(10, 140, reasoning_tokens=100)
    unseen = await measured([TextDelta("a"), 2.0, TextDelta("b"), finished("ab", usage=usage)])
    seen = await measured([ReasoningDelta("a"), 2.0, TextDelta("b"), finished("b", usage=usage)])
    assert (unseen.tokens_per_s, seen.tokens_per_s) == (20.0, 70.0)


async def test_answer_in_one_piece_has_no_speed() -> None:
    assert (await measured([1.0, *says("all")])).tokens_per_s is None


async def test_usage_is_summed_over_steps_and_turns() -> None:
    async with Stage() as stage:
        stage.servers.add(tool("t"))
        stage.model("a", asks(("t", {})), says("ok"))
        run = stage.run("a")
        for _ in range(2):
            run.send("Go")
            await within(run.wait())
        metrics = run.metrics("c1")
        assert metrics.usage == Usage(30, 15)
        assert (metrics.steps, metrics.attempts, metrics.tool_calls) == (3, 3, 1)
        assert not metrics.usage_is_estimate


async def test_missing_usage_is_estimated_and_says_so() -> None:
    metrics = await measured(says("x" * 40, usage=None))
    assert metrics.usage_is_estimate
    assert metrics.usage.output_tokens == 10
    # 400 characters of prompt, and the tool's definition.
    assert metrics.usage.input_tokens is not None and 100 < metrics.usage.input_tokens < 150


async def test_cancelled_stream_is_estimated() -> None:
    async with Stage() as stage:
        stage.model("a", [TextDelta("x" * 80), asyncio.Event()])
        run = stage.run("a")
        run.send("Go")
        await stage.until_status("c1", ColumnStatus.STREAMING)
        run.cancel()
        await within(run.wait())
        assert run.metrics("c1").usage.output_tokens == 20
        assert run.metrics("c1").usage_is_estimate


async def test_cost_reported_by_the_provider_is_preferred() -> None:
    metrics = await measured([finished("x", cost_usd=0.5)], price=9.0)
    assert (metrics.cost_usd, metrics.cost_is_estimate) == (0.5, False)


async def test_cost_from_the_table_is_an_estimate() -> None:
    metrics = await measured(says("x"), price=0.125)
    assert (metrics.cost_usd, metrics.cost_is_estimate) == (0.125, True)


async def test_unknown_price_has_no_cost() -> None:
    assert (await measured(says("x"), price=None)).cost_usd is None


def test_sum_with_an_unknown_part_is_marked_as_estimate() -> None:
    clock = Clock()
    meter = Meter(ModelRef("a", "m"), clock, lambda ref, usage: None)
    meter.begin_turn()
    for cost in (0.5, None):
        meter.begin_step(ChatRequest("m", ()))
        meter.end_step(finished("x", cost_usd=cost))
    assert meter.turn().cost_usd == 0.5
    assert meter.turn().cost_is_estimate


async def test_demo_models_cost_nothing() -> None:
    metrics = await measured([finished("x", cost_usd=0.5)], provider="demo")
    assert metrics.cost_usd is None


async def test_failure_before_anything_came_uses_nothing() -> None:
    async with Stage(price=1.0) as stage:
        run = stage.run("nokey")
        run.send("Go")
        await within(run.wait())
        assert run.metrics("c1").usage == Usage()
        assert run.metrics("c1").cost_usd is None


async def test_figures_are_told_rarely_while_streaming_and_at_the_end() -> None:
    async with Stage() as stage:
        pieces = [item for _ in range(1000) for item in (TextDelta("abcd"), 0.001)]
        stage.model("a", [*pieces, finished("x", usage=Usage(10, 1000))])
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
        told = [event.metrics for event in stage.events if isinstance(event, MetricsChanged)]
        # One second of streaming: about five, and the last.
        assert 4 <= len(told) <= 8
        assert told[-1] == run.metrics("c1")
        live = told[2].tokens_per_s
        assert live is not None and 900 < live < 1100


async def test_figures_of_a_finished_step_are_told_while_its_tools_run() -> None:
    async with Stage() as stage:
        gate = Gate()
        stage.servers.add(tool("t"), gate)
        stage.model("a", asks(("t", {})), says("ok"))
        run = stage.run("a")
        run.send("Go")
        await stage.until(lambda e: isinstance(e, MetricsChanged) and e.metrics.usage.output_tokens == 5)
        assert run.live
        gate.open.set()
        await within(run.wait())


@pytest.mark.parametrize("images", [0, 2])
def test_request_estimate_counts_text_tools_and_images(images: int) -> None:
    blocks = (TextBlock("x" * 400), *(ImageBlock("image/png", "A" * 9999) for _ in range(images)))
    request = ChatRequest("m", (Message("user", blocks),), "y" * 40, (ToolSpec("t" * 8, "d" * 10, {}),))
    assert request_tokens(request) == 115 + images * 1000
