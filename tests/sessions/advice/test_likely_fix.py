"""What a person is told to do about a server that does not start: from real processes and real refusals."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mcp_tui.core.errors import ErrorKind
from mcp_tui.core.state import ServerSnapshot, ServerStatus
from mcp_tui.sessions.advice.likely_fix import LastWords, likely_fix
from mcp_tui.sessions.manager import SessionManager
from tests.sessions.conftest import http, stdio, until, until_status
from tests.sessions.http_peer import HttpPeer, Reply, Seen

pytestmark = pytest.mark.usefixtures("quick_backoff")

NODE_TRACE = """/opt/server/index.js:1
import {{ a }} from './a.js';
^^^^^^
SyntaxError: {fault}
    at internalCompileFunction (node:internal/vm:73:18)

Node.js v{version}"""


async def ended(**options: Any) -> ServerSnapshot:
    """A server whose process ended, or could not be started."""
    async with SessionManager([stdio(**options)]) as manager:
        return await until(manager, lambda server: server.crash is not None and server.reason is not None)


def fix(server: ServerSnapshot) -> str:
    assert server.reason is not None
    return server.reason.hint


def python(code: str) -> dict[str, Any]:
    return {"command": sys.executable, "args": ("-c", code)}


async def unanswered(**spec: Any) -> ServerSnapshot:
    """A server that runs, and of which nothing comes."""
    async with SessionManager([stdio(spec={"connect_timeout_s": 0.3, **spec})]) as manager:
        return await until(manager, lambda server: server.crash is not None and server.crash.unanswered)


async def test_one_that_waits_in_silence_is_tried_by_hand_or_lacks_what_downloads_need(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    silent = "#!/bin/sh\nexec sleep 600\n"
    assert "run the command by hand" in fix(await unanswered(command=str(program(tmp_path / "mine", silent)), args=()))
    starter = str(program(tmp_path / "npx", silent))
    assert "run the command by hand" in fix(await unanswered(command=starter, args=(), inherit_env=True))
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "https://registry.example")
    assert "without NPM_CONFIG_REGISTRY" in fix(await unanswered(command=starter, args=()))


@pytest.mark.parametrize(
    ("code", "line"), [("import json\n\njson.loads('{')\n", 3), ("import json\ndef broken(:\n", 2)]
)
async def test_a_server_that_fails_in_its_own_code_is_told_where(code: str, line: int, tmp_path: Path) -> None:
    script = program(tmp_path / "server.py", code)
    server = await ended(spec={"command": sys.executable, "args": (str(script),)})
    assert fix(server) == f"It failed at {script}, line {line}"


async def test_what_a_process_or_server_quotes_of_its_entry_s_secrets_is_not_shown() -> None:
    words = "import os, sys; sys.exit(f'bad {os.environ[\"API_TOKEN\"]} and {sys.argv[2:]}')"
    spec = {
        "command": sys.executable,
        "args": ("-c", words, "--token", "arg-s3cret"),
        "env": {"API_TOKEN": "env-s3cret"},
    }
    server = await ended(spec=spec)
    assert server.reason is not None
    assert "bad *** and ['***']" in server.reason.detail
    assert any("bad ***" in line for line in server.stderr_tail)
    assert "s3cret" not in repr(server)


async def test_a_refusal_that_quotes_the_token_is_shown_without_it() -> None:
    error = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "unknown token env-s3cret"}}
    answer = f"import sys; sys.stdin.readline(); print({json.dumps(json.dumps(error))}, flush=True); sys.stdin.read()"
    spec = {**python(answer), "env": {"API_TOKEN": "env-s3cret"}}
    async with SessionManager([stdio(spec=spec)]) as manager:
        server = await until(manager, lambda server: server.reason is not None)
        assert server.reason is not None
        assert server.reason.detail == "unknown token ***"


# ---------------------------------------------------------------------- the command


async def test_a_missing_starter_names_what_brings_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("mcp_tui.sessions.advice.missing_command._USUAL_FOLDERS", ())
    for command, bringer in (("npx", "Node.js"), ("uvx", "uv ("), ("docker", "Docker")):
        assert f"Install {bringer}" in fix(await ended(spec={"command": command}))


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


async def test_a_command_that_only_our_path_has_is_told_with_its_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool = program(tmp_path / "bin" / "my-server")
    monkeypatch.setenv("PATH", f"{tool.parent}{os.pathsep}{os.environ['PATH']}")
    server = await ended(spec={"command": "my-server", "env": {"PATH": "/usr/bin:/bin"}})
    assert (
        fix(server) == f"It is at {tool}, which the PATH in this entry's env leaves out: use the full path as command"
    )


async def test_a_command_in_a_usual_folder_off_the_path_is_found(private_environment: Path) -> None:
    tool = program(private_environment / ".local/bin/my-server")
    assert fix(await ended(spec={"command": "my-server"})).startswith(f"It is at {tool}, which is not on PATH")


async def test_arguments_in_the_command_are_noticed() -> None:
    assert fix(await ended(spec={"command": "sh -c true"})) == (
        '`command` holds its arguments too: command = "sh", and the rest in args'
    )


@pytest.mark.parametrize(
    ("text", "executable", "said"),
    [
        ("#!/no/such/interpreter\n", True, "its first line names /no/such/interpreter"),
        ("#!/bin/sh\n", False, "chmod +x"),
        ("no first line", True, "name its interpreter as command"),
        (None, False, "Correct the path of the command"),
    ],
)
async def test_a_command_given_by_its_path(text: str | None, executable: bool, said: str, tmp_path: Path) -> None:
    path = tmp_path / "server"
    if text is not None:
        path.write_text(text)
        path.chmod(0o755 if executable else 0o644)
    assert said in fix(await ended(spec={"command": str(path)}))


# ---------------------------------------------------------------------- last words of real processes


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import no_such_module_here", "-m pip install`"),
        ("from json import no_such_name", "written for another version of json"),
        ("open('/no/such/file')", "There is no /no/such/file: correct the path"),
        ("open('settings.json')", "relative paths start at"),
        ("import os; os.kill(os.getpid(), 11)", "It crashed in native code"),
        ("import os; os.kill(os.getpid(), 9)", "needed too much memory"),
        ("import argparse; argparse.ArgumentParser().parse_args(['--x'])", "does not understand its arguments"),
        ("pass", "may need an argument such as `stdio`"),
        ("raise SystemExit(127)", "not on its PATH"),
    ],
)
async def test_a_python_server_that_ends_at_once(code: str, said: str) -> None:
    server = await ended(spec=python(code))
    assert said in fix(server)
    assert server.reason is not None
    assert server.reason.kind is ErrorKind.UNREACHABLE


async def test_a_module_to_be_started_that_is_missing() -> None:
    server = await ended(spec={"command": sys.executable, "args": ("-m", "no_such_server_here")})
    assert fix(server).startswith("This Python has no module no_such_server_here")


async def test_a_port_in_use_is_named_as_such() -> None:
    code = "import socket as s; a = s.socket(); a.bind(('127.0.0.1', 0)); s.socket().bind(a.getsockname())"
    assert "Another process has the port it wants" in fix(await ended(spec=python(code)))


async def test_a_missing_variable_that_is_set_here_is_told_to_be_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    server = python("import os; os.environ['WEATHER_API_TOKEN']")
    assert fix(await ended(spec=server)) == "Set WEATHER_API_TOKEN in the entry's env"
    monkeypatch.setenv("WEATHER_API_TOKEN", "x")
    assert 'env = { WEATHER_API_TOKEN = "${WEATHER_API_TOKEN}" }' in fix(await ended(spec=server))
    given = {**server, "env": {"OTHER_TOKEN": "1"}}
    monkeypatch.setenv("OTHER_TOKEN", "2")
    refused = python("raise SystemExit('OTHER_TOKEN is not set correctly')") | {"env": given["env"]}
    assert fix(await ended(spec=refused)) == "OTHER_TOKEN is not accepted: correct its value in the entry's env"


async def test_a_proxy_that_is_not_passed_on_is_named_where_the_network_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    code = "raise SystemExit('npm error code ENOTFOUND\\nnpm error network request failed')"
    assert "npm_config_registry of yours is passed on only if env names it" in fix(await ended(spec=python(code)))


async def test_logs_on_standard_output_are_told_when_nothing_else_came() -> None:
    code = "print('INFO starting up', flush=True); import time; time.sleep(60)"
    async with SessionManager([stdio(spec={**python(code), "connect_timeout_s": 2.0})]) as manager:
        server = await until_status(manager, ServerStatus.BACKOFF)
        assert "prints text where only JSON-RPC may stand (“INFO starting up”)" in fix(server)


async def test_a_command_that_serves_http_is_told_with_its_address() -> None:
    code = (
        "import sys, time; print('INFO: Uvicorn running on http://127.0.0.1:8765 (Press CTRL+C)', file=sys.stderr); "
        "sys.stderr.flush(); time.sleep(60)"
    )
    async with SessionManager([stdio(spec={**python(code), "connect_timeout_s": 2.0})]) as manager:
        server = await until_status(manager, ServerStatus.BACKOFF)
        assert 'url = "http://127.0.0.1:8765/mcp"' in fix(server)


async def test_the_line_that_says_why_is_quoted_not_the_last_one() -> None:
    words = (
        "npm error 404 Not Found - GET https://registry.example/nope\\nnpm error\\nnpm error A complete log of this run"
    )
    server = await ended(spec=python(f"raise SystemExit('{words}')"))
    assert server.reason is not None
    assert server.reason.detail.endswith("npm error 404 Not Found - GET https://registry.example/nope")
    assert server.reason.hint == "npm has no package nope: check its name in args"


# ---------------------------------------------------------------------- last words as other programs write them


@pytest.mark.parametrize(
    ("stderr", "said"),
    [
        (NODE_TRACE.format(fault="Unexpected token '??='", version="14.21.3"), "Node.js v14.21.3 is too old for it"),
        (NODE_TRACE.format(fault="Unexpected token '}'", version="22.1.0"), "It failed at /opt/server/index.js, line"),
        ("Error: this requires Node.js >= 20.0.0\nNode.js v18.19.0", "It needs Node.js >= 20.0.0; this is v18.19.0"),
        ("Error: Cannot find module '/srv/build/index.js'", "There is no /srv/build/index.js"),
        ("Error: Cannot find module 'express'\nRequire stack:", "run `npm install` in the server's folder"),
        ("npm error 404  The requested resource '@a/b@*' could not be found or", "npm has no package @a/b:"),
        ("npm error 404 Not Found - GET https://registry.example/@a%2fb", "npm has no package @a/b:"),
        ("npm error notarget No matching version found for left-pad@99.", "no such version: left-pad@99;"),
        ("npm error could not determine executable to run", "npx -y -p PACKAGE COMMAND"),
        ("  cause: Because zzqq was not found in the package registry and you require", "index has no package zzqq:"),
        ("Package `click` does not provide any executables.", "uvx --from PACKAGE COMMAND"),
        ("AttributeError: 'Server' object has no attribute 'list_resources'", "another version of mcp"),
        ("docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the", "Start Docker"),
        ("docker: permission denied while trying to connect to the Docker daemon socket at unix", "group `docker`"),
        ("docker: Error response from daemon: pull access denied for me/srv, repository does", "no image me/srv "),
        ("Error: listen EADDRINUSE: address already in use :::3000", "Another process has port 3000"),
        ("Error: EACCES: permission denied, open '/var/db/x'", "It may not use /var/db/x"),
        ("PermissionError: [Errno 13] Permission denied: '/var/db/x'", "It may not use /var/db/x"),
        ("Error: spawn ffmpeg ENOENT", "It starts ffmpeg, which is not installed"),
        ("sh: 1: jq: not found", "It starts jq, which is not installed"),
        ("Error: GITHUB_TOKEN environment variable is required", "Set GITHUB_TOKEN in"),
        ("Please set the SLACK_BOT_TOKEN environment variable", "Set SLACK_BOT_TOKEN in"),
        ("missing required env var: NOTION_API_KEY", "Set NOTION_API_KEY in"),
        ("Error: self-signed certificate in certificate chain\ncode: 'SELF_SIGNED_CERT_IN_CHAIN'\nNode.js v22.1.0",
         "set NODE_EXTRA_CA_CERTS in"),
        ("ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "SSL_CERT_FILE"),
        ("error: Failed to fetch: `https://index.example/simple/x/`", "could not reach the network"),
        ("all is well", ""),
    ],
)  # fmt: skip
def test_known_last_words(stderr: str, said: str) -> None:
    advice = likely_fix(LastWords(stdio(), stderr.splitlines(), exit_code=1))
    assert said in advice.fix
    assert bool(said) == bool(advice.fix)
    assert advice.line in stderr


@pytest.mark.parametrize(
    "piece", ["A_", "node ", "'", "set ", ": x: ", "running ", "site-packages/mcp/", "permission denied"]
)
def test_hostile_last_words_take_no_time_worth_noticing(piece: str) -> None:
    """A rule that backtracks would take minutes here."""
    code = f"""
