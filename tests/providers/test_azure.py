"""Azure OpenAI: two kinds of address, one key header."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_tui.config.schema import Origin, ProviderSpec
from mcp_tui.core.chat import ChatRequest, StopReason
from mcp_tui.core.errors import AppError
from mcp_tui.providers.azure import azure_address, is_azure
from mcp_tui.providers.registry import ModelRef, ProviderRegistry
from tests.providers.asking import ask, user
from tests.providers.loopback import Answer, Loopback, chunk, error, named, sse
from tests.providers.responses_stream import end, message

ORIGIN = Origin("config.toml:3")
FILTERED: dict[str, Any] = {"choices": [], "prompt_filter_results": []}
CHAT = Answer([sse(FILTERED, chunk({"content": "ok"}, "stop"))])
RESPONSES = Answer([named(*message(0, "ok"), end())])
HOST = "https://team.openai.azure.com"


@pytest.mark.parametrize(
    ("given", "version", "base_url", "query"),
    [
        (HOST, "", f"{HOST}/openai/v1", ""),
        (f"{HOST}/", "v1", f"{HOST}/openai/v1", ""),
        (f"{HOST}/openai/v1/", "2024-10-21", f"{HOST}/openai/v1", ""),
        (HOST, "preview", f"{HOST}/openai/v1", "api-version=preview"),
        (HOST, "2024-10-21", f"{HOST}/openai", "api-version=2024-10-21"),
        (f"{HOST}?api-version=2025-01-01-preview", "2024-10-21", f"{HOST}/openai", "api-version=2025-01-01-preview"),
        ("team.openai.azure.com", "", f"{HOST}/openai/v1", ""),
        ("http://gateway:9/azure", "", "http://gateway:9/azure/openai/v1", ""),
    ],
)
def test_addresses_are_taken_in_every_form(given: str, version: str, base_url: str, query: str) -> None:
    address = azure_address(given, version)
    assert (address.base_url, address.query, address.deployment) == (base_url, query, "")
    assert address.deployments == (query.startswith("api-version=20"))


def test_the_url_of_one_deployment_names_it() -> None:
    url = f"{HOST}/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"
    address = azure_address(url, "")
    assert (address.base_url, address.deployments, address.deployment) == (f"{HOST}/openai", True, "my gpt")


def test_only_azure_hosts_are_azure() -> None:
    assert is_azure(HOST)
    assert is_azure("https://x.services.ai.azure.com/openai/v1")
    assert not is_azure("https://openai.azure.com.evil.example")
    assert not is_azure("https://api.openai.com/v1")


def registry(origin: str, **environ: str) -> ProviderRegistry:
    return ProviderRegistry([], {"AZURE_OPENAI_API_KEY": "k-azure", "AZURE_OPENAI_ENDPOINT": origin, **environ})


async def asked(found: ProviderRegistry, model: str = "azure/my-gpt") -> None:
    ref = found.resolve(model)
    got = await ask(found.provider(ref.provider), ChatRequest(ref.model, (user("Hi"),)))
    assert (got.text, got.finished.stop) == ("ok", StopReason.STOP)
    await found.aclose()


async def test_the_current_api_speaks_responses_with_the_deployment_as_model(server: Loopback) -> None:
    server.script(RESPONSES)
    await asked(registry(server.origin))
    request = server.requests[0]
    assert request.path == "/openai/v1/responses"
    assert request.json["model"] == "my-gpt"
    assert request.headers["api-key"] == "k-azure"
    assert "authorization" not in request.headers


@pytest.mark.parametrize("variable", ["OPENAI_API_VERSION", "AZURE_OPENAI_API_VERSION"])
async def test_a_dated_version_speaks_chat_with_the_deployment_in_the_path(server: Loopback, variable: str) -> None:
    server.script(CHAT)
    await asked(registry(server.origin, **{variable: "2024-10-21"}), "azure/my gpt")
    request = server.requests[0]
    assert request.path == "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"
    assert request.headers["api-key"] == "k-azure"
    assert request.json["messages"] == [{"role": "user", "content": "Hi"}]


async def test_a_dated_version_speaks_responses_where_that_is_configured(server: Loopback) -> None:
    server.script(RESPONSES)
    own = ProviderSpec("azure", ORIGIN, format="openai-responses", base_url=f"{server.origin}?api-version=2025-04-01")
    await asked(ProviderRegistry([own], {"AZURE_OPENAI_API_KEY": "k-azure"}))
    assert server.requests[0].path == "/openai/responses?api-version=2025-04-01"


async def test_chat_on_the_current_api(server: Loopback) -> None:
    server.script(CHAT)
    own = ProviderSpec("azure", ORIGIN, format="openai-chat")
    environ = {"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": server.origin}
    await asked(ProviderRegistry([own], environ))
    assert server.requests[0].path == "/openai/v1/chat/completions"


def info(found: ProviderRegistry, name: str = "azure") -> Any:
    return next(entry for entry in found.providers() if entry.name == name)


def test_deployments_come_from_variables_config_and_the_url() -> None:
    url = f"{HOST}/openai/deployments/in-url?api-version=2024-10-21"
    found = registry(url, AZURE_OPENAI_DEPLOYMENT="in-variable")
    assert info(found).models == ("in-url", "in-variable")
    assert found.resolve("azure") == ModelRef("azure", "in-url")
    assert found.resolve("in-variable") == ModelRef("azure", "in-variable")
    assert "api-version" not in info(found).base_url


def test_a_provider_of_the_users_own_on_azure_is_azure() -> None:
    own = ProviderSpec("work", ORIGIN, base_url=HOST, api_key="k", models=("gpt-main",))
    found = info(ProviderRegistry([own], {}), "work")
    assert (found.format, found.base_url, found.models) == ("openai-responses", f"{HOST}/openai/v1", ("gpt-main",))


@pytest.mark.parametrize(
    ("environ", "missing"),
    [({}, "AZURE_OPENAI_ENDPOINT"), ({"AZURE_OPENAI_API_KEY": "k"}, "AZURE_OPENAI_ENDPOINT"),
     ({"AZURE_OPENAI_ENDPOINT": HOST}, "AZURE_OPENAI_API_KEY")],
)  # fmt: skip
def test_what_is_missing_is_named(environ: dict[str, str], missing: str) -> None:
    found = ProviderRegistry([], environ)
    assert not info(found).available
    with pytest.raises(AppError) as caught:
        found.resolve("azure/x")
    assert missing in caught.value.info.hint


async def test_the_query_goes_with_the_list_of_models_too(server: Loopback) -> None:
    server.script(Answer([b'{"data": [{"id": "gpt-x"}]}'], content_type="application/json"))
    found = registry(f"{server.origin}?api-version=2024-10-21")
    assert await found.provider("azure").list_models() == ("gpt-x",)
    assert server.requests[0].path == "/openai/models?api-version=2024-10-21"
    await found.aclose()


async def test_retry_after_ms_is_obeyed_and_a_filtered_prompt_is_named(server: Loopback) -> None:
    from tests.providers.asking import KEY, Naps, chat

    naps = Naps()
    body = {"error": {"code": "429", "message": "Requests have exceeded the call rate limit"}}
    filtered = {"error": {"code": "content_filter", "message": "The prompt was filtered.", "param": "prompt"}}
    server.script(error(429, body, retry_after_ms="1500"), error(400, filtered))
    got = await ask(chat(server.origin, naps=naps))
    assert naps.taken_s == [1.5]
    assert got.finished.error is not None
    assert got.finished.error.code == "content_filter"
    assert KEY not in got.finished.error.line()
