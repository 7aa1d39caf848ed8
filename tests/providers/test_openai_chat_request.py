"""What we send to Chat Completions servers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcp_tui.core.chat import (
    Block,
    ChatRequest,
    ImageBlock,
    Message,
    ModelParams,
    Opaque,
    OpaqueBlock,
    ReasoningBlock,
    StopReason,
    TextBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolSpec,
)
from mcp_tui.core.errors import ErrorKind
from mcp_tui.providers.adaptation import short_id
from mcp_tui.providers.quirks import Quirks
from mcp_tui.providers.vendors import BY_NAME
from tests.providers.asking import KEY, ask, chat, user
from tests.providers.loopback import Answer, Loopback, chunk, sse

OK = Answer([sse(chunk({"content": "ok"}, "stop"))])
PNG = ImageBlock("image/png", "iVBORw0KGgo=")


async def sent(server: Loopback, request: ChatRequest, *, quirks: Quirks | None = None, name: str = "acme") -> Any:
    server.script(OK)
    got = await ask(chat(server.origin, quirks=quirks, name=name), request)
    assert got.finished.error is None
    return server.requests[-1].json


def assistant(*blocks: Block) -> Message:
    return Message("assistant", blocks)


def called(call_id: str, arguments: dict[str, Any] | None = None, raw: str | None = None) -> ToolCallBlock:
    return ToolCallBlock(call_id, "look", arguments or {}, raw if raw is not None else json.dumps(arguments or {}))


def result(call_id: str, *content: TextBlock | ImageBlock, is_error: bool = False) -> ToolResultBlock:
    return ToolResultBlock(call_id, "look", content, is_error)


async def test_the_smallest_request(server: Loopback) -> None:
    body = await sent(server, ChatRequest("m-1", (user("Hi"),)))
    assert body == {
        "model": "m-1",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    request = server.requests[-1]
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["user-agent"].startswith("mcp-tui/")


async def test_parameters_are_sent_only_when_set(server: Loopback) -> None:
    params = ModelParams(max_tokens=50, temperature=0.0, effort="low", seed=0, stop=("END",))
    body = await sent(server, ChatRequest("m", (user("Hi"),), system="Be kind", params=params))
    assert body["messages"][0] == {"role": "system", "content": "Be kind"}
    assert (body["max_tokens"], body["temperature"], body["seed"]) == (50, 0.0, 0)
    assert (body["reasoning_effort"], body["stop"]) == ("low", ["END"])


async def test_dialects_rename_and_leave_out(server: Loopback) -> None:
    request = ChatRequest("m", (user("Hi"),), params=ModelParams(max_tokens=5, seed=1))
    openai = await sent(server, request, quirks=BY_NAME["openai"].quirks)
    assert openai["max_completion_tokens"] == 5
    assert "max_tokens" not in openai
    mistral = await sent(server, request, quirks=BY_NAME["mistral"].quirks)
    assert (mistral["max_tokens"], mistral["random_seed"]) == (5, 1)
    assert "stream_options" not in mistral
    assert "seed" not in mistral


async def test_tools_are_objects_and_strict_only_where_it_is_known(server: Loopback) -> None:
    tools = (
        ToolSpec("plain", "Does it", {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}),
        ToolSpec("odd", "", {"anyOf": [{"properties": {"b": {}}}, {"properties": {"c": {}}}]}),
    )
    body = await sent(server, ChatRequest("m", (user("Hi"),), tools=tools))
    assert body["tools"][0] == {
        "type": "function",
        "function": {"name": "plain", "description": "Does it", "parameters": tools[0].input_schema},
    }
    assert body["tools"][1]["function"]["parameters"] == {"type": "object", "properties": {"b": {}, "c": {}}}
    strict = await sent(server, ChatRequest("m", (user("Hi"),), tools=tools), quirks=BY_NAME["openai"].quirks)
    assert [tool["function"]["strict"] for tool in strict["tools"]] == [False, False]


async def test_too_many_tools_are_an_error_before_sending(server: Loopback) -> None:
    tools = tuple(ToolSpec(f"t{n}", "", {"type": "object"}) for n in range(129))
    got = await ask(
        chat(server.origin, quirks=BY_NAME["openai"].quirks, name="openai"),
        ChatRequest("m", (user("Hi"),), tools=tools),
    )
    assert server.requests == []
    assert got.finished.stop is StopReason.ERROR
    assert got.finished.error is not None
    assert (got.finished.error.kind, got.finished.error.code) == (ErrorKind.USAGE, "too_many_tools")
    assert "129" in got.finished.error.detail


async def test_calls_and_results_in_the_history(server: Loopback) -> None:
    history = (
        user("Look"),
        assistant(TextBlock("Looking."), called("c1", {"q": "ä"}), called("c2")),
        Message(
            "user",
            (result("c1", TextBlock("one"), TextBlock("two")), result("c2", TextBlock("gone"), is_error=True)),
        ),
        assistant(TextBlock("Done.")),
        user("Thanks"),
    )  # fmt: skip
    body = await sent(server, ChatRequest("m", history))
    call = body["messages"][1]["tool_calls"][0]
    assert json.loads(call["function"].pop("arguments")) == {"q": "ä"}
    assert body["messages"] == [
        {"role": "user", "content": "Look"},
        {
            "role": "assistant",
            "content": "Looking.",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "look"}},
                {"id": "c2", "type": "function", "function": {"name": "look", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "one\ntwo"},
        {"role": "tool", "tool_call_id": "c2", "content": "Error: gone"},
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": "Thanks"},
    ]


async def test_images_of_results_follow_all_results(server: Loopback) -> None:
    history = (
        user("Look"),
        assistant(called("c1"), called("c2")),
        Message("user", (result("c1", PNG), result("c2", TextBlock("two")))),
    )
    body = await sent(server, ChatRequest("m", history))
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "tool", "tool", "user"]
    assert body["messages"][1]["content"] is None
    url = "data:image/png;base64,iVBORw0KGgo="
    assert body["messages"][4]["content"][1] == {"type": "image_url", "image_url": {"url": url}}


async def test_images_no_model_decodes_are_named_instead(server: Loopback) -> None:
    body = await sent(
        server, ChatRequest("m", (Message("user", (TextBlock("a"), ImageBlock("image/svg+xml", "PHN2Zz4="))),))
    )
    assert "image/svg+xml was left out" in body["messages"][0]["content"]


async def test_broken_arguments_are_sent_back_as_valid_json(server: Loopback) -> None:
    broken = ToolCallBlock("c1", "look", None, '{"q": "x')
    body = await sent(server, ChatRequest("m", (user("Look"), assistant(broken), Message("user", (result("c1"),)))))
    arguments = body["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"INVALID_JSON": '{"q": "x'}
    assert body["messages"][2]["content"] == "(empty result)"


async def test_calls_without_a_result_get_one_and_stray_results_become_text(server: Loopback) -> None:
    history = (
        user("Look"),
        assistant(called("c1"), called("c2")),
        Message("user", (result("c2", TextBlock("two")), result("stray", TextBlock("lost")))),
        assistant(called("c3")),
    )
    body = await sent(server, ChatRequest("m", history))
    roles = [(message["role"], message.get("tool_call_id")) for message in body["messages"]]
    assert roles == [
        ("user", None), ("assistant", None), ("tool", "c1"), ("tool", "c2"), ("user", None),
        ("assistant", None), ("tool", "c3"),
    ]  # fmt: skip
    assert "did not finish" in body["messages"][2]["content"]
    assert "lost" in body["messages"][4]["content"]


async def test_lone_surrogates_do_not_stop_a_request(server: Loopback) -> None:
    body = await sent(server, ChatRequest("m", (user("a\ud83d"),)))
    assert body["messages"][0]["content"] == "a\ufffd"


async def test_mistral_gets_ids_of_nine_characters(server: Loopback) -> None:
    history = (
        user("Look"),
        assistant(called("call_0123456789"), called("AbCdEf123")),
        Message("user", (result("call_0123456789", TextBlock("1")), result("AbCdEf123", TextBlock("2")))),
    )
    body = await sent(server, ChatRequest("m", history), quirks=BY_NAME["mistral"].quirks)
    ids = [call["id"] for call in body["messages"][1]["tool_calls"]]
    assert ids == [short_id("call_0123456789"), "AbCdEf123"]
    assert len(ids[0]) == 9
    assert ids[0].isalnum()
    assert [message["tool_call_id"] for message in body["messages"][2:]] == ids


async def replayed(server: Loopback, first: list[Any], *, model: str = "m-1", name: str = "acme") -> Any:
    """The assistant message we send to `name` after acme streamed `first`."""
    server.script(Answer([sse(*first)]))
    got = await ask(chat(server.origin), ChatRequest("m-1", (user("Look"),)))
    results = tuple(result(call.id, TextBlock("r")) for call in got.finished.message.tool_calls)
    history = (user("Look"), got.finished.message, Message("user", (*results, TextBlock("go on"))))
    body = await sent(server, ChatRequest(model, history), name=name)
    return body["messages"][1]


CALL = {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "look", "arguments": "{}"}}]}


async def test_reasoning_content_goes_back_to_whom_it_came_from(server: Loopback) -> None:
    stream = [chunk({"reasoning_content": "hm "}), chunk({"reasoning_content": "so"}), chunk(CALL, "tool_calls")]
    assert (await replayed(server, stream))["reasoning_content"] == "hm so"
    assert "reasoning_content" not in await replayed(server, stream, name="rival")
    assert "reasoning_content" not in await replayed(server, stream, model="m-2")


async def test_reasoning_details_go_back_accumulated_and_unchanged(server: Loopback) -> None:
    details = [
        {"type": "reasoning.text", "text": "hm ", "index": 0, "format": "f"},
        {"type": "reasoning.text", "text": "so", "index": 0, "format": "f"},
        {"type": "reasoning.text", "signature": "SIG", "index": 0, "format": "f"},
        {"type": "reasoning.encrypted", "data": "XYZ", "id": "r1", "index": 1},
    ]
    stream = [chunk({"reasoning": "hm so", "reasoning_details": [detail]}) for detail in details]
    message = await replayed(server, [*stream, chunk(CALL, "tool_calls")])
    assert message["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm so", "index": 0, "format": "f", "signature": "SIG"},
        {"type": "reasoning.encrypted", "data": "XYZ", "id": "r1", "index": 1},
    ]
    assert "reasoning_content" not in message


async def test_thought_signatures_of_calls_go_back(server: Loopback) -> None:
    extra = {"google": {"thought_signature": "SIG"}}
    call = {"tool_calls": [{**CALL["tool_calls"][0], "extra_content": extra}]}
    assert (await replayed(server, [chunk(call, "stop")]))["tool_calls"][0]["extra_content"] == extra
    other = await replayed(server, [chunk(call, "stop")], model="m-2")
    assert "extra_content" not in other["tool_calls"][0]


@pytest.mark.parametrize(("model", "signed"), [("gemini-3.5-flash", True), ("gemini-2.5-pro", False)])
async def test_gemini_3_gets_a_signature_for_calls_of_others(server: Loopback, model: str, signed: bool) -> None:
    history = (user("Look"), assistant(called("c1"), called("c2")), Message("user", (result("c1"), result("c2"))))
    body = await sent(server, ChatRequest(model, history), quirks=BY_NAME["gemini"].quirks)
    first, second = body["messages"][1]["tool_calls"]
    assert ("extra_content" in first) is signed
    assert "extra_content" not in second


async def test_deepseek_gets_reasoning_for_calls_of_others_too(server: Loopback) -> None:
    history = (
        user("Look"),
        assistant(ReasoningBlock("because"), called("c1")),
        Message("user", (result("c1"),)),
        assistant(called("c2")),
        Message("user", (result("c2"),)),
    )
    body = await sent(server, ChatRequest("m", history), quirks=BY_NAME["deepseek"].quirks)
    assert [m["reasoning_content"] for m in body["messages"] if m["role"] == "assistant"] == ["because", ""]


async def test_parts_of_other_formats_are_dropped(server: Loopback) -> None:
    foreign = Opaque("anthropic-messages", {"provider": "acme", "model": "m", "block": {"type": "thinking"}})
    history = (
        user("Hi"),
        assistant(ReasoningBlock("hm", foreign), OpaqueBlock(foreign), TextBlock("Yes", foreign)),
        assistant(ReasoningBlock("only", foreign)),
        user("Go on"),
    )
    body = await sent(server, ChatRequest("m", history))
    assert body["messages"][1:] == [{"role": "assistant", "content": "Yes"}, {"role": "user", "content": "Go on"}]
