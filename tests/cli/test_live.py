"""Tasks, followed resources and server logs on the command line, with a server that has them."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli

PEER = Path(__file__).parents[1] / "sessions" / "servers" / "live_stdio.py"
A = "file:///a.txt"
both_eras = pytest.mark.parametrize("modern", [False, True], ids=["legacy", "modern"])


def server(**options: Any) -> tuple[str, str]:
    return "--server", "one=" + shlex.join([sys.executable, str(PEER), json.dumps(options)])


@both_eras
def test_a_call_that_became_a_task_prints_its_result_and_with_json_the_task(cli: Cli, modern: bool) -> None:
    plain = cli("call", "one", "long", "seconds:=0.1", *server(modern=modern))
    assert (plain.code, plain.out) == (0, "job done\n")
    result = cli("call", "one", "long", "seconds:=0.1", "id=t1", "--json", *server(modern=modern))
    assert result.code == 0
    assert result.json["content"][0]["text"] == "job done"
    assert result.json["task"] == {
        "taskId": "t1",
        "tool": "long",
        "status": "completed",
        "statusMessage": "it is completed",
        "createdAt": "2026-01-01T00:00:00Z",
        "ttlMs": 60_000,
        "note": "",
    }


def test_a_tool_that_can_runs_as_a_task_only_with_the_option(cli: Cli) -> None:
    plain = cli("call", "one", "job", "--json", *server())
    assert plain.json == {"content": [{"type": "text", "text": "job ran at once"}]}
    assert cli("call", "one", "job", "--task", "seconds:=0", "--json", *server()).json["task"]["status"] == "completed"
    refused = cli("call", "one", "plain", "--task", "--json", *server())
    assert (refused.code, refused.error["code"]) == (2, "no_tasks")


def test_tasks_are_started_listed_cancelled_and_waited_for(cli: Cli, tmp_path: Path) -> None:
    one = server(state_file=str(tmp_path / "tasks"))
    started = cli("call", "one", "long", "seconds:=0.1", "id=abc-1", "--detach", *one)
    assert (started.code, started.out) == (0, "abc-1\n")
    assert "mcp-tui tasks one abc-1 --wait" in started.err
    detached = cli("call", "one", "long", "seconds:=60", "id=xyz-2", "--detach", "--json", *one)
    assert set(detached.json) == {"task"}

    listed = cli("tasks", "one", "--json", *one).json
    assert [(task["taskId"], task["tool"]) for task in listed] == [("abc-1", "long"), ("xyz-2", "long")]
    text = cli("tasks", "one", *one).out
    assert "xyz-2" in text
    assert "working" in text

    done = cli("tasks", "one", "abc", "--wait", *one)
    assert (done.code, done.out) == (0, "job done\n")
    cancelled = cli("tasks", "one", "xyz-2", "--cancel", "--json", *one)
    assert (cancelled.code, cancelled.json["status"]) == (0, "cancelled")

    unknown = cli("tasks", "one", "nothing", "--wait", "--json", *one)
    assert (unknown.code, unknown.error["code"]) == (2, "unknown_task")
    assert "abc-1" in unknown.error["hint"]
    assert cli("tasks", "one", "--wait", *one).code == 2


def test_a_server_without_tasks_says_so(cli: Cli) -> None:
    result = cli("tasks", "one", "--json", *server(no_tasks=True))
    assert (result.code, result.error["code"]) == (2, "no_tasks")


@both_eras
def test_a_task_past_the_timeout_is_an_unreachable_server(cli: Cli, modern: bool) -> None:
    result = cli("call", "one", "long", "seconds:=60", "--timeout", "0.5", "--json", *server(modern=modern))
    assert (result.code, result.error["code"]) == (4, "timeout")
    assert "told to cancel" in result.error["detail"]


@both_eras
def test_what_the_server_logs_goes_to_stderr(cli: Cli, modern: bool) -> None:
    message = ("call", "one", "log", "level=warning", "data=the disk is full", "--json")
    heard = cli(*message, "--log-level", "info", *server(modern=modern))
    assert heard.json["content"][0]["text"] == "level info"
    assert "[warning] peer the disk is full" in heard.err
    quiet = cli(*message, "--log-level", "error", *server(modern=modern))
    assert "disk" not in quiet.err
    assert "disk" not in cli(*message, *server(modern=modern)).err


def test_a_log_level_that_does_not_exist_is_a_usage_error(cli: Cli) -> None:
    assert cli("call", "one", "plain", "--log-level", "loud", *server()).code == 2


@contextmanager
def following(tmp_path: Path, *arguments: str) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "mcp_tui.cli.main", "read", "one", A, "--follow", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=dict(os.environ)
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@both_eras
def test_a_followed_resource_is_printed_again_when_it_changed(tmp_path: Path, modern: bool) -> None:
    with following(tmp_path, "--json", *server(modern=modern, ticks=3)) as process:
        assert process.stdout is not None
        texts: list[str] = []
        while not texts or texts[-1] != "tick 3":
            line = process.stdout.readline()
            assert line, "it ended"
            texts.append(json.loads(line)["contents"][0]["text"])
        assert texts[0] in ("one", "tick 1")
        assert len(texts) == len(set(texts)), "the same content is not printed twice"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130


def test_following_ends_at_the_timeout(cli: Cli) -> None:
    result = cli("read", "one", A, "--follow", "--timeout", "1", *server())
    assert (result.code, result.out) == (0, "one\n")


def test_a_resource_that_cannot_be_followed_says_why(cli: Cli) -> None:
    result = cli("read", "one", A, "--follow", "--json", *server(no_subscribe=True))
    assert (result.code, result.error["code"]) == (5, "no_subscribe")
    assert "does not announce" in result.error["detail"]


def test_following_a_server_that_ends_for_good_is_an_error(cli: Cli) -> None:
    result = cli("read", "one", "file:///gone.txt", "--follow", "--json", *server(refuse_uri="file:///gone.txt"))
    assert (result.code, result.error["code"]) == (5, "no_subscribe")
    assert "No such resource" in result.error["detail"]
