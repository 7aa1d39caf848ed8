"""Suites of evaluations: what is read, and what every fault says."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.state import ApprovalPolicy
from mcp_tui.runs.evals.expect import CallRule, Exactly, Expect, Items, Members, Rules, TextRules
from mcp_tui.runs.evals.suite import Settings, Suite, read_suite

_WHOLE = """
name = "shop"
models = ["fast", "openai/gpt-4.1"]
system = "Be short"
approve = "auto"
max_steps = 5
timeout_s = 30
repeat = 3
pass_rate = 0.6

[[case]]
name = "finds the slow query"
prompt_file = "prompts/slow.md"
attach = ["log.txt"]
servers = ["db"]
tools_off = ["db.execute"]
models = ["own/model"]
system = ""
approve = "never"
max_steps = 2
timeout_s = 1.5
repeat = 1
pass_rate = 1
[case.expect]
calls = ["db.query", "fs.*"]
calls_in_order = ["db.schema", "db.query"]
never = ["db.execute"]
only = ["db.*", "fs.*"]
no_tool_errors = true
text = { contains = ["pool", "size"], icontains = "x", not_contains = "y", matches = "a+", equals = "z" }
max_calls = 4
max_steps = 3
max_cost_usd = 0.01
max_duration_s = 20
max_ttft_s = 2.5
max_output_tokens = 300
[case.expect.json]
type = "object"
required = ["id"]
[[case.expect.call]]
tool = "db.query"
arguments = { sql = { matches = "(?i)select" }, limit = 5, deep = { list = [1, { min = 2 }] } }
result = { contains = "id" }

