"""models: providers, where their keys come from, and which models they have."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from mcp_tui.cli import tasks
from mcp_tui.cli.connect import load_config
from mcp_tui.cli.options import Settings, settings_of, source_options
from mcp_tui.cli.output import error_object, notice, print_json, say, styled, table, warn
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.figures import duration_text
from mcp_tui.core.names import known_names_hint

if TYPE_CHECKING:
    from mcp_tui.providers.registry import ProviderInfo
    from mcp_tui.runs.model_catalog import ModelCatalog

_LIST_TIMEOUT_S = 10.0
_DEMO_URL = "loopback"


@click.command()
@click.argument("provider", required=False)
@click.option("--find", metavar="WORDS", help="Only models with all of these words in PROVIDER/MODEL.")
@click.option("--offline", is_flag=True, help="Ask no provider; show what is configured and what was listed before.")
@source_options
@click.pass_context
def models(context: click.Context, provider: str | None, find: str | None, offline: bool) -> int:
    """Providers with their keys, and the models of those that can be used, or of PROVIDER.

    \b
    KEY      its variable, config (api_key in [providers.NAME]), keyring (stored with `mcp-tui auth PROVIDER`),
             none needed, or missing
    CONTEXT  tokens the model reads at most
    IN, OUT  US dollars per million tokens: your own of [prices], else the built-in table, else what the provider says

    A provider that does not answer is a warning and keeps its suggested models; exit code 2 for an unknown PROVIDER.
    """
    settings = settings_of(context)
    found = tasks.run(_models(settings, provider, (find or "").casefold().split(), offline=offline))
    if settings.json:
        print_json({"providers": found})
        return 0
    table(
        ("PROVIDER", "FORMAT", "KEY", "URL"),
        [[p["name"], p["format"], _key(p), p["base_url"]] for p in found],
    )
    for p in found:
        if p["models"] and (p["available"] or provider is not None):
            say()
            source = "" if p["models_from"] == "provider" else "  " + styled(f"({p['models_from']})", dim=True)
            say(styled(p["name"], bold=True) + source)
            table(("MODEL", "CONTEXT", "IN", "OUT"), _rows(p), right=frozenset((1, 2, 3)))
        if p["error"] is not None:
            warn(ErrorInfo(f"{p['name']}: {p['error']['title']}", p["error"]["detail"], p["error"]["hint"]))
    if find and not any(p["models"] for p in found):
        notice(f"no model has {find!r} in its name")
    if provider is None and not settings.demo and not any(p["available"] and not p["demo"] for p in found):
        notice(
            "no provider has a key: the demo models answer "
            "(set a key such as OPENAI_API_KEY, or store one with `mcp-tui auth openai`)"
        )
    return 0


def _rows(provider: dict[str, Any]) -> list[list[str]]:
    from mcp_tui.core.figures import price_text, tokens_text

    return [
        [
            f"{provider['name']}/{info['model']}",
            tokens_text(info["context_tokens"]),
            price_text(info["input_usd_per_mtok"]),
            price_text(info["output_usd_per_mtok"]),
        ]
        for info in provider["model_info"]
    ]


def _key(provider: dict[str, Any]) -> str:
    if provider["demo"]:
        return "demo"
    return provider["key_source"] or "missing"


async def _models(settings: Settings, name: str | None, words: Sequence[str], *, offline: bool) -> list[dict[str, Any]]:
    from mcp_tui.config import paths
    from mcp_tui.providers.pricing import PriceBook
    from mcp_tui.providers.registry import ProviderRegistry
    from mcp_tui.runs.model_catalog import ModelCatalog

    config = load_config(settings)
    # The demo models' address exists only while a run is on: it is shown as _DEMO_URL.
    registry = ProviderRegistry(config.providers, os.environ, demo_base_url="http://127.0.0.1")
    try:
        if not settings.demo:
            registry.use_stored_keys(await _stored_keys())
        if not (offline or settings.demo):
            await registry.detect_local()
        infos = _chosen(registry.providers(), name, demo_only=settings.demo)
        prices = PriceBook(config.prices)
        catalog = ModelCatalog(lambda: registry, lambda: prices, paths.cache_dir() / "models.json")
        await catalog.load()
        return list(await asyncio.gather(*(_provider(catalog, info, words, offline=offline) for info in infos)))
    finally:
        await registry.aclose()


async def _stored_keys() -> dict[str, str]:
    """From the keyring; one that refuses is a warning."""
    from mcp_tui.store.provider_keys import ProviderKeys

    try:
        return await asyncio.to_thread(ProviderKeys().load)
    except AppError as error:
        warn(error.info)
        return {}


def _chosen(infos: Sequence[ProviderInfo], name: str | None, *, demo_only: bool) -> list[ProviderInfo]:
    """The named provider, else all; the demo counts only where it would answer."""
    real = any(info.available and not info.demo for info in infos)
    shown = [info for info in infos if (info.demo or not demo_only) and (not info.demo or demo_only or not real)]
    if name is None:
        return shown
    if found := [info for info in infos if info.name == name]:
        return found
    hint = known_names_hint(name, [info.name for info in infos], what="providers", limit=20)
    raise AppError("Unknown provider", f"{name!r} is not known", hint, kind=ErrorKind.USAGE, code="unknown_provider")


async def _provider(
    catalog: ModelCatalog, info: ProviderInfo, words: Sequence[str], *, offline: bool
) -> dict[str, Any]:
    from mcp_tui.config import mask

    found, models_from, error = catalog.models(info.name), "configured or suggested", None
    if (age_s := catalog.age_s(info.name)) is not None:
        models_from = f"listed {duration_text(age_s * 1000)} ago"
    if info.available and not info.demo and not offline:
        try:
            listed = await catalog.ask(info.name, timeout_s=_LIST_TIMEOUT_S)
            found, models_from = tuple(sorted(listed, key=lambda model: model.ref.model)), "provider"
        except AppError as refused:
            error = error_object(refused.info)
    found = tuple(model for model in found if all(word in str(model.ref).casefold() for word in words))
    return {
        "name": info.name,
        "format": info.format,
        "base_url": _DEMO_URL if info.demo else mask.url(info.base_url),
        "key_source": info.key_source,
        "available": info.available,
        "demo": info.demo,
        "models": [model.ref.model for model in found],
        "model_info": [
            {
                "model": model.ref.model,
                "context_tokens": model.context_tokens,
                "input_usd_per_mtok": model.input_usd_per_mtok,
                "output_usd_per_mtok": model.output_usd_per_mtok,
            }
            for model in found
        ],
        "models_from": models_from,
        "error": error,
    }
