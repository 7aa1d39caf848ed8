"""Places in a stream where a person can act: links and code blocks, in reading order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mcp_tui.ui.stream.code_body import CodeBody
from mcp_tui.ui.stream.items import BlockItem, CallItem, Item
from mcp_tui.ui.stream.links import link_of
from mcp_tui.ui.stream.rows import Row

Piece: TypeAlias = tuple[int, int, int]
"""(row within the item, first character, end)."""


@dataclass(frozen=True, slots=True)
class Spot:
    kind: Literal["link", "code"]
    item: Item
    number: int
    """Which one of its kind in the item: it stays the same when the item is laid out anew."""
    first: int
    end: int
    """Rows within the item."""
    text: str
    """What a link says; the code of a block."""
    address: str = ""
    language: str = ""
    pieces: tuple[Piece, ...] = ()
    """Of a link."""

    def same(self, other: Spot | None) -> bool:
        return other is not None and (self.kind, self.item, self.number) == (other.kind, other.item, other.number)

    def holds(self, row: int, character: int) -> bool:
        if self.kind == "code":
            return self.first <= row < self.end
        return any(at == row and start <= character < end for at, start, end in self.pieces)


class SpotIndex:
    """Spots per item; an item that did not change is not looked at again."""

    def __init__(self) -> None:
        self._known: dict[Item, tuple[list[Row], tuple[Spot, ...]]] = {}

    def of(self, item: Item) -> tuple[Spot, ...]:
        if not isinstance(item, BlockItem | CallItem):
            return ()
        kept = self._known.get(item)
        if kept is None or kept[0] is not item.rows:
            spots = sorted(_spots(item), key=lambda spot: (spot.first, spot.pieces[:1]))
            kept = self._known[item] = (item.rows, tuple(spots))
        return kept[1]

    def current(self, spot: Spot) -> Spot | None:
        """The same spot as it is now; None when it is gone."""
        return next((found for found in self.of(spot.item) if found.same(spot)), None)

    def beside(self, items: Sequence[Item], spot: Spot, step: int) -> Spot | None:
        """The next (1) or previous (-1) one."""
        spots = self.of(spot.item)
        at = next((index for index, found in enumerate(spots) if found.same(spot)), None)
        if at is not None and 0 <= at + step < len(spots):
            return spots[at + step]
        return self.from_item(items, spot.item.index + step, step)

    def from_item(self, items: Sequence[Item], index: int, step: int) -> Spot | None:
        """The first one at or after (1) an item, or the last one at or before it (-1)."""
        while 0 <= index < len(items):
            if spots := self.of(items[index]):
                return spots[0 if step > 0 else -1]
            index += step
        return None

    def forget(self) -> None:
        self._known.clear()


def _spots(item: BlockItem | CallItem) -> Iterator[Spot]:
    body = item.block.code if isinstance(item, BlockItem) else None
    if body is not None:
        # A fence of thousands of rows that grows: its rows need no look.
        yield _code(item, 0, 0, len(item.rows), body)
        return
    codes = 0
    at = 0
    rows = item.rows
    while at < len(rows):
        body = rows[at].code
        if body is None:
            at += 1
            continue
        first = at
        while at < len(rows) and rows[at].code is body:
            at += 1
        yield _code(item, codes, first, at, body)
        codes += 1
    yield from _links(item)


def _code(item: Item, number: int, first: int, end: int, body: CodeBody) -> Spot:
    return Spot("code", item, number, first, end, body.source, language=body.language)


def _links(item: Item) -> Iterator[Spot]:
    pieces: dict[int, list[Piece]] = {}
    texts: dict[int, str] = {}
    addresses: dict[int, str] = {}
    for index, row in enumerate(item.rows):
        at = 0
        for text, style in row.spans:
            link = link_of(style)
            if link is not None:
                pieces.setdefault(link.number, []).append((index, at, at + len(text)))
                addresses[link.number] = link.address
                before = texts.setdefault(link.number, "")
                if link.said:
                    # Wrapping took the space away.
                    wrapped = before and pieces[link.number][-2][0] != index
                    texts[link.number] = before + (row.join.replace("\n", " ") if wrapped else "") + text
            at += len(text)
    for number, places in pieces.items():
        first, end = places[0][0], places[-1][0] + 1
        yield Spot("link", item, number, first, end, texts[number], addresses[number], pieces=tuple(places))
