"""What the Wire screen shows, kept up to date: the index, the filter, and what comes in."""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mcp_tui.sessions.wirelog.file_reader import Found, WireTail
from mcp_tui.sessions.wirelog.index import MAX_ROWS, IndexRow, WireIndex
from mcp_tui.sessions.wirelog.query import Query

KEEP_BYTES = 64 << 20
"""About how much of the logs' tails is read at first."""
POLL_S = 1.0
"""How often other processes' records are looked for; one's own are announced."""
_ROWS_AT_ONCE = 2_000
"""Records added between two turns of the event loop."""


class WireFeed:
    """All methods run on the event loop; disks are read on threads. One `follow` at a time."""

    def __init__(
        self,
        folder: Path,
        *,
        max_rows: int = MAX_ROWS,
        keep_bytes: int = KEEP_BYTES,
        poll_s: float = POLL_S,
    ) -> None:
        self.folder = folder
        self.index = WireIndex(max_rows=max_rows)
        self.loaded = False
        self.searching = False
        self.query = Query()
        self._tail = WireTail(folder)
        self._max_rows = max_rows
        self._keep_bytes = keep_bytes
        self._poll_s = poll_s
        self._news = asyncio.Event()
        self._reading: asyncio.Future[Any] | None = None
        self._batch: list[Found] = []
        """Read, and not yet in the index."""
        self._matches: array[int] | None = None
        self._late = array("q")
        """Numbers of rows that match and came while the search for the others was on its way."""

    @property
    def skipped(self) -> bool:
        """There are older records that were not read."""
        return self._tail.skipped or self.index.base > 0

    @property
    def numbers(self) -> Sequence[int]:
        """The rows that match, ascending; all of them without a filter. It may grow, but loses nothing."""
        if self._matches is None:
            return range(self.index.base, self.index.end)
        if self._matches and self._matches[0] < self.index.base:
            self._matches = self._matches[bisect_left(self._matches, self.index.base) :]
        return self._matches

    @property
    def servers(self) -> tuple[str, ...]:
        """Every server that has a row, as far as they were read."""
        return self.index.servers

    def tell(self) -> None:
        """There may be something new."""
        self._news.set()

    async def follow(self, changed: Callable[[], None]) -> None:
        """Read what is there, then what comes, until cancelled; then it may be called again, and nothing is missed.

        `changed` is called after every change.
        """
        if not self.loaded:
            self.index = await self._on_thread(self._load)
            self._reading = None
            self.loaded = True
            if self.query:  # what was typed meanwhile searched an empty index
                await self._search(Query(self.query.terms))
            changed()
        while True:
            if not self._batch:
                self._news.clear()
                self._batch = await self._on_thread(self._tail.poll)
                self._reading = None
            if self._batch:
                await self._add(changed)
            else:
                await self._something_new()

    async def _on_thread(self, read: Callable[[], Any]) -> Any:
        """A cancelled reader is waited for by the next one: the place in the files moved, and two must not share it."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(asyncio.to_thread(read))
        return await asyncio.shield(self._reading)

    async def _something_new(self) -> None:
        try:
            async with asyncio.timeout(self._poll_s):
                await self._news.wait()
        except TimeoutError:
            return  # looks again all the same: other processes write too

    def _load(self) -> WireIndex:
        index = WireIndex(max_rows=self._max_rows)
        for found in self._tail.recent(self._keep_bytes):
            index.add(found)
        return index

    async def _add(self, changed: Callable[[], None]) -> None:
        """The next rows of the batch into the index."""
        part = self._batch[:_ROWS_AT_ONCE]
        hits: list[bool] | None = None
        query = None
        while query is not self.query:
            query = self.query
            hits = await asyncio.to_thread(_hits, query, part) if query else None
        # No pause from here on: a search sees these rows all, or none of them.
        del self._batch[: len(part)]
        matches = self._late if self.searching else self._matches
        for at, found in enumerate(part):
            self.index.add(found)
            if hits is not None and hits[at] and matches is not None:
                matches.append(self.index.end - 1)
        changed()
        await asyncio.sleep(0)

    async def filter(self, text: str) -> bool:
        """Show only what matches. False when another call of this came before the end of the search."""
        return await self._search(Query.parse(text))

    async def _search(self, query: Query) -> bool:
        self.query = query
        self._late = array("q")
        if not query:
            self.searching = False
            self._matches = None
            return True
        self.searching = True
        snapshot = self.index.snapshot()
        found = await asyncio.to_thread(snapshot.search, query, stopped=lambda: self.query is not query)
        if found is None or self.query is not query:
            return False
        self._matches = found + self._late
        self.searching = False
        return True

    def row(self, number: int) -> IndexRow | None:
        try:
            return self.index.row(number)
        except IndexError:
            return None


def _hits(query: Query, part: Sequence[Found]) -> list[bool]:
    return [query.matches(found.line.head, found.raw, found.line.body_at) for found in part]
