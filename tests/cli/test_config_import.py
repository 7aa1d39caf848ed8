"""config import, copy and show: other clients' servers, listed, copied, and never with a secret printed."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.core.hostile import drawn_safely

SECRET = "ghp_0123456789abcdefghijkl"
CURSOR: dict[str, Any] = {
    "mcpServers": {
        "gh": {"command": "npx", "args": ["-y", "gh", "--token", "hunter2hunter2"], "env": {"GITHUB_TOKEN": SECRET}},
        "docs": {"url": "https://docs.example/mcp", "headers": {"Authorization": "Bearer ${env:DOCS_TOKEN}"}},
        "bad": {"command": 5},
    }
}
VSCODE = {
    "inputs": [{"type": "promptString", "id": "key", "description": "The key", "password": True}],
    "servers": {"vs": {"type": "stdio", "command": "x", "env": {"K": "${input:key}"}}},
}


@pytest.fixture
def home(private_environment: Path) -> Path:
    for name, content in ((".cursor/mcp.json", CURSOR), (".config/Code/User/mcp.json", VSCODE)):
        file = private_environment / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content, indent=1), "utf-8")
    codex = private_environment / ".codex" / "config.toml"
    codex.parent.mkdir()
    codex.write_text('[mcp_servers.docs]\nurl = "https://docs.example/mcp"\nbearer_token_env_var = "DOCS_TOKEN"\n')
    return private_environment


def servers_toml(home: Path) -> dict[str, Any]:
    return tomllib.loads((home / ".config/mcp-tui/servers.toml").read_text("utf-8"))


def test_what_was_found_is_listed_with_where_it_stands(cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCS_TOKEN", "expanded-secret")
    listed = cli("config", "import", "--json")
    assert listed.code == 0
    servers = {(s["client"], s["name"]): s for s in listed.json["servers"]}
    gh, docs = servers["cursor", "gh"], servers["codex", "docs"]
    assert (gh["scope"], gh["transport"]) == ("user", "stdio")
    assert gh["source"] == "~/.cursor/mcp.json:3"
    assert gh["target"] == "npx -y gh --token '***'"
    assert "plain text" in gh["notes"][0]
    assert docs["duplicate_of"].startswith("~/.cursor/mcp.json:")
    assert docs["identical"] is True
    assert "must be a text" in servers["cursor", "bad"]["problem"]["detail"]
    looked = {file["path"]: file["exists"] for file in listed.json["files"]}
    assert looked[str(home / ".cursor/mcp.json")] is True
    assert looked[str(home / ".gemini/settings.json")] is False
    text = cli("config", "import")
    assert text.code == 0
    drawn_safely(text.out)
    assert "same as ~/.cursor/mcp.json" in text.out
    for result in (listed, text):
        assert not any(secret in result.out + result.err for secret in (SECRET, "hunter2", "expanded-secret"))
    assert not (home / ".config/mcp-tui/servers.toml").exists()


def test_one_server_is_copied_with_its_references(cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCS_TOKEN", "expanded-secret")
    before = (home / ".cursor/mcp.json").read_bytes()
    result = cli("config", "import", "cursor", "docs", "--json")
    assert (result.code, result.json["copied"]) == (0, ["docs"])
    assert servers_toml(home) == {"servers": {"docs": CURSOR["mcpServers"]["docs"]}}
    assert (home / ".cursor/mcp.json").read_bytes() == before
    assert "expanded-secret" not in (home / ".config/mcp-tui/servers.toml").read_text()
    again = cli("config", "import", "cursor", "docs")
    assert "has one of this name already" in again.err
    assert cli("config", "import", "codex", "docs", "--replace").code == 0
    headers = servers_toml(home)["servers"]["docs"]["headers"]
    assert headers == {"Authorization": "Bearer ${DOCS_TOKEN}"}


def test_everything_usable_is_copied(cli: Cli, home: Path) -> None:
    result = cli("config", "import", "--write")
    assert result.code == 0
    assert "gh, docs, vs" in result.out
    assert "Server bad" in result.err
    assert "${DOCS_TOKEN} is not set" in result.err
    written = servers_toml(home)
    assert list(written["servers"]) == ["gh", "docs", "vs"]
    assert written["inputs"] == VSCODE["inputs"]
    assert SECRET not in result.out + result.err
    shown = cli("config", "show", "--json").json
    assert shown["inputs"] == [{"id": "key", "servers": ["vs"], "variable": "MCP_TUI_INPUT_KEY"}]


def test_another_server_of_the_same_name_is_not_passed_over_in_silence(cli: Cli, home: Path) -> None:
    codex = home / ".codex" / "config.toml"
    codex.write_text('[mcp_servers.docs]\nurl = "https://docs.example/mcp"\n[mcp_servers.gh]\ncommand = "mine"\n')
    result = cli("config", "import", "--write")
    assert result.code == 0
    assert "~/.codex/config.toml:3 differs from ~/.cursor/mcp.json:3" in result.err
    assert "mcp-tui config import codex gh --replace" in result.err
    assert servers_toml(home)["servers"]["gh"]["command"] == "npx"
    assert cli("config", "import", "codex", "gh", "--replace").code == 0
    assert servers_toml(home)["servers"]["gh"]["command"] == "mine"


def test_servers_of_an_untrusted_project_file_are_not_copied(cli: Cli, home: Path) -> None:
    Path(".mcp.json").write_text('{"mcpServers": {"evil": {"command": "rm"}}}')
    named = cli("config", "import", "claude-code", "evil")
    assert named.code == 3
    assert "would run `rm`" in named.err
    everything = cli("config", "import", "--write")
    assert everything.code == 0
    assert "evil" in everything.err
    assert "evil" not in servers_toml(home)["servers"]
    assert cli("config", "trust", ".mcp.json").code == 0
    assert cli("config", "import", "claude-code", "evil").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("curser",), "did you mean cursor?"),
        (("cursor", "nobody"), "'nobody' was not found"),
        (("cursor", "bad"), "must be a text"),
    ],
)
def test_what_cannot_be_imported_is_said(cli: Cli, home: Path, arguments: tuple[str, ...], words: str) -> None:
    result = cli("config", "import", *arguments)
    assert result.code == 2
    assert words in result.err


def test_nothing_found_is_said(cli: Cli) -> None:
    assert cli("config", "import").out == "no other client has servers here\n"


def test_a_followed_client_is_shown_with_where_it_comes_from(cli: Cli, home: Path) -> None:
    own = home / ".config/mcp-tui/config.toml"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text('[defaults]\nimport = ["cursor", "codex"]\n')
    Path(".mcp.json").write_text('{"mcpServers": {"gh": {"command": "other"}, "new": {"command": "n"}}}')
    shown = cli("config", "show", "--json").json
    assert shown["servers"]["gh"]["from"] == "cursor (user)"
    assert shown["servers"]["new"]["trusted_file"] is False
    assert shown["servers"]["new"]["problem"]["code"] == "needs_trust"
    lost = {(entry["server"], entry["source"].partition(":")[0]): entry["used"] for entry in shown["shadowed"]}
    assert lost["docs", "~/.codex/config.toml"].startswith("~/.cursor/mcp.json:")
    assert any(name == "gh" and source.endswith(".mcp.json") for name, source in lost)
    (untrusted,) = shown["untrusted"]
    assert (untrusted["servers"], untrusted["changed"]) == (["gh", "new"], False)
    assert shown["defaults"]["import"] == ["cursor", "codex"]
    text = cli("config", "show")
    assert "cursor (user), ~/.cursor/mcp.json" in text.out
    assert "is shadowed by ~/.cursor/mcp.json" in text.out
    assert "is not trusted" in text.out
    assert SECRET not in text.out + json.dumps(shown)
    listed = cli("config", "import", "cursor", "--json").json["servers"]
    assert [server["configured"] for server in listed] == [None, None, None]


@pytest.mark.parametrize(
    "shape",
    ["claude", "claude-code", "claude-desktop", "cursor", "vscode", "codex", "cline", "windsurf", "gemini", "mcp-tui"],
)
def test_copy_as_any_shape_prints_that_file_and_no_secret(cli: Cli, home: Path, shape: str) -> None:
    cli("config", "import", "cursor", "--write")
    result = cli("config", "copy", "gh", "--as", shape)
    assert result.code == 0
    document = tomllib.loads(result.out) if shape in ("codex", "mcp-tui") else json.loads(result.out)
    (section,) = (value for key, value in document.items() if key != "inputs")
    assert section["gh"]["command"] == "npx"
    assert SECRET not in result.out + result.err
    assert "hunter2" not in result.out + result.err
    assert "withheld" in result.err
    whole = cli("config", "show", "--as", shape)
    assert whole.code == 0
    assert "gh" in whole.out


def test_a_copy_can_be_read_by_a_script(cli: Cli, stub: str) -> None:
    result = cli("config", "copy", "stub", "--as", "cursor", "--server", stub, "--json")
    assert result.json["servers"] == ["stub"]
    assert json.loads(result.json["text"])["mcpServers"]["stub"]["args"][0].endswith("stub_server.py")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gh", "--as", "cursr"), "did you mean cursor?"),
        (("nobody", "--as", "cursor"), "'nobody' is not configured"),
        (("docs", "--as", "claude-desktop"), "stdio servers only"),
    ],
)
def test_what_cannot_be_copied_is_said(cli: Cli, home: Path, arguments: tuple[str, ...], words: str) -> None:
    cli("config", "import", "cursor", "--write")
    result = cli("config", "copy", *arguments)
    assert result.code == 2
    assert words in result.err


def test_variables_of_the_command_line_are_not_expanded_in_a_copy(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_TOKEN", "expanded-secret")
    result = cli("config", "copy", "s", "--as", "claude", "--server", "s=x --key ${THE_TOKEN} '${B:-two words}'")
    assert json.loads(result.out)["mcpServers"]["s"]["args"] == ["--key", "${THE_TOKEN}", "${B:-two words}"]
