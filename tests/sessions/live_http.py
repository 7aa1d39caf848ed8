"""The live peer behind loopback HTTP: every POST is answered by an event stream, as servers with notifications do."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "servers"))

from live_peer import LivePeer  # pyright: ignore[reportMissingImports, reportUnknownVariableType] - a script too

Json = dict[str, Any]


class LiveHttp:
    """`async with LiveHttp(options) as server`; `down` and `up` in between keep the port and, unless told, the peer."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.port = 0
        self.seen: list[tuple[Json, dict[str, str]]] = []
        """Messages received, with their headers."""
        self.status: int | None = None
        """Answer every POST with this HTTP status."""
        self.refuse_probe: int | None = None
        """Answer server/discover with this HTTP status."""
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._here = threading.local()
        self._get: asyncio.StreamWriter | None = None
        self._listening: dict[Any, asyncio.StreamWriter] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.peer: Any = LivePeer(options, self._send)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def received(self, method: str) -> list[Json]:
        return [message for message, _ in self.seen if message.get("method") == method]

    async def __aenter__(self) -> LiveHttp:
        self._loop = asyncio.get_running_loop()
        return await self.up()

    async def __aexit__(self, *_: object) -> None:
        await self.down()

    async def up(self, *, forget: bool = False) -> LiveHttp:
        """forget: as another process, which knows nothing of before."""
        if forget:
            self.peer = LivePeer(self.options, self._send)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def down(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._open):
            writer.transport.abort()
        self._open.clear()
        self._listening.clear()
        self._get = None

    def drop_streams(self) -> None:
        """Cut every stream of changes, as a proxy does."""
        for writer in self._listening.values():
            writer.transport.abort()
        self._listening.clear()
        self.peer.streams.clear()

    # ------------------------------------------------------------------ sending

    def _send(self, message: Json) -> None:
        """From a thread: into the stream of the request it works on, else where the protocol sends it."""
        subscription = message.get("params", {}).get("_meta", {}).get("io.modelcontextprotocol/subscriptionId")
        if "result" in message:
            subscription = message["id"]
        writer = self._listening.get(subscription, getattr(self._here, "writer", None) or self._get)
        if writer is not None and self._loop is not None and not writer.is_closing():
            self._loop.call_soon_threadsafe(self._event, writer, message)

    @staticmethod
    def _event(writer: asyncio.StreamWriter, message: Json) -> None:
        if not writer.is_closing():
            writer.write(b"event: message\ndata: " + json.dumps(message).encode() + b"\n\n")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            first, *rest = head.decode("latin-1").split("\r\n")
            headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
            body = await reader.readexactly(int(headers.get("content-length") or 0))
            verb = first.split()[0]
            if verb == "GET" and not self.peer.modern:
                self._get = writer
                self._open_stream(writer)
                await reader.read()
                return
            if verb != "POST":
                writer.write(b"HTTP/1.1 405 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            await self._post(json.loads(body), headers, writer, reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._open.discard(writer)
            if self._get is writer:
                self._get = None
            writer.close()

    @staticmethod
    def _open_stream(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")

    async def _post(
        self, message: Json, headers: dict[str, str], writer: asyncio.StreamWriter, reader: asyncio.StreamReader
    ) -> None:
        self.seen.append((message, headers))
        refused = self.refuse_probe if message.get("method") == "server/discover" else None
        status = self.status or refused
        if status is not None:
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            return
        if "method" not in message or "id" not in message:
            await asyncio.to_thread(self.peer.handle, message)
            writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        self._open_stream(writer)
        if message["method"] == "subscriptions/listen":
            self._listening[message["id"]] = writer
            self.peer.handle(message)
            await reader.read()
            self._listening.pop(message["id"], None)
            return
        answer = await asyncio.to_thread(self._handle, message, writer)
        await asyncio.sleep(0)  # what the thread sent meanwhile goes first; a thread that was quick is not waited for
        if answer is not None:
            self._event(writer, answer)
        await writer.drain()

    def _handle(self, message: Json, writer: asyncio.StreamWriter) -> Json | None:
        self._here.writer = writer
        try:
            return self.peer.handle(message)
        finally:
            self._here.writer = None
