"""Commands against a real child process."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.cli.conftest import STUB, Cli
from tests.core.hostile import drawn_safely


@pytest.fixture
def unauthorized() -> Iterator[str]:
    """The address of an HTTP server that answers 401 to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815  the name is the library's

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the library's
            """Nothing: stderr is under test."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/mcp"
    server.shutdown()
    thread.join()
    server.server_close()


def _closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_lists_keep_wire_keys_and_name_the_server(cli: Cli, stub: str) -> None:
    tools = cli("--server", stub, "tools", "--json")
    assert tools.code == 0
    echo = next(tool for tool in tools.json["tools"] if tool["name"] == "echo")
    assert echo["server"] == "stub"
    assert echo["inputSchema"]["properties"]["level"] == {"enum": ["low", "high"]}
    assert echo["annotations"] == {"readOnlyHint": True}
    resources = cli("resources", "stub", "--server", stub, "--json").json
    assert resources["resources"][1] == {"uri": "stub://bytes", "name": "bytes", "size": 3, "server": "stub"}
    assert resources["resourceTemplates"][0]["uriTemplate"] == "stub://{id}"
    prompts = cli("prompts", "stub", "--server", stub, "--json").json["prompts"]
    assert prompts[0]["arguments"][0] == {"name": "who", "required": True}


@pytest.mark.parametrize("command", ["servers", "tools", "resources", "prompts"])
def test_text_lists_are_clean(cli: Cli, stub: str, command: str) -> None:
    result = cli(command, "--server", stub)
    assert (result.code, result.err) == (0, "")
    drawn_safely(result.out)
    assert "stub" in result.out


def test_a_tool_with_a_hostile_name_and_description_is_listed_and_called(cli: Cli, stub: str) -> None:
    listed = cli("tools", "--server", stub)
    assert "a[/x]b" in listed.out
    told = "! 4 hidden characters: ⟨U+001B⟩]52;c;cm0gLXJmIH4K⟨U+0007⟩steals⟨U+001B⟩[2J the clipboard⟨U+202E⟩"
    assert told in listed.out
    called = cli("call", "stub", "a[/x]b", "--server", stub)
    assert (called.code, called.out) == (0, "called a[/x]b\n")


def test_server_states_are_data(cli: Cli, stub: str) -> None:
    result = cli("servers", "--server", stub, "--server", "gone=/no/such/program", "--json")
    assert result.code == 0
    good, gone = result.json["servers"]
    assert (good["status"], good["tools"], good["error"]) == ("ready", 8, None)
    assert good["serverInfo"] == {"name": "stub", "version": "1"}
    assert gone["status"] == "failed"
    assert "/no/such/program" in gone["error"]["detail"]


def test_call_reads_values_by_the_schema(cli: Cli, stub: str) -> None:
    pairs = ("text=5", "number=5", "flag=yes", "level=low", "tags=a,b", 'deep:={"k": null}')
    result = cli("call", "stub", "echo", *pairs, "--server", stub, "--json")
    assert result.code == 0
    assert json.loads(result.json["content"][0]["text"]) == {
        "text": "5", "number": 5, "flag": True, "level": "low", "tags": ["a", "b"], "deep": {"k": None}
    }  # fmt: skip


def test_call_prints_clean_text_and_describes_media(cli: Cli, stub: str, tmp_path: Path) -> None:
    nasty = cli("call", "stub", "nasty", "--server", stub)
    assert nasty.out == "one\ttab\nsteals the clipboard\n"
    media = cli("call", "stub", "media", "--server", stub)
    assert media.out.splitlines() == [
        "[image: image/png, 8 B; --output FILE saves it]",
        "[link bytes <stub://bytes>]",
        "[resource stub://x]",
        "inside",
        "caption",
    ]
    saved = cli("call", "stub", "media", "--server", stub, "--output", str(tmp_path / "picture.png"))
    assert saved.code == 0
    assert (tmp_path / "picture.png").read_bytes() == b"\x89PNG\r\n\x1a\n"


def test_a_tool_error_is_exit_code_5_with_its_result(cli: Cli, stub: str) -> None:
    as_json = cli("call", "stub", "fails", "--server", stub, "--json")
    assert as_json.code == 5
    assert as_json.json["isError"] is True
    as_text = cli("call", "stub", "fails", "--server", stub)
    assert (as_text.code, as_text.out) == (5, "no such row\n")


def test_questions_are_declined_filled_or_answered(cli: Cli, stub: str) -> None:
    declined = cli("call", "stub", "ask", "--server", stub)
    assert json.loads(declined.out) == {"action": "decline"}
    assert "stub asks: Sure?" in declined.err
    drawn_safely(declined.err)
    filled = cli("call", "stub", "ask", "--server", stub, "--elicit", "defaults")
    assert json.loads(filled.out) == {"action": "accept", "content": {"age": 18, "name": "Ada"}}
    given = cli("call", "stub", "ask", "--server", stub, "--elicit", '{"age": 40}')
    assert json.loads(given.out) == {"action": "accept", "content": {"age": 40}}


def test_read_prints_or_saves(cli: Cli, stub: str, tmp_path: Path) -> None:
    text = cli("read", "stub", "stub://nasty", "--server", stub)
    assert text.out == "first\nsteals the clipboard\n"
    assert cli("read", "stub", "stub://nasty", "--server", stub, "--json").json["contents"][0]["uri"] == "stub://nasty"
    target = tmp_path / "out.bin"
    saved = cli("read", "stub", "stub://bytes", "--server", stub, "--output", str(target))
    assert (saved.code, saved.out) == (0, "")
    assert target.read_bytes() == b"\x00\x01\x02"


def test_prompt_with_arguments(cli: Cli, stub: str) -> None:
    result = cli("prompt", "stub", "greet", "who=Ada", "--args", '{"how": "loud"}', "--server", stub, "--json")
    assert json.loads(result.json["messages"][0]["content"]["text"]) == {"how": "loud", "who": "Ada"}
    missing = cli("prompt", "stub", "greet", "--server", stub)
    assert missing.code == 2
    assert "missing: who" in missing.err


def test_only_the_named_server_is_started(cli: Cli, stub: str, tmp_path: Path, trace: Callable[[], list[str]]) -> None:
    other = tmp_path / "other.txt"
    result = cli("call", "b", "echo", "--server", stub, "--server", f"b={sys.executable} {STUB} {other}")
    assert result.code == 0
    assert "tools/call" in other.read_text("utf-8")
    assert trace() == []


def test_one_failing_server_leaves_the_others(cli: Cli, stub: str, unauthorized: str) -> None:
    servers = ("--server", stub, "--server", f"shut={unauthorized}")
    result = cli("tools", *servers, "--json")
    assert len(result.json["tools"]) == 8
    assert result.code == 3
    assert result.error["kind"] == "auth"
    assert "shut" in result.error["title"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("tools", "nobody"), 2, "Unknown server: 'nobody' is not configured"),
        (("tools", "stubb"), 2, "did you mean stub?"),
        (("call", "stub", "ecko"), 2, "Unknown tool: stub has no tool 'ecko' (did you mean echo?)"),
        (("call", "stub", "echo", "number=x"), 2, "number must be a whole number"),
        (("call", "stub", "echo", "--args", "{"), 2, "--args is not valid JSON"),
        (("call", "stub", "echo", "--elicit", "[]"), 2, "--elicit"),
        (("call", "stub", "echo", "--timeout", "0"), 2, "--timeout"),
        (("call", "stub"), 2, "Missing argument 'TOOL'"),
        (("prompt", "stub", "greed", "who=x"), 2, "did you mean greet?"),
        (("tolls",), 2, "did you mean tools?"),
        (("tools", "--jsno"), 2, "--jsno"),
        (("tools", "--config", "missing.json"), 2, "missing.json does not exist"),
        (("tools", "--server", "x"), 2, "NAME=COMMAND-OR-URL"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(
    cli: Cli, stub: str, arguments: tuple[str, ...], code: int, words: str
) -> None:
    result = cli("--server", stub, *arguments)
    assert result.code == code
    assert words in result.err
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    assert result.out == ""
    as_json = cli("--server", stub, *arguments, "--json")
    assert as_json.code == code
    assert as_json.error["exit_code"] == code
    assert as_json.out == ""


def test_malformed_configuration_names_file_line_and_column(cli: Cli) -> None:
    Path("mcp.json").write_text('{"mcpServers": {\n  "a" {}}}', "utf-8")
    result = cli("tools", "--config", "mcp.json")
    assert result.code == 2
    assert "mcp.json:2:7: a colon is expected" in result.err


def test_a_bad_entry_is_refused_by_name_and_harms_no_other(cli: Cli, stub: str) -> None:
    Path("mcp.json").write_text('{"mcpServers": {\n "bad": {"command": "x", "env": {"A": "${NOT_SET}"}}}}', "utf-8")
    source = ("--config", "mcp.json", "--server", stub)
    alone = cli("call", "bad", "echo", *source)
    assert alone.code == 2
    assert "${NOT_SET} is not set; used by `env.A` at" in alone.err
    everything = cli("tools", *source, "--json")
    assert (everything.code, len(everything.json["tools"])) == (2, 8)
    assert cli("tools", "stub", *source).code == 0


def test_missing_command_and_unreachable_url_are_exit_code_4(cli: Cli) -> None:
    missing = cli("tools", "x", "--server", "x=/no/such/program")
    assert (missing.code, missing.out) == (4, "")
    assert "/no/such/program" in missing.err
    unreachable = cli("call", "x", "echo", "--server", f"x=http://127.0.0.1:{_closed_port()}/mcp", "--json")
    assert (unreachable.code, unreachable.out) == (4, "")
    assert unreachable.error["kind"] == "unreachable"


def test_sign_in_needed_is_exit_code_3(cli: Cli, unauthorized: str) -> None:
    result = cli("tools", "x", "--server", f"x={unauthorized}")
    assert result.code == 3
    assert result.err.startswith("error: ")


def test_a_deadline_ends_a_call(cli: Cli, stub: str) -> None:
    result = cli("call", "stub", "hang", "--timeout", "0.3", "--server", stub, "--json")
    assert result.code == 4
    assert result.error["code"] == "timeout"


def test_a_server_that_dies_in_a_call_is_an_error_not_a_hang(cli: Cli, stub: str) -> None:
    result = cli("call", "stub", "crash", "--timeout", "20", "--server", stub, "--json")
    assert result.code == 4
    assert result.error["code"] == "outcome_unknown"


def test_doctor_says_what_to_do(cli: Cli, stub: str) -> None:
    good = cli("doctor", "stub", "--server", stub, "--json")
    assert good.code == 0
    checks = {check["name"]: check for check in good.json["checks"]}
    assert checks["server stub"]["status"] == "warn"
    assert "text that cannot be seen in a[/x]b (4 hidden characters), n⟨U+001B⟩" in checks["server stub"]["detail"]
    assert "8 tools" in checks["server stub"]["detail"]
    bad = cli("doctor", "--server", stub, "--server", "x=/no/such/program")
    assert bad.code == 4
    assert "fail" in bad.out
    assert "/no/such/program" in bad.out
    assert "→" in bad.out


_LISTLESS = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    answer = {"error": {"code": -32603, "message": "the database is locked"}}
    if asked["method"] == "initialize":
        facts = {"capabilities": {"tools": {}}, "serverInfo": {"name": "locked", "version": "1"}}
        answer = {"result": {"protocolVersion": "2025-11-25", **facts}}
    if "id" in asked:
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **answer}), flush=True)
"""


