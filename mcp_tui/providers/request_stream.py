"""What every wire format has in common: one request, its attempts, its events, one Finished.

A format is data in, data out (`WireFormatRules`, `Reply`); this module owns the connection, the retries and the
promise that `stream` ends with exactly one Finished and never raises for faults of others.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Protocol

from mcp_tui.core.chat import (
    AttemptFailed,
    AttemptStarted,
    ChatEvent,
    ChatRequest,
    Finished,
    ModelParams,
    Noticed,
)
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.figures import remaining_text
from mcp_tui.core.state import RateLimits
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.adaptation import Adaptations, Amendment
from mcp_tui.providers.connection import EventStream, ProviderConnection
from mcp_tui.providers.listing import ListedModel
from mcp_tui.providers.media import Media, fitted, kind_of, refused_kinds
from mcp_tui.providers.parameters import unsent
from mcp_tui.providers.provider_error import ProviderError
from mcp_tui.providers.quirks import MediaKind
from mcp_tui.providers.retry import Retrier
from mcp_tui.providers.sse import SseEvent

_MAX_AMENDMENTS = 8
_PLURALS: Mapping[MediaKind, str] = {
    "image": "images", "pdf": "PDF files", "document": "documents", "audio": "recordings", "video": "films",
}  # fmt: skip
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

    def takes(self, item: Media, model: str) -> bool:
        """Whether a request may hold this image or file; `body` is only given such."""
        ...

    def path(self, request: ChatRequest) -> str:
        """Below the base URL, with its query if it has one."""
        ...

    def body(self, request: ChatRequest) -> JsonObject:
        """The request body. AppError (usage) for what the format cannot express."""
        ...

    def reply(self, request: ChatRequest) -> Reply: ...

    async def list_models(self, connection: ProviderConnection, timeout_s: float) -> tuple[ListedModel, ...]: ...


@dataclass(slots=True)
class _Sending:
    """A request on its way."""

    attempts: int = 0
    stream: EventStream | None = None
    rate_limits: RateLimits | None = None


class WireProvider:
    """A provider: a format over a connection."""

    def __init__(
        self, name: str, rules: WireFormatRules, connection: ProviderConnection, *, retrier: Retrier | None = None
    ) -> None:
        self.name = name
        self._rules = rules
        self._connection = connection
        self._retrier = retrier or Retrier()
        self._adaptations = Adaptations()
        self._refused_media: dict[str, frozenset[MediaKind]] = {}
        """Per model, what it was found not to take."""

    def __repr__(self) -> str:
        return f"WireProvider({self.name}, {self._connection!r})"

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        reply = self._rules.reply(request)
        sending = _Sending()
        try:
            try:
                async with aclosing(self._opened(request, sending)) as events:
                    async for event in events:
                        yield event
            except AppError as error:
                yield _with_limits(reply.finished(max(sending.attempts, 1), error.info), sending)
                return
            except ProviderError as fault:
                sending.rate_limits = fault.rate_limits or sending.rate_limits
                yield _with_limits(reply.finished(max(sending.attempts, 1), self._final(fault)), sending)
                return
            opened = sending.stream
            if opened is None:
                info = ErrorInfo(
                    f"{self.name} refused the request", "too many parameters refused", "", ErrorKind.PROVIDER
                )
                yield _with_limits(reply.finished(sending.attempts, info), sending)
                return
            sending.rate_limits = opened.rate_limits or sending.rate_limits
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
            yield _with_limits(reply.finished(sending.attempts, broken), sending)
        finally:
            if sending.stream is not None:
                await sending.stream.aclose()

    async def _opened(self, request: ChatRequest, sending: _Sending) -> AsyncGenerator[ChatEvent, None]:
        """Send until an answer begins, without what the model turns out not to take; the stream is in `sending`.

        ProviderError or AppError when it cannot be sent. No stream: refused too often.
        """
        model = f"{self.name}/{request.model}"
        fit = fitted(request.messages, lambda item: self._takes(item, request.model), model)
        body = self._rules.body(replace(request, messages=fit.messages))
        once: list[Amendment] = []
        for _ in range(_MAX_AMENDMENTS + 1):
            sent = self._adaptations.applied(request.model, body)
            for amendment in once:
                sent = amendment.apply(sent)
            try:
                tries = self._retrier.attempts()
                async for attempt in tries.retrying:
                    sending.attempts += 1
                    yield AttemptStarted(sending.attempts)
                    with attempt:
                        sending.stream = await self._connection.open(self._rules.path(request), sent)
                    if (planned := tries.plan(attempt)) is not None:
                        fault, wait_s = planned
                        sending.rate_limits = fault.rate_limits or sending.rate_limits
                        yield AttemptFailed(sending.attempts, wait_s, fault.info)
                break
            except ProviderError as fault:
                if refused := refused_kinds(fit.kinds, fault.status, fault.reason):
                    self._refused_media[request.model] = refused | self._refused_media.get(request.model, frozenset())
                    fit = fitted(request.messages, lambda item: self._takes(item, request.model), model)
                    body = self._rules.body(replace(request, messages=fit.messages))
                    summary = f"without {' and '.join(sorted(_PLURALS[kind] for kind in refused))}"
                else:
                    amendment = self._adaptations.learn(request.model, sent, fault.status, fault.reason)
                    if amendment is None:
                        raise
                    summary = amendment.summary
                    once += [] if amendment.lasting else [amendment]
                yield AttemptFailed(sending.attempts, 0.0, _amended(fault.info, summary))
        for note in fit.notes:
            yield Noticed(note)
        for notice in self._notices(request, once):
            yield notice

    def _takes(self, item: Media, model: str) -> bool:
        refused = kind_of(item.mime_type) in self._refused_media.get(model, frozenset())
        return not refused and self._rules.takes(item, model)

    def unsent(self, model: str, params: ModelParams) -> tuple[str, ...]:
        """Names of the given parameters that would not be sent to this model, as far as is known by now."""
        return unsent(lambda probe: self._adaptations.applied(model, self._rules.body(probe)), model, params)

    def _notices(self, request: ChatRequest, once: Sequence[Amendment]) -> Iterable[Noticed]:
        """What became of the parameters the person set."""
        wanted = request.params.max_tokens
        caps = [cap for cap in (self._adaptations.cap(request.model), *(one.cap for one in once)) if cap is not None]
        lowered = min(caps, default=None)
        for name in self.unsent(request.model, request.params):
            if name != "max_tokens" or lowered is None:
                yield Noticed(f"{name} was not sent: {self.name}/{request.model} does not take it", name)
        if wanted is not None and lowered is not None and lowered < wanted:
            yield Noticed(f"max_tokens was lowered to {lowered:,}, the most {self.name}/{request.model} takes")

    async def list_models(self, *, timeout_s: float = 10.0) -> tuple[str, ...]:
        return tuple(model.id for model in await self.listed(timeout_s=timeout_s))

    async def listed(self, *, timeout_s: float = 10.0) -> tuple[ListedModel, ...]:
        """As `list_models`, with what the provider says about each."""
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
        hint = f"it asks to wait {remaining_text(fault.retry_after_s)} before the next try"
        return ErrorInfo(info.title, info.detail, hint, info.kind, info.code)


def _with_limits(finished: Finished, sending: _Sending) -> Finished:
    return finished if sending.rate_limits is None else replace(finished, rate_limits=sending.rate_limits)


def _amended(info: ErrorInfo, summary: str) -> ErrorInfo:
    return ErrorInfo(f"Retrying {summary}", info.detail, "", info.kind, "parameter_refused")
