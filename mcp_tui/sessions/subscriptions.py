"""The resources of one server whose changes somebody follows; kept through its reconnects.

Both eras say only "it changed": whoever shows a resource reads it again. Nothing is replayed after a loss, so a
resource that was followed before counts as changed when the connection is back.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from mcp_tui.core.tasks import SubscriptionInfo, SubscriptionState


class Subscriptions:
    """`changed` is called after every change. Several people may follow one resource."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._infos: dict[str, SubscriptionInfo] = {}
        self._followers: Counter[str] = Counter()
        self.wanted_changed = asyncio.Event()
        """Set, and replaced, when a resource is followed that was not, or the other way round."""

    def infos(self) -> tuple[SubscriptionInfo, ...]:
        return tuple(self._infos.values())

    def get(self, uri: str) -> SubscriptionInfo | None:
        return self._infos.get(uri)

    @property
    def wanted(self) -> tuple[str, ...]:
        return tuple(self._infos)

    def follow(self, uri: str) -> SubscriptionInfo:
        self._followers[uri] += 1
        if uri not in self._infos:
            self._infos[uri] = SubscriptionInfo(uri, SubscriptionState.WAITING)
            self._wanted()
        return self._infos[uri]

    def unfollow(self, uri: str) -> None:
        self._followers[uri] -= 1
        if self._followers[uri] <= 0:
            del self._followers[uri]
            if self._infos.pop(uri, None) is not None:
                self._wanted()

    def _wanted(self) -> None:
        event, self.wanted_changed = self.wanted_changed, asyncio.Event()
        event.set()
        self._changed()

    def updated(self, uri: str, *, of: str = "") -> None:
        """The server says so. A part of something that is followed counts for the whole (2026-07-28 allows it).

        of: the resource whose stream says it.
        """
        for known in self._infos:
            if known == of or (not of and (uri == known or uri.startswith(f"{known.rstrip('/')}/"))):
                self._bump(known, reconnected=False)

    def _bump(self, uri: str, *, reconnected: bool) -> None:
        info = self._infos[uri]
        self._infos[uri] = replace(info, updates=info.updates + 1, updated_at=time.monotonic(), reconnected=reconnected)
        self._changed()

    def confirmed(self, uri: str) -> None:
        info = self._infos.get(uri)
        if info is None:
            return
        again = info.state is SubscriptionState.WAITING and info.note == _LOST
        self._infos[uri] = replace(info, state=SubscriptionState.LIVE, note="")
        if again:
            self._bump(uri, reconnected=True)
        self._changed()

    def refused(self, uri: str, why: str) -> None:
        if uri in self._infos:
            self._infos[uri] = replace(self._infos[uri], state=SubscriptionState.REFUSED, note=why[:300])
            self._changed()

    def lost(self, only: str = "") -> None:
        """The connection, or the stream of changes, is gone; changes go unheard until it is back."""
        for uri, info in self._infos.items():
            if info.state is SubscriptionState.LIVE and only in ("", uri):
                self._infos[uri] = replace(info, state=SubscriptionState.WAITING, note=_LOST)
        self._changed()


_LOST = "the connection was lost"
