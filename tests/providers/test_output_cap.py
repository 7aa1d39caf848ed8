"""Refusals that say how many tokens a model writes at most: asked again with that many, once."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_tui.core.chat import ChatRequest, ModelParams, Noticed, StopReason
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.output_cap import OutputCap, capped, stated_cap
from tests.providers.asking import ask, chat, gemini, messages, responses, user
from tests.providers.loopback import Answer, Loopback, error
from tests.providers.test_media import OK

MANY = 500_000

STATED: dict[str, tuple[str, int, bool]] = {
    "anthropic": ("max_tokens: 500000 > 8192, which is the maximum allowed number of output tokens for x", 8192, True),
    "openai": (
        "max_tokens is too large: 500000. This model supports at most 16384 completion tokens, whereas you provided "
        "500000.",
        16384, True,
    ),
    "groq": (
        "`max_completion_tokens` must be less than or equal to `32768`, the maximum value for `max_completion_tokens` "
        "is less than the `context_window` for this model",
        32768, True,
    ),
    "responses": (
        "Invalid 'max_output_tokens': integer above maximum value. Expected a value <= 128000, but got 500000 instead.",
        128000, True,
    ),
    "doubao": (
        "The parameter `max_completion_tokens` specified in the request are not valid: integer above maximum value, "
        "expected a value <= 12288, but got 500000 instead.",
        12288, True,
    ),
    "deepseek": ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", 8192, True),
    "gemini": (
        "Unable to submit request because it has a maxOutputTokens value of 500000 but the supported range is from 1 "
        "(inclusive) to 65537 (exclusive). Update the value and try again.",
        65536, True,
    ),
    "plain": ("max_tokens must be at most 4096", 4096, True),
    "vllm": (
        "'max_tokens' or 'max_completion_tokens' is too large: 500000. This model's maximum context length is 32768 "
        "tokens and your request has 20 input tokens (500000 > 32768 - 20).",
        32748, False,
    ),
    "context": (
        "This model's maximum context length is 8192 tokens. However, you requested 501030 tokens (1030 in the "
        "messages, 500000 in the completion). Please reduce the length of the messages or completion.",
        7162, False,
    ),
    "context by vllm": (
        "This model's maximum context length is 4097 tokens, however you requested 500430 tokens (3430 in your prompt; "
        "500000 for the completion). Please reduce your prompt; or completion length.",
        667, False,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("words", "tokens", "lasting"), STATED.values(), ids=STATED)
def test_every_vendors_words_are_understood(words: str, tokens: int, lasting: bool) -> None:
    assert stated_cap({"max_tokens": MANY}, words) == OutputCap(tokens, lasting)


@pytest.mark.parametrize(
    "words",
    [
        "prompt is too long: 210000 tokens > 200000 maximum",
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9030 tokens.",
        "max_tokens: Field required",
        "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 1 instead.",
        "",
    ],
)
def test_other_words_name_no_cap(words: str) -> None:
    assert stated_cap({"max_tokens": MANY}, words) is None


def test_a_request_that_asks_for_no_number_has_none_to_lower() -> None:
    assert stated_cap({"messages": []}, STATED["openai"][0]) is None


def refusal(wire: str, words: str) -> Answer:
    body: dict[str, Any] = {"error": {"message": words, "type": "invalid_request_error"}}
    return error(400, {"type": "error", **body} if wire == "messages" else body)


@pytest.mark.parametrize("wire", OK)
async def test_the_cap_is_lowered_once_remembered_and_told(server: Loopback, wire: str) -> None:
    provider = {"chat": chat, "messages": messages, "responses": responses, "gemini": gemini}[wire](server.origin)
    words, tokens, _ = STATED[{"chat": "openai", "messages": "anthropic"}.get(wire, wire)]
    server.script(refusal(wire, words), OK[wire], OK[wire], OK[wire])
    request = ChatRequest("m-1", (user("Hi"),), params=ModelParams(max_tokens=MANY))
    got = await ask(provider, request)
    assert [failed.error.title for failed in got.failures] == [f"Retrying with at most {tokens:,} tokens of output"]
    (note,) = [event for event in got.events if isinstance(event, Noticed)]
    assert note.text == f"max_tokens was lowered to {tokens:,}, the most acme/m-1 takes"
    assert note.unsent == ""
    await ask(provider, request)
    await ask(provider, ChatRequest("m-1", (user("Hi"),), params=ModelParams(max_tokens=100)))
    assert [limit(seen.json) for seen in server.requests] == [MANY, tokens, tokens, 100]


def limit(body: JsonObject) -> Any:
    fields = ("max_tokens", "max_completion_tokens", "max_output_tokens")
    return next((body[f] for f in fields if f in body), None) or body["generationConfig"]["maxOutputTokens"]


async def test_what_one_prompt_left_room_for_is_not_remembered(server: Loopback) -> None:
    provider = chat(server.origin)
    server.script(refusal("chat", STATED["vllm"][0]), OK["chat"], OK["chat"])
    request = ChatRequest("m-1", (user("Hi"),), params=ModelParams(max_tokens=MANY))
    got = await ask(provider, request)
    assert [event.text for event in got.events if isinstance(event, Noticed)] == [
        "max_tokens was lowered to 32,748, the most acme/m-1 takes"
    ]
    await ask(provider, request)
    assert [seen.json["max_tokens"] for seen in server.requests] == [MANY, 32748, MANY]


async def test_a_server_that_insists_is_not_asked_for_ever(server: Loopback) -> None:
    server.script(*[refusal("chat", STATED["openai"][0]) for _ in range(9)])
    got = await ask(chat(server.origin), ChatRequest("m-1", (user("Hi"),), params=ModelParams(max_tokens=MANY)))
    assert got.finished.stop is StopReason.ERROR
    assert len(server.requests) == 2


def test_a_thinking_budget_stays_below_the_cap() -> None:
    thinking = {"type": "enabled", "budget_tokens": 16_384}
    assert capped({"max_tokens": 20_480, "thinking": thinking}, 8_192) == {
        "max_tokens": 8_192,
        "thinking": {"type": "enabled", "budget_tokens": 4_096},
    }
    assert capped({"max_tokens": 20_480, "thinking": thinking}, 1_000) == {"max_tokens": 1_000}
