"""The command as a process: purity of its streams, signals, pipes, children."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import Cli
from tests.core.hostile import drawn_safely
from tests.sessions.servers.peer import tool

PEER = Path(__file__).parent.parent / "sessions" / "servers" / "stdio_server.py"

_PATIENCE_S = 60.0


def _wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_version_and_help_answer_without_loading_anything(spawned: Cli) -> None:
    version = spawned("--version")
    assert (version.code, version.err) == (0, "")
    assert version.out.startswith("mcp-tui, version ")
    text = spawned("--help")
    assert text.code == 0
    for command in ("servers", "tools", "call", "compare", "doctor"):
        assert command in text.out


def test_without_a_terminal_the_dashboard_is_refused(spawned: Cli) -> None:
    result = spawned()
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: No terminal: ")


def test_stdout_holds_json_alone(spawned: Cli, stub: str) -> None:
    result = spawned("call", "stub", "nasty", "--server", stub, "--json")
    assert (result.code, result.err) == (0, "")
    assert result.json["content"][0]["text"].startswith("one\ttab\n\x1b]52;")
    drawn_safely(result.out)


def test_a_result_is_printed_before_it_is_checked(tmp_path: Path) -> None:
    pairs = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
    schema = {"$ref": "#/$defs/d0", "$defs": {**pairs, "d40": {"type": "object"}}}
    server = shlex.join([sys.executable, str(PEER), json.dumps({"tools": [tool("structured", outputSchema=schema)]})])
    command = ("call", "one", "structured", "--args", '{"content": {"n": 1}}', "--server", f"one={server}", "--json")
    ended = subprocess.run(
        [sys.executable, "-m", "mcp_tui.cli.main", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    *result, warning = ended.stdout.splitlines()
    assert ended.returncode == 0
    assert json.loads("".join(result))["structuredContent"] == {"n": 1}
    assert warning == "warning: one.structured: The output schema is too complex to check the structured content."


def test_arguments_come_from_stdin(spawned: Cli, stub: str) -> None:
    result = spawned("call", "stub", "echo", "--args", "-", "--server", stub, stdin='{"text": "é"}')
    assert (result.code, result.out) == (0, '{"text": "\\u00e9"}\n')


def test_a_reader_that_leaves_is_no_error(stub: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mcp_tui.cli.main", "call", "stub", "media", "--server", stub]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(timeout=_PATIENCE_S) == 0
        assert process.stderr.read() == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_children_and_is_exit_code_130(
    stub: str, tmp_path: Path, trace: Callable[[], list[str]], number: signal.Signals
) -> None:
    command = [sys.executable, "-m", "mcp_tui.cli.main", "call", "stub", "hang", "--server", stub]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, start_new_session=True
    ) as process:
        _wait_until(lambda: "tools/call" in trace(), "the call never reached the server")
        child = int(trace()[0].removeprefix("started "))
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=_PATIENCE_S)
        assert (process.returncode, out) == (130, "")
        assert err == "error: Cancelled\n"
    _wait_until(lambda: not psutil.pid_exists(child), "the server's process is still there")


def test_colours_only_for_terminals(spawned: Cli, stub: str) -> None:
    assert "\x1b" not in spawned("servers", "--server", stub, env={"FORCE_COLOR": "1"}).out


def test_serve_runs_the_demo_server(tmp_path: Path) -> None:
    message = (
        b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",'
        b'"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}\n'
    )
    command = [sys.executable, "-m", "mcp_tui.cli.main", "serve", "demo"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(message)
        process.stdin.flush()
        assert b'"serverInfo"' in process.stdout.readline()
        process.stdin.close()
        assert process.wait(timeout=_PATIENCE_S) == 0
