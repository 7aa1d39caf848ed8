"""Merging clients that are followed: precedence, duplicates, files that cannot be read."""

from __future__ import annotations

import os

from tests.config.conftest import Machine, named


def entry(command: str) -> dict[str, dict[str, dict[str, str]]]:
    return {"mcpServers": {"same": {"command": command}}}


def test_imported_clients_come_last_and_in_the_order_given(machine: Machine) -> None:
    machine.write(".cursor/mcp.json", entry("cursor"))
    machine.write(".codeium/windsurf/mcp_config.json", entry("windsurf"))
    machine.own('[defaults]\nimport = ["windsurf", "cursor"]')
    config = machine.load()
    assert [spec.command for spec in config.servers] == ["windsurf"]
    assert [(name, label.partition(":")[0]) for name, label in config.shadowed] == [("same", "~/.cursor/mcp.json")]
    machine.own('[servers.same]\ncommand = "added"', "servers.toml")
    config = machine.load()
    assert [spec.command for spec in config.servers] == ["added"]
    assert len(config.shadowed) == 2


def test_nothing_is_imported_unasked(machine: Machine) -> None:
    machine.write(".cursor/mcp.json", entry("cursor"))
    assert machine.load().servers == ()


def test_an_unknown_client_is_a_problem_and_the_others_count(machine: Machine) -> None:
    machine.write(".cursor/mcp.json", entry("cursor"))
    machine.own('[defaults]\nimport = ["curser", "cursor"]')
    config = machine.load()
    assert config.defaults.imports == ("cursor",)
    assert named(config, "same").command == "cursor"
    assert "did you mean cursor?" in config.problems[0].line()
    assert "config.toml:2" in config.problems[0].detail


def test_a_single_client_may_be_a_text(machine: Machine) -> None:
    machine.own('[defaults]\nimport = "cursor"')
    assert machine.load().defaults.imports == ("cursor",)


def test_a_foreign_file_that_cannot_be_parsed_is_a_problem_of_its_own(machine: Machine) -> None:
    broken = machine.write(".cursor/mcp.json", '{"mcpServers": {\n"a" }')
    machine.write(".codeium/windsurf/mcp_config.json", entry("windsurf"))
    machine.own('[defaults]\nimport = ["cursor", "windsurf"]')
    config = machine.load()
    assert named(config, "same").command == "windsurf"
    assert [path for path, _ in config.unreadable] == [broken]
    assert "mcp.json:2:5" in config.problems[0].detail


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(machine: Machine) -> None:
    (machine.home / ".cursor").mkdir()
    os.mkfifo(machine.home / ".cursor" / "mcp.json")
    machine.own('[defaults]\nimport = ["cursor"]')
    assert "no regular file" in machine.load().problems[0].detail


def test_one_bad_entry_never_drops_the_rest(machine: Machine) -> None:
    servers = {"bad": {"command": 5}, "worse": "npx", "both": {"command": "x", "url": "y"}, "good": {"command": "g"}}
    machine.write(".cursor/mcp.json", {"mcpServers": servers})
    machine.own('[defaults]\nimport = ["cursor"]')
    config = machine.load()
    assert [spec.name for spec in config.servers if spec.problem is None] == ["good"]
    assert len(config.servers) == 4


def test_findings_name_duplicates_and_whether_they_say_the_same(machine: Machine) -> None:
    remote = {"url": "https://h/mcp", "headers": {"Authorization": "Bearer ${env:TOKEN}"}}
    machine.write(".cursor/mcp.json", {"mcpServers": {"docs": remote, "time": {"command": "uvx"}}})
    machine.write(
        ".codex/config.toml",
        '[mcp_servers.docs]\nurl = "https://h/mcp"\nbearer_token_env_var = "TOKEN"\n'
        '[mcp_servers.time]\ncommand = "npx"\n',
    )
    codex = {f.spec.name: f for f in machine.find().servers if f.spec.origin.client == "codex"}
    assert codex["docs"].identical
    assert not codex["time"].identical
    assert codex["time"].duplicate_of.startswith("~/.cursor/mcp.json:")


def test_findings_expand_nothing_and_mask_secrets(machine: Machine) -> None:
    servers = {
        "a": {"command": "x", "args": ["--api-key", "abc123", "${TOKEN}"], "env": {"KEY": "ghp_0123456789abcdefghijkl"}}
    }
    machine.write(".cursor/mcp.json", {"mcpServers": servers})
    (finding,) = machine.find("cursor").servers
    assert finding.target == "x --api-key '***' '${TOKEN}'"
    assert finding.spec.entry == servers["a"]
    assert "plain text" in finding.notes[0]
    assert "ghp_" not in str(finding.notes)


def test_a_variable_that_is_not_set_is_the_problem_of_that_server_only(machine: Machine) -> None:
    servers = {"a": {"command": "x", "args": ["${NOT_SET}"]}, "b": {"command": "y"}}
    machine.write(".cursor/mcp.json", {"mcpServers": servers})
    machine.own('[defaults]\nimport = ["cursor"]')
    config = machine.load()
    a, b = named(config, "a"), named(config, "b")
    assert a.problem is not None
    assert a.problem.code == "unresolved_variable"
    assert (a.command, a.args) == ("x", ("${NOT_SET}",))
    assert b.problem is None


def test_what_decides_the_configuration_is_watched(machine: Machine) -> None:
    machine.write(".cursor/mcp.json", {"mcpServers": {"a": {"command": "x", "envFile": "a.env"}}})
    machine.own('[defaults]\nimport = ["cursor"]')
    config = machine.load()
    for file in (
        machine.home / ".config/mcp-tui/config.toml",
        machine.home / ".config/mcp-tui/servers.toml",
        machine.home / ".local/state/mcp-tui/trusted.json",
        machine.home / ".cursor/mcp.json",
        machine.project / ".mcp.json",
        machine.project / "a.env",
    ):
        assert file in config.watched
