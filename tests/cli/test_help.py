"""What the program says about itself: help of every command, and shell completion."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import click
import pytest

from mcp_tui.cli.main import cli as root
from tests.cli.conftest import Cli

_COMPLETE = """
import atexit, sys
from mcp_tui.cli.main import main
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
main()
"""


def _completed(kind: str, words: str = "") -> tuple[list[str], set[str]]:
    """Lines of the answer, and the modules that were loaded for it."""
    variables = {"_MCP_TUI_COMPLETE": kind, "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    ended = subprocess.run(
        [sys.executable, "-c", _COMPLETE],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **variables},
        check=False,
    )
    return ended.stdout.splitlines(), set(ended.stderr.split())


def _all_commands() -> list[tuple[str, ...]]:
    context = click.Context(root)
    found: list[tuple[str, ...]] = []
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        found.append((name,))
        if isinstance(command, click.Group):
            found += [(name, inner) for inner in command.list_commands(context)]
    return found


@pytest.mark.parametrize("words", [(), *_all_commands()], ids=" ".join)
def test_every_command_has_help_and_says_what_each_option_does(cli: Cli, words: tuple[str, ...]) -> None:
    result = cli(*words, "--help")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"Usage: {' '.join(('mcp-tui', *words))} ")
    context: click.Context = click.Context(root)
    command: click.Command | None = root
    for word in words:
        assert isinstance(command, click.Group)
        command = command.get_command(context, word)
    assert command is not None
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name


def test_options_behind_the_name_of_a_bundled_server_are_its_own(spawned: Cli) -> None:
    result = spawned("serve", "demo", "--help")
    assert result.code == 0
    assert "--http" in result.out
    assert "Run a bundled MCP server" not in result.out


@pytest.mark.skipif(shutil.which("bash") is None, reason="click asks bash for its version")
def test_the_completion_script_for_bash_asks_the_program() -> None:
    lines, loaded = _completed("bash_source")
    assert any("_MCP_TUI_COMPLETE=bash_complete" in line for line in lines)
    script = "\n".join([*lines, "complete -p mcp-tui"])
    known = subprocess.run(["bash", "--norc"], input=script, capture_output=True, text=True, timeout=60, check=True)
    assert known.stdout.startswith("complete ")
    assert "_mcp_tui_completion" in known.stdout
    assert known.stderr == ""
    assert "mcp_tui.cli.main" in loaded


@pytest.mark.parametrize(
    ("words", "answers"),
    [
        ("mcp-tui co", ["plain,compare", "plain,config"]),
        ("mcp-tui config sh", ["plain,show"]),
        ("mcp-tui compare --max", ["plain,--max-steps", "plain,--max-cost"]),
        ("mcp-tui --ver", ["plain,--version"]),
        ("mcp-tui nothing x", []),
    ],
)
def test_completion_answers_without_heavy_imports(words: str, answers: list[str]) -> None:
    lines, loaded = _completed("bash_complete", words)
    assert [line for line in lines if line] == answers
    assert "click" in loaded
    assert not loaded & {"textual", "rich", "mcp", "httpx", "pydantic", "uvicorn", "mcp_tui.runs.engine"}
