"""How long after a column is stopped its provider sees the connection closed, while seven others go on streaming."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress

from mcp_tui.core.state import ColumnStatus
from mcp_tui.providers.building import build
from mcp_tui.providers.endpoint import Endpoint
from mcp_tui.providers.registry import ModelRef
from mcp_tui.runs.spec import ColumnSpec
from tests.benchmarks.table import Row, show
from tests.runs.doubles import Stage

COLUMNS = 8
ROUNDS = 5
LIMIT_S = 0.1
_PER_SECOND = 250
_CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'
_DEADLINE_S = 30.0


class _Flood:
    """Streams words to everybody; tells when a connection was closed by the client."""

    def __init__(self) -> None:
        self.closed_at: dict[str, float] = {}
        self._changed = asyncio.Event()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        column = head.split("/")[1]
        lines = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        await reader.readexactly(int(lines.get("content-length", "0")))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        gone = asyncio.ensure_future(reader.read())
        gone.add_done_callback(lambda _: self._left(column))
        with suppress(ConnectionError):
            while not gone.done():
                writer.write(_CHUNK)
                await writer.drain()
                await asyncio.wait((gone,), timeout=1 / _PER_SECOND)
        gone.cancel()
        writer.close()

    def _left(self, column: str) -> None:
        self.closed_at.setdefault(column, time.perf_counter())
        self._changed.set()

    async def until_closed(self, column: str) -> float:
        async with asyncio.timeout(_DEADLINE_S):
            while column not in self.closed_at:
                self._changed.clear()
                await self._changed.wait()
        return self.closed_at[column]


async def _round() -> list[float]:
    """Seconds from each stop to the end of its connection."""
    flood = _Flood()
    server = await asyncio.start_server(flood.answer, sock=socket.create_server(("127.0.0.1", 0)))
    origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    names = [f"p{number}" for number in range(COLUMNS)]
    taken: list[float] = []
    async with Stage() as stage:
        providers = {
            name: build(Endpoint(name, "openai-chat", f"{origin}/{name}", key_source="none")) for name in names
        }
        stage.providers.known.update(providers)
        columns = [ColumnSpec(name, ModelRef(name, "m"), name) for name in names]
        run = stage.run(columns=columns)
        run.send("Go")
        for name in names:
            await stage.until_status(name, ColumnStatus.STREAMING)
        for name in names:
            stopped_at = time.perf_counter()
            run.cancel(name)
            taken.append(await flood.until_closed(name) - stopped_at)
        await run.wait()
        for provider in providers.values():
            await provider.aclose()
    server.close()
    return taken


def rows() -> list[Row]:
    taken = sorted(second for _ in range(ROUNDS) for second in asyncio.run(_round()))
    worst = taken[-1]
    return [
        Row(
            "stop a streaming column",
            f"{worst * 1000:.1f} ms",
            f"allowed {LIMIT_S * 1000:.0f} ms",
            worst / LIMIT_S,
            goal=1.0,
            note=f"until its connection is closed, slowest of {len(taken)} with {COLUMNS} columns",
        )
    ]


if __name__ == "__main__":
    show(rows())
