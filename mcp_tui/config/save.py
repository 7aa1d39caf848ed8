"""Writes `servers.toml`, the one configuration file the program owns."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import tomli_w

from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.types import JsonObject

_HEADER = "# Written by mcp-tui. Your own settings belong in config.toml beside it.\n\n"


def save_servers(path: Path, servers: Mapping[str, JsonObject]) -> None:
    """Replace the file with these entries (as they stand in `[servers.NAME]`, variables unexpanded).

    Atomic and readable by the person alone; whoever reads meanwhile sees the old or the new file. AppError when
    the disk refuses.
    """
    text = _HEADER + tomli_w.dumps({"servers": dict(servers)})
    write_atomically(path, text.encode())


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
