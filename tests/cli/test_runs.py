"""history, export and replay."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

import pytest

from mcp_tui.cli.runs import when
from mcp_tui.config import paths
from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.state import ColumnStatus
from mcp_tui.core.types import JsonObject
from mcp_tui.store.history.reader import HistoryReader
from mcp_tui.store.history.tables import FILE_NAME
from tests.cli.conftest import Cli
from tests.cli.fake_provider import serving
from tests.core.hostile import drawn_safely
from tests.store.history_runs import NOON, Scribe, answer, call, column, in_order

HOSTILE = "a\x1b]52;c;ZXZpbA==\x07\u202eb"


@pytest.fixture
def saved() -> Path:
    """Three runs: a good one of two columns and two turns, a failed one, one that still runs."""
    path = paths.data_dir() / FILE_NAME
    scribe = Scribe(path, now=lambda: datetime.now().timestamp())
    good = in_order(
        answer("c1", "The session table was locked.", calls=[call("a")], took_s=1.0),
        answer("c2", f"Lock contention {HOSTILE}.", took_s=0.9),
    )
    more = answer("c1", "At four.", turn=2, prompt="When then?", at_s=60.0, took_s=1.0)
    columns = [column(1, "anthropic/claude-sonnet"), column(2, "openai/gpt-mini")]
    scribe.run([*good, *more], columns=columns, id_="good2222")
    refused = ErrorInfo("groq refused", "429")
    failed = answer("c1", "", prompt="Review", status=ColumnStatus.ERROR, error=refused)
    scribe.run(failed, columns=[column(1, "groq/llama-4")], id_="fail2222", source="compare")
    scribe.run(answer("c1", "So far", prompt="Going on", end=False), id_="live2222")
    scribe.flush()
    scribe.writer._disconnect()  # pyright: ignore[reportPrivateUsage]  the process lives on: the run counts as live
    return path


def test_history_lists_runs_newest_first(cli: Cli, saved: Path) -> None:
    result = cli("history")
    assert result.code == 0 and result.err == ""
    lines = result.out.splitlines()
    assert lines[0].split() == ["RUN", "WHEN", "STATUS", "TIME", "COST", "TURNS", "MODELS", "PROMPT"]
    assert [line.split()[0] for line in lines[1:]] == ["live2222", "fail2222", "good2222"]
    assert "claude-sonnet, gpt-mini" in lines[3] and "$0.0122" in lines[3] and "2.0s" in lines[3]


def test_history_searches_and_shows_where_it_matched(cli: Cli, saved: Path) -> None:
    result = cli("history", "lock", "contention")
    assert result.out.splitlines()[1].split()[0] == "good2222"
    assert "MATCH" in result.out and "Lock contention ab" in result.out
    drawn_safely(result.out)
    assert cli("history", "is:error").out.splitlines()[1].startswith("fail2222")
    nothing = cli("history", "nobody said this")
    assert nothing.code == 0 and nothing.out == "" and nothing.err == "no run matches\n"


def test_history_as_json(cli: Cli, saved: Path) -> None:
    value = cli("history", "--limit", "2", "--json").json
    assert value["total"] == 3 and [run["id"] for run in value["runs"]] == ["live2222", "fail2222"]
    (run,) = cli("history", "review", "--json").json["runs"]
    assert (run["status"], run["source"], run["models"], run["turns"]) == ("error", "compare", ["groq/llama-4"], 1)
    assert run["match"] == "Review" and datetime.fromisoformat(run["started_at"]).tzinfo is not None


def test_an_empty_history_is_no_error(cli: Cli) -> None:
    assert cli("history").err == "no run was saved yet\n"
    assert cli("history", "--json").json == {"total": 0, "runs": []}
    assert not (paths.data_dir() / FILE_NAME).exists(), "reading makes nothing"


def test_runs_are_deleted_by_the_beginning_of_their_id(cli: Cli, saved: Path) -> None:
    result = cli("history", "--delete", "goo", "--delete", "fail2222")
    assert (result.code, result.err) == (0, "deleted 2 runs: good2222, fail2222\n")
    assert [run["id"] for run in cli("history", "--json").json["runs"]] == ["live2222"]
    refused = cli("history", "--delete", "live2222", "--json")
    assert refused.code == 2 and refused.error["code"] == "run_is_live"


def test_clearing_wants_a_yes_and_spares_what_runs(cli: Cli, saved: Path) -> None:
    asked = cli("history", "--clear")
    assert asked.code == 2 and "3 runs would go" in asked.err and "--yes" in asked.err
    done = cli("history", "--clear", "--yes", "--json")
    assert done.json == {"deleted": 2, "left": 1}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("export", "zzz"), "no run begins with 'zzz'"),
        (("replay", ""), "no run begins with ''"),
        (("export", "last", "-o", "x.docx"), "does not say which one"),
        (("export", "last", "--format", "pdf"), "pdf"),
        (("history", "--clear", "--delete", "x"), "together"),
        (("replay", "last", "--speed", "-1"), "-1"),
    ],
)
def test_mistakes_are_usage_errors_with_words(cli: Cli, saved: Path, arguments: tuple[str, ...], words: str) -> None:
    result = cli(*arguments)
    assert result.code == 2 and words in result.err and result.out == ""


def test_an_ambiguous_id_names_the_candidates(cli: Cli) -> None:
    scribe = Scribe(paths.data_dir() / FILE_NAME)
    for id_ in ("same2222", "same3333"):
        scribe.run(answer("c1", "x"), id_=id_)
    scribe.close()
    result = cli("export", "sam", "--json")
    assert result.code == 2 and "same2222" in result.error["detail"] and "same3333" in result.error["detail"]


@pytest.mark.parametrize("suffix", ["md", "json", "html"])
def test_export_to_a_file_and_to_stdout_are_the_same(cli: Cli, saved: Path, suffix: str) -> None:
    to_file = cli("export", "good", "--output", f"run.{suffix}")
    assert (to_file.code, to_file.out, to_file.err) == (0, "", f"saved run.{suffix}\n")
    text = Path(f"run.{suffix}").read_text("utf-8")
    printed = cli("export", "good", "--format", suffix)
    assert "The session table was locked." in text and "At four." in text
    if suffix == "json":
        assert json.loads(text) == printed.json == cli("export", "good", "--json").json
    else:
        assert printed.out == text
        drawn_safely(text)


def test_replay_prints_what_was_printed_then(cli: Cli, saved: Path) -> None:
    result = cli("replay", "good", "--speed", "0")
    assert result.code == 0, result.err
    drawn_safely(result.out)
    first, second = result.out.split("› When then?")
    assert first.startswith("› Why did the nightly job fail?")
    assert "── anthropic/claude-sonnet" in first and "· fs.read_file" in first and "Lock contention ab." in first
    assert "MODEL" in first and "At four." in second and "$0.0061" in first


def test_replay_as_json_is_one_event_per_line(cli: Cli, saved: Path) -> None:
    lines = [json.loads(line) for line in cli("replay", "good", "--speed", "64", "--json").out.splitlines()]
    assert lines[0] == {
        "at_s": 0.0, "column": "c1", "model": "anthropic/claude-sonnet", "type": "turn_started", "turn": 1,
        "prompt": "Why did the nightly job fail?",
    }  # fmt: skip
    text = "".join(line["text"] for line in lines if line["type"] == "text_appended" and line["column"] == "c1")
    assert text == "The session table was locked.At four."
    assert [line["at_s"] for line in lines] == sorted(line["at_s"] for line in lines)


def test_a_damaged_history_is_an_error_with_a_hint(cli: Cli) -> None:
    path = paths.data_dir() / FILE_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"nothing a database would write" * 500)
    result = cli("history", "--json")
    assert result.code == 1 and result.error["code"] == "history" and "move the file away" in result.error["hint"]
    assert path.read_bytes().startswith(b"nothing"), "reading takes nothing away"


def test_a_shell_completes_ids_and_says_what_they_are(saved: Path) -> None:
    def completed(words: str, at: int) -> list[str]:
        env = {**os.environ, "_MCP_TUI_COMPLETE": "zsh_complete", "COMP_WORDS": words, "COMP_CWORD": str(at)}
        command = [sys.executable, "-m", "mcp_tui.cli.main"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
        return done.stdout.splitlines()

    found = completed("mcp-tui export ", 2)
    assert [line for line in found if line.endswith("2222")] == ["live2222", "fail2222", "good2222"]
    assert "Why did the nightly job fail?" in found and "last" in found
    assert "good2222" in completed("mcp-tui replay goo", 2) and "live2222" not in completed("mcp-tui replay goo", 2)
    assert "history" in completed("mcp-tui hist", 1)


def test_when_is_told_by_what_matters() -> None:
    now = datetime.fromtimestamp(NOON).astimezone()
    assert re.fullmatch(r"\d\d:\d\d", when(NOON, now))
    assert when(NOON - 40 * 86_400, now).startswith("26 Sep")
    assert when(NOON - 400 * 86_400, now) == "2025-10-01"


# --- compare saves what it does


class _Provider(BaseHTTPRequestHandler):
    headers_seen: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.headers_seen.append(str(self.headers))
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("x-secret-reply", "reply-secret-55")
        self.end_headers()
        for piece in ("plain ", "answer"):
            delta = {"choices": [{"index": 0, "delta": {"content": piece}}]}
            self.wfile.write(f"data: {json.dumps(delta)}\n\n".encode())
        end: JsonObject = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        self.wfile.write(f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n".encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Quiet."""


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[tuple[str, ...]]:
    with serving(_Provider) as url:
        file = tmp_path / "fake.toml"
        file.write_text(
            f'[providers.fake]\nformat = "openai-chat"\nbase_url = "{url}"\n'
            'api_key = "key-secret-77"\nmodels = ["good"]\nheaders = { X-Team = "header-secret-88" }\n',
            "utf-8",
        )
        yield ("--config", str(file), "-m", "fake/good")


