from __future__ import annotations

from pathlib import Path

import pytest

from mcp_tui.config.load import load
from mcp_tui.config.schema import Config, Limits, PriceSpec
from mcp_tui.core.errors import AppError, ErrorKind


def read(tmp_path: Path, text: str, *more: str) -> Config:
    files: list[Path] = []
    for number, content in enumerate((text, *more)):
        files.append(tmp_path / f"c{number}.toml")
        files[-1].write_text(content, "utf-8")
    return load(files, (), {"NAME": "lab"}, tmp_path)


def test_everything_about_models_is_read(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        """
        [models]
        fast = "groq/llama-3.3-70b-versatile"
        mine = "${NAME}/qwen3?temperature=0.2 | fast"
        [sets]
        duel = ["fast", "mine"]
        [prices."lab/qwen3"]
        input = 0.5
        output = 1
        cached = 0
        [prices."lab/*"]
        input = 1
        output = 2
        [limits]
        usd_per_run = 0.5
        usd_per_day = 5
        cache_days = 7
        cache_mb = 10.5
        [defaults]
        cache = true
        fallback = "fast"
        """,
    )
    assert config.problems == ()
    assert config.models == {"fast": "groq/llama-3.3-70b-versatile", "mine": "lab/qwen3?temperature=0.2 | fast"}
    assert config.sets == {"duel": ("fast", "mine")}
    assert config.prices == {"lab/qwen3": PriceSpec(0.5, 1, 0), "lab/*": PriceSpec(1, 2)}
    assert config.limits == Limits(0.5, 5, 7, 10.5)
    assert (config.defaults.cache, config.defaults.fallback) == (True, "fast")


def test_without_them_there_is_no_limit_and_no_cache(tmp_path: Path) -> None:
    config = read(tmp_path, "[defaults]\n")
    assert config.limits == Limits(None, None)
    assert (config.models, config.sets, config.prices) == ({}, {}, {})
    assert (config.defaults.cache, config.defaults.fallback) == (False, "")


def test_the_first_file_wins_name_by_name(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        '[models]\na = "x/1"\n[limits]\nusd_per_run = 1\n[prices."p/m"]\ninput = 1\noutput = 1\n',
        '[models]\na = "x/2"\nb = "x/3"\n[limits]\nusd_per_run = 2\nusd_per_day = 3\n'
        '[prices."p/m"]\ninput = 9\noutput = 9\n',
    )
    assert config.models == {"a": "x/1", "b": "x/3"}
    assert config.limits == Limits(1, 3)
    assert config.prices == {"p/m": PriceSpec(1, 1)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[models]\n"a/b" = "x/1"', "cannot be a short name"),
        ('[models]\n"a?b" = "x/1"', "cannot be a short name"),
        ("[models]\na = 1", "must be a text"),
        ('[models]\na = " "', "names no model"),
        ("[sets]\na = []", "is empty"),
        ('[sets]\na = "x/1"', "must be a list"),
        ("[prices.x]\ninput = 1\noutput = 1", "PROVIDER/MODEL"),
        ('[prices."x/y"]\ninput = 1', "`output` is missing"),
        ('[prices."x/y"]\ninput = -1\noutput = 1', "`input` must be a number from 0 on"),
        ('[prices."x/y"]\ninput = "1"\noutput = 1', "`input` must be a number from 0 on"),
        ('[prices."x/y"]\ninput = 1\noutput = nan', "`output` must be a number from 0 on"),
        ('[prices."x/y"]\ninput = 1\noutput = 1\ncache = 1', "`cache` is not known"),
        ('[prices]\n"x/y" = 1', "must be a table"),
        ('models = "fast"\n[defaults]', "`models` must be a table"),
        ('[defaults]\ncache = "yes"', "must be true or false"),
    ],
)
def test_a_fault_is_one_problem_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    config = read(tmp_path, f'{text}\n[keys]\n"x" = "y"\n')
    (problem,) = config.problems
    assert words in problem.detail
    assert "c0.toml" in problem.detail
    assert config.keys == {"x": "y"}, "the rest is unharmed"


@pytest.mark.parametrize("text", ["usd_per_run = -1", 'usd_per_day = "5"', "usd_per_day = true", "usd_per_dya = 5"])
def test_a_limit_that_cannot_be_read_ends_the_start(tmp_path: Path, text: str) -> None:
    with pytest.raises(AppError) as caught:
        read(tmp_path, f"[limits]\n{text}\n")
    assert caught.value.info.kind is ErrorKind.USAGE
    assert "c0.toml:2" in caught.value.info.detail


def test_what_is_kept_of_runs_is_configured(tmp_path: Path) -> None:
    config = read(tmp_path, "[defaults]\nhistory = false\n[limits]\nhistory_days = 30\nhistory_mb = 0\n")
    assert config.defaults.history is False
    assert (config.limits.history_days, config.limits.history_mb) == (30.0, 0.0)
    assert Config().defaults.history is True
