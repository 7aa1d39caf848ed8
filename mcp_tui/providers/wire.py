"""What every wire format has in common: one request, its attempts, its events, one Finished.

A format is data in, data out (`WireFormatRules`, `Reply`); this module owns the connection, the retries and the
promise that `stream` ends with exactly one Finished and never raises for faults of others.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any, Protocol, cast

from mcp_tui.core.chat import (
    AttemptFailed,
    AttemptStarted,
    ChatEvent,
    ChatRequest,
    Finished,
)
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.adaptation import Adaptations
from mcp_tui.providers.connection import Connection, EventStream
from mcp_tui.providers.faults import ProviderError
from mcp_tui.providers.retry import Retrier
from mcp_tui.providers.sse import SseEvent

_MAX_AMENDMENTS = 8
_raw_decode = json.JSONDecoder().raw_decode
"""json.loads without its questions about the text's type and encoding: this is asked for every event."""


class MalformedEventError(Exception):
    """An event whose data is no JSON."""


def decode_event(event: SseEvent) -> Any:
    """The decoded data, or None for data that is no JSON object or list (padding, `ping`).

    MalformedEventError when it begins like JSON and is none, unless the stream ended within it: an answer that
    was cut is incomplete, not wrong.
    """
    text = event.data.strip()
    if not text.startswith(("{", "[")):
        return None
    try:
        value, end = _raw_decode(text)
        # The rest is the exception; json.loads says what is wrong with it.
        return value if end == len(text) else json.loads(text)
    except (ValueError, RecursionError) as error:
        if not event.complete:
            return None
        raise MalformedEventError(str(error)) from error


class Reply(Protocol):
    """Puts one answer together."""

    @property
    def done(self) -> bool:
        """The format's last event came: what follows is not read."""
        ...

    @property
    def settled(self) -> bool:
        """The answer is whole; at most figures follow."""
        ...

    def feed(self, event: SseEvent) -> Iterable[ChatEvent]:
        """MalformedEventError when the event cannot be decoded."""
        ...

    def close(self) -> Iterable[ChatEvent]:
        """What was held back, when no more events come."""
        ...

    def finished(self, attempts: int, broken: ErrorInfo | None) -> Finished:
        """broken: why the stream ended before the format said so; None when it ended by itself."""
        ...


class WireFormatRules(Protocol):
    """One wire format for one provider."""

    def path(self, request: ChatRequest) -> str:
        """Below the base URL, with its query if it has one."""
        ...

    def body(self, request: ChatRequest) -> JsonObject:
        """The request body. AppError (usage) for what the format cannot express."""
        ...

    def reply(self, request: ChatRequest) -> Reply: ...

    async def list_models(self, connection: Connection, timeout_s: float) -> tuple[str, ...]: ...


class WireProvider:
    """A provider: a format over a connection."""

    def __init__(
        self, name: str, rules: WireFormatRules, connection: Connection, *, retrier: Retrier | None = None
    ) -> None:
        self.name = name
        self._rules = rules
        self._connection = connection
        self._retrier = retrier or Retrier()
        self._adaptations = Adaptations()

    def __repr__(self) -> str:
        return f"WireProvider({self.name}, {self._connection!r})"

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        reply = self._rules.reply(request)
        attempts = 0
        opened: EventStream | None = None
        try:
            try:
                body = self._rules.body(request)
                for _ in range(_MAX_AMENDMENTS + 1):
                    sent = self._adaptations.applied(request.model, body)
                    try:
                        tries = self._retrier.attempts()
                        async for attempt in tries.retrying:
                            attempts += 1
                            yield AttemptStarted(attempts)
                            with attempt:
                                opened = await self._connection.open(self._rules.path(request), sent)
                            if (planned := tries.plan(attempt)) is not None:
                                fault, wait_s = planned
                                yield AttemptFailed(attempts, wait_s, fault.info)
                        break
                    except ProviderError as fault:
                        amendment = self._adaptations.learn(request.model, sent, fault.status, fault.reason)
                        if amendment is None:
                            raise
                        yield AttemptFailed(attempts, 0.0, _amended(fault.info, amendment.summary))
            except AppError as error:
                yield reply.finished(max(attempts, 1), error.info)
                return
            except ProviderError as fault:
                yield reply.finished(max(attempts, 1), self._final(fault))
                return
            if opened is None:
                info = ErrorInfo(
                    f"{self.name} refused the request", "too many parameters refused", "", ErrorKind.PROVIDER
                )
                yield reply.finished(attempts, info)
                return
            broken: ErrorInfo | None = None
            try:
                async with aclosing(opened.batches()) as batches:
                    async for batch in batches:
                        for event in batch:
                            for part in reply.feed(event):
                                yield part
                            if reply.done:
                                break
                        if reply.done:
                            break
                        if reply.settled:
                            opened.idle_s = self._connection.deadlines.settled_s
            except MalformedEventError as error:
                broken = self._connection.fault("sent an event that is no JSON", str(error), code="bad_event").info
            except ProviderError as fault:
                broken = fault.info
            for part in reply.close():
                yield part
            if reply.done:
                await opened.drain()
            await opened.aclose()
            yield reply.finished(attempts, broken)
        finally:
            if opened is not None:
                await opened.aclose()

    async def list_models(self, *, timeout_s: float = 10.0) -> tuple[str, ...]:
        try:
            return await self._rules.list_models(self._connection, timeout_s)
        except ProviderError as fault:
            raise AppError.of(fault.info) from fault

    async def aclose(self) -> None:
        await self._connection.aclose()

    def _final(self, fault: ProviderError) -> ErrorInfo:
        if not self._retrier.gave_up(fault) or fault.retry_after_s is None:
            return fault.info
        info = fault.info
        hint = f"it asks to wait {fault.retry_after_s:.0f} s before the next try"
        return ErrorInfo(info.title, info.detail, hint, info.kind, info.code)


def _amended(info: ErrorInfo, summary: str) -> ErrorInfo:
    return ErrorInfo(f"Retrying {summary}", info.detail, "", info.kind, "parameter_refused")


def model_ids(listing: object, *, prefix: str = "") -> tuple[str, ...]:
    """Ids of GET /models, in the server's order: `{"data": [...]}`, `{"models": [...]}` or a bare list."""
    entries: object = listing
    if isinstance(listing, dict):
        fields = cast("JsonObject", listing)
        entries = fields.get("data") or fields.get("models") or []
    ids: dict[str, None] = {}
    for entry in cast("list[object]", entries) if isinstance(entries, list) else []:
        fields = cast("JsonObject", entry) if isinstance(entry, dict) else {}
        model = fields.get("id") or fields.get("name")
        if isinstance(model, str) and model:
            ids.setdefault(model.removeprefix(prefix), None)
    return tuple(ids)
