"""A server says that its lists changed: heard in both eras, answered once per burst."""

from __future__ import annotations

import logging

import anyio
import mcp_types as types
from mcp.client.subscriptions import (
    ListenNotSupportedError,
    PromptsListChanged,
    ServerEvent,
    SubscriptionLost,
    ToolsListChanged,
)
from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED, METHOD_NOT_FOUND

from mcp_tui.sessions.advice.diagnosis import cut
from mcp_tui.sessions.backoff import STABLE_S, backoff_s
from mcp_tui.sessions.link import Link
from mcp_tui.sessions.listing import ALL_KINDS, Kind

_log = logging.getLogger(__name__)

DEBOUNCE_S = 0.2
"""Some servers announce the same change five times right at the start."""
_LONGEST_PAUSE_S = 5.0


class Changes:
    def __init__(self, connection: Link) -> None:
        self._connection = connection
        self._kinds: set[Kind] = set()
        self._poked = anyio.Event()

    async def notified(self, message: object) -> None:
        """The SDK's message handler. Each message is a task of its own there, so it only takes note."""
        if isinstance(message, types.ToolListChangedNotification):
            self._poke("tools")
        elif isinstance(message, types.ResourceListChangedNotification):
            self._poke("resources")
        elif isinstance(message, types.PromptListChangedNotification):
            self._poke("prompts")
        elif isinstance(message, types.ResourceUpdatedNotification):
            # From 2026-07-28 on it comes on a stream of its own: see `resource_watch`.
            if not self._connection.modern:
                self._connection.announcements.subscriptions.updated(message.params.uri)
        elif isinstance(message, types.ElicitCompleteNotification):
            self._connection.dialogs.completed(message.params.elicitation_id)

    def _poke(self, *kinds: Kind) -> None:
        self._kinds.update(kinds)
        self._poked.set()

    async def follow(self) -> None:
        while True:
            await self._poked.wait()
            await anyio.sleep(DEBOUNCE_S)
            kinds = frozenset(self._kinds)
            self._kinds.clear()
            self._poked = anyio.Event()
            started = anyio.current_time()
            await self._connection.refresh(kinds)
            # A server that announces changes without end must not keep us listing without end.
            await anyio.sleep(min(_LONGEST_PAUSE_S, 2 * (anyio.current_time() - started)))

    async def listen(self) -> None:
        """2026-07-28: changes are announced on a stream of their own. Nothing is replayed after a loss."""
        connection = self._connection
        has = connection.client.server_capabilities
        tools = bool(has.tools and has.tools.list_changed)
        prompts = bool(has.prompts and has.prompts.list_changed)
        resources = bool(has.resources and has.resources.list_changed)
        if not (tools or prompts or resources):
            return
        attempt = 0
        while True:
            started = anyio.current_time()
            try:
                async with connection.client.listen(
                    tools_list_changed=tools, prompts_list_changed=prompts, resources_list_changed=resources
                ) as events:
                    if attempt:
                        self._poke(*ALL_KINDS)
                    async for event in events:
                        self._poke(_kind(event))
            except ListenNotSupportedError:
                return
            except MCPError as error:
                if error.code == METHOD_NOT_FOUND:
                    return
                if error.code != CONNECTION_CLOSED:
                    connection.notices.add(f"The server announces no changes: {cut(error.message)}.")
                    return
            except SubscriptionLost as error:
                _log.debug("the change stream of %s was lost: %s", connection.spec.name, error)
            connection.suspect()
            attempt = 1 if anyio.current_time() - started > STABLE_S else attempt + 1
            await anyio.sleep(backoff_s(attempt))


def _kind(event: ServerEvent) -> Kind:
    if isinstance(event, ToolsListChanged):
        return "tools"
    return "prompts" if isinstance(event, PromptsListChanged) else "resources"
