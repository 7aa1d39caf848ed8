"""Project files: nothing starts before they are trusted, headless too."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import STUB, Cli

Trace = Callable[[], list[str]]


@pytest.fixture
def project(cli: Cli, tmp_path: Path) -> Path:
    """A project file with a server that leaves a trace; the working directory is its folder."""
    file = Path.cwd() / ".mcp.json"
    entry = {"command": sys.executable, "args": [str(STUB), str(tmp_path / "trace.txt")]}
    file.write_text(json.dumps({"mcpServers": {"local": entry}}), "utf-8")
    return file


def test_untrusted_servers_are_listed_and_never_started(cli: Cli, project: Path, stub: str, trace: Trace) -> None:
    (server,) = cli("servers", "--json").json["servers"]
    assert (server["name"], server["status"]) == ("local", "needs_trust")
    assert f"would run `{sys.executable}" in server["error"]["detail"]
    assert "mcp-tui config trust" in server["error"]["hint"]
    commands = (("tools", "local"), ("call", "local", "echo"), ("read", "local", "stub://x"), ("doctor", "local"))
    for arguments in commands:
        refused = cli(*arguments)
        assert refused.code == 3, arguments
        assert "config trust" in refused.out + refused.err
    assert trace() == []
    other = cli("tools", "--server", stub.replace("stub=", "other=").rpartition(" ")[0], "--json")
    assert other.code == 0
    assert {tool["server"] for tool in other.json["tools"]} == {"other"}
    assert "warning: Server local" in other.err
    assert trace() == []


def test_a_trusted_file_is_used_until_it_changes(cli: Cli, project: Path, trace: Trace) -> None:
    trusted = cli("config", "trust", "--json")
    assert trusted.code == 0
    (file,) = trusted.json["files"]
    assert (file["file"], file["trusted"], file["changed"]) == (str(project), True, True)
    assert str(STUB) in file["servers"]["local"]
    assert cli("call", "local", "echo", "--json").code == 0
    assert trace()
    project.write_text(project.read_text().replace('"local"', '"other"'))
    again = cli("tools", "other")
    assert again.code == 3
    assert "changed since it was trusted" in again.err


def test_trust_is_taken_back(cli: Cli, project: Path) -> None:
    cli("config", "trust", str(project))
    assert cli("tools", "local").code == 0
    revoked = cli("config", "trust", "--revoke")
    assert revoked.code == 0
    assert "not trusted" in revoked.out
    assert cli("tools", "local").code == 3


def test_the_commands_are_printed_before_anything_runs(cli: Cli, project: Path, trace: Trace) -> None:
    shown = cli("config", "trust")
    assert f"local would run `{sys.executable}" in shown.out
    assert trace() == []


@pytest.mark.parametrize(
    ("files", "words"),
    [((), "no project file here"), (("other.json",), "is no project file"), ((".mcp.json",), "does not exist")],
)
def test_what_cannot_be_trusted_is_said(cli: Cli, files: tuple[str, ...], words: str) -> None:
    result = cli("config", "trust", *files)
    assert result.code == 2
    assert words in result.err


def test_a_broken_file_cannot_be_trusted(cli: Cli) -> None:
    Path(".mcp.json").write_text("{")
    assert cli("config", "trust", ".mcp.json").code == 2
    listed = cli("tools", "--server", f"s={sys.executable} {STUB}", "--json")
    assert listed.code == 0
    assert ".mcp.json:1" in listed.err


def test_a_file_elsewhere_can_be_trusted_by_name(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere" / ".cursor"
    folder.mkdir(parents=True)
    (folder / "mcp.json").write_text('{"mcpServers": {"a": {"command": "x"}}}')
    assert cli("config", "trust", str(folder / "mcp.json")).code == 0


INPUT_FILE = {
    "inputs": [{"type": "promptString", "id": "key", "description": "The key", "password": True}],
    "servers": {"s": {"command": sys.executable, "args": [str(STUB)], "env": {"K": "${input:key}"}}},
}


def test_an_input_without_a_terminal_is_a_clear_problem(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mcp.json").write_text(json.dumps(INPUT_FILE))
    refused = cli("tools", "s", "--config", "mcp.json")
    assert refused.code == 2
    assert "MCP_TUI_INPUT_KEY" in refused.err
    monkeypatch.setenv("MCP_TUI_INPUT_KEY", "very-secret-value")
    assert cli("tools", "s", "--config", "mcp.json").code == 0
    shown = cli("config", "show", "--config", "mcp.json")
    assert "very-secret-value" not in shown.out


def test_on_a_terminal_an_input_is_asked_for_and_not_shown(tmp_path: Path, private_environment: Path) -> None:
    (tmp_path / "mcp.json").write_text(json.dumps(INPUT_FILE))
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "mcp_tui.cli.main", "tools", "s", "--config", "mcp.json", "--json"],
        stdin=child,
        stdout=subprocess.PIPE,
        stderr=child,
        cwd=tmp_path,
        start_new_session=True,
    )
    os.close(child)
    seen, deadline = "", time.monotonic() + 60
    while "The key (for s)" not in seen:
        assert time.monotonic() < deadline, seen
        if select.select([parent], [], [], 1)[0]:
            seen += os.read(parent, 4096).decode()
    os.write(parent, b"very-secret-value\n")
    out, _ = process.communicate(timeout=60)
    while select.select([parent], [], [], 0)[0]:
        try:
            seen += os.read(parent, 4096).decode()
        except OSError:  # nobody has the other end any more
            break
    os.close(parent)
    assert process.returncode == 0, seen
    assert json.loads(out)["tools"]
    assert "very-secret-value" not in seen
