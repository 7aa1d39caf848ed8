"""A connection, as those see it that keep it alive and up to date: `health`, `changes`, `resource_watch`."""

from __future__ import annotations

from typing import Protocol

from mcp_tui.config.schema import ServerSpec
from mcp_tui.core.errors import ErrorInfo
from mcp_tui.sessions.announcements import Announcements
from mcp_tui.sessions.dialogs import Dialogs
from mcp_tui.sessions.fault import Fault
from mcp_tui.sessions.listing import Kind
from mcp_tui.sessions.transport.client import TruthfulClient
from mcp_tui.sessions.transport.exchange import Exchange
from mcp_tui.sessions.transport.stderr import Notices


class Observer(Protocol):
    """Who is told how it is. All calls come on the event loop and return at once."""

    def degraded(self, reason: ErrorInfo | None) -> None: ...

    def changed(self) -> None: ...


class Link(Protocol):
    """As in `Connection`."""

    spec: ServerSpec
    announcements: Announcements
    client: TruthfulClient
    dialogs: Dialogs
    notices: Notices
    latency_ms: float | None

    @property
    def host(self) -> Observer: ...

    @property
    def modern(self) -> bool: ...

    @property
    def usable(self) -> bool: ...

    @property
    def ended(self) -> bool: ...

    @property
    def in_flight(self) -> int: ...

    def suspect(self) -> None: ...

    def lose(self, fault: Fault) -> None: ...

    def broken(self, error: BaseException, exchange: Exchange) -> bool: ...

    def failed(self, error: BaseException, exchange: Exchange) -> None: ...

    async def refresh(self, kinds: frozenset[Kind]) -> ErrorInfo | None: ...
