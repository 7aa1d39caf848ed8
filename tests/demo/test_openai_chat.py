from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from mcp_tui.core.types import JsonObject
from tests.demo.agents import events_of, join_openai

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADD: JsonObject = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add two numbers.",
        "parameters": {"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a", "b"]},
    },
}
TIME: JsonObject = {
    "type": "function",
    "function": {"name": "current_time", "parameters": {"type": "object", "properties": {}}},
}

DOTTED: JsonObject = {"type": "function", "function": {"name": "a.b"}}


def request(**changes: Any) -> JsonObject:
    body: JsonObject = {
        "model": "builder",
        "messages": [{"role": "user", "content": "what time is it, add 2 and 3"}],
        "tools": [ADD, TIME],
    }
    return body | changes


async def post(http: httpx.AsyncClient, body: JsonObject) -> httpx.Response:
    return await http.post("/v1/chat/completions", json=body)


async def test_models_are_listed_as_demo_models(http: httpx.AsyncClient) -> None:
    data = (await http.get("/v1/models")).json()
    assert data["object"] == "list"
    assert [model["id"] for model in data["data"]] == ["swift", "builder"]
    for model in data["data"]:
        assert model["object"] == "model"
        assert "Demo model, scripted" in model["description"]


async def test_stream_follows_the_chunk_grammar(http: httpx.AsyncClient) -> None:
    response = await post(http, request(stream=True, stream_options={"include_usage": True}))
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.text.endswith("data: [DONE]\n\n")
    chunks = events_of(response.text)
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    finish = [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]]
    assert finish[-1] == "tool_calls"
    assert set(finish[:-1]) == {None}
    assert chunks[-1]["choices"] == []
    assert all(chunk["usage"] is None for chunk in chunks[:-1])
    usage = chunks[-1]["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["completion_tokens"] > 5


async def test_no_usage_unless_asked(http: httpx.AsyncClient) -> None:
    chunks = events_of((await post(http, request(stream=True))).text)
    assert all(chunk["choices"] and "usage" not in chunk for chunk in chunks)


async def test_parallel_calls_come_in_fragments_keyed_by_index(http: httpx.AsyncClient) -> None:
    chunks = events_of((await post(http, request(stream=True))).text)
    fragments = [
        fragment
        for chunk in chunks
        for choice in chunk["choices"]
        for fragment in choice["delta"].get("tool_calls", [])
    ]
    assert {fragment["index"] for fragment in fragments} == {0, 1}
    assert sum("id" in fragment for fragment in fragments) == 2
    assert len(fragments) > 4
    calls = join_openai(chunks)["tool_calls"]
    assert len({call["id"] for call in calls}) == 2
    asked = {call["function"]["name"]: json.loads(call["function"]["arguments"]) for call in calls}
    assert asked == {"current_time": {}, "add": {"a": 2, "b": 3}}


async def test_stream_and_whole_answer_say_the_same(http: httpx.AsyncClient) -> None:
    streamed = join_openai(events_of((await post(http, request(stream=True))).text))
    data = (await post(http, request())).json()
    assert data["object"] == "chat.completion"
    choice = data["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == streamed["content"]
    assert choice["message"]["tool_calls"] == streamed["tool_calls"]
    assert data["usage"]["completion_tokens"] > 5


async def test_max_tokens_cuts_the_answer_and_says_length(http: httpx.AsyncClient) -> None:
    body = request(stream=True, stream_options={"include_usage": True}, max_completion_tokens=7, tools=[])
    chunks = events_of((await post(http, body)).text)
    assert chunks[-2]["choices"][0]["finish_reason"] == "length"
    assert chunks[-1]["usage"]["completion_tokens"] == 7
    assert len(join_openai(chunks)["content"]) < 60


async def test_images_after_results_are_no_new_prompt(http: httpx.AsyncClient) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "draw_chart", "arguments": '{"values": [1]}'}}
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    messages: list[JsonObject] = [
        {"role": "user", "content": "draw 1"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "bar chart of 1 values\n(1 image: see the next message)"},
        {"role": "user", "content": [{"type": "text", "text": "Returned by draw_chart:"}, picture]},
    ]
    schema: JsonObject = {"type": "object", "properties": {"values": {}}}
    tool: JsonObject = {"type": "function", "function": {"name": "draw_chart", "parameters": schema}}
    data = (await post(http, request(messages=messages, tools=[tool]))).json()
    assert data["choices"][0]["finish_reason"] == "stop"
    assert "bar chart of 1 values" in data["choices"][0]["message"]["content"]
    assert "picture" in data["choices"][0]["message"]["content"]
    assert "next message" not in data["choices"][0]["message"]["content"]


async def test_same_request_gets_the_same_answer(http: httpx.AsyncClient) -> None:
    first, second = (await post(http, request())).json(), (await post(http, request())).json()
    assert first["choices"] == second["choices"]
    assert first["id"] == second["id"]


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        pytest.param({"model": "gpt-9"}, 404, "model_not_found", "`gpt-9` does not exist", id="unknown model"),
        pytest.param({"model": "scholar"}, 404, "model_not_found", "does not exist", id="model of the other format"),
        pytest.param({"messages": []}, 400, "empty_array", "empty array", id="no messages"),
        pytest.param({"messages": None}, 400, None, "messages: expected an array", id="messages missing"),
        pytest.param({"messages": [{"role": "user"}]}, 400, None, "content", id="no content"),
        pytest.param({"messages": [{"role": "wizard", "content": "x"}]}, 400, "invalid_value", "wizard", id="role"),
        pytest.param({"max_tokens": 0}, 400, None, "at least 1", id="max_tokens"),
        pytest.param({"tools": [ADD] * 129}, 400, "array_above_max_length", "128", id="too many tools"),
        pytest.param(
            {"tools": [DOTTED]},
            400,
            "invalid_value",
            "pattern",
            id="illegal tool name",
        ),
    ],
)
async def test_bad_requests_get_the_vendors_error(
    http: httpx.AsyncClient, body: JsonObject, status: int, code: str | None, words: str
) -> None:
    response = await post(http, request(**body))
    assert response.status_code == status
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["code"] == code
    assert words in error["message"]


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"[" * 100_000, b"\xff"])
async def test_a_body_that_is_no_json_object_is_refused(http: httpx.AsyncClient, raw: bytes) -> None:
    response = await http.post("/v1/chat/completions", content=raw)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


CALLS = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}},
        {"id": "c2", "type": "function", "function": {"name": "add", "arguments": "{}"}},
    ],
}


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ([CALLS], "c1, c2"),
        ([CALLS, {"role": "tool", "tool_call_id": "c1", "content": "1"}], "did not have response messages: c2"),
        ([CALLS, {"role": "user", "content": "go on"}], "must be followed by tool messages"),
        ([{"role": "tool", "tool_call_id": "c9", "content": "1"}], "must be a response to a preceding message"),
    ],
)
async def test_every_call_needs_its_result(http: httpx.AsyncClient, after: list[JsonObject], words: str) -> None:
    response = await post(http, request(messages=[{"role": "user", "content": "add 2 and 3"}, *after]))
    assert response.status_code == 400
    assert words in response.json()["error"]["message"]


async def test_unknown_paths_and_methods_get_a_json_error(http: httpx.AsyncClient) -> None:
    missing = await http.post("/v1/embeddings", json={})
    assert missing.status_code == 404
    assert "/v1/embeddings" in missing.json()["error"]["message"]
    assert (await http.get("/v1/chat/completions")).status_code == 405
