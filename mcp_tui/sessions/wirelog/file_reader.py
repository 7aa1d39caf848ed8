"""Reads the log's files, from their beginning or their tail, and follows them over rotation. Blocks: use a thread."""

from __future__ import annotations

import heapq
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mcp_tui.sessions.wirelog.files import LogFiles, known_servers
from mcp_tui.sessions.wirelog.record import Whole, WireLine, decode, decode_whole

_CHUNK_BYTES = 1 << 20
_FIRST = re.compile(rb'\{"order":(\d+)')
_FIRST_BYTES = 64


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One file, whatever its name is by now: the order of its first record tells it from others of the server."""

    files: LogFiles
    first: int

    def open(self) -> BinaryIO | None:
        """None when it was rotated away."""
        return _open(self.files, self.first)

    def read(self, offset: int, length: int) -> bytes | None:
        file = self.open()
        if file is None:
            return None
        with file:
            file.seek(offset)
            return file.read(length)

    def whole(self, offset: int, length: int) -> Whole | None:
        line = self.read(offset, length)
        return decode_whole(line) if line is not None else None


@dataclass(frozen=True, slots=True)
class Found:
    line: WireLine
    raw: bytes
    """With its line break."""
    segment: Segment
    offset: int


def _first_order(file: BinaryIO) -> int | None:
    """None for a file whose first record is not there yet."""
    file.seek(0)
    found = _FIRST.match(file.read(_FIRST_BYTES))
    return int(found[1]) if found is not None else None


def _open(files: LogFiles, first: int) -> BinaryIO | None:
    for path in (files.current, files.older):
        try:
            file = path.open("rb")
        except FileNotFoundError:
            continue
        if _first_order(file) == first:
            return file
        file.close()
    return None


class ServerTail:
    """A place in one server's log that moves forward as it is read."""

    def __init__(self, files: LogFiles) -> None:
        self._files = files
        self._segment: Segment | None = None
        self._offset = 0
        self._seen: tuple[int, int, int] | None = None

    def skip(self, keep_bytes: int) -> bool:
        """Start so that about `keep_bytes` are left to read; False when that is all there is anyway."""
        sizes = [(segment, _size(segment)) for segment in self._chain()]
        surplus = sum(size for _, size in sizes) - keep_bytes
        if surplus <= 0:
            return False
        for segment, size in sizes:
            if surplus < size:
                self._segment, self._offset = segment, _next_line(segment, surplus)
                return True
            surplus -= size
        return False

    def changed(self) -> bool:
        """Was the current file written or replaced since the last time this was asked?"""
        try:
            stat = self._files.current.stat()
        except FileNotFoundError:
            return False
        seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if seen == self._seen:
            return False
        self._seen = seen
        return True

    def forget(self) -> None:
        """There is more to read than was read: look again."""
        self._seen = None

    def records(self) -> Iterator[Found]:
        """From the place on, to the end of what is there now."""
        while (segment := self._segment or self._next_segment()) is not None:
            self._segment = segment
            file = segment.open()
            if file is not None:
                with file:
                    yield from self._records_of(file, segment)
            following = self._next_segment()
            if following is None or following.first == segment.first:
                return
            self._segment, self._offset = following, 0

    def _records_of(self, file: BinaryIO, segment: Segment) -> Iterator[Found]:
        file.seek(self._offset)
        rest = b""
        while data := file.read(_CHUNK_BYTES):
            whole, found, tail = (rest + data).rpartition(b"\n")
            if not found:
                rest = tail
                continue
            rest = tail
            for text in whole.split(b"\n"):
                raw = text + b"\n"
                offset = self._offset
                self._offset += len(raw)
                line = decode(raw)
                if line is not None:
                    yield Found(line, raw, segment, offset)

    def _next_segment(self) -> Segment | None:
        """The one after the place; the oldest one when the place was rotated away, or at the start."""
        chain = self._chain()
        if self._segment is None:
            return chain[0] if chain else None
        firsts = [segment.first for segment in chain]
        if self._segment.first in firsts:
            at = firsts.index(self._segment.first) + 1
            return chain[at] if at < len(chain) else None
        return chain[0] if chain else None

    def _chain(self) -> list[Segment]:
        """The files there are, oldest first."""
        chain: list[Segment] = []
        for path in (self._files.older, self._files.current):
            try:
                with path.open("rb") as file:
                    first = _first_order(file)
            except FileNotFoundError:
                continue
            if first is not None and all(first != other.first for other in chain):
                chain.append(Segment(self._files, first))
        return chain


def _size(segment: Segment) -> int:
    file = segment.open()
    if file is None:
        return 0
    with file:
        return os.fstat(file.fileno()).st_size


def _next_line(segment: Segment, offset: int) -> int:
    """The first start of a line at or after `offset`."""
    file = segment.open()
    if file is None or offset == 0:
        return 0
    with file:
        file.seek(offset - 1)
        while data := file.read(_CHUNK_BYTES):
            at = data.find(b"\n")
            if at >= 0:
                return offset + at
            offset += len(data)
    return offset


class WireTail:
    """All servers' logs, or one server's: what is there, then what comes.

    Not safe for use by two threads at once.
    """

    def __init__(self, folder: Path, *, server: str | None = None) -> None:
        self._folder = folder
        self._server = server
        self._tails: dict[str, ServerTail] = {}
        self.skipped = False
        """`recent` left out older records."""

    def servers(self) -> tuple[str, ...]:
        return tuple(known_servers(self._folder))

    def _known(self) -> list[ServerTail]:
        for name, files in known_servers(self._folder).items():
            if name not in self._tails and self._server in (None, name):
                self._tails[name] = ServerTail(files)
        return list(self._tails.values())

    def records(self) -> Iterator[Found]:
        """What is there now, by order over all servers; later calls go on from there."""
        readers = [tail.records() for tail in self._known()]
        return heapq.merge(*readers, key=lambda found: found.line.head.order)

    def recent(self, keep_bytes: int) -> Iterator[Found]:
        """Like the first `records`, but only about the newest `keep_bytes`, shared evenly by the servers."""
        tails = self._known()
        for tail in tails:
            if tail.skip(keep_bytes // max(1, len(tails))):
                self.skipped = True
        return self.records()

    def poll(self, *, max_bytes: int = 4 << 20) -> list[Found]:
        """What came since the last time, by order; what goes beyond `max_bytes` comes the next time."""
        found: list[Found] = []
        room = max_bytes
        for tail in self._known():
            if room <= 0 or not tail.changed():
                continue
            for item in tail.records():
                found.append(item)
                room -= len(item.raw)
                if room <= 0:
                    tail.forget()
                    break
        found.sort(key=lambda item: item.line.head.order)
        return found
