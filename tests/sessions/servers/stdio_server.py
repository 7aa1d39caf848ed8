"""`python stdio_server.py OPTIONS-JSON`: the peer over standard streams, and what only a process can do wrong.

More options:
log             file that gets every message received, one per line
pid_file        file that gets the process ids, one per line
child           start a process that sleeps
daemon          start one that sleeps, in a session of its own and without our output; its id goes to this file
detach          go on in a session of its own, as the command `setsid` starts a server
wait_for        answer only when pid_file has so many lines
exit_code       exit at once
stderr          text to write there first
flood_stderr    so many bytes to write there first
hang            method that is never answered
die_on_discover exit when asked for the newer protocol
ignore_eof, ignore_sigterm

Tools that only exist here: die, bad_utf8, garbage, batch, null_result, deep.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
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


def append(path: str, line: object) -> None:
    with Path(path).open("a") as file:
        file.write(f"{line}\n")


class AnsweredError(Exception):
    """The tool wrote its answer itself."""


class Process(Peer):
    def call(self, name: str, arguments: dict[str, Any], params: dict[str, Any], request_id: Any) -> dict[str, Any]:
        head = b'{"jsonrpc":"2.0","id":%d,"result":' % request_id
        if name == "die":
            print("dying as told", file=sys.stderr, flush=True)
            os._exit(arguments.get("code", 3))
        if name == "garbage":
            for _ in range(18):
                write(b"this is not JSON\n")
        raw = {
            "bad_utf8": head + b'{"content":[{"type":"text","text":"a\xff\xfeb"}]}}',
            "batch": json.dumps([{"jsonrpc": "2.0", "id": request_id, "result": text("from a batch")}]).encode(),
            "null_result": head + b"null}",
            "deep": head + b"[" * 5000 + b"]" * 5000 + b"}",
        }
        if name in raw:
            write(raw[name] + b"\n")
            raise AnsweredError
        return super().call(name, arguments, params, request_id)


def serve(message: dict[str, Any]) -> None:
    if message.get("method") == options.get("hang", "\0"):
        return
    try:
        answer = peer.handle(message)
    except AnsweredError:
        return
    if answer is not None:
        send(answer)


if options.get("detach") and os.fork():
    os._exit(0)
if options.get("detach"):
    os.setsid()
if options.get("pid_file"):
    append(options["pid_file"], os.getpid())
if options.get("child"):
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    append(options["pid_file"], sleeper.pid)
if options.get("daemon"):
    nothing = subprocess.DEVNULL
    daemon = [sys.executable, "-c", "import time; time.sleep(600)"]
    sleeper = subprocess.Popen(daemon, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)
    append(options["daemon"], sleeper.pid)
if options.get("ignore_sigterm"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if options.get("stderr"):
    print(options["stderr"], file=sys.stderr, flush=True)
if options.get("flood_stderr"):
    sys.stderr.buffer.write((b"x" * 99 + b"\n") * (options["flood_stderr"] // 100))
    sys.stderr.flush()
while options.get("wait_for") and len(Path(options["pid_file"]).read_text().split()) < options["wait_for"]:
    time.sleep(0.05)
if "exit_code" in options:
    sys.exit(options["exit_code"])

peer = Process(options, send)
for message in lines(sys.stdin):
    if options.get("log"):
        append(options["log"], json.dumps(message))
    if options.get("die_on_discover") and message.get("method") == "server/discover":
        os._exit(9)
    if "id" in message and message.get("method") == "tools/call":
        threading.Thread(target=serve, args=(message,), daemon=True).start()
    else:
        serve(message)
while options.get("ignore_eof"):
    time.sleep(60)
