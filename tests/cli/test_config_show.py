"""config show: what is said about models, with the place of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_tui.config import paths
from tests.cli.conftest import Cli

_TOKEN = "sk-" + "a1b2c3d4" * 4

_OWN = """
[models]
fast = "groq/llama-3.3-70b-versatile"
"two words" = "openai/gpt-4.1?system=${SECRET_TOKEN}"

[sets]
duel = ["fast", "anthropic/claude-sonnet-4-5"]

[prices."lab/*"]
input = 0.2
output = 0.6

[limits]
usd_per_run = 0.5

[defaults]
system = "The key is ${SECRET_TOKEN}"
"""


@pytest.fixture(autouse=True)
def configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", _TOKEN)
    paths.config_file().parent.mkdir(parents=True, exist_ok=True)
    paths.config_file().write_text(_OWN, "utf-8")


def test_models_sets_prices_and_limits_name_their_place(cli: Cli) -> None:
    result = cli("config", "show", "--json")
    shown = result.json
    file = paths.shown(paths.config_file())
    assert shown["models"]["fast"] == {"model": "groq/llama-3.3-70b-versatile", "source": f"{file}:3"}
    assert shown["sets"] == {"duel": {"models": ["fast", "anthropic/claude-sonnet-4-5"], "source": f"{file}:7"}}
    assert shown["prices"] == {"lab/*": {"input": 0.2, "output": 0.6, "source": f"{file}:9"}}
    assert shown["limits"] == {
        "usd_per_run": {"value": 0.5, "source": f"{file}:14"},
        "cache_days": {"value": 30.0, "source": "default"},
        "cache_mb": {"value": 200.0, "source": "default"},
        "history_days": {"value": 365.0, "source": "default"},
        "history_mb": {"value": 500.0, "source": "default"},
    }
    assert _TOKEN not in result.out + result.err


def test_an_earlier_file_wins_and_is_named(cli: Cli) -> None:
    Path("first.toml").write_text('[models]\nfast = "openai/gpt-4.1"\n[limits]\nusd_per_run = 2\n', "utf-8")
    shown = cli("config", "show", "--config", "first.toml", "--json").json
    assert shown["models"]["fast"]["model"] == "openai/gpt-4.1"
    assert shown["models"]["fast"]["source"].endswith("first.toml:2")
    assert shown["limits"]["usd_per_run"]["source"].endswith("first.toml:4")
    assert shown["models"]["two words"]["source"].endswith("config.toml:4")


def test_the_text_could_stand_in_a_file(cli: Cli) -> None:
    result = cli("config", "show")
    assert result.code == 0
    file = paths.shown(paths.config_file())
    for line in (
        f'fast = "groq/llama-3.3-70b-versatile"  # {file}:3',
        '"two words" = "openai/gpt-4.1?system=***"  # ' + f"{file}:4",
        f'[prices."lab/*"]  # {file}:9',
        "output = 0.6",
        f"usd_per_run = 0.5  # {file}:14",
        "cache_days = 30.0  # default",
    ):
        assert line in result.out.splitlines()
    assert _TOKEN not in result.out + result.err
