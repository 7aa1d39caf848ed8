"""Keys from the keyring, and prices of the person's own."""

from __future__ import annotations

import pytest

from mcp_tui.config.schema import Origin, PriceSpec, ProviderSpec
from mcp_tui.core.chat import ChatRequest
from mcp_tui.core.errors import AppError
from mcp_tui.core.state import Usage
from mcp_tui.providers.pricing import PriceBook, cost_usd
from mcp_tui.providers.registry import ModelRef, ProviderRegistry
from tests.providers.asking import ask
from tests.providers.loopback import Answer, Loopback

KEY = "sk-stored-0123456789"


def info(registry: ProviderRegistry, name: str) -> tuple[str, bool]:
    found = next(info for info in registry.providers() if info.name == name)
    return found.key_source, found.available


def test_a_stored_key_makes_a_provider_usable() -> None:
    registry = ProviderRegistry([], {})
    with pytest.raises(AppError) as caught:
        registry.resolve("openai/gpt-5")
    assert "mcp-tui auth openai" in caught.value.info.hint
    registry.use_stored_keys({"openai": KEY, "nobody": "x"})
    assert registry.resolve("openai/gpt-5") == ModelRef("openai", "gpt-5")
    assert info(registry, "openai") == ("keyring", True)
    assert info(registry, "groq") == ("", False)


def test_configuration_and_environment_come_before_a_stored_key() -> None:
    own = ProviderSpec("groq", Origin("test"), api_key="from-config")
    registry = ProviderRegistry([own], {"OPENAI_API_KEY": "from-environment"})
    registry.use_stored_keys({"openai": KEY, "groq": KEY, "mistral": KEY})
    assert info(registry, "openai")[0] == "OPENAI_API_KEY"
    assert info(registry, "groq")[0] == "config"
    assert info(registry, "mistral")[0] == "keyring"


async def test_a_stored_key_is_sent_and_shown_in_no_error(server: Loopback) -> None:
    lab = ProviderSpec("lab", Origin("test"), "openai-chat", server.origin + "/v1")
    registry = ProviderRegistry([lab], {})
    registry.use_stored_keys({"lab": KEY})
    body = f'{{"error": {{"message": "Incorrect API key provided: {KEY}"}}}}'.encode()
    server.script(Answer([body], status=401, content_type="application/json"))
    got = await ask(registry.provider("lab"), ChatRequest("m", ()))
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    error = got.finished.error
    assert error is not None
    assert KEY not in error.line()
    assert "mcp-tui auth lab" in error.hint
    assert KEY not in repr(registry.providers())
    assert KEY not in repr(registry.provider("lab"))
    await registry.aclose()


def test_a_stored_key_that_cannot_be_one_is_named_without_it() -> None:
    registry = ProviderRegistry([], {})
    registry.use_stored_keys({"openai": "two\nlines"})
    with pytest.raises(AppError) as caught:
        registry.resolve("openai/gpt-5")
    assert "the stored key" in caught.value.info.detail
    assert "two" not in caught.value.info.line()


def test_an_address_holds_no_password_and_tells_formats_apart() -> None:
    specs = [
        ProviderSpec("a", Origin("test"), "openai-chat", "https://me:secret@x.example/v1"),
        ProviderSpec("b", Origin("test"), "anthropic-messages", "https://x.example"),
    ]
    registry = ProviderRegistry(specs, {}, demo_base_url="http://127.0.0.1:5")
    other = ProviderRegistry([], {}, demo_base_url="http://127.0.0.1:6")
    assert registry.address(ModelRef("a", "m")) == "openai-chat https://***@x.example/v1"
    assert registry.address(ModelRef("b", "m")) == "anthropic-messages https://x.example"
    swift = ModelRef("demo", "swift")
    assert registry.address(swift) == other.address(swift), "the port of the demo differs at every start"


def test_who_charges_nothing() -> None:
    local = ProviderSpec("lab", Origin("test"), "openai-chat", "http://127.0.0.1:1/v1")
    registry = ProviderRegistry([local], {}, demo_base_url="http://127.0.0.1:5")
    assert [name for name in ("demo", "ollama", "lab", "openai") if registry.charges_nothing(name)] == [
        "demo",
        "ollama",
        "lab",
    ]


def test_own_prices_come_before_the_table_and_the_exact_name_before_the_whole_provider() -> None:
    book = PriceBook({
        "openai/gpt-5": PriceSpec(100.0, 200.0, 10.0),
        "lab/*": PriceSpec(1.0, 2.0),
        "lab/dear": PriceSpec(3.0, 4.0),
    })  # fmt: skip
    usage = Usage(1_000_000, 500_000, cached_input_tokens=400_000)
    assert book.cost_usd(ModelRef("openai", "gpt-5"), usage) == 60 + 4 + 100
    assert book.cost_usd(ModelRef("lab", "tiny/one"), usage) == 2.0, "without a price of their own, cached is input"
    assert book.cost_usd(ModelRef("lab", "dear"), usage) == 5.0
    o3 = ModelRef("openai", "o3")
    assert book.cost_usd(o3, usage) == cost_usd(o3, usage) is not None
    assert book.cost_usd(ModelRef("lab", "tiny"), Usage()) is None
    more_cached_than_input = Usage(10, 0, cached_input_tokens=20)
    assert book.cost_usd(ModelRef("openai", "gpt-5"), more_cached_than_input) == 10 * 10 / 1e6


def test_own_prices_are_shown_where_prices_are() -> None:
    found = PriceBook({"openai/gpt-5": PriceSpec(1.0, 2.0)}).model_info(ModelRef("openai", "gpt-5"))
    assert (found.input_usd_per_mtok, found.output_usd_per_mtok) == (1.0, 2.0)
    assert found.context_tokens
