from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mcp_tui.config import paths
from mcp_tui.config.load import load
from mcp_tui.config.schema import Config, ServerSpec
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.state import ApprovalPolicy

_ENVIRON = {"TOKEN": "secret-token", "HOME": "/home/me"}


class Folder:
    """A project folder with configuration files."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> Path:
        file = self.path / name
        file.write_text(text, "utf-8")
        return file

    def load(self, *files: str, servers: tuple[str, ...] = (), environ: dict[str, str] | None = None) -> Config:
        return load([Path(file) for file in files], servers, _ENVIRON if environ is None else environ, self.path)

    def entry(self, value: Any, name: str = "s", environ: dict[str, str] | None = None) -> ServerSpec:
        """The spec of a single mcpServers entry."""
        self.write("one.json", json.dumps({"mcpServers": {name: value}}, indent=1))
        return self.load("one.json", environ=environ).servers[0]

    def refused(self, *files: str, servers: tuple[str, ...] = ()) -> str:
        with pytest.raises(AppError) as caught:
            self.load(*files, servers=servers)
        assert caught.value.info.kind is ErrorKind.USAGE
        return caught.value.info.line()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    path = tmp_path / "project"
    path.mkdir()
    return Folder(path)


def own_file(name: str, text: str) -> Path:
    directory = paths.config_dir()
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / name
    file.write_text(text, "utf-8")
    return file


def test_nothing_configured_is_an_empty_configuration(folder: Folder) -> None:
    assert replace(folder.load(), watched=()) == Config()


@pytest.mark.parametrize("section", ["mcpServers", "servers", "mcp_servers", None])
def test_every_section_of_json_is_accepted(folder: Folder, section: str | None) -> None:
    entries = {"a": {"command": "x"}, "b": {"url": "https://h/mcp"}}
    folder.write("f.json", json.dumps({section: entries} if section else {"$schema": "s", **entries}))
    specs = folder.load("f.json").servers
    assert [(spec.name, spec.transport, spec.problem) for spec in specs] == [("a", "stdio", None), ("b", "http", None)]


def test_jsonc_with_a_bom_keeps_lines(folder: Folder) -> None:
    folder.write("mcp.json", '\ufeff{\n // servers\n "mcpServers": {\n  "a": {"command": "x",},\n },\n}')
    spec = folder.load("mcp.json").servers[0]
    assert spec.origin.line == 4
    assert spec.origin.label.endswith("mcp.json:4")


@pytest.mark.parametrize(
    ("entry", "transport", "try_sse"),
    [
        ({"type": "stdio", "command": "x"}, "stdio", False),
        ({"type": "http", "url": "https://h/sse"}, "http", False),
        ({"type": "sse", "url": "https://h/sse"}, "sse", False),
        ({"type": "streamable-http", "url": "https://h"}, "http", False),
        ({"type": "streamableHttp", "url": "https://h"}, "http", False),
        ({"transport": "sse", "url": "https://h"}, "sse", False),
        ({"url": "https://h/mcp"}, "http", False),
        ({"url": "https://h/sse/"}, "http", True),
        ({"serverUrl": "https://h"}, "http", False),
        ({"httpUrl": "https://h"}, "http", False),
        ({"type": None, "command": "x", "url": None}, "stdio", False),
    ],
)
def test_transport_of_each_shape(folder: Folder, entry: dict[str, Any], transport: str, try_sse: bool) -> None:
    spec = folder.entry(entry)
    assert spec.problem is None
    assert (spec.transport, spec.try_sse) == (transport, try_sse)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("npx x", "must be a table"),
        ({}, "neither `command` nor `url`"),
        ({"comand": "x"}, "`comand` may be meant as `command`"),
        ({"command": "x", "url": "https://h"}, "both `command` and `url`"),
        ({"command": ""}, "`command` is empty"),
        ({"command": 5}, "`command` must be a text, not the number 5"),
        ({"command": "x", "args": "a b"}, "`args` must be a list"),
        ({"command": "x", "args": [None]}, "`args.0` must be a text, not null"),
        ({"command": "x", "env": ["A=1"]}, "`env` must be a table"),
        ({"command": "x", "env": {"A": {}}}, "`env.A` must be a text"),
        ({"command": "x", "env": {"A=B": "1"}}, "no process can have"),
        ({"type": "websocket", "url": "https://h"}, "`websocket` is not known"),
        ({"type": "http", "command": "x"}, "there is no `url`"),
        ({"type": "stdio", "url": "https://h"}, "there is no `command`"),
        ({"url": "ftp://h"}, "must start with http"),
        ({"url": "https://"}, "no host"),
        ({"url": "https://h:port/"}, "not valid"),
        ({"url": "https://h", "headers": {"A b": "c"}}, "HTTP cannot carry"),
        ({"url": "https://h", "headers": {"A": "b\r\nC: d"}}, "HTTP cannot carry"),
        ({"url": "https://h", "headers": {"A": "b\x0b"}}, "HTTP cannot carry"),
        ({"url": "https://h", "headers": {"A": "caf\u00e9"}}, "HTTP cannot carry"),
        ({"url": "https://h", "headers": {"A(B)": "c"}}, "HTTP cannot carry"),
        ({"command": "x", "disabled": "no"}, "`disabled` must be true or false"),
        ({"command": "x", "call_timeout_s": 0}, "positive number"),
        ({"command": "x", "call_timeout_s": True}, "positive number"),
        ({"command": "x", "protocol": "2099-01-01"}, "protocol `2099-01-01`"),
        ({"command": "x", "envFile": "missing.env"}, "missing.env"),
        ({"url": "https://h", "bearer_token_env_var": "NOT_SET"}, "NOT_SET is not set"),
        ({"command": "${NOT_SET}"}, "${NOT_SET} is not set; used by `command` at"),
        ({"command": "x", "env": {"A": "${NOT_SET}"}}, "used by `env.A` at"),
        ({"url": "https://h", "auth": {"secret": ["${NOT_SET}"]}}, "used by `auth.secret.0`"),
        ({"command": "x", "env": {"A": "${input:key}"}}, "MCP_TUI_INPUT_KEY"),
    ],
)
def test_a_bad_entry_is_its_own_problem(folder: Folder, entry: Any, words: str) -> None:
    folder.write("f.json", json.dumps({"mcpServers": {"bad": entry, "good": {"command": "x"}}}, indent=1))
    config = folder.load("f.json")
    bad, good = config.servers
    assert bad.problem is not None
    assert words in bad.problem.line()
    assert bad.problem.title == "Server bad"
    assert bad.problem.kind is ErrorKind.USAGE
    assert "f.json:" in bad.problem.detail
    assert good.problem is None


def test_blanks_around_a_header_are_no_part_of_it(folder: Folder) -> None:
    spec = folder.entry({"url": "https://h", "headers": {"Authorization": "Bearer abc \t", "A": " b c"}})
    assert spec.problem is None
    assert spec.headers == {"Authorization": "Bearer abc", "A": "b c"}


def test_an_unresolved_variable_names_its_own_line(folder: Folder) -> None:
    folder.write("f.json", '{"mcpServers": {"a": {\n"command": "x",\n"env": {\n"K": "${NOT_SET}"}}}}')
    problem = folder.load("f.json").servers[0].problem
    assert problem is not None
    assert problem.detail.endswith("f.json:4")
    assert "set NOT_SET" in problem.hint
    assert problem.code == "unresolved_variable"


def test_variables_are_expanded_everywhere(folder: Folder) -> None:
    spec = folder.entry(
        {"command": "${HOME}/bin/x", "args": ["--t=${TOKEN}", 8080], "env": {"T": "${env:TOKEN}", "N": 1, "B": True},
         "cwd": "${SUB:-sub}"}
    )  # fmt: skip
    assert (spec.command, spec.args) == ("/home/me/bin/x", ("--t=secret-token", "8080"))
    assert spec.env == {"T": "secret-token", "N": "1", "B": "true"}
    assert spec.cwd == str(folder.path / "sub")
    remote = folder.entry({"url": "https://h/${TOKEN}", "headers": {"A": "Bearer ${TOKEN}"}, "auth": {"x": "${TOKEN}"}})
    assert remote.url == "https://h/secret-token"
    assert remote.headers == {"A": "Bearer secret-token"}
    assert remote.auth == {"x": "secret-token"}


def test_secrets_are_not_in_the_repr(folder: Folder) -> None:
    spec = folder.entry({"url": "https://h", "headers": {"A": "${TOKEN}"}, "auth": {"x": "${TOKEN}"}})
    assert "secret-token" not in repr(spec)


def test_codex_toml(folder: Folder) -> None:
    folder.write(
        "codex.toml",
        """
