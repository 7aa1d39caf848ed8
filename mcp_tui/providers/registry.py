"""Named providers and their models.

INTERFACE (the owner of providers/ fills it in; names and shapes are relied on by runs/, cli/ and ui/).
Importing this module imports no httpx: it is on the path to the first frame.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mcp_tui.config.schema import ProviderSpec, WireFormat
from mcp_tui.core.chat import ChatEvent, ChatRequest


@dataclass(frozen=True, slots=True)
class ModelRef:
    """`provider/model`; the model part may itself contain slashes."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    ref: ModelRef
    context_tokens: int | None
    input_usd_per_mtok: float | None
    output_usd_per_mtok: float | None


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """One provider as people see it. `key_source`: "OPENAI_API_KEY", "config", "none needed", or "" when missing."""

    name: str
    format: WireFormat
    base_url: str
    key_source: str
    available: bool
    demo: bool
    models: tuple[str, ...]
    """Configured models, then the built-in suggestions."""


class Provider(Protocol):
    name: str

    def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """Events, ending with exactly one Finished; never raises for faults of the provider or the network.

        Closing the generator (aclose, or cancelling the task) closes the HTTP connection.
        """
        ...

    async def list_models(self, *, timeout_s: float = 10.0) -> tuple[str, ...]:
        """GET /models. AppError when refused or unreachable."""
        ...


class ProviderRegistry:
    def __init__(
        self,
        specs: Sequence[ProviderSpec],
        environ: Mapping[str, str],
        *,
        demo_base_url: str | None = None,
    ) -> None:
        """demo_base_url: origin of the running demo model server; adds the provider `demo`."""
        ...

    def providers(self) -> tuple[ProviderInfo, ...]: ...

    def resolve(self, text: str) -> ModelRef:
        """`provider/model`, or a bare model or provider name where that is clear.

        AppError (usage) naming the closest matches otherwise, or the missing key variable.
        """
        ...

    def provider(self, name: str) -> Provider:
        """Imports httpx. AppError (usage) for an unknown name or a missing key."""
        ...

    async def aclose(self) -> None: ...
