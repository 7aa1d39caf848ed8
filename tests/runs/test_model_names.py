from __future__ import annotations

from collections.abc import Mapping

import pytest

from mcp_tui.config.schema import Config, Defaults, Origin, ProviderSpec
from mcp_tui.core.chat import ModelParams
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.providers.registry import ModelRef, ProviderRegistry
from mcp_tui.runs.lineup import columns_for, default_selections
from mcp_tui.runs.spec import ColumnSpec, ModelChoice

LAB = ProviderSpec("lab", Origin("test"), "openai-chat", "http://127.0.0.1:1/v1", models=("tiny",))


def columns(
    *names: str,
    models: Mapping[str, str] | None = None,
    sets: Mapping[str, tuple[str, ...]] | None = None,
    defaults: Defaults | None = None,
    environ: Mapping[str, str] | None = None,
) -> tuple[ColumnSpec, ...]:
    config = Config(providers=(LAB,), models=models or {}, sets=sets or {}, defaults=defaults or Defaults())
    registry = ProviderRegistry(config.providers, {"OPENAI_API_KEY": "k"} if environ is None else environ)
    return columns_for(default_selections(names, config, registry, demo_only=False), "be brief")


def refused(*names: str, models: Mapping[str, str] | None = None, sets: Mapping[str, tuple[str, ...]] | None = None,
            environ: Mapping[str, str] | None = None, defaults: Defaults | None = None) -> AppError:  # fmt: skip
    with pytest.raises(AppError) as caught:
        columns(*names, models=models, sets=sets, environ=environ, defaults=defaults)
    assert caught.value.info.kind is ErrorKind.USAGE
    return caught.value


def test_parameters_of_a_model() -> None:
    (column,) = columns(
        "openai/gpt-5?temperature=0.2&effort=high&max_tokens=100&seed=-7&stop=END&stop=%7C%26&system=be%20kind"
    )
    assert column.ref == ModelRef("openai", "gpt-5")
    assert column.params == ModelParams(100, 0.2, "high", -7, ("END", "|&"))
    assert column.system == "be kind"
    assert column.label == "openai/gpt-5 temperature=0.2 max_tokens=100 effort=high seed=-7 stop system"


def test_the_same_model_twice_with_different_parameters_and_without() -> None:
    found = columns("openai/gpt-5", "openai/gpt-5?temperature=0", "openai/gpt-5?temperature=1", "openai/gpt-5")
    assert [column.label for column in found] == [
        "openai/gpt-5",
        "openai/gpt-5 temperature=0",
        "openai/gpt-5 temperature=1",
        "openai/gpt-5 #2",
    ]
    assert [column.params.temperature for column in found] == [None, 0, 1, None]
    assert [column.id for column in found] == ["c1", "c2", "c3", "c4"]
    assert {column.system for column in found} == {"be brief"}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("temp=1", "`temp` is not known (did you mean temperature?)"),
        ("colour=red", "`colour` is not known"),
        ("temperature=hot", "`temperature` must be a number from 0 to 2, not `hot`"),
        ("temperature=nan", "must be a number from 0 to 2"),
        ("temperature=2.1", "must be a number from 0 to 2"),
        ("max_tokens=0", "must be a whole number from 1 on"),
        ("max_tokens=1.5", "must be a whole number from 1 on"),
        ("effort=very high", "must be one word"),
        ("effort=", "must be one word"),
        ("seed=x", "must be a whole number"),
        ("seed=1&seed=2", "`seed` is given twice"),
        ("temperature", "cannot be read"),
    ],
)
def test_bad_parameters_name_what_is_wrong(query: str, words: str) -> None:
    assert words in str(refused(f"openai/gpt-5?{query}"))


def test_a_short_name_stands_for_a_model_with_parameters_on_top() -> None:
    models = {"fast": "openai/gpt-5?temperature=0.2&seed=1", "f": "fast"}
    (column,) = columns("f?temperature=0.9", models=models)
    assert column.ref == ModelRef("openai", "gpt-5")
    assert column.params == ModelParams(temperature=0.9, seed=1)


def test_a_set_is_several_columns_and_parameters_hold_for_all() -> None:
    sets = {"duel": ("lab/tiny", "fast"), "all": ("duel", "openai/o3")}
    found = columns("all?seed=3", models={"fast": "openai/gpt-5?seed=1"}, sets=sets)
    assert [str(column.ref) for column in found] == ["lab/tiny", "openai/gpt-5", "openai/o3"]
    assert {column.params.seed for column in found} == {3}


def test_sets_and_short_names_count_for_the_defaults_too() -> None:
    found = columns(defaults=Defaults(models=("duel",)), sets={"duel": ("lab/tiny", "openai/gpt-5")})
    assert [column.label for column in found] == ["lab/tiny", "openai/gpt-5"]


def test_a_chain_names_what_is_asked_next() -> None:
    (column,) = columns("openai/gpt-5?temperature=0.5 | lab/tiny | openai/o3?seed=1")
    assert column.label == "openai/gpt-5 temperature=0.5"
    assert column.fallback == (
        ModelChoice(ModelRef("lab", "tiny"), ModelParams(temperature=0.5)),
        ModelChoice(ModelRef("openai", "o3"), ModelParams(seed=1)),
    )
    assert column.choices[0] == ModelChoice(column.ref, column.params)


def test_a_chain_within_a_short_name() -> None:
    (column,) = columns("safe", models={"safe": "openai/gpt-5|small", "small": "lab/tiny"})
    assert [str(choice.ref) for choice in column.choices] == ["openai/gpt-5", "lab/tiny"]


def test_a_first_model_without_a_key_is_fine_as_long_as_another_can_be_asked() -> None:
    (column,) = columns("anthropic/claude-x | lab/tiny")
    assert [str(choice.ref) for choice in column.choices] == ["anthropic/claude-x", "lab/tiny"]
    error = refused("anthropic/claude-x | groq/llama")
    assert error.info.code == "missing_key"
    assert "ANTHROPIC_API_KEY" in error.info.detail


def test_the_default_fallback_is_for_columns_without_their_own() -> None:
    defaults = Defaults(fallback="lab/tiny")
    first, second, third = columns("openai/gpt-5", "openai/o3|openai/gpt-5", "lab/tiny", defaults=defaults)
    assert [choice.ref for choice in first.fallback] == [ModelRef("lab", "tiny")]
    assert [str(choice.ref) for choice in second.fallback] == ["openai/gpt-5"]
    assert third.fallback == (), "not to itself"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a", "stands for itself"),
        ("b", "stands for itself"),
        ("s", "contains itself"),
        ("openai/gpt-5 | s2", "chain takes single models"),
        ("openai/gpt-5 |", "No model given"),
        ("fsat", "did you mean fast?"),
        ("s3?seed=1", "did you mean fast?"),
        ("nosuchprovider/x | lab/tiny", "Unknown model"),
    ],
)
def test_names_that_lead_nowhere(name: str, words: str) -> None:
    models = {"a": "a", "b": "c", "c": "b|lab/tiny", "fast": "lab/tiny"}
    sets = {"s": ("lab/tiny", "s"), "s2": ("lab/tiny",), "s3": ("fsat",)}
    assert words in str(refused(name, models=models, sets=sets))


def test_a_set_is_no_default_fallback() -> None:
    assert "is a set" in str(refused("lab/tiny", sets={"s": ("lab/tiny",)}, defaults=Defaults(fallback="s")))


def test_a_hostile_name_is_clean_in_the_error() -> None:
    assert "\x1b" not in str(refused("openai/gpt-5?\x1b[31mx=1"))
