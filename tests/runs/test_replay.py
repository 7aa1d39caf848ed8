from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mcp_tui.core.chat import (
    AttemptStarted,
    Block,
    ChatEvent,
    ChatRequest,
    Finished,
    ImageBlock,
    Message,
    ModelParams,
    Opaque,
    OpaqueBlock,
    ReasoningBlock,
    ReasoningDelta,
    StopReason,
    TextBlock,
    TextDelta,
    ToolCallBlock,
    ToolCallDelta,
    ToolCallStarted,
    ToolResultBlock,
    ToolSpec,
)
from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.events import CallChanged, StatusChanged, TextAppended
from mcp_tui.core.state import ColumnStatus, Usage
from mcp_tui.providers.registry import ModelRef
from mcp_tui.runs.replay import Replays, decoded, encoded, is_whole, request_key
from mcp_tui.store.response_cache import ResponseCache
from tests.builders import tool
from tests.runs.doubles import ScriptItem, Stage, asks, finished, says, within

REF = ModelRef("openai", "gpt-5")
SIGNED = Opaque("anthropic-messages", {"signature": "abc", "n": [1, {"x": None}]})
REQUEST = ChatRequest(
    "gpt-5",
    (
        Message("user", (TextBlock("Hi"), ImageBlock("image/png", "AAAA"))),
        Message("assistant", (ReasoningBlock("hm", SIGNED), ToolCallBlock("c1", "t", {"x": 1}, '{"x": 1}'))),
        Message("user", (ToolResultBlock("c1", "t", (TextBlock("5"), ImageBlock("image/png", "BBBB")), False),)),
    ),
    "be brief",
    (ToolSpec("t", "does t", {"type": "object", "properties": {"x": {"type": "integer"}}}),),
    ModelParams(100, 0.5, "low", 7, ("END",)),
)


def key(request: ChatRequest = REQUEST, ref: ModelRef = REF, address: str = "openai-chat https://x/v1") -> str:
    return request_key(ref, address, request)


def with_block(position: int, block: Block) -> ChatRequest:
    messages = list(REQUEST.messages)
    messages[position] = replace(messages[position], blocks=(*messages[position].blocks[:-1], block))
    return replace(REQUEST, messages=tuple(messages))


