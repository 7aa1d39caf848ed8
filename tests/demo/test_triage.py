"""The question that needs several servers: every argument comes from what was found before."""

from __future__ import annotations

import json

from mcp_tui.core.types import JsonObject
from mcp_tui.demo.dialog import OfferedTool, ToolOutcome
from mcp_tui.demo.prompt import read_prompt
from mcp_tui.demo.triage import known_issue, steps, verdict

PROMPT = read_prompt(
    "Look at the error log, find the matching issue, check the user_sessions table, open an issue if it is new"
)
LOG = "2026-11-20 14:02:05 ERROR checkout: no free connection in pool, order=1\n2026-11-20 14:03:00 INFO web: GET /"
FILES = ("list_allowed_directories", "search_files", "read_text_file")


def tools(*names: str) -> list[OfferedTool]:
    return [OfferedTool(name, "", {}) for name in names]


def outcome(name: str, text: str | JsonObject, is_error: bool = False, **arguments: str) -> ToolOutcome:
    return ToolOutcome(name, dict(arguments), text if isinstance(text, str) else json.dumps(text), is_error)


def wanted(offered: list[OfferedTool], outcomes: list[ToolOutcome], prompt: str = PROMPT.text) -> dict[str, JsonObject]:
    """What would be called next, by the first name of each step."""
    asked = {step.names[0]: step.arguments(outcomes) for step in steps(offered, read_prompt(prompt))}
    return {name: arguments for name, arguments in asked.items() if arguments is not None}


READ = outcome("read_text_file", LOG, path="/logs/error.log")
NONE_FOUND = outcome("search_issues", {"issues": [{"number": 4, "title": "Add dark mode"}]})
FOUND = outcome("search_issues", {"issues": [{"number": 3, "title": "Checkout has no free connection in its pool"}]})


def test_prompt_names_the_table_and_asks_for_both() -> None:
    assert PROMPT.triage and PROMPT.table == "user_sessions"
    assert read_prompt("why does the log show errors").triage is False
    assert read_prompt("check the table `orders`, the log and the issues").table == "orders"
    assert read_prompt("look at the table").table is None


def test_the_log_is_found_by_its_folder_and_name() -> None:
    offered = tools(*FILES, "search_issues")
    folder = outcome("list_allowed_directories", "Allowed directories:\n/logs\n/more")
    assert wanted(offered, [folder])["search_files"] == {"path": "/logs", "pattern": "**/*.log"}
    found = outcome("search_files", "/logs/access.log\n/logs/error.log")
    assert wanted(offered, [folder, found])["read_text_file"] == {"path": "/logs/error.log"}
    named = wanted(offered, [], "match the log var/app.log with an issue")
    assert named["read_text_file"] == {"path": "var/app.log"}


def test_without_files_the_log_tool_is_asked() -> None:
    assert "search_logs" in wanted(tools("search_logs", "list_issues"), [])


def test_issues_are_searched_with_the_words_of_the_log() -> None:
    offered = tools(*FILES, "search_issues", "create_issue")
    assert "search_issues" not in wanted(offered, [])
    assert wanted(offered, [READ])["search_issues"]["query"] == "free connection pool"


def test_an_issue_is_opened_only_when_somebody_looked_and_none_matched() -> None:
    offered = tools(*FILES, "search_issues", "create_issue")
    assert "create_issue" not in wanted(offered, [READ])
    assert "create_issue" not in wanted(offered, [READ, FOUND])
    assert "create_issue" not in wanted(offered, [READ, outcome("search_issues", "limit reached", is_error=True)])
    made = wanted(offered, [READ, NONE_FOUND])["create_issue"]
    assert made["title"] == "checkout: no free connection in pool"
    assert "1 of 1 errors" in made["body"]
    known = known_issue([READ, FOUND])
    assert known is not None and known.number == "3"


def test_of_two_databases_the_one_that_has_the_table_is_queried() -> None:
    offered = tools("a__describe_table", "a__query", "b__describe_table", "b__query", "search_issues")
    described = [
        outcome("a__describe_table", "there is no table", is_error=True),
        outcome("b__describe_table", {"name": "user_sessions", "columns": [{"name": "id"}, {"name": "status"}]}),
    ]
    asked = wanted(offered, described)
    assert "a__query" not in asked
    assert asked["b__query"]["sql"] == (
        'SELECT "status", count(*) AS rows_found FROM "user_sessions" GROUP BY "status" ORDER BY 2 DESC'
    )


def test_names_of_a_database_are_quoted() -> None:
    described = [outcome("describe_table", {"name": 'a"b; DROP', "columns": [{"name": "id"}]})]
    asked = wanted(tools("describe_table", "query", "search_issues"), described)
    assert asked["query"]["sql"] == 'SELECT count(*) AS rows_found FROM "a""b; DROP"'


def test_verdict_says_what_was_done_and_nothing_without_a_look() -> None:
    assert verdict([READ]) == ""
    rows = outcome("query", {"rows": [["failed", 2], ["open", 1]]})
    assert verdict([READ, FOUND, rows]).startswith("It is known: issue **#3**")
    assert verdict([READ, NONE_FOUND, rows]) == (
        "No issue matched, and none was opened. The table says: failed 2, open 1."
    )
    opened = outcome("create_issue", {"number": 9})
    assert "opened **#9**" in verdict([READ, NONE_FOUND, opened])
