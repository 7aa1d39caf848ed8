"""Telling clients of both protocol eras that something changed.

From 2026-07-28 on a client opens `subscriptions/listen` streams, and the SDK serves them from a bus. Clients of the
handshake era send `resources/subscribe`, and are told of lists unasked. One publish on this bus reaches both, so
`ctx.notify_resource_updated(uri)` and the like are all a tool needs.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.session import ServerSession
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
    ToolsListChanged,
)
from mcp_types import EmptyResult, SubscribeRequestParams, UnsubscribeRequestParams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

logger = logging.getLogger(__name__)

SEND_TIMEOUT_S = 2.0
"""A client that takes no message for so long hears nothing more: publishing waits for nobody longer."""


@dataclass(slots=True)
class _Peer:
    """A connection of the handshake era."""

    session: ServerSession
    uris: set[str] = field(default_factory=set[str])


class ChangeBus(InMemorySubscriptionBus):
    """Pass it to `MCPServer(subscriptions=bus)`, then call `attend(server)` once."""

    def __init__(self) -> None:
        super().__init__()
        self._peers: dict[object, _Peer] = {}

    def attend(self, server: MCPServer[Any]) -> None:
        """Serve resources/subscribe and unsubscribe, and know who is connected."""
        # MCPServer has no public way to serve what the newest protocol dropped.
        lowlevel = server._lowlevel_server  # pyright: ignore[reportPrivateUsage]
        lowlevel.add_request_handler("resources/subscribe", SubscribeRequestParams, self._subscribe)
        lowlevel.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, self._unsubscribe)
        server.middleware.append(self._meet)

    def subscribed(self, uri: str) -> bool:
        """Whether a client of the handshake era wants to hear of this resource."""
        return any(uri in peer.uris for peer in self._peers.values())

    async def publish(self, event: ServerEvent) -> None:
        await super().publish(event)
        async with anyio.create_task_group() as tasks:
            for key, peer in list(self._peers.items()):
                tasks.start_soon(self._tell, key, peer, event)

    async def _tell(self, key: object, peer: _Peer, event: ServerEvent) -> None:
        with anyio.move_on_after(SEND_TIMEOUT_S) as scope:
            match event:
                case ResourceUpdated(uri=uri):
                    if uri in peer.uris:
                        await peer.session.send_resource_updated(uri)
                case ToolsListChanged():
                    await peer.session.send_tool_list_changed()
                case PromptsListChanged():
                    await peer.session.send_prompt_list_changed()
                case ResourcesListChanged():
                    await peer.session.send_resource_list_changed()
        if scope.cancelled_caught:
            logger.warning("a client does not read what it is sent: it is told nothing more")
            self._peers.pop(key, None)

    async def _meet(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.method == "notifications/initialized":
            self._peer(ctx.session)
        return await call_next(ctx)

    async def _subscribe(self, context: ServerRequestContext[Any, Any], params: SubscribeRequestParams) -> EmptyResult:
        self._peer(context.session).uris.add(str(params.uri))
        return EmptyResult()

    async def _unsubscribe(
        self, context: ServerRequestContext[Any, Any], params: UnsubscribeRequestParams
    ) -> EmptyResult:
        self._peer(context.session).uris.discard(str(params.uri))
        return EmptyResult()

    def _peer(self, session: ServerSession) -> _Peer:
        # Sessions are made anew for every request; only the connection tells when it ends.
        connection = session._connection  # pyright: ignore[reportPrivateUsage]
        if session.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return _Peer(session)
        if connection not in self._peers:
            self._peers[connection] = _Peer(session)
            connection.exit_stack.callback(self._peers.pop, connection, None)
        return self._peers[connection]


def close_listeners(server: MCPServer[Any]) -> None:
    """End all `subscriptions/listen` streams in order, so that clients know it was meant."""
    lowlevel = server._lowlevel_server  # pyright: ignore[reportPrivateUsage]
    entry = lowlevel.get_request_handler("subscriptions/listen")
    if entry is not None and isinstance(entry.handler, ListenHandler):
        entry.handler.close()