from tests.sessions.advice.test_likely_fix import LastWords, likely_fix, stdio
likely_fix(LastWords(stdio(), [({piece!r} * 2000)[:2000]] * 80, exit_code=1))
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=30, check=False).returncode == 0


# ---------------------------------------------------------------------- URLs


@pytest.mark.parametrize(("reply", "transport"), [(Reply(404), "http"), (Reply(200, b"<html>", "text/html"), "http")])
async def test_a_wrong_path_is_told_with_the_one_that_answers(reply: Reply, transport: str, peer: HttpPeer) -> None:
    def rule(seen: Seen) -> Reply | None:
        return reply if seen.path == "/wrong" else None

    peer.rule = rule
    async with SessionManager([http(peer.url.replace("/mcp", "/wrong"), protocol="auto")]) as manager:
        server = await until_status(manager, ServerStatus.FAILED)
        assert fix(server) == f"{peer.url} answers: use it as the URL"
        assert peer.calls("initialize") == [] or all(seen.path == "/wrong" for seen in peer.calls("initialize"))


async def test_a_server_of_the_older_transport_at_another_path_is_told_with_its_type(peer: HttpPeer) -> None:
    def rule(seen: Seen) -> Reply | None:
        return None if seen.path in ("/sse", "/messages") else Reply(404)

    peer.rule = rule
    async with SessionManager([http(peer.url, protocol="auto")]) as manager:
        server = await until_status(manager, ServerStatus.FAILED)
        assert fix(server) == f'{peer.sse_url} answers: use it as the URL with type = "sse"'


