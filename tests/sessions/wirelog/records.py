"""Log lines made up for tests, and ways to read a real log."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.wirelog.file_reader import WireTail
from mcp_tui.sessions.wirelog.files import Appender, LogFiles
from mcp_tui.sessions.wirelog.record import Whole, decode_whole, encode, iso

T0 = 1_793_880_725_000_000
"""2026-11-05T12:12:05Z in microseconds."""


def line(number: int, *, server: str = "fs", message: JsonObject | None = None, **fields: Any) -> bytes:
    """A record `number` milliseconds after T0: a request unless told otherwise."""
    order = T0 + number * 1000
    body = json.dumps(message if message is not None else {"jsonrpc": "2.0", "id": number, "method": "ping"}).encode()
    head: JsonObject = {
        "order": order,
        "at": iso(order),
        "server": server,
        "pid": 1,
        "connection": 1,
        "direction": "sent",
        "kind": "request",
        "method": "ping",
        "id": number,
        "size_bytes": len(body),
        **fields,
    }
    return encode({key: value for key, value in head.items() if value is not None}, body)


def call(number: int, tool: str = "echo", *, server: str = "fs", result: JsonObject | None = None) -> list[bytes]:
    """A tools/call and its answer a millisecond later; its id is `number`."""
    asked: JsonObject = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": tool}}
    answer: JsonObject = {"jsonrpc": "2.0", "id": number, "result": result or {"content": []}}
    common: JsonObject = {"server": server, "method": "tools/call", "name": tool, "id": number}
    failed: JsonObject = {"failed": True} if answer["result"].get("isError") else {}
    return [
        line(number, message=asked, **common),
        line(
            number + 1,
            message=answer,
            direction="received",
            kind="response",
            request=T0 + number * 1000,
            ms=1.0,
            **common,
            **failed,
        ),
    ]


def write(folder: Path, lines: list[bytes], server: str = "fs", **options: Any) -> None:
    Appender(LogFiles.of(folder, server), **options).append(lines)


def records(folder: Path, server: str | None = None) -> list[Whole]:
    """Everything in the log, by order."""
    wholes = [decode_whole(found.raw) for found in WireTail(folder, server=server).records()]
    return [whole for whole in wholes if whole is not None]


def only(found: list[Whole], holds: Callable[[Whole], bool]) -> Whole:
    chosen = [whole for whole in found if holds(whole)]
    assert len(chosen) == 1, [whole.fields for whole in chosen]
    return chosen[0]


def named(found: list[Whole], method: str, direction: str = "") -> list[Whole]:
    return [whole for whole in found if whole.head.method == method and direction in ("", whole.head.direction)]
