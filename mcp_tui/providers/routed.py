"""One provider name whose models speak different wire formats."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from mcp_tui.core.chat import ChatEvent, ChatRequest, Finished, Message, StopReason
from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.providers.listing import ListedModel
from mcp_tui.providers.request_stream import WireProvider


class RoutedProvider:
    def __init__(self, name: str, by_model: Mapping[str, WireProvider]) -> None:
        self.name = name
        self._by_model = by_model

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        provider = self._by_model.get(request.model)
        if provider is None:
            info = ErrorInfo(
                f"{self.name} does not know the model",
                request.model,
                f"it has {', '.join(self._by_model)}",
                ErrorKind.USAGE,
                "model_not_found",
            )
            yield Finished(Message("assistant", ()), StopReason.ERROR, None, None, info)
            return
        async with aclosing(provider.stream(request)) as events:
            async for event in events:
                yield event

    async def list_models(self, *, timeout_s: float = 10.0) -> tuple[str, ...]:
        """The models of the routes: what is not routed cannot be asked for."""
        return tuple(self._by_model)

    async def listed(self, *, timeout_s: float = 10.0) -> tuple[ListedModel, ...]:
        return tuple(ListedModel(model) for model in self._by_model)
