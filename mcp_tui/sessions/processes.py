"""The process groups of one manager's servers, for the case that nothing else ended them."""

from __future__ import annotations

import atexit
import os
import signal
from contextlib import suppress


class ProcessGroups:
    """Groups still running when the interpreter exits are killed: a crash must not leave servers behind."""

    def __init__(self) -> None:
        self._leaders: set[int] = set()

    def watch(self) -> None:
        atexit.register(self.kill)

    def unwatch(self) -> None:
        atexit.unregister(self.kill)

    def add(self, leader: int) -> None:
        self._leaders.add(leader)

    def discard(self, leader: int) -> None:
        self._leaders.discard(leader)

    def kill(self) -> None:
        for leader in list(self._leaders):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(leader, signal.SIGKILL)
        self._leaders.clear()
