"""Warnings and tracebacks go to a file: nothing may be printed over the screen."""

from __future__ import annotations

import logging
from collections import deque
from pathlib import Path

from mcp_tui.config import paths
from mcp_tui.config.save import private_folder

MAX_BYTES = 1_000_000
EARLY_RECORDS = 1_000


def log_path() -> Path:
    return paths.state_dir() / "mcp-tui.log"


class EarlyLog(logging.Handler):
    """Holds what is logged until `open_file`: the first frame does not wait for a disk."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._records: deque[logging.LogRecord] = deque(maxlen=EARLY_RECORDS)
        logging.getLogger().addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)

    def open_file(self) -> None:
        """Write to the file from now on, first what was held. Again: nothing. OSError when the disk refuses."""
        root = logging.getLogger()
        if self not in root.handlers:
            return
        from logging.handlers import RotatingFileHandler

        path = log_path()
        private_folder(path.parent)
        file = RotatingFileHandler(path, maxBytes=MAX_BYTES, backupCount=1, delay=True)
        file.setLevel(logging.WARNING)
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root.addHandler(file)
        root.removeHandler(self)
        while self._records:
            file.handle(self._records.popleft())