def _all_bytes(path: Path) -> bytes:
    """The file, and everything that is packed in it."""
    found = [file.read_bytes() for file in path.parent.glob(f"{path.name}*")]
    with closing(sqlite3.connect(path)) as connection:
        for table, name in (("chunks", "body"), ("prompts", "message"), ("answers", "messages")):
            found += [zlib.decompress(row[0]) for row in connection.execute(f"SELECT {name} FROM {table}")]
    return b"\n".join(found)


def test_compare_saves_its_run_and_no_secret_with_it(cli: Cli, provider: tuple[str, ...]) -> None:
    result = cli("compare", "Say something", "--no-tools", "--system", "Be brief", *provider)
    assert result.code == 0, result.err
    assert any("key-secret-77" in seen and "header-secret-88" in seen for seen in _Provider.headers_seen)
    path = paths.data_dir() / FILE_NAME
    history = HistoryReader(path)
    saved = history.open(history.find().head(0).number)
    assert saved.head.source == "compare" and saved.settings["no_tools"] is True
    content = _all_bytes(path)
    assert b"plain answer" in content and b"Be brief" in content
    for secret in (b"key-secret-77", b"header-secret-88", b"reply-secret-55", b"127.0.0.1"):
        assert secret not in content
    assert cli("export", "last", "--json").json["turns"][0]["responses"][0]["text"] == "plain answer"


@pytest.mark.parametrize("how", ["option", "config"])
def test_nothing_is_saved_when_it_is_not_wanted(cli: Cli, provider: tuple[str, ...], how: str) -> None:
    more = ["--no-history"] if how == "option" else []
    if how == "config":
        paths.config_file().parent.mkdir(parents=True)
        paths.config_file().write_text("[defaults]\nhistory = false\n", "utf-8")
    assert cli("compare", "Say something", "--no-tools", *more, *provider).code == 0
    assert not (paths.data_dir() / FILE_NAME).exists()
