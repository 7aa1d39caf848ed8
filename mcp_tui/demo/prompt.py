"""What a prompt asks for, found by words. Documented behaviour, so that tests and demonstrations can rely on it:

| words | what follows |
|---|---|
| what time, date, clock | `current_time`, with the zone of a city that is named |
| add, sum, plus, `2 + 3` with two or more numbers | `add`, as often as needed |
| log, error, fail, incident ... | `search_logs`, then `query_metrics` |
| log and issue | the log file, issues, the table that is named, and `create_issue` when it is new: see triage.py |
| metrics, error rate, latency, requests | `query_metrics` |
| fix it, repair, restart | `restart_service`: `builder`, or everybody when "restart" is said |
| ticket | `create_ticket` |
| chart, draw, plot | `draw_chart` of the numbers in the prompt, or of measured ones |
| order, LH-1043 | `get_order` |
| report, slow | `slow_report` |
| call NAME, use NAME | that tool only, with `key=value` or JSON arguments from the prompt |
| no tools | no tool is called |
| long | the answer gets a long appendix; "in 2000 words" says how long |
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from mcp_tui.core.json_values import is_object
from mcp_tui.core.types import JsonObject

_NUMBER = re.compile(r"(?<![\w.-])-?\d+(?:\.\d+)?(?![\w-])")
_TIME = re.compile(
    r"\bwhat(?:'s| is)? the (?:time|date)\b|\b(?:what|current|local|tell me the) (?:time|date|day)\b"
    r"|\btime is it\b|\bclock\b"
)
_ADD = re.compile(r"\b(?:add|sum|plus)\b|\d\s*\+\s*-?\d")
_INCIDENT = re.compile(
    r"\b(?:logs?|errors?(?! rates?\b)|fail(?:s|ed|ing|ures?)?|incidents?|broken|outage|crash\w*|wrong|problems?)\b"
)
_LOG = re.compile(r"\blogs?\b")
_ISSUE = re.compile(r"\bissues?\b")
_TABLE = re.compile(r"\b(?!the\b|this\b|that\b|a\b)([A-Za-z_]\w*)[`\"']? table\b|\btable [`\"']?([A-Za-z_]\w*)")
_METRICS = re.compile(r"\b(?:metrics?|error rates?|latenc\w+|requests|throughput|p95)\b")
_RESTART = re.compile(r"\b(?:restart|reboot)\b")
_FIX = re.compile(r"\b(?:fix (?:it|this|that|them|the)|repair|resolve|mitigate|restart|reboot)\b")
_TICKET = re.compile(r"\btickets?\b")
_CHART = re.compile(r"\b(?:charts?|draw|plot|graphs?|diagram|picture)\b")
_ORDER = re.compile(r"\borders?\b(?! to\b)|\blh-\d+")
_ORDER_ID = re.compile(r"\bLH-\d+\b", re.IGNORECASE)
_REPORT = re.compile(r"\b(?:reports?|slow)\b")
_NO_TOOLS = re.compile(r"\b(?:no tools|without (?:any )?tools)\b")
_LONG = re.compile(r"(?<!how )\blong\b")
_WORDS_WANTED = re.compile(r"\b(\d{2,5}) words\b")
_PAIR = re.compile(r"\b([A-Za-z_]\w*)=(\"[^\"]*\"|'[^']*'|[^\s,;]+)")
_QUOTED = re.compile(r"\"([^\"]+)\"|“([^”]+)”|(?<!\w)'([^']+)'(?!\w)")
_SECONDS = re.compile(r"\b(\d+(?:\.\d+)?) ?(?:s|sec|seconds?)\b")

ZONES = {
    "amsterdam": "Europe/Amsterdam",
    "beijing": "Asia/Shanghai",
    "berlin": "Europe/Berlin",
    "chicago": "America/Chicago",
    "delhi": "Asia/Kolkata",
    "london": "Europe/London",
    "los angeles": "America/Los_Angeles",
    "madrid": "Europe/Madrid",
    "new york": "America/New_York",
    "oslo": "Europe/Oslo",
    "paris": "Europe/Paris",
    "san francisco": "America/Los_Angeles",
    "sao paulo": "America/Sao_Paulo",
    "singapore": "Asia/Singapore",
    "sydney": "Australia/Sydney",
    "tokyo": "Asia/Tokyo",
}
_ZONE = re.compile(r"\b(?:Africa|America|Antarctica|Asia|Atlantic|Australia|Europe|Indian|Pacific)/[A-Za-z_/+-]+")


@dataclass(frozen=True, slots=True)
class Prompt:
    text: str
    time: bool
    add: bool
    incident: bool
    triage: bool
    """Log and issues belong together: several servers are needed."""
    metrics: bool
    fix: bool
    restart: bool
    ticket: bool
    chart: bool
    order: bool
    report: bool
    no_tools: bool
    appendix_words: int
    """Length of the long appendix, 0 = none."""
    numbers: tuple[float, ...]
    order_id: str | None
    table: str | None
    zone: str | None
    seconds: float | None

    @property
    def known(self) -> bool:
        """Something was asked that the script has tools for."""
        wants = (self.time, self.add, self.incident, self.metrics, self.fix, self.ticket, self.chart)
        return any(wants) or self.order or self.report


def tidy(value: float) -> float | int:
    return int(value) if float(value).is_integer() and abs(value) < 2**53 else value


def read_prompt(text: str) -> Prompt:
    low = text.lower()
    numbers = tuple(number for number in map(float, _NUMBER.findall(text)) if math.isfinite(number))
    found_order = _ORDER_ID.search(text)
    found_table = _TABLE.search(text)
    seconds = _SECONDS.search(low)
    words = _WORDS_WANTED.search(low)
    long = _LONG.search(low) is not None
    return Prompt(
        text=text,
        time=_TIME.search(low) is not None,
        add=_ADD.search(low) is not None and len(numbers) >= 2,
        incident=_INCIDENT.search(low) is not None,
        triage=_LOG.search(low) is not None and _ISSUE.search(low) is not None,
        metrics=_METRICS.search(low) is not None,
        fix=_FIX.search(low) is not None,
        restart=_RESTART.search(low) is not None,
        ticket=_TICKET.search(low) is not None,
        chart=_CHART.search(low) is not None,
        order=_ORDER.search(low) is not None,
        report=_REPORT.search(low) is not None,
        no_tools=_NO_TOOLS.search(low) is not None,
        appendix_words=min(int(words[1]) if words else 1200, 20_000) if long else 0,
        numbers=numbers,
        table=next((name for name in found_table.groups() if name), None) if found_table else None,
        order_id=found_order[0].upper() if found_order else None,
        zone=_zone(text),
        seconds=float(seconds[1]) if seconds else None,
    )


def _zone(text: str) -> str | None:
    named = _ZONE.search(text)
    if named:
        return named[0]
    low = text.lower()
    return next((zone for city, zone in ZONES.items() if re.search(rf"\b{city}\b", low)), None)


def given_arguments(text: str) -> JsonObject:
    """Arguments spelled out in the prompt: a JSON object, or `key=value` pairs."""
    start = text.find("{")
    if start >= 0:
        try:
            value, _ = json.JSONDecoder().raw_decode(text[start:])
        except (ValueError, RecursionError):
            value = None
        if is_object(value):
            return value
    return {key: _scalar(value) for key, value in _PAIR.findall(text)}


def _scalar(text: str) -> Any:
    if text[:1] in "\"'":
        return text[1:-1]
    try:
        return json.loads(text)
    except ValueError:
        return text


def quoted(text: str) -> str | None:
    """The first text in quotation marks."""
    found = _QUOTED.search(text)
    return next((group for group in found.groups() if group), None) if found else None
