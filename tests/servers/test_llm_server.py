"""The llm server through the SDK's client, in both eras; the provider is a scripted HTTP server on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any, Literal, cast

import anyio
import pytest
from jsonschema import Draft202012Validator
from mcp import Client
from mcp_types import (
    CallToolResult,
    LoggingMessageNotificationParams,
    PromptReference,
    ResourceTemplateReference,
    ResourceUpdatedNotification,
    TextContent,
    TextResourceContents,
)

from mcp_tui.core.types import JsonObject
from mcp_tui.providers.registry import ProviderRegistry
from mcp_tui.runs.engine import Engine, EngineOptions
from mcp_tui.servers.llm.__main__ import read_config
from mcp_tui.servers.llm.server import build_server
from tests.providers.loopback import Answer, Loopback, chunk, error, loopback, sse
from tests.servers.child import DEADLINE_S, http_child

Mode = Literal["auto", "legacy"]
pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
USAGE = {"usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}}
SETTINGS = """
[providers.lab]
format = "openai-chat"
base_url = "{origin}/v1"
api_key = "sk-lab-secret"
models = ["m-1", "m-2"]

[providers.spare]
format = "openai-chat"
base_url = "{origin}/v1"
api_key = "sk-spare"
models = ["s-1"]

[models]
quick = "lab/m-1?temperature=0.5"

[sets]
duel = ["lab/m-1", "lab/m-2"]

[prices."lab/m-1"]
input = 1.0
output = 2.0

