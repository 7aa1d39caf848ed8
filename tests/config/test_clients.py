"""Configuration of other clients, as each of them writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mcp_tui.config.clients.places import CLIENTS, Places, client_files, identify
from mcp_tui.config.schema import ServerSpec
from tests.config.conftest import Machine, facts, named

DESKTOP = {
    "globalShortcut": "Ctrl+Space",
    "mcpServers": {
        "filesystem": {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "/data"]},
        "sqlite": {"command": "uvx", "args": ["mcp-server-sqlite"], "env": {"DB_PATH": "/data/a.db"}},
    },
}
CODE_USER: dict[str, Any] = {
    "numStartups": 12,
    "mcpServers": {
        "everywhere": {"type": "stdio", "command": "user-server", "args": [], "env": {}},
        "sentry": {"type": "http", "url": "https://mcp.sentry.dev/mcp", "timeout": 45000},
        "old": {"type": "sse", "url": "https://old.example/sse", "headers": {"X-Key": "${TOKEN}"}},
    },
}
CURSOR = """{
  // Cursor: a URL without a type
  "mcpServers": {
    "linear": {
      "url": "https://mcp.linear.app/sse",
      "headers": {"Authorization": "Bearer ${env:TOKEN}"},
      "auth": {"CLIENT_ID": "abc", "CLIENT_SECRET": "${env:TOKEN}", "scopes": ["read", "write"]},
    },
    "local": {
      "command": "${userHome}/bin/server",
      "args": ["--root", "${workspaceFolder}"],
      "envFile": "${userHome}/cursor.env",
    },
  },
}
"""
VSCODE = """{
  "inputs": [
    {"type": "promptString", "id": "api-key", "description": "Key of the service", "password": true},
    {"type": "pickString", "id": "region", "options": ["eu", {"label": "US", "value": "us"}], "default": "eu"},
  ],
  "servers": {
    "remote": {"type": "http", "url": "https://h/mcp", "headers": {"X-Key": "${input:api-key}"}},
    "plain": {"type": "stdio", "command": "node", "args": ["s.js"], "env": {"GONE": null, "A": "1"},
              "envFile": "${workspaceFolder}/.env", "dev": {"watch": "src/**"}},
  },
}
"""
CODEX = """
model = "gpt-5-codex"
approval_policy = "on-request"

[mcp_servers.docs]
url = "https://docs.example/mcp"
bearer_token_env_var = "TOKEN"
http_headers = { "X-Region" = "eu" }
env_http_headers = { "X-Token" = "TOKEN" }
tool_timeout_sec = 45

[mcp_servers.time]
command = "uvx"
args = ["mcp-server-time"]
env = { "TZ" = "UTC" }
env_vars = ["TOKEN", { name = "PATH", source = "local" }]
startup_timeout_sec = 20
enabled_tools = ["now"]
disabled_tools = ["later"]

[mcp_servers.off]
command = "x"
enabled = false

