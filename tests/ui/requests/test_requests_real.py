"""The dashboard with real servers that ask: processes, the engine and the demo models."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from mcp_tui.core.errors import AppError
from mcp_tui.core.server_requests import Fate
from mcp_tui.core.state import CallResult, ServerStatus
from mcp_tui.core.types import JsonObject
from mcp_tui.runs.engine import Engine
from mcp_tui.sessions.wirelog.cause import causing
from mcp_tui.ui.app import McpTuiApp
from mcp_tui.ui.bridge import DashboardOptions
from mcp_tui.ui.requests.screen import RequestsScreen
from mcp_tui.ui.widgets.top_bar import TopBar
from tests.ui.stage import screen_text, until

SERVER = Path(__file__).parents[2] / "sessions" / "servers" / "asking_server.py"
FORM = {
    "mode": "form",
    "message": "Your name?",
    "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
}
SAMPLE = {"messages": [{"role": "user", "content": {"type": "text", "text": "Say hello"}}], "maxTokens": 300}
DEADLINE_S = 60.0


class Board:
    def __init__(self, app: McpTuiApp, pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def engine(self) -> Engine:
        assert self.app.engine is not None
        return self.app.engine

    async def until(self, holds: Callable[[], object]) -> None:
        await until(self.pilot, holds, timeout_s=DEADLINE_S)

    def call(self, server: str, method: str, params: JsonObject, tool: str = "request") -> asyncio.Task[CallResult]:
        request = {"method": method, "params": params}
        with causing("workbench"):
            return asyncio.create_task(self.engine.manager.call_tool(server, tool, {"requests": [request]}))

    def header(self) -> str:
        return str(self.app.screen.query_one(TopBar).render())

    def shown(self) -> str:
        return screen_text(self.app)

    async def said(self, call: asyncio.Task[CallResult]) -> Any:
        async with asyncio.timeout(DEADLINE_S):
            return json.loads((await call).content[0]["text"])


@asynccontextmanager
async def board(tmp_path: Path) -> AsyncGenerator[Board]:
    entry = {"command": sys.executable, "args": [str(SERVER), "{}"], "type": "stdio"}
    config = tmp_path / "mcp.json"
    modern = {**entry, "args": [str(SERVER), '{"modern": true}'], "protocol": "2026-07-28"}
    config.write_text(json.dumps({"mcpServers": {"old": {**entry, "protocol": "legacy"}, "new": modern}}))
    app = McpTuiApp(DashboardOptions(config_files=(config,), demo_speed=0))
    async with app.run_test(size=(120, 35)) as pilot:
        b = Board(app, pilot)
        await b.until(lambda: app.engine is not None and len(app.servers) == 2)
        await b.until(lambda: all(server.status is ServerStatus.READY for server in app.servers))
        yield b


async def test_two_servers_of_both_eras_ask_at_once_and_are_answered(tmp_path: Path) -> None:
    async with board(tmp_path) as b:
        old = b.call("old", "elicitation/create", FORM)
        await b.until(lambda: "1 request waiting" in b.header())
        new = b.call("new", "sampling/createMessage", SAMPLE)
        await b.until(lambda: "2 requests waiting" in b.header())
        await b.pilot.press("f4")
        await b.until(lambda: "old asks you to fill in a form" in b.shown())
        await b.pilot.press("ctrl+g")
        await b.until(lambda: isinstance(b.app.screen, RequestsScreen) and "name" in b.shown())
        await b.pilot.press("enter", *"Ann", "f9")
        assert await b.said(old) == [{"action": "accept", "content": {"name": "Ann"}}]
        await b.until(lambda: "new asks a model" in b.shown())
        await b.pilot.pause(0.5)  # keys right after another request came up count for none
        await b.pilot.press("g")
        await b.until(lambda: "F9 sends it" in b.shown())
        await b.pilot.press("f9")
        (answer,) = await b.said(new)
        assert answer["role"] == "assistant"
        assert "demo model" in answer["content"]["text"]
        rows = b.engine.requests.settled()
        assert [(row.request.server, row.fate, row.by) for row in rows] == [
            ("new", Fate.ANSWERED, "demo/swift"),
            ("old", Fate.ANSWERED, "by hand"),
        ]


async def test_a_server_that_dies_and_a_call_that_is_cancelled_take_their_dialog_with_them(tmp_path: Path) -> None:
    async with board(tmp_path) as b:
        dying = b.call("old", "elicitation/create", FORM, tool="die")
        cancelled = b.call("new", "elicitation/create", FORM)
        await b.until(lambda: "2 requests waiting" in b.header())
        await b.pilot.press("ctrl+g")
        await b.until(lambda: isinstance(b.app.screen, RequestsScreen))
        poke = asyncio.create_task(b.engine.manager.call_tool("old", "poke", {}))
        with pytest.raises(AppError):
            await dying
        await b.until(lambda: "waiting 1" in b.shown())
        cancelled.cancel()
        await b.until(lambda: "nothing waits" in b.shown())
        assert {row.fate for row in b.engine.requests.settled()} == {Fate.WITHDRAWN}
        await asyncio.wait({poke}, timeout=DEADLINE_S)
        # Its answer races the end of the server: either is right.
        assert isinstance(poke.exception(), AppError | None)
        await b.until(lambda: b.app.servers[0].status is ServerStatus.READY)