model = "gpt-5"
[mcp_servers.docs]
url = "https://h/mcp"
bearer_token_env_var = "TOKEN"
http_headers = { "X-A" = "1" }
env_http_headers = { "X-B" = "TOKEN" }
startup_timeout_sec = 5
tool_timeout_sec = 7.5
enabled = false
enabled_tools = ["a"]
disabled_tools = ["b"]
[mcp_servers.local]
command = "x"
env_vars = ["TOKEN", "NOT_SET"]
startup_timeout_ms = 2500
""",
    )
    config = folder.load("codex.toml")
    docs, local = config.servers
    assert docs.headers == {"X-A": "1", "X-B": "secret-token", "Authorization": "Bearer secret-token"}
    assert (docs.connect_timeout_s, docs.call_timeout_s, docs.disabled) == (5.0, 7.5, True)
    assert (docs.enabled_tools, docs.disabled_tools) == (("a",), ("b",))
    assert local.env == {"TOKEN": "secret-token"}
    assert local.connect_timeout_s == 2.5
    assert config.problems == ()


def test_other_spellings(folder: Folder) -> None:
    folder.write(".env", "# c\nexport A=1\nB = 'two words'\nnothing\n")
    spec = folder.entry(
        {"type": "local", "command": ["npx", "-y"], "args": ["pkg"], "envFile": ".env", "env": {"A": "over"},
         "includeTools": ["t"], "excludeTools": ["u"], "autoApprove": ["t"], "trust": True}
    )  # fmt: skip
    assert (spec.command, spec.args) == ("npx", ("-y", "pkg"))
    assert spec.env == {"A": "over", "B": "two words"}
    assert (spec.enabled_tools, spec.disabled_tools, spec.trusted) == (("t",), ("u",), False)
    assert folder.entry({"command": "x", "enabled_tools": ["*"]}).enabled_tools is None


def test_server_option(folder: Folder) -> None:
    config = folder.load(
        servers=("time=uvx 'a b' --tz=${ZONE:-UTC}", "docs=https://h/sse", "eq=env A=1 x", "home=~/bin/server")
    )
    time, docs, eq, home = config.servers
    assert (time.command, time.args, time.origin.label) == ("uvx", ("a b", "--tz=UTC"), "command line")
    assert (docs.transport, docs.url, docs.try_sse) == ("http", "https://h/sse", True)
    assert (eq.command, eq.args) == ("env", ("A=1", "x"))
    assert home.command == "/home/me/bin/server"


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("time", "NAME=COMMAND-OR-URL"),
        ("=npx", "NAME=COMMAND-OR-URL"),
        ("a=", "NAME=COMMAND-OR-URL"),
        ("a='open", "split into words"),
        ("a=ws://host", "only http:// and https://"),
        ("a=${NOT_SET}", "is not set"),
        ("a=''", "empty"),
    ],
)
def test_a_bad_server_option_is_refused(folder: Folder, option: str, words: str) -> None:
    assert words in folder.refused(servers=(option,))


def test_the_same_server_option_twice_is_refused(folder: Folder) -> None:
    assert "twice" in folder.refused(servers=("a=x", "a=y"))


def test_first_source_wins_and_the_rest_is_shadowed(folder: Folder) -> None:
    folder.write("one.json", '{"mcpServers": {"a": {"command": "one"}, "b": {"command": "one"}}}')
    folder.write("two.toml", '[servers.b]\ncommand = "two"\n[servers.c]\ncommand = "two"\n[defaults]\ntheme = "two"')
    own = own_file("config.toml", '[servers.c]\ncommand = "own"\n[defaults]\ntheme = "own"\nsystem = "own"')
    added = own_file("servers.toml", '[servers.c]\ncommand = "added"\n[servers.d]\ncommand = "added"')
    config = folder.load("one.json", "two.toml", servers=("a=option",))
    assert {spec.name: spec.command for spec in config.servers} == {"a": "option", "b": "one", "c": "two", "d": "added"}
    assert [name for name, _ in config.shadowed] == ["a", "b", "c", "c"]
    assert config.shadowed[2][1].endswith("config.toml:1")
    assert config.sources == (folder.path / "one.json", folder.path / "two.toml", own, added)
    assert (config.defaults.theme, config.defaults.system) == ("two", "own")


def test_own_file_with_everything(folder: Folder) -> None:
    own_file(
        "config.toml",
        """
