"""The question that needs several servers: is what the log shows a known issue, and what does the database say?

Files, issues, tables and the clock come from whichever servers offer such tools; every argument after the first
calls is taken from their results.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mcp_tui.core.json_values import as_list, is_list, is_object, objects
from mcp_tui.core.types import JsonObject
from mcp_tui.demo.dialog import OfferedTool, ToolOutcome
from mcp_tui.demo.evidence import code, data_of, log_finding, one_line
from mcp_tui.demo.prompt import Prompt
from mcp_tui.demo.toolbox import base_name, find_tool, words_of

Outcomes = Sequence[ToolOutcome]
_LOG_PATH = re.compile(r"(?:[\w.-]*/)*[\w.-]+\.log\b")
_ABSOLUTE = re.compile(r"^\s*(/\S.*|[A-Za-z]:\\\S.*)$", re.MULTILINE)
_SHARED_WORDS = 0.5
"""Of the words of the message, how many must stand in the title of an issue about it."""
_GROUPING = ("status", "state", "error", "kind", "type")
"""Columns whose values are worth counting."""


@dataclass(frozen=True, slots=True)
class Step:
    """names: of the tool, in order of preference. arguments: None = not wanted after all."""

    names: tuple[str, ...]
    arguments: Callable[[Outcomes], JsonObject | None]
    follows: bool = False


@dataclass(frozen=True, slots=True)
class KnownIssue:
    number: str
    title: str
    url: str


def steps(tools: Sequence[OfferedTool], prompt: Prompt) -> list[Step]:
    zone = prompt.zone or "UTC"
    found = [Step(("get_current_time", "current_time"), lambda _: {"timezone": zone}), *_log_steps(tools, prompt)]
    searching = ("search_issues",) if find_tool(tools, "search_issues") else ("list_issues",)
    found.append(Step(searching, _search, follows=True))
    if prompt.table:
        found += _table_steps(tools, prompt.table)
    found.append(Step(("create_issue", "create_ticket"), lambda outcomes: _new_issue(prompt, outcomes), follows=True))
    return found


def _log_steps(tools: Sequence[OfferedTool], prompt: Prompt) -> list[Step]:
    if find_tool(tools, "read_text_file", "read_file") is None:
        return [Step(("search_logs", "search_log"), lambda _: {"level": "error", "limit": 50})]
    named = _LOG_PATH.search(prompt.text)
    if named:
        return [Step(("read_text_file", "read_file"), lambda _: {"path": named[0]})]
    return [
        Step(("list_allowed_directories",), lambda _: {}),
        Step(("search_files",), _find_log, follows=True),
        Step(("read_text_file", "read_file"), _read_log, follows=True),
    ]


def _table_steps(tools: Sequence[OfferedTool], table: str) -> list[Step]:
    """Every database is asked for the table; the one that has it is queried."""
    found: list[Step] = []
    for tool in tools:
        if base_name(tool.name) == "describe_table":
            found.append(Step((tool.name,), lambda _: {"table": table}, follows=not found))
    first = True
    for tool in tools:
        if base_name(tool.name) == "query":
            sibling = tool.name.removesuffix("query") + "describe_table"

            def sql(outcomes: Outcomes, sibling: str = sibling) -> JsonObject | None:
                return _query(table, [one for one in outcomes if one.name == sibling])

            found.append(Step((tool.name,), sql, follows=first))
            first = False
    return found


def _of(outcomes: Outcomes, *names: str) -> list[ToolOutcome]:
    return [one for one in outcomes if base_name(one.name) in names and not one.is_error]


def _find_log(outcomes: Outcomes) -> JsonObject | None:
    places = [
        place.strip() for one in _of(outcomes, "list_allowed_directories") for place in _ABSOLUTE.findall(one.text)
    ]
    return {"path": places[0], "pattern": "**/*.log"} if places else None


def _read_log(outcomes: Outcomes) -> JsonObject | None:
    """The file whose name speaks of errors, else the first."""
    paths = _paths(outcomes, "search_files")
    speaking = [path for path in paths if "error" in path.lower()]
    return {"path": (speaking or paths)[0]} if paths else None


def _paths(outcomes: Outcomes, name: str) -> list[str]:
    return [path.strip() for one in _of(outcomes, name) for path in _ABSOLUTE.findall(one.text)]


def _search(outcomes: Outcomes) -> JsonObject | None:
    found = log_finding(outcomes)
    if found is None:
        return None
    words = " ".join(_telling(found.message)[:3])
    return {"query": words or found.service, "state": "all", "limit": 50}


def _query(table: str, described: Outcomes) -> JsonObject | None:
    data = next((data for one in described if not one.is_error and (data := data_of(one.text)) is not None), None)
    if data is None:
        return None
    columns = _texts(data.get("columns"), "name")
    name = _quoted(str(data.get("name", table)))
    grouping = next((column for column in _GROUPING if column in columns), None)
    if grouping is None:
        return {"sql": f"SELECT count(*) AS rows_found FROM {name}"}
    by = _quoted(grouping)
    return {"sql": f"SELECT {by}, count(*) AS rows_found FROM {name} GROUP BY {by} ORDER BY 2 DESC"}


def _new_issue(prompt: Prompt, outcomes: Outcomes) -> JsonObject | None:
    """None when the log shows nothing, or when the issue is known; also when nobody could look for it."""
    found = log_finding(outcomes)
    looked = _of(outcomes, "search_issues", "list_issues")
    if found is None or not looked or known_issue(outcomes) is not None:
        return None
    parts = [f"{found.count} of {found.total} errors in the log, first at {found.first}, last at {found.last}."]
    parts.append("\n".join(f"    {line}" for line in found.lines))
    figures = _figures(outcomes)
    if figures:
        parts.append(f"`{prompt.table}`: {figures}.")
    times = [data for one in _of(outcomes, "get_current_time", "current_time") if (data := data_of(one.text))]
    if times and isinstance(moment := times[-1].get("datetime"), str):
        parts.append(f"Looked at {moment}.")
    return {"title": f"{found.service}: {found.message}"[:200], "body": "\n\n".join(parts), "priority": "high"}


def known_issue(outcomes: Outcomes) -> KnownIssue | None:
    """An issue whose title says what the log says."""
    found = log_finding(outcomes)
    wanted = set(_telling(found.message)) if found is not None else set[str]()
    best: tuple[float, KnownIssue] | None = None
    for one in _of(outcomes, "search_issues", "list_issues"):
        for issue in as_list((data_of(one.text) or {}).get("issues")):
            if not is_object(issue):
                continue
            title = str(issue.get("title", ""))
            share = len(wanted.intersection(words_of(title))) / max(1, len(wanted))
            if share >= _SHARED_WORDS and (best is None or share > best[0]):
                best = share, KnownIssue(str(issue.get("number", "?")), title, str(issue.get("url", "")))
    return best[1] if best is not None else None


def verdict(outcomes: Outcomes) -> str:
    """What the issues and tables say about it, "" when nobody looked."""
    if log_finding(outcomes) is None or not _of(outcomes, "search_issues", "list_issues"):
        return ""
    known = known_issue(outcomes)
    created = _of(outcomes, "create_issue", "create_ticket")
    if known is not None:
        text = f"It is known: issue **#{known.number}**, {code(known.title)}. I opened no other."
    elif created:
        data = data_of(created[-1].text) or {}
        text = f"No issue matched, so I opened **#{data.get('number', data.get('id', '?'))}**."
    else:
        text = "No issue matched, and none was opened."
    figures = _figures(outcomes)
    return f"{text} The table says: {figures}." if figures else text


def _figures(outcomes: Outcomes) -> str:
    """The rows of the last query in words."""
    for one in reversed(_of(outcomes, "query")):
        rows = (data_of(one.text) or {}).get("rows")
        if is_list(rows):
            shown = [" ".join(str(cell) for cell in row) for row in rows if is_list(row)]
            return one_line(", ".join(shown[:6]), 160)
    return ""


def _telling(message: str) -> list[str]:
    """Words of a message that an issue about it would use too."""
    return [word for word in dict.fromkeys(words_of(message)) if len(word) >= 4 and not word.isdigit()]


def _texts(value: Any, key: str) -> list[str]:
    return [str(item.get(key, "")) for item in objects(value)]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
