"""Is the server still there? An idle connection that died announces nothing."""

from __future__ import annotations

import math
import time

import anyio
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.sessions.fault import Fault
from mcp_tui.sessions.link import Link
from mcp_tui.sessions.transport.exchange import exchanging
from mcp_tui.sessions.wirelog.cause import causing

PROBE_TIMEOUT_S = 10.0
PROBE_MISSES = 3


class Health:
    """Probes at the entry's interval and when asked; any answer will do, also an error."""

    def __init__(self, connection: Link) -> None:
        self._connection = connection
        self._suspected = anyio.Event()
        self._checked = anyio.Event()
        self._misses = 0

    def suspect(self, *, misses: int = 0) -> None:
        """Probe now. misses: as if so many probes had been missed already."""
        self._misses = max(self._misses, misses)
        self._suspected.set()

    async def check(self) -> None:
        checked = self._checked
        self._suspected.set()
        while not checked.is_set() and not self._connection.ended:
            with anyio.move_on_after(0.5):
                await checked.wait()

    async def watch(self) -> None:
        interval = self._connection.spec.probe_interval_s
        while True:
            with anyio.move_on_after(interval if interval > 0 else math.inf):
                await self._suspected.wait()
            self._suspected = anyio.Event()
            # Whoever asks from here on wants an answer that is newer than the probe under way.
            checked, self._checked = self._checked, anyio.Event()
            await self._probe()
            checked.set()

    async def _probe(self) -> None:
        connection = self._connection
        session = connection.client.session
        started = time.monotonic()
        method = "server/discover" if connection.modern else "ping"
        with exchanging(method) as exchange, causing("health probe"):
            try:
                with anyio.fail_after(PROBE_TIMEOUT_S):
                    if connection.modern:
                        await session.send_discover(connection.client.protocol_version)
                    else:
                        await session.send_ping()
            except TimeoutError:
                self._missed(f"No answer to a health probe within {PROBE_TIMEOUT_S:g} s")
                return
            except (MCPError, ValidationError) as error:
                if connection.broken(error, exchange):
                    connection.failed(error, exchange)
                    return
                if exchange.status is not None and exchange.status >= 500:
                    self._missed(f"The health probe was answered with HTTP {exchange.status}")
                    return
        connection.latency_ms = (time.monotonic() - started) * 1000
        if self._misses:
            self._misses = 0
            connection.host.degraded(None)
        connection.host.changed()

    def _missed(self, why: str) -> None:
        self._misses += 1
        info = ErrorInfo("The server does not respond", why, kind=ErrorKind.UNREACHABLE, code="unresponsive")
        # A server busy with one long call answers nothing else; ending the connection would end the call.
        if self._misses >= PROBE_MISSES and not self._connection.in_flight:
            self._connection.lose(Fault(info))
        else:
            self._connection.host.degraded(info)