async def test_a_host_without_any_mcp_server_only_says_to_check_the_path(peer: HttpPeer) -> None:
    peer.rule = lambda seen: Reply(404)
    async with SessionManager([http(peer.url, protocol="auto")]) as manager:
        assert fix(await until_status(manager, ServerStatus.FAILED)) == "Check the path of the URL"


async def test_an_address_of_the_older_transport_is_told_where_the_entry_says_another(peer: HttpPeer) -> None:
    peer.rule = lambda seen: Reply(404)
    spec = replace(http(peer.url, protocol="auto"), url=peer.url.rpartition("/")[0] + "/sse")
    async with SessionManager([spec]) as manager:
        assert 'say type = "sse" in the entry' in fix(await until_status(manager, ServerStatus.FAILED))


async def test_a_port_where_nothing_listens_is_named(peer: HttpPeer) -> None:
    await peer.down()
    async with SessionManager([http(peer.url)]) as manager:
        server = await until_status(manager, ServerStatus.BACKOFF)
        assert fix(server) == f"Nothing listens on port {peer.port} there: is it running, on this port?"


async def test_a_proxy_that_stands_between_is_named(peer: HttpPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    await peer.down()
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://user:secret@127.0.0.1:{peer.port}")
    async with SessionManager([http("http://mcp.example/mcp")]) as manager:
        server = await until_status(manager, ServerStatus.BACKOFF)
        assert f"HTTP_PROXY=http://***@127.0.0.1:{peer.port}" in fix(server)
        assert "NO_PROXY name mcp.example?" in fix(server)


async def test_https_to_a_port_that_speaks_http_is_told() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as plain:
        port = plain.sockets[0].getsockname()[1]
        async with SessionManager([http(f"https://127.0.0.1:{port}/mcp")]) as manager:
            server = await until_status(manager, ServerStatus.FAILED)
            assert server.reason is not None
            assert (server.reason.code, fix(server)) == ("tls", "This port speaks plain HTTP: use http:// in the URL")


@pytest.mark.parametrize("status", [403, 421])
async def test_a_refused_host_or_key_points_at_the_headers(status: int, peer: HttpPeer) -> None:
    peer.rule = lambda seen: Reply(status)
    async with SessionManager([http(peer.url)]) as manager:
        server = await until_status(manager, ServerStatus.FAILED)
        assert fix(server).startswith("Check the headers of the entry")


async def test_a_pinned_protocol_the_server_does_not_know_is_told() -> None:
    error = "'code': -32022, 'message': 'Unsupported protocol version', 'data': {'supported': ['2024-01-01']}"
    code = (
        "import sys, json\nfor line in sys.stdin:\n    m = json.loads(line)\n"
        f"    if 'id' in m: print(json.dumps({{'jsonrpc': '2.0', 'id': m['id'], 'error': {{{error}}}}}), flush=True)"
    )
    spec = {**python(code), "protocol": "2026-07-28"}
    async with SessionManager([stdio(spec=spec)]) as manager:
        server = await until_status(manager, ServerStatus.FAILED)
        assert fix(server) == 'The entry asks for protocol = "2026-07-28": leave that out'
