"""The files of the log: appended by any number of processes, rotated by size, readable by their owner alone."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, unquote

from mcp_tui.config import paths
from mcp_tui.config.save import private_folder

MAX_FILE_BYTES = 20 << 20
"""Of one file; a server has two: the newest messages, and the ones before."""
_LONGEST_NAME = 120


def default_folder() -> Path:
    return paths.state_dir() / "wire"


def base_name(server: str) -> str:
    """A file name that is a plain name on every file system, different for different servers."""
    name = quote(server, safe=" ", errors="backslashreplace").replace(".", "%2E").replace("~", "%7E")
    if len(name) > _LONGEST_NAME:
        # `~` stands in no other name.
        name = f"{name[: _LONGEST_NAME - 20]}~{sha256(server.encode('utf-8', 'backslashreplace')).hexdigest()[:16]}"
    return name


@dataclass(frozen=True, slots=True)
class LogFiles:
    """The two files of one server."""

    current: Path
    older: Path

    @classmethod
    def of(cls, folder: Path, server: str) -> LogFiles:
        return cls.named(folder, base_name(server))

    @classmethod
    def named(cls, folder: Path, name: str) -> LogFiles:
        return cls(folder / f"{name}.jsonl", folder / f"{name}.1.jsonl")


def known_servers(folder: Path) -> dict[str, LogFiles]:
    """Every server that has a log, by name, sorted."""
    try:
        names = sorted(path.name for path in folder.iterdir() if path.suffix == ".jsonl")
    except FileNotFoundError:
        return {}
    bases = dict.fromkeys(name.removesuffix(".jsonl").removesuffix(".1") for name in names)
    return {_server_of(folder, base): LogFiles.named(folder, base) for base in bases}


def _server_of(folder: Path, base: str) -> str:
    if "~" not in base:
        return unquote(base)
    from mcp_tui.sessions.wirelog.record import decode  # a shortened name: the records have the whole one

    files = LogFiles.named(folder, base)
    for path in (files.current, files.older):
        with suppress(OSError), path.open("rb") as file:
            line = decode(file.readline(1 << 20))
            if line is not None:
                return line.head.server
    return base


class Appender:
    """Writes lines of one server. Used by one thread; other processes may write the same files."""

    def __init__(self, files: LogFiles, *, max_bytes: int = MAX_FILE_BYTES) -> None:
        self._files = files
        self._max_bytes = max_bytes
        self._handle: int | None = None

    def append(self, lines: Sequence[bytes]) -> None:
        """All of them, rotating between two lines where the size asks for it. OSError when the disk refuses."""
        waiting = list(lines)
        try:
            while waiting:
                handle = self._locked()
                waiting = waiting[self._fill(handle, waiting) :]
                fcntl.flock(handle, fcntl.LOCK_UN)
        except OSError:
            self.close()  # gives up the lock; the next try looks at everything anew
            raise

    def _fill(self, handle: int, lines: Sequence[bytes]) -> int:
        """How many lines went into the file; 0 = it was full and is now the older one."""
        room = self._max_bytes - os.fstat(handle).st_size
        fitting: list[bytes] = []
        for line in lines:
            room -= len(line)
            # A file holds one record at least, however large.
            if room < 0 and (fitting or os.fstat(handle).st_size):
                break
            fitting.append(line)
        if not fitting:
            self._files.current.replace(self._files.older)
            return 0
        _write_all(handle, b"".join(fitting))
        return len(fitting)

    def _locked(self) -> int:
        """The current file, opened and locked. Another process may have rotated it meanwhile."""
        while True:
            handle = self._handle
            if handle is None:
                private_folder(self._files.current.parent)
                handle = os.open(self._files.current, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
                self._handle = handle
            fcntl.flock(handle, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), self._files.current.stat()):
                    _end_cut_line(handle)
                    return handle
            self.close()

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _end_cut_line(handle: int) -> None:
    """A process that died, or a full disk, left a line without its end: the next record starts on its own."""
    size = os.fstat(handle).st_size
    if size and os.pread(handle, 1, size - 1) != b"\n":
        os.write(handle, b"\n")
