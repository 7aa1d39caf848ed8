"""A small MCP server over stdio, written against the wire: hostile texts, questions, hanging, and a trace file.

`python stub_server.py [TRACE]`: each line of TRACE is one thing that happened (`started PID`, method names).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

TEXT = {"type": "string"}
NASTY = "\x1b]52;c;cm0gLXJmIH4K\x07steals\x1b[2J the clipboard\u202e"


def tool(name: str, description: str = "", **properties: Any) -> dict[str, Any]:
    return {"name": name, "description": description, "inputSchema": {"type": "object", "properties": properties}}


TOOLS = [
    tool("a[/x]b", NASTY),
    {**tool("echo", "Gives back what it got.", text=TEXT, number={"type": "integer"}, flag={"type": "boolean"},
            level={"enum": ["low", "high"]}, tags={"type": "array", "items": TEXT}, deep={"type": "object"}),
     "annotations": {"readOnlyHint": True}},
    tool("ask", "Asks the person."),
    tool("nasty", "Answers with escapes."),
    tool("media", "Image, link, resource."),
    tool("hang", "Never answers."),
    tool("crash", "Ends the process."),
    tool("fails", "Answers an error."),
]  # fmt: skip
QUESTION = {
    "message": f"Sure?{NASTY}",
    "requestedSchema": {
        "type": "object",
        "properties": {"name": {"type": "string", "default": "Ada"}, "age": {"type": "integer", "minimum": 18}},
        "required": ["age"],
    },
}
CATALOG: dict[str, Any] = {
    "tools/list": {"tools": TOOLS},
    "resources/list": {"resources": [{"uri": "stub://nasty", "name": f"n{NASTY}", "mimeType": "text/plain"},
                                     {"uri": "stub://bytes", "name": "bytes", "size": 3}]},
    "resources/templates/list": {"resourceTemplates": [{"uriTemplate": "stub://{id}", "name": "one"}]},
    "prompts/list": {"prompts": [{"name": "greet", "arguments": [{"name": "who", "required": True}, {"name": "how"}]}]},
    "ping": {},
}  # fmt: skip


class Stub:
    def __init__(self, trace: Path | None) -> None:
        self._trace = trace
        self._asking: object = None
        self.note(f"started {os.getpid()}")

    def note(self, line: str) -> None:
        if self._trace is not None:
            with self._trace.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    def send(self, **message: Any) -> None:
        print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)

    def text(self, id_: object, text: str, *, failed: bool = False) -> None:
        self.send(id=id_, result={"content": [{"type": "text", "text": text}], "isError": failed})

    def serve(self) -> None:
        for line in sys.stdin:
            message = json.loads(line)
            if "method" not in message:
                self.text(self._asking, json.dumps(message.get("result", message.get("error")), sort_keys=True))
            elif "id" in message:
                self.note(message["method"])
                self.answer(message["id"], message["method"], message.get("params") or {})
            else:
                self.note(message["method"])
        self.note("ended")

    def answer(self, id_: object, method: str, params: dict[str, Any]) -> None:
        if method == "initialize":
            info = {"name": "stub", "version": "1"}
            capabilities: dict[str, Any] = {"tools": {}, "resources": {}, "prompts": {}}
            version = params["protocolVersion"]
            self.send(id=id_, result={"protocolVersion": version, "capabilities": capabilities, "serverInfo": info})
        elif method in CATALOG:
            self.send(id=id_, result=CATALOG[method])
        elif method == "tools/call":
            self.call(id_, params["name"], params.get("arguments") or {})
        elif method == "resources/read" and params["uri"].startswith("stub://"):
            item = {"text": f"first\n{NASTY}"} if params["uri"] == "stub://nasty" else {"blob": "AAEC"}
            self.send(id=id_, result={"contents": [{"uri": params["uri"], "mimeType": "text/plain", **item}]})
        elif method == "prompts/get":
            text = json.dumps(params.get("arguments"), sort_keys=True)
            self.send(id=id_, result={"messages": [{"role": "user", "content": {"type": "text", "text": text}}]})
        else:
            self.send(id=id_, error={"code": -32601, "message": f"unknown method {method}"})

    def call(self, id_: object, name: str, arguments: dict[str, Any]) -> None:
        match name:
            case "echo":
                self.text(id_, json.dumps(arguments, sort_keys=True))
            case "ask":
                self._asking = id_
                self.send(id="question", method="elicitation/create", params=QUESTION)
            case "nasty":
                self.text(id_, f"one\ttab\n{NASTY}")
            case "media":
                self.send(id=id_, result={"content": [
                    {"type": "image", "mimeType": "image/png", "data": "iVBORw0KGgo="},
                    {"type": "resource_link", "uri": "stub://bytes", "name": "bytes"},
                    {"type": "resource", "resource": {"uri": "stub://x", "text": "inside"}},
                    {"type": "text", "text": "caption"},
                ]})  # fmt: skip
            case "hang":
                pass
            case "crash":
                print("out of coffee", file=sys.stderr, flush=True)
                os._exit(3)
            case "fails":
                self.text(id_, "no such row", failed=True)
            case _:
                self.text(id_, f"called {name}")


if __name__ == "__main__":
    Stub(Path(sys.argv[1]) if len(sys.argv) > 1 else None).serve()
