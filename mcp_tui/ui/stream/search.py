"""Search in a stream: where a query occurs in the rows of each item, kept current while text arrives.

Rows are searched as the text they show: what wrapping broke is joined again, spans of different style are one text,
decoration (bullets, bars, fence margins) is left out. An item is searched again from its first changed row on.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from mcp_tui.ui.stream.items import Item
from mcp_tui.ui.stream.rows import Row

Piece: TypeAlias = tuple[int, int, int]
"""(row within the item, first character of the row's text, end)."""
Match: TypeAlias = tuple[Piece, ...]
"""In order; several pieces where a match wraps."""

# At most one line break within a gap: so a match never spans more logical lines than the query has words.
_GAP = r"(?:[^\S\n]+\n?[^\S\n]*|\n[^\S\n]*)"


def pattern(query: str) -> re.Pattern[str] | None:
    """Words with any space or one line break between them; case counts only when the query has a capital letter.

    None for a query without anything to find.
    """
    words = query.split()
    if not words:
        return None
    flags = re.IGNORECASE if query == query.lower() else 0
    return re.compile(_GAP.join(re.escape(word) for word in words), flags)


@dataclass(slots=True)
class _Found:
    """What is known about one item."""

    rows: list[Row] = field(default_factory=list[Row])
    matches: list[Match] = field(default_factory=list[Match])
    by_row: dict[int, list[tuple[int, int, int]]] = field(default_factory=dict[int, list[tuple[int, int, int]]])
    """Row within the item to (first character, end, number of the match)."""


class StreamSearch:
    """`sync` after every layout; everything else reads."""

    def __init__(self, query: str) -> None:
        self.query = query
        self._pattern = pattern(query)
        self._words = len(query.split())
        self._found: dict[Item, _Found] = {}
        self._items: Sequence[Item] = ()
        self._before: list[int] = [0]
        """How many matches stand before each item; one entry more than items."""
        self.current: tuple[Item, int] | None = None
        """Item and number of the match within it."""

    @property
    def total(self) -> int:
        return self._before[-1]

    @property
    def position(self) -> int | None:
        """1-based number of the current match among all."""
        current = self._valid_current()
        return None if current is None else self._before[current[0].index] + current[1] + 1

    def sync(self, items: Sequence[Item], first_changed: int) -> None:
        """Items from `first_changed` on may have other rows than at the last call, or be others."""
        self._items = items
        del self._before[max(0, first_changed) + 1 :]
        for item in items[len(self._before) - 1 :]:
            self._before.append(self._before[-1] + len(self._look(item).matches))
        if len(self._found) > 2 * len(items) + 8:
            self._found = {item: self._found[item] for item in items}

    def marks(self, item: Item, row: int) -> Sequence[tuple[int, int, bool]]:
        """(first character, end, is the current match) in one row of an item."""
        found = self._found.get(item)
        if found is None:
            return ()
        current = self.current[1] if self.current is not None and self.current[0] is item else -1
        return [(start, end, number == current) for start, end, number in found.by_row.get(row, ())]

    def rows_of_current(self) -> tuple[Item, int, int] | None:
        """(item, first row, end) of the current match."""
        current = self._valid_current()
        if current is None:
            return None
        match = self._found[current[0]].matches[current[1]]
        return current[0], match[0][0], match[-1][0] + 1

    def choose_from(self, index: int, row: int) -> bool:
        """Make the first match at or below a row of item `index` current, else the very first. False: no match."""
        if not self.total:
            self.current = None
            return False
        if 0 <= index < len(self._items):
            found = self._found[self._items[index]].matches
            inside = next((number for number, match in enumerate(found) if match[-1][0] >= row), len(found))
            self._choose(self._before[index] + inside)
        else:
            self._choose(0)
        return True

    def step(self, by: int) -> bool:
        """To the next or previous match, round the ends. False: there is none."""
        if not self.total:
            return False
        position = self.position
        self._choose((position - 1 if position is not None else -1 if by > 0 else 0) + by)
        return True

    def _choose(self, number: int) -> None:
        number %= self.total
        index = bisect_right(self._before, number) - 1
        self.current = (self._items[index], number - self._before[index])

    def _valid_current(self) -> tuple[Item, int] | None:
        """The current match, if it still exists: an open block may be read otherwise once it is complete."""
        if self.current is None:
            return None
        item, number = self.current
        there = item.index < len(self._items) and self._items[item.index] is item
        if there and number < len(self._look(item).matches):
            return self.current
        return None

    def _look(self, item: Item) -> _Found:
        found = self._found.get(item)
        if found is None:
            found = self._found[item] = _Found()
        if found.rows is not item.rows:
            self._search(found, item.rows)
        return found

    def _search(self, found: _Found, rows: list[Row]) -> None:
        if self._pattern is None:
            found.rows = rows
            return
        same = 0
        for before, now in zip(found.rows, rows, strict=False):
            if before is not now:
                break
            same += 1
        first = self._first_to_read(rows, same)
        kept = [match for match in found.matches if match[0][0] < first]
        found.rows = rows
        found.matches = kept + self._matches(rows, first, kept[-1][-1] if kept else None)
        found.by_row = {}
        for number, match in enumerate(found.matches):
            for row, start, end in match:
                found.by_row.setdefault(row, []).append((start, end, number))

    def _first_to_read(self, rows: list[Row], same: int) -> int:
        """A match that touches row `same` or one below begins at this row or below."""
        row = min(same, len(rows))
        for _ in range(self._words + 1):
            row -= 1
            while row > 0 and rows[row].join != "\n":
                row -= 1
            if row <= 0:
                return 0
        return row

    def _matches(self, rows: list[Row], first: int, after: Piece | None) -> list[Match]:
        assert self._pattern is not None
        parts: list[str] = []
        starts: list[int] = []
        at = 0
        for index in range(first, len(rows)):
            row = rows[index]
            join = row.join if index > first else ""
            content = row.content
            parts += (join, content)
            at += len(join)
            starts.append(at)
            at += len(content)
        text = "".join(parts)
        begin = 0
        if after is not None and after[0] >= first:
            begin = starts[after[0] - first] + after[2] - rows[after[0]].lead
        return [
            _pieces(rows, starts, first, match.start(), match.end()) for match in self._pattern.finditer(text, begin)
        ]


def _pieces(rows: list[Row], starts: list[int], first: int, begin: int, end: int) -> Match:
    """A range of the joined text as ranges of rows."""
    pieces: list[Piece] = []
    at = bisect_right(starts, begin) - 1
    last = bisect_left(starts, end)
    for place in range(max(0, at), last):
        row = rows[first + place]
        low = max(begin - starts[place], 0)
        high = min(end - starts[place], len(row.text) - row.lead)
        if low < high:
            pieces.append((first + place, low + row.lead, high + row.lead))
    return tuple(pieces)
