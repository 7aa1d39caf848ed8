"""`python stdio_server.py OPTIONS-JSON`: the peer over standard streams, and what only a process can do wrong.

More options: log (file that gets every message received, one per line), pid_file, exit_code (exit at once), stderr,
flood_stderr (bytes before anything else), hang (method that is never answered), ignore_eof, ignore_sigterm,
mute (ignore unknown methods), die_on_discover, wait_for (answer only when pid_file has so many lines), child (start a process that sleeps).
Tools that only exist here: die, bad_utf8, garbage, batch, null_result, deep, not_json_rpc.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

from peer import Peer, lines, text  # pyright: ignore[reportMissingImports] - run as a script beside peer.py

options: dict[str, Any] = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
lock = threading.Lock()


def write(data: bytes) -> None:
    with lock:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def send(message: Any) -> None:
    write(json.dumps(message).encode() + b"\n")


class Process(Peer):
    def call(self, name: str, arguments: dict[str, Any], params: dict[str, Any], request_id: Any) -> dict[str, Any]:
        if name == "die":
            print("dying as told", file=sys.stderr, flush=True)
            os._exit(arguments.get("code", 3))
        if name == "bad_utf8":
            write(b'{"jsonrpc":"2.0","id":' + str(request_id).encode() + b',"result":{"content":[{"type":"text","text":"a\xff\xfeb"}]}}\n')
            raise _Answered
        if name == "garbage":
            for _ in range(18):
                write(b"this is not JSON\n")
        if name == "batch":
            write(json.dumps([{"jsonrpc": "2.0", "id": request_id, "result": text("from a batch")}]).encode() + b"\n")
            raise _Answered
        if name == "null_result":
            send({"jsonrpc": "2.0", "id": request_id, "result": None})
            raise _Answered
        if name == "deep":
            write(b'{"jsonrpc":"2.0","id":' + str(request_id).encode() + b',"result":' + b"[" * 5000 + b"]" * 5000 + b"}\n")
            raise _Answered
        if name == "env":
            return text(json.dumps(dict(os.environ)))
        return super().call(name, arguments, params, request_id)


class _Answered(Exception):
    pass


def serve(message: dict[str, Any]) -> None:
    if message.get("method") == options.get("hang", "\0"):
        return
    try:
        answer = peer.handle(message)
    except _Answered:
        return
    if answer is not None:
        if options.get("mute") and answer.get("error", {}).get("code") == -32601:
            return
        send(answer)


if options.get("pid_file"):
    with open(options["pid_file"], "a") as file:
        file.write(f"{os.getpid()}\n")
if options.get("child"):
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with open(options["pid_file"], "a") as file:
        file.write(f"{sleeper.pid}\n")
if options.get("ignore_sigterm"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if options.get("stderr"):
    print(options["stderr"], file=sys.stderr, flush=True)
if options.get("flood_stderr"):
    sys.stderr.buffer.write((b"x" * 99 + b"\n") * (options["flood_stderr"] // 100))
    sys.stderr.flush()
while options.get("wait_for") and len(open(options["pid_file"]).read().split()) < options["wait_for"]:
    time.sleep(0.05)
if "exit_code" in options:
    sys.exit(options["exit_code"])

peer = Process(options, send)
log = open(options["log"], "a") if options.get("log") else None
for message in lines(sys.stdin):
    if log is not None:
        log.write(json.dumps(message) + "\n")
        log.flush()
    if options.get("die_on_discover") and message.get("method") == "server/discover":
        os._exit(9)
    if "id" in message and message.get("method") == "tools/call":
        threading.Thread(target=serve, args=(message,), daemon=True).start()
    else:
        serve(message)
while options.get("ignore_eof"):
    time.sleep(60)
