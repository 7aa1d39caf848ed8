"""Files are written so that nobody ever sees half of one, and what is private is closed to others.

`state_file` is for what the program keeps by itself; here is what it stands on, and what people have written.
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from mcp_tui.config import paths
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.types import JsonObject

LOCK_S = 5.0

_HEADER = "# Written by mcp-tui. Your own settings belong in config.toml beside it.\n\n"
_KEPT_ASIDE = 9


def save_servers(path: Path, servers: Mapping[str, JsonObject], rest: JsonObject | None = None) -> None:
    """Replace the file with these entries (as they stand in `[servers.NAME]`, variables unexpanded).

    rest: its other sections. Atomic and readable by the person alone; whoever reads meanwhile sees the old or the
    new file. A link stays a link. AppError when the disk refuses.
    """
    import tomli_w  # this module is on the way to the first frame

    text = _HEADER + tomli_w.dumps({**(rest or {}), "servers": dict(servers)})
    write_atomically(path.resolve(), text.encode())


def refused(path: Path, error: OSError) -> AppError:
    detail = f"{path}: {error.strerror or type(error).__name__}"
    return AppError("Cannot write", detail, kind=ErrorKind.USAGE, code="write")


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Keeps other processes of this program out between reading and replacing a file. AppError after LOCK_S."""
    lock = paths.state_dir() / f"{path.name}.lock"
    try:
        private_file(lock)
        handle = os.open(lock, os.O_RDWR)
    except OSError as error:
        raise refused(path, error) from error
    try:
        deadline = time.monotonic() + LOCK_S
        while not _taken(handle, lock):
            if time.monotonic() > deadline:
                hint = f"another mcp-tui holds {lock}"
                raise AppError("Cannot write", f"{path} is in use", hint, kind=ErrorKind.USAGE, code="locked")
            time.sleep(0.02)
        yield
    finally:
        os.close(handle)


def _taken(handle: int, lock: Path) -> bool:
    try:
        import fcntl
    except ImportError:  # not on Windows; there the last writer wins
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        detail = f"{lock} cannot be locked: {error.strerror}"
        hint = "set XDG_STATE_HOME to a folder on a disk of this machine"
        raise AppError("Cannot write", detail, hint, kind=ErrorKind.USAGE, code="locks") from error
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
            private_folder(path.parent)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            # Also a private one: a strict umask takes rights away from its owner.
            Path(temporary).chmod(0o600 if private else 0o666 & ~_umask())
            Path(temporary).replace(path)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(temporary).unlink()
            raise
        _settle(path.parent)
    except OSError as error:
        raise refused(path, error) from error


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def _settle(folder: Path) -> None:
    """After a power cut the new name is there too, where the file system can promise that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def private_folder(folder: Path) -> None:
    """Make it and what is missing above it, for the person alone. OSError.

    One of the program's own that is there already and open to others is closed to them; the configuration's is the
    person's affair, and so is whatever a link leads to.
    """
    if not folder.is_dir():
        if folder.parent != folder:
            private_folder(folder.parent)
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:  # another process was faster, or something else is in the way
            if folder.is_dir():
                return
            raise
        folder.chmod(0o700)  # whatever the umask is
        return
    mode = folder.lstat().st_mode
    own = paths.state_dir(), paths.data_dir(), paths.cache_dir()
    if stat.S_ISDIR(mode) and mode & 0o077 and any(map(folder.is_relative_to, own)):
        with suppress(OSError):
            folder.chmod(0o700)


def private_file(path: Path) -> None:
    """Make it (empty) and its folder, unless they are there; nobody else can read it. OSError."""
    private_folder(path.parent)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)


def open_regular(path: Path) -> BinaryIO | None:
    """For reading; None when it is no regular file. OSError."""
    # Not blocking: opening a pipe would otherwise wait for whoever writes into it.
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0)))  # noqa: SIM115
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    return None


def set_aside(path: Path, sides: Sequence[str] = ("",)) -> Path:
    """A damaged file stays beside, for whoever can repair it: renamed to the name that is returned. OSError.

    sides: endings of the files that belong together.
    """
    names = [
        path.with_name(f"{path.name}.damaged{number if number > 1 else ''}") for number in range(1, _KEPT_ASIDE + 1)
    ]
    target = next((name for name in names if not name.exists()), names[-1])
    for side in sides:
        with suppress(FileNotFoundError):
            path.with_name(path.name + side).replace(target.with_name(target.name + side))
    return target
