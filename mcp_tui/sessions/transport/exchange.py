"""What is known about one request of ours while it travels through the SDK.

The SDK hands a caller only a typed result or an `MCPError`. The wire, however, says more: whether the request was
sent at all, the HTTP status behind "Server returned an error response", the result as it really was. Everything on
the way down runs in the context of the task that asked (stdio writes directly; the HTTP transport runs each POST in
its sender's context), so a context variable connects the two ends.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.types import JsonObject

if TYPE_CHECKING:
    from mcp_tui.core.deadline import Deadline


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, repaired: raw entries (wire keys), where to go on, and what was left out."""

    entries: tuple[JsonObject, ...]
    next_cursor: str | None
    warnings: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Exchange:
    """One request and, with several rounds of input, its repetitions. Written by the transport, read by the caller."""

    method: str
    subject: str = ""
    """What it is about, for people: the name of a tool or prompt, the URI of a resource."""
    request_id: str | int | None = None
    """JSON-RPC id of its newest round; the progress token too."""
    sent: bool = False
    """The message was handed to the transport (it may or may not have reached the server)."""
    answers: int = 0
    """Results received for `method`; more than one when the server asked for input in between."""
    refusals: int = 0
    """JSON-RPC errors received for it. The SDK's HTTP transport makes some up; `status` and `error` tell."""
    raw: JsonObject | None = None
    """The last result as it came, with its wire keys."""
    page: Page | None = None
    status: int | None = None
    """HTTP status of the last answer."""
    challenge: str = ""
    """WWW-Authenticate of the last answer."""
    retry_after_s: float | None = None
    session_gone: bool = False
    """The server said that it does not know our HTTP session: the request was not executed."""
    error: Exception | None = None
    """What broke the last HTTP request."""
    connect_failed: bool = False
    """`error` struck before a connection existed: nothing was sent."""
    clock: Deadline | None = None
    """The deadline of whoever waits for it; stands still while a person signs in."""
    denied: ErrorInfo | None = None
    """Why there is no access token (or none that is good enough) for it."""

    @property
    def provably_unsent(self) -> bool:
        """Safe to send again: no round of it reached the server."""
        if self.answers and not self.session_gone:
            return False
        return not self.sent or self.connect_failed or self.session_gone


CURRENT: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


class Recording:
    """Requests sent in this block (and by tasks started in it) are recorded on the exchange."""

    __slots__ = ("_exchange", "_token")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._token: Token[Exchange | None] | None = None

    def __enter__(self) -> Exchange:
        self._token = CURRENT.set(self._exchange)
        return self._exchange

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            CURRENT.reset(self._token)


def exchanging(method: str) -> Recording:
    return Recording(Exchange(method))
