"""What a message is, from its bytes alone."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from mcp_tui.core.json_values import as_text, is_list, is_object
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.wirelog.record import Kind

MAX_PARSED_BYTES = 4 << 20
"""Larger messages are told apart by their first and last members only."""

_EDGE_BYTES = 4096
_SCALAR = rb'(?:"(?:[^"\\]|\\.)*+"|-?\d[\d.eE+-]*|true|false|null)'
_FIRST = re.compile(
    rb'\s*\{\s*(?P<members>(?:"(?:jsonrpc|id|method)"\s*:\s*'
    + _SCALAR
    + rb'\s*,\s*)*)"(?P<open>result|error|params)"\s*:'
)
_LAST = re.compile(rb'(?P<members>(?:,\s*"(?:jsonrpc|id|method)"\s*:\s*' + _SCALAR + rb"\s*)*)\}\s*\Z")
_MEMBER = re.compile(rb'"(jsonrpc|id|method)"\s*:\s*(' + _SCALAR + rb")")
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_ABOUT = {"notifications/progress": "progressToken", "notifications/cancelled": "requestId"}
_MAX_NAME_CHARS = 300


class Envelope(NamedTuple):
    kind: Kind
    method: str = ""
    id: str | int | None = None
    name: str = ""
    """The tool, prompt or URI of a request."""
    failed: bool = False
    """A JSON-RPC error, or a result that says isError."""
    about: str | int | None = None
    """Of progress and cancellation: the id of the request they belong to."""


class Part(NamedTuple):
    """One JSON-RPC message, and its JSON; a batch (2025-03-26) gives several."""

    envelope: Envelope
    json: bytes | None
    """On one line; None when `raw` is no JSON, or too large to be parsed."""
    note: str = ""
    utf8: bool = True
    """The bytes are valid UTF-8."""


def read(raw: bytes) -> list[Part]:
    """At least one part, whatever `raw` is."""
    if len(raw) > MAX_PARSED_BYTES:
        return [Part(edges(raw), None)]
    utf8 = True
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text, utf8 = raw.decode("utf-8", "replace"), False
    try:
        decoded: Any = json.loads(text)
    except (ValueError, RecursionError):
        return [Part(Envelope("garbage", failed=True), None, utf8=utf8)]
    if is_list(decoded) and decoded and all(isinstance(item, dict) for item in decoded):
        note = f"part of a batch of {len(decoded)}; its JSON was written anew"
        return [Part(of(item), _dumped(item), note) for item in decoded]
    envelope = of(decoded) if is_object(decoded) else Envelope("garbage", failed=True)
    return [Part(envelope, one_line(raw), utf8=utf8)]


def of(message: JsonObject) -> Envelope:
    method, number = message.get("method"), message.get("id")
    known: str | int | None = number if isinstance(number, str | int) and not isinstance(number, bool) else None
    if isinstance(method, str):
        if "id" not in message:
            return Envelope("notification", method, about=_about(method, message.get("params")))
        return Envelope("request", method, known, name_of(method, message.get("params")))
    error, result = message.get("error"), message.get("result")
    if isinstance(error, dict) and "id" in message:
        return Envelope("response", "", known, failed=True)
    if is_object(result) and known is not None:
        failed = result.get("isError") is True
        return Envelope("response", "", known, failed=failed)
    return Envelope("garbage", "", known, failed=True)


def name_of(method: str, params: Any) -> str:
    key = _NAMED.get(method)
    value: Any = params.get(key) if key is not None and is_object(params) else None
    return value[:_MAX_NAME_CHARS] if isinstance(value, str) else ""


def _about(method: str, params: Any) -> str | int | None:
    key = _ABOUT.get(method)
    value: Any = params.get(key) if key is not None and is_object(params) else None
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def edges(raw: bytes) -> Envelope:
    """Of a message too large to parse: the scalar members before and after its one large member."""
    first = _FIRST.match(raw[:_EDGE_BYTES])
    if first is None:
        return Envelope("garbage", failed=True)
    members: dict[bytes, Any] = {}
    last = _LAST.search(raw[-_EDGE_BYTES:])
    for piece in (first["members"], last["members"] if last is not None else b""):
        for name, value in _MEMBER.findall(piece):
            members[name] = json.loads(value.decode("utf-8", "replace"))
    method, number = members.get(b"method"), members.get(b"id")
    known = number if isinstance(number, str | int) and not isinstance(number, bool) else None
    if first["open"] == b"params":
        text = as_text(method)
        return Envelope("request" if known is not None else "notification", text, known)
    failed = first["open"] == b"error" or b'"isError":true' in raw or b'"isError": true' in raw
    return Envelope("response" if known is not None else "garbage", "", known, failed=failed)


def one_line(raw: bytes) -> bytes:
    """Valid JSON holds line breaks only between tokens, where a blank means the same."""
    raw = raw.strip()
    if b"\n" in raw or b"\r" in raw:
        raw = raw.replace(b"\r\n", b" ").replace(b"\n", b" ").replace(b"\r", b" ")
    return raw


def _dumped(value: JsonObject) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")
