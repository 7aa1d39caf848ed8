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
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from mcp_tui.config import paths
from mcp_tui.config.schema import ServerSpec
from mcp_tui.config.state_file import StateFile, in_background, plain, readable_members
from mcp_tui.core.errors import AppError
from mcp_tui.core.types import JsonObject

_log = logging.getLogger(__name__)

Section = Literal["eras", "tasks"]
_Data: TypeAlias = dict[Section, dict[str, JsonObject]]
_EMPTY: _Data = {"eras": {}, "tasks": {}}
MAX_ENTRIES = 500
MAX_FILE_BYTES = 2_000_000


def identity(spec: ServerSpec) -> str:
    """The same for the same command or URL, whatever the entry is called and wherever it stands."""
    what = [spec.url] if spec.transport != "stdio" else [spec.command, *spec.args, spec.cwd or ""]
    return hashlib.sha256(json.dumps([spec.transport, *what]).encode("utf-8", "surrogatepass")).hexdigest()[:32]


class KnownServers:
    """Reading is done once; writing happens in the background and never fails anybody (it is logged)."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._data: _Data | None = None
        self._dirty: dict[tuple[Section, str], JsonObject | None] = {}
        self._writer: asyncio.Task[None] | None = None

    @property
    def path(self) -> Path:
        return self._path or paths.state_dir() / "servers.json"

    async def load(self) -> None:
        if self._data is None:
            try:
                read = await in_background(_file(self.path).read)
            except AppError as error:
                _log.warning("what is known of servers could not be read: %s", error)
                read = _EMPTY
            if self._data is None:
                self._data = {name: dict(entries) for name, entries in read.items()}

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
                await in_background(partial(_merge, self.path, batch))
        except AppError as error:
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


def _file(path: Path) -> StateFile[_Data]:
    return StateFile(path, _EMPTY, _decode, _encode, max_bytes=MAX_FILE_BYTES)


def _decode(data: bytes, lost: list[str]) -> _Data:
    whole = json.loads(data)
    found = readable_members(
        {name: whole.get(name, {}) for name in _EMPTY}, lambda section: readable_members(section, _entry, lost), lost
    )
    return {name: found.get(name, {}) for name in _EMPTY}


def _encode(data: _Data) -> bytes:
    return json.dumps({**data, "written": int(time.time())}).encode()


def _entry(entry: JsonObject) -> JsonObject:
    return {name: plain(value) for name, value in entry.items()}


def _merge(path: Path, batch: dict[tuple[Section, str], JsonObject | None]) -> None:
    def merged(data: _Data) -> _Data:
        data = {name: dict(entries) for name, entries in data.items()}
        for (section, key), value in batch.items():
            _apply(data[section], key, value)
        return data

    _file(path).change(merged)