CHANGES: dict[str, ChatRequest] = {
    "model": replace(REQUEST, model="gpt-5.5"),
    "system": replace(REQUEST, system="be long"),
    "temperature": replace(REQUEST, params=replace(REQUEST.params, temperature=0.6)),
    "no temperature": replace(REQUEST, params=replace(REQUEST.params, temperature=None)),
    "max_tokens": replace(REQUEST, params=replace(REQUEST.params, max_tokens=101)),
    "effort": replace(REQUEST, params=replace(REQUEST.params, effort="high")),
    "seed": replace(REQUEST, params=replace(REQUEST.params, seed=8)),
    "stop": replace(REQUEST, params=replace(REQUEST.params, stop=("END", "FIN"))),
    "no tools": replace(REQUEST, tools=()),
    "tool name": replace(REQUEST, tools=(replace(REQUEST.tools[0], name="u"),)),
    "tool description": replace(REQUEST, tools=(replace(REQUEST.tools[0], description="does u"),)),
    "tool schema": replace(REQUEST, tools=(replace(REQUEST.tools[0], input_schema={"type": "object"}),)),
    "fewer messages": replace(REQUEST, messages=REQUEST.messages[:1]),
    "image": with_block(0, ImageBlock("image/png", "AAAB")),
    "call arguments": with_block(1, ToolCallBlock("c1", "t", {"x": 1}, '{"x":1}')),
    "call id": with_block(1, ToolCallBlock("c2", "t", {"x": 1}, '{"x": 1}')),
    "call signature": with_block(1, ToolCallBlock("c1", "t", {"x": 1}, '{"x": 1}', SIGNED)),
    "result is error": with_block(2, replace(REQUEST.messages[2].blocks[0], is_error=True)),  # pyright: ignore[reportArgumentType, reportCallIssue]  it is a result
    "result image": with_block(2, ToolResultBlock("c1", "t", (TextBlock("5"),), False)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_part_of_a_request_is_part_of_its_key(change: str) -> None:
    assert key(CHANGES[change]) != key()


def test_who_answers_and_where_is_part_of_the_key() -> None:
    keys = {
        key(),
        key(ref=ModelRef("lab", "gpt-5")),
        key(address="openai-chat https://y/v1"),
        key(address="openai-responses https://x/v1"),
    }
    assert len(keys) == 4


def test_equal_requests_have_equal_keys_whatever_the_order_of_json() -> None:
    schema = {"properties": {"x": {"type": "integer"}}, "type": "object"}
    assert key(replace(REQUEST, tools=(replace(REQUEST.tools[0], input_schema=schema),))) == key()


def test_a_text_and_a_reasoning_of_the_same_words_differ() -> None:
    one = replace(REQUEST, messages=(Message("assistant", (TextBlock("x"),)),))
    other = replace(REQUEST, messages=(Message("assistant", (ReasoningBlock("x"),)),))
    assert key(one) != key(other)


def test_lone_surrogates_have_a_key() -> None:
    assert key(replace(REQUEST, system="\ud800")) != key(replace(REQUEST, system="\ud801"))


def whole() -> list[ChatEvent]:
    blocks = (
        ReasoningBlock("hm", SIGNED),
        TextBlock("text \ud800", SIGNED),
        OpaqueBlock(SIGNED),
        ToolCallBlock("c1", "t", {"x": 10**20}, '{"x": 100000000000000000000}', SIGNED),
    )
    end = Finished(
        Message("assistant", blocks), StopReason.TOOL_CALLS, "tool_use", Usage(10, 5, 1, None, 2), model="gpt-5-x",
        response_id="r1",
    )  # fmt: skip
    return [ReasoningDelta("hm"), TextDelta("te"), TextDelta("xt \ud800"), ToolCallStarted(0, "c1", "t"),
            ToolCallDelta(0, '{"x": 1'), ToolCallDelta(0, "00000000000000000000}"), end]  # fmt: skip


def test_an_answer_survives_its_way_to_the_disk() -> None:
    events = whole()
    back = decoded(encoded(events))
    assert back[:-1] == events[:-1]
    assert isinstance(events[-1], Finished)
    assert back[-1] == replace(events[-1], attempts=0)


def _edited(edit: Callable[[Any], object]) -> bytes:
    loaded = json.loads(encoded(whole()))
    return json.dumps(edit(loaded)).encode()


def _role_user(items: Any) -> Any:
    items[-1][1]["message"]["role"] = "user"
    return items


def _cut(items: Any) -> Any:
    items[-1][1]["stop"] = "length"
    return items


def _no_block(items: Any) -> Any:
    items[-1][1]["message"]["blocks"][0]["kind"] = "Evil"
    return items


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"[1]",
        b'[["TextDelta"]]',
        b'[["TextDelta", 5]]',
        b'[["TextDelta", "no end"]]',
        b'[["Nonsense", 1]]',
        encoded(whole())[:-20],
        _edited(_role_user),
        _edited(_cut),
        _edited(_no_block),
        _edited(lambda items: items[:-1]),
    ],
)
def test_what_is_no_answer_is_not_taken_for_one(body: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, IndexError, AttributeError)):
        decoded(body)


