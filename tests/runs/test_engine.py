from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType

import pytest

from mcp_tui.config.schema import Config, Defaults, Origin, ProviderSpec, ServerSpec
from mcp_tui.core.chat import TextDelta
from mcp_tui.core.errors import AppError, ErrorInfo
from mcp_tui.core.events import ColumnEvent
from mcp_tui.core.state import ServerStatus
from mcp_tui.providers.registry import ProviderRegistry
from mcp_tui.runs import engine as engine_module
from mcp_tui.runs.engine import Engine, EngineOptions, RunSpec
from mcp_tui.sessions.request_desk import EVERY_KIND, Answering
from tests.builders import Clock, tool
from tests.runs.doubles import DEADLINE_S, FakeProvider, FakeServers, column, says, within

CONFIGURED = ServerSpec("mine", Origin("test"), command="none")
KEY = {"OPENAI_API_KEY": "sk-test"}


class RecordedManager(FakeServers):
    """Stands in for the session manager: remembers what it was made with and that it was left."""

    made: list[RecordedManager]

    def __init__(self, specs: Sequence[ServerSpec], *, answering: Answering | None = None) -> None:
        super().__init__()
        self.specs = tuple(specs)
        self.answering = answering
        self.entered = self.left = False
        self.made.append(self)

    async def __aenter__(self) -> RecordedManager:
        self.entered = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.left = True


@pytest.fixture(autouse=True)
def managers(monkeypatch: pytest.MonkeyPatch) -> list[RecordedManager]:
    RecordedManager.made = []
    monkeypatch.setattr(engine_module, "SessionManager", RecordedManager)
    return RecordedManager.made


