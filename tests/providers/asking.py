"""Asking a provider against the loopback server, and what tests look at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from mcp_tui.config.schema import WireFormat
from mcp_tui.core.chat import (
    AttemptFailed,
    ChatEvent,
    ChatRequest,
    Finished,
    Message,
    ReasoningDelta,
    RefusalDelta,
    TextBlock,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from mcp_tui.providers.building import build
from mcp_tui.providers.connection import Deadlines
from mcp_tui.providers.endpoint import Endpoint
from mcp_tui.providers.quirks import Quirks
from mcp_tui.providers.registry import Provider
from mcp_tui.providers.request_stream import WireProvider
from mcp_tui.providers.retry import Retrier
from tests.providers.loopback import DEADLINE_S

KEY = "test-key-3b1f"


def user(text: str) -> Message:
    return Message("user", (TextBlock(text),))


HELLO = ChatRequest("m-1", (user("Hello"),))


@dataclass
class Naps:
    """Stands in for sleeping between attempts."""

    taken_s: list[float] = field(default_factory=list[float])

    async def __call__(self, seconds: float) -> None:
        self.taken_s.append(seconds)


@dataclass
class Answered:
    events: list[ChatEvent]

    @property
    def finished(self) -> Finished:
        last = self.events[-1]
        assert isinstance(last, Finished)
        assert sum(isinstance(event, Finished) for event in self.events) == 1
        return last

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def reasoning(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, ReasoningDelta))

    @property
    def refusal(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, RefusalDelta))

    @property
    def failures(self) -> list[AttemptFailed]:
        return [event for event in self.events if isinstance(event, AttemptFailed)]

    @property
    def calls(self) -> list[tuple[str, str, object]]:
        """(id, name, arguments) of the finished message; the streamed fragments must agree."""
        blocks = self.finished.message.tool_calls
        streamed: dict[int, tuple[str, str, str]] = {}
        for event in self.events:
            if isinstance(event, ToolCallStarted):
                streamed[event.key] = (event.id, event.name, "")
            elif isinstance(event, ToolCallDelta):
                call_id, name, raw = streamed[event.key]
                streamed[event.key] = (call_id, name, raw + event.arguments)
        assert [streamed[key] for key in sorted(streamed)] == [(b.id, b.name, b.arguments_raw) for b in blocks]
        return [(block.id, block.name, block.arguments) for block in blocks]


async def gather(events: AsyncGenerator[ChatEvent, None]) -> Answered:
    async with asyncio.timeout(DEADLINE_S), aclosing(events):
        return Answered([event async for event in events])


async def ask(provider: Provider, request: ChatRequest = HELLO) -> Answered:
    return await gather(provider.stream(request))


def endpoint(
    origin: str, *, wire: WireFormat = "openai-chat", name: str = "acme", quirks: Quirks | None = None
) -> Endpoint:
    path = {"openai-chat": "/v1", "openai-responses": "/v1", "gemini": "/v1beta"}.get(wire, "")
    return Endpoint(
        name, wire, origin + path, key=KEY, key_source="ACME_API_KEY", key_variables=("ACME_API_KEY",),
        quirks=quirks or Quirks(),
    )  # fmt: skip


def chat(
    origin: str,
    *,
    quirks: Quirks | None = None,
    naps: Naps | None = None,
    name: str = "acme",
    deadlines: Deadlines | None = None,
) -> WireProvider:
    """A provider of openai-chat that never really sleeps."""
    return build(endpoint(origin, quirks=quirks, name=name), retrier=Retrier(sleep=naps or Naps()), deadlines=deadlines)


def messages(origin: str, *, naps: Naps | None = None, name: str = "acme") -> WireProvider:
    """A provider of anthropic-messages that never really sleeps."""
    return build(endpoint(origin, wire="anthropic-messages", name=name), retrier=Retrier(sleep=naps or Naps()))


def responses(
    origin: str, *, quirks: Quirks | None = None, naps: Naps | None = None, name: str = "acme"
) -> WireProvider:
    """A provider of openai-responses that never really sleeps."""
    spoken = endpoint(origin, wire="openai-responses", name=name, quirks=quirks)
    return build(spoken, retrier=Retrier(sleep=naps or Naps()))


def gemini(origin: str, *, naps: Naps | None = None, name: str = "acme") -> WireProvider:
    """A provider of gemini that never really sleeps."""
    return build(endpoint(origin, wire="gemini", name=name), retrier=Retrier(sleep=naps or Naps()))
