"""The desk where requests from servers wait for a person, and what an interface says it can answer.

Imports nothing of the SDK: faces and the engine make a desk before it is loaded.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.server_requests import (
    DECLINED,
    Fate,
    Reply,
    RequestKind,
    ServerRequest,
    SettledRequest,
    form_fault,
    message_fault,
    offers_tools,
)
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.calling.argument_check import encoding_problem
from mcp_tui.sessions.size_estimate import estimated_size

_log = logging.getLogger(__name__)

MAX_SETTLED = 200
MAX_SETTLED_BYTES = 20_000_000
"""Of the history; what is larger than its share is kept without its bulk."""
_MAX_KEPT_BYTES = 2_000_000

EVERY_KIND = frozenset({RequestKind.FORM, RequestKind.URL, RequestKind.SAMPLING})

Ask = Callable[[ServerRequest, Callable[[], str]], Awaitable[Reply]]
"""Answers one request. The callable tells, when the answer is cancelled, why nobody waits for it any more."""


@dataclass(frozen=True, slots=True)
class Answering:
    """Who answers what servers ask.

    offers: what servers are told that can be answered. Whatever else they ask is handed to `ask` all the same, which
    declines and tells the person.
    """

    ask: Ask
    offers: frozenset[RequestKind] = EVERY_KIND
    told: Callable[[ServerRequest, Reply], None] | None = None
    """A request was answered without asking anybody (roots)."""
    completed: Callable[[str, str], None] | None = None
    """(server, elicitation id): what was begun in the browser is done."""


@dataclass(slots=True, eq=False)
class _Open:
    request: ServerRequest
    outcome: asyncio.Future[Reply] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    by: str = ""


class RequestDesk:
    """Open requests of all servers in the order they came, and what became of the earlier ones."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, _Open] = {}
        self._settled: deque[tuple[SettledRequest, int]] = deque()
        self._settled_bytes = 0
        self._listeners: list[Callable[[], None]] = []
        self._announced = False

    def answering(self) -> Answering:
        return Answering(self.ask, EVERY_KIND, self._told, self.completed)

    def pending(self) -> tuple[ServerRequest, ...]:
        return tuple(entry.request for entry in self._open.values())

    def settled(self) -> tuple[SettledRequest, ...]:
        """Newest first."""
        return tuple(entry for entry, _ in reversed(self._settled))

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` on the loop after anything changed, once per burst. Returns the undo."""
        self._listeners.append(listener)

        def undo() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return undo

    # ------------------------------------------------------------------ for servers

    async def ask(self, request: ServerRequest, ended: Callable[[], str]) -> Reply:
        """Waits for the person, for ever; cancelling takes the request back."""
        entry = _Open(request)
        self._open[request.id] = entry
        self._changed()
        try:
            reply = await entry.outcome
        except asyncio.CancelledError:
            self._settle(entry, Fate.WITHDRAWN, None, ended() or "the server took it back")
            raise
        fate = {"accept": Fate.ANSWERED, "decline": Fate.DECLINED}.get(reply.action, Fate.CANCELLED)
        self._settle(entry, fate, reply, "")
        return reply

    def completed(self, server: str, elicitation_id: str) -> None:
        """An unknown id is ignored, as the protocol says."""
        for entry in self._open.values():
            request = entry.request
            if request.server == server and request.elicitation_id == elicitation_id and elicitation_id:
                self._reply(entry, Reply("accept"), by="done in the browser")
                return
        for index, (settled, size) in enumerate(self._settled):
            request = settled.request
            if request.server == server and request.elicitation_id == elicitation_id and settled.completed is False:
                self._settled[index] = replace(settled, completed=True), size
                self._changed()
                return

    def _told(self, request: ServerRequest, reply: Reply) -> None:
        # A server may ask again and again; its newest question is enough.
        for item in [item for item in self._settled if _same_ask(item[0].request, request)]:
            self._settled.remove(item)
            self._settled_bytes -= item[1]
        self._keep(SettledRequest(request, Fate.ANSWERED, self._clock(), reply, "configuration"))
        self._changed()

    # ------------------------------------------------------------------ for the person

    def accept(self, request_id: str, content: JsonObject | None = None, *, by: str = "by hand") -> None:
        """Answer it. AppError (usage) when the protocol cannot carry `content`; an id that is gone is ignored."""
        entry = self._open.get(request_id)
        if entry is None:
            return
        request = entry.request
        fault = ""
        if request.kind is RequestKind.URL:
            content = None
        elif content is None:
            fault = "it is empty"
        elif problem := encoding_problem(content):
            fault = f"it is not JSON: {problem}"
        elif request.kind is RequestKind.FORM:
            fault = form_fault(content)
        else:
            fault = message_fault(content, tools=offers_tools(request))
        if fault:
            raise AppError("The answer cannot be sent", fault, kind=ErrorKind.USAGE, code="bad_answer")
        self._reply(entry, Reply("accept", content), by=by)

    def decline(self, request_id: str) -> None:
        entry = self._open.get(request_id)
        if entry is not None:
            self._reply(entry, DECLINED, by="by hand")

    def cancel(self, request_id: str) -> None:
        """Neither yes nor no: the question was put away."""
        entry = self._open.get(request_id)
        if entry is not None:
            self._reply(entry, Reply("cancel"), by="by hand")

    # ------------------------------------------------------------------ inside

    def _reply(self, entry: _Open, reply: Reply, *, by: str) -> None:
        if not entry.outcome.done():
            entry.by = by
            entry.outcome.set_result(reply)
            # Gone at once: a second answer in the same moment must find nothing.
            self._open.pop(entry.request.id, None)
            self._changed()

    def _settle(self, entry: _Open, fate: Fate, reply: Reply | None, why: str) -> None:
        self._open.pop(entry.request.id, None)
        request = entry.request
        waits = request.kind is RequestKind.URL and bool(request.elicitation_id) and fate is Fate.ANSWERED
        completed = (entry.by == "done in the browser") if waits else None
        self._keep(SettledRequest(request, fate, self._clock(), reply, entry.by, why, completed))
        self._changed()

    def _keep(self, settled: SettledRequest) -> None:
        content = settled.reply.content if settled.reply is not None else None
        size = estimated_size([settled.request.params, content], _MAX_KEPT_BYTES)
        if size > _MAX_KEPT_BYTES:
            note: JsonObject = {"message": settled.request.message[:2000], "note": "too large to be kept"}
            settled = replace(settled, request=replace(settled.request, params=note))
            if settled.reply is not None:
                settled = replace(settled, reply=replace(settled.reply, content=None))
            size = estimated_size(note, _MAX_KEPT_BYTES)
        self._settled.append((settled, size))
        self._settled_bytes += size
        while len(self._settled) > MAX_SETTLED or self._settled_bytes > MAX_SETTLED_BYTES:
            self._settled_bytes -= self._settled.popleft()[1]

    def _changed(self) -> None:
        if self._announced or not self._listeners:
            return
        self._announced = True
        asyncio.get_running_loop().call_soon(self._announce)

    def _announce(self) -> None:
        self._announced = False
        for listener in tuple(self._listeners):
            try:
                listener()
            except Exception:  # noqa: BLE001 - a face must not keep servers waiting; logged
                _log.exception("a listener of the request desk failed")


def _same_ask(one: ServerRequest, other: ServerRequest) -> bool:
    return one.kind is other.kind and one.server == other.server