class LocalModels:
    """What answers on this machine; no real port is asked."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.fault: Exception | None = None
        self.asked = asyncio.Event()


@pytest.fixture(autouse=True)
def local_models(monkeypatch: pytest.MonkeyPatch) -> LocalModels:
    local = LocalModels()

    async def detect(self: ProviderRegistry, *, timeout_s: float = 0.7) -> tuple[str, ...]:
        local.asked.set()
        if local.fault is not None:
            raise local.fault
        for name in local.names:
            self._listed[name] = ("nomic-embed-text", "qwen3")  # pyright: ignore[reportPrivateUsage] # as found
        return tuple(local.names)

    monkeypatch.setattr(ProviderRegistry, "detect_local", detect)
    return local


def engine(
    environ: Mapping[str, str] | None = None,
    config: Config | None = None,
    *,
    demo: bool = False,
    notice: Callable[[ErrorInfo], None] | None = None,
) -> Engine:
    options = EngineOptions(demo=demo, demo_speed=0)
    return Engine(config or Config(), options, environ=environ or {}, notice=notice)


def labels(made: Engine, *models: str) -> list[str]:
    return [column.label for column in made.default_columns(models)]


def provide(monkeypatch: pytest.MonkeyPatch, made: Engine, provider: FakeProvider) -> None:
    def give(name: str) -> FakeProvider:
        return provider

    monkeypatch.setattr(made.registry, "provider", give)


async def test_nothing_configured_gives_the_whole_demo(managers: list[RecordedManager]) -> None:
    async with engine() as made:
        assert (made.demo_models, made.demo_server) == (True, True)
        assert labels(made) == ["demo/swift", "demo/scholar", "demo/builder"]
        (spec,) = managers[-1].specs
        assert spec.name == "demo" and spec.args == ("-m", "mcp_tui.servers.demo") and spec.trusted
        assert spec.command == sys.executable
    assert managers[-1].left


async def test_own_servers_without_keys_get_the_demo_models_only(managers: list[RecordedManager]) -> None:
    async with engine(config=Config(servers=(CONFIGURED,))) as made:
        assert (made.demo_models, made.demo_server) == (True, False)
        assert managers[-1].specs == (CONFIGURED,)
        assert labels(made)[0] == "demo/swift"


async def test_key_without_servers_gives_no_demo(managers: list[RecordedManager]) -> None:
    async with engine(KEY) as made:
        assert (made.demo_models, made.demo_server) == (False, False)
        assert managers[-1].specs == ()
        assert managers[-1].entered
        assert [label.partition("/")[0] for label in labels(made)] == ["openai"]


async def test_configured_provider_counts_as_usable() -> None:
    provider = ProviderSpec("own", Origin("test"), "openai-chat", "http://127.0.0.1:9/v1", models=("tiny",))
    async with engine(config=Config(providers=(provider,))) as made:
        assert not made.demo_models
        assert labels(made) == ["own/tiny"]


async def test_model_server_found_on_this_machine_replaces_the_demo(
    local_models: LocalModels, managers: list[RecordedManager]
) -> None:
    local_models.names.append("ollama")
    async with engine() as made:
        assert (made.demo_models, made.demo_server) == (False, False)
        assert labels(made) == ["ollama/qwen3"]
        assert [manager.entered for manager in managers] == [False, True]


async def test_local_models_join_those_with_a_key_without_being_waited_for(local_models: LocalModels) -> None:
    local_models.names.append("ollama")
    async with engine(KEY) as made:
        assert not local_models.asked.is_set()
        assert labels(made) == [f"openai/{made.default_columns()[0].ref.model}"]
        await within(local_models.asked.wait())
        assert "ollama/qwen3" in labels(made)


async def test_a_local_model_asked_for_by_name_is_waited_for(local_models: LocalModels) -> None:
    local_models.names.append("ollama")
    async with engine(KEY) as made:
        with pytest.raises(AppError):
            labels(made, "ollama")
        await within(made.local_models_known())
        assert labels(made, "ollama") == ["ollama/qwen3"]
    async with engine({}) as made:
        await within(made.local_models_known())  # it was looked for before anything else


async def test_fault_in_looking_for_local_models_hurts_nothing(
    local_models: LocalModels, caplog: pytest.LogCaptureFixture
) -> None:
    local_models.fault = ZeroDivisionError()
    async with engine(KEY) as made:
        await within(local_models.asked.wait())
        await asyncio.sleep(0)
        assert made.default_columns()
    assert "looking for local model servers failed" in caplog.text


async def test_forced_demo_ignores_keys_servers_and_configured_models(managers: list[RecordedManager]) -> None:
    config = Config(servers=(CONFIGURED,), defaults=Defaults(models=("openai/gpt-5",)))
    async with engine(KEY, config, demo=True) as made:
        assert (made.demo_models, made.demo_server) == (True, True)
        assert [spec.name for spec in managers[-1].specs] == ["demo"]
        assert labels(made) == ["demo/swift", "demo/scholar", "demo/builder"]
        with pytest.raises(AppError):
            labels(made, "openai/gpt-5")


async def test_default_columns_take_the_asked_for_then_the_configured_models() -> None:
    config = Config(defaults=Defaults(models=("openai/one", "openai/one"), system="Be brief."))
    async with engine({**KEY, "ANTHROPIC_API_KEY": "k"}, config) as made:
        assert labels(made, "anthropic/x/y") == ["anthropic/x/y"]
        columns = made.default_columns()
        assert [(c.id, c.label) for c in columns] == [("c1", "openai/one"), ("c2", "openai/one #2")]
        assert columns[0].system == "Be brief."
        assert made.default_columns(system="")[0].system == ""
        with pytest.raises(AppError) as raised:
            labels(made, "opnai/one")
        assert "openai/one" in raised.value.info.hint


async def test_at_most_three_models_are_suggested() -> None:
    keys = {f"{name}_API_KEY": "k" for name in ("OPENAI", "ANTHROPIC", "GROQ", "MISTRAL", "XAI")}
    async with engine(keys) as made:
        assert len({label.partition("/")[0] for label in labels(made)}) == 3


async def test_tool_tax_counts_what_is_offered(managers: list[RecordedManager]) -> None:
    async with engine(KEY) as made:
        servers = managers[-1]
        servers.add(tool("a", tokens=100))
        servers.add(tool("b", tokens=20))
        servers.add(tool("c", "t", tokens=3))
        servers.add(tool("d", "gone", tokens=1000))
        servers.set_status("gone", ServerStatus.BACKOFF)
        assert made.tool_tax(frozenset()) == 123
        assert made.tool_tax(frozenset({("s", "a"), ("t", "*")})) == 20
        assert [server.name for server in made.servers()] == ["s", "t", "gone"]


async def test_leaving_the_engine_stops_live_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = FakeProvider("a", Clock(), [TextDelta("x"), asyncio.Event()])
    events: list[ColumnEvent] = []
    async with asyncio.timeout(DEADLINE_S):
        async with engine(KEY) as made:
            provide(monkeypatch, made, provider)
            run = made.start_run(RunSpec((column(1, "a"),)), events.append)
            run.send("Go")
            await within(provider.until_opened())
        assert provider.closed == 1
        assert not run.live
        with pytest.raises(AppError, match="Engine is closed"):
            run.send("More")
        assert not run.live


async def test_fault_inside_leaves_nothing_running(
    monkeypatch: pytest.MonkeyPatch, managers: list[RecordedManager]
) -> None:
    provider = FakeProvider("a", Clock(), [TextDelta("x"), asyncio.Event()])
    with pytest.raises(AppError, match="Broken"):
        async with asyncio.timeout(DEADLINE_S), engine(KEY) as made:
            provide(monkeypatch, made, provider)
            made.start_run(RunSpec((column(1, "a"),)), lambda event: None).send("Go")
            await within(provider.until_opened())
            raise AppError("Broken")
    assert provider.closed == 1
    assert managers[-1].left


async def test_run_starts_through_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    async with engine(KEY) as made:
        provide(monkeypatch, made, FakeProvider("openai", Clock(), says("Hi")))
        run = made.start_run(RunSpec(made.default_columns()), lambda event: None)
        run.send("Go")
        await within(run.wait())
        assert run.answer_text("c1") == "Hi"
        assert run.metrics("c1").cost_usd is not None
        other = made.start_run(RunSpec(made.default_columns()), lambda event: None)
        assert other.id != run.id


async def test_bad_spec_is_refused() -> None:
    async with engine(KEY) as made:
        with pytest.raises(AppError, match="used twice"):
            made.start_run(RunSpec((column(1, "a"), column(1, "a"))), lambda event: None)


def test_importing_the_engine_imports_nothing_heavy() -> None:
    heavy = ("mcp", "httpx", "uvicorn", "textual", "rich", "genai_prices")
    code = f"import sys, mcp_tui.runs.engine\nprint([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


async def test_who_answers_servers_is_the_person_at_the_desk_and_headless_who_was_named(
    managers: list[RecordedManager],
) -> None:
    async with engine(KEY):
        at_desk = managers[-1].answering
        assert at_desk is not None
        assert at_desk.offers == EVERY_KIND
    headless = EngineOptions(headless=True, demo_speed=0)
    async with Engine(Config(), headless, environ=KEY):
        assert managers[-1].answering is None
    named = Answering(at_desk.ask, frozenset())
    async with Engine(Config(), replace(headless, answering=named), environ=KEY):
        assert managers[-1].answering is named
