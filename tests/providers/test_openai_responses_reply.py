"""What Responses servers stream, and what we make of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcp_tui.core.chat import (
    ChatRequest,
    ModelParams,
    OpaqueBlock,
    ReasoningBlock,
    StopReason,
    TextBlock,
    ToolSpec,
)
from mcp_tui.core.errors import ErrorKind
from mcp_tui.core.state import Usage
from tests.providers.asking import HELLO, Answered, ask, responses, user
from tests.providers.loopback import Answer, Loopback, named
from tests.providers.responses_stream import CREATED, PACKED, USAGE, call, end, event, halves, message, thought


async def answered(server: Loopback, *events: dict[str, Any], request: ChatRequest = HELLO) -> Answered:
    server.script(Answer([named(*events)]))
    return await ask(responses(server.origin), request)


async def test_text_usage_and_identity_come_through(server: Loopback) -> None:
    got = await answered(server, CREATED, *message(0, "Hel", "lo"), end())
    done = got.finished
    assert got.text == done.message.text == "Hello"
    assert (done.stop, done.stop_raw, done.error) == (StopReason.STOP, "completed", None)
    assert done.usage == Usage(20, 9, 8, 3, 4)
    assert (done.model, done.response_id, done.attempts) == ("m-x", "resp_1", 1)


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"cost_in_usd_ticks": 37_756_000}, 0.0037756),
        ({"cost_in_usd_ticks": 0}, None),
        ({"cost": 0.5}, 0.5),
        ({}, None),
    ],
)
async def test_cost_is_what_the_provider_says(server: Loopback, usage: dict[str, Any], cost: float | None) -> None:
    got = await answered(server, *message(0, "a"), end(usage={**USAGE, **usage}))
    assert got.finished.cost_usd == cost


async def test_no_usage_is_unknown_not_zero(server: Loopback) -> None:
    got = await answered(server, *message(0, "a"), end(usage=None))
    assert got.finished.usage is None


async def test_reasoning_parts_are_paragraphs_and_keep_their_item(server: Loopback) -> None:
    got = await answered(server, *thought(0, "First.", "Then."), *thought(1, "Last."), *message(2, "A"), end())
    assert got.reasoning == "First.\n\nThen.\n\nLast."
    one, two, text = got.finished.message.blocks
    assert isinstance(one, ReasoningBlock)
    assert isinstance(two, ReasoningBlock)
    assert one.text + two.text == got.reasoning
    assert one.opaque is not None
    assert one.opaque.value["item"]["encrypted_content"] == "ENC"
    assert isinstance(text, TextBlock)
    assert text.text == "A"


async def test_reasoning_without_a_summary_is_kept_though_it_shows_nothing(server: Loopback) -> None:
    got = await answered(server, *thought(0), *message(1, "A"), end())
    assert got.reasoning == ""
    block = got.finished.message.blocks[0]
    assert isinstance(block, ReasoningBlock)
    assert block.opaque is not None


async def test_raw_reasoning_and_its_summary_are_counted_once(server: Loopback) -> None:
    place: dict[str, Any] = {"output_index": 0, "item_id": "rs"}
    item = {"id": "rs", "type": "reasoning"}
    whole = {
        **item,
        "summary": [{"type": "summary_text", "text": "hm"}],
        "content": [{"type": "reasoning_text", "text": "hm"}],
    }
    got = await answered(
        server,
        event("output_item.added", output_index=0, item=item),
        event("reasoning_text.delta", content_index=0, delta="hm", **place),
        event("reasoning_summary_text.delta", summary_index=0, delta="hm", **place),
        event("output_item.done", output_index=0, item=whole),
        *message(1, "A"),
        end(),
    )
    assert got.reasoning == "hm"
    block = got.finished.message.blocks[0]
    assert isinstance(block, ReasoningBlock)
    assert block.text == "hm"


async def test_two_messages_are_two_paragraphs_with_their_phases(server: Loopback) -> None:
    got = await answered(
        server,
        *message(0, "Looking.", item_id="m1", phase="commentary"),
        *message(1, "Done.", item_id="m2", phase="final_answer"),
        end(),
    )
    assert got.text == got.finished.message.text == "Looking.\n\nDone."
    blocks = [block for block in got.finished.message.blocks if isinstance(block, TextBlock)]
    assert [block.opaque.value["item"]["phase"] for block in blocks if block.opaque] == ["commentary", "final_answer"]


WHERE: dict[str, list[dict[str, Any]]] = {
    "by output_index": [*call(0, "c1", "add", '{"a"', ": 1}"), *call(1, "c2", "now", "{}")],
    "by item_id, without any index": [*call(None, "c1", "add", '{"a"', ": 1}"), *call(None, "c2", "now", "{}")],
    "interleaved by index": [
        *call(0, "c1", "add", '{"a"')[:2],
        *call(1, "c2", "now", "{}")[:2],
        event("function_call_arguments.delta", output_index=0, item_id="fc_c1", delta=": 1}"),
        *call(1, "c2", "now", "{}")[-1:],
        *call(0, "c1", "add", '{"a"', ": 1}")[-1:],
    ],
    "interleaved by id": [
        *call(None, "c1", "add", '{"a"')[:2],
        *call(None, "c2", "now", "{}")[:2],
        event("function_call_arguments.delta", item_id="fc_c1", delta=": 1}"),
        *call(None, "c1", "add", '{"a"', ": 1}")[-1:],
        *call(None, "c2", "now", "{}")[-1:],
    ],
    "item_id changes in every event": [
        {**step, **({"item_id": f"rot_{n}"} if "item_id" in step else {"item": {**step["item"], "id": f"rot_{n}"}})}
        for n, step in enumerate([*call(0, "c1", "add", '{"a"', ": 1}"), *call(1, "c2", "now", "{}")])
    ],
    "no deltas, only .done": [
        step
        for step in [*call(0, "c1", "add", '{"a": 1}'), *call(1, "c2", "now", "{}")]
        if not step["type"].endswith(".delta")
    ],
    "only output_item.done": [
        *call(0, "c1", "add", '{"a": 1}')[-1:],
        *call(1, "c2", "now", "{}")[-1:],
    ],
    "never output_item.done": [*call(0, "c1", "add", '{"a": 1}')[:-1], *call(1, "c2", "now", "{}")[:-1]],
    "nothing but the last event": [],
    "arguments as an object": [
        {**step, "item": {**step["item"], "arguments": value}}
        for step, value in (
            (call(0, "c1", "add")[-1], {"a": 1}),
            (call(1, "c2", "now")[-1], {}),
        )
    ],
    "no arguments at all": [*call(0, "c1", "add", '{"a": 1}'), *call(1, "c2", "now")],
    "announced twice": [
        call(0, "c1", "add")[0], *call(0, "c1", "add", '{"a": 1}'), *call(1, "c2", "now", "{}"),
    ],
}  # fmt: skip
OUTPUT = [step[-1]["item"] for step in (call(0, "c1", "add", '{"a": 1}'), call(1, "c2", "now", "{}"))]


@pytest.mark.parametrize("events", WHERE.values(), ids=WHERE.keys())
async def test_calls_are_put_together(server: Loopback, events: list[dict[str, Any]]) -> None:
    got = await answered(server, CREATED, *events, end(output=OUTPUT))
    assert got.calls == [("c1", "add", {"a": 1}), ("c2", "now", {})]
    assert got.finished.stop is StopReason.TOOL_CALLS


async def test_missing_and_repeated_call_ids_become_unique(server: Loopback) -> None:
    nameless = [{**step, "item": {**step["item"], "call_id": "", "id": ""}} for step in call(2, "", "c")[-1:]]
    got = await answered(
        server, *call(0, "same", "a", "{}"), *call(1, "same", "b", "{}", item_id="other"), *nameless, end()
    )
    ids = [call_id for call_id, _, _ in got.calls]
    assert [name for _, name, _ in got.calls] == ["a", "b", "c"]
    assert ids[0] == "same"
    assert len(set(ids)) == 3
    assert all(ids)


async def test_calls_packed_into_one_named_parallel_are_unpacked(server: Loopback) -> None:
    events = [*thought(0), *call(1, "c1", "parallel", *halves(PACKED)), *call(2, "c9", "last", "{}"), end()]
    got = await answered(server, *events)
    assert got.calls == [("c1_0", "add", {"a": 1}), ("c1_1", "now", {}), ("c9", "last", {})]
    blocks = got.finished.message.tool_calls
    assert [block.opaque is None for block in blocks] == [True, True, False]


async def test_a_real_tool_named_parallel_stays_one_call(server: Loopback) -> None:
    request = ChatRequest("m", (user("Hi"),), tools=(ToolSpec("parallel", "", {"type": "object"}),))
    got = await answered(server, *call(0, "c1", "parallel", PACKED), end(), request=request)
    assert got.calls == [("c1", "parallel", json.loads(PACKED))]


@pytest.mark.parametrize("raw", ['{"tool_uses": [{"recipient_name": "functions.x"', "{}", '{"tool_uses": [1]}', "[]"])
async def test_a_parallel_call_that_is_not_understood_is_left_as_it_is(server: Loopback, raw: str) -> None:
    got = await answered(server, *call(0, "c1", "parallel", raw), end())
    assert [(call_id, name) for call_id, name, _ in got.calls] == [("c1", "parallel")]


async def test_a_refusal_is_told_apart_from_text(server: Loopback) -> None:
    item = {"id": "m", "type": "message", "content": [{"type": "refusal", "refusal": "I cannot"}]}
    got = await answered(
        server,
        event("output_item.added", output_index=0, item={**item, "content": []}),
        event("refusal.delta", output_index=0, content_index=0, delta="I can"),
        event("refusal.delta", output_index=0, content_index=0, delta="not"),
        event("refusal.done", output_index=0, content_index=0, refusal="I cannot"),
        event("output_item.done", output_index=0, item=item),
        end(),
    )
    assert (got.text, got.refusal, got.finished.refusal) == ("", "I cannot", "I cannot")
    assert got.finished.stop is StopReason.REFUSAL
    assert isinstance(got.finished.message.blocks[0], OpaqueBlock)


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("max_output_tokens", StopReason.LENGTH),
        ("content_filter", StopReason.CONTENT_FILTER),
        ("something_new", StopReason.INCOMPLETE),
    ],
)
async def test_an_incomplete_response_says_why(server: Loopback, reason: str, stop: StopReason) -> None:
    got = await answered(server, *message(0, "So f")[:-2], end("incomplete", incomplete_details={"reason": reason}))
    assert (got.finished.stop, got.finished.stop_raw) == (stop, reason)
    assert got.finished.message.text == "So f"
    assert got.finished.usage == Usage(20, 9, 8, 3, 4)


async def test_completed_with_the_status_incomplete_is_incomplete(server: Loopback) -> None:
    last = end("completed", incomplete_details={"reason": "max_output_tokens"})
    last["response"]["status"] = "incomplete"
    assert (await answered(server, *message(0, "a"), last)).finished.stop is StopReason.LENGTH


async def test_as_many_tokens_as_allowed_is_the_limit_whatever_the_server_says(server: Loopback) -> None:
    request = ChatRequest("m", (user("Hi"),), params=ModelParams(max_tokens=9))
    got = await answered(server, *message(0, "a"), end(), request=request)
    assert (got.finished.stop, got.finished.stop_raw) == (StopReason.LENGTH, "completed")


@pytest.mark.parametrize(
    ("pieces", "status"), [(['{"path": "/tm'], "incomplete"), ([], "incomplete"), (["[]"], "completed")]
)
async def test_truncated_or_invalid_arguments_are_never_an_object(
    server: Loopback, pieces: list[str], status: str
) -> None:
    got = await answered(
        server,
        *call(0, "c0", "ok", "{}"),
        *call(1, "c1", "rm", *pieces, status=status),
        end("incomplete", incomplete_details={"reason": "max_output_tokens"}),
    )
    assert got.calls == [("c0", "ok", {}), ("c1", "rm", None)]


async def test_a_cut_stream_keeps_whole_calls_and_distrusts_the_open_one(server: Loopback) -> None:
    got = await answered(server, CREATED, *call(0, "c1", "a", '{"x": 1}'), call(1, "c2", "b")[0])
    assert got.calls == [("c1", "a", {"x": 1}), ("c2", "b", None)]
    assert (got.finished.stop, got.finished.stop_raw) == (StopReason.INCOMPLETE, None)


async def test_an_early_end_is_incomplete_with_the_text_kept(server: Loopback) -> None:
    got = await answered(server, CREATED, *message(0, "So f")[:3])
    assert (got.finished.stop, got.finished.message.text) == (StopReason.INCOMPLETE, "So f")
    assert got.finished.error is not None
    assert got.finished.error.code == "incomplete"
    assert got.finished.usage is None


async def test_done_after_whole_items_is_an_end(server: Loopback) -> None:
    # OpenRouter closes with [DONE]; some gateways lose the event before it.
    server.script(Answer([named(*message(0, "a")), b"data: [DONE]\n\n"]), Answer([b"data: [DONE]\n\n"]))
    whole = await ask(responses(server.origin))
    assert (whole.text, whole.finished.stop) == ("a", StopReason.STOP)
    assert (await ask(responses(server.origin))).finished.stop is StopReason.INCOMPLETE


ERRORS: dict[str, dict[str, Any]] = {
    "flat": {"type": "error", "code": "server_error", "message": "it broke", "param": None, "sequence_number": 3},
    "wrapped": {"type": "error", "error": {"type": "server_error", "code": "x", "message": "it broke", "param": None}},
    "response.failed": event("failed", response={"status": "failed", "error": {"code": "x", "message": "it broke"}}),
    "xAI": {"code": "invalid-argument", "error": "it broke"},
}


@pytest.mark.parametrize("failure", ERRORS.values(), ids=ERRORS.keys())
async def test_errors_inside_the_stream_end_it_and_keep_the_text(server: Loopback, failure: dict[str, Any]) -> None:
    data = b"".join(
        b"data: " + json.dumps(step).encode() + b"\r\n\r\n" for step in [*message(0, "So far")[:3], failure]
    )
    server.script(Answer([data]))
    got = await ask(responses(server.origin))
    assert got.finished.message.text == got.text == "So far"
    assert got.finished.stop is StopReason.ERROR
    assert got.finished.error is not None
    assert (got.finished.error.kind, got.finished.error.detail) == (ErrorKind.PROVIDER, "it broke")
    assert len(server.requests) == 1


async def test_a_failure_without_a_reason_is_still_an_error(server: Loopback) -> None:
    got = await answered(server, CREATED, end("failed", usage=None, error=None))
    assert (got.finished.stop, got.finished.stop_raw) == (StopReason.ERROR, "failed")
    assert got.finished.error is not None
    assert got.finished.error.detail


async def test_calls_before_a_failure_are_not_offered_for_execution(server: Loopback) -> None:
    got = await answered(server, *call(0, "c1", "rm", "{}"), end("failed", error={"code": "x", "message": "no"}))
    assert got.finished.stop is StopReason.ERROR


async def test_a_context_that_is_too_long_says_so_inside_the_stream(server: Loopback) -> None:
    failed = {"code": "context_length_exceeded", "message": "Your input exceeds the context window of this model."}
    got = await answered(server, CREATED, end("failed", error=failed))
    assert got.finished.error is not None
    assert got.finished.error.code == "context_overflow"


async def test_unknown_events_items_and_fields_are_harmless(server: Loopback) -> None:
    got = await answered(
        server,
        CREATED,
        event("queued", response={"id": "resp_1"}),
        event("future.delta", delta="never shown"),
        event("output_item.added", output_index=0, item={"id": "ws_1", "type": "web_search_call"}),
        event("output_item.done", output_index=0, item={"id": "ws_1", "type": "web_search_call", "action": {}}),
        event("output_text.annotation.added", output_index=1, annotation={}),
        event("output_text.delta", output_index=1, delta="a", obfuscation="xxxxxx"),
        event("output_text.delta", output_index=1, delta=None),
        {"type": "keepalive"},
        end(output=None),
    )
    assert got.text == got.finished.message.text == "a"
    assert isinstance(got.finished.message.blocks[0], OpaqueBlock)
    assert got.finished.stop is StopReason.STOP


@pytest.mark.parametrize(("numbers", "expected"), [((1, 2, 2, 3), "aab"), ((0, 0, 0, 0), "aaab")])
async def test_an_event_a_proxy_repeats_counts_once_where_events_are_numbered(
    server: Loopback, numbers: tuple[int, ...], expected: str
) -> None:
    deltas = [
        event("output_text.delta", output_index=0, delta=said, sequence_number=number)
        for said, number in zip("aaab", numbers, strict=True)
    ]
    got = await answered(server, *deltas, end())
    assert got.text == got.finished.message.text == expected


async def test_emoji_split_over_deltas_arrive_whole(server: Loopback) -> None:
    got = await answered(server, *message(0, "A\ud83d", "\ude00", "\ud83d"), end())
    assert got.text == got.finished.message.text == "A😀\ufffd"
