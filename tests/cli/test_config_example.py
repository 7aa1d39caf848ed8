"""config example: what is shipped is printed, and can be used."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.cli.conftest import Cli


def test_examples_are_listed_and_printed(cli: Cli) -> None:
    listed = cli("config", "example")
    assert (listed.code, listed.out) == (0, "assistant\neval\n")
    assert cli("config", "example", "--json").json == {"examples": ["assistant", "eval"]}
    shown = cli("config", "example", "assistant")
    assert shown.code == 0
    assert "[servers.database]" in shown.out
    assert cli("config", "example", "assistant", "--json").json["toml"] == shown.out.removesuffix("\n") + "\n"


def test_example_is_a_configuration_without_problems(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///shop.db")
    Path("assistant.toml").write_text(cli("config", "example", "assistant").out)
    loaded = cli("config", "show", "--json", "--config", "assistant.toml").json
    assert list(loaded["servers"]) == ["files", "github", "database", "time"]
    assert loaded["problems"] == []
    assert not any("problem" in server for server in loaded["servers"].values())


def test_servers_are_started_by_the_path_of_this_program_where_path_does_not_find_it(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    shown = cli("config", "example", "assistant")
    config = tomllib.loads(shown.out)
    assert Path(config["servers"]["github"]["command"]).is_absolute()
    assert "npx is not on PATH" in shown.err


def test_unknown_example_is_a_usage_error(cli: Cli) -> None:
    wrong = cli("config", "example", "asistant")
    assert wrong.code == 2
    assert "did you mean assistant?" in wrong.err
