"""`python live_stdio.py OPTIONS-JSON`: the live peer over standard streams.

log: file that gets every message received. Every request has a thread of its own.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from live_peer import LivePeer  # pyright: ignore[reportMissingImports] - run as a script beside it
from peer import lines  # pyright: ignore[reportMissingImports] - run as a script beside it

options: dict[str, Any] = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
lock = threading.Lock()


def send(message: Any) -> None:
    with lock:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


class Process(LivePeer):
    def call(self, name: str, arguments: Any, params: Any, request_id: Any) -> Any:
        if name == "die":
            os._exit(3)
        if name == "plain" and arguments.get("hang_up"):
            self.hang_up()
        return super().call(name, arguments, params, request_id)


def serve(message: dict[str, Any]) -> None:
    answer = peer.handle(message)
    if answer is not None:
        send(answer)


peer = Process(options, send)
print("the live peer is up", file=sys.stderr, flush=True)
for message in lines(sys.stdin):
    if options.get("log"):
        with Path(options["log"]).open("a") as file:
            file.write(json.dumps(message) + "\n")
    if "method" in message and "id" in message and message["method"] not in ("initialize", "server/discover"):
        threading.Thread(target=serve, args=(message,), daemon=True).start()
    else:
        serve(message)