[[case]]
prompt = '''
What is ${VAR} on the first line?
And more.'''
no_tools = true
"""


def _written(folder: Path, text: str, name: str = "shop.toml") -> Path:
    file = folder / name
    file.write_text(text, "utf-8")
    return file


def _suite(folder: Path, text: str) -> Suite:
    return read_suite(_written(folder, text))


def _faults(folder: Path, text: str) -> str:
    with pytest.raises(AppError) as caught:
        _suite(folder, text)
    assert caught.value.info.kind is ErrorKind.USAGE
    return caught.value.info.line()


def test_every_key_is_read(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/slow.md").write_text("Why is it slow?\n")
    (tmp_path / "log.txt").write_text("ERROR pool\n")
    suite = _suite(tmp_path, _WHOLE)
    first, second = suite.cases
    assert suite.name == "shop"
    assert (first.name, first.prompt) == ("finds the slow query", "Why is it slow?\n")
    assert (first.servers, first.no_tools, first.tools_off) == (("db",), False, ("db.execute",))
    assert [attachment.result["contents"][0]["text"] for attachment in first.attachments] == ["ERROR pool\n"]
    assert first.settings == Settings(
        ("own/model",), f"{tmp_path}/shop.toml:17", "", ApprovalPolicy.NEVER, 2, 1.5, 1, 1.0
    )
    assert first.where == f"{tmp_path}/shop.toml:11"
    assert first.expect == Expect(
        calls=("db.query", "fs.*"),
        calls_in_order=("db.schema", "db.query"),
        never=("db.execute",),
        only=("db.*", "fs.*"),
        call=(
            CallRule(
                "db.query",
                Members(
                    {
                        "sql": Rules({"matches": "(?i)select"}),
                        "limit": Exactly(5),
                        "deep": Members({"list": Items((Exactly(1), Rules({"min": 2.0})))}),
                    }
                ),
                TextRules(contains=("id",)),
            ),
        ),
        no_tool_errors=True,
        text=TextRules(("pool", "size"), ("x",), ("y",), ("a+",), "z"),
        json={"type": "object", "required": ["id"]},
        max_calls=4,
        max_steps=3,
        max_cost_usd=0.01,
        max_duration_s=20,
        max_ttft_s=2.5,
        max_output_tokens=300,
    )
    assert second.name == "What is ${VAR} on the first line?"
    assert (second.no_tools, second.expect, second.servers) == (True, Expect(), None)
    assert second.settings == Settings(
        ("fast", "openai/gpt-4.1"), f"{tmp_path}/shop.toml:3", "Be short", ApprovalPolicy.AUTO, 5, 30, 3, 0.6
    )


def test_names_come_from_the_file_and_the_beginning_of_the_prompt(tmp_path: Path) -> None:
    suite = _suite(tmp_path, f'[[case]]\nprompt = "{"long " * 40}"\n')
    assert suite.name == "shop"
    assert suite.cases[0].name == ("long " * 40)[:59] + "…"


def test_nothing_may_be_called_is_not_the_same_as_nothing_said(tmp_path: Path) -> None:
    suite = _suite(tmp_path, '[[case]]\nprompt = "a"\nexpect.only = []\n')
    assert suite.cases[0].expect.only == ()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("modles = []", "`modles` is not known, at {file}:1 (did you mean models?)"),
        ("models = 'a'", "`models` must be a list of texts, not a text, at {file}:1"),
        ("models = ['a', 1]", "`models` must be a list of texts, at {file}:1"),
        ("models = []", "`models` is empty, at {file}:1"),
        ("name = ''", "`name` is empty, at {file}:1"),
        ("name = 3", "`name` must be a text, not the number 3, at {file}:1"),
        ("pass_rate = 1.5", "`pass_rate` must be a number from 0 to 1, not the number 1.5, at {file}:1"),
        ("pass_rate = nan", "`pass_rate` must be a number from 0 to 1"),
        ("repeat = 0", "`repeat` must be a whole number from 1 to 1000, not the number 0, at {file}:1"),
        ("repeat = true", "`repeat` must be a whole number from 1 to 1000, not true or false"),
        ("max_steps = 2.5", "`max_steps` must be a whole number from 1 to 1000"),
        ("timeout_s = 0", "`timeout_s` must be more than 0 seconds, at {file}:1"),
        ("timeout_s = inf", "`timeout_s` must be more than 0 seconds"),
        ("approve = 'alway'", "`approve` is 'alway', at {file}:1 (policies: ask, readonly, auto, never)"),
        ("[case]\nprompt = 'a'", "`case` must be a list of tables, not a table, at {file}:1"),
    ],
)
def test_faults_of_the_suite(tmp_path: Path, body: str, words: str) -> None:
    rest = "" if "[case]" in body else "\n[[case]]\nprompt = 'x'\n"
    assert words.format(file=tmp_path / "shop.toml") in _faults(tmp_path, body + rest)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "`case.prompt` is missing, at {file}:2"),
        ("prompt = ' '", "`case.prompt` is empty, at {file}:3"),
        ("prompt = 'a'\nprompt_file = 'b'", "`case.prompt_file` stands beside `prompt`, at {file}:4"),
        ("prompt_file = 'gone.md'", "`case.prompt_file` cannot be read: {folder}/gone.md does not exist, at {file}:3"),
        ("prompt_file = 'empty.md'", "`case.prompt_file` 'empty.md' is empty, at {file}:3"),
        ("prompt_file = 'latin.md'", "`case.prompt_file` 'latin.md' is no UTF-8 text, at {file}:3"),
        ("prompt = 'a'\nattach = ['gone.txt']", "`case.attach` cannot be read: gone.txt cannot be attached: "
         "there is no such file, at {file}:4"),
        ("prompt = 'a'\nserver = ['db']", "`case.server` is not known, at {file}:4 (did you mean servers?)"),
        ("prompt = 'a'\nno_tools = 1", "`case.no_tools` must be true or false, not the number 1, at {file}:4"),
        ("prompt = 'a'\nno_tools = true\nservers = ['db']",
         "`case.servers` stands beside no_tools = true, at {file}:5"),
        ("prompt = 'a'\ntools_off = ['query']", "`case.tools_off` names 'query' without its server, at {file}:4 "
         '(write it as "SERVER.query" or "*.query")'),
        ("prompt = 'a'\nexpect = 1", "`case.expect` must be a table, not the number 1, at {file}:4"),
        ("prompt = 'x'", "`case.name` 'x' stands twice, at {file}:5 (the beginning of the prompt is the name"),
    ],
)  # fmt: skip
def test_faults_of_a_case(tmp_path: Path, body: str, words: str) -> None:
    (tmp_path / "empty.md").write_text("\n")
    (tmp_path / "latin.md").write_bytes(b"\xe9")
    place = {"file": tmp_path / "shop.toml", "folder": tmp_path}
    assert words.format(**place) in _faults(tmp_path, f"# one\n[[case]]\n{body}\n\n[[case]]\nprompt = 'x'\n")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("call = ['a.b']", "`case.expect.call` must be a list of tables, at {file}:4"),
        ("cals = ['a.b']", "`case.expect.cals` is not known, at {file}:4 (did you mean calls?)"),
        ("calls = 'a.b'", "`case.expect.calls` must be a list of texts, not a text, at {file}:4"),
        ("calls = []", "`case.expect.calls` is empty, at {file}:4"),
        ("never = ['']", "`case.expect.never` holds an empty text, at {file}:4"),
        ("never = ['query']", "`case.expect.never` names 'query' without its server, at {file}:4"),
        ("call = [{ arguments = {} }]", "`case.expect.call.tool` is missing, at {file}:4"),
        ("call = [{ tool = 'a.b', args = {} }]", "`case.expect.call.args` is not known, at {file}:4 "
         "(did you mean arguments?)"),
        ("call = [{ tool = 'a.b', arguments = { x = { min = 1, mix = 2 } } }]",
         "`case.expect.call.arguments.x.mix` is no rule, but stands beside `min`, at {file}:4 (did you mean min?)"),
        ("call = [{ tool = 'a.b', arguments = { x = { min = 1, other = 2 } } }]", "an object with such members: "
         "{{ equals = {{ ... }} }}"),
        ("call = [{ tool = 'a.b', arguments = { x = { min = 'a' } } }]",
         "`case.expect.call.arguments.x.min` must be a number"),
        ("call = [{ tool = 'a.b', arguments = { x = { one_of = 'a' } } }]", "x.one_of` must be a list of values"),
        ("call = [{ tool = 'a.b', arguments = { x = { matches = '(' } } }]", "x.matches` is no regular expression"),
        ("call = [{ tool = 'a.b', arguments = { x = 2026-11-28 } }]",
         "arguments.x` is a date, which JSON does not have"),
        ("call = [{ tool = 'a.b', arguments = { x = { equals = [2026-11-28] } } }]", "which JSON does not have"),
        ("[[case.expect.call]]\ntool = 'a.b'\n[case.expect.call.result]\ncontain = 'x'",
         "`case.expect.call.result.contain` is not known, at {file}:7 (did you mean contains?)"),
        ("text = 'a'", "`case.expect.text` must be a table, not a text, at {file}:4"),
        ("text = { contains = 1 }", "`case.expect.text.contains` must be a text or a list of texts, not the number 1"),
        ("text.matches = ['a', '*']", "`case.expect.text.matches` is no regular expression: nothing to repeat"),
        ("json = true", "`case.expect.json` must be a table, not true or false, at {file}:4"),
        ("json = { type = 'objekt' }", "`case.expect.json` is no JSON Schema: type: 'objekt' is not valid"),
        ("max_calls = -1", "`case.expect.max_calls` must be a whole number from 0 on, not the number -1"),
        ("max_cost_usd = '1'", "`case.expect.max_cost_usd` must be a number from 0 on, not a text"),
        ("max_ttft_s = 0", "`case.expect.max_ttft_s` must be more than 0 seconds"),
        ("no_tool_errors = 'yes'", "`case.expect.no_tool_errors` must be true or false, not a text"),
    ],
)  # fmt: skip
def test_faults_of_expectations(tmp_path: Path, body: str, words: str) -> None:
    faults = _faults(tmp_path, f"[[case]]\nprompt = 'x'\n[case.expect]\n{body}\n")
    assert words.format(file=tmp_path / "shop.toml") in faults


def test_one_error_names_every_fault_in_the_order_of_the_lines(tmp_path: Path) -> None:
    faults = _faults(
        tmp_path, "nam = 'a'\n[[case]]\nprompt = 1\n[case.expect]\nx = 1\n[[case]]\nprompt = 'a'\nrepeat = 0"
    )
    assert faults.startswith("Suite has 4 faults: ")
    places = [part.partition(f"at {tmp_path}/shop.toml:")[2][0] for part in faults.split("; ")]
    assert places == ["1", "3", "5", "8"]


def test_a_file_without_cases_or_that_is_no_toml(tmp_path: Path) -> None:
    assert "there is no [[case]]" in _faults(tmp_path, "name = 'a'\n")
    assert f"{tmp_path}/shop.toml:2:5: " in _faults(tmp_path, "\na = \n")
    with pytest.raises(AppError) as caught:
        read_suite(tmp_path / "gone.toml")
    assert "gone.toml does not exist" in caught.value.info.detail
    (tmp_path / "latin.toml").write_bytes(b"name = 1\nx = '\xe9'")
    with pytest.raises(AppError) as caught:
        read_suite(tmp_path / "latin.toml")
    assert "latin.toml:2: is no UTF-8 text" in caught.value.info.detail


def test_a_part_by_name_and_pattern(tmp_path: Path) -> None:
    suite = _suite(tmp_path, "".join(f"[[case]]\nname = '{name}'\nprompt = 'x'\n" for name in ("one", "two", "three")))
    assert [case.name for case in suite.part(("t*",)).cases] == ["two", "three"]
    assert [case.name for case in suite.part(("three", "one")).cases] == ["one", "three"]
    assert suite.part(()) == suite
    brackets = _suite(tmp_path, "[[case]]\nname = 'a [x]'\nprompt = 'x'\n")
    assert brackets.part(("a [x]",)) == brackets
    with pytest.raises(AppError, match="did you mean three"):
        suite.part(("one", "thre"))
