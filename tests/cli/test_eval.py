"""eval: suites against the demo models over loopback, and against providers and servers that misbehave."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import Cli
from tests.core.hostile import drawn_safely, interpreted

_SUITE = """
name = "sums"
[[case]]
name = "adds"
prompt = "Add 2 and 3"
servers = ["demo"]
[case.expect]
calls = ["demo.add"]
call = [{ tool = "demo.add", arguments = { a = 2, b = { min = 3 } }, result = { contains = "5" } }]
only = ["demo.*"]
text = { contains = "5" }
max_duration_s = 60

[[case]]
name = "says it costs"
prompt = "Say hello, no tools"
no_tools = true
expect.max_cost_usd = 1
"""


@pytest.fixture
def suite(tmp_path: Path) -> str:
    file = tmp_path / "sums.toml"
    file.write_text(_SUITE, "utf-8")
    return str(file)


def _written(tmp_path: Path, text: str) -> str:
    file = tmp_path / "own.toml"
    file.write_text(text, "utf-8")
    return str(file)


def test_demo_suite_as_json_and_junit(spawned: Cli, suite: str, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    result = spawned("eval", suite, "--demo", "-m", "swift", "-m", "builder", "--json", "--junit", str(report))
    assert result.code == 7, result.err
    value = result.json
    assert set(value) == {"suite", "file", "results", "cases", "summary"}
    assert (value["suite"], value["file"]) == ("sums", suite)
    assert [(one["case"], one["model"], one["attempt"], one["passed"]) for one in value["results"]] == [
        ("adds", "demo/swift", 1, True),
        ("adds", "demo/builder", 1, True),
        ("says it costs", "demo/swift", 1, False),
        ("says it costs", "demo/builder", 1, False),
    ]
    first, failed = value["results"][0], value["results"][2]
    assert [check["check"] for check in first["checks"]] == [
        "answer",
        "calls demo.add",
        "only demo.*",
        "call demo.add",
        'text contains "5"',
        "max_duration_s 60",
    ]
    # Nobody knows what a demo model costs.
    assert failed["checks"][-1] == {"check": "max_cost_usd 1", "passed": False, "detail": "not known"}
    compared = spawned("compare", "Add 2 and 3", "--demo", "-m", "swift", "--json").json["responses"][0]
    assert set(first["response"]) == set(compared)
    assert (first["response"]["text"], first["response"]["status"]) == (compared["text"], "ok")
    assert not any(call["shared"] for one in value["results"] for call in one["response"]["tool_calls"])
    assert (value["summary"]["cases"], value["summary"]["passed"], value["summary"]["failed"]) == (4, 2, 2)
    assert value["summary"]["models"]["demo/swift"]["passed"] == 1
    root = ElementTree.parse(report).getroot()
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("4", "2", "0")
    assert [one.get("name") for one in root] == ["demo/swift", "demo/builder"]
    assert stat.S_IMODE(report.stat().st_mode) & 0o444
    assert spawned("history", "--json").json["runs"][-1]["source"] == "eval"


def test_the_example_passes_with_every_demo_model(cli: Cli) -> None:
    Path("eval-demo.toml").write_text(cli("config", "example", "eval").out)
    result = cli("eval", "eval-demo.toml", "--demo", "--jobs", "3", "--no-history")
    assert result.code == 0, result.out + result.err
    assert "demo: 9 of 9 passed" in result.out
    assert result.err == ""


def test_text_says_what_failed_and_what_was_found(cli: Cli, tmp_path: Path) -> None:
    own = _written(
        tmp_path,
        '[[case]]\nname = "adds"\nprompt = "Add 2 and 3"\nrepeat = 2\npass_rate = 0.5\n'
        '[[case]]\nname = "wrong"\nprompt = "Add 2 and 3"\nexpect.calls = ["demo.get_order"]\n'
        'expect.never = ["demo.drop"]\n'
        '[[case]]\nname = "nowhere"\nprompt = "Add 2 and 3"\nservers = ["dem"]\n',
    )
    result = cli("eval", own, "--demo", "-m", "swift", "--no-history")
    assert result.code == 7, result.err
    drawn_safely(result.out)
    assert "✓ ok       adds     demo/swift  2/2  " in result.out
    assert "✗ failed   wrong    demo/swift  " in result.out
    assert "\n  calls demo.get_order: it was never called; called were demo.add\n" in result.out
    assert "\n  servers: 'dem' is not configured (did you mean demo?)\n" in result.out
    assert "\nadds     ✓ 2/2\nwrong    ✗ failed\nnowhere  ✗ error\n" in result.out
    assert result.out.endswith("own: 1 of 3 passed\n")
    assert "never 'demo.drop': no connected server has such a tool" in result.err


def test_a_part_of_the_suite(cli: Cli, suite: str) -> None:
    result = cli("eval", suite, "--demo", "-m", "swift", "--case", "ad*", "--json", "--no-history", "--repeat", "2")
    assert result.code == 0, result.err
    assert [(one["case"], one["attempt"]) for one in result.json["results"]] == [("adds", 1), ("adds", 2)]
    assert result.json["cases"][0]["passed_attempts"] == 2


def test_providers_that_fail_and_models_that_answer(cli: Cli, provider: tuple[str, ...], tmp_path: Path) -> None:
    own = _written(tmp_path, '[[case]]\nprompt = "hello"\nno_tools = true\n')
    for models, code in ((("refused",), 6), (("unauthorized",), 3), (("unauthorized", "refused"), 6),
                         (("cut",), 6), (("good", "refused"), 7), (("good",), 0)):  # fmt: skip
        chosen = [part for model in models for part in ("-m", f"fake/{model}")]
        result = cli("eval", own, *chosen, *provider, "--json")
        assert result.code == code, (models, result.err)
        assert [one["response"]["status"] == "ok" for one in result.json["results"]] == [m == "good" for m in models]


def test_hostile_texts_of_models_and_servers_reach_no_terminal(
    cli: Cli, provider: tuple[str, ...], stub: str, tmp_path: Path
) -> None:
    own = _written(
        tmp_path,
        '[[case]]\nname = "tool"\nprompt = "hello"\nexpect.text.equals = "x"\n'
        'expect.call = [{ tool = "stub.nasty", result.equals = "x" }]\nexpect.only = []\n',
    )
    report = tmp_path / "report.xml"
    arguments = ("eval", own, "-m", "fake/caller", *provider, "--server", stub, "--approve", "auto")
    result = cli(*arguments, "--junit", str(report))
    assert result.code == 7, result.err
    drawn_safely(result.out)
    drawn_safely(result.err)
    assert "only (no tool at all): called was stub.nasty" in result.out
    assert 'text equals "x": it is ' in result.out
    root = ElementTree.parse(report).getroot()
    assert not interpreted("".join(root.itertext()))
    assert root.findtext(".//system-out") == "fine red"
    exact = cli(*arguments, "--json")
    drawn_safely(exact.out)
    response = exact.json["results"][0]["response"]
    assert response["text"] == "\x1b]52;c;eA==\x07fine \x1b[31mred"
    assert "\x1b]52;" in response["tool_calls"][0]["result"]["content"][0]["text"]


def test_only_servers_that_are_needed_are_started(
    cli: Cli, provider: tuple[str, ...], stub: str, tmp_path: Path
) -> None:
    arguments = ("-m", "fake/good", *provider, "--server", stub, "--server", "bad=/no/such/program", "--json")
    good = cli("eval", _written(tmp_path, '[[case]]\nprompt = "a"\nservers = ["stub"]\n'), *arguments)
    assert (good.code, good.err) == (0, "")
    misspelt = cli("eval", _written(tmp_path, '[[case]]\nprompt = "a"\nservers = ["stab"]\n'), *arguments)
    assert misspelt.code == 7
    detail = misspelt.json["results"][0]["checks"][0]["detail"]
    assert detail == "'stab' is not configured (did you mean stub?)"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_report_that_cannot_be_written_costs_no_result(cli: Cli, provider: tuple[str, ...], tmp_path: Path) -> None:
    own = _written(tmp_path, '[[case]]\nprompt = "hello"\nno_tools = true\n')
    result = cli("eval", own, "-m", "fake/good", *provider, "--json", "--junit", "/dev/full")
    assert result.code == 2
    assert result.json["results"][0]["passed"]
    assert result.error["title"] == "Cannot write"


def test_a_spend_limit_ends_the_evaluation(cli: Cli, provider: tuple[str, ...], tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('[prices."fake/*"]\ninput = 1000\noutput = 1000\n')
    own = _written(tmp_path, "".join(f'[[case]]\nprompt = "hello {number}"\nno_tools = true\n' for number in range(4)))
    arguments = ("eval", own, "-m", "fake/good", *provider, "--config", str(prices), "--jobs", "1")
    # One answer costs 0.01, and 256 tokens must be affordable before it is asked for.
    result = cli(*arguments, "--max-cost", "0.275", "--json")
    assert result.code == 7, result.err
    outcomes = [one["outcome"] for one in result.json["results"]]
    assert outcomes[0] == "passed"
    assert outcomes[-1] == "not_run"
    assert sorted(outcomes, reverse=True) == outcomes
    assert result.json["results"][-1]["response"] is None
    assert result.json["summary"]["models"]["fake/good"]["cost_usd"] <= 0.275
    text = cli(*arguments, "--max-cost", "0.275")
    assert "– not run" in text.out
    assert "Not run: the spend limit was reached" in text.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Missing argument"),
        (("gone.toml",), "gone.toml does not exist"),
        (("{suite}", "--case", "addz"), "did you mean adds?"),
        (("{suite}", "--jobs", "17"), "--jobs"),
        (("{suite}", "-m", "nonsense"), "Unknown model"),
        (("{suite}", "--junit", "no/such/report.xml"), "there is no folder no/such"),
        (("{suite}", "--junit", "."), "it is a folder"),
        (("{suite}",), "no provider has a key, and the suite names no model"),
        (("{wrong}",), "own.toml:1 (did you mean models?)"),
        (("{unknown}", "--demo"), "own.toml:1"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(
    cli: Cli, suite: str, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    case = '[[case]]\nprompt = "a"\nno_tools = true\n'
    text = f'modles = ["a"]\n{case}' if "{wrong}" in arguments else f'models = ["nonsense/x"]\n{case}'
    own = _written(tmp_path, text)
    filled = [argument.format(suite=suite, wrong=own, unknown=own) for argument in arguments]
    result = cli("eval", *filled)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert result.err.count("\n") == 1


def test_an_interrupt_keeps_what_was_done(tmp_path: Path) -> None:
    own = _written(
        tmp_path,
        '[[case]]\nname = "short"\nprompt = "Say hello, no tools"\nno_tools = true\n'
        '[[case]]\nname = "long"\nprompt = "Write a long answer in 20000 words, no tools"\nno_tools = true\n'
        '[[case]]\nname = "never"\nprompt = "hello"\nno_tools = true\n',
    )
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "mcp_tui.cli.main", "eval", own, "--demo", "-m", "swift", "--jobs", "1",
               "--junit", str(report)]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("✓ ok")
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "\nshort  ✓ ok\n" in out
    assert "\nnever  – not run\n" in out
    assert out.endswith("own: 1 of 3 passed\n")
    assert err.endswith("error: Cancelled\n")
    root = ElementTree.parse(report).getroot()
    assert (root.get("tests"), root.get("errors")) == ("3", "2")


def test_a_reader_that_leaves_ends_the_evaluation_but_not_the_report(tmp_path: Path) -> None:
    own = _written(
        tmp_path,
        "".join(f'[[case]]\nname = "{n}"\nprompt = "Say hello, no tools"\nno_tools = true\n' for n in range(5)),
    )
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "mcp_tui.cli.main", "eval", own, "--demo", "-m", "swift", "--jobs", "1",
               "--junit", str(report)]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(timeout=60) == 7
        assert process.stderr.read() == f"saved {report}\n"
    root = ElementTree.parse(report).getroot()
    assert (root.get("tests"), root.get("errors")) == ("5", "4")


def test_attempts_of_one_case_replay_from_the_cache_and_say_so(cli: Cli, suite: str) -> None:
    arguments = ("eval", suite, "--demo", "-m", "swift", "--case", "adds", "--repeat", "2", "--jobs", "1", "--cache")
    result = cli(*arguments, "--json")
    assert [one["response"]["cached"] for one in result.json["results"]] == [False, True]
    assert "every attempt of a case gets the same answer" in result.err
    # The time of a replay is no figure of the model.
    assert result.json["results"][1]["checks"][-1]["detail"] == "not known: the answer came from the cache"
    assert result.code == 7


def test_json_is_all_there_is_on_stdout(spawned: Cli, suite: str) -> None:
    result = spawned("eval", suite, "--demo", "--case", "adds", "--json")
    assert (result.code, result.err) == (0, "")
    assert len(result.json["results"]) == 3
