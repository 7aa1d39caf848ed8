"""Finding model servers on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from mcp_tui.core.errors import AppError
from mcp_tui.providers.request_stream import WireProvider


async def answering(providers: Mapping[str, WireProvider], *, timeout_s: float) -> dict[str, tuple[str, ...]]:
    """The models of each provider that answers in time with at least one; the others are left out."""

    async def ask(name: str, provider: WireProvider) -> tuple[str, tuple[str, ...]]:
        try:
            return name, await provider.list_models(timeout_s=timeout_s)
        except AppError:
            return name, ()  # nothing there, or something else on that port

    answers = await asyncio.gather(*(ask(name, provider) for name, provider in providers.items()))
    return {name: models for name, models in answers if models}
