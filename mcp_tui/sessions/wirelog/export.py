"""Chosen records into a file of their own, line by line as they are in the log. Blocks: use a thread."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from mcp_tui.sessions.wirelog.file_reader import Segment
from mcp_tui.sessions.wirelog.index import IndexRow


def export(rows: Iterable[IndexRow], path: Path) -> tuple[int, int]:
    """How many records were written, and how many are no longer in the log. OSError when the disk refuses.

    An existing file is replaced. Messages may hold private data: the file is readable by its owner alone.
    """
    written = gone = 0
    files: dict[Segment, BinaryIO | None] = {}
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fchmod(descriptor, 0o600)  # it may have been there, open to others
        try:
            for row in rows:
                if row.segment not in files:
                    files[row.segment] = row.segment.open()
                file = files[row.segment]
                if file is None:
                    gone += 1
                    continue
                file.seek(row.offset)
                target.write(file.read(row.length))
                written += 1
        finally:
            for file in files.values():
                if file is not None:
                    file.close()
    return written, gone
