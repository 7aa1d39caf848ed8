"""Writes `servers.toml`, the one configuration file the program owns."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import tomli_w

from mcp_tui.config import paths
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.types import JsonObject

LOCK_S = 5.0

_HEADER = "# Written by mcp-tui. Your own settings belong in config.toml beside it.\n\n"


def save_servers(path: Path, servers: Mapping[str, JsonObject], rest: JsonObject | None = None) -> None:
    """Replace the file with these entries (as they stand in `[servers.NAME]`, variables unexpanded).

    rest: its other sections. Atomic and readable by the person alone; whoever reads meanwhile sees the old or the
    new file. A link stays a link. AppError when the disk refuses.
    """
    text = _HEADER + tomli_w.dumps({**(rest or {}), "servers": dict(servers)})
    write_atomically(path.resolve(), text.encode())


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Keeps other processes of this program out between reading and replacing a file. AppError after LOCK_S."""
    lock = paths.state_dir() / f"{path.name}.lock"
    try:
        lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise AppError("Cannot write", f"{path}: {error.strerror}", kind=ErrorKind.USAGE, code="write") from error
    try:
        deadline = time.monotonic() + LOCK_S
        while not _taken(handle):
            if time.monotonic() > deadline:
                hint = f"another mcp-tui holds {lock}"
                raise AppError("Cannot write", f"{path} is in use", hint, kind=ErrorKind.USAGE, code="locked")
            time.sleep(0.02)
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        import fcntl
    except ImportError:  # not on Windows; there the last writer wins
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def write_atomically(path: Path, data: bytes, *, private: bool = True) -> None:
    """Write beside the target, then rename over it. AppError (usage) names what the system refused.

    A device or pipe (`/dev/stdout`) is written directly. private: mode 0600, else what the umask leaves.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        if private:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if not private:
                umask = os.umask(0)
                os.umask(umask)
                Path(temporary).chmod(0o666 & ~umask)
            Path(temporary).replace(path)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(temporary).unlink()
            raise
    except OSError as error:
        raise AppError("Cannot write", f"{path}: {error.strerror}", kind=ErrorKind.USAGE, code="write") from error
