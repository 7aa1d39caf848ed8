"""What is remembered of servers from one start to the next: the era they speak, and tasks that may still run.

One small JSON file in the state directory. Several programs may use it at once: what is written is merged into what
stands there. Keys are hashes, for command lines and URLs can hold secrets.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from pathlib import Path
from typing import Any, Literal

from mcp_tui.config import paths
from mcp_tui.config.save import locked, write_atomically
from mcp_tui.config.schema import ServerSpec
from mcp_tui.core.errors import AppError
from mcp_tui.core.json_values import as_object, is_object
from mcp_tui.core.types import JsonObject

_log = logging.getLogger(__name__)

Section = Literal["eras", "tasks"]
MAX_ENTRIES = 500
MAX_FILE_BYTES = 2_000_000


def identity(spec: ServerSpec) -> str:
    """The same for the same command or URL, whatever the entry is called and wherever it stands."""
    what = [spec.url] if spec.transport != "stdio" else [spec.command, *spec.args, spec.cwd or ""]
    return hashlib.sha256(json.dumps([spec.transport, *what]).encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Memory:
    """Reading is done once; writing happens in the background and never fails anybody (it is logged)."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._data: dict[Section, dict[str, JsonObject]] | None = None
        self._dirty: dict[tuple[Section, str], JsonObject | None] = {}
        self._writer: asyncio.Task[None] | None = None

    @property
    def path(self) -> Path:
        return self._path or paths.state_dir() / "servers.json"

    async def load(self) -> None:
        if self._data is None:
            read = await asyncio.to_thread(_read, self.path)
            if self._data is None:
                self._data = read

    def get(self, section: Section, key: str) -> JsonObject | None:
        """None before `load`, too."""
        return self._data[section].get(key) if self._data is not None else None

    def of_server(self, section: Section, spec: ServerSpec) -> dict[str, JsonObject]:
        """Entries kept with `put(section, f"{identity(spec)}/NAME", ...)`, by NAME."""
        prefix = f"{identity(spec)}/"
        entries = self._data[section] if self._data is not None else {}
        return {key.removeprefix(prefix): entry for key, entry in entries.items() if key.startswith(prefix)}

    def put(self, section: Section, key: str, value: JsonObject | None) -> None:
        """None forgets it. Needs a running event loop."""
        if self.get(section, key) == value:
            return
        if self._data is not None:
            _apply(self._data[section], key, value)
        self._dirty[section, key] = value
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write(), name="server memory")

    async def _write(self) -> None:
        try:
            while self._dirty:
                batch, self._dirty = self._dirty, {}
                await asyncio.to_thread(_merge, self.path, batch)
        except (AppError, OSError) as error:
            _log.warning("what is known of servers could not be kept: %s", error)
        finally:
            self._writer = None

    async def close(self) -> None:
        """Returns when everything is on disk."""
        if self._writer is not None:
            await asyncio.wait({self._writer})


def _apply(entries: dict[str, JsonObject], key: str, value: JsonObject | None) -> None:
    entries.pop(key, None)
    if value is not None:
        entries[key] = value
    while len(entries) > MAX_ENTRIES:
        del entries[next(iter(entries))]


def _read(path: Path) -> dict[Section, dict[str, JsonObject]]:
    """An unreadable file counts as empty, and is replaced by the next write."""
    loaded: Any = None
    try:
        if path.stat().st_size <= MAX_FILE_BYTES:
            loaded = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        pass
    except (OSError, ValueError, RecursionError) as error:
        _log.warning("%s cannot be read: %s", path, error)
    whole = as_object(loaded)
    return {"eras": _entries(whole.get("eras")), "tasks": _entries(whole.get("tasks"))}


def _entries(value: object) -> dict[str, JsonObject]:
    given = as_object(value)
    return {key: entry for key, entry in given.items() if is_object(entry)}


def _merge(path: Path, batch: dict[tuple[Section, str], JsonObject | None]) -> None:
    with locked(path):
        data = _read(path)
        for (section, key), value in batch.items():
            _apply(data[section], key, value)
        write_atomically(path, json.dumps({**data, "written": int(time.time())}).encode())
