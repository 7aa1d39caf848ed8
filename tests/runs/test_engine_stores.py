"""What an engine keeps on disk, and the keys it takes from the keyring; no server and no network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_tui.config import paths
from mcp_tui.config.schema import Config, Limits, Origin, PriceSpec, ProviderSpec
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.state import Usage
from mcp_tui.providers.registry import ModelRef, ProviderRegistry
from mcp_tui.runs.engine import Engine, EngineOptions, RunSpec
from mcp_tui.store.provider_keys import ProviderKeys
from mcp_tui.store.usage import totals
from tests.builders import Clock
from tests.runs.doubles import FakeProvider, says, within

LAB = ProviderSpec("lab", Origin("test"), "openai-chat", "http://127.0.0.1:9/v1", api_key="k", models=("m",))
CONFIG = Config(providers=(LAB,), prices={"lab/*": PriceSpec(1_000_000.0, 0.0)})


@pytest.fixture(autouse=True)
def no_local_models(monkeypatch: pytest.MonkeyPatch) -> None:
    async def detect(self: ProviderRegistry, *, timeout_s: float = 0.7) -> tuple[str, ...]:
        return ()

    monkeypatch.setattr(ProviderRegistry, "detect_local", detect)


def answering(monkeypatch: pytest.MonkeyPatch) -> FakeProvider:
    provider = FakeProvider("lab", Clock(), says("ok"))
    monkeypatch.setattr(ProviderRegistry, "provider", lambda self, name: provider)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]  a stand-in
    return provider


async def ask(engine: Engine, spec: RunSpec | None = None) -> ErrorInfo | None:
    columns = engine.default_columns(["lab/m"])
    errors: list[ErrorInfo | None] = []
    run = engine.start_run(
        replace(spec or RunSpec(()), columns=columns), lambda event: errors.append(getattr(event, "error", None))
    )
    run.send("Hi")
    await within(run.wait())
    return next((error for error in errors if error is not None), None)


def engine(config: Config = CONFIG, notices: list[ErrorInfo] | None = None) -> Engine:
    notice = None if notices is None else notices.append
    return Engine(config, EngineOptions(headless=True, demo_speed=0), environ={}, notice=notice)


async def test_calls_are_in_the_ledger_when_the_engine_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch)
    async with engine() as running:
        await ask(running)
        await ask(running)
    (total,) = totals(paths.data_dir() / "usage.sqlite", "model")
    assert (total.key, total.calls, total.cost_usd) == (("lab", "m"), 2, 20.0)


async def test_an_engine_that_asks_nobody_makes_no_files() -> None:
    async with engine():
        pass
    assert not paths.data_dir().exists()
    assert not paths.cache_dir().exists()


async def test_limits_and_prices_of_a_new_configuration_count_for_new_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = answering(monkeypatch)
    async with engine() as running:
        assert await ask(running) is None
        running.reconfigure(replace(CONFIG, limits=Limits(usd_per_run=0.5)))
        error = await ask(running)
        assert error is not None
        assert error.code == "spend_limit"
        assert await ask(running, RunSpec((), max_cost_usd=1000)) is None
        assert len(provider.requests) == 2
        running.reconfigure(replace(CONFIG, prices={"lab/*": PriceSpec(2.0, 0.0)}))
        assert running.prices.cost_usd(ModelRef("lab", "m"), Usage(1_000_000, 0)) == 2.0


async def test_the_cache_is_used_when_the_run_or_the_configuration_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = answering(monkeypatch)
    async with engine() as running:
        await ask(running)
        await ask(running, RunSpec((), use_cache=True))
        await ask(running, RunSpec((), use_cache=True))
        assert len(provider.requests) == 2
    async with engine(replace(CONFIG, defaults=replace(CONFIG.defaults, cache=True))) as running:
        await ask(running)
        assert len(provider.requests) == 2
        await ask(running, RunSpec((), use_cache=False))
        assert len(provider.requests) == 3


async def test_a_key_from_the_keyring_makes_the_demo_unnecessary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProviderKeys, "load", lambda self: {"openai": "sk-stored"})  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]  a stand-in
    async with engine(Config()) as running:
        assert not running.demo_models
        assert not running.demo_server
        assert running.default_columns()[0].ref.provider == "openai"


async def test_a_keyring_that_refuses_is_told_and_the_engine_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: ProviderKeys) -> dict[str, str]:
        raise AppError("Keyring: cannot read the stored keys", "locked", kind=ErrorKind.AUTH, code="keyring")

    monkeypatch.setattr(ProviderKeys, "load", refuse)
    notices: list[ErrorInfo] = []
    async with engine(notices=notices):
        pass
    assert [notice.code for notice in notices] == ["keyring"]


async def test_a_demo_takes_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(ProviderKeys, "load", lambda self: asked.append(True) or {})  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]  a stand-in
    async with Engine(Config(), EngineOptions(demo=True, headless=True, demo_speed=0), environ={}):
        pass
    assert asked == []


async def test_a_ledger_that_cannot_be_written_is_told_once_and_the_answers_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answering(monkeypatch)
    paths.data_dir().parent.mkdir(parents=True, exist_ok=True)
    paths.data_dir().write_text("no directory")
    notices: list[ErrorInfo] = []
    async with engine(notices=notices) as running:
        assert await ask(running) is None
        assert await ask(running) is None
    codes = [notice.code for notice in notices]
    assert codes.count("usage_not_written") == 1
    assert set(codes) <= {"usage_not_written", "history"}  # the same disk
