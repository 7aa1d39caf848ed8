"""Cutting an utterance into tokens, and letting them out at a model's speed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Literal

from mcp_tui.demo.dialog import Call, Dialog, Utterance
from mcp_tui.demo.personas import Persona

_PIECE = re.compile(r" ?\S{1,5}|\s+")

End = Literal["stop", "calls", "length"]


@dataclass(frozen=True, slots=True)
class Token:
    """kind "call" opens call number `index` and has no text; its arguments follow as "arguments"."""

    kind: Literal["reasoning", "text", "call", "arguments"]
    text: str = ""
    index: int = 0
    call: Call | None = None


@dataclass(frozen=True, slots=True)
class Speech:
    """`reasoning_count` is a part of `count`."""

    tokens: tuple[Token, ...]
    end: End
    count: int
    reasoning_count: int

    def joined(self, kind: Literal["reasoning", "text"]) -> str:
        return "".join(token.text for token in self.tokens if token.kind == kind)

    @property
    def calls(self) -> tuple[tuple[Call, str], ...]:
        """Each call with the JSON text of its arguments, which is cut when the end is "length"."""
        opened = [token for token in self.tokens if token.call is not None]
        return tuple(
            (
                token.call,
                "".join(part.text for part in self.tokens if part.kind == "arguments" and part.index == token.index),
            )
            for token in opened
            if token.call is not None
        )


def pieces(text: str) -> list[str]:
    """Parts of up to five characters with the space before them, about as long as real tokens; nothing is lost."""
    return _PIECE.findall(text)


def spoken(utterance: Utterance, max_tokens: int | None) -> Speech:
    """The utterance as tokens, ended early by `max_tokens` as real models do, even inside a call's arguments."""
    every: list[Token] = [Token("reasoning", piece) for piece in pieces(utterance.reasoning)]
    every += [Token("text", piece) for piece in pieces(utterance.text)]
    for index, call in enumerate(utterance.calls):
        every.append(Token("call", "", index, call))
        arguments = json.dumps(call.arguments, ensure_ascii=False) if call.arguments else "{}"
        every += [Token("arguments", piece, index) for piece in pieces(arguments)]
    end: End = "calls" if utterance.calls else "stop"
    if max_tokens is not None and len(every) > max_tokens:
        every, end = every[:max_tokens], "length"
    return Speech(tuple(every), end, max(1, len(every)), sum(token.kind == "reasoning" for token in every))


def seed_of(dialog: Dialog) -> str:
    """The same for the same model at the same point of the same conversation."""
    text = json.dumps([dialog.model, dialog.prompt, dialog.messages])
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


class Stopwatch:
    """Sleeps that all end at once when the server stops. Belongs to one event loop."""

    def __init__(self) -> None:
        self.stopping = False
        self._sleepers: set[asyncio.Future[None]] = set()

    def stop(self) -> None:
        self.stopping = True
        for sleeper in self._sleepers:
            if not sleeper.done():
                sleeper.set_result(None)

    async def sleep(self, seconds: float) -> None:
        if self.stopping or seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        sleeper = loop.create_future()
        self._sleepers.add(sleeper)
        timer = loop.call_later(seconds, lambda: None if sleeper.done() else sleeper.set_result(None))
        try:
            await sleeper
        finally:
            timer.cancel()
            self._sleepers.discard(sleeper)


class Pace:
    """When each token is due. `speed` 1 is the persona's own, 2 twice as fast, 0 without any delay."""

    def __init__(self, persona: Persona, seed: str, speed: float, stopwatch: Stopwatch) -> None:
        self._rng = random.Random(seed)
        self._persona = persona
        self._speed = speed
        self._stopwatch = stopwatch

    def waits(self) -> Iterator[float]:
        """Seconds before the first token, then before each further one."""
        if self._speed <= 0:
            while True:
                yield 0.0
        yield self._persona.first_token_s * (0.85 + 0.3 * self._rng.random()) / self._speed
        while True:
            yield (0.4 + 1.2 * self._rng.random()) / self._persona.tokens_per_s / self._speed

    async def let_out(self, speech: Speech) -> AsyncIterator[Token]:
        """Tokens when they are due; ends early, in the middle, when the server stops."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        for token, wait in zip(speech.tokens, self.waits(), strict=False):
            # Counted from when the token before was due, so that a late wake-up does not add up.
            due += wait
            await self._stopwatch.sleep(due - loop.time())
            if self._stopwatch.stopping:
                return
            yield token

    async def wait_for_all(self, speech: Speech) -> None:
        """As long as letting all tokens out takes, for answers that are not streamed."""
        total = sum(wait for _, wait in zip(speech.tokens, self.waits(), strict=False))
        await self._stopwatch.sleep(total)
