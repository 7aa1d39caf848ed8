"""Every model that can be chosen, with its context size and price, as far as anybody says them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import astuple, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from mcp_tui.config.state_file import in_background
from mcp_tui.core.errors import AppError
from mcp_tui.providers.listing import ListedModel
from mcp_tui.providers.pricing import PriceBook
from mcp_tui.providers.registry import ModelInfo, ModelRef, ProviderRegistry
from mcp_tui.store import model_lists
from mcp_tui.store.model_lists import ModelList

logger = logging.getLogger(__name__)
_T = TypeVar("_T")

FRESH_S = 3_600.0
"""A list so young is not asked for again unless the person wants it."""


class ModelCatalog:
    """Lists of earlier starts count until the provider is asked. `load` first; without it they are simply not there."""

    def __init__(
        self,
        registry: Callable[[], ProviderRegistry],
        prices: Callable[[], PriceBook],
        path: Path | None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """registry, prices: the newest. path: of the file the lists are kept in."""
        self._registry = registry
        self._prices = prices
        self._path = path
        self._now = now
        self._lists: dict[str, ModelList] = {}
        self._saving = asyncio.Lock()

    async def load(self) -> None:
        if self._path is not None:
            self._lists = {**await _kept(partial(model_lists.load, self._path), {}), **self._lists}

    def age_s(self, provider: str) -> float | None:
        """Seconds since the provider was asked; None when its list is not known."""
        known = self._known(provider)
        return None if known is None else max(0.0, self._now() - known.asked_at)

    def models(self, provider: str) -> tuple[ModelInfo, ...]:
        """Configured and suggested ones first, then what the provider listed."""
        known = self._known(provider)
        listed = _by_name(known)
        info = next((info for info in self._registry().providers() if info.name == provider), None)
        names = dict.fromkeys((*(info.models if info is not None else ()), *listed))
        return self._infos(provider, names, listed)

    async def ask(self, provider: str, *, timeout_s: float) -> tuple[ModelInfo, ...]:
        """The provider's own list, in its order. AppError when it is refused or unreachable."""
        registry = self._registry()
        listed = await registry.listed(provider, timeout_s=timeout_s)
        rows = tuple(astuple(model) for model in listed)
        self._lists[provider] = ModelList(registry.address(ModelRef(provider, "")), self._now(), rows)
        if self._path is not None:
            async with self._saving:
                await _kept(partial(model_lists.save, self._path, dict(self._lists)), None)
        return self._infos(provider, (model.id for model in listed), {model.id: model for model in listed})

    def info(self, ref: ModelRef) -> ModelInfo:
        known = self._known(ref.provider)
        return self._infos(ref.provider, (ref.model,), _by_name(known))[0]

    def _known(self, provider: str) -> ModelList | None:
        known = self._lists.get(provider)
        if known is None:
            return None
        try:
            address = self._registry().address(ModelRef(provider, ""))
        except AppError:
            return None
        return known if known.address == address else None

    def _infos(self, provider: str, names: Iterable[str], listed: dict[str, ListedModel]) -> tuple[ModelInfo, ...]:
        prices = self._prices()
        infos: list[ModelInfo] = []
        for name in names:
            ref = ModelRef(provider, name)
            info, said = prices.model_info(ref), listed.get(name, ListedModel(name))
            infos.append(
                replace(
                    info,
                    # The server itself knows best how much it takes; a local one is started with less.
                    context_tokens=said.context_tokens or info.context_tokens,
                    input_usd_per_mtok=_first(info.input_usd_per_mtok, said.input_usd_per_mtok),
                    output_usd_per_mtok=_first(info.output_usd_per_mtok, said.output_usd_per_mtok),
                )
            )
        return tuple(infos)


def _by_name(known: ModelList | None) -> dict[str, ListedModel]:
    return {row[0]: ListedModel(*row) for row in known.models} if known is not None else {}


def _first(one: float | None, other: float | None) -> float | None:
    return other if one is None else one


async def _kept(work: Callable[[], _T], otherwise: _T) -> _T:
    """What is kept between starts is never worth a fault: it can be asked for again."""
    try:
        return await in_background(work)
    except AppError as error:
        logger.warning("model lists: %s", error)
        return otherwise
