"""Three rounds with tools in every wire format, against a real HTTP server: what was sealed goes back byte for byte.

The tool returns an image each time; it must stand where the format wants it in every later request.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from mcp_tui.config.schema import WireFormat
from mcp_tui.core.state import ColumnStatus, Progress
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.building import build
from mcp_tui.providers.quirks import Quirks
from mcp_tui.providers.registry import ModelRef
from mcp_tui.runs.spec import ColumnSpec
from tests.builders import tool
from tests.providers.asking import endpoint
from tests.providers.gemini_stream import called, stream
from tests.providers.gemini_stream import chunk as part_chunk
from tests.providers.gemini_stream import text as part
from tests.providers.loopback import Answer, Loopback, chunk, loopback, named, sse
from tests.providers.responses_stream import call, end, message, thought
from tests.runs.doubles import Stage, within

PNG = "iVBORw0KGgoAAAAN"


@dataclass(frozen=True)
class Format:
    wire: WireFormat
    model: str
    rounds: tuple[Answer, Answer, Answer]
    sealed: tuple[Any, ...]
    """What both rounds sealed, in the order in which it goes back."""
    replayed: Callable[[Any], list[Any]]
    """What of a request's body that is."""
    images: Callable[[Any], int]
    """How many images stand where the format wants those of results."""
    quirks: Quirks = Quirks()  # noqa: RUF009 (frozen)


# --- openai-chat


def _chat_round(number: int) -> tuple[Answer, JsonObject]:
    detail = {"type": "reasoning.encrypted", "data": f"ENC/{number}+é==", "id": f"r{number}", "index": 0}
    function = {"name": "look", "arguments": f'{{"n" : {number}}}'}
    calls = [{"index": 0, "id": f"call_{number}", "type": "function", "function": function}]
    body = sse(chunk({"reasoning_details": [detail]}), chunk({"tool_calls": calls}), chunk({}, "tool_calls"))
    sealed = {"reasoning_details": [detail], "arguments": function["arguments"], "id": f"call_{number}"}
    return Answer([body]), sealed


def _chat_replayed(body: Any) -> list[Any]:
    return [
        {
            "reasoning_details": m["reasoning_details"],
            "arguments": m["tool_calls"][0]["function"]["arguments"],
            "id": m["tool_calls"][0]["id"],
        }
        for m in body["messages"]
        if m["role"] == "assistant"
    ]


def _chat_images(body: Any) -> int:
    """In a user message right behind the result."""
    pairs = zip(body["messages"], body["messages"][1:], strict=False)
    return sum(
        part["image_url"]["url"] == f"data:image/png;base64,{PNG}"
        for before, after in pairs
        if before["role"] == "tool" and after["role"] == "user"
        for part in after["content"]
        if part["type"] == "image_url"
    )


CHAT_ROUNDS = [_chat_round(n) for n in (1, 2)]

# --- openai-responses

ITEMS = [[*thought(0, "Hm.", encrypted=f"ENC/{n}+é=="), *call(1, f"c{n}", "look", '{"n" : ', f"{n}}}")] for n in (1, 2)]


def _done(events: list[dict[str, Any]]) -> list[Any]:
    return [event["item"] for event in events if event["type"] == "response.output_item.done"]


def _response_images(body: Any) -> int:
    outputs = [item["output"] for item in body["input"] if item.get("type") == "function_call_output"]
    return sum(part.get("image_url") == f"data:image/png;base64,{PNG}" for output in outputs for part in output)


# --- anthropic-messages


def _blocks(number: int) -> list[Any]:
    return [
        {"type": "thinking", "thinking": "Hm, é.", "signature": f"SIG/{number}+=="},
        {"type": "redacted_thinking", "data": f"RED/{number}+=="},
        {"type": "tool_use", "id": f"toolu_{number}", "name": "look", "input": {"n": number}},
    ]


def _message_round(number: int) -> Answer:
    thinking, redacted, use = _blocks(number)
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {"id": f"m{number}"}}]
    deltas: list[tuple[Any, list[Any]]] = [
        (
            {"type": "thinking", "thinking": "", "signature": ""},
            [
                {"type": "thinking_delta", "thinking": thinking["thinking"]},
                {"type": "signature_delta", "signature": thinking["signature"]},
            ],
        ),
        (redacted, []),
        ({**use, "input": {}}, [{"type": "input_json_delta", "partial_json": json.dumps(use["input"])}]),
    ]
    for index, (block, pieces) in enumerate(deltas):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index, "delta": piece} for piece in pieces]
        events.append({"type": "content_block_stop", "index": index})
    events += [{"type": "message_delta", "delta": {"stop_reason": "tool_use"}}, {"type": "message_stop"}]
    return Answer([named(*events)])


