"""Small private files in which the program keeps what the person said, shared by all of its processes.

A file is read again when another process changed it, changed under a lock that every process respects, and replaced
as a whole. What cannot be read costs only itself: it is left out, and the file it stood in is set aside before the
next change replaces it.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

from mcp_tui.config.save import LOCK_S, locked, open_regular, refused, set_aside, write_atomically
from mcp_tui.core.errors import AppError
from mcp_tui.core.json_values import is_list, is_object
from mcp_tui.core.threads import off_loop

logger = logging.getLogger(__name__)

MAX_BYTES = 8 << 20
PATIENCE_S = 2 * LOCK_S
"""Its lock may take half of it."""
FAULTS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What reading somebody else's content may raise."""
_TICK_NS = 100_000_000
"""A file changed so recently may change again without its times saying so."""

_T = TypeVar("_T")
_Entry = TypeVar("_Entry")


@dataclass(frozen=True, slots=True)
class Loaded(Generic[_T]):
    value: _T
    lost: tuple[str, ...] = ()
    """Why something of the file could not be read, per thing."""


class StateFile(Generic[_T]):
    """Every method blocks: see `in_background`. Values are never changed in place.

    decode: raises one of FAULTS for what is no such file at all; of single entries that cannot be read it appends the
    reasons to the list (see `readable`). lines: a file of lines, of which the newest `max_bytes` count; any other
    that is larger counts as damaged. lock: whose lock it shares, when not its own.
    """

    def __init__(
        self,
        path: Path,
        empty: _T,
        decode: Callable[[bytes, list[str]], _T],
        encode: Callable[[_T], bytes],
        *,
        max_bytes: int = MAX_BYTES,
        lines: bool = False,
        lock: Path | None = None,
    ) -> None:
        self.path = path
        self._empty = empty
        self._decode = decode
        self._encode = encode
        self._max_bytes = max_bytes
        self._lines = lines
        self._lock = lock or path
        self._last: tuple[tuple[int, ...], Loaded[_T]] | None = None

    def load(self) -> Loaded[_T]:
        """OSError when there is a file that cannot be read."""
        try:
            file = open_regular(self.path)
        except FileNotFoundError:
            return Loaded(self._empty)
        if file is None:
            if self.path.is_char_device():  # /dev/null: the person wants nothing kept
                return Loaded(self._empty)
            raise OSError(errno.EINVAL, "is no regular file", str(self.path))
        with file:
            facts = os.fstat(file.fileno())
            seen = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)
            if self._last is not None and self._last[0] == seen:
                return self._last[1]
            if facts.st_mode & 0o077:
                with suppress(OSError):
                    os.fchmod(file.fileno(), 0o600)
            loaded = self._read(file, facts.st_size)
        self._last = (seen, loaded) if time.time_ns() - facts.st_mtime_ns > _TICK_NS else None
        return loaded

    def _read(self, file: BinaryIO, size: int) -> Loaded[_T]:
        cut = size > self._max_bytes
        if cut and not self._lines:
            return Loaded(self._empty, (f"it is larger than {self._max_bytes:,} bytes",))
        if cut:
            file.seek(size - self._max_bytes)
        data = file.read(self._max_bytes)
        lost: list[str] = []
        try:
            if cut:
                data = data[data.index(b"\n") + 1 :]
            value = self._decode(data, lost)
        except FAULTS as error:
            return Loaded(self._empty, (type(error).__name__,))
        return Loaded(value, tuple(lost))

    def read(self) -> _T:
        """What can be read of it; why not all of it is logged."""
        try:
            loaded = self.load()
        except OSError as error:
            logger.warning("%s cannot be read: %s", self.path, error.strerror or error)
            return self._empty
        if loaded.lost:
            logger.warning("%s is damaged: %s", self.path, _reasons(loaded))
        return loaded.value

    def change(self, change: Callable[[_T], _T]) -> bool:
        """False when nothing had to be written. AppError when it cannot be locked, read or written.

        change: makes the new value of what stands in the file now.
        """
        with locked(self._lock):
            try:
                before = self.load()
            except OSError as error:
                raise refused(self.path, error) from error
            after = change(before.value)
            if after == before.value and not before.lost:
                return False
            self._write(after, before)
        return True

    def _write(self, value: _T, before: Loaded[_T]) -> None:
        data, target = self._encode(value), self.path.resolve()  # a link stays a link
        if not before.lost:
            write_atomically(target, data)
            return
        try:
            aside = set_aside(target)
        except OSError as error:
            raise refused(self.path, error) from error
        try:
            write_atomically(target, data)
        except AppError:
            with suppress(OSError):
                aside.replace(target)
            raise
        logger.warning("%s was damaged (%s): it is kept as %s", self.path, _reasons(before), aside)


async def in_background(work: Callable[[], _T]) -> _T:
    """The result of work with such files. AppError also when the disk does not answer: nobody waits for ever."""
    return await off_loop(work, PATIENCE_S)


def _reasons(loaded: Loaded[Any]) -> str:
    first, *others = loaded.lost
    return f"{first} and {len(others)} more" if others else first


def readable(entries: Iterable[Any], parse: Callable[[Any], _Entry], lost: list[str]) -> list[_Entry]:
    """Those that can be parsed; of the others the reason goes to `lost`."""
    found: list[_Entry] = []
    for entry in entries:
        try:
            found.append(parse(entry))
        except FAULTS as error:
            lost.append(type(error).__name__)
    return found


def readable_members(entries: Mapping[str, Any], parse: Callable[[Any], _Entry], lost: list[str]) -> dict[str, _Entry]:
    return dict(readable(entries.items(), lambda member: (member[0], parse(member[1])), lost))


def text(value: object) -> str:
    """TypeError when it is none."""
    if not isinstance(value, str):
        raise TypeError
    return value


def plain(value: object) -> object:
    """TypeError when it has members."""
    if is_object(value) or is_list(value):
        raise TypeError
    return value
