"""The figures of a comparison as text, and its tool calls as lines. Clean: made for terminals and files."""

from __future__ import annotations

import json
from typing import Any

from mcp_tui.core.figures import duration_text, money_text
from mcp_tui.core.state import CallStatus
from mcp_tui.core.text import clean_line, mark_json, marked_name
from mcp_tui.core.types import JsonObject

FIGURE_HEADERS = ("MODEL", "STATUS", "FIRST", "TIME", "TOK/S", "IN", "OUT", "COST", "STEPS", "CALLS")
MARKS = {
    CallStatus.OK: "✓",
    CallStatus.ERROR: "✗",
    CallStatus.DENIED: "denied",
    CallStatus.CANCELLED: "stopped",
    CallStatus.UNKNOWN: "unknown: it may have run",
}
_MAX_ARGUMENTS = 100


def call_text(call: JsonObject, *, arguments: bool = True) -> str:
    """`server.tool {"a": 1} ✓ 12 ms shared` of a call in the `compare --json` object."""
    tool = marked_name(str(call["tool"]))
    name = f"{marked_name(call['server'])}.{tool}" if call["server"] else tool
    mark = MARKS.get(CallStatus(call["status"]), str(call["status"]))
    shown = arguments_text(call["arguments"], "") if arguments else ""
    parts = (name, shown, mark, duration_text(call["duration_ms"]), "shared" if call["shared"] else "")
    return " ".join(part for part in parts if part)


def arguments_text(arguments: JsonObject | None, raw: str) -> str:
    """Marked, of long ones the beginning: what a call carried and nobody could see is no secret."""
    text = json.dumps(arguments, ensure_ascii=False) if arguments else raw if arguments is None else ""
    shown = mark_json(text[: 8 * _MAX_ARGUMENTS]).text.replace("\n", " ↵ ")
    return shown if len(shown) <= _MAX_ARGUMENTS else f"{shown[:_MAX_ARGUMENTS]}…"


def figures(response: JsonObject) -> list[str]:
    """The row of one response under FIGURE_HEADERS; `~` marks an estimate."""
    usage: dict[str, Any] = response["usage"]
    speed = response["tokens_per_s"]
    return [
        clean_line(str(response["model"])),
        " ".join(word for word in (str(response["status"]), *_marks(response)) if word),
        duration_text(response["ttft_ms"]),
        duration_text(response["duration_ms"]),
        "" if speed is None else f"{speed:.0f}",
        _count(usage["input_tokens"]),
        _count(usage["output_tokens"]),
        money_text(response["cost_usd"], estimate=response["cost_is_estimate"]),
        str(response["steps"]),
        str(len(response["tool_calls"])),
    ]


def _marks(response: JsonObject) -> tuple[str, str]:
    """Where the answer came from, when not from the column's own model just now."""
    # Comparisons saved by earlier versions have none of these keys.
    steps, cached = int(response["steps"]), int(response.get("cached_steps", 0))
    part = "" if not cached else "cached" if cached == steps else f"{cached}/{steps} cached"
    return part, "fallback" if response.get("fallback") else ""


def remarks(result: JsonObject) -> list[str]:
    """What the figures do not say: which model answered instead, and what limits did."""
    return [
        f"{response['model']}: {text}"
        for response in result["responses"]
        for text in (
            *([f"fallback: {response['fallback']}"] if response.get("fallback") else ()),
            *response.get("notes", ()),
        )
    ]


def _count(number: object) -> str:
    return "" if number is None else str(number)
