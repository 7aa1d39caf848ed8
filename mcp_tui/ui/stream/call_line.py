"""One tool call as one line that never wraps: `► server.tool  argument=value      ✓ 12ms shared`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.cells import cell_len
from rich.style import Style

from mcp_tui.core.figures import duration_text, elapsed_text
from mcp_tui.core.state import CallRecord, CallStatus
from mcp_tui.core.text import clean_line, mark_json, marked_line, marked_name
from mcp_tui.ui.stream.rows import BOLD, Palette, Row, Span, shorten, width_of
from mcp_tui.ui.widgets import glyphs

BAR_CELLS = 8
NARROWEST_ARGUMENT = 5
MAIN_ARGUMENTS = (
    "query",
    "q",
    "path",
    "file",
    "url",
    "uri",
    "sql",
    "command",
    "expression",
    "pattern",
    "name",
    "id",
    "text",
    "message",
)
LONGEST_ARGUMENT = 400
"""Characters taken from an argument or its raw JSON; a line is shorter anyway."""


def call_row(call: CallRecord, width: int, palette: Palette, now: float, *, folded: bool) -> Row:
    """`now` is on the clock of `call.started_at`."""
    fold = f"{glyphs.FOLDED if folded else glyphs.UNFOLDED} "
    state = state_spans(call, palette, now)
    server, tool = marked_name(call.server), marked_name(call.tool)
    name_width = cell_len(server) + cell_len(tool) + (1 if server else 0)
    room = width - cell_len(fold) - width_of(state) - 2
    if room < min(name_width, 12):
        state = state_spans(call, palette, now, short=True)
        room = width - cell_len(fold) - width_of(state) - 2
    spans: list[Span] = [(fold, palette.muted)]
    if server and name_width <= max(room, 12):
        spans += [(server, palette.muted), (".", palette.muted), (tool, palette.tool)]
    else:
        spans.append((shorten(tool, max(1, room)), palette.tool))
    room = width - width_of(spans) - width_of(state) - 3
    argument = argument_text(call)
    if argument and room >= NARROWEST_ARGUMENT:
        spans.append((f"  {shorten(argument, room - 1)}", palette.muted))
    space = max(1, width - width_of(spans) - width_of(state))
    return Row([*spans, (" " * space, palette.text), *state])


def state_spans(call: CallRecord, palette: Palette, now: float, *, short: bool = False) -> list[Span]:
    glyph, word = glyphs.CALL[call.status]
    style = state_style(call.status, palette)
    spans: list[Span] = [(glyph, style)]
    match call.status:
        case CallStatus.RUNNING:
            time = elapsed_text(now - call.started_at) if call.started_at is not None else ""
            progress = call.progress
            if progress is not None and progress.total and not short:
                share = min(1.0, max(0.0, progress.progress / progress.total))
                done = round(share * BAR_CELLS)
                spans += [
                    (" " + glyphs.BAR_DONE * done, style),
                    (glyphs.BAR_LEFT * (BAR_CELLS - done), palette.rule),
                    (f" {share * 100:.0f}% {time}".rstrip(), palette.muted),
                ]
            else:
                task = progress.task if progress is not None else None
                word = word if task is None else f"task {task.status.value.replace('_', ' ')}"
                spans.append((f" {word} {time}".rstrip(), style))
        case CallStatus.OK:
            if call.duration_ms is None:
                spans.append((f" {word}", style))
            else:
                spans.append((f" {duration_text(call.duration_ms)}", palette.muted))
            if call.shared:
                spans.append((" shared", palette.accent))
        case CallStatus.UNKNOWN:
            spans.append((f" {word}" if short else f" {word}: may have run", style))
        case CallStatus.ERROR:
            spans.append((f" {word}", style))
            if call.duration_ms is not None and not short:
                spans.append((f" {duration_text(call.duration_ms)}", palette.muted))
        case _:
            spans.append((f" {word}", style))
    return spans


def state_style(status: CallStatus, palette: Palette) -> Style:
    match status:
        case CallStatus.OK:
            return palette.ok
        case CallStatus.ERROR | CallStatus.UNKNOWN:
            return palette.error
        case CallStatus.WAITING:
            return palette.warning + BOLD
        case CallStatus.RUNNING:
            return palette.accent
        case CallStatus.DENIED | CallStatus.CANCELLED:
            return palette.warning
        case _:
            return palette.muted


def argument_text(call: CallRecord) -> str:
    """The arguments, the telling one first, or what the tool reports while it runs. One line."""
    if call.status is CallStatus.RUNNING and call.progress is not None and call.progress.message:
        return clean_line(call.progress.message[:LONGEST_ARGUMENT])
    if call.arguments is None:
        return marked_line(call.arguments_raw[-LONGEST_ARGUMENT:])
    return "  ".join(f"{marked_name(key)}={_value(value)}" for key, value in _ordered(call.arguments))


def _ordered(arguments: Mapping[str, Any]) -> list[tuple[str, Any]]:
    order = {name: index for index, name in enumerate(MAIN_ARGUMENTS)}
    return sorted(arguments.items(), key=lambda item: order.get(item[0].lower(), len(order)))


def _value(value: Any) -> str:
    if isinstance(value, str):
        return marked_line(value[:LONGEST_ARGUMENT])
    return mark_json(json.dumps(value, ensure_ascii=False)[:LONGEST_ARGUMENT]).text
