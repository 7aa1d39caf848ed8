"""The comparison of several columns as a table: metrics, then tool calls step by step. Pure data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from mcp_tui.core import json_text
from mcp_tui.core.figures import duration_text, money_text
from mcp_tui.core.state import CallRecord, ColumnStatus, Metrics
from mcp_tui.core.text import clean_line, marked_line, marked_name
from mcp_tui.ui.compare.conversation import comparable_cost
from mcp_tui.ui.status import COLUMN, Tone
from mcp_tui.ui.stream.metrics_line import replayed_text
from mcp_tui.ui.stream.rows import shorten
from mcp_tui.ui.widgets import glyphs

_MAX_ARGUMENTS = 60
_LEAST_CELLS = 20
"""Narrower than this a cell says nothing; then the table scrolls."""


@dataclass(frozen=True, slots=True)
class ColumnView:
    """What the matrix reads of one column."""

    label: str
    status: ColumnStatus
    metrics: Metrics
    calls: Sequence[CallRecord]


@dataclass(frozen=True, slots=True)
class Cell:
    text: str = ""
    tone: Tone | None = None
    best: bool = False


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """cells () = a heading."""

    key: str
    title: str
    cells: tuple[Cell, ...] = ()


_Value = Callable[[Metrics], float | None]
_Text = Callable[[Metrics], str]


def _whole(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _speed(metrics: Metrics) -> str:
    return "" if metrics.tokens_per_s is None else f"{metrics.tokens_per_s:.0f} tok/s"


def _cost(metrics: Metrics) -> str:
    return money_text(metrics.cost_usd, estimate=metrics.cost_is_estimate)


def _tokens(metrics: Metrics, value: float | None) -> str:
    return ("~" if metrics.usage_is_estimate and value is not None else "") + _whole(value)


_METRICS: tuple[tuple[str, _Value, _Text, str], ...] = (
    # best: "min" or "max" where one value is better than another
    ("first token", lambda m: m.ttft_ms, lambda m: duration_text(m.ttft_ms), "min"),
    ("speed", lambda m: m.tokens_per_s, _speed, "max"),
    ("time", lambda m: m.duration_ms, lambda m: duration_text(m.duration_ms), "min"),
    ("cost", lambda m: m.cost_usd, _cost, "min"),
    ("input", lambda m: m.usage.input_tokens, lambda m: _tokens(m, m.usage.input_tokens), ""),
    ("  cached", lambda m: m.usage.cached_input_tokens, lambda m: _tokens(m, m.usage.cached_input_tokens), ""),
    ("output", lambda m: m.usage.output_tokens, lambda m: _tokens(m, m.usage.output_tokens), ""),
    ("  reasoning", lambda m: m.usage.reasoning_tokens, lambda m: _tokens(m, m.usage.reasoning_tokens), ""),
    ("steps", lambda m: m.steps, lambda m: _whole(m.steps), ""),
    ("attempts", lambda m: m.attempts, lambda m: _whole(m.attempts), ""),
    ("calls", lambda m: m.tool_calls, lambda m: _whole(m.tool_calls), ""),
)


def matrix(columns: Sequence[ColumnView]) -> list[MatrixRow]:
    states = [COLUMN[column.status] for column in columns]
    rows = [MatrixRow("status", "status", tuple(Cell(str(state), state.tone) for state in states))]
    rows.extend(_text_rows(columns))
    rows.extend(_metric_rows(columns))
    rows.extend(_call_rows(columns))
    return rows


def fitted(labels: Sequence[str], rows: Sequence[MatrixRow], room: int) -> tuple[list[str], list[MatrixRow]]:
    """Labels and cells cut so that all columns together take at most `room` cells, as far as that leaves something.

    Columns that need little keep it; the others share the rest.
    """
    wanted = [
        max([cell_len(label), *(_width(row.cells[index]) for row in rows if row.cells)])
        for index, label in enumerate(labels)
    ]
    left, share = room, 0
    for done, width in enumerate(sorted(wanted)):
        share = left // (len(wanted) - done)
        if width > share:
            break
        left -= width
    else:
        return list(labels), list(rows)
    most = max(share, _LEAST_CELLS)
    cut = [replace(row, cells=tuple(_cut(cell, most) for cell in row.cells)) for row in rows]
    return [shorten(label, most) for label in labels], cut


def _width(cell: Cell) -> int:
    return cell_len(cell.text) + (cell_len(glyphs.BEST) + 1 if cell.best else 0)


def _cut(cell: Cell, most: int) -> Cell:
    over = _width(cell) - most
    return cell if over <= 0 else replace(cell, text=shorten(cell.text, cell_len(cell.text) - over))


def _text_rows(columns: Sequence[ColumnView]) -> list[MatrixRow]:
    """Who answered, and what else there is to know of the newest turn; only what somebody has."""
    found: list[MatrixRow] = []
    texts: tuple[tuple[str, _Text], ...] = (
        ("replayed", lambda m: replayed_text(m)),
        ("fallback", lambda m: clean_line(m.fallback)),
        ("notes", lambda m: clean_line(" ".join(m.notes))),
    )
    for title, text in texts:
        shown = [text(column.metrics) for column in columns]
        if any(shown):
            found.append(
                MatrixRow(title, title, tuple(Cell(text or "-", "warn" if text else "muted") for text in shown))
            )
    return found


def _metric_rows(columns: Sequence[ColumnView]) -> list[MatrixRow]:
    rows: list[MatrixRow] = []
    for title, value, text, best in _METRICS:
        values = [value(column.metrics) for column in columns]
        if not any(values):
            # Nobody knows, or all are zero: nothing to compare.
            continue
        rivals = [_rival(title, column.metrics, v) for column, v in zip(columns, values, strict=True)]
        known = [v for v in rivals if v is not None]
        top = (max if best == "max" else min)(known) if best and len(set(known)) > 1 else None
        cells = tuple(
            Cell(text(column.metrics) or "-", None if v is not None else "muted", top is not None and rival == top)
            for column, v, rival in zip(columns, values, rivals, strict=True)
        )
        rows.append(MatrixRow(title, title, cells))
    return rows


def _rival(title: str, metrics: Metrics, value: float | None) -> float | None:
    """The value as far as it says something about the model: a replayed answer competes with nobody."""
    if metrics.cached:
        return None
    if title == "cost":
        return comparable_cost(metrics)
    return None if title == "time" and metrics.cached_steps else value


def _call_rows(columns: Sequence[ColumnView]) -> list[MatrixRow]:
    """The n-th call of one tool in one step stands in one row over all columns."""
    places: list[dict[tuple[int, str, int], CallRecord]] = []
    order: dict[tuple[int, str, int], None] = {}
    for column in columns:
        seen: Counter[tuple[int, str]] = Counter()
        mine: dict[tuple[int, str, int], CallRecord] = {}
        for call in column.calls:
            tool = marked_name(call.tool)
            name = f"{marked_name(call.server)}.{tool}" if call.server else tool
            key = (call.step, name, seen[call.step, name])
            seen[call.step, name] += 1
            mine[key] = call
            order.setdefault(key)
        places.append(mine)
    rows: list[MatrixRow] = []
    step = 0
    for key in sorted(order, key=lambda place: place[0]):
        if key[0] != step:
            step = key[0]
            rows.append(MatrixRow(f"step {step}", f"step {step}"))
        calls = [place.get(key) for place in places]
        again = f" ({key[2] + 1})" if key[2] else ""
        rows.append(MatrixRow(f"{key[0]}\n{key[1]}\n{key[2]}", f"  {key[1]}{again}", _call_cells(calls)))
    return rows


def _call_cells(calls: Sequence[CallRecord | None]) -> tuple[Cell, ...]:
    written = [None if call is None else _arguments(call) for call in calls]
    present = [text for text in written if text is not None]
    usual = Counter(present).most_common(1)[0][0]
    cells: list[Cell] = []
    for call, text in zip(calls, written, strict=True):
        if call is None or text is None:
            cells.append(Cell("-", "muted"))
            continue
        glyph, word = glyphs.CALL[call.status]
        parts = [f"{glyph} {word}"]
        if call.duration_ms is not None:
            parts.append(duration_text(call.duration_ms))
        if call.shared:
            parts.append("shared")
        # The sign in front says it without colour: these arguments are not those of the others.
        differs = len(present) > 1 and text != usual
        shown = f"{'≠ ' if differs else ''}{text[:_MAX_ARGUMENTS]}{'…' if len(text) > _MAX_ARGUMENTS else ''}"
        bad = call.status.ended and glyph != glyphs.CALL[call.status.OK][0]
        tone: Tone | None = "bad" if bad else "warn" if differs else None
        cells.append(Cell(f"{' '.join(parts)}  {shown}".rstrip(), tone))
    return tuple(cells)


def _arguments(call: CallRecord) -> str:
    if call.arguments is None:
        return marked_line(call.arguments_raw)
    pairs = (
        f"{name}={value if isinstance(value, str) else json_text.dump(value, indent=None)}"
        for name, value in sorted(call.arguments.items())
    )
    return marked_line(" ".join(pairs))
