"""What a column holds while an answer of many small pieces streams in, against the text itself.

The answer stands in a few places while it streams (the adapter's message, the turn, what is shown); each is a copy of
the text, none a collection of its pieces. So what is held grows with the text alone, however it was cut.
"""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncGenerator, Iterator

from mcp_tui.core.chat import ChatEvent, ChatRequest
from mcp_tui.core.events import ColumnEvent
from mcp_tui.core.state import ColumnStatus
from mcp_tui.providers.openai_chat_reply import OpenAiChatReply
from mcp_tui.providers.provider_error import Subject
from mcp_tui.providers.quirks import Quirks
from mcp_tui.providers.sse import SseDecoder
from tests.benchmarks.table import Row, show
from tests.runs.doubles import Stage

PIECES = 150_000
_CHARACTERS = 4
_EVERY = 20_000
GOAL = 5.0
"""Copies of the text. A list of its pieces alone would be fourteen."""


def _bytes_of(count: int) -> Iterator[bytes]:
    head = b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"'
    for number in range(count):
        yield head + f"{number % 10_000:04d}".encode() + b'"}}]}\n\n'
    yield b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


class _Streaming:
    """A provider that decodes real bytes; what is held is looked at while they come."""

    name = "a"

    def __init__(self, count: int) -> None:
        self._count = count
        self.held: list[int] = []

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        reply, decoder = OpenAiChatReply(Subject("a"), "m", Quirks()), SseDecoder()
        for number, chunk in enumerate(_bytes_of(self._count)):
            for event in decoder.feed(chunk):
                for part in reply.feed(event):
                    yield part
            if number % _EVERY == _EVERY - 1:
                await asyncio.sleep(0)
                gc.collect()
                self.held.append(tracemalloc.get_traced_memory()[0])
        yield reply.finished(1, None)

    async def list_models(self, *, timeout_s: float = 10.0) -> tuple[str, ...]:
        return ()


async def _held_bytes(count: int) -> int:
    """The most held at any time while so many pieces came, beyond what was held before."""
    async with Stage() as stage:
        provider = _Streaming(count)
        stage.providers.known["a"] = provider
        run = stage.run("a", record=lambda _: _nobody)
        gc.collect()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            run.send("Go")
            await run.wait()
            if run.status("c1") is not ColumnStatus.DONE or len(run.answer_text("c1")) != count * _CHARACTERS:
                raise RuntimeError("the answer did not come whole")
            return max(provider.held) - before
        finally:
            tracemalloc.stop()


def _nobody(event: ColumnEvent) -> None:
    """What a face keeps is its own."""


def rows() -> list[Row]:
    held = asyncio.run(_held_bytes(PIECES))
    text = PIECES * _CHARACTERS
    return [
        Row(
            "a column's answer in memory",
            f"{held / 1e6:.1f} MB",
            f"its text {text / 1e6:.1f} MB",
            held / text,
            goal=GOAL,
            note=f"the most held at a time, {PIECES:,} pieces",
        )
    ]


if __name__ == "__main__":
    show(rows())
