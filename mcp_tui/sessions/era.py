"""Which era of the protocol a server is talked to in, when its entry leaves that open.

Asking costs a round trip, with a server that ignores unknown requests ten seconds, and some die of the question. So
the answer is remembered, for this program and the next start. Only a server that said so itself is taken for an older
one: an outage in the moment of the question looks just the same to the SDK, and would keep a server in the wrong era.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mcp_tui.config.schema import ServerSpec
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.fault import Fault
from mcp_tui.sessions.known_servers import KnownServers, identity

if TYPE_CHECKING:
    from mcp_tui.sessions.connection import Connection, Ending, Mode

KEPT_S = 14 * 86_400.0
"""An older server is asked again after this time: it may have learned the newer protocol."""
_OUTAGES = frozenset(
    [
        *("unreachable", "broken", "timeout", "spawn", "no_command", "no_cwd", "needs_auth", "proxy", "tls"),
        *("http_408", "http_429", "http_502", "http_503", "http_504"),  # a 500 may be a server that knows no better
    ]
)
"""Codes of faults that say nothing about the era."""


class EraGuide:
    """One per server. `mode` is for the next connection."""

    def __init__(self, spec: ServerSpec, memory: KnownServers) -> None:
        self._spec = spec
        self._memory = memory
        self._recalled = False
        """`mode` comes from an earlier start."""
        self._fresh = False
        """A person wants it tried anew."""
        self._mute = False
        """The server ended without a word when it was asked for the newer protocol."""
        self.mode: Mode = spec.protocol
        self.source = ""
        """As in `ServerSnapshot.era_source`."""

    def reset(self, spec: ServerSpec) -> None:
        """Find out anew, past what is remembered."""
        self._spec, self.mode = spec, spec.protocol
        self._recalled, self._fresh, self._mute = False, True, False

    async def recall(self) -> None:
        """Before connecting."""
        await self._memory.load()
        if self.mode != "auto" or self._fresh:
            return
        known = self._known()
        if known is not None:
            self.mode = "2026-07-28" if known["era"] == "modern" else "legacy"
            self._recalled = True

    def _known(self) -> JsonObject | None:
        entry = self._memory.get("eras", identity(self._spec))
        if entry is None or entry.get("era") not in ("modern", "legacy"):
            return None
        at = entry.get("at")
        young = isinstance(at, int | float) and 0 <= time.time() - at < KEPT_S
        return entry if entry["era"] == "modern" or young else None

    def connected(self, connection: Connection) -> None:
        facts = connection.facts
        if facts is None:
            return
        if self._spec.protocol != "auto":
            self.source = "configured"
            return
        server = f"{facts.server_name} {facts.server_version}"
        if self._recalled:
            self.source = "remembered"
            known = self._known()
            if known is not None and known.get("server") != server and facts.era == "legacy":
                # Another version of it may speak the newer protocol.
                self._memory.put("eras", identity(self._spec), None)
            return
        self.source = "probed"
        self._fresh = False
        if facts.era == "modern" or connection.legacy_proven or self._mute:
            entry: JsonObject = {"era": facts.era, "server": server[:200], "at": int(time.time())}
            self._memory.put("eras", identity(self._spec), entry)
            if facts.era == "legacy":
                self.mode = "legacy"

    def ended(self, connection: Connection) -> None:
        """It spoke the newer protocol after all, only later than we waited for it."""
        if self._spec.protocol == "auto" and connection.line.tap.probe.modern and not connection.modern:
            self._forget()

    def failed(self, ending: Ending, fault: Fault) -> bool:
        """Connecting did not work. True: it may in the other era, at once."""
        if self._spec.protocol != "auto":
            return False
        recalled = self._recalled
        if fault.info.code in _OUTAGES and (recalled or self.mode == "legacy"):
            return False
        if recalled:
            self._forget()
            # What is wrong may well be only that it is another era than we remember.
            return True
        # A server that ends without a word on the unknown server/discover may well know initialize.
        self._mute = self.mode == "auto" and ending.mute
        self.mode = "legacy" if self._mute else "auto"
        return False

    def _forget(self) -> None:
        self._memory.put("eras", identity(self._spec), None)
        self.mode, self._recalled = "auto", False
