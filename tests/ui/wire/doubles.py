"""A log on disk, a manager that notes what is sent, and the Wire screen on the stage."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from mcp_tui.core.errors import AppError
from mcp_tui.core.state import Catalog
from mcp_tui.core.types import JsonObject
from mcp_tui.runs.engine import Engine
from mcp_tui.sessions.wirelog.log import WireLog
from mcp_tui.ui.wire.screen import WireScreen
from tests.builders import HOSTILE, READ, WRITE, server, tool
from tests.sessions.wirelog.records import T0, call, line, write
from tests.ui.stage import StageApp


def example(folder: Path) -> None:
    """A small story of two servers: a handshake, calls, an error, a loss and a reconnect, garbage, HTTP."""
    found: JsonObject = {
        "content": [{"type": "text", "text": "3 files\n- notes.md\n- plan.txt"}],
        "structuredContent": {"count": 3, "took": 0.25, "complete": True, "next": None},
    }
    refused = {"jsonrpc": "2.0", "id": 4, "error": {"code": -32602, "message": "path is missing"}}
    lost = "The server ended: fs exited with code 3: out of memory"
    event: JsonObject = {"direction": "none", "kind": "event", "id": None}
    write(
        folder,
        [
            line(0, method="connecting", name="stdio", detail={"transport": "stdio"}, **event),
            line(2, method="initialize", id=1, message={"jsonrpc": "2.0", "id": 1, "method": "initialize"}),
            line(
                41,
                direction="received",
                kind="response",
                method="initialize",
                id=1,
                request=T0 + 2000,
                ms=38.6,
                size_bytes=812,
            ),
            line(45, method="connected", name="2025-11-25 · files 1.4.0", **event),
            *call(1200, "list_files", result=found),
            line(
                2200,
                method="tools/call",
                id=4,
                name="read_file",
                cause="run r1 column c2 call t1s1c1",
                message={"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "read_file"}},
            ),
            line(
                2231,
                direction="received",
                kind="response",
                method="tools/call",
                id=4,
                name="read_file",
                cause="run r1 column c2 call t1s1c1",
                request=T0 + 2_200_000,
                ms=31.2,
                failed=True,
                message=refused,
            ),
            line(4000, method="lost", name=lost, failed=True, detail={"reason": lost, "exit_code": 3}, **event),
            line(4001, method="reconnect", name="in 0.5 s · attempt 1", **event),
        ],
    )
    beside: JsonObject = {"status": 200, "headers": {"content-type": "application/json", "mcp-session-id": "***3fa9c1"}}
    write(
        folder,
        [
            line(
                1500,
                server="weather",
                method="resources/read",
                id="r-1",
                name="weather://oslo",
                http={"verb": "POST", "url": "https://example.org/mcp", "headers": {"authorization": "***"}},
            ),
            line(
                1723,
                server="weather",
                direction="received",
                kind="response",
                method="resources/read",
                id="r-1",
                name="weather://oslo",
                request=T0 + 1_500_000,
                ms=223.4,
                size_bytes=48_211,
                http=beside,
            ),
            line(3000, server="weather", direction="received", kind="garbage", method="", id=None, failed=True),
            line(3500, server="weather", method=HOSTILE, name=HOSTILE, id=HOSTILE, cause=HOSTILE),
        ],
        "weather",
    )


class ManagerDouble:
    def __init__(self, folder: Path) -> None:
        self.wire_log = WireLog(folder)
        self.sent: list[tuple[str, str, JsonObject | None]] = []
        self.answer: JsonObject | AppError = {}

    async def send_raw(self, server: str, method: str, params: JsonObject | None) -> JsonObject:
        self.sent.append((server, method, params))
        if isinstance(self.answer, AppError):
            raise self.answer
        return self.answer


class WireApp(StageApp):
    """The Wire screen as the dashboard shows it, in UTC, on the day of the example."""

    def __init__(self, folder: Path, *, manager: Any = None, theme: str = "midnight", **options: Any) -> None:
        self.manager = manager if manager is not None else ManagerDouble(folder)
        self.wire = WireScreen(folder=folder, zone=UTC, today=lambda: "2026-11-05", **options)
        super().__init__(self.wire, theme=theme)

    def on_screen_mounted(self) -> None:
        catalog = Catalog(tools=(tool("list_files", hints=READ), tool("read_file", hints=WRITE)))
        self.wire.engine_ready(cast(Engine, SimpleNamespace(manager=self.manager)))
        self.wire.servers_changed(tuple(server(name, catalog=catalog) for name in ("fs", "weather")))
