"""A bundled server as a real child process that serves HTTP."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

DEADLINE_S = 30.0
COMMAND = [sys.executable, "-m", "mcp_tui.cli.main", "serve"]
_URL = re.compile(r"http://\S+/mcp")


@dataclass
class HttpChild:
    process: subprocess.Popen[bytes]
    log: Path

    def stderr(self) -> str:
        return self.log.read_text()

    async def url(self) -> str:
        """Once it listens."""
        with anyio.fail_after(DEADLINE_S):
            while (found := _URL.search(self.stderr())) is None:
                assert self.process.poll() is None, self.stderr()
                await anyio.sleep(0.02)
        return found[0]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)


@contextmanager
def http_child(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Generator[HttpChild]:
    """`mcp-tui serve ARGUMENTS`; --http 127.0.0.1:0 unless they say otherwise."""
    where = () if "--http" in arguments else ("--http", "127.0.0.1:0")
    log = folder / "stderr"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [*COMMAND, *arguments, *where], stderr=stderr, stdout=stderr, env={**os.environ, **(env or {})}
        )
    try:
        yield HttpChild(process, log)
    finally:
        process.kill()
        process.wait(DEADLINE_S)
