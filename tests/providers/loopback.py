"""A scripted HTTP server on loopback, in the test's own event loop.

Each request takes the next answer of the script; what the server saw is in `requests`.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

DEADLINE_S = 20.0


@dataclass
class Answer:
    """`pieces` are written one by one; an Event among them is waited for.

    end: `clean` ends the body, `abort` resets the connection, `hold` keeps it open until the client leaves.
    """

    pieces: Sequence[bytes | asyncio.Event] = ()
    status: int = 200
    content_type: str | None = "text/event-stream"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    end: Literal["clean", "abort", "hold"] = "clean"
    silent: bool = False
    """Not even a status line: wait until the client leaves."""


@dataclass
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Loopback:
    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self.connections = 0
        self.client_left = asyncio.Event()
        self._arrived = asyncio.Condition()
        self.answering = asyncio.Event()
        """Set when the last piece of an answer that is held open was written."""
        self._script: list[Answer] = []
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.origin = ""

    def script(self, *answers: Answer) -> None:
        self._script += answers

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task: asyncio.Task[None] | None = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.client_left.set()
        finally:
            writer.close()
            del self._open[task]

    async def seen(self, count: int) -> None:
        """Until so many requests have come."""
        async with self._arrived:
            await asyncio.wait_for(self._arrived.wait_for(lambda: len(self.requests) >= count), DEADLINE_S)

    async def close(self) -> None:
        """Hang up on everyone, and wait until each connection has ended."""
        for writer in self._open.values():
            writer.transport.abort()
        if self._open:
            await asyncio.wait(list(self._open), timeout=DEADLINE_S)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        async with self._arrived:
            self.requests.append(Seen(method, path, headers, body))
            self._arrived.notify_all()
        answer = self._script.pop(0) if self._script else Answer(status=500, pieces=[b"no answer scripted"])
        if answer.silent:
            await self._until_client_leaves(reader)
            return False
        out = {"transfer-encoding": "chunked", **answer.headers}
        if answer.content_type is not None:
            out["content-type"] = answer.content_type
        lines = [f"HTTP/1.1 {answer.status} Scripted", *(f"{name}: {value}" for name, value in out.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        for piece in answer.pieces:
            if isinstance(piece, asyncio.Event):
                await asyncio.wait_for(piece.wait(), DEADLINE_S)
            elif piece:
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
        if answer.end == "abort":
            await writer.drain()
            sock: socket.socket = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        if answer.end == "hold":
            self.answering.set()
            await self._until_client_leaves(reader)
            return False
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def _until_client_leaves(self, reader: asyncio.StreamReader) -> None:
        self.answering.set()
        await asyncio.wait_for(reader.read(), DEADLINE_S)
        self.client_left.set()


@asynccontextmanager
async def loopback() -> AsyncGenerator[Loopback]:
    server = Loopback()
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()[:2]
    server.origin = f"http://{host}:{port}"
    try:
        yield server
    finally:
        listening.close()
        await server.close()


def sse(*events: object, done: bool = True) -> bytes:
    """Chat Completions framing: one `data:` line per event, then `[DONE]`."""
    lines = [f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n" for event in events]
    return "".join([*lines, "data: [DONE]\n\n" if done else ""]).encode()


def named(*events: dict[str, Any]) -> bytes:
    """Anthropic framing: the event's type as its name too."""
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()


def error(status: int, body: object, **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer([json.dumps(body).encode()], status, "application/json", names)


def chunk(delta: object = None, finish: str | None = None, **more: object) -> dict[str, Any]:
    """One chat.completion.chunk."""
    choice: dict[str, Any] = {"index": 0, "delta": delta if delta is not None else {}, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m-1", "choices": [choice], **more}
