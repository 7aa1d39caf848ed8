"""A catalog, a session manager without servers, and the Workbench on the stage."""

from __future__ import annotations

import asyncio
import base64
import struct
import zlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.state import (
    CallResult,
    Catalog,
    Progress,
    PromptArgument,
    ServerSnapshot,
    TemplateInfo,
    ToolHints,
)
from mcp_tui.core.types import JsonObject
from mcp_tui.runs.engine import Engine
from mcp_tui.sessions.wirelog.log import WireLog
from mcp_tui.store.argument_history import ArgumentHistory
from mcp_tui.ui.messages import PromptOffered
from mcp_tui.ui.workbench.screen import WorkbenchScreen
from tests.builders import DESTROY, HOSTILE, READ, prompt, resource, server, tool
from tests.ui.stage import StageApp


def png(width: int, height: int, *, gradient: bool = False) -> str:
    """A valid PNG of one colour, or of many, as base64. The latter is not compressed: its size never changes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = (b"\x00" + b"\x20\x60\xa0" * width) * height
    if gradient:
        rows = b"".join(
            b"\x00" + b"".join(bytes((255 * x // width, 90, 255 * y // height)) for x in range(width))
            for y in range(height)
        )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 0 if gradient else -1)) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + data).decode()


READ_FILE: JsonObject = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "description": "File to read, below the project's folder"},
        "head": {"type": "integer", "minimum": 1, "description": "Only the first lines"},
        "encoding": {"enum": ["utf-8", "latin-1", "utf-16"], "default": "utf-8"},
        "follow": {"type": "boolean", "description": "Follow links"},
    },
    "required": ["path"],
}

REPORT: JsonObject = {
    "type": "object",
    "$defs": {
        "Filter": {
            "type": "object",
            "properties": {
                "field": {"type": "string"},
                "op": {"enum": ["=", "<", ">"]},
                "and": {"type": "array", "items": {"$ref": "#/$defs/Filter"}},
            },
            "required": ["field"],
        }
    },
    "properties": {
        "title": {"type": "string", "maxLength": 80},
        "body": {"type": "string", "description": "Markdown text"},
        "amount": {"type": "integer"},
        "ratio": {"type": ["number", "null"], "minimum": 0, "maximum": 1, "default": 0.5},
        "urgent": {"type": "boolean"},
        "due": {"type": "string", "format": "date"},
        "owner": {"type": "string", "format": "email"},
        "filter": {"$ref": "#/$defs/Filter"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "target": {
            "oneOf": [
                {
                    "title": "By mail",
                    "type": "object",
                    "properties": {"kind": {"const": "mail"}, "to": {"type": "string", "format": "email"}},
                    "required": ["kind", "to"],
                },
                {
                    "title": "By hook",
                    "type": "object",
                    "properties": {"kind": {"const": "hook"}, "url": {"type": "string", "format": "uri"}},
                    "required": ["kind", "url"],
                },
            ]
        },
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "extra": {},
    },
    "required": ["title", "amount"],
}


def catalogs() -> dict[str, Catalog]:
    about = "Reads one file as text.\n\nLarge files are cut."
    fs = Catalog(
        tools=(
            tool("read_file", "fs", READ, schema=READ_FILE, title="Read a file", description=about),
            tool("list_roots", "fs", READ, description="Names the folders this server may use."),
            tool("wipe", "fs", DESTROY, description="Deletes everything."),
            tool("report", "fs", ToolHints(read_only=False), schema=REPORT, description="Writes a report."),
            tool(HOSTILE, "fs", description=f"[@click=app.exit]{HOSTILE}"),
        ),
        resources=(
            resource(
                "fs", "file:///notes.md", "notes.md", 412, title="Notes", description="What is left to do",
                mime_type="text/markdown",
            ),
            resource("fs", "file:///logo.png", "logo.png", mime_type="image/png"),
        ),
        templates=(
            TemplateInfo(
                "fs", "file:///logs/{name}{?tail}", "logs", "Logs", "One log file", "text/plain", {"uri": "t"}
            ),
        ),
    )  # fmt: skip
    sql: JsonObject = {"type": "object", "properties": {"sql": {"type": "string"}}, "required": ["sql"]}
    table, style = PromptArgument("table", "", "Which table", True), PromptArgument("style", "", "How to write", False)
    explain = "Explains what a query does"
    db = Catalog(
        tools=(tool("query", "db", schema=sql, description=""),),
        prompts=(
            prompt("db", "explain", table, style, title="Explain a query", description=explain),
            prompt("db", "hello"),
        ),
    )
    return {"fs": fs, "db": db}


def servers() -> tuple[ServerSnapshot, ...]:
    return tuple(server(name, catalog=catalog) for name, catalog in catalogs().items())


class ManagerDouble:
    """Answers from `answers`; a call waits for `gate` when there is one. Notes what was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, JsonObject]] = []
        self.reads: list[tuple[str, str]] = []
        self.prompts: list[tuple[str, str, dict[str, str]]] = []
        self.completions: list[tuple[JsonObject, tuple[str, str], dict[str, str]]] = []
        self.refreshed: list[str] = []
        self.as_task: list[bool | None] = []
        self.answers: dict[str, JsonObject | AppError] = {}
        self.warnings: tuple[str, ...] = ()
        self.check: Callable[[], Awaitable[str]] | None = None
        self.progress: tuple[Progress, ...] = ()
        self.gate: asyncio.Event | None = None
        self.started = asyncio.Event()
        self.cancelled = False
        self.values: tuple[str, ...] = ()
        self.wire_log = WireLog(Path("no-such-folder"))

    def _answer(self, name: str, default: JsonObject) -> JsonObject:
        answer = self.answers.get(name, default)
        if isinstance(answer, AppError):
            raise answer
        return answer

    async def call_tool(
        self,
        server: str,
        tool: str,
        arguments: JsonObject,
        *,
        timeout_s: float | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        as_task: bool | None = None,
        detach: bool = False,
    ) -> CallResult:
        self.calls.append((server, tool, arguments))
        self.as_task.append(as_task)
        self.started.set()
        for step in self.progress:
            if on_progress is not None:
                on_progress(step)
        if self.gate is not None:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.cancelled = True
                raise
        raw = self._answer(tool, {"content": [{"type": "text", "text": f"{tool} ran"}]})
        return CallResult(raw, 31.4, self.warnings, check=self.check)

    async def read_resource(
        self, server: str, uri: str, *, timeout_s: float | None = None, cached: bool = False
    ) -> JsonObject:
        self.reads.append((server, uri))
        return self._answer(uri, {"contents": [{"uri": uri, "mimeType": "text/plain", "text": f"text of {uri}"}]})

    async def get_prompt(
        self, server: str, name: str, arguments: Mapping[str, str], *, timeout_s: float | None = None
    ) -> JsonObject:
        self.prompts.append((server, name, dict(arguments)))
        message = {"role": "user", "content": {"type": "text", "text": f"Explain {dict(arguments)}"}}
        return self._answer(name, {"description": "A prompt", "messages": [message]})

    async def complete(
        self,
        server: str,
        ref: JsonObject,
        argument: tuple[str, str],
        context: Mapping[str, str] | None = None,
        *,
        timeout_s: float = 5.0,
    ) -> tuple[str, ...]:
        self.completions.append((ref, argument, dict(context or {})))
        return tuple(value for value in self.values if value.startswith(argument[1]))

    async def refresh(self, name: str) -> None:
        self.refreshed.append(name)


