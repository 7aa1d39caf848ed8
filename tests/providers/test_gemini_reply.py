"""What Gemini streams, and what we make of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_tui.core.chat import OpaqueBlock, ReasoningBlock, StopReason, TextBlock
from mcp_tui.core.errors import ErrorKind
from mcp_tui.core.state import Usage
from mcp_tui.providers.gemini_calls import GeminiCall
from tests.providers.asking import Answered, ask, gemini
from tests.providers.gemini_stream import called, chunk, piece, stream, text
from tests.providers.loopback import Answer, Loopback


async def answered(server: Loopback, *events: object) -> Answered:
    server.script(Answer([stream(*events)]))
    return await ask(gemini(server.origin))


async def test_text_thoughts_usage_and_identity_come_through(server: Loopback) -> None:
    counted = {"promptTokenCount": 55, "totalTokenCount": 60, "thoughtsTokenCount": 4}
    got = await answered(
        server,
        chunk(text("Hm.", thought=True), usageMetadata=counted),
        chunk(text("Hel"), usageMetadata={"promptTokenCount": 257}),
        chunk(
            text("lo"),
            finish="STOP",
            usageMetadata={
                "promptTokenCount": 257,
                "candidatesTokenCount": 9,
                "cachedContentTokenCount": 8,
                "toolUsePromptTokenCount": 3,
                "totalTokenCount": 273,
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 257}],
                "trafficType": "ON_DEMAND",
            },
        ),
    )
    done = got.finished
    assert (got.text, done.message.text, got.reasoning) == ("Hello", "Hello", "Hm.")
    assert (done.stop, done.stop_raw, done.error) == (StopReason.STOP, "STOP", None)
    assert done.usage == Usage(260, 13, 8, None, 4)  # thoughts are counted beside the candidates
    assert (done.model, done.response_id) == ("gemini-x", "r-1")
    assert [type(block) for block in done.message.blocks] == [ReasoningBlock, TextBlock]


async def test_figures_nobody_gave_are_unknown(server: Loopback) -> None:
    nothing = await answered(server, chunk(text("a"), finish="STOP", usageMetadata={"trafficType": "ON_DEMAND"}))
    assert nothing.finished.usage is None
    some = await answered(server, chunk(text("a"), finish="STOP", usageMetadata={"promptTokenCount": 3}))
    assert some.finished.usage == Usage(3)


async def test_whole_calls_get_ids_of_our_own_and_the_stop_reason_follows_them(server: Loopback) -> None:
    got = await answered(
        server,
        chunk(called("add", {"a": 1}), called("now")),
        chunk(called("add", {"a": 2}, call_id="given"), finish="STOP"),
    )
    assert [(name, args) for _, name, args in got.calls] == [("add", {"a": 1}), ("now", {}), ("add", {"a": 2})]
    ids = [call_id for call_id, _, _ in got.calls]
    assert len(set(ids)) == 3
    assert all(ids)
    assert ids[2] == "given"
    assert (got.finished.stop, got.finished.stop_raw) == (StopReason.TOOL_CALLS, "STOP")


async def test_ids_of_our_own_differ_between_answers(server: Loopback) -> None:
    ids = {(await answered(server, chunk(called("now"), finish="STOP"))).calls[0][0] for _ in range(2)}
    assert len(ids) == 2


PIECES: dict[str, tuple[list[dict[str, Any]], Any]] = {
    "strings go on": (
        [piece("$.id", stringValue="A", willContinue=True), piece("$.id", stringValue="B"), piece(more=False)],
        {"id": "AB"},
    ),
    "closed by its last piece": ([piece("$.n", more=False, numberValue=2.5)], {"n": 2.5}),
    "no arguments": ([piece(more=False)], {}),
    "nested": (
        [
            piece("$.list[0].name", stringValue="x"),
            piece("$.list[1].name", stringValue="y"),
            piece("$.list[1].on", boolValue=True),
            piece("$['odd key']", nullValue="NULL_VALUE"),
            piece(more=False),
        ],
        {"list": [{"name": "x"}, {"name": "y", "on": True}], "odd key": None},
    ),
    "an index far away": ([piece("$.list[999999999]", stringValue="x"), piece(more=False)], None),
    "no path": ([piece("list", stringValue="x"), piece(more=False)], None),
    "the whole of it": ([piece("$", stringValue="x"), piece(more=False)], None),
    "through a string": ([piece("$.a", stringValue="x"), piece("$.a.b", stringValue="y"), piece(more=False)], None),
    "no value": ([piece("$.a"), piece(more=False)], None),
    "never closed": ([piece("$.a", stringValue="x")], None),
}  # fmt: skip


@pytest.mark.parametrize(("pieces", "expected"), PIECES.values(), ids=PIECES.keys())
async def test_calls_in_pieces_are_put_together(server: Loopback, pieces: list[dict[str, Any]], expected: Any) -> None:
    begun = {"functionCall": {"name": "look", "willContinue": True}, "thoughtSignature": "SIG"}
    got = await answered(server, chunk(begun), *(chunk(part) for part in pieces), chunk(finish="STOP"))
    ((_, name, arguments),) = got.calls
    assert (name, arguments) == ("look", expected)
    block = got.finished.message.tool_calls[0]
    if expected is None:
        assert block.opaque is None
    else:
        assert block.opaque is not None
        assert block.opaque.value["parts"] == [
            {"functionCall": {"name": "look", "args": expected}, "thoughtSignature": "SIG"}
        ]


async def test_calls_in_pieces_one_after_the_other(server: Loopback) -> None:
    parts: list[dict[str, Any]] = [
        {"functionCall": {"name": "a", "willContinue": True}},
        piece("$.x", stringValue="1"),
        piece(more=False),
        {"functionCall": {"name": "b", "willContinue": True}},
        {"functionCall": {"name": "c", "args": {}}},
        piece(more=False),
    ]
    got = await answered(server, *(chunk(part) for part in parts), chunk(text(""), finish="STOP"))
    assert [(name, args) for _, name, args in got.calls] == [("a", {"x": "1"}), ("b", None), ("c", {})]


STEPS = st.sampled_from(["$", ".a", ".b", "[0]", "[1]", "[7]", "['k']", "..", "[", "x"])


@given(st.lists(st.tuples(st.lists(STEPS, max_size=5), st.sampled_from(["v", 1, True]), st.booleans()), max_size=8))
def test_any_pieces_give_an_object_or_nothing(pieces: list[tuple[list[str], Any, bool]]) -> None:
    call = GeminiCall(0, "c", {"functionCall": {"name": "x", "willContinue": True}})
    for steps, value, more in pieces:
        kind = {"str": "stringValue", "int": "numberValue", "bool": "boolValue"}[type(value).__name__]
        call.take(piece("$" + "".join(steps), more=more, **{kind: value}))
    assert call.arguments is None or isinstance(call.arguments, dict)
    json.loads(call.raw)


async def test_signed_parts_stay_apart_and_empty_ones_are_kept(server: Loopback) -> None:
    got = await answered(
        server,
        chunk(text("Hm", thought=True)),
        chunk(text(" so.", thought=True)),
        chunk(text("One ", thoughtSignature="S1")),
        chunk(text("two ")),
        chunk(text("three")),
        chunk(text("", thoughtSignature="S2"), finish="STOP"),
    )
    blocks = got.finished.message.blocks
    assert [type(block) for block in blocks] == [ReasoningBlock, TextBlock, TextBlock, OpaqueBlock]
    assert got.text == got.finished.message.text == "One two three"
    assert got.reasoning == "Hm so."


@pytest.mark.parametrize(
    ("finish", "stop"),
    [
        ("STOP", StopReason.STOP),
        ("MAX_TOKENS", StopReason.LENGTH),
        *((word, StopReason.CONTENT_FILTER)
          for word in ("SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "IMAGE_SAFETY")),
        ("SOMETHING_NEW", StopReason.STOP),
    ],
)  # fmt: skip
async def test_finish_reasons_are_mapped(server: Loopback, finish: str, stop: StopReason) -> None:
    got = await answered(server, chunk(text("a")), chunk(finish=finish))
    assert (got.finished.stop, got.finished.stop_raw, got.finished.error) == (stop, finish, None)


@pytest.mark.parametrize(
    "finish",
    ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "LANGUAGE", "OTHER", "NO_IMAGE"],
)
async def test_failures_said_as_finish_reasons_are_errors_in_words(server: Loopback, finish: str) -> None:
    last = chunk(finish=finish)
    last["candidates"][0]["finishMessage"] = "Malformed function call: print(x)"
    got = await answered(server, chunk(text("So far")), last)
    assert (got.finished.stop, got.finished.stop_raw) == (StopReason.ERROR, finish)
    assert got.finished.message.text == "So far"
    assert got.finished.error is not None
    assert (got.finished.error.kind, got.finished.error.code) == (ErrorKind.PROVIDER, finish.lower())
    assert "print(x)" in got.finished.error.detail


async def test_a_blocked_prompt_is_a_refusal(server: Loopback) -> None:
    blocked = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 3}}
    got = await answered(server, blocked)
    assert (got.finished.stop, got.finished.stop_raw) == (StopReason.REFUSAL, "PROHIBITED_CONTENT")
    assert "PROHIBITED_CONTENT" in got.finished.refusal
    assert got.finished.usage == Usage(3)


async def test_an_early_end_is_incomplete(server: Loopback) -> None:
    got = await answered(server, chunk(text("So f")))
    assert (got.finished.stop, got.finished.message.text) == (StopReason.INCOMPLETE, "So f")
    assert got.finished.error is not None
    assert got.finished.error.code == "incomplete"


ERROR = {"error": {"code": 503, "message": "it broke", "status": "UNAVAILABLE"}}


@pytest.mark.parametrize("failure", [ERROR, [ERROR]], ids=["object", "list"])
async def test_errors_inside_the_stream_end_it_and_keep_the_text(server: Loopback, failure: object) -> None:
    got = await answered(server, chunk(text("So far")), failure, chunk(text("never read"), finish="STOP"))
    assert (got.text, got.finished.message.text) == ("So far", "So far")
    assert got.finished.stop is StopReason.ERROR
    assert got.finished.error is not None
    assert got.finished.error.detail == "it broke"
    assert len(server.requests) == 1


async def test_odd_parts_and_fields_are_harmless(server: Loopback) -> None:
    got = await answered(
        server,
        {},
        {"candidates": None, "usageMetadata": None},
        {"candidates": [None, {"content": None}, {"content": {"parts": [None, {}, {"text": None}]}}]},
        {"candidates": [{"index": 1, "content": {"parts": [{"text": "another answer"}]}}]},
        chunk({"executableCode": {"code": "1+1"}}, {"functionCall": "no"}, {"functionCall": {"args": {}}}),
        "[DONE]",
        [],
        chunk(text("a"), finish="STOP"),
    )
    assert got.text == got.finished.message.text == "a"
    assert got.calls == []
    assert got.finished.stop is StopReason.STOP


async def test_emoji_split_over_deltas_arrive_whole(server: Loopback) -> None:
    got = await answered(server, *(chunk(text(said)) for said in ("A\ud83d", "\ude00", "\ud83d")), chunk(finish="STOP"))
    assert got.text == got.finished.message.text == "A😀\ufffd"