def _message_images(body: Any) -> int:
    results = [p for m in body["messages"] if m["role"] == "user" for p in m["content"] if p["type"] == "tool_result"]
    return sum(p["type"] == "image" and p["source"]["data"] == PNG for result in results for p in result["content"])


MESSAGE_END = named(
    {"type": "message_start", "message": {"id": "m3"}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "done"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    {"type": "message_stop"},
)

# --- gemini


def _parts(number: int) -> list[Any]:
    return [
        part("Hm, é.", thought=True),
        called("look", {"n": number}, thoughtSignature=f"SIG/{number}+=="),
        part("", thoughtSignature=f"TAIL/{number}=="),
    ]


def _gemini_images(body: Any) -> int:
    responses = [p["functionResponse"] for c in body["contents"] for p in c["parts"] if "functionResponse" in p]
    return sum(entry["inlineData"] == {"mimeType": "image/png", "data": PNG} for r in responses for entry in r["parts"])


FORMATS = {
    "openai-chat": Format(
        "openai-chat",
        "m",
        (CHAT_ROUNDS[0][0], CHAT_ROUNDS[1][0], Answer([sse(chunk({"content": "done"}, "stop"))])),
        (CHAT_ROUNDS[0][1], CHAT_ROUNDS[1][1]),
        _chat_replayed,
        _chat_images,
    ),
    "openai-responses": Format(
        "openai-responses",
        "m",
        (*(Answer([named(*events, end())]) for events in ITEMS), Answer([named(*message(0, "done"), end())])),  # pyright: ignore[reportArgumentType]  three of them
        (*_done(ITEMS[0]), *_done(ITEMS[1])),
        lambda body: [item for item in body["input"] if item.get("type") in ("reasoning", "function_call")],
        _response_images,
    ),
    "anthropic-messages": Format(
        "anthropic-messages",
        "claude-sonnet-5",
        (_message_round(1), _message_round(2), Answer([MESSAGE_END])),
        (*_blocks(1), *_blocks(2)),
        lambda body: [block for m in body["messages"] if m["role"] == "assistant" for block in m["content"]],
        _message_images,
    ),
    "gemini": Format(
        "gemini",
        "gemini-3.1-pro",
        (
            Answer([stream(part_chunk(*_parts(1), finish="STOP"))]),
            Answer([stream(part_chunk(*_parts(2), finish="STOP"))]),
            Answer([stream(part_chunk(part("done"), finish="STOP"))]),
        ),
        (*_parts(1), *_parts(2)),
        lambda body: [p for c in body["contents"] if c["role"] == "model" for p in c["parts"]],
        _gemini_images,
    ),
}


async def picture(arguments: JsonObject, on_progress: Callable[[Progress], None]) -> JsonObject:
    return {
        "content": [
            {"type": "text", "text": f"picture {arguments['n']}"},
            {"type": "image", "data": PNG, "mimeType": "image/png"},
        ]
    }


@pytest.mark.parametrize("spoken", FORMATS.values(), ids=FORMATS)
async def test_three_rounds_replay_what_was_sealed_and_show_the_images(spoken: Format) -> None:
    async with loopback() as server, Stage() as stage:
        provider = build(endpoint(server.origin, wire=spoken.wire, name="acme", quirks=spoken.quirks))
        stage.providers.known["acme"] = provider
        stage.servers.add(tool("look"), picture)
        server.script(*spoken.rounds)
        run = stage.run("acme", columns=[ColumnSpec("c1", ModelRef("acme", spoken.model), "acme")])
        run.send("Look twice")
        await within(run.wait())
        await provider.aclose()
        assert run.status("c1") is ColumnStatus.DONE
        assert run.answer_text("c1") == "done"
        assert stage.servers.calls == [("s", "look", {"n": 1}), ("s", "look", {"n": 2})]
        _check(server, spoken)


def _check(server: Loopback, spoken: Format) -> None:
    bodies = [seen.json for seen in server.requests]
    half = len(spoken.sealed) // 2
    assert [spoken.images(body) for body in bodies] == [0, 1, 2]
    for body, sealed in zip(bodies, ((), spoken.sealed[:half], spoken.sealed), strict=True):
        # As text: keys and their order, numbers and escapes too.
        assert json.dumps(spoken.replayed(body)) == json.dumps(list(sealed))
