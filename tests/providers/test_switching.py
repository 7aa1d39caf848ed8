"""One conversation over several providers: every format continues what any other began."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from mcp_tui.core.chat import ChatRequest, ImageBlock, Message, TextBlock, ToolResultBlock
from mcp_tui.providers.building import build
from mcp_tui.providers.endpoint import Endpoint
from mcp_tui.providers.quirks import Quirks
from mcp_tui.providers.request_stream import WireProvider
from mcp_tui.providers.vendors import BY_NAME
from tests.providers.asking import ask, endpoint, user
from tests.providers.gemini_stream import called, stream
from tests.providers.gemini_stream import chunk as part_chunk
from tests.providers.loopback import Answer, Loopback, chunk, named, sse
from tests.providers.responses_stream import call, end, message, thought

SECRET = "SEALED-0123456789"
"""Stands for every signature and encrypted text; only its own provider may see it again."""
THOUGHT = "a private thought"
LONG_ID = "call-5386e269-cd64-432e-aa64-5c80dd4e0286-0"
PNG = ImageBlock("image/png", "iVBORw0KGgo=")


@dataclass(frozen=True)
class Sent:
    """A request in neutral terms: (id, name, arguments) per call, ids of results in order, and all of its text."""

    calls: list[tuple[str, str, Any]]
    results: list[str]
    raw: str
    legal_id: str


def _chat(body: Any) -> Sent:
    calls = [call for message in body["messages"] for call in message.get("tool_calls", ())]
    return Sent(
        [(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in calls],
        [message["tool_call_id"] for message in body["messages"] if message["role"] == "tool"],
        json.dumps(body),
        ".{1,40}",
    )


def _mistral(body: Any) -> Sent:
    sent = _chat(body)
    return Sent(sent.calls, sent.results, sent.raw, "[a-zA-Z0-9]{9}")


def _messages(body: Any) -> Sent:
    parts = [part for message in body["messages"] for part in message["content"]]
    return Sent(
        [(p["id"], p["name"], p["input"]) for p in parts if p["type"] == "tool_use"],
        [p["tool_use_id"] for p in parts if p["type"] == "tool_result"],
        json.dumps(body),
        "[a-zA-Z0-9_-]{1,64}",
    )


def _responses(body: Any) -> Sent:
    items = body["input"]
    return Sent(
        [(i["call_id"], i["name"], json.loads(i["arguments"])) for i in items if i.get("type") == "function_call"],
        [item["call_id"] for item in items if item.get("type") == "function_call_output"],
        json.dumps(body),
        "[a-zA-Z0-9_-]{1,64}",
    )


def _gemini(body: Any) -> Sent:
    """Calls and results are matched by order; both get the same number as their id here."""
    parts = [part for content in body["contents"] for part in content["parts"]]
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    results = [part["functionResponse"] for part in parts if "functionResponse" in part]
    assert [c["name"] for c in calls] == [r["name"] for r in results]
    assert [c.get("id") for c in calls] == [r.get("id") for r in results]
    return Sent(
        [(str(n), c["name"], c["args"]) for n, c in enumerate(calls)],
        [str(n) for n in range(len(results))],
        json.dumps(body),
        ".+",
    )


@dataclass(frozen=True)
class Speaker:
    """A provider with what it says in two rounds: two calls with opaque parts, then an answer."""

    name: str
    wire: Any
    model: str
    first: Answer
    last: Answer
    read: Callable[[Any], Sent]
    quirks: Quirks = field(default_factory=Quirks)

    def provider(self, server: Loopback) -> WireProvider:
        spoken: Endpoint = endpoint(server.origin, wire=self.wire, name=self.name, quirks=self.quirks)
        return build(spoken)


def _block(index: int, block: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": block},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _anthropic(*blocks: list[dict[str, Any]], stop: str) -> Answer:
    start = {"type": "message_start", "message": {"id": "m"}}
    last = {"type": "message_delta", "delta": {"stop_reason": stop}}
    return Answer([named(start, *(event for block in blocks for event in block), last, {"type": "message_stop"})])


def _tool(index: int, call_id: str, name: str, arguments: str) -> list[dict[str, Any]]:
    begun: dict[str, Any] = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
    return _block(index, begun, {"type": "input_json_delta", "partial_json": arguments})


def _calls(*calls: tuple[str, str, str]) -> dict[str, Any]:
    return {
        "tool_calls": [
            {"index": n, "id": call_id, "function": {"name": name, "arguments": arguments}}
            for n, (call_id, name, arguments) in enumerate(calls)
        ]
    }


DETAILS = [{"type": "reasoning.encrypted", "data": SECRET, "index": 0}]
CHAT = Speaker(
    "openrouter", "openai-chat", "m-chat",
    Answer([sse(
        chunk({"reasoning": THOUGHT, "reasoning_details": DETAILS}), chunk({"content": "Looking."}),
        chunk(_calls(("functions.look:0", "look", '{"q": 1}'), (LONG_ID, "draw", "{}")), "tool_calls"),
    )]),
    Answer([sse(chunk({"content": "openrouter says so"}, "stop"))]),
    _chat, BY_NAME["openai"].quirks,
)  # fmt: skip
MISTRAL = Speaker(
    "mistral", "openai-chat", "m-mistral",
    Answer([sse(chunk({"content": "Looking."}),
                chunk(_calls(("D681PevKs", "look", '{"q": 1}'), ("E681PevKs", "draw", "{}")), "tool_calls"))]),
    Answer([sse(chunk({"content": "mistral says so"}, "stop"))]),
    _mistral, BY_NAME["mistral"].quirks,
)  # fmt: skip
MESSAGES = Speaker(
    "anthropic", "anthropic-messages", "claude-x",
    _anthropic(
        _block(0, {"type": "thinking", "thinking": ""}, {"type": "thinking_delta", "thinking": THOUGHT},
               {"type": "signature_delta", "signature": SECRET}),
        _block(1, {"type": "redacted_thinking", "data": SECRET}),
        _block(2, {"type": "text", "text": "Looking."}),
        _tool(3, "toolu_1", "look", '{"q": 1}'),
        _tool(4, "toolu_2", "draw", "{}"),
        stop="tool_use",
    ),
    _anthropic(_block(0, {"type": "text", "text": "anthropic says so"}), stop="end_turn"),
    _messages,
)  # fmt: skip
RESPONSES = Speaker(
    "openai", "openai-responses", "gpt-x",
    Answer([named(
        *thought(0, THOUGHT, encrypted=SECRET), *message(1, "Looking.", phase="commentary"),
        *call(2, "call_1", "look", '{"q": 1}'), *call(3, LONG_ID, "draw", "{}"), end(),
    )]),
    Answer([named(*message(0, "openai says so"), end())]),
    _responses, BY_NAME["openai"].quirks,
)  # fmt: skip
GEMINI = Speaker(
    "gemini", "gemini", "gemini-3.5-flash",
    Answer([stream(
        part_chunk({"text": THOUGHT, "thought": True}), part_chunk({"text": "Looking."}),
        part_chunk(called("look", {"q": 1}, thoughtSignature=SECRET), called("draw", {})),
        part_chunk({"text": "", "thoughtSignature": SECRET}, finish="STOP"),
    )]),
    Answer([stream(part_chunk({"text": "gemini says so"}, finish="STOP"))]),
    _gemini,
)  # fmt: skip
ALL = (CHAT, MISTRAL, MESSAGES, RESPONSES, GEMINI)


def answered(message: Message) -> Message:
    look, draw = message.tool_calls
    return Message(
        "user",
        (
            ToolResultBlock(look.id, look.name, (TextBlock("seen it"),), False),
            ToolResultBlock(draw.id, draw.name, (TextBlock("drawn"), PNG), False),
        ),
    )


async def round_of(speaker: Speaker, server: Loopback, answer: Answer, history: tuple[Message, ...]) -> Message:
    server.script(answer)
    provider = speaker.provider(server)
    got = await ask(provider, ChatRequest(speaker.model, history))
    assert got.finished.error is None
    await provider.aclose()
    return got.finished.message


async def both_rounds(speaker: Speaker, server: Loopback, history: tuple[Message, ...]) -> tuple[Message, ...]:
    asked = await round_of(speaker, server, speaker.first, history)
    history = (*history, asked, answered(asked))
    return (*history, await round_of(speaker, server, speaker.last, history))


def check(sent: Sent, calls: int) -> None:
    assert [(name, arguments) for _, name, arguments in sent.calls] == [("look", {"q": 1}), ("draw", {})] * calls
    ids = [call_id for call_id, _, _ in sent.calls]
    assert ids == sent.results  # each call answered, in order
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(sent.legal_id, call_id) for call_id in ids)
    assert sent.raw.count("seen it") == calls
    assert sent.raw.count("iVBORw0KGgo=") == calls  # the image goes along


PAIRS = [(a, b) for a in ALL for b in ALL if a is not b]


@pytest.mark.parametrize(("before", "after"), PAIRS, ids=[f"{a.name}-{b.name}" for a, b in PAIRS])
async def test_a_conversation_goes_on_with_another_provider(server: Loopback, before: Speaker, after: Speaker) -> None:
    history = await both_rounds(before, server, (user("Look"),))
    history = await both_rounds(after, server, (*history, user("And now?")))
    first, second = (after.read(request.json) for request in server.requests[2:4])
    for sent, calls in ((first, 1), (second, 2)):
        check(sent, calls)
        assert f"{before.name} says so" in sent.raw
    assert SECRET not in first.raw
    assert THOUGHT not in first.raw
    # Back to the first: it gets its own parts again, and none of the other's.
    own = before.read(server.requests[1].json).raw.count(SECRET)
    await round_of(before, server, before.last, (*history, user("Back to you")))
    back = before.read(server.requests[4].json)
    check(back, 2)
    assert back.raw.count(SECRET) == own


@pytest.mark.parametrize("speaker", ALL, ids=lambda speaker: speaker.name)
async def test_another_model_of_the_same_provider_gets_no_sealed_parts(server: Loopback, speaker: Speaker) -> None:
    history = await both_rounds(speaker, server, (user("Look"),))
    provider = speaker.provider(server)
    server.script(speaker.last)
    got = await ask(provider, ChatRequest(f"{speaker.model}-2", (*history, user("You?"))))
    assert got.finished.error is None
    sent = speaker.read(server.requests[-1].json)
    check(sent, 1)
    assert SECRET not in sent.raw


@pytest.mark.parametrize("speaker", ALL, ids=lambda speaker: speaker.name)
async def test_ids_that_begin_again_in_each_answer_stay_apart(server: Loopback, speaker: Speaker) -> None:
    history: tuple[Message, ...] = (user("Look"),)
    for _ in range(3):  # a server that counts its calls from zero each time
        history = await both_rounds(MISTRAL, server, (*history, user("Again")))
    await round_of(speaker, server, speaker.last, (*history, user("You?")))
    check(speaker.read(server.requests[-1].json), 3)
