"""Keeps the followed resources of one connection subscribed, in both eras, and its log level set."""

from __future__ import annotations

import logging
import math

import anyio
import mcp_types as types
from mcp.client.subscriptions import ListenNotSupportedError, ResourceUpdated, SubscriptionLost
from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED
from pydantic import ValidationError

from mcp_tui.core.tasks import LOG_LEVELS
from mcp_tui.sessions.advice.diagnosis import cut
from mcp_tui.sessions.backoff import STABLE_S, backoff_s
from mcp_tui.sessions.link import Link
from mcp_tui.sessions.wirelog.cause import causing

_log = logging.getLogger(__name__)

ANSWER_S = 30.0
GOODBYE_S = 2.0
NOT_ANNOUNCED = "this server does not announce changes of single resources"


class ResourceWatch:
    """`follow` runs as long as the connection is ready. Each resource has a task of its own: one that is refused
    harms no other, and 2026-07-28 needs a stream for each set anyway."""

    def __init__(self, connection: Link) -> None:
        self._connection = connection
        self._subscriptions = connection.announcements.subscriptions

    async def follow(self) -> None:
        subscriptions = self._subscriptions
        scopes: dict[str, anyio.CancelScope] = {}
        try:
            async with anyio.create_task_group() as tasks:
                while True:
                    changed = subscriptions.wanted_changed
                    wanted = subscriptions.wanted
                    for uri in [uri for uri in scopes if uri not in wanted]:
                        scopes.pop(uri).cancel()
                    for uri in wanted:
                        if uri not in scopes:
                            scopes[uri] = anyio.CancelScope()
                            tasks.start_soon(self._one, uri, scopes[uri])
                    await changed.wait()
        finally:
            subscriptions.lost()

    async def _one(self, uri: str, scope: anyio.CancelScope) -> None:
        resources = self._connection.client.server_capabilities.resources
        if resources is None or not resources.subscribe:
            self._subscriptions.refused(uri, NOT_ANNOUNCED)
            return
        with scope, causing(f"follow {uri}"):
            if self._connection.modern:
                await self._listen(uri)
            else:
                await self._subscribe(uri, scope)

    # ------------------------------------------------------------------ before 2026-07-28

    async def _subscribe(self, uri: str, scope: anyio.CancelScope) -> None:
        session = self._connection.client.session
        try:
            with anyio.fail_after(ANSWER_S):
                await session.send_request(
                    types.SubscribeRequest(params=types.SubscribeRequestParams(uri=uri)), types.EmptyResult
                )
        except TimeoutError:
            self._subscriptions.refused(uri, f"no answer within {ANSWER_S:g} s")
            self._connection.suspect()
            return
        except (MCPError, ValidationError) as error:
            if not _closed(error):
                self._subscriptions.refused(uri, _said(error))
            return
        self._subscriptions.confirmed(uri)
        try:
            await anyio.sleep_forever()
        finally:
            # Not when the connection itself ends.
            if scope.cancel_called and self._connection.usable:
                await self._unsubscribe(uri)

    async def _unsubscribe(self, uri: str) -> None:
        session = self._connection.client.session
        with anyio.CancelScope(shield=True, deadline=anyio.current_time() + GOODBYE_S):
            try:
                await session.send_request(
                    types.UnsubscribeRequest(params=types.UnsubscribeRequestParams(uri=uri)), types.EmptyResult
                )
            except (MCPError, ValidationError, RuntimeError) as error:
                _log.debug("unsubscribing from %s failed: %s", uri, error)

    # ------------------------------------------------------------------ 2026-07-28

    async def _listen(self, uri: str) -> None:
        """A stream that ended is opened again; the server may have been silent about changes meanwhile."""
        attempt = 0
        while True:
            started = anyio.current_time()
            try:
                if not await self._stream(uri):
                    return
            except ListenNotSupportedError:
                self._subscriptions.refused(uri, NOT_ANNOUNCED)
                return
            except TimeoutError:
                self._subscriptions.refused(uri, f"no answer within {ANSWER_S:g} s")
                self._connection.suspect()
                return
            except MCPError as error:
                if not _closed(error):
                    self._subscriptions.refused(uri, _said(error))
                    return
            except SubscriptionLost as error:
                _log.debug("the stream of %s was lost: %s", uri, error)
            self._subscriptions.lost(uri)
            self._connection.suspect()
            attempt = 1 if anyio.current_time() - started > STABLE_S else attempt + 1
            await anyio.sleep(backoff_s(attempt))

    async def _stream(self, uri: str) -> bool:
        """False when the server does not honour it. TimeoutError when it does not say."""
        with anyio.fail_after(ANSWER_S) as patience:
            async with self._connection.client.listen(resource_subscriptions=[uri]) as events:
                patience.deadline = math.inf
                if uri not in (events.honored.resource_subscriptions or ()):
                    self._subscriptions.refused(uri, "the server does not announce changes of it")
                    return False
                self._subscriptions.confirmed(uri)
                async for event in events:
                    if isinstance(event, ResourceUpdated):
                        self._subscriptions.updated(event.uri, of=uri)
        return True


def _closed(error: MCPError | ValidationError) -> bool:
    return isinstance(error, MCPError) and error.code == CONNECTION_CLOSED


def _said(error: MCPError | ValidationError) -> str:
    return f"{cut(error.message)} ({error.code})" if isinstance(error, MCPError) else "malformed answer"


async def ask_for_log(connection: Link) -> None:
    """Before 2026-07-28 the level is set once for the connection; a server that refuses is a notice."""
    level = connection.announcements.log_level
    logs = connection.client.server_capabilities.logging is not None
    if not level or connection.modern:
        return
    if not logs:
        connection.notices.add("log_level is set for this server, but it does not say that it logs.")
        return
    refused = await send_log_level(connection, level)
    if refused:
        connection.notices.add(f"The server did not take the log level {level}: {refused}.")


async def send_log_level(connection: Link, level: str) -> str:
    """logging/setLevel; why it failed, or ""."""
    if level not in LOG_LEVELS:
        return f"there is no level {level}"
    params = types.SetLevelRequestParams.model_validate({"level": level})
    try:
        with anyio.fail_after(ANSWER_S), causing("log level"):
            await connection.client.session.send_request(types.SetLevelRequest(params=params), types.EmptyResult)
    except TimeoutError:
        return f"no answer within {ANSWER_S:g} s"
    except (MCPError, ValidationError) as error:
        return _said(error)
    return ""
