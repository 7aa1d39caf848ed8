"""Servers that ask without being there, a desk that is real, and a model that writes what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from mcp_tui.core.errors import AppError
from mcp_tui.core.server_requests import Reply, RequestKind, ServerRequest
from mcp_tui.core.state import Usage
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.registry import ModelRef
from mcp_tui.runs.metrics import StepFigures
from mcp_tui.runs.sampling import SamplingAnswer
from mcp_tui.sessions.request_desk import RequestDesk
from mcp_tui.ui.requests.screen import RequestsScreen
from tests.ui.doubles import FakeEngine, Stage
from tests.ui.stage import until

FORM: JsonObject = {
    "message": "Who shall be told when the order leaves?",
    "requestedSchema": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "title": "Name", "minLength": 1},
            "email": {"type": "string", "format": "email"},
            "copies": {"type": "integer", "minimum": 1, "maximum": 5, "default": 1},
            "gift": {"type": "boolean", "default": False},
        },
        "required": ["name"],
    },
}
PAGE: JsonObject = {
    "mode": "url",
    "message": "Pay for the order.",
    "url": "https://user@pay.xn--exmple-cua.com/orders/17?token=abc",
    "elicitationId": "e1",
}
SAMPLE: JsonObject = {
    "systemPrompt": "Answer in one sentence.",
    "messages": [{"role": "user", "content": {"type": "text", "text": "What is in order 17?"}}],
    "modelPreferences": {"hints": [{"name": "mini"}], "costPriority": 0.8},
    "maxTokens": 200,
    "temperature": 0.2,
}


class FakeSampler:
    """Writes `pieces`, and then waits for `gate` when there is one."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ModelRef, JsonObject | None]] = []
        self.pieces = ["Two lamps", " and a bell."]
        self.gate: asyncio.Event | None = None
        self.error: AppError | None = None
        self.answer: JsonObject | None = None
        self.cancelled = False

    async def generate(
        self,
        request: ServerRequest,
        ref: ModelRef,
        *,
        params: JsonObject | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> SamplingAnswer:
        self.asked.append((request.id, ref, params))
        if self.error is not None:
            raise self.error
        for piece in self.pieces:
            if on_text is not None:
                on_text(piece)
        try:
            if self.gate is not None:
                await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        figures = StepFigures(Usage(31, 7), False, 0.0012, True)
        return SamplingAnswer(self.answer or _said("".join(self.pieces), ref.model), figures)


class AskedEngine(FakeEngine):
    def __init__(self) -> None:
        super().__init__()
        self.requests = RequestDesk()
        self.sampler = FakeSampler()


class Asking:
    """Requests of pretended servers, and what they were answered."""

    def __init__(self, stage: Stage) -> None:
        self.s = stage
        self.engine = cast("AskedEngine", stage.engine)
        self.desk = self.engine.requests
        self.replies: dict[str, asyncio.Task[Reply]] = {}
        stage.app.clock = stage.clock
        self.desk.subscribe(lambda: stage.app.requests_changed(self.desk.pending()))

    async def ask(self, params: JsonObject, *, server: str = "shop", id_: str = "", **more: Any) -> str:
        kind = RequestKind.FORM
        if "messages" in params:
            kind = RequestKind.SAMPLING
        elif params.get("mode") == "url":
            kind = RequestKind.URL
        request_id = id_ or f"q{len(self.replies) + 1}"
        fields: dict[str, Any] = {"cause": "tools/call send_order", "asked_at": self.s.clock.now, **more}
        request = ServerRequest(request_id, server, kind, params, **fields)
        self.replies[request_id] = asyncio.create_task(self.desk.ask(request, lambda: "its call ended"))
        await self.settle()
        return request_id

    async def settle(self) -> None:
        await self.s.settle()

    async def open(self) -> RequestsScreen:
        await self.s.press("ctrl+g")
        await self.settle()
        assert isinstance(self.s.top, RequestsScreen)
        return self.s.top

    async def press(self, *keys: str) -> None:
        # Past the moment in which keys count for the request before.
        self.s.clock.now += 1
        await self.s.press(*keys)
        await self.s.settle()

    async def until(self, holds: Callable[[], object]) -> None:
        await until(self.s.pilot, holds)
        await self.settle()

    async def reply(self, request_id: str) -> Reply:
        async with asyncio.timeout(20):
            return await self.replies[request_id]


def _said(text: str, model: str) -> JsonObject:
    content = {"type": "text", "text": text}
    return {"role": "assistant", "content": content, "model": model, "stopReason": "endTurn"}
