"""When files last changed, and waiting until they come to rest. A notification service would be one more dependency,
and misses what network file systems and containers do: files are looked at, on a thread."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

LONGEST_SETTLE = 12
"""Rounds of waiting; a file that never comes to rest is taken as it is."""

Stamps: TypeAlias = dict[Path, tuple[int, int, int] | None]
"""(time of the last change, size, inode); None for a file that is not there."""


def stamps(paths: Iterable[Path]) -> Stamps:
    found: Stamps = {}
    for path in paths:
        try:
            status = os.stat(path)  # noqa: PTH116 - plain numbers are wanted
            found[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            found[path] = None
    return found


async def settled(look: Callable[[], Stamps], newest: Stamps, settle_s: float) -> Stamps:
    """Looks again, on a thread, until two looks `settle_s` apart find the same."""
    for _ in range(LONGEST_SETTLE):
        await asyncio.sleep(settle_s)
        before, newest = newest, await asyncio.to_thread(look)
        if newest == before:
            break
    return newest