[mcp_servers.wrong]
command = 7
"""
CLINE = {
    "mcpServers": {
        "web": {"type": "streamableHttp", "url": "https://h/mcp", "timeout": 120, "autoApprove": ["search"]},
        "files": {"command": "node", "args": ["x.js"], "disabled": True, "alwaysAllow": ["read"]},
    }
}
WINDSURF = {
    "mcpServers": {
        "figma": {"serverUrl": "https://figma.example/mcp", "headers": {"Authorization": "Bearer ${env:TOKEN}"}},
        "git": {"command": "uvx", "args": ["mcp-server-git"], "disabledTools": ["push"], "disabled": False},
    }
}
GEMINI = {
    "theme": "Dracula",
    "mcpServers": {
        "http": {"httpUrl": "https://h/mcp", "headers": {"X-Key": "$TOKEN"}, "timeout": 5000, "trust": True},
        "sse": {"url": "https://h/events"},
        "local": {"command": "python", "args": ["-m", "s"], "env": {"K": "$TOKEN", "L": "${TOKEN}"}, "cwd": "./sub",
                  "includeTools": ["a"], "excludeTools": ["b"]},
        "oauth": {"httpUrl": "https://o/mcp", "oauth": {"enabled": True, "clientId": "id", "scopes": ["a", "b"]}},
    },
}  # fmt: skip


def imported(machine: Machine, client: str) -> dict[str, ServerSpec]:
    machine.own(f'[defaults]\nimport = ["{client}"]')
    config = machine.load()
    assert config.problems == ()
    return {spec.name: spec for spec in config.servers}


def test_claude_desktop(machine: Machine) -> None:
    machine.write(".config/Claude/claude_desktop_config.json", DESKTOP)
    specs = imported(machine, "claude-desktop")
    assert facts(specs["filesystem"], "command", "args") == (
        "npx", ("-y", "@modelcontextprotocol/server-filesystem", "/data"),
    )  # fmt: skip
    assert specs["sqlite"].env == {"DB_PATH": "/data/a.db"}
    assert (specs["sqlite"].origin.client, specs["sqlite"].origin.scope) == ("claude-desktop", "user")
    assert specs["sqlite"].origin.label == "~/.config/Claude/claude_desktop_config.json:12"


def test_claude_code_scopes_local_before_project_before_user(machine: Machine) -> None:
    state: dict[str, Any] = {
        **CODE_USER,
        "projects": {
            str(machine.project): {"mcpServers": {"everywhere": {"command": "local-server"}}},
            "/elsewhere": {"mcpServers": {"foreign": {"command": "x"}}},
        },
    }
    machine.write(".claude.json", state)
    machine.write(".claude/settings.json", {"model": "opus", "mcpServers": {"settings": {"command": "s"}}})
    project = {"mcpServers": {"everywhere": {"command": "project-server"}, "shared": {"command": "p"}}}
    machine.write("project/.mcp.json", project)
    found = machine.find("claude-code").servers
    named_everywhere = [(f.spec.command, f.spec.origin.scope) for f in found if f.spec.name == "everywhere"]
    assert named_everywhere == [("local-server", "local"), ("project-server", "project"), ("user-server", "user")]
    assert "foreign" not in {f.spec.name for f in found}
    specs = imported(machine, "claude-code")
    assert specs["everywhere"].command == "local-server"
    assert facts(specs["sentry"], "transport", "url", "call_timeout_s") == ("http", "https://mcp.sentry.dev/mcp", 45.0)
    assert facts(specs["old"], "transport", "headers") == ("sse", {"X-Key": "tok-very-secret"})
    assert specs["settings"].command == "s"
    assert specs["shared"].needs_trust


def test_claude_code_expands_only_braces(machine: Machine) -> None:
    entry = {"command": "$TOKEN", "args": ["${TOKEN}", "${NOT_SET:-d}", "$HOME"], "env": {"A": "x${TOKEN}"}}
    machine.write(".claude.json", {"mcpServers": {"s": entry}})
    (spec,) = imported(machine, "claude-code").values()
    assert facts(spec, "command", "args") == ("$TOKEN", ("tok-very-secret", "d", "$HOME"))
    assert spec.env == {"A": "xtok-very-secret"}


def test_a_timeout_claude_code_ignores_is_ignored(machine: Machine) -> None:
    machine.write(".claude.json", {"mcpServers": {"s": {"type": "http", "url": "https://h", "timeout": 500}}})
    assert imported(machine, "claude-code")["s"].call_timeout_s == 120.0


def test_a_moved_claude_code_folder(machine: Machine) -> None:
    machine.environ["CLAUDE_CONFIG_DIR"] = str(machine.home / "elsewhere")
    machine.write("elsewhere/.claude.json", {"mcpServers": {"s": {"command": "x"}}})
    assert imported(machine, "claude-code")["s"].command == "x"


def test_cursor(machine: Machine) -> None:
    machine.write(".cursor/mcp.json", CURSOR)
    machine.write("cursor.env", "KEY='from file'\n")
    specs = imported(machine, "cursor")
    linear, local = specs["linear"], specs["local"]
    assert facts(linear, "transport", "try_sse", "headers") == (
        "http", True, {"Authorization": "Bearer tok-very-secret"},
    )  # fmt: skip
    assert linear.auth == {"client_id": "abc", "client_secret": "tok-very-secret", "scope": "read write"}
    assert facts(local, "command", "args") == (
        f"{machine.home}/bin/server", ("--root", str(machine.project)),
    )  # fmt: skip
    assert local.env == {"KEY": "from file"}
    assert local.origin.line == 9


def test_vscode(machine: Machine) -> None:
    machine.write(".config/Code/User/mcp.json", VSCODE)
    machine.write("project/.env", "B=2\n")
    machine.environ["MCP_TUI_INPUT_API_KEY"] = "answered"
    specs = imported(machine, "vscode")
    assert facts(specs["remote"], "transport", "headers") == ("http", {"X-Key": "answered"})
    assert specs["plain"].env == {"A": "1", "B": "2"}


def test_codex(machine: Machine) -> None:
    machine.write(".codex/config.toml", CODEX)
    specs = imported(machine, "codex")
    docs, time = specs["docs"], specs["time"]
    assert facts(docs, "url", "call_timeout_s") == ("https://docs.example/mcp", 45.0)
    assert docs.headers == {"X-Region": "eu", "X-Token": "tok-very-secret", "Authorization": "Bearer tok-very-secret"}
    assert time.env == {"TZ": "UTC", "TOKEN": "tok-very-secret", "PATH": "/bin"}
    assert facts(time, "connect_timeout_s", "enabled_tools", "disabled_tools") == (20.0, ("now",), ("later",))
    assert specs["off"].disabled
    assert specs["wrong"].problem is not None
    assert "config.toml:26" in specs["wrong"].problem.detail


def test_a_codex_file_without_servers_is_no_fault(machine: Machine) -> None:
    machine.write(".codex/config.toml", 'model = "gpt-5"')
    assert imported(machine, "codex") == {}


@pytest.mark.parametrize(
    "place",
    [
        ".cline/data/settings/cline_mcp_settings.json",
        ".config/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
        ".config/Cursor/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
    ],
)
def test_cline(machine: Machine, place: str) -> None:
    machine.write(place, CLINE)
    specs = imported(machine, "cline")
    assert facts(specs["web"], "transport", "call_timeout_s", "trusted") == ("http", 120.0, False)
    assert specs["files"].disabled
    notes = [note for finding in machine.find("cline").servers for note in finding.notes]
    assert len(notes) == 2
    assert all("approvals of other clients" in note for note in notes)


def test_windsurf(machine: Machine) -> None:
    machine.write(".codeium/windsurf/mcp_config.json", WINDSURF)
    specs = imported(machine, "windsurf")
    assert facts(specs["figma"], "transport", "url") == ("http", "https://figma.example/mcp")
    assert specs["figma"].headers == {"Authorization": "Bearer tok-very-secret"}
    assert facts(specs["git"], "disabled_tools", "disabled") == (("push",), False)


def test_gemini(machine: Machine) -> None:
    machine.write(".gemini/settings.json", GEMINI)
    specs = imported(machine, "gemini")
    assert facts(specs["http"], "transport", "try_sse", "call_timeout_s", "trusted") == ("http", False, 5.0, False)
    assert specs["http"].headers == {"X-Key": "tok-very-secret"}
    assert facts(specs["sse"], "transport", "try_sse") == ("http", True)
    assert specs["local"].env == {"K": "tok-very-secret", "L": "tok-very-secret"}
    assert facts(specs["local"], "cwd", "enabled_tools", "disabled_tools") == (
        str(machine.project / "sub"), ("a",), ("b",),
    )  # fmt: skip
    assert specs["oauth"].auth == {"client_id": "id", "scope": "a b"}


@pytest.mark.parametrize(
    ("platform", "client", "expected"),
    [
        ("darwin", "claude-desktop", "/h/Library/Application Support/Claude/claude_desktop_config.json"),
        ("darwin", "vscode", "/h/Library/Application Support/Code/User/mcp.json"),
        ("win32", "claude-desktop", "/roaming/Claude/claude_desktop_config.json"),
        ("win32", "vscode", "/roaming/Code - Insiders/User/mcp.json"),
        ("linux", "claude-desktop", "/h/.config/Claude/claude_desktop_config.json"),
        ("linux", "cursor", "/h/.cursor/mcp.json"),
        ("linux", "windsurf", "/h/.codeium/windsurf/mcp_config.json"),
        ("linux", "codex", "/codex/config.toml"),
        ("linux", "gemini", "/h/.gemini/settings.json"),
        ("linux", "claude-code", "/h/.claude.json"),
    ],
)
def test_places_of_each_platform(platform: str, client: str, expected: str) -> None:
    environ = {"HOME": "/h", "CODEX_HOME": "/codex", **({"APPDATA": "/roaming"} if platform == "win32" else {})}
    places = Places(Path("/h"), Path("/work"), environ, platform)
    assert Path(expected) in {file.path for file in client_files(client, places)}


def test_every_client_has_a_file_for_its_user() -> None:
    places = Places(Path("/h"), Path("/work"), {}, "linux")
    for client in CLIENTS:
        assert any(file.scope == "user" for file in client_files(client, places))


def test_a_file_named_on_the_command_line_is_known_by_its_name(machine: Machine) -> None:
    file = machine.write("backup/.gemini/settings.json", GEMINI)
    spec = named(machine.load(str(file)), "http")
    assert facts(spec, "call_timeout_s", "headers") == (5.0, {"X-Key": "tok-very-secret"})
    assert identify(Path("a/settings.json")) == ""


def test_local_scope_of_a_named_claude_code_file(machine: Machine) -> None:
    state = {"projects": {str(machine.project): {"mcpServers": {"mine": {"command": "x"}}}}, "mcpServers": {}}
    file = machine.write("backup/.claude.json", state)
    assert named(machine.load(str(file)), "mine").command == "x"


def test_a_foreign_file_cannot_grant_itself_trust(machine: Machine) -> None:
    entry = {"command": "x", "trusted": True, "inherit_env": True}
    machine.write(".cursor/mcp.json", {"mcpServers": {"s": entry}})
    assert facts(imported(machine, "cursor")["s"], "trusted", "inherit_env") == (False, False)


def test_a_very_large_state_file_is_read_without_lines(machine: Machine) -> None:
    machine.write(".claude.json", json.dumps({**CODE_USER, "history": ["x" * 1000] * 700}))
    spec = imported(machine, "claude-code")["sentry"]
    assert (spec.url, spec.origin.line) == ("https://mcp.sentry.dev/mcp", None)


def test_reading_writes_no_foreign_file(machine: Machine) -> None:
    for name, content in (
        (".config/Claude/claude_desktop_config.json", DESKTOP),
        (".claude.json", CODE_USER),
        (".cursor/mcp.json", CURSOR),
        (".config/Code/User/mcp.json", VSCODE),
        (".codex/config.toml", CODEX),
        (".codeium/windsurf/mcp_config.json", WINDSURF),
        (".gemini/settings.json", GEMINI),
        ("project/.mcp.json", DESKTOP),
    ):
        machine.write(name, content)
    before = machine.files()
    machine.own(f"[defaults]\nimport = {list(CLIENTS)}")
    machine.load()
    machine.find()
    assert machine.files() == before
