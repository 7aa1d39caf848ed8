"""Names, keys, addresses, and what people are told when one of them is missing."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from mcp_tui.config.schema import Origin, ProviderSpec
from mcp_tui.core.chat import ChatRequest, StopReason
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.providers.endpoint import ollama_url
from mcp_tui.providers.registry import ModelRef, ProviderRegistry
from mcp_tui.providers.vendors import BY_NAME, GENERIC, VENDORS, quirks_at
from tests.providers.asking import ask, user
from tests.providers.gemini_stream import chunk as gemini_chunk
from tests.providers.gemini_stream import stream, text
from tests.providers.loopback import Answer, Loopback, chunk, named, sse
from tests.providers.responses_stream import end, message

ORIGIN = Origin("config.toml:3")
OK = Answer([sse(chunk({"content": "ok"}, "stop"))])
KEYS = {"OPENAI_API_KEY": "k-openai", "ANTHROPIC_API_KEY": "k-anthropic"}


def spec(name: str, **fields: Any) -> ProviderSpec:
    return ProviderSpec(name, ORIGIN, **fields)


def refused(registry: ProviderRegistry, text: str) -> ErrorInfo:
    with pytest.raises(AppError) as caught:
        registry.resolve(text)
    assert caught.value.info.kind is ErrorKind.USAGE
    return caught.value.info


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("openai/gpt-5.5", ("openai", "gpt-5.5")),
        (" OpenAI/gpt-5.5 ", ("openai", "gpt-5.5")),
        ("openai/some/model:free", ("openai", "some/model:free")),
        ("claude-opus-9", ("anthropic", "claude-opus-9")),
        ("gpt-7-nano", ("openai", "gpt-7-nano")),
        ("anthropic", ("anthropic", BY_NAME["anthropic"].models[0])),
        ("ollama/llama3.2:1b", ("ollama", "llama3.2:1b")),
        ("mine/x", ("mine", "x")),
        ("mine", ("mine", "first")),
        ("second", ("mine", "second")),
        ("org/third", ("mine", "org/third")),
    ],
)
def test_names_are_resolved(text: str, expected: tuple[str, str]) -> None:
    mine = spec("mine", base_url="http://127.0.0.1:9/v1", models=("first", "second", "org/third"))
    assert ProviderRegistry([mine], KEYS).resolve(text) == ModelRef(*expected)


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("opnai/gpt-5.5", "openai/gpt-5.5"),
        ("antropic", "anthropic"),
        ("demo/swft", "demo/swift"),
        ("swfit", "demo/swift"),
    ],
)
def test_misspelt_names_get_suggestions(text: str, suggestion: str) -> None:
    info = refused(ProviderRegistry([], KEYS, demo_base_url="http://127.0.0.1:9"), text)
    assert info.code == "unknown_model"
    assert suggestion in info.hint


@pytest.mark.parametrize("text", ["", "/", "zzzz", "zzzz/qqqq", "[/x]\x1b]52;c;AA\x07"])
def test_hopeless_names_still_get_a_usable_error(text: str) -> None:
    assert refused(ProviderRegistry([], KEYS), text).hint


def test_a_missing_key_names_its_variable() -> None:
    info = refused(ProviderRegistry([], {}), "groq/openai/gpt-oss-120b")
    assert info.code == "missing_key"
    assert "GROQ_API_KEY" in info.detail + info.hint
    gemini = refused(ProviderRegistry([], {"GEMINI_API_KEY": "  "}), "gemini-3.5-flash")
    assert "GEMINI_API_KEY" in gemini.detail
    assert "GOOGLE_API_KEY" in gemini.detail


def test_a_local_provider_without_a_model_asks_for_one() -> None:
    assert refused(ProviderRegistry([], {}), "ollama").code == "no_model"


def test_a_model_of_two_providers_is_asked_about() -> None:
    registry = ProviderRegistry(
        [spec(name, base_url="http://127.0.0.1:9/v1", models=("same",)) for name in ("a", "b")], {}
    )
    info = refused(registry, "same")
    assert info.code == "ambiguous_model"
    assert "a/same" in info.hint
    assert "b/same" in info.hint


@pytest.mark.parametrize(
    ("name", "fields", "environ", "expected"),
    [
        ("openai", {}, {}, ("openai-responses", "https://api.openai.com/v1")),
        ("openai", {}, {"OPENAI_BASE_URL": "http://h:1/v1"}, ("openai-chat", "http://h:1/v1")),
        (
            "openai",
            {},
            {"OPENAI_BASE_URL": "https://eu.api.openai.com/v1"},
            ("openai-responses", "https://eu.api.openai.com/v1"),
        ),
        ("openai", {"base_url": "http://h:1"}, {}, ("openai-chat", "http://h:1/v1")),
        (
            "openai",
            {"base_url": "http://h:1", "format": "openai-responses"},
            {},
            ("openai-responses", "http://h:1/v1"),
        ),
        ("openai", {"format": "openai-chat"}, {}, ("openai-chat", "https://api.openai.com/v1")),
        ("mine", {"base_url": "https://api.openai.com/v1"}, {}, ("openai-responses", "https://api.openai.com/v1")),
        ("mine", {"base_url": "https://notapi.openai.com/v1"}, {}, ("openai-chat", "https://notapi.openai.com/v1")),
        ("xai", {}, {}, ("openai-responses", "https://api.x.ai/v1")),
        ("gemini", {}, {}, ("gemini", "https://generativelanguage.googleapis.com/v1beta")),
        (
            "gemini",
            {},
            {"GEMINI_BASE_URL": "https://generativelanguage.googleapis.com/v1beta/openai/"},
            ("gemini", "https://generativelanguage.googleapis.com/v1beta"),
        ),
        ("gemini", {}, {"GEMINI_BASE_URL": "http://h:1/openai"}, ("openai-chat", "http://h:1/openai")),
        (
            "gemini",
            {"format": "openai-chat"},
            {},
            ("openai-chat", "https://generativelanguage.googleapis.com/v1beta/openai"),
        ),
        ("mine", {"base_url": "http://h:1", "format": "gemini"}, {}, ("gemini", "http://h:1/v1beta")),
        ("mine", {"base_url": "http://h:1", "format": "anthropic-messages"}, {}, ("anthropic-messages", "http://h:1")),
    ],
)
def test_the_format_follows_the_address(
    name: str, fields: dict[str, Any], environ: dict[str, str], expected: tuple[str, str]
) -> None:
    specs = [spec(name, **fields)] if fields else []
    info = next(info for info in ProviderRegistry(specs, environ).providers() if info.name == name)
    assert (info.format, info.base_url) == expected


def test_a_bad_entry_is_an_error_of_that_provider_only() -> None:
    problem = ErrorInfo("bad entry", "config.toml:3: no", kind=ErrorKind.USAGE)
    registry = ProviderRegistry(
        [
            spec("broken", problem=problem),
            spec("nowhere"),
            spec("odd", base_url="ftp://x"),
            spec("groq", api_key="a\nb"),
        ],
        KEYS,
    )
    assert refused(registry, "broken/x") == problem
    assert "base_url" in refused(registry, "nowhere/x").hint
    assert "base_url" in refused(registry, "odd/x").hint
    assert "api_key" in refused(registry, "groq/x").line()
    assert registry.resolve("openai/x") == ModelRef("openai", "x")


def test_providers_say_where_their_key_comes_from_and_never_the_key() -> None:
    registry = ProviderRegistry(
        [spec("mistral", api_key="k-mistral"), spec("mine", base_url="http://u:pass@10.0.0.1/v1")],
        {**KEYS, "GOOGLE_API_KEY": "k-google"},
        demo_base_url="http://127.0.0.1:4000",
    )
    infos = {info.name: info for info in registry.providers()}
    names = ("openai", "mistral", "gemini", "groq", "ollama", "mine", "demo")
    sources = {name: infos[name].key_source for name in names}
    assert sources == {
        "openai": "OPENAI_API_KEY",
        "mistral": "config",
        "gemini": "GOOGLE_API_KEY",
        "groq": "",
        "ollama": "none needed",
        "mine": "none needed",
        "demo": "none needed",
    }
    assert {name for name, info in infos.items() if info.available} == {
        "openai", "anthropic", "mistral", "gemini", "mine", "demo",
    }  # fmt: skip
    assert infos["demo"].demo
    assert infos["demo"].models == ("swift", "scholar", "builder")
    assert registry.providers()[0].name == "demo"
    shown = repr(registry.providers())
    assert not [key for key in ("k-openai", "k-anthropic", "k-mistral", "k-google") if key in shown]
    assert "pass" not in shown


def test_without_keys_and_servers_nothing_is_available() -> None:
    assert not any(info.available for info in ProviderRegistry([], {}).providers())


def test_a_local_server_someone_configured_is_available_without_asking_it() -> None:
    configured = {"LMSTUDIO_BASE_URL": "http://127.0.0.1:1234/v1", "VLLM_API_KEY": "k"}
    registry = ProviderRegistry([spec("ollama", models=("llama3.2:1b",))], configured)
    assert {info.name for info in registry.providers() if info.available} == {"ollama", "lmstudio", "vllm"}


def test_config_wins_over_the_environment() -> None:
    registry = ProviderRegistry(
        [spec("openai", base_url="http://10.0.0.9/api/", models=("mine",))],
        {**KEYS, "OPENAI_BASE_URL": "http://10.0.0.8/v1"},
    )
    info = next(info for info in registry.providers() if info.name == "openai")
    assert info.base_url == "http://10.0.0.9/api"
    assert info.models == ("mine", *BY_NAME["openai"].models)
    assert registry.resolve("openai") == ModelRef("openai", "mine")


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("openai", "http://h:1", "http://h:1/v1"),
        ("openai", "http://h:1/v1/", "http://h:1/v1"),
        ("openai", "http://h:1/proxy", "http://h:1/proxy"),
        ("openai", "http://h/v1/chat/completions", "http://h/v1"),
        ("anthropic", "http://h:1", "http://h:1"),
        ("anthropic", "http://h:1/v1", "http://h:1"),
        ("anthropic", "http://h/x/v1/messages", "http://h/x"),
        ("groq", "https://api.groq.com", "https://api.groq.com/openai/v1"),
        ("groq", "https://api.groq.com/openai/v1", "https://api.groq.com/openai/v1"),
        ("openai", "http://h/v1/responses", "http://h/v1"),
        ("gemini", "https://g", "https://g/v1beta"),
        ("gemini", "https://g/v1beta/", "https://g/v1beta"),
        ("gemini", "https://g/v1beta/openai/", "https://g/v1beta"),
        ("gemini", "https://g/v1beta/models/gemini-x:streamGenerateContent", "https://g/v1beta"),
        ("gemini", "https://g/v1/publishers/google", "https://g/v1/publishers/google"),
        ("gemini", "http://h/proxy", "http://h/proxy/v1beta"),
        ("mistral", "https://api.mistral.ai", "https://api.mistral.ai/v1"),
        ("deepseek", "https://api.deepseek.com", "https://api.deepseek.com/v1"),
        ("vllm", "gpu-box:8000", "http://gpu-box:8000/v1"),
    ],
)
def test_base_urls_are_taken_as_the_vendors_sdk_takes_them(name: str, given: str, expected: str) -> None:
    assert BY_NAME[name].url(given) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        (":1234", "http://127.0.0.1:1234"),
        ("box:99", "http://box:99"),
        ("http://box", "http://box:80"),
        ("https://box/ollama/", "https://box:443/ollama"),
        ("[::1]", "http://[::1]:11434"),
        ("[::]:5", "http://127.0.0.1:5"),
    ],
)
def test_ollama_host_is_read_as_ollama_reads_it(host: str, expected: str) -> None:
    assert ollama_url(host) == expected


def test_dialects_follow_the_address_not_only_the_name() -> None:
    assert quirks_at("https://api.mistral.ai/v1", GENERIC) == BY_NAME["mistral"].quirks
    assert quirks_at("http://127.0.0.1:11434/v1", GENERIC) == GENERIC


SAYS_OK: dict[str, tuple[bytes, str, str]] = {
    "openai-chat": (sse(chunk({"content": "ok"}, "stop")), "/chat/completions", "authorization"),
    "openai-responses": (named(*message(0, "ok"), end()), "/responses", "authorization"),
    "anthropic-messages": (
        named(
            {"type": "message_start", "message": {"id": "m"}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "ok"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
            {"type": "message_stop"},
        ),
        "/v1/messages",
        "x-api-key",
    ),
    "gemini": (
        stream(gemini_chunk(text("ok"), finish="STOP")),
        "/v1beta/models/m-1:streamGenerateContent?alt=sse",
        "x-goog-api-key",
    ),
}
"""Per format: an answer, how the path ends, and the header with the key."""
PREFIXES = {"groq": "/openai/v1", "openrouter": "/api/v1", "azure": "/openai/v1", "anthropic": "", "gemini": ""}


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
async def test_every_named_provider_answers_at_the_address_in_its_variable(server: Loopback, vendor: Any) -> None:
    environ = {vendor.url_variables[0]: server.origin, vendor.key_variables[0]: "k-test"}
    registry = ProviderRegistry([], environ)
    answer, ending, header = SAYS_OK[vendor.elsewhere or vendor.format]
    server.script(Answer([answer]))
    ref = registry.resolve(f"{vendor.name}/m-1")
    got = await ask(registry.provider(ref.provider), ChatRequest(ref.model, (user("Hi"),)))
    assert (got.text, got.finished.stop) == ("ok", StopReason.STOP)
    request = server.requests[0]
    assert request.path == PREFIXES.get(vendor.name, "/v1") + ending
    assert request.headers[vendor.key_header or header].endswith("k-test")
    await registry.aclose()


async def test_demo_models_speak_their_own_formats(server: Loopback) -> None:
    registry = ProviderRegistry([], {}, demo_base_url=server.origin)
    provider = registry.provider("demo")
    openai, anthropic = "/v1/chat/completions", "/anthropic/v1/messages"
    for model, path in (("swift", openai), ("scholar", anthropic), ("builder", openai)):
        server.script(OK)
        ref = registry.resolve(f"demo/{model}")
        await ask(provider, ChatRequest(ref.model, (user("Hi"),)))
        assert server.requests[-1].path == path
        assert server.requests[-1].json["model"] == model
        assert "authorization" not in server.requests[-1].headers
    got = await ask(provider, ChatRequest("other", (user("Hi"),)))
    assert got.finished.error is not None
    assert got.finished.error.code == "model_not_found"
    assert await provider.list_models() == ("swift", "scholar", "builder")
    assert str(registry.resolve("swift")) == "demo/swift"
    await registry.aclose()


async def test_one_provider_keeps_one_connection_and_closes_it(server: Loopback) -> None:
    registry = ProviderRegistry([spec("mine", base_url=server.origin)], {})
    server.script(OK, OK)
    for _ in range(2):
        assert (await ask(registry.provider("mine"))).text == "ok"
    assert server.connections == 1
    await registry.aclose()


async def test_local_servers_that_run_are_found(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from mcp_tui.providers import registry as registry_module

    moved = tuple(
        replace(vendor, base_url=(server.origin if vendor.name == "ollama" else "http://127.0.0.1:9") + "/v1")
        for vendor in VENDORS
    )
    monkeypatch.setattr(registry_module, "VENDORS", moved)
    server.script(Answer([b'{"data": [{"id": "llama3.2:1b"}]}'], content_type="application/json"))
    registry = ProviderRegistry([], {})
    assert await registry.detect_local(timeout_s=10) == ("ollama",)
    info = next(info for info in registry.providers() if info.name == "ollama")
    assert (info.available, info.models) == (True, ("llama3.2:1b",))
    assert registry.resolve("ollama") == ModelRef("ollama", "llama3.2:1b")
    await registry.aclose()


def test_the_registry_costs_no_heavy_import() -> None:
    program = (
        "import sys; from mcp_tui.providers.registry import ProviderRegistry\n"
        "registry = ProviderRegistry([], {'OPENAI_API_KEY': 'k'}, demo_base_url='http://127.0.0.1:9')\n"
        "registry.providers(); registry.resolve('openai/x'); registry.resolve('demo/swift')\n"
        "heavy = {'httpx', 'tenacity', 'genai_prices', 'ssl', 'mcp', 'textual'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "from mcp_tui.providers import pricing\n"
        "assert 'genai_prices' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
