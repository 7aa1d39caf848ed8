"""`python asking_server.py OPTIONS-JSON`: a scripted server that asks whatever a call tells it to. Standard library.

Tools:
request      {requests: [{method, params}]}: asks them all at once; the answers as JSON, results and errors alike
take_back    asks requests[0], takes it back when `poke` is called, and ends without an answer
poke, heard  the methods of the notifications that came
die          asks requests[0] and exits when `poke` is called
refuse       {times, elicitations}: error -32042 so many times, then "done"
finish       {id}: notifications/elicitation/complete
Options: modern, log.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from peer import Peer, RpcError, lines, text, tool  # pyright: ignore[reportMissingImports] - run as a script beside it

options: dict[str, Any] = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
lock = threading.Lock()
poked = threading.Event()
heard: list[str] = []


def send(message: Any) -> None:
    with lock:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


class Asking(Peer):
    refused = 0

    def call(self, name: str, arguments: dict[str, Any], params: dict[str, Any], request_id: Any) -> dict[str, Any]:
        requests: list[dict[str, Any]] = arguments.get("requests") or []
        if name == "request":
            return self.rounds_of(requests, params) if self.modern else text(json.dumps(self.answers_to(requests)))
        if name in ("take_back", "die"):
            number = self.post(requests[0])
            poked.wait(60)
            if name == "die":
                os._exit(7)
            cancelled = {"requestId": number, "reason": "changed my mind"}
            send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled})
            return text("taken back")
        if name == "poke":
            poked.set()
        if name == "heard":
            return text(json.dumps(heard))
        if name == "finish":
            done = {"elicitationId": arguments["id"]}
            send({"jsonrpc": "2.0", "method": "notifications/elicitation/complete", "params": done})
        if name == "refuse" and self.refused < arguments.get("times", 1):
            self.refused += 1
            raise RpcError(-32042, "Visit this first", {"elicitations": arguments["elicitations"]})
        return text("done")

    def post(self, request: dict[str, Any]) -> int:
        with lock:
            self.next_id += 1
            number = self.next_id
        send({"jsonrpc": "2.0", "id": number, **request})
        return number

    def answers_to(self, requests: list[dict[str, Any]]) -> list[Any]:
        numbers = [self.post(request) for request in requests]
        with self.answered:
            self.answered.wait_for(lambda: all(number in self.answers for number in numbers), 60)
        replies = [self.answers.get(number, {}) for number in numbers]
        return [reply.get("result", reply.get("error")) for reply in replies]

    def rounds_of(self, requests: list[dict[str, Any]], params: dict[str, Any]) -> dict[str, Any]:
        if params.get("requestState") is not None:
            given: dict[str, Any] = params.get("inputResponses") or {}
            return text(json.dumps([given.get(f"q{n}") for n in range(len(requests))]))
        asked = {f"q{n}": request for n, request in enumerate(requests)}
        return {"resultType": "input_required", "inputRequests": asked, "requestState": " \u00e9\U0001f600 opaque "}


names = ("request", "take_back", "poke", "die", "refuse", "finish", "heard")
peer = Asking({**options, "tools": [tool(name) for name in names]}, send)


def serve(message: dict[str, Any]) -> None:
    answer = peer.handle(message)
    if answer is not None:
        send(answer)


for message in lines(sys.stdin):
    if options.get("log"):
        with Path(options["log"]).open("a") as file:
            file.write(json.dumps(message) + "\n")
    if "id" not in message and "method" in message:
        heard.append(message["method"])
    if message.get("method") == "tools/call":
        threading.Thread(target=serve, args=(message,), daemon=True).start()
    else:
        serve(message)
