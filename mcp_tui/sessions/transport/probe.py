"""What a server made of the question for the newer protocol, `server/discover`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from mcp_tui.core.json_values import as_list
from mcp_tui.sessions.transport.exchange import Exchange

_TRY_LATER = frozenset({401, 403, 407, 408, 409, 423, 425, 429})


class Probe:
    """Part of the connection's tap; the first answer counts, the one before the handshake."""

    def __init__(self) -> None:
        self._exchange: Exchange | None = None
        self.asked = False
        self.refused = False
        """It answered that it does not know the question."""
        self.doubtful = False
        """Something refused it that may not be the server: a proxy, an overload, an outage."""
        self.modern = False
        """It answered with a version of the newer protocol, in time or not."""
        self.older = False
        """It answered, and names only older versions."""

    def sending(self, exchange: Exchange | None) -> None:
        if not self.asked:
            self.asked, self._exchange = True, exchange

    def answered(self, result: Mapping[str, Any] | None) -> None:
        """None for an error."""
        if self.refused or self.doubtful or self.modern or self.older:
            return
        if result is None:
            status = self._exchange.status if self._exchange is not None else None
            failed = self._exchange is not None and self._exchange.error is not None
            self.doubtful = failed or (status is not None and (status >= 500 or status in _TRY_LATER))
            self.refused = not self.doubtful
            return
        named = as_list(result.get("supportedVersions"))
        self.modern = any(version in named for version in MODERN_PROTOCOL_VERSIONS)
        self.older = not self.modern
