"""What the Messages API streams, and what we make of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcp_tui.core.chat import (
    ChatRequest,
    Message,
    OpaqueBlock,
    ReasoningBlock,
    StopReason,
    TextBlock,
    ToolResultBlock,
)
from mcp_tui.core.errors import ErrorKind
from mcp_tui.core.state import Usage
from tests.providers.asking import Answered, ask, messages, user
from tests.providers.loopback import Answer, Loopback, named

USAGE = {"input_tokens": 20, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 1}
START: dict[str, Any] = {"type": "message_start", "message": {"id": "msg_1", "model": "claude-x", "usage": USAGE}}
STOP: dict[str, Any] = {"type": "message_stop"}


def block(index: int, content: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": content},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text(index: int, *pieces: str) -> list[dict[str, Any]]:
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": piece} for piece in pieces))


def tool(index: int, call_id: str, name: str, *pieces: str, given: Any = None) -> list[dict[str, Any]]:
    start: dict[str, Any] = {"type": "tool_use", "id": call_id, "name": name, "input": given or {}}
    return block(index, start, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


def thinking(index: int, thought: str, signature: str | None = "SIG") -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = [{"type": "thinking_delta", "thinking": thought}]
    if signature is not None:
        deltas.append({"type": "signature_delta", "signature": signature})
    return block(index, {"type": "thinking", "thinking": "", "signature": ""}, *deltas)


def end(reason: str | None, **details: Any) -> list[dict[str, Any]]:
    delta = {"stop_reason": reason, "stop_sequence": None, **details}
    return [{"type": "message_delta", "delta": delta, "usage": {"output_tokens": 9}}, STOP]


async def answered(server: Loopback, *events: dict[str, Any]) -> Answered:
    server.script(Answer([named(*events)]))
    return await ask(messages(server.origin))


async def test_text_usage_and_identity_come_through(server: Loopback) -> None:
    got = await answered(server, START, {"type": "ping"}, *text(0, "Hel", "lo"), *end("end_turn"))
    done = got.finished
    assert got.text == done.message.text == "Hello"
    assert (done.stop, done.stop_raw, done.error) == (StopReason.STOP, "end_turn", None)
    assert done.usage == Usage(32, 9, 7, 5)  # the provider's input leaves both cache figures out
    assert (done.model, done.response_id) == ("claude-x", "msg_1")


async def test_later_usage_wins_and_thinking_tokens_count(server: Loopback) -> None:
    usage = {"input_tokens": 100, "cache_read_input_tokens": None, "output_tokens": 50,
             "output_tokens_details": {"thinking_tokens": 30}}  # fmt: skip
    last = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}
    got = await answered(server, START, *text(0, "a"), last, STOP)
    assert got.finished.usage == Usage(112, 50, 7, 5, 30)


async def test_blocks_keep_their_order(server: Loopback) -> None:
    got = await answered(
        server, START, *thinking(0, "hm"), *text(1, "One"), *thinking(2, "so"), *tool(3, "t1", "now"), *end("tool_use")
    )
    assert [type(part).__name__ for part in got.finished.message.blocks] == [
        "ReasoningBlock", "TextBlock", "ReasoningBlock", "ToolCallBlock",
    ]  # fmt: skip
    assert (got.reasoning, got.text) == ("hmso", "One")


async def test_parallel_calls_and_calls_without_arguments(server: Loopback) -> None:
    got = await answered(
        server, START, *tool(0, "t1", "add", "", '{"a"', ": 1}"), *tool(1, "t2", "now"), *end("tool_use")
    )
    assert got.calls == [("t1", "add", {"a": 1}), ("t2", "now", {})]
    assert got.finished.stop is StopReason.TOOL_CALLS


async def test_calls_decide_the_stop_reason_not_the_word(server: Loopback) -> None:
    got = await answered(server, START, *tool(0, "t1", "now"), *end("end_turn"))
    assert (got.finished.stop, got.finished.stop_raw) == (StopReason.TOOL_CALLS, "end_turn")


async def test_input_that_comes_whole_in_the_start_is_taken(server: Loopback) -> None:
    got = await answered(server, START, *tool(0, "t1", "add", given={"a": 1}), *end("tool_use"))
    assert got.calls == [("t1", "add", {"a": 1})]


async def test_missing_repeated_ids_and_indexes_are_survived(server: Loopback) -> None:
    got = await answered(
        server, START, *tool(0, "t", "a"), *tool(0, "t", "b", "{}"), *tool(0, "", "c"), *text(0, "x"), *end("tool_use")
    )
    ids = [call_id for call_id, _, _ in got.calls]
    assert [name for _, name, _ in got.calls] == ["a", "b", "c"]
    assert ids[0] == "t"
    assert len(set(ids)) == 3
    assert all(ids)


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [(['{"path": "/tm'], "max_tokens"), ([], "max_tokens"), (['{"a": }'], "tool_use"), ([], None)],
)
async def test_truncated_or_invalid_arguments_are_never_an_object(
    server: Loopback, pieces: list[str], reason: str | None
) -> None:
    got = await answered(server, START, *tool(0, "t0", "ok"), *tool(1, "t1", "rm", *pieces), *end(reason))
    assert got.calls == [("t0", "ok", {}), ("t1", "rm", None)]


@pytest.mark.parametrize(
    ("raw", "stop"),
    [
        ("end_turn", StopReason.STOP),
        ("stop_sequence", StopReason.STOP),
        ("max_tokens", StopReason.LENGTH),
        ("pause_turn", StopReason.PAUSE),
        ("model_context_window_exceeded", StopReason.CONTEXT_OVERFLOW),
        ("something_new", StopReason.STOP),
    ],
)
async def test_stop_reasons_are_mapped(server: Loopback, raw: str, stop: StopReason) -> None:
    got = await answered(server, START, *text(0, "a"), *end(raw))
    assert (got.finished.stop, got.finished.stop_raw) == (stop, raw)


async def test_a_refusal_brings_its_explanation(server: Loopback) -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "Not this."}
    got = await answered(server, START, *end("refusal", stop_details=details))
    assert (got.finished.stop, got.finished.refusal) == (StopReason.REFUSAL, "Not this.")


async def test_unknown_events_deltas_and_fields_are_ignored(server: Loopback) -> None:
    got = await answered(
        server,
        {"type": "future_event", "x": 1},
        START,
        *block(0, {"type": "text", "text": "pre"}, {"type": "future_delta"}, {"type": "text_delta", "text": "fix"}),
        *end("end_turn"),
    )
    assert got.text == got.finished.message.text == "prefix"


async def test_a_delta_without_its_start_is_still_text(server: Loopback) -> None:
    got = await answered(server, START, *text(0, "a")[1:], *end("end_turn"))
    assert got.text == got.finished.message.text == "a"


async def test_a_second_message_start_begins_again(server: Loopback) -> None:
    again = {"type": "message_start", "message": {"id": "msg_2", "model": "claude-y", "usage": {"input_tokens": 1}}}
    got = await answered(
        server, START, *tool(0, "t1", "old"), *text(1, "old"), again, *text(0, "new"), *end("end_turn")
    )
    assert got.finished.message.blocks == (TextBlock("new"),)
    assert (got.finished.response_id, got.finished.model) == ("msg_2", "claude-y")
    assert got.finished.usage == Usage(1, 9)
    assert got.finished.stop is StopReason.STOP


async def test_an_error_event_ends_the_stream_and_keeps_the_text(server: Loopback) -> None:
    failure = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    got = await answered(server, START, *text(0, "So far"), failure, *text(1, "never read"))
    assert got.finished.message.text == "So far"
    assert got.finished.stop is StopReason.ERROR
    assert got.finished.error is not None
    assert (got.finished.error.kind, got.finished.error.detail) == (ErrorKind.PROVIDER, "Overloaded")


async def test_an_early_end_is_incomplete_and_has_no_invented_output_count(server: Loopback) -> None:
    got = await answered(server, START, *text(0, "So f")[:-1])
    assert (got.finished.stop, got.finished.message.text) == (StopReason.INCOMPLETE, "So f")
    assert got.finished.usage == Usage(32, None, 7, 5)


async def test_a_missing_message_stop_is_no_loss(server: Loopback) -> None:
    got = await answered(server, START, *text(0, "a"), *end("end_turn")[:1])
    assert (got.finished.stop, got.finished.error) == (StopReason.STOP, None)


async def test_emoji_split_over_deltas_arrive_whole(server: Loopback) -> None:
    got = await answered(server, START, *text(0, "A\ud83d", "\ude00", "\ud83d"), *end("end_turn"))
    assert got.text == got.finished.message.text == "A😀\ufffd"


SEARCH: list[dict[str, Any]] = [
    *block(
        1,
        {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}},
        {"type": "input_json_delta", "partial_json": '{"query": "w'},
        {"type": "input_json_delta", "partial_json": 'eather"}'},
    ),
    *block(
        2,
        {
            "type": "web_search_tool_result",
            "tool_use_id": "srv_1",
            "content": [{"type": "web_search_result", "url": "http://x", "encrypted_content": "E"}],
        },
    ),
]
CITED = block(
    3,
    {"type": "text", "text": "", "citations": []},
    {"type": "text_delta", "text": "Sunny."},
    {"type": "citations_delta", "citation": {"type": "web_search_result_location", "url": "http://x"}},
)
REDACTED = block(4, {"type": "redacted_thinking", "data": "ENC"})


async def replayed(server: Loopback, got: Answered, *, model: str = "m-1", name: str = "acme") -> list[Any]:
    """The assistant content we send back."""
    results = tuple(
        ToolResultBlock(call.id, call.name, (TextBlock("r"),), False) for call in got.finished.message.tool_calls
    )
    history = (user("Hello"), got.finished.message, Message("user", (*results, TextBlock("go on"))))
    server.script(Answer([named(START, *text(0, "ok"), *end("end_turn"))]))
    await ask(messages(server.origin, name=name), ChatRequest(model, history))
    content: list[Any] = server.requests[-1].json["messages"][1]["content"]
    return content


async def test_thinking_server_tools_and_citations_go_back_exactly(server: Loopback) -> None:
    got = await answered(
        server, START, *thinking(0, "hm"), *SEARCH, *CITED, *REDACTED, *tool(5, "t1", "now"), *end("pause_turn")
    )
    assert sum(isinstance(part, OpaqueBlock) for part in got.finished.message.blocks) == 3
    citation = {"type": "web_search_result_location", "url": "http://x"}
    assert await replayed(server, got) == [
        {"type": "thinking", "thinking": "hm", "signature": "SIG"},
        {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "weather"}},
        SEARCH[4]["content_block"],
        {"type": "text", "text": "Sunny.", "citations": [citation]},
        {"type": "redacted_thinking", "data": "ENC"},
        {"type": "tool_use", "id": "t1", "name": "now", "input": {}},
    ]


async def test_another_model_gets_no_thinking_but_the_rest(server: Loopback) -> None:
    got = await answered(server, START, *thinking(0, "hm"), *SEARCH, *REDACTED, *text(6, "A"), *end("end_turn"))
    kinds = [part["type"] for part in await replayed(server, got, model="m-2")]
    assert kinds == ["server_tool_use", "web_search_tool_result", "text"]


async def test_another_provider_gets_only_what_every_model_understands(server: Loopback) -> None:
    got = await answered(server, START, *thinking(0, "hm"), *SEARCH, *CITED, *REDACTED, *end("end_turn"))
    assert await replayed(server, got, name="rival") == [{"type": "text", "text": "Sunny."}]


async def test_thinking_with_nothing_but_a_signature_goes_back_too(server: Loopback) -> None:
    signed = block(0, {"type": "thinking", "thinking": ""}, {"type": "signature_delta", "signature": "SIG"})
    got = await answered(server, START, *signed, *text(1, "A"), *end("end_turn"))
    assert (await replayed(server, got))[0] == {"type": "thinking", "thinking": "", "signature": "SIG"}


async def test_unsigned_or_cut_thinking_is_shown_but_never_sent_back(server: Loopback) -> None:
    got = await answered(server, START, *text(0, "A"), *thinking(1, "hm", None), *end("end_turn"))
    assert any(isinstance(part, ReasoningBlock) and part.text == "hm" for part in got.finished.message.blocks)
    assert await replayed(server, got) == [{"type": "text", "text": "A"}]


async def test_blocks_we_could_not_follow_are_not_sent_back(server: Loopback) -> None:
    future = block(0, {"type": "future_block"}, {"type": "future_delta", "x": 1})
    cut = SEARCH[:2]  # no content_block_stop
    got = await answered(server, START, *future, *text(3, "A"), *cut, *end("end_turn"))
    assert await replayed(server, got) == [{"type": "text", "text": "A"}]


async def test_json_with_padding_and_crlf_is_read(server: Loopback) -> None:
    lines = [f"event: {event['type']}\r\ndata: {json.dumps(event)}      \r\n\r\n" for event in [START, *text(0, "a")]]
    server.script(Answer(["".join(lines).encode(), named(*end("end_turn"))]))
    assert (await ask(messages(server.origin))).text == "a"
