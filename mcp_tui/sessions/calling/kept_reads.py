"""What was read from a server, as it came, for as long as the server lets it be used again (2026-07-28, `ttlMs`).

The SDK's cache decides whether a result is still fresh: it knows the server's hints and hears of changes. But it keeps
what it understood of a result; the result itself is kept here. Both live and die with the connection, so nothing is
ever shown to somebody who signed in as somebody else.
"""

from __future__ import annotations

from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.size_estimate import estimated_size

MAX_ENTRIES = 50
MAX_BYTES = 512 << 10
"""Larger results are read again each time."""


class KeptReads:
    def __init__(self) -> None:
        self._kept: dict[str, JsonObject] = {}

    def keep(self, uri: str, raw: JsonObject) -> None:
        self._kept.pop(uri, None)
        ttl = raw.get("ttlMs")
        if not isinstance(ttl, int | float) or ttl <= 0 or estimated_size(raw, MAX_BYTES) > MAX_BYTES:
            return
        self._kept[uri] = raw
        while len(self._kept) > MAX_ENTRIES:
            del self._kept[next(iter(self._kept))]

    def get(self, uri: str) -> JsonObject | None:
        return self._kept.get(uri)
