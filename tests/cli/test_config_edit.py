"""config add and remove."""

from __future__ import annotations

import json
import stat
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import STUB, Cli


@pytest.fixture
def file(private_environment: Path) -> Path:
    return private_environment / ".config" / "mcp-tui" / "servers.toml"


def entries(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text("utf-8"))["servers"]


def test_a_command_is_added_and_used(cli: Cli, file: Path) -> None:
    added = cli("config", "add", "stub", "--env", "A=b=c", "--", sys.executable, str(STUB))
    assert (added.code, added.err) == (0, "")
    assert added.out == "added stub in ~/.config/mcp-tui/servers.toml\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert entries(file) == {"stub": {"command": sys.executable, "args": [str(STUB)], "env": {"A": "b=c"}}}
    assert len(cli("tools", "stub", "--json").json["tools"]) == 8
    assert cli("config", "remove", "stub").code == 0
    assert cli("tools", "stub").code == 2


def test_a_url_with_headers_keeps_its_variables(cli: Cli, file: Path) -> None:
    arguments = ("docs", "https://h/sse", "--type", "sse", "--header", "Authorization=Bearer ${TOKEN_X}")
    result = cli("config", "add", *arguments, "--header", "X-A: b", "--disabled", "--json")
    assert result.json == {"added": ["docs"], "file": str(file)}
    assert "${TOKEN_X} is not set" in result.err
    assert entries(file)["docs"] == {
        "type": "sse",
        "url": "https://h/sse",
        "headers": {"Authorization": "Bearer ${TOKEN_X}", "X-A": "b"},
        "disabled": True,
    }


def test_a_secret_in_plain_text_is_warned_about_and_not_printed(cli: Cli, file: Path) -> None:
    secret = "ghp_0123456789abcdefghijkl"
    result = cli("config", "add", "s", "x", "--env", f"KEY={secret}")
    assert result.code == 0
    assert "`env.KEY` of s is stored in plain text" in result.err
    assert secret not in result.out + result.err
    assert entries(file)["s"]["env"] == {"KEY": secret}


@pytest.mark.parametrize(
    "snippet",
    [
        {"httpUrl": "https://h/mcp", "headers": {"A": "b"}},
        {"mcpServers": {"any": {"serverUrl": "https://h/mcp", "headers": {"A": "b"}}}},
        {"servers": {"any": {"type": "http", "url": "https://h/mcp", "headers": {"A": "b"}}}},
    ],
    ids=range(3),
)
def test_a_snippet_of_any_client_is_added(cli: Cli, file: Path, snippet: dict[str, Any]) -> None:
    assert cli("config", "add", "s", "--entry", json.dumps(snippet)).code == 0
    assert entries(file) == {"s": {"url": "https://h/mcp", "headers": {"A": "b"}}}


def test_a_name_that_is_taken_is_kept_unless_told(cli: Cli, file: Path) -> None:
    cli("config", "add", "s", "one")
    refused = cli("config", "add", "s", "two", "--json")
    assert refused.code == 2
    assert refused.error["code"] == "exists"
    assert entries(file)["s"] == {"command": "one"}
    assert cli("config", "add", "s", "two", "--replace").code == 0
    assert entries(file)["s"] == {"command": "two"}


def test_an_entry_that_another_file_shadows_is_said(cli: Cli, file: Path) -> None:
    file.parent.mkdir(parents=True)
    (file.parent / "config.toml").write_text('[servers.s]\ncommand = "mine"\n')
    assert "config.toml:1 comes before" in cli("config", "add", "s", "x").err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("s",), "no command and no URL"),
        (("s", "https://h", "x"), "takes no arguments"),
        (("s", "x", "--env", "novalue"), "NAME=VALUE"),
        (("s", "x", "--type", "http"), "there is no `url`"),
        (("s", "--entry", "{}"), "empty"),
        (("s", "--entry", '{"mcpServers": {"a": {"command": "x"}, "b": {"command": "y"}}}'), "2 servers"),
        (("s", "--entry", "{"), "--entry"),
        (("s", "--entry", '{"command": "x", "comand": "y"}'), "did you mean command?"),
    ],
)
def test_a_bad_entry_is_refused(cli: Cli, file: Path, arguments: tuple[str, ...], words: str) -> None:
    result = cli("config", "add", *arguments)
    assert result.code == 2
    assert words in result.err
    assert not file.exists()


def test_removing_what_is_not_ours_names_the_file(cli: Cli, file: Path) -> None:
    file.parent.mkdir(parents=True)
    (file.parent / "config.toml").write_text('[servers.mine]\ncommand = "x"\n')
    result = cli("config", "remove", "mine")
    assert result.code == 2
    assert "stands at ~/.config/mcp-tui/config.toml:1" in result.err
    assert cli("config", "remove", "nobody").code == 2
