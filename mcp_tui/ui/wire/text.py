"""How a record of the wire log reads: as a row, as a heading, as a whole message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

from mcp_tui.core.figures import duration_text, size_text
from mcp_tui.core.json_text import dump
from mcp_tui.core.json_values import is_object
from mcp_tui.core.text import json_escaped, marked_line
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.wirelog.record import Head, Whole, local_time
from mcp_tui.ui.json_style import visible
from mcp_tui.ui.widgets.line_view import ViewRow

ARROWS = {"sent": "→", "received": "←", "none": "·"}
_WORDS = {"sent": "to the server", "received": "from the server", "none": "event"}
MAX_SHOWN_CHARS = 2_000_000
"""Of one message; the rest is in the file."""
INDENT = "  "
_SENT_AGAIN = re.compile(r"(?<=^sent again from )\d{16}$")
"""The log names the other message by its order, which is its time in microseconds."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[{}\[\],:]|[^\s{}\[\],:"]+')


def title(head: Head) -> str:
    """`tools/call echo`; clean."""
    words = head.method or head.kind
    if head.kind == "garbage":
        words = f"garbage {head.method}".strip()
    return marked_line(f"{words} {head.name}" if head.name else words)


def clock(order: int, today: str, zone: tzinfo | None) -> str:
    """12 cells: the time today, the day and minute before. `today`: YYYY-MM-DD."""
    moment = local_time(order, zone)
    if f"{moment:%Y-%m-%d}" == today:
        return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"
    return f"{moment:%d %b %H:%M}"


def label(head: Head, zone: tzinfo | None) -> str:
    """One line that tells a message from others, for the diff."""
    moment = local_time(head.order, zone)
    number = "" if head.id is None else f" #{head.id}"
    return marked_line(f"{ARROWS[head.direction]} {title(head)}{number} · {head.server} · {moment:%H:%M:%S}")


def indented(text: str) -> Iterator[str]:
    """JSON over several lines, every token as it was on the wire: numbers keep their spelling, doubled keys stay."""
    line: list[str] = []
    depth = 0
    opened = False
    for found in _TOKEN.finditer(text):
        token = found.group()
        if token in "}]":
            depth -= 1
            if not opened:
                yield "".join(line)
                line = [INDENT * depth]
            line.append(token)
            opened = False
            continue
        if opened:
            yield "".join(line)
            line = [INDENT * depth]
            opened = False
        line.append(token)
        if token in "{[":
            depth += 1
            opened = True
        elif token == ",":
            yield "".join(line)
            line = [INDENT * depth]
        elif token == ":":
            line.append(" ")
    if line:
        yield "".join(line)


def body_text(whole: Whole) -> str:
    """The message for the diff and for copying: JSON over several lines, or the text."""
    if whole.message is not None:
        return json_escaped("\n".join(indented(whole.message)))
    if whole.text is not None:
        return whole.text
    return dump(whole.fields.get("detail") or {})


def detail_rows(whole: Whole, zone: tzinfo | None) -> list[ViewRow]:
    """Everything about one record: what it is, then its message. Blocks for large messages: use a thread."""
    rows = [_row(name, value) for name, value in _facts(whole, zone)]
    if note := whole.fields.get("note"):
        rows.append(ViewRow(visible(f"! {note}"), "warning"))
    beside: Any = whole.fields.get("http")
    if is_object(beside):
        rows.extend(_http_rows(beside))
    rows.append(ViewRow(""))
    if whole.message is not None:
        rows.extend(ViewRow(visible(json_escaped(line)), "json") for line in indented(whole.message[:MAX_SHOWN_CHARS]))
    elif whole.text is not None:
        rows.extend(ViewRow(visible(line.expandtabs(4))) for line in whole.text[:MAX_SHOWN_CHARS].splitlines())
    else:
        rows.extend(ViewRow(line, "json") for line in dump(whole.fields.get("detail") or {}).splitlines())
    if len(whole.message or whole.text or "") > MAX_SHOWN_CHARS:
        rows.append(ViewRow("… the rest is in the log: `s` saves it", "warning"))
    return rows


def _row(name: str, value: str) -> ViewRow:
    return ViewRow(visible(f"{name:<11}{value}"), "muted")


def _facts(whole: Whole, zone: tzinfo | None) -> Iterator[tuple[str, str]]:
    head, fields = whole.head, whole.fields
    moment = local_time(head.order, zone)
    yield "time", f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond:06d}"
    yield "server", f"{head.server} · connection {fields.get('connection')} of process {fields.get('pid')}"
    if head.kind == "event":
        yield "event", head.method
    else:
        yield "message", f"{head.kind} {_WORDS[head.direction]} · {size_text(head.size_bytes)}"
    if head.request is not None:
        took = f" after {duration_text(head.ms)}" if head.ms is not None else ""
        yield "answers", f"{head.method}{took}" if head.ms is not None else f"belongs to {head.method or 'a request'}"
    if head.cause:
        yield "cause", _SENT_AGAIN.sub(lambda found: _clock_time(int(found[0]), zone), head.cause)


def _clock_time(order: int, zone: tzinfo | None) -> str:
    moment = local_time(order, zone)
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"


def _http_rows(beside: JsonObject) -> Iterator[ViewRow]:
    status = beside.get("status")
    if isinstance(status, int):
        yield ViewRow(f"{'HTTP':<11}{status}", "error" if status >= 400 else "muted")
    else:
        yield _row("HTTP", f"{beside.get('verb', '')} {beside.get('url', '')}")
    headers: Any = beside.get("headers")
    if is_object(headers):
        for name, value in headers.items():
            yield _row("", f"{name}: {value}")
