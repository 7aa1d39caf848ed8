"""What the framework writes to the terminal, and what happens when the terminal is gone.

The framework writes on a thread that ends with the first error; its queue then fills up, and whoever draws next waits
for ever: a dashboard whose window was closed lives on, unseen, with all its servers.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TextIO

from mcp_tui.core.streams import lead_nowhere

_GONE = frozenset({errno.EIO, errno.EPIPE, errno.ENXIO, errno.EBADF, errno.ENODEV})


class TerminalOutput:
    """A text file that swallows what nobody can see any more, and says so once."""

    def __init__(self, file: TextIO, lost: Callable[[], None]) -> None:
        """lost: called once, on the thread that writes."""
        self._file = file
        self._lost = lost
        self.gone = False

    def write(self, text: str) -> int:
        self._try(lambda: self._file.write(text))
        return len(text)

    def flush(self) -> None:
        self._try(self._file.flush)

    def _try(self, action: Callable[[], object]) -> None:
        if self.gone:
            return
        try:
            action()
        except OSError as error:
            if error.errno not in _GONE:
                raise
            self.gone = True
            self._lost()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextmanager
def watched_terminal() -> Generator[None]:
    """While it is open, a terminal that is gone ends this process as the hang-up of a terminal does."""
    original = sys.__stderr__
    if original is None:
        yield
        return
    output = TerminalOutput(original, _hang_up)
    sys.__dict__["__stderr__"] = output
    try:
        yield
    finally:
        sys.__dict__["__stderr__"] = original
        if output.gone:
            lead_nowhere(original)  # a last flush that fails would change the exit code


def _hang_up() -> None:
    os.kill(os.getpid(), signal.SIGHUP)
