"""The newest messages of one server, both ways, bounded by count and by size."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from mcp_tui.core.types import JsonObject

MAX_ENTRIES = 512
MAX_TOTAL_BYTES = 8 << 20
MAX_ENTRY_BYTES = 512 << 10
_MAX_NODES = 4_000
_NODE_BYTES = 16


@dataclass(frozen=True, slots=True)
class WireEntry:
    """One JSON-RPC message as it went over the wire."""

    number: int
    """Counts up from 1 for each server; a gap means that older entries were dropped."""
    at: float
    """Monotonic seconds."""
    direction: Literal["out", "in"]
    method: str
    """Of the request this belongs to, when known; empty for what is no JSON-RPC message."""
    id: str | int | None
    message: JsonObject | None
    """None when it was too large to keep, or no JSON-RPC message: see `note`."""
    size_bytes: int
    """Estimate from the lengths of its texts."""
    note: str = ""


def estimated_size(value: Any, limit: int = MAX_ENTRY_BYTES) -> int:
    """About how many bytes `value` takes as JSON; stops counting past `limit` (never walks a huge tree)."""
    total = nodes = 0
    stack = [value]
    while stack:
        item = stack.pop()
        nodes += 1
        total += _NODE_BYTES
        if isinstance(item, str):
            total += len(item)
        elif isinstance(item, dict):
            total += _NODE_BYTES * len(item)  # pyright: ignore[reportUnknownArgumentType] - decoded JSON
            stack.extend(item.values())  # pyright: ignore[reportUnknownArgumentType] - decoded JSON
        elif isinstance(item, list):
            if len(item) > _MAX_NODES:  # pyright: ignore[reportUnknownArgumentType] - decoded JSON
                return limit + 1
            stack.extend(item)  # pyright: ignore[reportUnknownArgumentType] - decoded JSON
        if total > limit or nodes > _MAX_NODES:
            return max(total, limit + 1)
    return total


_Kept = tuple[int, float, Literal["out", "in"], str, str | int | None, JsonObject | None, int, str]
"""The fields of a `WireEntry`, which is only made for who looks."""


class WireRing:
    """Appending costs no serialisation: entries keep the decoded message the SDK works with anyway."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: deque[_Kept] = deque()
        self._total = 0
        self._count = 0

    def add(
        self,
        direction: Literal["out", "in"],
        method: str,
        message_id: str | int | None,
        message: JsonObject | None,
        note: str = "",
    ) -> None:
        size = estimated_size(message)
        if size > MAX_ENTRY_BYTES:
            message, note = None, note or "too large to keep"
        kept = size if message is not None else _NODE_BYTES
        self._count += 1
        self._entries.append((self._count, self._clock(), direction, method, message_id, message, size, note))
        self._total += kept
        while len(self._entries) > MAX_ENTRIES or self._total > MAX_TOTAL_BYTES:
            *_, old, old_size, _ = self._entries.popleft()
            self._total -= old_size if old is not None else _NODE_BYTES

    def entries(self) -> tuple[WireEntry, ...]:
        return tuple(WireEntry(*kept) for kept in self._entries)
