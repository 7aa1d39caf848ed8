from __future__ import annotations

from typing import Any

import httpx
import pytest

from mcp_tui.core.types import JsonObject
from tests.demo.agents import ANTHROPIC_HEADERS, events_of, join_anthropic

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADD: JsonObject = {
    "name": "add",
    "description": "Add two numbers.",
    "input_schema": {"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a", "b"]},
}
NO_OBJECT: JsonObject = {"name": "x", "input_schema": {"anyOf": []}}
PROMPT: JsonObject = {"role": "user", "content": "add 2 and 3"}


def request(**changes: Any) -> JsonObject:
    body: JsonObject = {"model": "scholar", "max_tokens": 2000, "messages": [PROMPT], "tools": [ADD]}
    return body | changes


async def post(http: httpx.AsyncClient, body: JsonObject) -> httpx.Response:
    return await http.post("/anthropic/v1/messages", json=body, headers=ANTHROPIC_HEADERS)


async def test_models_are_listed_as_demo_models(http: httpx.AsyncClient) -> None:
    data = (await http.get("/anthropic/v1/models")).json()
    assert [model["id"] for model in data["data"]] == ["scholar"]
    assert "demo model" in data["data"][0]["display_name"]
    assert data["has_more"] is False


async def test_stream_follows_the_event_grammar(http: httpx.AsyncClient) -> None:
    response = await post(http, request(stream=True))
    assert response.headers["content-type"].startswith("text/event-stream")
    names = [line.removeprefix("event: ") for line in response.text.splitlines() if line.startswith("event: ")]
    events = events_of(response.text)
    assert names == [event["type"] for event in events]
    assert names[0] == "message_start"
    assert names[-2:] == ["message_delta", "message_stop"]
    assert "ping" in names
    assert events[0]["message"]["usage"]["input_tokens"] > 10
    open_block: int | None = None
    opened: list[str] = []
    for event in events:
        match event["type"]:
            case "content_block_start":
                assert open_block is None
                assert event["index"] == len(opened)
                open_block = event["index"]
                opened.append(event["content_block"]["type"])
            case "content_block_delta":
                assert event["index"] == open_block
            case "content_block_stop":
                assert event["index"] == open_block
                open_block = None
            case _:
                assert open_block is None or event["type"] == "ping"
    assert opened == ["thinking", "tool_use"]
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    assert events[-2]["usage"]["output_tokens"] > events[-2]["usage"]["output_tokens_details"]["thinking_tokens"] > 0


async def test_thinking_ends_with_its_signature_and_calls_begin_empty(http: httpx.AsyncClient) -> None:
    deltas = [
        event["delta"]
        for event in events_of((await post(http, request(stream=True))).text)
        if event["type"] == "content_block_delta"
    ]
    kinds = [delta["type"] for delta in deltas]
    assert kinds.count("signature_delta") == 1
    assert kinds[kinds.index("signature_delta") + 1] == "input_json_delta"
    assert deltas[kinds.index("input_json_delta")]["partial_json"] == ""


async def test_stream_and_whole_answer_say_the_same(http: httpx.AsyncClient) -> None:
    streamed = join_anthropic(events_of((await post(http, request(stream=True))).text))
    data = (await post(http, request())).json()
    assert data["type"] == "message"
    assert data["stop_reason"] == "tool_use"
    assert data["content"] == streamed
    assert streamed[-1]["input"] == {"a": 2, "b": 3}


async def test_max_tokens_cuts_the_answer_and_says_so(http: httpx.AsyncClient) -> None:
    events = events_of((await post(http, request(stream=True, max_tokens=6))).text)
    assert events[-2]["delta"]["stop_reason"] == "max_tokens"
    assert events[-2]["usage"]["output_tokens"] == 6


async def test_thinking_can_be_switched_off(http: httpx.AsyncClient) -> None:
    data = (await post(http, request(thinking={"type": "disabled"}))).json()
    assert [block["type"] for block in data["content"]] == ["tool_use"]


def answered(blocks: list[JsonObject], **result: Any) -> list[JsonObject]:
    """The conversation after the tools of `blocks` have answered."""
    results: list[JsonObject] = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "5"} | result
        for block in blocks
        if block["type"] == "tool_use"
    ]
    return [PROMPT, {"role": "assistant", "content": blocks}, {"role": "user", "content": results}]


async def first_step(http: httpx.AsyncClient) -> list[JsonObject]:
    blocks: list[JsonObject] = (await post(http, request())).json()["content"]
    return blocks


async def test_replayed_thinking_is_accepted(http: httpx.AsyncClient) -> None:
    response = await post(http, request(messages=answered(await first_step(http))))
    assert response.status_code == 200
    assert response.json()["stop_reason"] == "end_turn"
    assert "2 + 3 = **5**" in response.json()["content"][-1]["text"]


