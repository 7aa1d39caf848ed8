"""The shipped example `assistant`: one question that needs files, issues, a database and the clock.

Real servers all: the filesystem server of npm, mcp-server-time, our own two; GitHub's API is a loopback double.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from mcp_tui.core.types import JsonObject
from tests.servers.clients import Ended, command_line
from tests.servers.github_double import TOKEN, GitHubDouble
from tests.servers.postgres import PASSWORD, Postgres

QUESTION = "look at the error log, find the matching issue, check the user_sessions table, open an issue if it is new"
LOG = """\
2026-11-20 14:02:05 ERROR checkout: no free connection in pool "payments" after 5.0 s, order=LH-1043
2026-11-20 14:02:09 INFO  web: GET /
2026-11-20 14:03:11 ERROR checkout: no free connection in pool "payments" after 5.0 s, order=LH-1044
2026-11-20 14:05:11 ERROR email: mailbox does not exist
"""
SESSIONS = """
CREATE TABLE user_sessions (id INTEGER PRIMARY KEY, status TEXT);
INSERT INTO user_sessions VALUES (1, 'failed'), (2, 'failed'), (3, 'open');
"""
FILESYSTEM = "@modelcontextprotocol/server-filesystem"
ROOT = Path(__file__).resolve().parents[2]


@cache
def filesystem_server() -> list[str]:
    """Its command line, [] where it is not installed: `npm install --no-save` in the checkout is enough."""
    node = shutil.which("node")
    folders = [ROOT / "node_modules", *map(Path, filter(None, os.environ.get("NODE_PATH", "").split(os.pathsep)))]
    if npm := shutil.which("npm"):
        listed = subprocess.run([npm, "root", "-g"], capture_output=True, text=True, timeout=60, check=False)
        folders += [Path(listed.stdout.strip())] if listed.returncode == 0 else []
    for folder in folders:
        script = folder / FILESYSTEM / "dist" / "index.js"
        if node and script.exists():
            return [node, str(script)]
    return []


def example() -> JsonObject:
    shown = command_line("config", "example", "assistant", cwd=ROOT)
    assert shown.code == 0, shown.err
    return tomllib.loads(shown.out)


def installed_example(archive_url: str = "") -> str:
    """The example with its downloaders replaced by what is installed; a second database where a URL is given."""
    config = example()
    servers = config["servers"]
    for name in ("github", "database"):
        serve = ["-m", "mcp_tui.cli.main", *servers[name]["args"]]
        servers[name] |= {"command": sys.executable, "args": serve}
    node, script = filesystem_server()
    servers["files"] |= {"command": node, "args": [script, *servers["files"]["args"][2:]]}
    servers["time"] |= {"command": sys.executable, "args": ["-m", "mcp_server_time"]}
    if archive_url:
        servers["archive"] = {**servers["database"], "env": {"DATABASE_URL": "${ARCHIVE_URL}"}}
    return tomli_w.dumps(config)


@pytest.fixture
def github() -> Generator[GitHubDouble]:
    with GitHubDouble() as double:
        yield double


@pytest.fixture
def asked(tmp_path: Path, github: GitHubDouble) -> Any:
    """Asks the question with the example's servers, the downloaders replaced by what is installed."""
    if not filesystem_server():
        pytest.skip(f"{FILESYSTEM} is not installed (npm install --no-save {FILESYSTEM})")
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "access.log").write_text("2026-11-20 14:02:09 INFO web: GET /\n")
    (logs / "error.log").write_text(LOG)

    def ask(models: list[str], database_url: str, archive_url: str = "", policy: str = "auto") -> JsonObject:
        (tmp_path / "assistant.toml").write_text(installed_example(archive_url))
        columns = [part for model in models for part in ("-m", model)]
        ended: Ended = command_line(
            "compare", QUESTION, *columns, "--config", "assistant.toml", "--approve", policy, "--json",
            cwd=tmp_path,
            env={
                **github.environment(), "LOGS": str(logs), "DATABASE_URL": database_url, "ARCHIVE_URL": archive_url,
            },
        )  # fmt: skip
        assert ended.code == 0, ended.err
        assert TOKEN not in ended.out + ended.err and PASSWORD not in ended.out + ended.err
        return ended.json

    return ask