def lost() -> AppError:
    return AppError(
        "The connection was lost", "fs ended with SIGKILL", "look before you run it again",
        kind=ErrorKind.UNREACHABLE, code="outcome_unknown",
    )  # fmt: skip


class WorkbenchApp(StageApp):
    """The Workbench as the dashboard shows it, with a clock that stands still."""

    def __init__(
        self,
        *,
        history: Path | None = None,
        manager: ManagerDouble | None = None,
        shown: tuple[ServerSnapshot, ...] | None = None,
        theme: str = "midnight",
    ) -> None:
        self.clock = 100.0
        self.manager = manager or ManagerDouble()
        self.shown = servers() if shown is None else shown
        self.offered: list[str] = []
        self.workbench = WorkbenchScreen(
            now=lambda: self.clock,
            history=ArgumentHistory(history) if history is not None else None,
            zone=UTC,
        )
        super().__init__(self.workbench, theme=theme)

    def on_screen_mounted(self) -> None:
        self.connect()

    def connect(self) -> None:
        """What the app tells a screen that was just mounted."""
        self.workbench.engine_ready(cast(Engine, SimpleNamespace(manager=self.manager)))
        self.workbench.servers_changed(self.shown)

    def on_prompt_offered(self, message: PromptOffered) -> None:
        self.offered.append(message.text)

    def show(self, *shown: ServerSnapshot) -> None:
        self.shown = shown
        self.workbench.servers_changed(shown)
