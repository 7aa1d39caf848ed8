"""What one line of the wire log holds.

A line is one JSON object. Its head comes first and is plain ASCII; the message follows byte for byte as the last
member, so that reading a head never decodes a body:

    {"order":1793880725123456,"at":"2026-11-05T12:12:05.123Z","server":"fs","pid":4242,"connection":1,
     "direction":"sent","kind":"request","method":"tools/call","id":5,"name":"echo","size_bytes":96,
     "cause":"run r1 column c2 call t1s1c1","message":{"jsonrpc":"2.0","id":5,...}}

order       microseconds since the epoch, made strictly increasing within a process: order and time in one number
direction   sent, received, or none (an event)
kind        request, response, notification, garbage (not a JSON-RPC message) or event
method      of the request it belongs to; for an event its name: connecting, connected, lost, closed, reconnect, failed,
            needs_auth, disabled, http, http_error, dropped
name        tool, prompt or URI of the request, when it has one; of an event, its facts in a few words
request     the order of the request this answers; ms: the time between the two
failed      true for JSON-RPC errors, isError results, garbage, HTTP errors and lost connections
http        {"verb", "url", "headers"} of a request, {"status", "headers"} beside an answer
detail      facts of an event
note        what is not as it was on the wire, and why

The last member is `message` (JSON as it came; only line breaks between its tokens are blanks here, because a line is
a line), or `text` (what is no JSON, or the beginning of a message too large to keep). `base64` has the true bytes where
they were not valid UTF-8. Configured secrets read `***`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any, Literal

from mcp_tui.core.json_values import is_object
from mcp_tui.core.types import JsonObject

Direction = Literal["sent", "received", "none"]
Kind = Literal["request", "response", "notification", "garbage", "event"]

DIRECTIONS: tuple[Direction, ...] = ("none", "sent", "received")
KINDS: tuple[Kind, ...] = ("request", "response", "notification", "garbage", "event")

_BODY = (b',"message":', b',"text":')
_MAX_HEAD_BYTES = 64 << 10


def iso(order: int) -> str:
    """`2026-11-05T12:12:05.123Z`."""
    return f"{_iso_second(order // 1_000_000)}.{order % 1_000_000 // 1000:03d}Z"


@lru_cache(maxsize=4)
def _iso_second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def local_time(order: int, zone: tzinfo | None = None) -> datetime:
    """In `zone`, or where the person is."""
    return datetime.fromtimestamp(order / 1_000_000, UTC).astimezone(zone)


@dataclass(frozen=True, slots=True)
class Head:
    """A record without its body."""

    order: int
    server: str
    direction: Direction
    kind: Kind
    method: str
    id: str | int | None
    name: str
    size_bytes: int
    ms: float | None
    request: int | None
    failed: bool
    cause: str


@dataclass(frozen=True, slots=True)
class WireLine:
    """One line of a file: its head and where its parts stand, in bytes from the start of the line."""

    head: Head
    body_at: int
    """Where the value of `message` or `text` starts; equals `length` when there is none."""
    length: int
    """With its line break."""


_encode = json.JSONEncoder(separators=(",", ":")).encode


def encode(fields: JsonObject, body: bytes | None = None, *, text: str | None = None) -> bytes:
    """A line. `body`: the message, valid JSON on one line; `text`: what is no JSON."""
    head = _encode(fields).encode("ascii")
    if body is not None:
        return b"".join((head[:-1], _BODY[0], body, b"}\n"))
    if text is not None:
        return b"".join((head[:-1], _BODY[1], json.dumps(text).encode("ascii"), b"}\n"))
    return head + b"\n"


def _body_start(line: bytes) -> tuple[int, int]:
    """Where the head ends and where the body's value starts; both the end of the line when there is no body."""
    # Inside a head both marks would have their quotes escaped, and headers have other names.
    end = len(line.rstrip(b"\r\n"))
    found = [(at, len(mark)) for mark in _BODY if (at := line.find(mark, 0, _MAX_HEAD_BYTES)) >= 0]
    if not found:
        return end, end
    at, size = min(found)
    return at, at + size


def decode(line: bytes) -> WireLine | None:
    """None for what is no record (a line cut by a crash)."""
    head_end, body_at = _body_start(line)
    head = line[:head_end] + b"}" if body_at != head_end else line
    try:
        fields: Any = json.loads(head)
    except ValueError:
        return None
    if not is_object(fields):
        return None
    known = _head(fields)
    return WireLine(known, body_at if body_at != head_end else len(line), len(line)) if known is not None else None


def _head(fields: JsonObject) -> Head | None:
    order, server = fields.get("order"), fields.get("server")
    if not isinstance(order, int) or not isinstance(server, str):
        return None
    direction, kind = fields.get("direction"), fields.get("kind")
    number, request, ms = fields.get("id"), fields.get("request"), fields.get("ms")
    size = fields.get("size_bytes")
    return Head(
        order=order,
        server=server,
        direction=direction if direction in DIRECTIONS else "none",
        kind=kind if kind in KINDS else "garbage",
        method=str(fields.get("method") or ""),
        id=number if isinstance(number, str | int) else None,
        name=str(fields.get("name") or ""),
        size_bytes=size if isinstance(size, int) else 0,
        ms=float(ms) if isinstance(ms, int | float) else None,
        request=request if isinstance(request, int) else None,
        failed=fields.get("failed") is True,
        cause=str(fields.get("cause") or ""),
    )


@dataclass(frozen=True, slots=True)
class Whole:
    """A record with everything in it. Exactly one of `message` and `text` is not None, or neither (events)."""

    head: Head
    fields: JsonObject
    """The head's members."""
    message: str | None
    """The message as it was on the wire."""
    text: str | None


def decode_whole(line: bytes) -> Whole | None:
    found = decode(line)
    if found is None:
        return None
    head_end, body_at = _body_start(line)
    if body_at == head_end:
        return Whole(found.head, json.loads(line), None, None)
    fields = json.loads(line[:head_end] + b"}")
    body = line.rstrip(b"\r\n")[body_at:-1].decode("utf-8", "replace")
    if line[head_end : head_end + len(_BODY[1])] == _BODY[1]:
        return Whole(found.head, fields, None, json.loads(body))
    return Whole(found.head, fields, body, None)