[prices."lab/m-2"]
input = 10.0
output = 20.0
"""


@pytest.fixture(autouse=True)
def no_local_models(monkeypatch: pytest.MonkeyPatch) -> None:
    async def detect(self: ProviderRegistry, *, timeout_s: float = 0.7) -> tuple[str, ...]:
        return ()

    monkeypatch.setattr(ProviderRegistry, "detect_local", detect)


@pytest.fixture
async def lab() -> AsyncGenerator[Loopback]:
    async with loopback() as running:
        yield running


def said(text: str, finish: str = "stop") -> Answer:
    return Answer([sse(chunk({"content": text}), chunk(finish=finish, **USAGE))])


def settings(folder: Path, lab: Loopback, more: str = "") -> Path:
    file = folder / "llm.toml"
    file.write_text(SETTINGS.format(origin=lab.origin) + more)
    return file


@asynccontextmanager
async def serving(
    folder: Path, lab: Loopback, more: str = "", *, mode: Mode = "auto", **options: Any
) -> AsyncGenerator[Client]:
    config = read_config([str(settings(folder, lab, more))])
    engine = Engine(config, EngineOptions(headless=True, models_only=True), environ={})
    with anyio.fail_after(DEADLINE_S):
        async with Client(build_server(engine), mode=mode, read_timeout_seconds=DEADLINE_S, **options) as client:
            yield client


def text(result: CallToolResult) -> str:
    return "\n".join(item.text for item in result.content if isinstance(item, TextContent))


def data(result: CallToolResult) -> JsonObject:
    content = cast("object", result.structured_content)
    assert isinstance(content, dict), text(result)
    return cast("JsonObject", content)


def ask(client: Client, **arguments: Any) -> Any:
    return client.call_tool("call_llm", {"provider": "lab", "model": "m-1", "prompt": "hi", **arguments})


def about(value: float) -> Any:
    return pytest.approx(value)  # pyright: ignore[reportUnknownMemberType]  # loose stubs


async def read(client: Client, uri: str) -> JsonObject:
    contents = (await client.read_resource(uri, cache_mode="bypass")).contents[0]
    assert isinstance(contents, TextResourceContents)
    return json.loads(contents.text)


async def matches(client: Client, tool: str, value: JsonObject) -> bool:
    schema = next(one.output_schema for one in (await client.list_tools()).tools if one.name == tool)
    assert schema is not None
    return Draft202012Validator(schema).is_valid(value)  # pyright: ignore[reportUnknownMemberType]  # loose stubs


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_model_answers_with_tokens_time_and_cost(tmp_path: Path, lab: Loopback, mode: Mode) -> None:
    lab.script(said("Hello."))
    async with serving(tmp_path, lab, mode=mode) as client:
        result = await ask(client, system="Be brief.", temperature=0.2, max_tokens=50, seed=7, stop=["END"])
        answer = data(result)
        assert await matches(client, "call_llm", answer)
    assert not result.is_error
    assert text(result) == answer["text"] == "Hello."
    assert answer["usage"]["input_tokens"] == 10
    assert answer["cost_usd"] == about(14e-6)
    assert answer["stop_reason"] == "stop"
    sent = lab.requests[0].json
    assert sent["model"] == "m-1"
    assert [message["content"] for message in sent["messages"]] == ["Be brief.", "hi"]
    assert {name: sent.get(name) for name in ("temperature", "seed", "stop")} == {
        "temperature": 0.2,
        "seed": 7,
        "stop": ["END"],
    }
    assert "tools" not in sent


async def test_comparison_has_the_figures_of_all(tmp_path: Path, lab: Loopback) -> None:
    lab.script(said("Yes."), said("Yes."), said("Yes."))
    async with serving(tmp_path, lab) as client:
        result = await client.call_tool(
            "compare", {"prompt": "Is it so?", "providers": ["spare"], "models": ["duel"], "max_tokens": 9}
        )
        value = data(result)
        assert await matches(client, "compare", value)
    assert value["prompt"] == "Is it so?"
    assert [one["model"] for one in value["responses"]] == ["spare/s-1", "lab/m-1", "lab/m-2"]
    assert all(one["params"] == {"max_tokens": 9} for one in value["responses"])
    figures = value["comparison"]
    assert (figures["count"], figures["answered"], figures["average_length"]) == (3, 3, 4)
    assert (figures["input_tokens"], figures["output_tokens"], figures["total_tokens"]) == (30, 6, 36)
    assert figures["cost_usd"] == about(14e-6 + 140e-6)
    assert figures["cheapest"] == "lab/m-1"
    assert figures["average_latency_ms"] > 0
    assert "## lab/m-2\nYes." in text(result)


async def test_without_names_the_default_models_are_compared(tmp_path: Path, lab: Loopback) -> None:
    lab.script(said("a"))
    async with serving(tmp_path, lab, '[defaults]\nmodels = ["quick"]\n') as client:
        value = data(await client.call_tool("compare", {"prompt": "x"}))
    assert [one["model"] for one in value["responses"]] == ["lab/m-1 temperature=0.5"]
    assert lab.requests[0].json["temperature"] == 0.5


async def test_one_answer_of_two_is_no_error_and_none_is_one(tmp_path: Path, lab: Loopback) -> None:
    refusal = error(400, {"error": {"message": "no such thing", "type": "invalid_request_error"}})
    async with serving(tmp_path, lab) as client:
        lab.script(said("fine"), refusal)
        half = await client.call_tool("compare", {"prompt": "x", "models": ["duel"]})
        lab.script(refusal, refusal)
        none = await client.call_tool("compare", {"prompt": "x", "models": ["duel"]})
    assert not half.is_error
    assert sorted(one["status"] for one in data(half)["responses"]) == ["error", "ok"]
    assert none.is_error
    assert "no such thing" in text(none)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"provider": "openai"}, ("OPENAI_API_KEY not set", "Available here: lab (m-1, m-2)")),
        ({"provider": "nobody"}, ("Available here: lab (m-1, m-2); spare (s-1)", "list_models")),
        ({"provider": "lab", "model": "m-1?temperature=9"}, ("temperature", "from 0 to 2")),
        ({"fallback": "duel"}, ("duel", "name one model")),
        ({"provider": "duel", "model": ""}, ("set of 2 models", "compare")),
        ({"temperature": 3}, ("temperature",)),
        ({"prompt": ""}, ("prompt",)),
        ({"prompt": "   "}, ("Empty prompt",)),
    ],
)
async def test_what_cannot_be_asked_is_an_error_that_says_what_to_do(
    tmp_path: Path, lab: Loopback, arguments: JsonObject, words: tuple[str, ...]
) -> None:
    async with serving(tmp_path, lab) as client:
        result = await ask(client, **arguments)
    assert result.is_error
    for word in words:
        assert word in text(result)
    assert not lab.requests
    assert "sk-" not in text(result)


async def test_without_any_key_the_error_names_the_ways_to_get_one(tmp_path: Path) -> None:
    engine = Engine(read_config([]), EngineOptions(headless=True, models_only=True), environ={})
    async with Client(build_server(engine)) as client:
        for result in (await ask(client), await client.call_tool("compare", {"prompt": "x"})):
            assert result.is_error
            assert "OPENAI_API_KEY" in text(result)
            assert "--demo" in text(result)
        assert "No provider has a key" in text(await client.call_tool("list_models", {}))


async def test_refusals_of_the_provider_are_told_with_its_own_words(tmp_path: Path, lab: Loopback) -> None:
    lab.script(error(404, {"error": {"message": "The model m-9 does not exist", "code": "model_not_found"}}))
    async with serving(tmp_path, lab) as client:
        result = await ask(client, model="m-9")
    assert result.is_error
    assert "m-9 does not exist" in text(result)
    assert data(result)["error"]["title"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_too_many_requests_are_tried_again_and_told(tmp_path: Path, lab: Loopback, mode: Mode) -> None:
    lab.script(error(429, {"error": {"message": "slow down"}}, retry_after_ms="10"), said("at last"))
    logged: list[LoggingMessageNotificationParams] = []
    heard = anyio.Event()

    async def log(params: LoggingMessageNotificationParams) -> None:
        logged.append(params)
        heard.set()

    async with serving(tmp_path, lab, mode=mode, logging_callback=log, log_level="info") as client:
        answer = data(await ask(client))
        await heard.wait()
    assert answer["text"] == "at last"
    assert answer["attempts"] == 2
    assert logged[0].level == "warning"
    assert "slow down" in str(logged[0].data)


async def test_a_fallback_answers_for_a_provider_that_is_down(tmp_path: Path, lab: Loopback) -> None:
    lab.script(error(402, {"error": {"message": "no credit left", "code": "insufficient_quota"}}), said("instead"))
    async with serving(tmp_path, lab) as client:
        answer = data(await ask(client, fallback="spare/s-1", temperature=0.1))
    assert answer["text"] == "instead"
    assert answer["fallback"].startswith("spare/s-1 because")
    assert [request.json["model"] for request in lab.requests] == ["m-1", "s-1"]
    assert lab.requests[1].json["temperature"] == 0.1


async def test_a_provider_that_is_down_is_an_error_with_its_name(tmp_path: Path, lab: Loopback) -> None:
    async with serving(tmp_path, lab, '[providers.gone]\nformat = "openai-chat"\nbase_url = "http://127.0.0.1:9/v1"\n'
                       'api_key = "k"\nmodels = ["g"]\n') as client:  # fmt: skip
        result = await ask(client, provider="gone", model="g")
    assert result.is_error
    assert "127.0.0.1:9" in text(result)


async def test_an_exhausted_budget_asks_nobody(tmp_path: Path, lab: Loopback) -> None:
    async with serving(tmp_path, lab, "[limits]\nusd_per_run = 0.000001\n") as client:
        # Nobody raises the owner's limit from outside.
        result = await ask(client, max_cost_usd=100)
    assert result.is_error
    assert "Spend limit" in text(result)
    assert "of $0.000001," in text(result)
    assert not lab.requests


async def test_the_limit_of_the_day_counts_all_calls(tmp_path: Path, lab: Loopback) -> None:
    lab.script(said("x"))
    async with serving(tmp_path, lab, "[limits]\nusd_per_day = 0.00005\n") as client:
        assert not (await ask(client, max_tokens=2)).is_error
        result = await ask(client, model="m-2", max_tokens=100)
        assert result.is_error
        assert "per day" in text(result)
        today = (await read(client, "llm://usage"))["today"]
    assert today["limit_usd"] == 0.00005
    assert today["cost_usd"] == about(14e-6)


async def test_the_cache_replays_when_it_is_asked_to(tmp_path: Path, lab: Loopback) -> None:
    lab.script(said("once"))
    async with serving(tmp_path, lab) as client:
        first = data(await ask(client, cache=True))
        again = data(await ask(client, cache=True))
    assert (first["cached"], again["cached"]) == (False, True)
    assert again["text"] == "once"
    assert len(lab.requests) == 1


async def test_an_answer_that_is_cut_says_so(tmp_path: Path, lab: Loopback) -> None:
    lab.script(said("Half an ans", finish="length"))
    async with serving(tmp_path, lab) as client:
        result = await ask(client, max_tokens=3)
    assert not result.is_error
    assert data(result)["status"] == "incomplete"
    assert text(result).startswith("Half an ans\n\n[incomplete]")


async def test_half_an_emoji_does_not_break_the_answer(tmp_path: Path, lab: Loopback) -> None:
    lab.script(Answer([b'data: {"choices": [{"index": 0, "delta": {"content": "broken \\ud83d"}}]}\n\n',
                       sse(chunk(finish="stop"))]))  # fmt: skip
    async with serving(tmp_path, lab) as client:
        assert text(await ask(client)) == "broken �"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_progress_counts_tokens_while_they_come(tmp_path: Path, lab: Loopback, mode: Mode) -> None:
    go_on = asyncio.Event()
    words = sse(*(chunk({"content": f"word {n} "}) for n in range(20)), done=False)
    lab.script(Answer([words, go_on, sse(chunk(finish="stop", **USAGE))]))
    seen: list[tuple[float, str]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        assert total is None
        seen.append((progress, message or ""))
        if "tokens" in (message or ""):
            go_on.set()

    async with serving(tmp_path, lab, mode=mode) as client:
        await client.call_tool("call_llm", {"provider": "lab", "model": "m-1", "prompt": "x"}, progress_callback=note)
    assert [progress for progress, _ in seen] == sorted({progress for progress, _ in seen})
    assert any(message.startswith("~") for _, message in seen)
    assert seen[-1][1] == "2 tokens, done"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_cancelling_the_call_closes_the_stream_of_the_provider(tmp_path: Path, lab: Loopback, mode: Mode) -> None:
    lab.script(Answer([sse(chunk({"content": "slow"}), done=False)], end="hold"))
    async with serving(tmp_path, lab, mode=mode) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, client)
            await lab.answering.wait()
            tasks.cancel_scope.cancel()
        await lab.client_left.wait()
        usage = await read(client, "llm://usage/lab")
    assert usage["models"][0]["calls"] == 1


async def test_time_runs_out_for_a_model_that_says_nothing(tmp_path: Path, lab: Loopback) -> None:
    lab.script(Answer(silent=True))
    async with serving(tmp_path, lab) as client:
        result = await ask(client, time_limit_s=0.2)
    assert "Time limit" in text(result)
    assert data(result)["status"] == "incomplete"


async def test_usage_is_kept_by_provider_model_and_day(tmp_path: Path, lab: Loopback) -> None:
    lab.script(said("a"), said("b"), said("c"))
    today = date.today().isoformat()
    async with serving(tmp_path, lab) as client:
        await ask(client)
        await client.call_tool("compare", {"prompt": "x", "models": ["lab/m-2", "spare/s-1"]})
        everything = await read(client, "llm://usage")
        of_lab = await read(client, "llm://usage/lab")
        of_today = await read(client, "llm://usage/lab/today")
        of_before = await read(client, "llm://usage/lab/2020-01-01")
        for uri in ("llm://usage/nobody", "llm://usage/lab/someday"):
            with pytest.raises(Exception, match=r"no provider|is no day"):
                await read(client, uri)
    assert {one["provider"]: one["calls"] for one in everything["providers"]} == {"lab": 2, "spare": 1}
    assert everything["today"]["cost_usd"] == about(14e-6 + 140e-6)
    assert {one["model"]: one["calls"] for one in of_lab["models"]} == {"m-1": 1, "m-2": 1}
    assert [(one["day"], one["calls"]) for one in of_lab["days"]] == [(today, 2)]
    assert of_today["models"] == of_lab["models"]
    assert of_before["models"] == []


async def test_usage_resources_and_prompts_complete(tmp_path: Path, lab: Loopback) -> None:
    lab.script(said("a"))
    template = ResourceTemplateReference(type="ref/resource", uri="llm://usage/{provider}/{day}")
    prompt = PromptReference(type="ref/prompt", name="second_opinion")
    async with serving(tmp_path, lab) as client:
        await ask(client)
        provider = await client.complete(template, {"name": "provider", "value": "la"})
        day = await client.complete(template, {"name": "day", "value": ""}, context_arguments={"provider": "lab"})
        models = await client.complete(prompt, {"name": "models", "value": "spare/s-1, lab/m"})
        messages = (await client.get_prompt("second_opinion", {"question": "Why?", "models": "lab/m-1"})).messages
    assert provider.completion.values == ["lab"]
    assert day.completion.values == ["today", date.today().isoformat()]
    assert models.completion.values == ["spare/s-1,lab/m-1", "spare/s-1,lab/m-2"]
    assert isinstance(messages[0].content, TextContent)
    assert "lab/m-1" in messages[0].content.text


async def test_subscribers_hear_of_every_call(tmp_path: Path, lab: Loopback) -> None:
    lab.script(said("a"), said("b"))
    async with (
        serving(tmp_path, lab) as client,
        client.listen(resource_subscriptions=["llm://usage/lab"]) as events,
    ):
        await ask(client)
        assert "llm://usage/lab" in str(await anext(aiter(events)))
    heard = anyio.Event()

    async def message(update: Any) -> None:
        if isinstance(update, ResourceUpdatedNotification):
            assert update.params.uri == "llm://usage"
            heard.set()

    async with serving(tmp_path, lab, mode="legacy", message_handler=message) as client:
        await client.subscribe_resource("llm://usage")  # pyright: ignore[reportDeprecated]  # the older protocol
        await ask(client)
        await heard.wait()


async def test_models_are_listed_with_what_the_configuration_names(tmp_path: Path, lab: Loopback) -> None:
    lab.script(error(401, {"error": {"message": "bad key sk-lab-secret"}}))
    lab.script(Answer([json.dumps({"data": [{"id": "s-2"}, {"id": "s-1"}]}).encode()], 200, "application/json"))
    async with serving(tmp_path, lab) as client:
        first = data(await client.call_tool("list_models", {"provider": "lab"}))
        second = data(await client.call_tool("list_models", {"provider": "spare"}))
        known = data(await client.call_tool("list_models", {"refresh": False}))
        unknown = await client.call_tool("list_models", {"provider": "nobody"})
        assert await matches(client, "list_models", known)
        resource = await read(client, "llm://providers")
    assert first["providers"][0]["models"] == ["m-1", "m-2"]
    assert first["providers"][0]["error"] is not None
    assert second["providers"][0] | {"key_source": ""} == {
        "name": "spare", "available": True, "key_source": "", "demo": False, "models": ["s-1", "s-2"],
        "models_from": "provider", "error": None,
    }  # fmt: skip
    assert [one["name"] for one in known["providers"]] == ["lab", "spare"]
    assert known["names"] == {"quick": "lab/m-1?temperature=0.5"}
    assert known["sets"] == {"duel": ["lab/m-1", "lab/m-2"]}
    assert unknown.is_error
    assert "Available here" in text(unknown)
    assert "sk-lab" not in json.dumps([first, known, resource])


async def test_calls_are_not_marked_as_harmless(tmp_path: Path, lab: Loopback) -> None:
    async with serving(tmp_path, lab) as client:
        hints = {tool.name: tool.annotations for tool in (await client.list_tools()).tools}
    harmless = {name for name, hint in hints.items() if hint is not None and hint.read_only_hint}
    assert harmless == {"list_models"}
    assert all(hint is not None and hint.open_world_hint for hint in hints.values())


async def test_twenty_clients_at_once_get_their_own_answers(tmp_path: Path, lab: Loopback) -> None:
    """Over HTTP to a child process, half of them in each era. Every answer repeats the question."""
    release = asyncio.Event()

    async def answer(number: int, client: Client) -> str:
        result = await client.call_tool("call_llm", {"provider": "lab", "model": "m-1", "prompt": f"question {number}"})
        return text(result)

    lab.script(*(Answer([release, sse(chunk({"content": "same"}), chunk(finish="stop", **USAGE))]) for _ in range(20)))
    with http_child(tmp_path, "llm", "--config", str(settings(tmp_path, lab))) as child, anyio.fail_after(DEADLINE_S):
        url = await child.url()
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(Client(url, mode="legacy" if number % 2 else "auto"))
                for number in range(20)
            ]
            answers = [asyncio.create_task(answer(number, client)) for number, client in enumerate(clients)]
            # All of them wait for their model at the same time.
            await lab.seen(20)
            release.set()
            assert await asyncio.gather(*answers) == ["same"] * 20
            total = await read(clients[0], "llm://usage/lab")
        assert total["models"][0]["calls"] == 20
        assert child.stderr().count("\n") == 1
    questions = {request.json["messages"][-1]["content"] for request in lab.requests}
    assert questions == {f"question {number}" for number in range(20)}


async def test_the_demo_needs_no_key(tmp_path: Path) -> None:
    config = read_config([])
    engine = Engine(config, EngineOptions(demo=True, headless=True, demo_speed=0, models_only=True), environ={})
    with anyio.fail_after(DEADLINE_S):
        async with Client(build_server(engine)) as client:
            value = data(await client.call_tool("compare", {"prompt": "hello"}))
            listed = data(await client.call_tool("list_models", {}))
    assert [one["status"] for one in value["responses"]] == ["ok", "ok", "ok"]
    assert [one["name"] for one in listed["providers"]] == ["demo"]
    assert listed["providers"][0]["demo"] is True
