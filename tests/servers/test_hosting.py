"""How the bundled servers are run: their command line, who may connect over HTTP, and how they end."""

from __future__ import annotations

import argparse
import json
import re
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from mcp_tui.servers import hosting
from tests.servers.child import COMMAND, DEADLINE_S, http_child

SERVERS = ("demo", "llm", "github", "database")
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
TOKEN = "correct-horse-battery"


def serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("name", SERVERS)
def test_help_holds_what_to_paste_into_other_clients(name: str) -> None:
    text = serve(name, "--help").stdout
    blocks = re.findall(r"^(Claude Desktop|VS Code), \S+:\n((?:  .*\n)+)", text, re.MULTILINE)
    assert [client for client, _ in blocks] == ["Claude Desktop", "VS Code"]
    desktop, code = (json.loads(block) for _, block in blocks)
    assert desktop["mcpServers"][name]["args"][:2] == ["serve", name]
    assert code["servers"][name]["type"] == "stdio"
    assert f"[servers.{name}]" in text
    assert "--http" in text


def test_help_names_keys_without_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "gsk-very-secret")
    text = serve("llm", "--help").stdout
    assert "${env:GROQ_API_KEY}" in text
    assert "the value of GROQ_API_KEY" in text
    assert "very-secret" not in text


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:80", "127.0.0.1", 80),
        (":9000", "127.0.0.1", 9000),
        ("9000", "127.0.0.1", 9000),
        ("[::1]:7", "::1", 7),
        ("localhost:0", "localhost", 0),
    ],
)
def test_addresses_are_understood(text: str, host: str, port: int) -> None:
    assert hosting.parse(hosting.new_parser("demo", ""), ["--http", text]).http == hosting.Endpoint(host, port)


