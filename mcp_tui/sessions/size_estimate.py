"""About how large decoded JSON is, without walking a huge tree."""

from __future__ import annotations

from typing import Any

_MAX_NODES = 4_000
_NODE_BYTES = 16


def estimated_size(value: Any, limit: int, *, max_nodes: int = _MAX_NODES) -> int:
    """About how many bytes `value` takes as JSON; stops counting past `limit`, which more nodes are too."""
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
            if len(item) > max_nodes:  # pyright: ignore[reportUnknownArgumentType] - decoded JSON
                return limit + 1
            stack.extend(item)  # pyright: ignore[reportUnknownArgumentType] - decoded JSON
        if total > limit or nodes > max_nodes:
            return max(total, limit + 1)
    return total
