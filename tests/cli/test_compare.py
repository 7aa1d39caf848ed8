"""compare: against the demo models over loopback, and against providers that fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mcp_tui.cli.compare_text import Columns, Live, Silent
from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.core.events import CallChanged, StatusChanged, StepStarted, TextAppended
from mcp_tui.core.state import CallRecord, CallStatus, ColumnStatus
from mcp_tui.runs.export.document import of_comparison
from mcp_tui.runs.export.markdown import markdown
from tests.cli.conftest import Cli
from tests.core.hostile import drawn_safely


def test_demo_compares_three_models_with_real_tool_calls(spawned: Cli) -> None:
    result = spawned("compare", "What time is it, and add 2 and 3", "--demo", "--json")
    assert result.code == 0, result.err
    value = result.json
    assert value["prompt"] == "What time is it, and add 2 and 3"
    assert len(value["responses"]) >= 3
    for response in value["responses"]:
        assert response["status"] == "ok"
        assert response["model"].startswith("demo/")
        assert "5" in response["text"]
        assert {call["tool"] for call in response["tool_calls"]} >= {"current_time", "add"}
        for call in response["tool_calls"]:
            assert (call["server"], call["status"]) == ("demo", "ok")
            assert call["result"]["content"][0]["type"] == "text"
        assert response["usage"]["input_tokens"] > 0
        assert response["usage"]["output_tokens"] > 0
        assert response["duration_ms"] > response["ttft_ms"] > 0
        assert response["error"] is None
    assert value["comparison"]["count"] == len(value["responses"])


def test_a_second_demo_comparison_is_answered_from_the_cache(spawned: Cli) -> None:
    first, second = (spawned("compare", "Add 2 and 3", "--demo", "--cache", "--json") for _ in range(2))
    assert (first.code, second.code) == (0, 0), first.err + second.err
    before, after = first.json["responses"], second.json["responses"]
    assert [response["cached"] for response in before] == [False] * 3
    assert [response["cached"] for response in after] == [True] * 3
    assert [response["text"] for response in after] == [response["text"] for response in before]


def test_text_of_one_model_and_a_denied_call(cli: Cli, tmp_path: Path) -> None:
    export = tmp_path / "out.md"
    result = cli("compare", "Restart the checkout service", "--demo", "-m", "swift", "--export", str(export))
    assert result.code == 0
    assert "demo.restart_service" in result.out
    assert "denied" in result.out
    assert "demo/swift" in result.out
    assert "demo.restart_service" in result.err
    drawn_safely(result.out)
    assert export.read_text("utf-8").startswith("# Prompt\n\nRestart the checkout service\n\n# demo/swift\n")


def test_a_model_answers_and_its_escapes_do_not_reach_the_terminal(cli: Cli, provider: tuple[str, ...]) -> None:
    result = cli("compare", "hello", "-m", "fake/good", *provider)
    assert result.code == 0, result.err
    assert result.out.startswith("fine red\n")
    drawn_safely(result.out)
    exact = cli("compare", "hello", "-m", "fake/good", *provider, "--json").json["responses"][0]
    assert exact["text"] == "\x1b]52;c;eA==\x07fine \x1b[31mred"
    assert (exact["usage"]["input_tokens"], exact["usage"]["output_tokens"]) == (7, 3)


def test_a_limit_is_waited_out(cli: Cli, provider: tuple[str, ...]) -> None:
    result = cli("compare", "hello", "-m", "fake/later", *provider, "--json")
    assert result.code == 0, result.err
    response = result.json["responses"][0]
    assert (response["text"], response["attempts"]) == ("second try", 2)


@pytest.mark.parametrize(
    ("models", "code", "statuses"),
    [
        (("cut",), 6, ["incomplete"]),
        (("unauthorized",), 3, ["error"]),
        (("refused",), 6, ["error"]),
        (("good", "cut"), 7, ["ok", "incomplete"]),
        (("unauthorized", "refused"), 6, ["error", "error"]),
    ],
)
def test_failures_have_their_exit_code_and_keep_what_came(
    cli: Cli, provider: tuple[str, ...], models: tuple[str, ...], code: int, statuses: list[str]
) -> None:
    chosen = [part for model in models for part in ("-m", f"fake/{model}")]
    result = cli("compare", "hello", *chosen, *provider, "--json")
    assert result.code == code, result.err
    responses = result.json["responses"]
    assert [response["status"] for response in responses] == statuses
    for response in responses:
        assert (response["error"] is None) == (response["status"] == "ok")
        if response["model"] == "fake/cut":
            assert response["text"] == "only half"


def test_several_models_are_printed_one_after_the_other(cli: Cli, provider: tuple[str, ...]) -> None:
    result = cli("compare", "hello", "-m", "fake/good", "-m", "fake/refused", *provider)
    assert result.code == 7
    drawn_safely(result.out)
    assert "── fake/good\nfine red\n" in result.out
    assert "── fake/refused  error\n" in result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("hello", "-m", "nonsense"), "Unknown model"),
        (("hello", "-m", "openai/gpt-5"), "OPENAI_API_KEY"),
        (("  ",), "it is empty"),
        (("@missing.txt",), "cannot read missing.txt"),
        (("hello", "--approve", "sometimes"), "sometimes"),
        (("hello", "--max-steps", "0"), "--max-steps"),
        ((), "Missing argument"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(cli: Cli, arguments: tuple[str, ...], words: str) -> None:
    result = cli("compare", *arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert result.err.count("\n") == 1


def test_the_prompt_comes_from_stdin(spawned: Cli, provider: tuple[str, ...]) -> None:
    result = spawned("compare", "-", "-m", "fake/good", *provider, "--json", stdin="from stdin")
    assert (result.code, result.json["prompt"]) == (0, "from stdin")


def test_a_reader_that_leaves_ends_the_run(provider: tuple[str, ...], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mcp_tui.cli.main", "compare", "hello", "-m", "fake/good", *provider]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == b""


_RESULT: dict[str, Any] = {
    "prompt": "p",
    "responses": [
        {
            "model": "a/b", "status": "incomplete", "text": "", "tool_calls": [], "usage": {"input_tokens": None,
            "output_tokens": 5}, "cost_usd": 0.01, "cost_is_estimate": True, "ttft_ms": None, "duration_ms": 1500.0,
            "tokens_per_s": 3.4, "steps": 1, "error": {"title": "Cut", "detail": "early", "hint": ""},
        }
    ],
}  # fmt: skip


def _record(status: CallStatus) -> CallRecord:
    return CallRecord("1", 1, "srv", "a[/x]b", {"q": "\x1b[31m"}, "{}", status, duration_ms=12.0)


def test_live_text_puts_calls_on_lines_of_their_own(capfd: pytest.CaptureFixture[str]) -> None:
    live = Live()
    live(StepStarted("c1", 1))
    live(TextAppended("c1", "I look\x1b"))
    live(TextAppended("c1", "[31m first"))
    live(CallChanged("c1", _record(CallStatus.RUNNING)))
    live(CallChanged("c1", _record(CallStatus.OK)))
    live(CallChanged("c1", _record(CallStatus.OK)))
    live(TextAppended("c1", "done"))
    live(StatusChanged("c1", ColumnStatus.INCOMPLETE, ErrorInfo("Cut", "early", kind=ErrorKind.PROVIDER)))
    live.finish(_RESULT)
    captured = capfd.readouterr()
    assert captured.out.splitlines()[:4] == ["I look first", '· srv.a[/x]b {"q": "\\u001b[31m"} ✓ 12ms', "done", ""]
    assert captured.err == "error: Cut: early\n"
    assert "~$0.0100" in captured.out


def test_columns_keep_their_texts_apart(capfd: pytest.CaptureFixture[str]) -> None:
    columns = Columns([("c1", "a/one"), ("c2", "a/two")])
    columns(TextAppended("c1", "one"))
    columns(TextAppended("c2", "two"))
    columns(TextAppended("c1", " more"))
    columns(StatusChanged("c2", ColumnStatus.DONE))
    columns(StatusChanged("c1", ColumnStatus.CANCELLED))
    assert capfd.readouterr().out == "── a/two\ntwo\n\n── a/one  cancelled\none more\n\n"


def test_a_broken_pipe_cancels_the_run_once() -> None:
    class Broken(Silent):
        def show(self, event: object) -> None:
            raise BrokenPipeError

    cancelled: list[bool] = []
    listener = Broken()
    listener.reader_left = lambda: cancelled.append(True)
    listener(TextAppended("c1", "x"))
    listener(TextAppended("c1", "y"))
    assert cancelled == [True]
    with pytest.raises(BrokenPipeError):
        listener.finish(_RESULT)


def test_export_as_markdown_has_answers_errors_and_figures() -> None:
    text = markdown(of_comparison(_RESULT))
    assert "# a/b\n\n*no answer*\n\n> incomplete: Cut: early\n" in text
    assert "| a/b | incomplete |  | 1.5s | 3 |  | 5 | ~$0.0100 | 1 | 0 |" in text
