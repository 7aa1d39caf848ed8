"""Turns what the recorders took in into lines. Runs on the log's thread; all of its state belongs to that thread."""

from __future__ import annotations

import base64
import json
import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mcp_tui.config import mask
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.wirelog.envelope import MAX_PARSED_BYTES, Envelope, Part, read
from mcp_tui.sessions.wirelog.events import EventSplitter
from mcp_tui.sessions.wirelog.record import Direction, encode, iso
from mcp_tui.sessions.wirelog.secrets import Secrets

MAX_KEPT_BYTES = MAX_PARSED_BYTES
"""Of a larger message the beginning is kept, and its size."""
CUT_TEXT_BYTES = 64 << 10
_LONGEST_SUMMARY = 300
_SAID = ("verb", "url", "reason", "transport", "event", "protocol")
_WORDED = {"wait_s": "in {} s", "attempt": "attempt {}", "exit_code": "exit code {}", "signal": "{}"}
_OTHER: dict[Direction, Direction] = {"sent": "received", "received": "sent", "none": "none"}
MAX_PENDING = 4096
"""Requests that wait for their answer; of the oldest ones beyond it the link is lost."""

Headers = Sequence[tuple[bytes, bytes]]

# None of these is frozen: that would make each one several times as dear, and it is the event loop that makes them.


@dataclass(slots=True)
class Post:
    """An HTTP request is about to be sent. A body makes it a message; without one it is told of when answered."""

    number: int
    verb: str
    url: object
    """As it is, with any secret; its text is made here."""
    headers: Headers
    body: bytes


@dataclass(slots=True)
class HttpAnswer:
    """An HTTP answer: whole with its body (JSON), or its beginning (None; `Chunk`s follow for an event stream)."""

    number: int
    status: int
    headers: Headers
    body: bytes | None
    streams: bool = False


@dataclass(slots=True)
class Chunk:
    """Bytes of the event stream that answers HTTP request `number`; an empty one is its end."""

    number: int
    data: bytes


@dataclass(slots=True)
class Broken:
    """HTTP request `number` failed without an answer."""

    number: int
    reason: str
    failed: bool


@dataclass(slots=True)
class Happened:
    """An event of the connection."""

    name: str
    detail: JsonObject
    failed: bool


@dataclass(slots=True)
class Bytes:
    """One message on a stream."""

    direction: Direction
    raw: bytes


Item = Post | HttpAnswer | Chunk | Broken | Happened | Bytes


@dataclass(slots=True)
class _Pending:
    order: int
    at: float
    method: str
    name: str
    cause: str


@dataclass(slots=True)
class _Http:
    verb: str
    url: str
    order: int | None = None
    """Of the record of its body."""
    at: float = 0.0
    id: str | int | None = None
    pending: _Pending | None = None
    stream: EventSplitter | None = None
    beside: JsonObject = field(default_factory=dict[str, Any])


class Orders:
    """The numbers of records: their time, strictly increasing."""

    def __init__(self) -> None:
        self._last = 0

    def after(self, now_us: int) -> int:
        self._last = max(now_us, self._last + 1)
        return self._last


