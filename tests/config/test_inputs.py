"""Inputs: asked for once, kept in memory, answered by the environment where nobody can be asked."""

from __future__ import annotations

from typing import Any

from mcp_tui.config.inputs import Answers, ask_all
from mcp_tui.config.schema import InputSpec
from tests.config.conftest import Machine, named
from tests.config.test_clients import VSCODE


def vscode(machine: Machine) -> None:
    machine.write(".config/Code/User/mcp.json", VSCODE.replace('"A": "1"', '"A": "${input:region}${input:api-key}"'))
    machine.own('[defaults]\nimport = ["vscode"]')
    machine.write("project/.env", "")


def test_a_server_waits_for_its_input_and_says_how_to_give_it(machine: Machine) -> None:
    vscode(machine)
    config = machine.load()
    problem = named(config, "remote").problem
    assert problem is not None
    assert problem.code == "needs_input"
    assert "${input:api-key} is not answered" in problem.detail
    assert "MCP_TUI_INPUT_API_KEY" in problem.hint
    key, region = config.inputs
    assert (key.id, key.description, key.password, key.servers) == (
        "api-key", "Key of the service", True, ("remote", "plain"),
    )  # fmt: skip
    assert (region.options, region.default, region.password) == (("eu", "us"), "eu", False)


async def test_each_input_is_asked_for_once(machine: Machine) -> None:
    vscode(machine)
    answers, asked = Answers(), list[str]()

    async def ask(wanted: InputSpec) -> str | None:
        asked.append(wanted.id)
        return {"api-key": "the-key", "region": "us"}[wanted.id]

    config = machine.load(answers=answers)
    assert await ask_all(config, answers, ask)
    config = machine.load(answers=answers)
    assert named(config, "remote").headers == {"X-Key": "the-key"}
    assert named(config, "plain").env["A"] == "usthe-key"
    assert config.inputs == ()
    assert not await ask_all(config, answers, ask)
    assert asked == ["api-key", "region"]


async def test_a_declined_input_is_not_asked_for_again(machine: Machine) -> None:
    vscode(machine)
    answers, asked = Answers(), list[str]()

    async def ask(wanted: InputSpec) -> str | None:
        asked.append(wanted.id)
        return None

    assert not await ask_all(machine.load(answers=answers), answers, ask)
    config = machine.load(answers=answers)
    assert not await ask_all(config, answers, ask)
    assert asked == ["api-key", "region"]
    assert named(config, "remote").problem is not None


def test_the_environment_answers_and_an_answer_counts_more(machine: Machine) -> None:
    vscode(machine)
    machine.environ.update({"MCP_TUI_INPUT_API_KEY": "env", "MCP_TUI_INPUT_REGION": "eu"})
    assert machine.load().inputs == ()
    answers = Answers()
    answers.give(InputSpec("api-key", machine.home / ".config/Code/User/mcp.json"), "person")
    assert named(machine.load(answers=answers), "remote").headers == {"X-Key": "person"}


def test_an_answer_is_expanded_no_further(machine: Machine) -> None:
    vscode(machine)
    machine.environ.update({"MCP_TUI_INPUT_API_KEY": "${TOKEN}", "MCP_TUI_INPUT_REGION": "eu"})
    assert named(machine.load(), "remote").headers == {"X-Key": "${TOKEN}"}


def test_an_untrusted_file_asks_for_nothing(machine: Machine) -> None:
    machine.write("project/.vscode/mcp.json", VSCODE)
    config = machine.load()
    assert config.inputs == ()
    assert all(spec.needs_trust for spec in config.servers)


def test_a_server_that_is_off_asks_for_nothing(machine: Machine) -> None:
    machine.own('[servers.a]\ncommand = "x"\nargs = ["${input:k}"]\ndisabled = true')
    assert machine.load().inputs == ()


def test_an_input_nobody_defined_is_taken_for_a_password(machine: Machine) -> None:
    machine.own('[servers.a]\ncommand = "x"\nargs = ["${input:k}"]')
    (wanted,) = machine.load().inputs
    assert (wanted.id, wanted.password, wanted.variable) == ("k", True, "MCP_TUI_INPUT_K")


def test_own_files_may_define_inputs(machine: Machine) -> None:
    machine.own('[servers.a]\nurl = "https://h/${input:k}"\n[[inputs]]\nid = "k"\ndescription = "Which?"\n')
    config = machine.load()
    assert config.problems == ()
    assert (config.inputs[0].description, config.inputs[0].password) == ("Which?", False)


def test_malformed_definitions_harm_nothing(machine: Machine) -> None:
    servers = {"a": {"command": "${input:k}"}}
    inputs: list[Any] = [5, {"id": 7}, {"id": "k", "description": 5, "options": "x", "default": []}]
    machine.write(".config/Code/User/mcp.json", {"inputs": inputs, "servers": servers})
    machine.own('[defaults]\nimport = ["vscode"]')
    (wanted,) = machine.load().inputs
    assert (wanted.id, wanted.description, wanted.options, wanted.default) == ("k", "", (), "")
