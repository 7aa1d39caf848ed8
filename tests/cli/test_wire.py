"""`mcp-tui wire` over the log that other commands wrote."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

from mcp_tui.cli import wire
from mcp_tui.sessions.wirelog.files import default_folder
from tests.cli.conftest import Cli
from tests.sessions.wirelog.records import T0, call, line
from tests.sessions.wirelog.records import write as write_log


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")


def fill() -> None:
    write_log(default_folder(), [*call(10, "read_file"), *call(20, "wipe", result={"isError": True})])
    event = line(
        30, server="db", direction="none", kind="event", method="closed", name="exit code 3", id=None, failed=True
    )
    write_log(default_folder(), [event], "db")


def test_what_a_command_sent_is_in_the_log(cli: Cli, stub: str) -> None:
    assert cli("--server", stub, "tools").code == 0
    records = [json.loads(text) for text in cli("wire", "stub", "--json").out.splitlines()]
    assert records[0]["method"] == "connecting"
    assert records[-1]["method"] == "closed"
    asked = next(record for record in records if record["method"] == "tools/list" and record["direction"] == "sent")
    answer = next(record for record in records if record.get("request") == asked["order"])
    assert asked["message"]["method"] == "tools/list"
    assert answer["message"]["result"]["tools"]


def test_the_lines_of_all_servers_in_order(cli: Cli) -> None:
    fill()
    result = cli("wire")
    assert result.code == 0
    words = [text.split() for text in result.out.splitlines()]
    assert words[0] == ["—", "2026-11-05", "—"]
    assert words[1][1:] == ["fs", "→", "tools/call", "read_file", "#10", "85", "B"]
    assert words[4][1:8] == ["fs", "←", "✗", "tools/call", "wipe", "#20", "1ms"]
    assert words[5][1:] == ["db", "·", "✗", "closed", "exit", "code", "3"]


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["fs"], 4),
        (["--method", "tools/call"], 4),
        (["--method", "tools/"], 4),
        (["--method", "tools"], 0),
        (["--grep", "error"], 2),
        (["--grep", "wipe sent"], 1),
        (["--limit", "2"], 2),
        (["--limit", "0"], 5),
        (["--since", "2026-11-05T12:12:05.020+00:00"], 3),
        (["--since", "2999-01-01"], 0),
    ],
)
def test_options_narrow_what_is_shown(cli: Cli, options: list[str], count: int) -> None:
    fill()
    result = cli("wire", "--json", *options)
    assert result.code == 0
    assert len(result.out.splitlines()) == count
    if not count:
        assert "no message" in result.err
    if options[0] == "--limit" and count == 2:
        assert [json.loads(text)["method"] for text in result.out.splitlines()] == ["tools/call", "closed"]
        assert "the newest 2 of 5" in result.err


def test_an_age_is_counted_from_now(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    fill()
    monkeypatch.setattr(wire.time, "time", lambda: T0 / 1_000_000 + 60.020)
    assert len(cli("wire", "--json", "--since", "1m").out.splitlines()) == 3
    assert len(cli("wire", "--json", "--since", "1h 1m").out.splitlines()) == 5


def test_errors_say_what_to_do(cli: Cli) -> None:
    assert cli("wire").err.strip() == "nothing was logged yet"
    fill()
    unknown = cli("wire", "fz")
    assert unknown.code == 2
    assert "fs" in unknown.err
    bad = cli("wire", "--since", "soon")
    assert bad.code == 2
    assert "10m" in bad.err


def test_hostile_messages_cannot_reach_the_terminal(cli: Cli) -> None:
    hostile = "a\x1b]52;c;ZXZpbA==\x07\x9b31m\u202egnp"
    text = '{"jsonrpc":"2.0","id":1,"method":"m","params":{"x":"\x9b31m\u202e"}}'
    from mcp_tui.sessions.wirelog.record import encode

    fields = {"order": T0, "server": hostile, "direction": "sent", "kind": "request", "method": hostile, "id": hostile}
    write_log(default_folder(), [encode(fields, text.encode())], hostile)
    for options in ([], ["--json"]):
        shown = cli("wire", *options).out
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown)
    assert json.loads(cli("wire", "--json").out)["message"]["params"]["x"] == "\x9b31m\u202e"


async def test_follow_prints_what_comes_until_interrupted(tmp_path: Path) -> None:
    fill()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mcp_tui.cli.main", "wire", "--follow", "--json", "--grep", "error"),
        stdout=asyncio.subprocess.PIPE,
        cwd=tmp_path,
    )
    output = process.stdout
    assert output is not None
    try:
        async with asyncio.timeout(60):
            assert json.loads(await output.readline())["name"] == "wipe"
            assert json.loads(await output.readline())["method"] == "closed"
            write_log(default_folder(), [*call(40), line(50, failed=True)])
            assert json.loads(await output.readline())["id"] == 50
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 130
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
