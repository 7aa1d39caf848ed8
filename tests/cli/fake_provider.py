"""A provider on loopback whose model names say what happens."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], **attributes: Any) -> Generator[str]:
    """The base URL of a provider on loopback. attributes: of its handler, for this server alone."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (handler,), attributes))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class FakeProvider(BaseHTTPRequestHandler):
    """POST /v1/chat/completions; the model's name says what happens."""

    seen: ClassVar[list[str]]
    """The models asked for; each fixture has its own."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append(body["model"])
        match body["model"]:
            case "good":
                self.stream("\x1b]52;c;eA==\x07fine \x1b", "[31mred", end=True)
            case "caller" if body["messages"][-1]["role"] != "tool":
                call = {"index": 0, "id": "1", "type": "function", "function": {"name": "nasty", "arguments": "{}"}}
                self.send_events({"tool_calls": [call]}, why="tool_calls")
            case "caller":
                self.stream("\x1b]52;c;eA==\x07fine \x1b", "[31mred", end=True)
            case "cut":
                self.stream("only half", end=False)
            case "later" if self.seen.count("later") == 1:
                self.refuse(429, "slow down", {"Retry-After": "0"})
            case "later":
                self.stream("second try", end=True)
            case "unauthorized":
                self.refuse(401, "bad key")
            case _:
                self.refuse(400, "not like this")

    def refuse(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        data = json.dumps({"error": {"message": message, "type": "x"}}).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def stream(self, *texts: str, end: bool) -> None:
        self.send_events(*({"content": text} for text in texts), why="stop" if end else "")

    def send_events(self, *deltas: dict[str, Any], why: str) -> None:
        """why: the finish reason; "" when the stream is cut."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        chunks: list[Any] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
        if why:
            chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": why}],
                           "usage": {"prompt_tokens": 7, "completion_tokens": 3}})  # fmt: skip
        for chunk in chunks:
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        if why:
            self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the library's
        """Nothing: stderr is under test."""