[providers.local]
format = "openai-chat"
base_url = "http://127.0.0.1:8000/v1"
api_key = "${TOKEN}"
models = ["m"]
[providers.broken]
api_key = "${NOT_SET}"
[providers.wrong]
format = "openai-chats"
[defaults]
models = "local/m"
approval = "readonly"
max_steps = 3
[keys]
quit = "ctrl+x"
send = ["f5", "ctrl+s"]
""",
    )
    config = folder.load()
    local, broken, wrong = config.providers
    assert (local.format, local.api_key, local.models) == ("openai-chat", "secret-token", ("m",))
    assert local.origin.line == 2
    assert broken.problem is not None
    assert "NOT_SET" in broken.problem.detail
    assert wrong.problem is not None
    assert wrong.problem.hint == "did you mean openai-chat?"
    assert config.defaults.models == ("local/m",)
    assert config.defaults.approval is ApprovalPolicy.READONLY
    assert config.defaults.max_steps == 3
    assert config.keys == {"quit": "ctrl+x", "send": "f5,ctrl+s"}
    assert config.problems == ()


def test_unknown_keys_are_reported_with_the_closest_match(folder: Folder) -> None:
    own_file(
        "config.toml",
        '[server.x]\ncommand = "x"\n[defaults]\nmodles = []\napproval = "always"\nmax_steps = 0\n[keys]\nquit = 1\n'
        '[servers.a]\ncommand = "x"\ntrust = true\n[providers.p]\nurl = "x"\n',
    )
    config = folder.load()
    lines = [problem.line() for problem in config.problems]
    assert any("`server` at" in line and "config.toml:1" in line and "did you mean servers?" in line for line in lines)
    assert any("`defaults.modles`" in line and "did you mean models?" in line for line in lines)
    assert any("approval `always` is not known" in line for line in lines)
    assert any("max_steps" in line for line in lines)
    assert any("keys.quit" in line for line in lines)
    assert any("`servers.a.trust`" in line and "did you mean trusted?" in line for line in lines)
    assert any("`providers.p.url`" in line for line in lines)
    assert config.servers[0].problem is None
    assert config.defaults.max_steps == 12


def test_duplicate_keys_are_reported_with_both_lines(folder: Folder) -> None:
    folder.write("f.json", '{"mcpServers": {\n"a": {"command": "x"},\n"a": {"command": "y"}}}')
    config = folder.load("f.json")
    assert config.servers[0].command == "y"
    assert "f.json:3, first at line 2" in config.problems[0].detail


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("f.json", '{"mcpServers": {\n  "a" }', "f.json:2:7: a colon"),
        ("f.json", "", "f.json:1:1"),
        ("f.toml", "[servers.a]\ncommand = \n", "f.toml:2:11"),
        ("f.json", '{"other": 1}', "no section"),
        ("f.toml", "other = 1", "no section"),
        ("f.json", '{"mcpServers": []}', "must be a table of servers"),
        ("f", '{"mcpServers": {\n"a" 1}}', "f:2:5"),
        ("f", "[servers.a]\ncommand", "f:2:"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_place(folder: Folder, name: str, text: str, words: str) -> None:
    folder.write(name, text)
    assert words in folder.refused(name)


def test_a_missing_or_unreadable_file_is_refused(folder: Folder) -> None:
    assert "missing.json does not exist" in folder.refused("missing.json")
    assert "Is a directory" in folder.refused(".")
    (folder.path / "latin.json").write_bytes(b'{\n"a": "\xe9"}')
    assert "latin.json:2: is no UTF-8" in folder.refused("latin.json")


@pytest.mark.parametrize("name", ["config.toml", "servers.toml"])
def test_an_unparsable_own_file_is_refused_with_its_line(folder: Folder, name: str) -> None:
    own_file(name, '[servers.a]\ncommand = "x"\n[servers.b\n')
    assert f"{name}:3" in folder.refused()


def test_hostile_names_are_clean_in_problems(folder: Folder) -> None:
    spec = folder.entry({"command": "${\x1b]0;x\x07}"}, name="a\x1b[31m\n[/x]")
    assert spec.problem is not None
    assert "\x1b" not in spec.problem.line()
    assert "\n" not in spec.problem.line()


def test_relative_config_file_is_under_the_given_directory(folder: Folder) -> None:
    (folder.path / "sub").mkdir()
    folder.write("sub/f.json", '{"mcpServers": {}}')
    assert folder.load("sub/f.json").sources == (folder.path / "sub/f.json",)
