"""What model calls used and cost, as resources: the ledger of this person, of all programs that share it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from dataclasses import asdict
from datetime import date
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp_types import Annotations

from mcp_tui.core.types import JsonObject
from mcp_tui.runs.engine import Engine
from mcp_tui.store.usage import UsageTotal, totals

USAGE_URI = "llm://usage"
PROVIDERS_URI = "llm://providers"
_FLUSH_TIMEOUT_S = 5.0
_JSON = "application/json"


def provider_uri(provider: str) -> str:
    return f"{USAGE_URI}/{provider}"


def add_usage_resources(server: MCPServer[Any], engine: Engine) -> None:
    usage = LlmUsage(engine)

    @server.resource(
        USAGE_URI,
        title="Usage and cost",
        description="Tokens and US dollars of all model calls: by provider and by day, today's sum and its limit.",
        mime_type=_JSON,
        annotations=Annotations(audience=["user", "assistant"], priority=0.8),
    )
    async def all_usage() -> str:
        return _text(await usage.all())

    @server.resource(
        f"{USAGE_URI}/{{provider}}",
        title="Usage and cost of a provider",
        description="By day and by model, for example llm://usage/openai.",
        mime_type=_JSON,
    )
    async def provider_usage(provider: str) -> str:
        return _text(await usage.of(provider))

    @server.resource(
        f"{USAGE_URI}/{{provider}}/{{day}}",
        title="Usage and cost of a provider on one day",
        description="By model, for example llm://usage/openai/2026-07-28; today is understood too.",
        mime_type=_JSON,
    )
    async def day_usage(provider: str, day: str) -> str:
        return _text(await usage.of(provider, _day(day)))

    @server.resource(
        PROVIDERS_URI,
        title="Providers",
        description="Which can be used, where their keys come from, and the models they are known to have.",
        mime_type=_JSON,
    )
    async def providers() -> str:
        return _text({"providers": usage.providers()})


class LlmUsage:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def all(self) -> JsonObject:
        today = date.today()
        by_provider, by_day, of_today = await self._totals(("provider", {}), ("day", {}), ("day", {"since": today}))
        limits = self._engine.config.limits
        return {
            "providers": [{"provider": total.key[0], **_figures(total)} for total in by_provider],
            "days": [{"day": total.key[0], **_figures(total)} for total in by_day],
            "today": {
                "day": today.isoformat(),
                "cost_usd": sum(total.cost_usd for total in of_today),
                "limit_usd": limits.usd_per_day,
                "limit_usd_per_call": limits.usd_per_run,
            },
        }

    async def of(self, provider: str, day: date | None = None) -> JsonObject:
        """ResourceNotFoundError for a provider that is not known and was never used."""
        name = provider.strip().lower()
        only: dict[str, Any] = {"provider": name} if day is None else {"provider": name, "since": day, "until": day}
        by_day, by_model = await self._totals(("day", only), ("model", only))
        known = [info.name for info in self._engine.registry.providers()]
        if not by_day and name not in known:
            raise ResourceNotFoundError(f"no provider {provider!r}; known: {', '.join(known)}")
        result: JsonObject = {
            "provider": name,
            "days": [{"day": total.key[0], **_figures(total)} for total in by_day],
            "models": [{"model": total.key[1], **_figures(total)} for total in by_model],
        }
        return result if day is None else {"day": day.isoformat(), **result}

    def providers(self) -> list[JsonObject]:
        return [
            {
                "name": info.name,
                "format": info.format,
                "available": info.available,
                "key_source": info.key_source,
                "demo": info.demo,
                "models": list(info.models),
            }
            for info in self._engine.registry.providers()
        ]

    async def days(self, provider: str) -> list[str]:
        """The days on which it was used, newest first."""
        (found,) = await self._totals(("day", {"provider": provider}))
        return [total.key[0] for total in reversed(found)]

    async def _totals(self, *asked: tuple[Any, dict[str, Any]]) -> list[tuple[UsageTotal, ...]]:
        """ResourceError when the ledger cannot be read."""
        ledger = self._engine.ledger
        try:
            async with asyncio.timeout(_FLUSH_TIMEOUT_S):
                await asyncio.shield(asyncio.wrap_future(ledger.flush()))
            return [await asyncio.to_thread(totals, ledger.path, by, **only) for by, only in asked]
        except (sqlite3.Error, OSError, TimeoutError) as error:
            raise ResourceError(f"usage cannot be read: {error or 'the ledger does not answer'}") from error


def _figures(total: UsageTotal) -> JsonObject:
    figures = asdict(total)
    del figures["key"]
    return figures


def _day(text: str) -> date:
    try:
        return date.today() if text == "today" else date.fromisoformat(text)
    except ValueError:
        raise ResourceNotFoundError(f"{text!r} is no day; write YYYY-MM-DD, or today") from None


def _text(value: JsonObject) -> str:
    return json.dumps(value, indent=2)
