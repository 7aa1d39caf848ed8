"""What we send to the Messages API."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mcp_tui.core.chat import (
    ChatRequest,
    ImageBlock,
    Message,
    ModelParams,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolSpec,
)
from tests.providers.asking import KEY, ask, messages, user
from tests.providers.loopback import Answer, Loopback, error, named

OK = Answer(
    [
        named(
            {"type": "message_start", "message": {"id": "msg", "model": "claude-x", "usage": {"input_tokens": 1}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "ok"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        )
    ]
)
PNG = ImageBlock("image/PNG", "iVBORw0KGgo=")


async def sent(server: Loopback, request: ChatRequest) -> Any:
    server.script(OK)
    got = await ask(messages(server.origin), request)
    assert got.finished.error is None
    return server.requests[-1].json


async def test_the_smallest_request(server: Loopback) -> None:
    body = await sent(server, ChatRequest("claude-sonnet-5", (user("Hi"),), system=" "))
    assert body == {
        "model": "claude-sonnet-5",
        "max_tokens": 16_384,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "stream": True,
    }
    request = server.requests[-1]
    assert (request.method, request.path) == ("POST", "/v1/messages")
    assert request.headers["x-api-key"] == KEY
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in request.headers


async def test_parameters_are_sent_only_when_set(server: Loopback) -> None:
    params = ModelParams(max_tokens=50, temperature=0.5, seed=4, stop=("END",))
    body = await sent(server, ChatRequest("m", (user("Hi"),), system="Be kind", params=params))
    assert (body["max_tokens"], body["temperature"], body["stop_sequences"]) == (50, 0.5, ["END"])
    assert body["system"] == "Be kind"
    assert "seed" not in body


def budget(tokens: int) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": tokens}


ADAPTIVE: dict[str, Any] = {"type": "adaptive", "display": "summarized"}


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        ("claude-sonnet-5", "high", {"thinking": ADAPTIVE, "output_config": {"effort": "high"}}),
        ("claude-opus-4-7", "minimal", {"thinking": ADAPTIVE, "output_config": {"effort": "low"}}),
        ("claude-haiku-4-5", "low", {"thinking": budget(2_048)}),
        ("claude-sonnet-4-20250514", "max", {"thinking": budget(24_576), "max_tokens": 28_672}),
        ("claude-3-5-haiku-latest", "high", {}),
        ("claude-sonnet-5", "none", {}),
        ("tiny-local-model", "high", {}),
    ],
)  # fmt: skip
async def test_thinking_is_asked_for_as_the_model_takes_it(
    server: Loopback, model: str, effort: str, expected: dict[str, Any]
) -> None:
    params = ModelParams(effort=effort, temperature=0.5)
    body = await sent(server, ChatRequest(model, (user("Hi"),), params=params))
    for key in ("thinking", "output_config"):
        assert body.get(key) == expected.get(key)
    assert ("temperature" in body) == ("thinking" not in expected)
    if "budget_tokens" in expected.get("thinking", {}):
        assert body["max_tokens"] > expected["thinking"]["budget_tokens"]
    if "max_tokens" in expected:
        assert body["max_tokens"] == expected["max_tokens"]


async def test_a_thinking_budget_stays_below_the_limit_asked_for(server: Loopback) -> None:
    big = ModelParams(effort="high", max_tokens=4000)
    body = await sent(server, ChatRequest("claude-haiku-4-5", (user("Hi"),), params=big))
    assert (body["max_tokens"], body["thinking"]["budget_tokens"]) == (4000, 2000)
    small = ModelParams(effort="high", max_tokens=1000)
    assert "thinking" not in await sent(server, ChatRequest("claude-haiku-4-5", (user("Hi"),), params=small))


async def test_calls_and_results_in_the_history(server: Loopback) -> None:
    history = (
        user("Look"),
        Message(
            "assistant",
            (
                ReasoningBlock("of another model"),
                TextBlock("Looking."),
                ToolCallBlock("call.1/ä", "look", {"q": 1}, '{"q": 1}'),
                ToolCallBlock("c2", "look", None, '{"q'),
            ),
        ),
        Message(
            "user",
            (
                TextBlock("And hurry"),
                ToolResultBlock("call.1/ä", "look", (TextBlock("one"), PNG, TextBlock("  ")), False),
                ToolResultBlock("c2", "look", (), True),
            ),
        ),
    )
    body = await sent(server, ChatRequest("m", history))
    _, assistant, results = body["messages"]
    legal = assistant["content"][1]["id"]
    assert re.fullmatch("[a-zA-Z0-9_-]+", legal)
    assert assistant["content"] == [
        {"type": "text", "text": "Looking."},
        {"type": "tool_use", "id": legal, "name": "look", "input": {"q": 1}},
        {"type": "tool_use", "id": "c2", "name": "look", "input": {"INVALID_JSON": '{"q'}},
    ]
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
    assert results == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": legal, "content": [{"type": "text", "text": "one"}, image]},
            {"type": "tool_result", "tool_use_id": "c2", "content": "Error", "is_error": True},
            {"type": "text", "text": "And hurry"},
        ],
    }


async def test_roles_alternate_and_nothing_is_empty(server: Loopback) -> None:
    history = (
        user("One"),
        Message("assistant", ()),
        Message("assistant", (TextBlock("  \n"),)),
        user("Two"),
        Message("assistant", (TextBlock("A"),)),
        Message("assistant", (TextBlock("B"),)),
        user("Three"),
    )
    body = await sent(server, ChatRequest("m", history))
    shape = [(message["role"], [part["text"] for part in message["content"]]) for message in body["messages"]]
    assert shape == [("user", ["One", "Two"]), ("assistant", ["A", "B"]), ("user", ["Three"])]


async def test_unanswered_calls_get_a_result(server: Loopback) -> None:
    history = (user("Look"), Message("assistant", (ToolCallBlock("t1", "look", {}, "{}"),)), user("Never mind"))
    body = await sent(server, ChatRequest("m", history))
    content = body["messages"][2]["content"]
    assert (content[0]["type"], content[0]["tool_use_id"], content[0]["is_error"]) == ("tool_result", "t1", True)
    assert content[1] == {"type": "text", "text": "Never mind"}


SCHEMAS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"type": "object", "properties": {}}),
    ({"type": "string"}, {"type": "object", "properties": {}}),
    ({"type": ["object", "null"], "properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}),
    (
        {"type": "object", "oneOf": [{"properties": {"a": {}, "b": {}}, "required": ["a", "b"]},
                                     {"properties": {"a": {}}, "required": ["a"]}],
         "additionalProperties": False},
        {"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a"]},
    ),
    (
        {"allOf": [{"$ref": "#/$defs/X"}, {"properties": {"b": {}}, "required": ["b"]}],
         "$defs": {"X": {"type": "object", "properties": {"a": {}}, "required": ["a"]}}},
        {"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a", "b"],
         "$defs": {"X": {"type": "object", "properties": {"a": {}}, "required": ["a"]}}},
    ),
    ({"$ref": "#/$defs/X", "$defs": {"X": {"properties": {"a": {}}}}},
     {"type": "object", "properties": {"a": {}}, "$defs": {"X": {"properties": {"a": {}}}}}),
    ({"$ref": "#"}, {"type": "object", "properties": {}}),
    ({"properties": [1], "required": "all", "anyOf": 3}, {"type": "object", "properties": {}}),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "expected"), SCHEMAS)
async def test_every_schema_becomes_an_object_without_combinations_at_its_root(
    server: Loopback, schema: dict[str, Any], expected: dict[str, Any]
) -> None:
    body = await sent(server, ChatRequest("m", (user("Hi"),), tools=(ToolSpec("t", "Does it", schema),)))
    assert body["tools"] == [{"name": "t", "description": "Does it", "input_schema": expected}]


async def test_a_schema_with_numbers_json_has_not_is_sendable(server: Loopback) -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"n": {"default": float("nan")}}}
    body = await sent(server, ChatRequest("m", (user("Hi"),), tools=(ToolSpec("t", "", schema),)))
    assert body["tools"][0]["input_schema"]["properties"] == {"n": {"default": None}}


async def test_models_are_listed_page_by_page(server: Loopback) -> None:
    pages = [{"data": [{"id": "a"}], "has_more": True, "last_id": "a/1"}, {"data": [{"id": "b"}], "has_more": False}]
    server.script(*[Answer(error(200, page).pieces, content_type="application/json") for page in pages])
    assert await messages(server.origin).list_models() == ("a", "b")
    assert server.requests[1].path == "/v1/models?limit=1000&after_id=a%2F1"
    assert server.requests[0].headers["x-api-key"] == KEY
