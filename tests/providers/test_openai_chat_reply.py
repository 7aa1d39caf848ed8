"""What Chat Completions servers stream, and what we make of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcp_tui.core.chat import ReasoningBlock, StopReason, TextBlock, ToolCallStarted
from mcp_tui.core.errors import ErrorKind
from mcp_tui.core.state import Usage
from mcp_tui.providers.quirks import Quirks
from tests.providers.asking import Answered, ask, chat
from tests.providers.loopback import Answer, Loopback, chunk, sse


async def answered(server: Loopback, *events: object, done: bool = True, quirks: Quirks | None = None) -> Answered:
    server.script(Answer([sse(*events, done=done)]))
    return await ask(chat(server.origin, quirks=quirks))


def call(index: int | None = 0, call_id: str | None = None, name: str | None = None, args: Any = None) -> Any:
    """A delta with one fragment of a tool call; None = the key is absent."""
    function = {key: value for key, value in (("name", name), ("arguments", args)) if value is not None}
    fields = {"index": index, "id": call_id, "type": "function", "function": function}
    return {"tool_calls": [{key: value for key, value in fields.items() if value is not None}]}


async def test_text_usage_and_identity_come_through(server: Loopback) -> None:
    usage = {
        "prompt_tokens": 20,
        "completion_tokens": 9,
        "total_tokens": 29,
        "prompt_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }
    got = await answered(
        server,
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk(finish="stop"),
        {"id": "chatcmpl-1", "choices": [], "usage": usage},
        {"choices": [], "moderation": {}},
    )
    done = got.finished
    assert got.text == done.message.text == "Hello"
    assert (done.stop, done.stop_raw, done.error) == (StopReason.STOP, "stop", None)
    assert done.usage == Usage(20, 9, 8, 3, 4)
    assert (done.model, done.response_id, done.attempts) == ("m-1", "chatcmpl-1", 1)


async def test_null_and_missing_parts_are_harmless(server: Loopback) -> None:
    got = await answered(
        server,
        {"choices": None},
        {"choices": [{"index": 0, "delta": None, "finish_reason": None}]},
        {"choices": [None, {"delta": {"content": "x", "tool_calls": None, "function_call": None, "role": None}}]},
        {"choices": [{"index": 1, "delta": {"content": "another answer"}}]},
        "ping",
        "",
        [],
        chunk({"content": 5}),
        chunk(finish="stop", usage=None),
    )
    assert got.text == "x"
    assert got.finished.stop is StopReason.STOP
    assert got.finished.usage is None


async def test_the_last_usage_that_is_not_null_counts(server: Loopback) -> None:
    got = await answered(
        server,
        chunk({"content": "a"}, usage={"prompt_tokens": 1, "completion_tokens": 1}),
        chunk(finish="stop", usage={"prompt_tokens": 1, "completion_tokens": 2}),
        chunk(usage=None),
    )
    assert got.finished.usage == Usage(1, 2)


async def test_groq_usage_is_found_beside_the_choices(server: Loopback) -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 6}
    got = await answered(server, chunk({"content": "a"}), chunk(finish="stop", x_groq={"id": "r", "usage": usage}))
    assert got.finished.usage == Usage(5, 6)


async def test_deepseek_cache_hits_count_as_cached(server: Loopback) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "prompt_cache_hit_tokens": 7}
    got = await answered(server, chunk({"content": "a"}, "stop", usage=usage))
    assert got.finished.usage == Usage(10, 2, 7)


async def test_reasoning_counted_beside_the_completion_is_added(server: Loopback) -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 45,
        "completion_tokens_details": {"reasoning_tokens": 30},
    }
    got = await answered(server, chunk({"content": "a"}, "stop", usage=usage))
    assert got.finished.usage == Usage(10, 35, None, None, 30)


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"cost": 0.00085}, 0.00085),
        ({"cost": 0}, 0.0),
        ({"cost_in_usd_ticks": 37_756_000}, 0.0037756),
        ({"cost_in_usd_ticks": 0}, None),
        ({"cost": "free"}, None),
        ({}, None),
    ],
)
async def test_cost_is_what_the_provider_says(server: Loopback, usage: dict[str, object], cost: float | None) -> None:
    got = await answered(server, chunk({"content": "a"}, "stop", usage={"prompt_tokens": 1, **usage}))
    assert got.finished.cost_usd == cost


@pytest.mark.parametrize(
    "deltas",
    [
        [{"reasoning_content": "so ", "content": None}, {"reasoning_content": "so"}],
        [{"reasoning": "so ", "channel": "analysis"}, {"reasoning": "so"}],
        [{"reasoning": "so ", "reasoning_content": "so "}, {"reasoning": "so", "reasoning_content": "so"}],
        [
            {"reasoning": "so ", "reasoning_details": [{"type": "reasoning.text", "text": "so ", "index": 0}]},
            {"reasoning": "so", "reasoning_details": [{"type": "reasoning.text", "text": "so", "index": 0}]},
        ],
        [{"reasoning_details": [{"type": "reasoning.summary", "summary": "so so"}]}],
        [{"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "so so"}], "closed": True}]}],
    ],
)
async def test_reasoning_is_found_under_every_name_and_counted_once(
    server: Loopback, deltas: list[dict[str, object]]
) -> None:
    got = await answered(server, *(chunk(delta) for delta in deltas), chunk({"content": "42"}, "stop"))
    assert (got.reasoning, got.text) == ("so so", "42")
    block, text = got.finished.message.blocks
    assert isinstance(block, ReasoningBlock)
    assert block.text == "so so"
    assert text == TextBlock("42")


async def test_mistral_parts_mix_thinking_and_text_in_one_delta(server: Loopback) -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "A"},
        {"type": "reference", "reference_ids": [1]},
        {"type": "text", "text": "B"},
    ]
    got = await answered(server, chunk({"content": parts}), chunk({"content": "C"}, "stop"))
    assert (got.reasoning, got.text) == ("hm", "ABC")


async def test_think_tags_become_reasoning_where_they_are_expected(server: Loopback) -> None:
    deltas = [chunk({"content": piece}) for piece in ("<thi", "nk>hm", "</", "think>\n\n", "Yes")]
    got = await answered(server, *deltas, chunk(finish="stop"), quirks=Quirks(think_tags=True))
    assert (got.reasoning, got.text) == ("hm", "Yes")
    plain = await answered(server, *deltas, chunk(finish="stop"))
    assert (plain.reasoning, plain.text) == ("", "<think>hm</think>\n\nYes")


async def test_a_refusal_is_told_apart_from_text(server: Loopback) -> None:
    got = await answered(server, chunk({"refusal": "I can"}), chunk({"refusal": "not"}), chunk(finish="stop"))
    assert (got.text, got.refusal, got.finished.refusal) == ("", "I cannot", "I cannot")
    assert got.finished.stop is StopReason.REFUSAL


@pytest.mark.parametrize(
    ("finish", "stop"),
    [
        ("stop", StopReason.STOP),
        ("length", StopReason.LENGTH),
        ("content_filter", StopReason.CONTENT_FILTER),
        ("SAFETY", StopReason.CONTENT_FILTER),
        ("tool_calls", StopReason.STOP),
        ("something_new", StopReason.STOP),
        ("abort", StopReason.INCOMPLETE),
        ("error", StopReason.ERROR),
    ],
)
async def test_finish_reasons_are_mapped(server: Loopback, finish: str, stop: StopReason) -> None:
    got = await answered(server, chunk({"content": "a"}), chunk(finish=finish), chunk({"content": ""}, finish))
    assert (got.finished.stop, got.finished.stop_raw) == (stop, finish)


async def test_an_answer_without_a_finish_reason_is_incomplete(server: Loopback) -> None:
    got = await answered(server, chunk({"content": "cut o"}), done=False)
    assert got.finished.message.text == "cut o"
    assert (got.finished.stop, got.finished.stop_raw) == (StopReason.INCOMPLETE, None)
    assert got.finished.error is not None
    assert got.finished.error.code == "incomplete"


async def test_done_without_a_finish_reason_is_an_end(server: Loopback) -> None:
    # Snowflake Cortex and some OpenRouter upstreams never give a reason, but do say that they are done.
    text = await answered(server, chunk({"content": "whole"}))
    assert text.finished.stop is StopReason.STOP
    calls = await answered(server, chunk(call(0, "c1", "now", "{}")))
    assert calls.finished.stop is StopReason.TOOL_CALLS
    nothing = await answered(server)
    assert nothing.finished.stop is StopReason.INCOMPLETE


async def test_done_is_optional_when_a_reason_was_given(server: Loopback) -> None:
    got = await answered(server, chunk({"content": "a"}, "stop"), done=False)
    assert (got.finished.stop, got.finished.error) == (StopReason.STOP, None)


FRAGMENTS: dict[str, list[Any]] = {
    "id and name first, arguments later": [
        call(0, "c1", "add", ""), call(0, args='{"a":'), call(0, args=" 1}"),
        call(1, "c2", "now", ""), call(1, args="{}"),
    ],
    "interleaved by index": [
        call(0, "c1", "add", ""), call(1, "c2", "now", ""), call(1, args="{}"), call(0, args='{"a": 1}'),
    ],
    "whole calls, one chunk each": [call(0, "c1", "add", '{"a": 1}'), call(1, "c2", "now", "{}")],
    "id and name repeated in every fragment": [
        call(0, "c1", "add", '{"a"'), call(0, "c1", "add", ": 1}"),
        call(1, "c2", "now", "{"), call(1, "c2", "now", "}"),
    ],
    "empty name and id later": [call(0, "c1", "add", '{"a"'), call(0, "", "", ": 1}"), call(1, "c2", "now", "{}")],
    "no index": [call(None, "c1", "add", '{"a": 1}'), call(None, "c2", "now", "{}")],
    "no index, fragments": [
        call(None, "c1", "add", '{"a"'), call(None, args=": 1}"), call(None, "c2", "now", ""), call(None, args="{}"),
    ],
    "no index, id and name repeated": [
        call(None, "c1", "add", '{"a"'), call(None, "c1", "add", ": 1}"), call(None, "c2", "now", "{}"),
    ],
    "same index, new id": [call(0, "c1", "add", '{"a": 1}'), call(0, "c2", "now", "{}")],
    "fresh random id for each later fragment": [
        call(0, "c1", "add", '{"a"'), call(0, "x9", args=": 1}"), call(1, "c2", "now", "{}"),
    ],
    "arguments as an object": [call(0, "c1", "add", {"a": 1}), call(1, "c2", "now", {})],
    "both in one list without index": [
        {
            "tool_calls": [
                *call(None, "c1", "add", '{"a": 1}')["tool_calls"], *call(None, "c2", "now")["tool_calls"],
            ]
        },
    ],
    "function_call beside it": [
        {**call(0, "c1", "add", '{"a": 1}'), "function_call": {"name": "add", "arguments": '{"a": 1}'}},
        {**call(1, "c2", "now", "{}"), "function_call": {"name": "now", "arguments": "{}"}},
    ],
    "name after the arguments began": [
        call(0, "c1", args='{"a"'), call(0, name="add"), call(0, args=": 1}"), call(1, "c2", "now"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("deltas", FRAGMENTS.values(), ids=FRAGMENTS.keys())
@pytest.mark.parametrize("finish", ["tool_calls", "stop"])
async def test_tool_calls_are_put_together(server: Loopback, deltas: list[Any], finish: str) -> None:
    got = await answered(server, *(chunk(delta) for delta in deltas), chunk(finish=finish), chunk(finish=finish))
    assert got.calls == [("c1", "add", {"a": 1}), ("c2", "now", {})]
    assert got.finished.stop is StopReason.TOOL_CALLS
    assert got.finished.stop_raw == finish


TWICE: dict[str, list[Any]] = {
    "same index and name, new id, no arguments": [call(0, "c1", "now", ""), call(0, "c2", "now", "")],
    "same list, neither id nor index": [
        {"tool_calls": [*call(None, None, "now", "")["tool_calls"], *call(None, None, "now", "")["tool_calls"]]},
    ],
    "one after the other, neither id nor index": [call(None, None, "now", "{}"), call(None, None, "now", "{}")],
    "the same id for both": [call(None, "c", "now", "{}"), call(None, "c", "now", "{}")],
}  # fmt: skip


@pytest.mark.parametrize("deltas", TWICE.values(), ids=TWICE.keys())
async def test_the_same_tool_called_twice_is_two_calls(server: Loopback, deltas: list[Any]) -> None:
    got = await answered(server, *(chunk(delta) for delta in deltas), chunk(finish="tool_calls"))
    assert [(name, arguments) for _, name, arguments in got.calls] == [("now", {}), ("now", {})]
    assert len({call_id for call_id, _, _ in got.calls}) == 2


async def test_old_function_call_alone_is_a_call(server: Loopback) -> None:
    got = await answered(
        server,
        chunk({"function_call": {"name": "add", "arguments": ""}}),
        chunk({"function_call": {"arguments": '{"a": 1}'}}),
        chunk(finish="function_call"),
    )
    ((call_id, name, arguments),) = got.calls
    assert call_id
    assert (name, arguments) == ("add", {"a": 1})
    assert got.finished.stop is StopReason.TOOL_CALLS


async def test_missing_and_repeated_ids_become_unique(server: Loopback) -> None:
    got = await answered(
        server,
        chunk(call(0, "same", "a", "{}")),
        chunk(call(1, "same", "b", "{")),
        chunk(call(1, "same", "b", "}")),
        chunk(call(2, None, "c", "{}")),
        chunk(finish="tool_calls"),
    )
    ids = [call_id for call_id, _, _ in got.calls]
    assert [name for _, name, _ in got.calls] == ["a", "b", "c"]
    assert ids[0] == "same"
    assert len(set(ids)) == 3
    assert all(ids)


async def test_a_call_without_a_name_is_reported_at_the_end(server: Loopback) -> None:
    got = await answered(server, chunk(call(0, "c1", None, "{}")), chunk(finish="tool_calls"))
    assert got.calls == [("c1", "", {})]


@pytest.mark.parametrize(
    ("args", "finish"), [('{"path": "/tm', "length"), ("", "length"), ('{"a": }', "tool_calls"), ("[]", "tool_calls")]
)
async def test_truncated_or_invalid_arguments_are_never_an_object(server: Loopback, args: str, finish: str) -> None:
    got = await answered(server, chunk(call(0, "c1", "rm", args)), chunk(finish=finish))
    assert got.calls == [("c1", "rm", None)]
    assert got.finished.message.tool_calls[0].arguments_raw == args


async def test_a_cut_stream_keeps_whole_calls_and_distrusts_the_last(server: Loopback) -> None:
    deltas = [call(0, "c1", "a", '{"x": 1}'), call(1, "c2", "b", '{"x": ')]
    got = await answered(server, *(chunk(delta) for delta in deltas), done=False)
    assert got.calls == [("c1", "a", {"x": 1}), ("c2", "b", None)]
    assert got.finished.stop is StopReason.INCOMPLETE


async def test_call_starts_when_its_name_is_known_not_when_it_is_whole(server: Loopback) -> None:
    got = await answered(server, chunk(call(0, "c1", "add", "")), chunk(call(0, args="{}")), chunk(finish="stop"))
    starts = [event for event in got.events if isinstance(event, ToolCallStarted)]
    assert starts == [ToolCallStarted(0, "c1", "add")]


ERRORS: dict[str, bytes] = {
    "OpenAI": sse({"error": {"message": "it broke", "type": "server_error", "param": None, "code": None}}, done=False),
    "Groq": b'event: error\ndata: {"error": {"message": "it broke", "code": "tool_use_failed"}}\n\n',
    "OpenRouter": sse(chunk({"content": ""}, error={"code": 400, "message": "it broke"}, usage={"prompt_tokens": 3})),
    "vLLM": sse({"error": {"object": "error", "message": "it broke", "type": "E", "code": 500}}),
    "vLLM, older": sse({"object": "error", "message": "it broke", "type": "E", "code": 500}),
    "xAI": sse({"code": "invalid", "error": "it broke"}),
    "Gemini's list": sse([{"error": {"code": 503, "message": "it broke", "status": "UNAVAILABLE"}}]),
    "plain text": b"event: error\ndata: it broke\n\n",
}


@pytest.mark.parametrize("body", ERRORS.values(), ids=ERRORS.keys())
async def test_errors_inside_the_stream_end_it_and_keep_the_text(server: Loopback, body: bytes) -> None:
    server.script(Answer([sse(chunk({"content": "So far"}), done=False), body]))
    got = await ask(chat(server.origin))
    assert got.finished.message.text == "So far"
    assert got.finished.stop is StopReason.ERROR
    assert got.finished.error is not None
    assert got.finished.error.kind is ErrorKind.PROVIDER
    assert "it broke" in got.finished.error.detail
    assert len(server.requests) == 1  # text was shown: never tried again


async def test_an_error_after_the_length_limit_keeps_that_reason(server: Loopback) -> None:
    got = await answered(
        server,
        chunk({"content": "a"}, "length"),
        chunk(error={"code": 400, "message": "Token limit reached"}, usage={"prompt_tokens": 3}),
    )
    assert got.finished.stop is StopReason.LENGTH
    assert got.finished.error is not None
    assert got.finished.usage == Usage(3)


async def test_an_error_after_calls_does_not_offer_them_for_execution(server: Loopback) -> None:
    got = await answered(server, chunk(call(0, "c1", "rm", "{}"), "tool_calls"), {"error": {"message": "no"}})
    assert got.finished.stop is StopReason.ERROR


@pytest.mark.parametrize("bad", ['{"choices": [', "{" + '"a":[' * 100_000])
async def test_an_event_that_is_no_json_is_an_error_with_the_text_kept(server: Loopback, bad: str) -> None:
    got = await answered(server, chunk({"content": "a"}), bad, chunk({"content": "b"}, "stop"))
    assert got.text == "a"
    assert got.finished.stop is StopReason.ERROR
    assert got.finished.error is not None
    assert got.finished.error.code == "bad_event"


async def test_an_event_cut_by_the_end_is_incomplete_not_wrong(server: Loopback) -> None:
    server.script(Answer([sse(chunk({"content": "a"}), done=False), json.dumps(chunk({"content": "b"})).encode()[:40]]))
    server.script(Answer([sse(chunk({"content": "a"}), done=False), b'data: {"choices": [{"del']))
    for _ in range(2):
        got = await ask(chat(server.origin))
        assert (got.text, got.finished.stop) == ("a", StopReason.INCOMPLETE)


async def test_emoji_split_over_deltas_and_over_bytes_arrive_whole(server: Loopback) -> None:
    whole = sse(chunk({"content": "A\ud83d"}), chunk({"content": "\ude00B"}), chunk({"content": "\ud83d!"}, "stop"))
    raw = 'data: {"choices": [{"delta": {"content": "é😀"}}]}\n\n'.encode()
    server.script(Answer([*(raw[at : at + 1] for at in range(len(raw))), whole]))
    got = await ask(chat(server.origin))
    assert got.text == got.finished.message.text == "é😀A😀B\ufffd!"


async def test_a_mebibyte_delta_arrives_whole(server: Loopback) -> None:
    got = await answered(server, chunk({"content": "x" * (1 << 20)}, "stop"))
    assert len(got.text) == 1 << 20


async def test_hostile_text_is_passed_on_unchanged(server: Loopback) -> None:
    hostile = "\x1b]52;c;AAAA\x07[red]a[/x]\u2028\u202e<b>\x9b31m"
    got = await answered(server, chunk({"content": hostile}, "stop"))
    assert got.text == hostile
