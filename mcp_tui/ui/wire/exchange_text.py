"""The Wire view of a result: every message of one call, as it was. Blocks for large messages: use a thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from typing import Any

from mcp_tui.core.figures import duration_text, size_text
from mcp_tui.core.json_values import is_object
from mcp_tui.core.text import clean, json_escaped
from mcp_tui.sessions.wirelog.caused import Caused
from mcp_tui.sessions.wirelog.record import Whole, local_time
from mcp_tui.ui.json_style import visible
from mcp_tui.ui.widgets.line_view import ViewRow
from mcp_tui.ui.wire.text import ARROWS, body_text, indented, title

MAX_SHOWN_CHARS = 400_000
NOTHING = "No message of it is in the log."


def exchange_rows(caused: Caused, zone: tzinfo | None = None) -> list[ViewRow]:
    """zone: of the times; None = where the person is."""
    if not caused.records:
        return [ViewRow(NOTHING, "muted")]
    rows: list[ViewRow] = []
    left = MAX_SHOWN_CHARS
    half = len(caused.records) // 2
    for number, whole in enumerate(caused.records):
        if rows:
            rows.append(ViewRow(""))
        if caused.left_out and number == half:
            rows += [
                ViewRow(f"… {caused.left_out:,} messages are left out here; the Wire screen has them", "warning"),
                ViewRow(""),
            ]
        rows.append(ViewRow(_heading(whole, zone), "head"))
        rows.extend(_http_rows(whole))
        kind = "plain" if whole.text is not None else "json"
        # Line by line: of a large message only what is shown is laid out.
        for line in indented(whole.message) if whole.message is not None else body_text(whole).splitlines():
            if left <= 0:
                rows.append(ViewRow("… the rest is cut here; s saves everything", "warning"))
                return rows
            rows.append(ViewRow(visible(json_escaped(line[:left]) if kind == "json" else line[:left]), kind))
            left -= len(line)
    return rows


def exchange_text(caused: Caused, zone: tzinfo | None = None) -> str:
    """For copying."""
    return clean("\n".join(row.text for row in exchange_rows(caused, zone)))


def exchange_jsonl(records: Sequence[Whole]) -> bytes:
    """For saving: a message a line, as it was on the wire."""
    lines = (whole.message if whole.message is not None else whole.text for whole in records)
    return "".join(f"{line}\n" for line in lines if line is not None).encode("utf-8", "surrogatepass")


def _heading(whole: Whole, zone: tzinfo | None) -> str:
    head = whole.head
    moment = local_time(head.order, zone)
    facts = [f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"]
    if head.id is not None:
        facts.insert(0, f"#{head.id}")
    if head.ms is not None:
        facts.append(duration_text(head.ms))
    if head.kind != "event":
        facts.append(size_text(head.size_bytes))
    if head.failed:
        facts.append("✗ error")
    return visible(f"{ARROWS[head.direction]} {title(head)}  {'  '.join(facts)}")


def _http_rows(whole: Whole) -> Iterator[ViewRow]:
    beside: Any = whole.fields.get("http")
    if not is_object(beside):
        return
    status = beside.get("status")
    if isinstance(status, int):
        yield ViewRow(f"HTTP {status}", "error" if status >= 400 else "muted")
    else:
        yield ViewRow(visible(f"HTTP {beside.get('verb', '')} {beside.get('url', '')}"), "muted")