BAD_CALL = ToolCallBlock("c", "t", None, '{"x')
GOOD_CALL = ToolCallBlock("c", "t", {}, "{}")


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (finished("text"), True),
        (finished("", [GOOD_CALL], StopReason.TOOL_CALLS), True),
        (finished("", [GOOD_CALL]), True),
        (finished(""), False),
        (finished("  "), False),
        (finished("text", stop=StopReason.LENGTH), False),
        (finished("text", stop=StopReason.INCOMPLETE), False),
        (finished("text", stop=StopReason.ERROR), False),
        (finished("text", stop=StopReason.REFUSAL), False),
        (finished("text", stop=StopReason.CONTENT_FILTER), False),
        (finished("text", stop=StopReason.PAUSE), False),
        (finished("text", error=ErrorInfo("x")), False),
        (finished("text", refusal="no"), False),
        (finished("", [BAD_CALL], StopReason.TOOL_CALLS), False),
        (finished("", [GOOD_CALL], StopReason.LENGTH), False),
    ],
)
def test_only_whole_answers_are_kept(end: Finished, expected: bool) -> None:
    assert is_whole(end) is expected


class Cached:
    """Runs of one model over a real cache, each in an engine of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = ResponseCache(path, max_age_s=1e9, max_bytes=10**7)

    def stage(self) -> Stage:
        return Stage(price=0.5, replays=Replays(self.store, lambda ref: f"openai-chat https://{ref.provider}"))


@pytest.fixture
def cached(tmp_path: Path) -> Any:
    cached = Cached(tmp_path / "responses.sqlite")
    yield cached
    assert cached.store.close()


async def asked(cached: Cached, *scripts: list[ScriptItem], prompt: str = "Go", provider: str = "a") -> tuple[int, Any]:
    """(requests that reached the provider, the column's part of the report)"""
    async with cached.stage() as stage:
        stage.servers.add(tool("t"))
        model = stage.model(provider, *scripts)
        run = stage.run(provider)
        run.send(prompt)
        await within(run.wait())
        (response,) = run.to_json()["responses"]
        return len(model.requests), response


async def test_the_same_request_is_answered_from_the_cache_and_says_so(cached: Cached) -> None:
    first = await asked(cached, [AttemptStarted(1), 2.0, *says("hello ", "world")])
    assert (first[0], first[1]["cached"], first[1]["cost_usd"]) == (1, False, 0.5)
    count, response = await asked(cached, says("something else"))
    assert count == 0
    assert (response["text"], response["status"], response["stop_reason"]) == ("hello world", "ok", "stop")
    assert (response["cached"], response["cached_steps"], response["attempts"]) == (True, 1, 0)
    assert (response["cost_usd"], response["cost_is_estimate"]) == (0.0, False)
    assert (response["ttft_ms"], response["tokens_per_s"]) == (None, None)
    assert response["usage"]["input_tokens"] == 10


async def test_another_prompt_model_or_address_is_another_request(cached: Cached) -> None:
    await asked(cached, says("one"))
    assert (await asked(cached, says("two"), prompt="Go!"))[1]["text"] == "two"
    assert (await asked(cached, says("three"), provider="b"))[1]["text"] == "three"


async def test_a_replay_is_a_stream_with_its_tool_calls_which_run_again(cached: Cached) -> None:
    script = (asks(("t", {"x": "1"}), text="Let me see. "), says("Done."))
    await asked(cached, *script)
    async with cached.stage() as stage:
        stage.servers.add(tool("t"))
        model = stage.model("a", says("not asked"))
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
        assert model.requests == []
        assert run.metrics("c1").cached_steps == 2
        assert stage.servers.calls == [("s", "t", {"x": "1"})]
        kinds = [type(event) for event in stage.of("c1")]
        assert kinds.count(TextAppended) >= 2
        assert CallChanged in kinds
        statuses = [event.status for event in stage.of("c1") if isinstance(event, StatusChanged)]
        assert ColumnStatus.STREAMING in statuses
        assert statuses[-1] is ColumnStatus.DONE


async def test_a_tool_that_answers_otherwise_makes_another_request(cached: Cached) -> None:
    async def run_with(result: str, *scripts: list[ScriptItem]) -> tuple[int, int]:
        async def handler(arguments: Any, on_progress: Any) -> Any:
            return {"content": [{"type": "text", "text": result}]}

        async with cached.stage() as stage:
            stage.servers.add(tool("t"), handler)
            model = stage.model("a", *scripts)
            run = stage.run("a")
            run.send("Go")
            await within(run.wait())
            return len(model.requests), run.metrics("c1").cached_steps

    assert await run_with("5", asks(("t", {})), says("five")) == (2, 0)
    assert await run_with("6", says("six")) == (1, 1)


@pytest.mark.parametrize(
    "script",
    [
        [finished(stop=StopReason.ERROR, usage=None, error=ErrorInfo("Down", code="http_500"))],
        [TextDelta("Half"), finished("Half", stop=StopReason.INCOMPLETE)],
        [TextDelta("Half"), finished("Half", stop=StopReason.LENGTH)],
        [TextDelta("Half")],
        [RuntimeError("broken")],
    ],
)
async def test_errors_and_cut_answers_are_asked_for_again(cached: Cached, script: list[ScriptItem]) -> None:
    await asked(cached, script)
    assert await cached.store.size() == (0, 0)
    count, response = await asked(cached, says("whole"))
    assert (count, response["text"]) == (1, "whole")


async def test_a_stopped_answer_is_not_kept(cached: Cached) -> None:
    async with cached.stage() as stage:
        stage.model("a", [TextDelta("Half"), asyncio.Event()])
        run = stage.run("a")
        run.send("Go")
        await stage.until_status("c1", ColumnStatus.STREAMING)
        run.cancel()
        await within(run.wait())
    assert await cached.store.size() == (0, 0)


async def test_an_entry_that_cannot_be_understood_is_replaced(cached: Cached) -> None:
    await asked(cached, says("one"))
    async with cached.stage() as stage:
        model = stage.model("a", says("two"))
        stage.servers.add(tool("t"))
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
        request = model.requests
        assert request == []
    import sqlite3

    connection = sqlite3.connect(cached.path)
    with connection:
        import zlib

        connection.execute("UPDATE responses SET body = ?", (zlib.compress(b'{"not": "an answer"}'),))
    connection.close()
    assert (await asked(cached, says("two")))[1]["text"] == "two"
    count, response = await asked(cached, says("three"))
    assert (count, response["text"]) == (0, "two")


async def test_retrying_asks_the_model_again_and_keeps_its_new_answer(cached: Cached) -> None:
    await asked(cached, says("one"))
    async with cached.stage() as stage:
        stage.servers.add(tool("t"))
        stage.model("a", says("two"))
        run = stage.run("a")
        run.send("Go")
        await within(run.wait())
        assert run.answer_text("c1") == "one"
        run.retry("c1")
        await within(run.wait())
        assert run.answer_text("c1") == "two"
    assert (await asked(cached, says("three")))[1]["text"] == "two"


async def test_replays_compete_for_nothing(cached: Cached) -> None:
    await asked(cached, says("one"))
    async with cached.stage() as stage:
        stage.servers.add(tool("t"))
        stage.model("a", says("not asked"))
        stage.model("b", [1.0, *says("slow")])
        run = stage.run("a", "b")
        run.send("Go")
        await within(run.wait())
        comparison = run.to_json()["comparison"]
        assert (comparison["fastest"], comparison["cheapest"]) == ("b/m", "b/m")


async def test_neither_prompt_nor_system_nor_key_stand_in_the_file(cached: Cached) -> None:
    await asked(cached, says("the answer"), prompt="a very private prompt sk-secret-1234567890")
    assert cached.store.close()
    content = b"".join(file.read_bytes() for file in cached.path.parent.iterdir() if file.is_file())
    assert b"private" not in content
    assert b"sk-secret" not in content
    cached.store = ResponseCache(cached.path, max_age_s=1e9, max_bytes=10**7)
