"""doctor about a server whose process ended: the same card as on screen, and what helps."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mcp_tui.ui.servers.card import card
from tests.cli.conftest import Cli
from tests.core.hostile import drawn_safely

CODE = """
import os, sys
print("starting \\x1b[31mred", file=sys.stderr)
os.environ["WEATHER_API_TOKEN"]
"""


def config(folder: Path, **entry: object) -> str:
    file = folder / "mcp.json"
    file.write_text(json.dumps({"mcpServers": {"weather": {"protocol": "legacy", **entry}}}))
    return str(file)


def test_it_shows_how_the_process_ended_what_it_said_and_what_helps(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEATHER_API_TOKEN", "hunter2")
    file = config(tmp_path, command=sys.executable, args=["-c", CODE], cwd=str(tmp_path))
    result = cli("doctor", "weather", "--config", file)
    assert result.code == 4
    lines = result.out.splitlines()
    start = next(number for number, line in enumerate(lines) if "server weather" in line)
    assert "exited with code 1: KeyError: 'WEATHER_API_TOKEN'" in lines[start]
    assert 'env = { WEATHER_API_TOKEN = "${WEATHER_API_TOKEN}" }' in lines[start + 1]
    rows = "\n".join(lines[start + 2 :])
    assert "ended       exit code 1" in rows
    assert f"folder      {tmp_path}" in rows
    assert "WEATHER_API_TOKEN" in rows.partition("not passed")[2].partition("\n")[0]
    assert "stderr      starting red" in rows
    assert '  File "<string>", line 4, in <module>' in rows, "a stack trace keeps its indentation"
    assert "hunter2" not in result.out
    drawn_safely(result.out)


def test_its_json_holds_the_same(cli: Cli, tmp_path: Path) -> None:
    file = config(tmp_path, command=sys.executable, args=["-c", CODE])
    result = cli("doctor", "weather", "--config", file, "--json")
    check = next(check for check in result.json["checks"] if check["name"] == "server weather")
    assert check["status"] == "fail"
    assert check["fix"] == "Set WEATHER_API_TOKEN in the entry's env"
    assert check["process"]["ended"] == "exit code 1"
    assert check["process"]["stderr"][-1] == "KeyError: 'WEATHER_API_TOKEN'"
    assert set(result.json["checks"][0]) == {"name", "status", "detail", "fix"}


def test_a_command_that_is_not_there_never_started(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = cli("doctor", "weather", "--config", config(tmp_path, command="no-such-server"))
    assert result.code == 4
    assert "Command not found: no-such-server" in result.out
    assert "ended       never started" in result.out


async def test_the_screen_says_it_in_the_same_words(tmp_path: Path) -> None:
    from mcp_tui.core import crash_text
    from mcp_tui.core.state import ServerStatus
    from mcp_tui.sessions.manager import SessionManager
    from tests.sessions.conftest import stdio, until

    async with SessionManager([stdio(exit_code=3, stderr="  indented words")]) as manager:
        server = await until(manager, lambda server: server.crash is not None and server.reason is not None)
    assert server.status is not ServerStatus.READY
    text = card(server, 0.0).plain
    assert server.crash is not None
    assert server.reason is not None
    for name, value in crash_text.rows(server.crash):
        assert f"{name:<12}{value}" in text
    assert "\n  indented words" in text
    assert server.reason.title in text
