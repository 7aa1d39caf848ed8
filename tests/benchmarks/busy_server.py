"""A stdio server that does too much: `flood N` announces list changes N times a second, `big` gives large results.

Only the standard library, like `slow_start_server`.
"""

import json
import sys
import threading
import time

lock = threading.Lock()
_CHANGED = json.dumps({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})


def write(line: str) -> None:
    with lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def flood(rate: int) -> None:
    started, sent = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - started) * rate)
        for _ in range(due - sent):
            write(_CHANGED)
        sent = due
        time.sleep(0.01)


def main() -> None:
    rate = int(sys.argv[1])
    tools = [{"name": name, "inputSchema": {"type": "object"}} for name in ("noop", "big", *map(str, range(20)))]
    for line in sys.stdin:
        request = json.loads(line)
        method, number = request["method"], request.get("id")
        if number is None:
            if method == "notifications/initialized" and rate:
                threading.Thread(target=flood, args=(rate,), daemon=True).start()
            continue
        result: dict[str, object] = {}
        if method == "initialize":
            result = {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {"listChanged": True}},
                "serverInfo": {"name": "busy", "version": "1"},
            }
        elif method == "tools/list":
            result = {"tools": tools}
        elif method == "tools/call":
            size = request["params"].get("arguments", {}).get("bytes", 4)
            result = {"content": [{"type": "text", "text": "x" * size}]}
        write(json.dumps({"jsonrpc": "2.0", "id": number, "result": result}))


if __name__ == "__main__":
    main()