def sqlite_url(path: Path, script: str = SESSIONS) -> str:
    with sqlite3.connect(path) as made:
        made.executescript(script)
    made.close()
    return f"sqlite:///{path}"


@pytest.fixture
def sessions_in_postgres(postgres: Postgres) -> Generator[str]:
    with postgres.connect() as connection:
        connection.execute(SESSIONS)
    yield postgres.url()
    with postgres.connect() as connection:
        connection.execute("DROP TABLE user_sessions")


def calls(response: JsonObject) -> list[tuple[str, str, str]]:
    return [(call["server"], call["tool"], call["status"]) for call in response["tool_calls"]]


def test_known_issue_is_found_and_no_other_opened(asked: Any, github: GitHubDouble, tmp_path: Path) -> None:
    report = asked(["demo/swift", "demo/swift"], sqlite_url(tmp_path / "shop.db"))
    for response in report["responses"]:
        assert response["status"] == "ok"
        assert calls(response) == [
            ("time", "get_current_time", "ok"),
            ("files", "list_allowed_directories", "ok"),
            ("files", "search_files", "ok"),
            ("files", "read_text_file", "ok"),
            ("github", "search_issues", "ok"),
            ("database", "describe_table", "ok"),
            ("database", "query", "ok"),
        ]
        assert "It is known: issue **#3**" in response["text"]
        assert "failed 2, open 1" in response["text"]
    assert github.paths("POST") == []
    # The second column was given the results of the first: everything read was read once.
    assert len(github.requests) == 1


def test_new_problem_becomes_an_issue_with_the_evidence_of_all_servers(
    asked: Any, github: GitHubDouble, sessions_in_postgres: str, tmp_path: Path
) -> None:
    """With a second database whose tools have the same names: each is asked for the table, one has it."""
    del github.issues[0]
    archive = sqlite_url(tmp_path / "archive.db", "CREATE TABLE old_sessions (id INTEGER)")
    (response,) = asked(["demo/swift"], sessions_in_postgres, archive)["responses"]
    made = calls(response)
    assert sorted(call for call in made if call[1] == "describe_table") == [
        ("archive", "describe_table", "error"),
        ("database", "describe_table", "ok"),
    ]
    assert [call for call in made if call[1] == "query"] == [("database", "query", "ok")]
    assert made[-1] == ("github", "create_issue", "ok")
    (sent,) = [request.body for request in github.requests if request.method == "POST"]
    assert sent["title"] == 'checkout: no free connection in pool "payments" after 5.0 s'
    assert "2 of 3 errors in the log" in sent["body"] and "LH-1043" in sent["body"]
    assert "`user_sessions`: failed 2, open 1." in sent["body"]
    assert "Looked at 20" in sent["body"]
    assert "opened **#3**" in response["text"]


def test_what_opens_an_issue_waits_for_permission(asked: Any, github: GitHubDouble, tmp_path: Path) -> None:
    del github.issues[0]
    (response,) = asked(["demo/swift"], sqlite_url(tmp_path / "shop.db"), policy="readonly")["responses"]
    assert calls(response)[-1] == ("github", "create_issue", "denied")
    assert github.paths("POST") == []
    assert "none was opened" in response["text"]


def test_example_holds_no_secret_and_every_server_of_the_question() -> None:
    config = example()
    assert list(config["servers"]) == ["files", "github", "database", "time"]
    assert all(value.startswith("${") for one in config["servers"].values() for value in one.get("env", {}).values())
    assert "write_file" in config["servers"]["files"]["disabled_tools"]
