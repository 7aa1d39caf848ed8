"""Opening the person's browser, away from our terminal and our event loop."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, Process
from urllib.parse import urlsplit

# A process of its own: `webbrowser` may wait for the browser to end, and text browsers would draw over our screen.
# -I: the working directory is not searched for a module of that name. It honours $BROWSER.
_SCRIPT = "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))"


class Browser:
    """One page opened. `opened` tells how it went; `close` ends the launcher, never the browser."""

    def __init__(self) -> None:
        self._process: Process | None = None

    async def open(self, url: str) -> None:
        """ValueError for anything but an http(s) URL; OSError when no process can be started."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("only http:// and https:// URLs are opened")
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-c",
            _SCRIPT,
            url,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            start_new_session=True,
        )

    async def opened(self) -> bool:
        """Waits until the launcher has ended. A browser in the foreground keeps it waiting."""
        return self._process is not None and await self._process.wait() == 0

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()
