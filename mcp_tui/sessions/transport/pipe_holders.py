"""Who still holds a pipe of ours: a server, or a child of one, that left its process group."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_PIPE = re.compile(r"pipe:\[(\d+)\]")


def pipe_numbers(descriptors: Iterable[int]) -> tuple[int, ...]:
    """What `/proc/PID/fd` calls these pipes; both ends of one have the same number."""
    return tuple(os.fstat(descriptor).st_ino for descriptor in descriptors)


def pipe_holders(pipes: Iterable[int]) -> set[int]:
    """Processes of this user, except this one. None where there is no `/proc` (macOS, BSD). Takes some milliseconds."""
    wanted = set(pipes)
    found: set[int] = set()
    for folder in Path("/proc").glob("[0-9]*/fd"):
        pid = int(folder.parent.name)
        if pid == os.getpid():
            continue
        with suppress(OSError):  # it ended meanwhile, or is somebody else's
            for entry in folder.iterdir():
                with suppress(OSError):
                    if (link := _PIPE.fullmatch(str(entry.readlink()))) and int(link[1]) in wanted:
                        found.add(pid)
                        break
    return found


def signal_holders(pipes: Iterable[int], number: signal.Signals) -> bool:
    """False when nobody is left."""
    holders = pipe_holders(pipes)
    for pid in holders:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
    return bool(holders)
