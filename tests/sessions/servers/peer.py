"""A small MCP server made of plain dictionaries, so that it can misbehave exactly as told. Standard library only.

Options (all optional): modern (speak 2026-07-28 only), tools (list of raw definitions, replaces the default),
no_listen (no change stream),
pages / per_page (generated tools), endless (the cursor repeats), capabilities, resources, templates, prompts.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
MODERN = "2026-07-28"
LEGACY = "2025-11-25"
META = "io.modelcontextprotocol/"


def tool(name: str, **more: Any) -> Json:
    return {"name": name, "description": f"The tool {name}", "inputSchema": {"type": "object"}, **more}


DEFAULT_TOOLS = [
    tool("echo", inputSchema={"type": "object", "properties": {"text": {"type": "string"}}}),
    tool("sleep", annotations={"readOnlyHint": True}),
    tool("write"),
    tool("structured", outputSchema={"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}),
    tool("progress"),
    tool("ask"),
    tool("unknown_content"),
    tool("refuse"),
    tool("fail"),
    tool("change"),
    tool("big"),
]


class RpcError(Exception):
    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.error: Json = {"code": code, "message": message} | ({"data": data} if data is not None else {})


class Peer:
    """`send` writes a message to the client; calls arrive in threads of their own."""

    def __init__(self, options: Json, send: Callable[[Json], None]) -> None:
        self.options = options
        self.modern = bool(options.get("modern"))
        self.send = send
        self.tools: list[Json] = options.get("tools") or list(DEFAULT_TOOLS)
        self.cancelled: dict[Any, threading.Event] = {}
        self.answers: dict[Any, Json] = {}
        self.answered = threading.Condition()
        self.next_id = 1000
        self.listening: Any = None
        """Id of the open subscriptions/listen request."""

    def handle(self, message: Json) -> Json | None:
        """The response, or None for notifications and responses."""
        method = message.get("method")
        if method is None:
            with self.answered:
                self.answers[message.get("id")] = message
                self.answered.notify_all()
            return None
        params: Json = message.get("params") or {}
        if "id" not in message:
            if method == "notifications/cancelled":
                self.cancelled.setdefault(params.get("requestId"), threading.Event()).set()
            return None
        if method == "subscriptions/listen" and self.modern and not self.options.get("no_listen"):
            self.listening = message["id"]
            self.send(self.stamped("notifications/subscriptions/acknowledged", notifications=params["notifications"]))
            return None
        try:
            result = self.result(method, params, message["id"])
        except RpcError as error:
            return {"jsonrpc": "2.0", "id": message["id"], "error": error.error}
        if self.modern:
            result.setdefault("resultType", "complete")
            if method.endswith("/list") or method == "server/discover":
                result |= {"ttlMs": 0, "cacheScope": "private"}
        return {"jsonrpc": "2.0", "id": message["id"], "result": result}

    def result(self, method: str, params: Json, request_id: Any) -> Json:
        if method == "server/discover" and self.modern:
            server = {META + "serverInfo": {"name": "peer", "version": "1"}}
            return {"supportedVersions": [MODERN], "capabilities": self.capabilities(), "_meta": server}
        if method == "initialize" and not self.modern:
            return {
                "protocolVersion": LEGACY,
                "capabilities": self.capabilities(),
                "serverInfo": {"name": "peer", "version": "1"},
                "instructions": "Be kind.",
            }
        if method == "ping" and not self.modern:
            return {}
        if method == "tools/list":
            return self.tool_page(params.get("cursor"))
        if method in ("resources/list", "prompts/list", "resources/templates/list"):
            key = {"resources/list": "resources", "prompts/list": "prompts"}.get(method, "resourceTemplates")
            return {key: self.options.get(key, [])}
        if method == "resources/read":
            return {"contents": [{"uri": params["uri"], "mimeType": "text/plain", "text": "hello"}]}
        if method == "prompts/get":
            words = json.dumps(params.get("arguments"))
            return {"messages": [{"role": "user", "content": {"type": "text", "text": words}}]}
        if method == "completion/complete":
            value = params["argument"]["value"]
            return {"completion": {"values": [value + "a", value + "b"], "hasMore": False}}
        if method == "tools/call":
            return self.call(params["name"], params.get("arguments") or {}, params, request_id)
        raise RpcError(-32601, f"Method not found: {method}")

    def capabilities(self) -> Json:
        return self.options.get("capabilities") or {
            "tools": {"listChanged": True},
            "resources": {},
            "prompts": {},
            "completions": {},
        }

    def tool_page(self, cursor: str | None) -> Json:
        if self.options.get("endless"):
            number = int(cursor or 0)
            return {"tools": [tool(f"t{number}")], "nextCursor": str((number + 1) % 7)}
        pages = self.options.get("pages")
        if pages:
            number, per_page = int(cursor or 0), self.options["per_page"]
            page: Json = {"tools": [tool(f"t{number * per_page + i}") for i in range(per_page)]}
            if number + 1 < pages:
                page["nextCursor"] = str(number + 1)
            return page
        return {"tools": self.tools}

    def call(self, name: str, arguments: Json, params: Json, request_id: Any) -> Json:
        known: dict[str, Callable[..., Json]] = {
            "echo": lambda: text(arguments.get("text", "")) | {"_meta": {"arguments": arguments}},
            "write": lambda: text("written"),
            "sleep": lambda: self.sleep(arguments.get("seconds", 1.0), request_id),
            "structured": lambda: text("ok") | {"structuredContent": arguments.get("content")},
            "unknown_content": lambda: {"content": [{"type": "hologram", "beam": [1.0, None, 2]}]},
            "fail": lambda: text("it failed") | {"isError": True},
            "big": lambda: text("x" * arguments["bytes"]),
            "progress": lambda: self.progress(arguments["values"], params),
            "ask": lambda: self.ask(arguments, params),
            "change": lambda: self.change(arguments),
            "rounds": lambda: self.rounds(arguments, params),
        }
        if name == "refuse":
            raise RpcError(arguments.get("code", -32050), "No, thank you", arguments.get("data", {"why": "test"}))
        if name in known:
            return known[name]()
        return text(f"called {name}")

    def sleep(self, seconds: float, request_id: Any) -> Json:
        event = self.cancelled.setdefault(request_id, threading.Event())
        event.wait(seconds)
        return text("slept")

    def progress(self, values: list[Any], params: Json) -> Json:
        token = params["_meta"]["progressToken"]
        for value, total in values:
            body = {"progressToken": token, "progress": value} | ({"total": total} if total is not None else {})
            self.send({"jsonrpc": "2.0", "method": "notifications/progress", "params": body})
        time.sleep(0.05)
        return text("done")

    def ask(self, arguments: Json, params: Json) -> Json:
        """Elicitation the older way: a request of ours in the middle of the call."""
        self.next_id += 1
        mine = self.next_id
        form = {
            "mode": "form",
            "message": "Your name?",
            "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}},
        }
        self.send({"jsonrpc": "2.0", "id": mine, "method": "elicitation/create", "params": form})
        with self.answered:
            self.answered.wait_for(lambda: mine in self.answers, arguments.get("patience", 20))
        reply = self.answers.get(mine, {})
        return text(json.dumps(reply.get("result", reply.get("error"))))

    def rounds(self, arguments: Json, params: Json) -> Json:
        """2026-07-28: asks for input `n` times, then shows what came back."""
        state = json.loads(params.get("requestState") or '{"n":0,"odd":" \\u00e9 "}')
        given = params.get("inputResponses")
        if state["n"] and not given:
            raise RpcError(-32602, "inputResponses are missing")
        if state["n"] >= arguments.get("n", 1):
            return text(json.dumps(given))
        state["n"] += 1
        form = {
            "mode": "form",
            "message": f"Round {state['n']}",
            "requestedSchema": {"type": "object", "properties": {"ok": {"type": "boolean"}}},
        }
        return {
            "resultType": "input_required",
            "inputRequests": {"q": {"method": arguments.get("method", "elicitation/create"), "params": form}},
            "requestState": json.dumps(state),
        }

    def change(self, arguments: Json) -> Json:
        self.tools = arguments["tools"]
        if self.modern and arguments.get("hang_up"):
            self.send({"jsonrpc": "2.0", "id": self.listening, "result": {"resultType": "complete"}})
            return text("changed")
        for _ in range(arguments.get("times", 1)):
            method = "notifications/tools/list_changed"
            self.send(self.stamped(method) if self.modern else {"jsonrpc": "2.0", "method": method})
        return text("changed")

    def stamped(self, method: str, **params: Any) -> Json:
        """A notification of the change stream."""
        meta = {META + "subscriptionId": self.listening}
        return {"jsonrpc": "2.0", "method": method, "params": {**params, "_meta": meta}}


def text(value: str) -> Json:
    return {"content": [{"type": "text", "text": value}]}


def lines(stream: Any) -> Iterator[Json]:
    for line in stream:
        if line.strip():
            yield json.loads(line)
