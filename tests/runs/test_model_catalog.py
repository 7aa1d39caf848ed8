"""Models with their sizes and prices: from the provider, the table, the person; kept between starts."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from mcp_tui.config.schema import Origin, PriceSpec, ProviderSpec
from mcp_tui.core.errors import AppError
from mcp_tui.providers.pricing import PriceBook
from mcp_tui.providers.registry import ModelInfo, ModelRef, ProviderRegistry
from mcp_tui.runs.model_catalog import ModelCatalog
from tests.providers.loopback import Answer, Loopback, error, loopback

LISTING = {
    "data": [
        {"id": "big", "context_length": 200_000, "pricing": {"prompt": "0.000003", "completion": "0.000015"}},
        {"id": "small"},
    ]
}


def registry(server: Loopback | None, *, path: str = "/v1") -> ProviderRegistry:
    origin = server.origin if server is not None else "http://127.0.0.1:9"
    spec = ProviderSpec("lab", Origin("test"), base_url=f"{origin}{path}", models=("own",))
    return ProviderRegistry((spec,), {})


def catalog(providers: ProviderRegistry, path: Path | None = None, now: float = 100.0) -> ModelCatalog:
    prices = PriceBook({"lab/small": PriceSpec(1.0, 2.0)})
    return ModelCatalog(lambda: providers, lambda: prices, path, now=lambda: now)


def listing(server: Loopback) -> None:
    server.script(Answer([json.dumps(LISTING).encode()], content_type="application/json"))


async def test_a_list_says_sizes_and_prices_and_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    async with loopback() as server:
        providers = registry(server)
        found = catalog(providers, path)
        await found.load()
        assert [info.ref.model for info in found.models("lab")] == ["own"]
        assert found.age_s("lab") is None
        listing(server)
        asked = await found.ask("lab", timeout_s=10)
        assert asked == (
            ModelInfo(ModelRef("lab", "big"), 200_000, 3.0, 15.0),
            ModelInfo(ModelRef("lab", "small"), None, 1.0, 2.0),
        )
        assert [info.ref.model for info in found.models("lab")] == ["own", "big", "small"]
        later = catalog(registry(server), path, now=160.0)
        await later.load()
        assert [info.ref.model for info in later.models("lab")] == ["own", "big", "small"]
        assert later.info(ModelRef("lab", "big")).context_tokens == 200_000
        assert later.age_s("lab") == 60.0
        moved = catalog(registry(server, path="/other/v1"), path)
        await moved.load()
        assert [info.ref.model for info in moved.models("lab")] == ["own"]  # another server has other models
        await providers.aclose()


async def test_a_provider_that_refuses_keeps_what_was_known(tmp_path: Path) -> None:
    async with loopback() as server:
        providers = registry(server)
        found = catalog(providers, tmp_path / "models.json")
        listing(server)
        await found.ask("lab", timeout_s=10)
        server.script(error(401, {"error": {"message": "bad key"}}))
        with pytest.raises(AppError, match="refused the key"):
            await found.ask("lab", timeout_s=10)
        assert len(found.models("lab")) == 3
        await providers.aclose()


async def test_lists_asked_for_at_once_do_not_overwrite_each_other(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    async with loopback() as server:
        specs = [ProviderSpec(name, Origin("test"), base_url=f"{server.origin}/{name}/v1") for name in ("a", "b", "c")]
        providers = ProviderRegistry(specs, {})
        found = catalog(providers, path)
        for _ in specs:
            listing(server)
        await asyncio.gather(*(found.ask(spec.name, timeout_s=10) for spec in specs))
        again = catalog(providers, path)
        await again.load()
        assert [len(again.models(spec.name)) for spec in specs] == [2, 2, 2]
        await providers.aclose()


def test_the_table_knows_what_a_provider_does_not_say() -> None:
    info = catalog(ProviderRegistry((), {})).info(ModelRef("openai", "gpt-4.1"))
    assert info.context_tokens and info.input_usd_per_mtok and info.output_usd_per_mtok
