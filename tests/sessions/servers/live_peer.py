"""A peer with what goes on beside single requests: tasks, followed resources, logging, any protocol version.

More options: version (what an older handshake is answered with), state_file (tasks survive a restart), poll_ms,
supported / refuses (versions a newer server names), no_cancel / no_list / no_tasks (capabilities left out),
notify (status notifications), no_subscribe, refuse_uri, ttl_ms (how long a read may be used again),
ticks (how often a followed resource changes by itself).

`job` may become a task, `long` has to, `plain` cannot. Arguments of the first two:
seconds, ask (needs an answer), fail ("tool" or "rpc"), lose (unknown from the second question on), expire (the result
is gone), refuse_cancel, deaf_cancel (acknowledged and ignored), progress.
`touch {uri, text}` changes a resource, `log {level, data}` logs. The peer's `files` are its resources.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from peer import (  # pyright: ignore[reportMissingImports] - also run as a script beside peer.py
    LEGACY,
    META,
    Json,
    Peer,
    RpcError,
    text,
    tool,
)

EXTENSION = META + "tasks"
RELATED = META + "related-task"
FORM = {
    "mode": "form",
    "message": "Which one?",
    "requestedSchema": {"type": "object", "properties": {"which": {"type": "string"}}},
}
TOOLS = [
    tool("job", execution={"taskSupport": "optional"}, annotations={"readOnlyHint": True}),
    tool("long", execution={"taskSupport": "required"}),
    tool("plain"),
    tool("touch"),
    tool("log"),
    tool("die"),
]
LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]


class LivePeer(Peer):
    def __init__(self, options: Json, send: Any) -> None:
        super().__init__({"tools": TOOLS, **options}, send)
        self.files: dict[str, str] = {"file:///a.txt": "one", "file:///b.txt": "one"}
        self.subscribed: set[str] = set()
        self.streams: dict[Any, list[str]] = {}
        self.level = "none"
        self.given: list[Json] = []
        """Answers of ours to questions about tasks, as they came."""
        self.polls: list[float] = []
        self.tasks: dict[str, Json] = self._load()

    # ------------------------------------------------------------------ handshake

    def capabilities(self) -> Json:
        own: Json = {"tools": {}, "resources": {"subscribe": not self.options.get("no_subscribe")}, "logging": {}}
        if self.options.get("no_tasks"):
            return own
        if self.modern:
            return own | {"extensions": {EXTENSION: {}}}
        tasks: Json = {"requests": {"tools": {"call": {}}}}
        tasks |= {key: {} for key in ("list", "cancel") if not self.options.get(f"no_{key}")}
        return own | {"tasks": tasks}

    def handle(self, message: Json) -> Json | None:
        method = message.get("method")
        params: Json = message.get("params") or {}
        if method == "subscriptions/listen" and self.modern:
            return self.listen(message["id"], params["notifications"])
        if method is None and RELATED in str(message):
            self.given.append(message)
        return super().handle(message)

    def result(self, method: str, params: Json, request_id: Any) -> Json:
        if method == "initialize" and not self.modern:
            return super().result(method, params, request_id) | {"protocolVersion": self.options.get("version", LEGACY)}
        if method == "server/discover" and self.modern:
            if "refuses" in self.options:
                raise RpcError(
                    -32022, "Unsupported protocol version", {"supported": self.options["refuses"], "requested": "x"}
                )
            return super().result(method, params, request_id) | (
                {"supportedVersions": self.options["supported"]} if "supported" in self.options else {}
            )
        if method == "resources/list":
            return {"resources": [{"uri": uri, "name": uri.rpartition("/")[2]} for uri in self.files]}
        if method == "resources/read":
            contents = [
                {"uri": params["uri"], "mimeType": "text/plain", "text": self.files[params["uri"]], "odd": [None]}
            ]
            hints: Json = {"ttlMs": self.options.get("ttl_ms", 0), "cacheScope": "private"} if self.modern else {}
            return {"contents": contents, **hints}
        if method == "resources/subscribe" and not self.modern:
            if params["uri"] == self.options.get("refuse_uri"):
                raise RpcError(-32002, "No such resource")
            self.subscribed.add(params["uri"])
            self.tick(params["uri"])
            return {}
        if method == "resources/unsubscribe" and not self.modern:
            self.subscribed.discard(params["uri"])
            return {}
        if method == "logging/setLevel" and not self.modern:
            self.level = params["level"]
            return {}
        if method.startswith("tasks/") and not self.options.get("no_tasks"):
            return self.about_task(method, params)
        return super().result(method, params, request_id)

    # ------------------------------------------------------------------ resources and log

    def listen(self, request_id: Any, wanted: Json) -> None:
        uris = [uri for uri in wanted.get("resourceSubscriptions", []) if uri != self.options.get("refuse_uri")]
        self.streams[request_id] = uris
        self.listening = request_id
        honoured = {**wanted, "resourceSubscriptions": uris} if uris else {"toolsListChanged": True}
        self.send(self.stamped("notifications/subscriptions/acknowledged", notifications=honoured))
        for uri in uris:
            self.tick(uri)

    def tick(self, uri: str) -> None:
        """Change a resource again and again, as told by the option `ticks`."""

        def run() -> None:
            for number in range(1, self.options["ticks"] + 1):
                time.sleep(0.15)
                self.change({"uri": uri, "text": f"tick {number}"})

        if self.options.get("ticks"):
            threading.Thread(target=run, daemon=True).start()

    def hang_up(self) -> None:
        """End every stream of changes."""
        for request_id in self.streams:
            self.send({"jsonrpc": "2.0", "id": request_id, "result": {"resultType": "complete"}})
        self.streams.clear()

    def change(self, arguments: Json) -> Json:
        uri = arguments["uri"]
        self.files[uri] = arguments["text"]
        method = "notifications/resources/updated"
        if not self.modern and uri in self.subscribed:
            self.send({"jsonrpc": "2.0", "method": method, "params": {"uri": uri}})
        for request_id, uris in self.streams.items():
            if uri in uris:
                self.listening = request_id
                self.send(self.stamped(method, uri=uri))
        return text("touched")

    def log(self, arguments: Json, params: Json) -> Json:
        level = params.get("_meta", {}).get(META + "logLevel", "none") if self.modern else self.level
        if level != "none" and LEVELS.index(arguments["level"]) >= LEVELS.index(level):
            body = {"level": arguments["level"], "logger": "peer", "data": arguments["data"]}
            self.send({"jsonrpc": "2.0", "method": "notifications/message", "params": body})
        return text(f"level {level}")

    # ------------------------------------------------------------------ tasks

    def call(self, name: str, arguments: Json, params: Json, request_id: Any) -> Json:
        if name == "touch":
            return self.change(arguments)
        if name == "log":
            return self.log(arguments, params)
        if name not in ("job", "long"):
            return super().call(name, arguments, params, request_id)
        wanted = self.modern and not self.options.get("no_tasks") and not arguments.get("direct")
        if not wanted and "task" not in params:
            if name == "long":
                raise RpcError(-32601, "This tool runs as a task only")
            return text(f"{name} ran at once")
        task: Json = {"id": arguments.get("id") or str(uuid.uuid4()), "began": time.time(), "asked": 0, **arguments}
        task["token"] = params.get("_meta", {}).get("progressToken")
        self.tasks[task["id"]] = task
        self._save()
        if arguments.get("progress") or self.options.get("notify"):
            threading.Thread(target=self.report, args=(task,), daemon=True).start()
        if self.modern:
            return {"resultType": "task", **self.described(task)}
        return {"task": self.described(task)}

    def status(self, task: Json) -> str:
        if task.get("cancelled"):
            return "cancelled"
        if task.get("ask") and "answer" not in task:
            return "input_required"
        if time.time() < task["began"] + task.get("seconds", 0.3):
            return "working"
        legacy_fault = not self.modern and task.get("fail") == "tool"
        return "failed" if task.get("fail") == "rpc" or legacy_fault else "completed"

    def described(self, task: Json) -> Json:
        status = self.status(task)
        stamp = "2026-01-01T00:00:00Z"
        body: Json = {"taskId": task["id"], "status": status, "createdAt": stamp, "lastUpdatedAt": stamp}
        body["statusMessage"] = f"it is {status}"
        poll_ms = self.options.get("poll_ms", 50)
        return body | (
            {"ttlMs": 60_000, "pollIntervalMs": poll_ms} if self.modern else {"ttl": 60_000, "pollInterval": poll_ms}
        )

    def outcome(self, task: Json) -> Json:
        answer = f" with {json.dumps(task['answer'])}" if "answer" in task else ""
        return text(f"job done{answer}") | {"isError": task.get("fail") == "tool"}

    def detailed(self, task: Json) -> Json:
        body = self.described(task)
        if self.modern and body["status"] == "completed":
            body["result"] = self.outcome(task)
        if self.modern and body["status"] == "failed":
            body["error"] = {"code": -32603, "message": "rate limit"}
        if self.modern and body["status"] == "input_required":
            body["inputRequests"] = {"q1": {"method": "elicitation/create", "params": FORM}}
        return body

    def about_task(self, method: str, params: Json) -> Json:
        if method == "tasks/list" and not self.modern:
            start = int(params.get("cursor") or 0)
            ids = list(self.tasks)
            page: Json = {"tasks": [self.described(self.tasks[one]) for one in ids[start : start + 2]]}
            return page | ({"nextCursor": str(start + 2)} if start + 2 < len(ids) else {})
        task = self.tasks.get(params.get("taskId", ""))
        if task is None or (task.get("lose") and task["asked"] >= 1):
            raise RpcError(-32602, "Failed to retrieve task: Task not found")
        if method == "tasks/get":
            task["asked"] += 1
            self.polls.append(time.monotonic())
            if task.get("sick") and task["asked"] <= task["sick"]:
                raise RpcError(-32603, "the database is busy")
            return self.detailed(task)
        if method == "tasks/cancel":
            return self.cancel(task)
        if method == "tasks/update" and self.modern:
            self.given.append(params)
            task["answer"] = params["inputResponses"].get("q1")
            return {}
        if method == "tasks/result" and not self.modern:
            return self.payload(task)
        raise RpcError(-32601, f"Method not found: {method}")

    def cancel(self, task: Json) -> Json:
        if task.get("refuse_cancel"):
            raise RpcError(-32602, "Cannot cancel: it is too late")
        if not task.get("deaf_cancel"):
            task["cancelled"] = True
            self._save()
        return {} if self.modern else self.described(task)

    def payload(self, task: Json) -> Json:
        if self.status(task) == "input_required":
            self.next_id += 1
            mine = self.next_id
            related = {"_meta": {RELATED: {"taskId": task["id"]}}}
            ask = {"jsonrpc": "2.0", "id": mine, "method": "elicitation/create", "params": {**FORM, **related}}
            self.send(ask)
            with self.answered:
                self.answered.wait_for(lambda: mine in self.answers, 20)
            task["answer"] = self.answers.get(mine, {}).get("result")
        while self.status(task) == "working":
            time.sleep(0.01)
        if task.get("expire"):
            raise RpcError(-32602, "Failed to retrieve task: Task has expired")
        if self.status(task) == "cancelled":
            raise RpcError(-32602, "The task was cancelled")
        if task.get("fail") == "rpc":
            raise RpcError(-32603, "rate limit")
        return self.outcome(task) | {"_meta": {RELATED: {"taskId": task["id"]}}}

    def report(self, task: Json) -> None:
        steps = 0
        while self.status(task) == "working":
            time.sleep(0.05)
            steps += 1
            if task.get("progress"):
                body = {"progressToken": task["token"], "progress": steps, "total": 100, "message": f"step {steps}"}
                self.send({"jsonrpc": "2.0", "method": "notifications/progress", "params": body})
        if self.options.get("notify"):
            method = "notifications/tasks" if self.modern else "notifications/tasks/status"
            self.send({"jsonrpc": "2.0", "method": method, "params": self.detailed(task)})

    def _load(self) -> dict[str, Json]:
        path = self.options.get("state_file")
        return json.loads(Path(path).read_text()) if path and Path(path).exists() else {}

    def _save(self) -> None:
        path = self.options.get("state_file")
        if path:
            Path(path).write_text(json.dumps(self.tasks))
