"""What of the parameters a person set is sent, and that they are told of the rest."""

from __future__ import annotations

import pytest

from mcp_tui.core.chat import ChatRequest, ModelParams, Noticed
from mcp_tui.providers.quirks import Quirks
from mcp_tui.providers.registry import ModelRef, ProviderRegistry
from mcp_tui.providers.request_stream import WireProvider
from tests.providers.asking import Answered, ask, chat, gemini, messages, responses, user
from tests.providers.loopback import Loopback, error
from tests.providers.test_media import OK

ALL = ModelParams(8_000, 0.5, "high", 7, ("x",))


def told(got: Answered) -> dict[str, str]:
    return {event.unsent: event.text for event in got.events if isinstance(event, Noticed)}


def provider(wire: str, origin: str) -> WireProvider:
    if wire == "responses of openai":
        return responses(origin, quirks=Quirks(sampling_in_responses=False))
    return {"chat": chat, "messages": messages, "responses": responses, "gemini": gemini}[wire](origin)


@pytest.mark.parametrize(
    ("wire", "model", "unsent"),
    [
        ("chat", "any", set[str]()),
        ("responses", "any", set[str]()),
        ("responses of openai", "gpt-5.5", {"seed", "stop"}),
        ("responses of openai", "gpt-4.1", {"seed", "stop", "effort"}),
        ("messages", "claude-sonnet-4-5", {"seed", "temperature"}),
        ("messages", "other-maker", {"seed", "effort"}),
        ("gemini", "gemini-3.1-pro", set[str]()),
        ("gemini", "gemini-2.0-flash", {"effort"}),
    ],
)
async def test_a_parameter_the_format_or_model_has_no_place_for_is_told(
    server: Loopback, wire: str, model: str, unsent: set[str]
) -> None:
    server.script(OK[wire.split()[0]])
    got = await ask(provider(wire, server.origin), ChatRequest(model, (user("Hi"),), params=ALL))
    assert told(got) == {name: f"{name} was not sent: acme/{model} does not take it" for name in unsent}


async def test_a_refused_parameter_is_told_every_time_and_in_advance(server: Loopback) -> None:
    server.script(
        error(400, {"error": {"message": "`temperature` is deprecated for this model."}}), OK["chat"], OK["chat"]
    )
    spoken = chat(server.origin)
    request = ChatRequest("m-1", (user("Hi"),), params=ModelParams(temperature=0.2, seed=3))
    assert spoken.unsent("m-1", request.params) == ()
    for _ in range(2):
        assert set(told(await ask(spoken, request))) == {"temperature"}
    assert spoken.unsent("m-1", request.params) == ("temperature",)
    assert spoken.unsent("m-2", request.params) == ()


async def test_a_renamed_parameter_is_sent(server: Loopback) -> None:
    words = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    server.script(error(400, {"error": {"message": words, "param": "max_tokens"}}), OK["chat"])
    got = await ask(chat(server.origin), ChatRequest("m-1", (user("Hi"),), params=ModelParams(max_tokens=50)))
    assert server.requests[1].json["max_completion_tokens"] == 50
    assert told(got) == {}


async def test_no_reasoning_asked_of_a_model_that_cannot_is_nothing_to_tell(server: Loopback) -> None:
    server.script(OK["messages"])
    got = await ask(messages(server.origin), ChatRequest("other", (user("Hi"),), params=ModelParams(effort="none")))
    assert told(got) == {}


def test_the_registry_knows_before_anything_is_sent() -> None:
    registry = ProviderRegistry((), {"ANTHROPIC_API_KEY": "k"})
    claude, unknown, keyless = (
        ModelRef("anthropic", "claude-haiku-4-5"),
        ModelRef("nobody", "x"),
        ModelRef("azure", "x"),
    )
    assert registry.unsent(claude, ALL) == ("temperature", "seed")
    assert registry.unsent(unknown, ALL) == registry.unsent(keyless, ALL) == ()
