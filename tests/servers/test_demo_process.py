"""The life of the demo server's process: how it starts, and that nothing of it stays."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import anyio
import httpx
import psutil
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import TextContent

from mcp_tui.core.types import JsonObject

DEADLINE_S = 30.0
COMMAND_LINE = [sys.executable, "-m", "mcp_tui.servers.demo"]
PARAMETERS = StdioServerParameters(command=sys.executable, args=COMMAND_LINE[1:])
INITIALIZE: JsonObject = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


def test_closing_stdin_ends_the_child_quietly() -> None:
    child = subprocess.Popen(
        COMMAND_LINE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    out, err = child.communicate(_line("initialize", INITIALIZE), timeout=DEADLINE_S)
    assert child.returncode == 0
    assert json.loads(out)["result"]["serverInfo"]["name"] == "lighthouse"
    assert err == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_child_without_a_traceback(number: signal.Signals) -> None:
    with subprocess.Popen(
        COMMAND_LINE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None and child.stdout is not None and child.stderr is not None
        child.stdin.write(_line("initialize", INITIALIZE))
        child.stdin.flush()
        assert "lighthouse" in child.stdout.readline()
        child.send_signal(number)
        assert child.wait(DEADLINE_S) == -number
        assert child.stderr.read() == ""


async def test_leaving_the_client_leaves_no_process(tmp_path: Path) -> None:
    with anyio.fail_after(DEADLINE_S):
        async with Client(stdio_client(PARAMETERS)) as client:
            await client.list_tools()
            family = psutil.Process(os.getpid()).children(recursive=True)
            mine = [one for one in family if "mcp_tui.servers.demo" in one.cmdline()]
            newest = max(mine, key=lambda one: one.create_time())
            assert newest.children(recursive=True) == []
    newest.wait(DEADLINE_S)


async def test_http_serves_the_same_tools(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (tmp_path / "stderr").open("w") as stderr:
        child = subprocess.Popen([*COMMAND_LINE, "--http", f"127.0.0.1:{port}"], stderr=stderr)
    try:
        with anyio.fail_after(DEADLINE_S):
            async with httpx.AsyncClient() as http:
                while True:
                    try:
                        await http.get(f"http://127.0.0.1:{port}/")
                        break
                    except httpx.ConnectError:
                        await anyio.sleep(0.05)
            async with Client(f"http://127.0.0.1:{port}/mcp") as client:
                content = (await client.call_tool("add", {"a": 2, "b": 3})).content[0]
                assert isinstance(content, TextContent)
                assert content.text == "5"
    finally:
        child.terminate()
        child.wait(DEADLINE_S)


def test_a_wrong_address_is_a_usage_error() -> None:
    result = subprocess.run(
        [*COMMAND_LINE, "--http", "nowhere"], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert result.returncode == 2
    assert "is not HOST:PORT" in result.stderr


def _line(method: str, params: JsonObject) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}) + "\n"
