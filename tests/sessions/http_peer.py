"""A loopback HTTP server for the peer, in the test's own loop: it can go down, come back, and say anything."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.sessions.servers.peer import Json, Peer


@dataclass
class Reply:
    """status 0 = cut the connection in the middle of the body."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    hold_s: float = 0
    """Seconds before it is sent."""


@dataclass
class Seen:
    verb: str
    headers: dict[str, str]
    message: Json
    path: str = ""


class HttpPeer:
    """`rule` may answer a request itself; otherwise the peer does. `sessions` = hand out Mcp-Session-Id."""

    def __init__(self, options: Json | None = None, *, sessions: bool = False) -> None:
        self.peer = Peer({"no_listen": True, **(options or {})}, lambda message: None)
        self.rule: Callable[[Seen], Reply | None] = lambda seen: None
        self.seen: list[Seen] = []
        self.mute: set[str] = set()
        """Methods that are never answered."""
        self.port = 0
        self._sessions = sessions
        self._known: set[str] = set()
        self._count = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stream: asyncio.StreamWriter | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    @property
    def sse_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/sse"

    def calls(self, method: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.message.get("method") == method]

    async def up(self) -> HttpPeer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def down(self) -> None:
        """As if killed: nothing listens any more, every connection is reset, sessions are forgotten."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._open):
            writer.transport.abort()
        self._open.clear()
        self._known.clear()
        for sleeping in self.peer.cancelled.values():
            sleeping.set()
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def forget_sessions(self) -> None:
        self._known.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *rest = head.decode("latin-1").split("\r\n")
                headers = {
                    name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)
                }
                body = await reader.readexactly(int(headers.get("content-length") or 0))
                verb, path, *_ = first.split()
                seen = Seen(verb, headers, json.loads(body) if body else {}, path)
                self.seen.append(seen)
                ruled = self.rule(seen)
                if seen.verb == "GET" and path == "/sse" and ruled is None:
                    self._stream = writer
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
                    writer.write(b"event: endpoint\ndata: /messages\n\n")
                    continue
                if path == "/messages" and ruled is None:
                    threading.Thread(target=self._answer_on_stream, args=(seen, asyncio.get_running_loop())).start()
                    writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
                    continue
                if path == "/sse" and ruled is None:
                    writer.write(b"HTTP/1.1 405 X\r\nContent-Length: 0\r\n\r\n")
                    continue
                if seen.message.get("method") in self.mute:
                    await asyncio.sleep(3600)
                reply = ruled or await self._answer(seen)
                await asyncio.sleep(reply.hold_s)
                extra = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
                length = len(reply.body) + (1000 if reply.status == 0 else 0)
                writer.write(
                    f"HTTP/1.1 {reply.status or 200} X\r\nContent-Type: {reply.content_type}\r\n"
                    f"Content-Length: {length}\r\n{extra}\r\n".encode()
                    + reply.body
                )
                await writer.drain()
                if reply.status == 0:
                    writer.transport.abort()
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        except asyncio.CancelledError:
            return  # it went down; the stream protocol logs a cancelled handler as an error
        finally:
            self._tasks.discard(task)
            self._open.discard(writer)
            writer.close()

    def _answer_on_stream(self, seen: Seen, loop: asyncio.AbstractEventLoop) -> None:
        if seen.message.get("method") in self.mute:
            return
        answer = self.peer.handle(seen.message)
        stream = self._stream
        if answer is not None and stream is not None and not stream.is_closing():
            loop.call_soon_threadsafe(stream.write, b"event: message\ndata: " + json.dumps(answer).encode() + b"\n\n")

    async def _answer(self, seen: Seen) -> Reply:
        if seen.verb != "POST":
            return Reply(405)
        headers: dict[str, str] = {}
        method = seen.message.get("method")
        if self._sessions and method == "initialize":
            self._count += 1
            headers["Mcp-Session-Id"] = f"s{self._count}"
            self._known.add(f"s{self._count}")
        elif self._sessions and seen.headers.get("mcp-session-id") not in self._known:
            return Reply(404, b"{}")
        answer: Any = await asyncio.to_thread(self.peer.handle, seen.message)
        if answer is None:
            return Reply(202)
        return Reply(200, json.dumps(answer).encode(), headers=headers)