async def test_lost_thinking_is_refused(http: httpx.AsyncClient) -> None:
    blocks = [block for block in await first_step(http) if block["type"] != "thinking"]
    response = await post(http, request(messages=answered(blocks)))
    assert response.status_code == 400
    assert "Expected `thinking`" in response.json()["error"]["message"]


async def test_changed_thinking_is_refused(http: httpx.AsyncClient) -> None:
    blocks = await first_step(http)
    blocks[0]["thinking"] += " "
    response = await post(http, request(messages=answered(blocks)))
    assert response.status_code == 400
    assert "Invalid `signature`" in response.json()["error"]["message"]


async def test_thinking_of_earlier_turns_may_be_left_out(http: httpx.AsyncClient) -> None:
    blocks = [block for block in await first_step(http) if block["type"] != "thinking"]
    later: list[JsonObject] = [
        {"role": "assistant", "content": "5"},
        {"role": "user", "content": "add 4 and 4"},
    ]
    response = await post(http, request(messages=[*answered(blocks), *later]))
    assert response.status_code == 200
    assert response.json()["content"][-1]["input"] == {"a": 4, "b": 4}


async def test_calls_of_another_model_need_no_thinking(http: httpx.AsyncClient) -> None:
    blocks: list[JsonObject] = [{"type": "tool_use", "id": "call_1", "name": "add", "input": {"a": 2, "b": 3}}]
    response = await post(http, request(messages=answered(blocks)))
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "kind", "words"),
    [
        pytest.param({"model": "swift"}, 404, "not_found_error", "model: swift", id="unknown model"),
        pytest.param({"max_tokens": None}, 400, "invalid_request_error", "max_tokens", id="no max_tokens"),
        pytest.param({"messages": []}, 400, "invalid_request_error", "at least one message", id="no messages"),
        pytest.param(
            {"messages": [{"role": "assistant", "content": "hi"}]},
            400,
            "invalid_request_error",
            "first message",
            id="assistant first",
        ),
        pytest.param(
            {"tools": [{"name": "x y", "input_schema": {"type": "object"}}]},
            400,
            "invalid_request_error",
            "pattern",
            id="illegal tool name",
        ),
        pytest.param({"tools": [ADD, ADD]}, 400, "invalid_request_error", "unique", id="tool twice"),
        pytest.param(
            {"tools": [NO_OBJECT]},
            400,
            "invalid_request_error",
            "Input should be 'object'",
            id="schema is no object",
        ),
    ],
)
async def test_bad_requests_get_the_vendors_error(
    http: httpx.AsyncClient, changes: JsonObject, status: int, kind: str, words: str
) -> None:
    response = await post(http, request(**changes))
    assert response.status_code == status
    assert response.headers["x-should-retry"] == "false"
    body = response.json()
    assert body["type"] == "error"
    assert body["error"]["type"] == kind
    assert words in body["error"]["message"]


async def test_version_header_is_required(http: httpx.AsyncClient) -> None:
    response = await http.post("/anthropic/v1/messages", json=request())
    assert response.status_code == 400
    assert "anthropic-version" in response.json()["error"]["message"]


CALL: JsonObject = {"type": "tool_use", "id": "t1", "name": "add", "input": {}}
RESULT: JsonObject = {"type": "tool_result", "tool_use_id": "t1", "content": "5"}


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ([{"role": "assistant", "content": [CALL]}], "without `tool_result` blocks immediately after: t1"),
        (
            [{"role": "assistant", "content": [CALL]}, {"role": "user", "content": "go on"}],
            "without `tool_result` blocks immediately after: t1",
        ),
        ([{"role": "user", "content": [RESULT]}], "unexpected `tool_use_id`"),
        (
            [
                {"role": "assistant", "content": [CALL]},
                {"role": "user", "content": [{"type": "text", "text": "so"}, RESULT]},
            ],
            "must come before other content",
        ),
        ([{"role": "assistant", "content": ""}], "non-whitespace"),
    ],
)
async def test_every_call_needs_its_result_next(http: httpx.AsyncClient, after: list[JsonObject], words: str) -> None:
    response = await post(http, request(messages=[PROMPT, *after]))
    assert response.status_code == 400
    assert words in response.json()["error"]["message"]


async def test_failed_result_is_reported_as_failed(http: httpx.AsyncClient) -> None:
    messages = answered(await first_step(http), is_error=True, content=[{"type": "text", "text": "no adder"}])
    data = (await post(http, request(messages=messages))).json()
    assert "failed: `no adder`" in data["content"][-1]["text"]
