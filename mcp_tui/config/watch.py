"""Notices when the configuration changes on disk.

It looks at the files once a second. A file that is being written is given time; one that cannot be read changes
nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

from mcp_tui.config.schema import Config
from mcp_tui.config.stamps import Stamps, settled, stamps
from mcp_tui.core.errors import AppError, ErrorInfo

INTERVAL_S = 1.0
SETTLE_S = 0.25


class ConfigWatch:
    """One reader: `async for change in watch.changes()`."""

    def __init__(
        self,
        load: Callable[[], Config],
        config: Config,
        *,
        interval_s: float = INTERVAL_S,
        settle_s: float = SETTLE_S,
    ) -> None:
        """load: reads everything again, as at the start; runs on a thread. config: what it said last."""
        self._load = load
        self._config = config
        self._interval_s = interval_s
        self._settle_s = settle_s
        self._asked = asyncio.Event()

    def look_now(self) -> None:
        """Load again at once, also when no file changed: an input was answered."""
        self._asked.set()

    async def changes(self) -> AsyncGenerator[Config | ErrorInfo]:
        """A new configuration each time it differs; why not, each time it could not be read and stays as it was."""
        seen: Stamps | None = None
        while True:
            asked = await self._wait()
            now = await asyncio.to_thread(self._look)
            if now == seen and not asked:
                continue
            if seen is not None and not asked:
                now = await settled(self._look, now, self._settle_s)
            seen = now
            found = await asyncio.to_thread(self._reload)
            if isinstance(found, Config):
                # Where it watches other files from now on, their stamps differ from `seen`: loaded once more.
                self._config = found
            if found is not None:
                yield found

    async def _wait(self) -> bool:
        """True when asked to look."""
        try:
            async with asyncio.timeout(self._interval_s):
                await self._asked.wait()
        except TimeoutError:
            return False
        self._asked.clear()
        return True

    def _look(self) -> Stamps:
        return stamps(self._config.watched)

    def _reload(self) -> Config | ErrorInfo | None:
        """None: it says the same as before."""
        try:
            config = self._load()
        except AppError as error:
            return _kept(error.info)
        known = {path for path, _ in self._config.unreadable}
        for path, problem in config.unreadable:
            if path not in known:
                return _kept(problem)
        return None if config == self._config else config


def _kept(problem: ErrorInfo) -> ErrorInfo:
    return replace(problem, hint="; ".join(part for part in ("everything stays as it was", problem.hint) if part))
