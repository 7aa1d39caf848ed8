"""The SDK's client, saying exactly what the interface in use can answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import mcp_types as types
from mcp import Client
from mcp.client.session import ClientSession
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from mcp_tui.core.server_requests import RequestKind

_TOOLS_SINCE = "2025-11-25"


@dataclass
class TruthfulClient(Client):
    """The SDK derives capabilities from callbacks: form and URL always together, sampling without its tools.

    offers: the kinds of request that are advertised; callbacks answer (decline) the others too.
    """

    offers: frozenset[RequestKind] = frozenset()
    offers_roots: bool = False

    async def _build_session(self, exit_stack: AsyncExitStack) -> ClientSession:  # pyright: ignore[reportPrivateUsage]  the only place where a session can be reached before its handshake
        session = await super()._build_session(exit_stack)
        derived: Callable[[str], types.ClientCapabilities] = session._build_capabilities  # pyright: ignore[reportPrivateUsage]  no public way to narrow them

        def build(version: str) -> types.ClientCapabilities:
            return derived(version).model_copy(update=self._narrowed(version))

        session._build_capabilities = build  # pyright: ignore[reportPrivateUsage]  as above
        return session

    def _narrowed(self, version: str) -> dict[str, object]:
        form, url = RequestKind.FORM in self.offers, RequestKind.URL in self.offers
        legacy = version in HANDSHAKE_PROTOCOL_VERSIONS
        elicitation = types.ElicitationCapability(
            form=types.FormElicitationCapability() if form else None,
            url=types.UrlElicitationCapability() if url else None,
        )
        tools = types.SamplingToolsCapability() if version >= _TOOLS_SINCE else None
        return {
            "elicitation": elicitation if form or url else None,
            "sampling": types.SamplingCapability(tools=tools) if RequestKind.SAMPLING in self.offers else None,
            # 2026-07-28 has no notifications/roots/list_changed any more.
            "roots": types.RootsCapability(list_changed=True if legacy else None) if self.offers_roots else None,
        }
