"""The records of one cause: what a single call of a person sent, and all that came back for it. Blocks."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mcp_tui.sessions.wirelog.file_reader import WireTail
from mcp_tui.sessions.wirelog.record import Whole, decode_whole

_WINDOWS = (1 << 20, 16 << 20, 128 << 20)
"""How much of the end of the log is read, until it reaches back to the cause."""
MAX_RECORDS = 500
_ENDS = ("response", "garbage", "event")


@dataclass(frozen=True, slots=True)
class Caused:
    """Oldest first. Of more than `MAX_RECORDS` the first and the last halves."""

    records: tuple[Whole, ...] = ()
    left_out: int = 0

    @property
    def waiting(self) -> bool:
        """A request has no answer yet, or nothing was written yet."""
        sent = {whole.head.order for whole in self.records if _asks(whole)}
        answered = {whole.head.request for whole in self.records if whole.head.kind in _ENDS}
        return not sent or not sent <= answered


def _asks(whole: Whole) -> bool:
    return whole.head.kind == "request" and whole.head.direction == "sent"


def caused_by(folder: Path, server: str, cause: str, since: int, *, pid: int | None = None) -> Caused:
    """since: microseconds since the epoch before the cause; pid: the process that wrote them, default this one."""
    mark = b'"pid":%d,' % (os.getpid() if pid is None else pid)
    lines: list[bytes] = []
    for window in _WINDOWS:
        lines = []
        reached = False
        tail = WireTail(folder, server=server)
        for found in tail.recent(window):
            head = found.line.head
            if head.order < since:
                reached = True
            elif head.cause == cause and mark in found.raw[: found.line.body_at]:
                lines.append(found.raw)
        if reached or not tail.skipped:
            break
    half = MAX_RECORDS // 2
    kept = lines if len(lines) <= MAX_RECORDS else [*lines[:half], *lines[-half:]]
    wholes = (decode_whole(line) for line in kept)
    return Caused(tuple(whole for whole in wholes if whole is not None), len(lines) - len(kept))