@pytest.mark.parametrize("text", ["nowhere", "host:", "host:99999", "::1:80", "host:-1", "host:８"])
def test_what_is_no_address_is_a_usage_error(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        hosting.parse(hosting.new_parser("demo", ""), ["--http", text])
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_a_named_token_variable_must_be_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = hosting.new_parser("demo", "")
    with pytest.raises(SystemExit):
        hosting.parse(parser, ["--token-env", "MY_TOKEN"])
    assert "MY_TOKEN is not set" in capsys.readouterr().err
    monkeypatch.setenv("MY_TOKEN", "has blanks")
    with pytest.raises(SystemExit):
        hosting.parse(parser, ["--token-env", "MY_TOKEN"])
    monkeypatch.setenv("MY_TOKEN", TOKEN)
    monkeypatch.setenv("MCP_TUI_TOKEN", "another")
    assert hosting.parse(parser, ["--token-env", "MY_TOKEN"]).token == TOKEN
    assert hosting.parse(parser, []).token == "another"


def test_a_port_that_is_taken_is_said_plainly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = serve("demo", "--http", f"127.0.0.1:{taken.getsockname()[1]}")
    assert result.returncode == 4
    assert "another program listens there" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_address_this_machine_does_not_have_is_said_plainly() -> None:
    result = serve("demo", "--http", "192.0.2.1:8765")
    assert result.returncode == 4
    assert "no such address" in result.stderr


async def post(url: str, body: Any = INITIALIZE, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with httpx.AsyncClient(timeout=DEADLINE_S) as http:
        return await http.post(url, content=content, headers=HEADERS | named)


async def test_on_loopback_foreign_names_and_pages_are_refused(tmp_path: Path) -> None:
    with http_child(tmp_path, "demo") as child:
        url = await child.url()
        port = httpx.URL(url).port
        assert (await post(url)).status_code == 200
        assert (await post(url, host="evil.example")).status_code == 421
        assert (await post(url, host=f"evil.example:{port}")).status_code == 421
        assert (await post(url, origin="https://evil.example")).status_code == 403
        # A forwarded port has another number on this machine.
        assert (await post(url, host="localhost:1234", origin="http://localhost:1234")).status_code == 200
        assert (await post(url, b'{"x": "' + b"x" * 5_000_000 + b'"}')).status_code == 413
        assert "Bearer" not in child.stderr()


async def test_a_token_is_demanded_before_anything_is_read(tmp_path: Path) -> None:
    with http_child(tmp_path, "demo", env={"MCP_TUI_TOKEN": TOKEN}) as child:
        url = await child.url()
        refused = await post(url)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == 'Bearer realm="mcp-tui"'
        wrong = await post(url, b"x" * 5_000_000, authorization="Bearer wrong")
        assert wrong.status_code == 401
        assert 'error="invalid_token"' in wrong.headers["www-authenticate"]
        assert (await post(url, authorization=f"Basic {TOKEN}")).status_code == 401
        assert (await post(url, authorization=f"Bearer {TOKEN}")).status_code == 200
        assert TOKEN not in child.stderr()


async def test_addresses_of_others_get_a_token_made_for_them(tmp_path: Path) -> None:
    with http_child(tmp_path, "demo", "--http", "0.0.0.0:0") as child:
        port = httpx.URL(await child.url()).port
        token = re.findall(r"Authorization: Bearer (\S+)", child.stderr())
        assert len(token) == 1
        url = f"http://127.0.0.1:{port}/mcp"
        assert (await post(url)).status_code == 401
        assert (await post(url, authorization=f"bearer {token[0]}")).status_code == 200
        # Names point here from anywhere; the token is what counts.
        assert (await post(url, authorization=f"Bearer {token[0]}", host="desk.example")).status_code == 200


@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_both_eras_are_served_with_the_token(tmp_path: Path, mode: Any, version: str) -> None:
    with http_child(tmp_path, "demo", env={"MCP_TUI_TOKEN": TOKEN}) as child, anyio.fail_after(DEADLINE_S):
        url = await child.url()
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}) as http,
            Client(streamable_http_client(url, http_client=http), mode=mode) as client,
        ):
            assert client.protocol_version == version
            assert (await client.call_tool("add", {"a": 2, "b": 3})).structured_content == {"sum": 5}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_a_signal_ends_the_server_in_order_while_clients_are_there(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with http_child(tmp_path, "demo", "--showcase") as child, anyio.fail_after(DEADLINE_S):
        url = await child.url()
        ended = anyio.Event()
        async with (
            Client(url) as modern,
            Client(url, mode="legacy") as legacy,
            modern.listen(resource_subscriptions=["showcase://clock"]) as events,
        ):
            assert (await legacy.list_tools()).tools
            await anext(aiter(events))

            async def listen() -> None:
                async for _ in events:
                    pass
                ended.set()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(listen)
                assert await anyio.to_thread.run_sync(child.end, number) == code
                await ended.wait()
        assert "Traceback" not in child.stderr()


def test_arguments_of_a_parser_are_not_abbreviated(capsys: pytest.CaptureFixture[str]) -> None:
    parser: argparse.ArgumentParser = hosting.new_parser("demo", "")
    parser.add_argument("--write", action="store_true")
    with pytest.raises(SystemExit):
        hosting.parse(parser, ["--wri"])
    assert "--wri" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [("demo",), ("demo", "--showcase"), ("llm",), ("llm", "--demo")], ids=" ".join)
def test_closing_stdin_ends_the_server_quietly(arguments: tuple[str, ...]) -> None:
    with subprocess.Popen(
        [*COMMAND, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        out, err = child.communicate(json.dumps(INITIALIZE) + "\n", timeout=DEADLINE_S)
    assert child.returncode == 0
    assert json.loads(out)["result"]["protocolVersion"] == "2025-11-25"
    assert err == ""


def test_wrong_amounts_are_usage_errors() -> None:
    for amount in ("much", "-1", "nan", "inf"):
        result = serve("llm", f"--max-cost={amount}")
        assert result.returncode == 2
        assert "no amount of US dollars" in result.stderr
