"""call --watch: a real process that calls again when the source of its server changes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.cli.conftest import Cli

PATIENCE_S = 60.0
SERVER = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    answer = {{
        "initialize": {{"protocolVersion": "2025-11-25", "capabilities": {{"tools": {{}}}},
                        "serverInfo": {{"name": "notes", "version": "1"}}}},
        "tools/list": {{"tools": [{{"name": "say", "inputSchema": {{"type": "object"}}}}]}},
        "tools/call": {{"content": [{{"type": "text", "text": "{word}"}}]}},
    }}.get(message["method"], {{}})
    print(json.dumps({{"jsonrpc": "2.0", "id": message["id"], "result": answer}}), flush=True)
"""


def config(folder: Path, **more: object) -> Path:
    entry = {"command": sys.executable, "args": ["server.py"], "cwd": str(folder), "protocol": "legacy", **more}
    file = folder / "mcp.json"
    file.write_text(json.dumps({"mcpServers": {"notes": entry}}))
    return file


def test_it_calls_again_after_each_change_also_after_a_failure_until_interrupted(tmp_path: Path) -> None:
    file = config(tmp_path, watch="*.py")
    script = tmp_path / "server.py"
    script.write_text(SERVER.format(word="first"))
    argv = [sys.executable, "-m", "mcp_tui.cli.main", "call", "notes", "say", "--watch", "--config", str(file)]
    process = subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    guard = threading.Timer(PATIENCE_S, process.kill)
    guard.start()

    def until(text: str) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if text in line:
                return
        raise AssertionError(f"ended without {text!r}")

    try:
        until("first")
        until("exit code 0; waiting for a change")
        script.write_text("this is no Python")
        until("server.py changed")
        until("SyntaxError")
        until("waiting for a change")
        script.write_text(SERVER.format(word="mended"))
        until("mended")
        until("waiting for a change")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
    finally:
        guard.cancel()
        process.kill()
        process.communicate()


def test_an_entry_that_names_no_files_cannot_be_watched(cli: Cli, tmp_path: Path) -> None:
    result = cli("call", "notes", "say", "--watch", "--config", str(config(tmp_path)))
    assert result.code == 2
    assert "its entry names no files" in result.err
    assert 'watch = ["src/**/*.py"]' in result.err


def test_a_pattern_that_cannot_be_read_is_said(cli: Cli, tmp_path: Path) -> None:
    result = cli("call", "notes", "say", "--watch", "--config", str(config(tmp_path, watch=["[z-a]"])))
    assert result.code == 2
    assert "a pattern of `watch` cannot be read" in result.err