def test_a_server_whose_list_failed_is_not_shown_as_one_without_tools(cli: Cli, tmp_path: Path) -> None:
    script = tmp_path / "locked.py"
    script.write_text(_LISTLESS, "utf-8")
    server = f"locked={sys.executable} {script}"
    said = "Server locked: tools/list failed: the database is locked"
    assert said in cli("tools", "--server", server).err
    assert said in cli("servers", "--server", server).out
    (data,) = cli("servers", "--server", server, "--json").json["servers"]
    assert (data["status"], data["error"]["title"]) == ("degraded", "tools/list failed")
    checks = {check["name"]: check for check in cli("doctor", "--server", server, "--json").json["checks"]}
    assert "the database is locked" in checks["server locked"]["detail"]


def test_doctor_reports_a_configuration_it_cannot_read(cli: Cli) -> None:
    Path("mcp.json").write_text("{", "utf-8")
    result = cli("doctor", "--config", "mcp.json", "--json")
    assert result.code == 2
    failed = [check for check in result.json["checks"] if check["status"] == "fail"]
    assert "mcp.json:1:1" in failed[0]["detail"]


def test_config_show_masks_secrets_and_tells_where_entries_come_from(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_TOKEN", "very-secret-value")
    Path("mcp.json").write_text(
        '{"mcpServers": {"a": {"url": "https://h/?key=${THE_TOKEN}", "headers": {"X": "${THE_TOKEN}"}},\n'
        '"b": {"command": "${NOT_SET}"}}}',
        "utf-8",
    )
    for arguments in (("--json",), ()):
        result = cli("config", "show", "--config", "mcp.json", "--server", "a=x --token=very-secret-value", *arguments)
        assert result.code == 0
        assert "very-secret-value" not in result.out + result.err
    shown = cli("config", "show", "--config", "mcp.json", "--json").json
    assert shown["servers"]["a"]["source"].endswith("mcp.json:1")
    assert shown["servers"]["a"]["headers"] == {"X": "***"}
    assert "NOT_SET" in shown["servers"]["b"]["problem"]["detail"]


def test_config_path_lists_the_files(cli: Cli, private_environment: Path) -> None:
    result = cli("config", "path", "--json").json
    assert result["files"][0] == {
        "path": str(private_environment / ".config" / "mcp-tui" / "config.toml"),
        "exists": False,
    }


def test_nothing_configured_is_said(cli: Cli) -> None:
    result = cli("tools")
    assert result.code == 2
    assert "No servers" in result.err
    assert "--demo" in result.err


def test_options_count_before_and_after_the_command(cli: Cli, stub: str) -> None:
    second = stub.replace("stub=", "other=")
    names = {tool["server"] for tool in cli("--server", stub, "tools", "--server", second, "--json").json["tools"]}
    assert names == {"stub", "other"}


def test_models_names_keys_and_asks_nobody_offline(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-secret-secret")
    result = cli("models", "--offline", "--json")
    assert result.code == 0
    openai = next(p for p in result.json["providers"] if p["name"] == "openai")
    assert (openai["available"], openai["key_source"]) == (True, "OPENAI_API_KEY")
    assert "sk-secret" not in result.out + result.err
    unknown = cli("models", "opnai", "--offline")
    assert unknown.code == 2
    assert "did you mean openai?" in unknown.err
