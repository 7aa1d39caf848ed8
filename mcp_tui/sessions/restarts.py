"""The task that restarts one server when files of its source change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

from mcp_tui.config.schema import ServerSpec
from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.state import RESTARTING
from mcp_tui.sessions.file_watch import MAX_FILES, FileWatch

_log = logging.getLogger(__name__)


def restart_reason(changed: tuple[str, ...]) -> ErrorInfo:
    first = changed[0] if changed else "a file"
    more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
    return ErrorInfo("Restarting", f"{first}{more} changed", code=RESTARTING)


class Restarts:
    """`follow` whenever the entry may have changed, `end` at the end. All on the event loop."""

    def __init__(self, changed: Callable[[tuple[str, ...]], None], warn: Callable[[str], None]) -> None:
        """changed: called with the paths. warn: with a sentence for the person."""
        self._changed = changed
        self._warn = warn
        self._task: asyncio.Task[None] | None = None
        self._what: tuple[tuple[str, ...], str | None] = ((), None)

    def follow(self, spec: ServerSpec, *, on: bool) -> None:
        wanted = (spec.watch if on else (), spec.cwd)
        if wanted == self._what:
            return
        self._what = wanted
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if wanted[0]:
            try:
                watch = FileWatch(spec.watch, Path(spec.cwd) if spec.cwd else Path.cwd())
            except ValueError as error:
                self._warn(f"Changed files are not noticed: {error}.")
                return
            self._task = asyncio.create_task(self._run(watch), name=f"files of {spec.name}")

    async def end(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _run(self, watch: FileWatch) -> None:
        try:
            async with aclosing(watch.changes()) as changes:
                async for changed in changes:
                    if watch.full:
                        self._warn(f"`watch` matches more files than are looked at: {MAX_FILES:,}.")
                    self._changed(changed)
        except Exception as error:  # noqa: BLE001 - the end of the task; logged and told
            _log.exception("watching files ended unexpectedly")
            self._warn(f"Changed files are not noticed any more: {type(error).__name__}.")
