"""A minimal stdio server that answers the handshake only after a given time; no imports that cost anything."""

import json
import sys
import time

_RESULTS: dict[str, dict[str, object]] = {
    "initialize": {
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "slow-start", "version": "1"},
    },
    "tools/list": {
        "tools": [
            {"name": "noop", "inputSchema": {"type": "object"}},
            {
                "name": "measure",
                "inputSchema": {"type": "object"},
                "outputSchema": {
                    "type": "object",
                    "properties": {
                        "unit": {"type": "string"},
                        "points": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "properties": {"at": {"type": "string"}, "value": {"type": "number"}},
                                "required": ["at", "value"],
                            },
                        },
                    },
                    "required": ["unit", "points"],
                },
            },
        ]
    },
    "ping": {},
}
_ANSWERS: dict[str, dict[str, object]] = {
    "noop": {"content": [{"type": "text", "text": "done"}]},
    "measure": {
        "content": [{"type": "text", "text": "four points"}],
        "structuredContent": {"unit": "ms", "points": [{"at": f"12:0{n}", "value": n / 2} for n in range(4)]},
    },
}


def main() -> None:
    time.sleep(float(sys.argv[1]))
    for line in sys.stdin:
        request = json.loads(line)
        if "id" not in request:
            continue
        answer: dict[str, object] = {"jsonrpc": "2.0", "id": request["id"]}
        method = request["method"]
        result = _ANSWERS.get(request["params"]["name"]) if method == "tools/call" else _RESULTS.get(method)
        if result is None:
            answer["error"] = {"code": -32601, "message": "Method not found"}
        else:
            answer["result"] = result
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
