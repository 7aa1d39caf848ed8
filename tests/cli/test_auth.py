"""auth, and how other commands sign in: with a browser, without one, and out again."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cli.conftest import Cli
from tests.sessions.oauth_peer import OAuthPeer

BROWSER = f"{sys.executable} {Path(__file__).parent.parent / 'sessions' / 'fake_browser.py'} %s"
Configure = Callable[..., list[str]]


@pytest.fixture
def oauth(monkeypatch: pytest.MonkeyPatch) -> Generator[OAuthPeer]:
    monkeypatch.setenv("MCP_TUI_TOKEN_STORE", "file")
    with OAuthPeer().up() as peer:
        yield peer


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSER", BROWSER)


@pytest.fixture
def configured(oauth: OAuthPeer, tmp_path: Path) -> Configure:
    """The options that name a file with the one server `remote`; keyword arguments join its entry."""

    def write(**entry: Any) -> list[str]:
        file = tmp_path / "mcp.json"
        file.write_text(json.dumps({"mcpServers": {"remote": {"type": "http", "url": oauth.url, **entry}}}))
        return ["--config", str(file)]

    return write


@pytest.mark.usefixtures("browser")
def test_auth_signs_in_and_later_commands_need_no_browser(
    cli: Cli, oauth: OAuthPeer, configured: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = configured()
    result = cli(*options, "auth", "remote")
    assert (result.code, result.out) == (0, "")
    assert f"sign in with your browser: {oauth.issuer}/authorize?" in result.err
    assert "signed in to remote: 11 tools" in result.err
    monkeypatch.delenv("BROWSER")
    listed = cli(*options, "tools", "remote", "--json")
    assert (listed.code, listed.err) == (0, "")
    assert len(listed.json["tools"]) == 11
    called = cli(*options, "call", "remote", "echo", "text=hi", "--json")
    assert called.json["content"][0]["text"] == "hi"
    assert oauth.count("/as/authorize") == 1


@pytest.mark.usefixtures("browser")
def test_auth_logout_forgets_the_sign_in(cli: Cli, oauth: OAuthPeer, configured: Configure) -> None:
    options = configured()
    assert cli(*options, "auth", "remote", "--json").json == {
        "server": "remote",
        "status": "ready",
        "signedIn": True,
    }
    out = cli(*options, "auth", "remote", "--logout")
    assert (out.code, out.err) == (0, "signed out of remote\n")
    again = cli(*options, "auth", "remote", "--logout", "--json")
    assert again.json == {"server": "remote", "signedOut": False}
    listed = cli(*options, "tools", "remote", "--json")
    assert listed.code == 3
    assert oauth.count("/as/authorize") == 1, "without an auth entry no command opens a browser"


def test_without_a_browser_and_a_terminal_the_exit_code_says_so(
    cli: Cli, oauth: OAuthPeer, configured: Configure
) -> None:
    result = cli(*configured(), "auth", "remote", "--json")
    assert (result.code, result.out) == (3, "")
    assert result.error["title"] == "No browser and no terminal"
    assert "mcp-tui auth remote" in result.error["hint"]
    listed = cli(*configured(auth={"type": "oauth"}), "tools", "remote", "--json")
    assert (listed.code, listed.out) == (3, "")
    assert "mcp-tui auth remote" in listed.error["hint"]
    assert oauth.asked == []


@pytest.mark.usefixtures("browser")
@pytest.mark.parametrize("command", [["tools", "remote"], ["call", "remote", "echo", "text=hi"]])
def test_a_command_signs_in_by_itself_where_the_entry_says_how(
    cli: Cli, oauth: OAuthPeer, configured: Configure, command: list[str]
) -> None:
    result = cli(*configured(auth={"type": "oauth"}), *command, "--json")
    assert result.code == 0
    assert result.json
    assert oauth.grants() == ["authorization_code"]


@pytest.mark.usefixtures("browser")
def test_a_denied_sign_in_is_exit_code_3(cli: Cli, oauth: OAuthPeer, configured: Configure) -> None:
    oauth.does.deny = True
    result = cli(*configured(), "auth", "remote", "--json")
    assert (result.code, result.out) == (3, "")
    assert (result.error["code"], result.error["exit_code"]) == ("access_denied", 3)
    assert result.error["detail"] == "access_denied: You said no"
    assert oauth.count("/as/token") == 0


def test_a_browser_that_does_not_start_is_exit_code_3(
    cli: Cli, oauth: OAuthPeer, configured: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER", "false %s")
    result = cli(*configured(), "auth", "remote", "--json")
    assert result.code == 3
    assert "No browser could be opened" in result.error["title"]


@pytest.mark.usefixtures("browser")
def test_a_sign_in_nobody_finishes_ends_in_time(cli: Cli, oauth: OAuthPeer, configured: Configure) -> None:
    oauth.does.hang_authorize = True
    result = cli(*configured(), "auth", "remote", "--timeout", "0.5", "--json")
    assert result.code == 3
    assert result.error["code"] == "sign_in_timeout"


@pytest.mark.usefixtures("oauth")
def test_there_is_nothing_to_sign_in_to_in_a_local_process(cli: Cli, stub: str) -> None:
    result = cli("--server", stub, "auth", "stub")
    assert result.code == 2
    assert result.err.startswith("error: Nothing to sign in to: stub: it is a local process")


@pytest.mark.usefixtures("oauth")
def test_an_unknown_server_is_named(cli: Cli) -> None:
    result = cli("--server", "a=https://127.0.0.1:9/mcp", "auth", "b")
    assert result.code == 2
    assert "'b' is not configured" in result.err
    assert "servers: a; providers: " in result.err
    assert "openai" in result.err


def test_a_bad_auth_entry_is_an_error_of_that_entry(cli: Cli, configured: Configure) -> None:
    result = cli(*configured(auth={"type": "oath"}), "tools", "remote", "--json")
    assert result.code == 2
    assert "`oath` is not known" in result.error["detail"]
    assert result.error["hint"]


def test_auth_as_a_process_reads_no_terminal_and_ends(spawned: Cli, oauth: OAuthPeer, configured: Configure) -> None:
    result = spawned(*configured(), "auth", "remote", env={"BROWSER": BROWSER}, stdin="http://127.0.0.1/nonsense\n")
    assert (result.code, result.out) == (0, "")
    assert "signed in to remote" in result.err
    assert not [secret for secret in oauth.tokens if secret in result.err]


def test_a_browser_elsewhere_ends_on_an_address_to_paste(oauth: OAuthPeer, configured: Configure) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "mcp_tui.cli.main", *configured(), "auth", "remote"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs, env={**os.environ, "BROWSER": "false %s"}
    ) as process:
        os.close(theirs)
        said = read_until(ours, b"paste the address")
        address = re.search(rb"http://\S+/authorize\?\S+", said)
        assert address is not None
        os.write(ours, b"http://[oops\n")
        read_until(ours, b"not the address the browser ended on")
        with httpx2.Client() as elsewhere:
            ended_on = elsewhere.get(address[0].decode()).headers["location"]
        os.write(ours, f"{ended_on.removeprefix('http://')}\n".encode())  # as browsers show it
        read_until(ours, b"signed in to remote")
        assert process.wait(60) == 0
    os.close(ours)


def read_until(terminal: int, words: bytes) -> bytes:
    """What the process prints, up to these words; fails when it ends before."""
    said = b""
    while words not in said:
        try:
            said += os.read(terminal, 4096)
        except OSError:
            pytest.fail(said.decode("utf-8", "replace"))
    return said


@pytest.mark.usefixtures("browser")
@pytest.mark.parametrize("command", ["doctor", "servers"])
def test_a_look_at_the_servers_opens_no_browser(
    cli: Cli, oauth: OAuthPeer, configured: Configure, command: str
) -> None:
    result = cli(*configured(auth={"type": "oauth"}), command, "--json")
    assert "mcp-tui auth remote" in result.out
    assert oauth.asked == []