class Scribe:
    """One connection's. `causes` is filled by the recorder before the request is sent.

    Times of items are microseconds since the epoch (`now_us`) and monotonic seconds (`at`, for durations).
    """

    def __init__(
        self, server: str, connection: int, secrets: Secrets, causes: dict[str | int, str], orders: Orders
    ) -> None:
        self._server = server
        self._orders = orders
        self._connection = connection
        self._secrets = secrets
        self._causes = causes
        self._pid = os.getpid()
        self._pending: dict[Direction, OrderedDict[str | int, _Pending]] = {
            "sent": OrderedDict(),
            "received": OrderedDict(),
        }
        self._http: OrderedDict[int, _Http] = OrderedDict()

    def lines(self, now_us: int, at: float, item: Item) -> list[bytes]:
        """The records of one item; none for what only belongs to a later one."""
        if isinstance(item, Bytes):
            return self._message(now_us, at, item.direction, item.raw)
        if isinstance(item, Happened):
            return [self.event(now_us, item.name, item.detail, failed=item.failed)]
        if isinstance(item, Post):
            return self._post(now_us, at, item)
        http = self._http.get(item.number)
        if http is None:
            return []
        if isinstance(item, Chunk):
            return self._chunk(now_us, at, http, item)
        if isinstance(item, HttpAnswer):
            return self._answer(now_us, at, http, item)
        self._http.pop(item.number, None)
        return [self._http_event(now_us, at, http, "http_error", {"reason": item.reason}, failed=item.failed)]

    def event(self, now_us: int, what: str, detail: JsonObject, *, failed: bool = False, **more: Any) -> bytes:
        fields = self._fields(self._orders.after(now_us), "none", "event", what)
        fields.update((key, value) for key, value in more.items() if value is not None)
        summary = " · ".join(part for part in (_summary(detail, fields.get("http")), fields.get("name")) if part)
        if summary:
            fields["name"] = self._secrets.clean_text(summary)
        if failed:
            fields["failed"] = True
        if detail:
            fields["detail"] = {
                key: self._secrets.clean_text(value) if isinstance(value, str) else value
                for key, value in detail.items()
            }
        return encode(fields)

    # ------------------------------------------------------------------ messages

    def _message(
        self, now_us: int, at: float, direction: Direction, raw: bytes, http: _Http | None = None
    ) -> list[bytes]:
        return [self._record(now_us, at, direction, raw, part, http) for part in read(raw)]

    def _record(
        self, now_us: int, at: float, direction: Direction, raw: bytes, part: Part, http: _Http | None
    ) -> bytes:
        order = self._orders.after(now_us)
        if http is not None and direction == "sent":
            http.order = order
        envelope = part.envelope
        size = len(raw) if not part.note else len(part.json or b"")
        fields = self._fields(order, direction, envelope.kind, self._secrets.clean_text(envelope.method))
        if envelope.id is not None:
            fields["id"] = self._clean_id(envelope.id)
        if envelope.name:
            fields["name"] = self._secrets.clean_text(envelope.name)
        fields["size_bytes"] = size
        self._link(fields, order, at, direction, envelope, http)
        if envelope.failed:
            fields["failed"] = True
        if http is not None and http.beside:
            fields["http"] = http.beside
        return self._with_body(fields, raw, part)

    def _link(
        self,
        fields: JsonObject,
        order: int,
        at: float,
        direction: Direction,
        envelope: Envelope,
        http: _Http | None,
    ) -> None:
        if envelope.kind == "request":
            cause = self._causes.pop(envelope.id, "") if direction == "sent" and envelope.id is not None else ""
            pending = _Pending(order, at, envelope.method, envelope.name, cause)
            if cause:
                fields["cause"] = cause
            if envelope.id is not None:
                waiting = self._pending[direction]
                waiting[envelope.id] = pending
                waiting.move_to_end(envelope.id)
                while len(waiting) > MAX_PENDING:
                    waiting.popitem(last=False)
            if http is not None and direction == "sent":
                http.pending, http.id = pending, envelope.id
        elif envelope.kind in ("response", "garbage"):
            self._answered(fields, at, self._asked(direction, envelope, http))
        elif (asked := self._belongs_to(direction, envelope, http)) is not None:
            fields["request"] = asked.order
            if asked.cause:
                fields["cause"] = asked.cause

    def _belongs_to(self, direction: Direction, envelope: Envelope, http: _Http | None) -> _Pending | None:
        """The request that a notification is about, when it says so or came on that request's own HTTP stream."""
        if direction == "received" and http is not None and http.pending is not None:
            return http.pending
        if envelope.about is None:
            return None
        # Our progress token is the request's id; a cancellation is sent by whoever sent the request.
        asker = direction if envelope.method == "notifications/cancelled" else _OTHER[direction]
        return self._pending[asker].get(envelope.about)

    def _asked(self, direction: Direction, envelope: Envelope, http: _Http | None) -> _Pending | None:
        """The request that is answered, which then waits no more."""
        waiting = self._pending["sent" if direction == "received" else "received"]
        number = envelope.id
        if isinstance(number, str) and number not in waiting and number.isdecimal() and int(number) in waiting:
            number = int(number)  # servers echo a number as text; the SDK forgives that too
        if number is not None and number in waiting:
            return waiting.pop(number)
        if http is not None and http.pending is not None and direction == "received":
            if http.id is not None:
                waiting.pop(http.id, None)
            return http.pending
        return None

    @staticmethod
    def _answered(fields: JsonObject, at: float, asked: _Pending | None) -> None:
        if asked is None:
            return
        fields["request"] = asked.order
        fields["ms"] = round((at - asked.at) * 1000, 3)
        fields["method"] = fields["method"] or asked.method
        if asked.name:
            fields["name"] = asked.name
        if asked.cause:
            fields["cause"] = asked.cause

    def _with_body(self, fields: JsonObject, raw: bytes, part: Part) -> bytes:
        if part.note:
            fields["note"] = part.note
        if len(raw) > MAX_KEPT_BYTES:
            fields["note"] = f"too large for the log: its first {CUT_TEXT_BYTES} bytes of {len(raw)}"
            # Cleaned before it is cut, or the half of a secret at the cut would stay.
            cut = self._secrets.clean(raw[: CUT_TEXT_BYTES * 2])[:CUT_TEXT_BYTES]
            return encode(fields, text=cut.decode("utf-8", "replace"))
        true = part.json if part.json is not None else raw
        body = self._secrets.clean(true)
        valid_json = part.json is not None and (body is true or _is_json(body))
        if part.utf8 and valid_json:
            return encode(fields, body)
        if not part.utf8:
            fields["base64"] = base64.b64encode(body).decode("ascii")
        text = body.decode("utf-8", "replace")
        return encode(fields, text.encode()) if valid_json else encode(fields, text=text)

    def _fields(self, order: int, direction: Direction, kind: str, method: str) -> JsonObject:
        return {
            "order": order,
            "at": iso(order),
            "server": self._server,
            "pid": self._pid,
            "connection": self._connection,
            "direction": direction,
            "kind": kind,
            "method": method,
        }

    def _clean_id(self, number: str | int) -> str | int:
        return self._secrets.clean_text(number) if isinstance(number, str) else number

    # ------------------------------------------------------------------ HTTP

    def _post(self, now_us: int, at: float, post: Post) -> list[bytes]:
        shown = mask.url(str(post.url))
        http = _Http(post.verb, shown, at=at)
        self._http[post.number] = http
        while len(self._http) > MAX_PENDING:
            self._http.popitem(last=False)
        if not post.body:
            return []
        http.beside = {"verb": post.verb, "url": shown, "headers": self._secrets.headers(post.headers)}
        lines = self._message(now_us, at, "sent", post.body, http)
        http.beside = {}
        return lines

    def _answer(self, now_us: int, at: float, http: _Http, answer: HttpAnswer) -> list[bytes]:
        http.beside = {"status": answer.status, "headers": self._secrets.headers(answer.headers)}
        if answer.streams:
            http.stream = EventSplitter()
            if answer.status < 400 and http.order is not None:
                return []  # its first event has the status and headers beside it
        else:
            self._http.pop(answer.number, None)
        if answer.body:
            return self._message(now_us, at, "received", answer.body, http)
        failed = answer.status >= 400
        # Legacy SSE: 202 says that the answer comes on the other stream.
        ended = not answer.streams and answer.status != 202
        return [self._http_event(now_us, at, http, "http", {}, failed=failed, ended=ended)]

    def _http_event(
        self, now_us: int, at: float, http: _Http, what: str, detail: JsonObject, *, failed: bool, ended: bool = True
    ) -> bytes:
        """An HTTP exchange without a JSON-RPC message to put it beside."""
        if http.order is None:
            detail = {"verb": http.verb, "url": http.url, **detail}
        asked = http.pending
        if asked is not None and ended and http.id is not None:
            self._pending["sent"].pop(http.id, None)
        beside, http.beside = http.beside, {}
        return self.event(
            now_us,
            what,
            detail,
            failed=failed,
            http=beside or None,
            request=asked.order if asked is not None else http.order,
            name=asked.name or None if asked is not None else None,
            cause=asked.cause or None if asked is not None else None,
            ms=round((at - http.at) * 1000, 3),
        )

    def _chunk(self, now_us: int, at: float, http: _Http, chunk: Chunk) -> list[bytes]:
        stream = http.stream
        if stream is None:
            return []
        if not chunk.data:
            self._http.pop(chunk.number, None)
            if http.pending is None or http.id not in self._pending["sent"]:
                return []
            # Closed by us (a cancelled request, a change stream at the end) or by the server.
            return [self._http_event(now_us, at, http, "http", {"reason": "the stream ended"}, failed=False)]
        lines: list[bytes] = []
        for kind, data in stream.feed(chunk.data):
            if kind != "message":
                detail = {"event": kind, "data": data[:1000].decode("utf-8", "replace")}
                lines.append(self.event(now_us, "sse", detail))
                continue
            lines.extend(self._message(now_us, at, "received", data, http))
            http.beside = {}
        if stream.overflown:
            self._http.pop(chunk.number, None)
            detail: JsonObject = {"reason": "an event of more than 64 MiB: the rest of this stream is not in the log"}
            lines.append(self._http_event(now_us, at, http, "http_error", detail, failed=True))
        return lines


def _is_json(body: bytes) -> bool:
    """A secret may have stood where `***` cannot: as a number."""
    try:
        json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return False
    return True


def _summary(detail: JsonObject, http: JsonObject | None) -> str:
    """An event's facts in a few words, for the place where a message has its tool."""
    words: list[str] = []
    if http is not None and "status" in http:
        words.append(str(http["status"]))
    words.extend(str(detail[key]) for key in _SAID if key in detail)
    if detail.get("server_name"):
        words.append(f"{detail['server_name']} {detail.get('server_version', '')}".strip())
    words.extend(text.format(detail[key]) for key, text in _WORDED.items() if key in detail)
    if "count" in detail:
        words.insert(0, f"{detail['count']} messages")
    return " · ".join(words)[:_LONGEST_SUMMARY]
