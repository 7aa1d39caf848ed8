"""The rows of the Wire screen: a bounded number of heads, in columns, with the place of each body on disk.

Rows have numbers that never change: 0 for the first one ever added, and so on; old ones go from the front. A row costs
about 130 bytes, whatever its message is; methods, names and servers are shared texts.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from mcp_tui.sessions.wirelog.file_reader import Found, Segment
from mcp_tui.sessions.wirelog.query import Query, Term
from mcp_tui.sessions.wirelog.record import DIRECTIONS, KINDS, Direction, Head, Kind, Whole

MAX_ROWS = 100_000
_TRIM = 10_000
"""Rows that go at once when there are too many."""
_SCAN_BYTES = 256 << 10
_FAILED = 64
_ABSENT = -1.0


@dataclass(frozen=True, slots=True)
class IndexRow:
    number: int
    head: Head
    segment: Segment
    offset: int
    length: int

    def whole(self) -> Whole | None:
        """Read from the disk: on a thread. None when it was rotated away."""
        return self.segment.whole(self.offset, self.length)

    def line(self) -> bytes | None:
        return self.segment.read(self.offset, self.length)


class WireIndex:
    def __init__(self, *, max_rows: int = MAX_ROWS) -> None:
        self._max_rows = max_rows
        self.base = 0
        """The number of the first row there is."""
        self._order = array("q")
        self._request = array("q")
        self._offset = array("q")
        self._length = array("q")
        self._body_at = array("l")
        self._size = array("q")
        self._ms = array("d")
        self._flags = array("B")
        self._segment = array("l")
        self._server: list[str] = []
        self._method: list[str] = []
        self._name: list[str] = []
        self._cause: list[str] = []
        self._id: list[str | int | None] = []
        self._segments: list[Segment] = []
        self._segment_numbers: dict[int, int] = {}
        self._shared: dict[str, str] = {}
        self._servers: dict[str, None] = {}
        self.failed = 0
        """How many of the rows failed."""

    @property
    def end(self) -> int:
        """One past the number of the last row."""
        return self.base + len(self._order)

    @property
    def servers(self) -> tuple[str, ...]:
        """Every server that ever had a row."""
        return tuple(self._servers)

    def __len__(self) -> int:
        return len(self._order)

    def add(self, found: Found) -> None:
        head = found.line.head
        self._order.append(head.order)
        self._request.append(head.request if head.request is not None else 0)
        self._offset.append(found.offset)
        self._length.append(found.line.length)
        self._body_at.append(found.line.body_at)
        self._size.append(head.size_bytes)
        self._ms.append(head.ms if head.ms is not None else _ABSENT)
        flags = DIRECTIONS.index(head.direction) | KINDS.index(head.kind) << 2 | (_FAILED if head.failed else 0)
        self._flags.append(flags)
        self._segment.append(self._segment_number(found.segment))
        self._servers.setdefault(head.server)
        self._server.append(self._text(head.server))
        self._method.append(self._text(head.method))
        self._name.append(self._text(head.name))
        self._cause.append(self._text(head.cause))
        self._id.append(head.id)
        self.failed += head.failed
        if len(self._order) >= self._max_rows + min(_TRIM, self._max_rows):
            self._trim(len(self._order) - self._max_rows)

    def _text(self, text: str) -> str:
        return self._shared.setdefault(text, text)

    def _segment_number(self, segment: Segment) -> int:
        # Keyed by the file's first record, unique over servers but for the same microsecond in two of them.
        number = self._segment_numbers.get(segment.first)
        if number is None or self._segments[number].files != segment.files:
            number = self._segment_numbers[segment.first] = len(self._segments)
            self._segments.append(segment)
        return number

    def _trim(self, count: int) -> None:
        self.failed -= sum(1 for flags in self._flags[:count] if flags & _FAILED)
        for column in (
            self._order,
            self._request,
            self._offset,
            self._length,
            self._body_at,
            self._size,
            self._ms,
            self._flags,
            self._segment,
            self._server,
            self._method,
            self._name,
            self._cause,
            self._id,
        ):
            del column[:count]
        self.base += count
        self._shared.clear()  # the rows hold on to theirs

    def row(self, number: int) -> IndexRow:
        """IndexError when there is no such row (any more)."""
        at = number - self.base
        if not 0 <= at < len(self._order):
            raise IndexError(number)
        flags = self._flags[at]
        kind: Kind = KINDS[flags >> 2 & 7]
        direction: Direction = DIRECTIONS[flags & 3]
        head = Head(
            order=self._order[at],
            server=self._server[at],
            direction=direction,
            kind=kind,
            method=self._method[at],
            id=self._id[at],
            name=self._name[at],
            size_bytes=self._size[at],
            ms=self._ms[at] if self._ms[at] >= 0 else None,
            request=self._request[at] or None,
            failed=bool(flags & _FAILED),
            cause=self._cause[at],
        )
        return IndexRow(number, head, self._segments[self._segment[at]], self._offset[at], self._length[at])

    # ------------------------------------------------------------------ links

    def linked(self, number: int) -> int | None:
        """The request of what belongs to one; the answer of a request, else the newest that belongs to it."""
        at = number - self.base
        if not 0 <= at < len(self._order):
            return None
        asked = self._request[at]
        if asked:
            return self._find(self._order, asked, self._server[at], 0)
        if KINDS[self._flags[at] >> 2 & 7] != "request":
            return None
        newest: int | None = None
        found = self._find(self._request, self._order[at], self._server[at], at + 1)
        while found is not None:
            newest = found
            if KINDS[self._flags[found - self.base] >> 2 & 7] == "response":
                break
            # What came on the way: progress on the request's own stream, HTTP 202.
            found = self._find(self._request, self._order[at], self._server[at], found - self.base + 1)
        return newest

    def _find(self, column: array[int], value: int, server: str, start: int) -> int | None:
        while True:
            try:
                at = column.index(value, start)
            except ValueError:
                return None
            if self._server[at] == server:
                return at + self.base
            start = at + 1

    # ------------------------------------------------------------------ filtering

    def snapshot(self) -> IndexSnapshot:
        """Columns as they are now, for a search on a thread."""
        return IndexSnapshot(
            self.base,
            self._offset[:],
            self._length[:],
            self._body_at[:],
            self._flags[:],
            self._segment[:],
            {
                "server": self._server[:],
                "method": self._method[:],
                "name": self._name[:],
                "cause": self._cause[:],
            },
            self._id[:],
            list(self._segments),
        )


@dataclass(frozen=True, slots=True)
class IndexSnapshot:
    base: int
    offset: array[int]
    length: array[int]
    body_at: array[int]
    flags: array[int]
    segment: array[int]
    texts: dict[str, list[str]]
    id: list[str | int | None]
    segments: list[Segment]

    def search(self, query: Query, *, stopped: Callable[[], bool]) -> array[int] | None:
        """Numbers of the rows that match, ascending; None when stopped. Blocks: use a thread.

        Heads are looked at first; only messages of rows that are still in question are read, in file order.
        """
        candidates: Sequence[int] = range(len(self.flags))
        for term in sorted(query.terms, key=lambda term: term.searches_messages):
            hits = self._in_heads(term, candidates)
            if term.searches_messages:
                left = [at for at in candidates if at not in hits]
                if not self._in_messages(term, left, hits, stopped):
                    return None
            candidates = [at for at in candidates if (at in hits) is not term.negated]
            if stopped():
                return None
        return array("q", (self.base + at for at in candidates))

    def _in_heads(self, term: Term, candidates: Sequence[int]) -> set[int]:
        flags = self.flags
        if term.field == "error":
            return {at for at in candidates if flags[at] & _FAILED}
        if term.field == "direction":
            wanted = DIRECTIONS.index("sent" if term.needle == "sent" else "received")
            return {at for at in candidates if flags[at] & 3 == wanted}
        if term.field == "text":
            return set()
        hits: set[int] = set()
        if term.field in ("any", "kind"):
            kinds = {code for code, kind in enumerate(KINDS) if term.needle in kind}
            hits.update(at for at in candidates if flags[at] >> 2 & 7 in kinds)
        if term.field in ("any", "id"):
            numbers: set[str | int | None] = {term.needle}
            if term.needle.isdecimal() and len(term.needle) < 20:
                numbers.add(int(term.needle))
            hits.update(at for at in candidates if self.id[at] in numbers)
        for name, column in self.texts.items():
            if term.field in ("any", name):
                # Few different texts stand in many rows.
                known = {text for text in set(column) if term.needle in text.lower()}
                if known:
                    hits.update(at for at in candidates if column[at] in known)
        return hits

    def _in_messages(self, term: Term, candidates: Sequence[int], hits: set[int], stopped: Callable[[], bool]) -> bool:
        """Adds to `hits`; False when stopped."""
        by_segment: dict[int, list[int]] = {}
        for at in candidates:
            if self.body_at[at] < self.length[at]:
                by_segment.setdefault(self.segment[at], []).append(at)
        for number, rows in by_segment.items():
            file = self.segments[number].open()
            if file is None:
                continue
            with file:
                rows.sort(key=self.offset.__getitem__)
                if not self._scan(term, file, rows, hits, stopped):
                    return False
        return True

    def _scan(
        self, term: Term, file: BinaryIO, rows: Sequence[int], hits: set[int], stopped: Callable[[], bool]
    ) -> bool:
        start, buffer = 0, b""
        for at in rows:
            offset, length = self.offset[at], self.length[at]
            if offset < start or offset + length > start + len(buffer):
                if stopped():
                    return False
                start = offset
                file.seek(start)
                buffer = file.read(max(length, _SCAN_BYTES)).lower()
            if term.in_body(buffer, offset - start + self.body_at[at], offset - start + length):
                hits.add(at)
        return True
