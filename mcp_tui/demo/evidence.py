"""Reading tool results: what was really found. Unknown shapes give None, never an invented finding."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from mcp_tui.core.json_values import as_object, is_list, is_number, is_object
from mcp_tui.core.types import JsonObject
from mcp_tui.demo.dialog import ToolOutcome
from mcp_tui.demo.prompt import tidy
from mcp_tui.demo.toolbox import base_name, words_of

_LINE = re.compile(r"^(?:\d{4}-\d\d-\d\d[ T])?(\d\d:\d\d(?::\d\d)?)\S*\s+([A-Za-z]+)\s+(\S+?):?\s+(.+)$", re.MULTILINE)
_VARIABLE = re.compile(r"[ ,;]*\b\w+=\S+|\b[0-9a-f]{8,}\b")
_CHANGE = re.compile(r"\b(?:deploy\w*|roll(?:ed)?[ -]?out|config\w*|release[ds]?|migrat\w+)\b", re.IGNORECASE)
_DENIED = re.compile(
    r"\b(?:person|user|call|policy)\b.{0,60}\b(?:denied|declined|rejected|not (?:approve|allow))", re.IGNORECASE
)
"""A decision of a person or a policy; "permission denied" from a tool is an error like any other."""
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class LogFinding:
    """The most frequent message among the worst lines. `message` is without ids; times are of the day."""

    service: str
    message: str
    count: int
    total: int
    first: str
    last: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MetricFinding:
    """The series that moved most against its first point."""

    metric: str
    unit: str
    window: str
    group: str
    first: float
    latest: float
    peak: float
    points: tuple[float, ...]
    highest_other: float | None


def data_of(text: str) -> JsonObject | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        # Several blocks may follow one another: the JSON comes first.
        try:
            value, _ = json.JSONDecoder().raw_decode(text)
        except (ValueError, RecursionError):
            return None
    return value if is_object(value) else None


def denied(outcome: ToolOutcome) -> bool:
    return outcome.is_error and _DENIED.search(outcome.text[:200]) is not None


def number_of(outcome: ToolOutcome) -> float | None:
    """The single number a result states, such as that of `add`."""
    if outcome.is_error:
        return None
    data = data_of(outcome.text)
    if data is not None:
        values = [value for value in data.values() if is_number(value)]
        return float(values[0]) if len(values) == 1 else None
    found = _NUMBER.findall(outcome.text)
    return float(found[-1]) if found else None


def log_finding(outcomes: Iterable[ToolOutcome]) -> LogFinding | None:
    rows: list[tuple[str, str, str, str]] = []
    for outcome in outcomes:
        if not outcome.is_error and _is_log(outcome):
            rows.extend(row for row in _log_rows(outcome.text) if row not in rows)
    worst = [row for row in rows if row[1].upper() in ("ERROR", "CRITICAL", "FATAL")]
    worst = worst or [row for row in rows if row[1].upper().startswith("WARN")]
    if not worst:
        return None
    patterns = Counter((row[2], _VARIABLE.sub("", row[3]).strip()) for row in worst)
    (service, message), count = patterns.most_common(1)[0]
    same = sorted(row for row in worst if (row[2], _VARIABLE.sub("", row[3]).strip()) == (service, message))
    lines = tuple(f"{time} {level.upper():<7} {name} {text}" for time, level, name, text in same[:3])
    return LogFinding(service, message, count, len(worst), same[0][0], same[-1][0], lines)


def _is_log(outcome: ToolOutcome) -> bool:
    path = outcome.arguments.get("path")
    named = isinstance(path, str) and path.endswith(".log")
    return named or "log" in "".join(words_of(base_name(outcome.name)))


def change_line(outcomes: Iterable[ToolOutcome]) -> str | None:
    """The newest line about a roll-out or a configuration in what was read."""
    rows = [row for outcome in outcomes if not outcome.is_error for row in _log_rows(outcome.text)]
    changes = sorted(row for row in rows if _CHANGE.search(row[3]))
    return f"{changes[-1][0]} {changes[-1][2]} {changes[-1][3]}" if changes else None


def _log_rows(text: str) -> list[tuple[str, str, str, str]]:
    """(time, level, service, message) of text lines or of `entries` in JSON."""
    data = data_of(text)
    entries = data.get("entries") if data is not None else None
    if is_list(entries):
        found: list[tuple[str, str, str, str]] = []
        for entry in entries:
            if is_object(entry):
                row = [entry.get(key) for key in ("time", "level", "service", "message")]
                if all(isinstance(value, str) for value in row):
                    found.append(cast(tuple[str, str, str, str], tuple(row)))
        return found
    return [cast(tuple[str, str, str, str], match) for match in _LINE.findall(text)]


def metric_finding(outcome: ToolOutcome) -> MetricFinding | None:
    data = None if outcome.is_error else data_of(outcome.text)
    series = data.get("series") if data is not None else None
    if data is None or not is_list(series):
        return None
    found: list[tuple[str, tuple[float, ...]]] = []
    for entry in series:
        fields = as_object(entry)
        points, group = fields.get("points"), fields.get("group")
        if is_list(points):
            numbers = tuple(float(p) for p in points if isinstance(p, int | float))
            label = " ".join(map(str, group.values())) if is_object(group) else ""
            if numbers:
                found.append((label or "all", numbers))
    if not found:
        return None
    group, points = max(found, key=lambda pair: (max(pair[1]) - min(pair[1])) / (abs(min(pair[1])) + 1))
    others = [other[-1] for label, other in found if label != group]
    return MetricFinding(
        metric=str(data.get("metric", "the metric")),
        unit=str(data.get("unit", "")),
        window=str(data.get("window", "")),
        group=group,
        first=points[0],
        latest=points[-1],
        peak=max(points),
        points=points,
        highest_other=max(others) if others else None,
    )


def shown(value: float, unit: str = "") -> str:
    return f"{tidy(value)} {unit}".rstrip()


def one_line(text: str, limit: int = 160) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def cell(text: str) -> str:
    """For a Markdown table."""
    return one_line(text).replace("|", "\\|")


def code(text: str) -> str:
    """Inline code, whatever backticks the text holds."""
    flat = one_line(text, 200)
    ticks = "`" * (1 + max((len(run) for run in re.findall(r"`+", flat)), default=0))
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{ticks}{pad}{flat}{pad}{ticks}"


def fence(text: str, language: str = "", max_lines: int = 12, max_chars: int = 900) -> str:
    """A code block around foreign text; its fence is longer than any in the text."""
    lines = text[:max_chars].rstrip().splitlines()
    body = "\n".join(lines[:max_lines])
    if len(lines) > max_lines or len(text) > max_chars:
        body += "\n…"
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", body)), default=0))
    return f"{ticks}{language}\n{body}\n{ticks}"
