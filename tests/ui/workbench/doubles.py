"""A catalog, a session manager without servers, and a small app around the Workbench."""

from __future__ import annotations

import asyncio
import base64
import struct
import zlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC
from pathlib import Path
from typing import Any, ClassVar, cast

from textual.app import App
from textual.binding import Binding

import mcp_tui.ui
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.state import (
    CallResult,
    Catalog,
    Progress,
    PromptArgument,
    PromptInfo,
    ResourceInfo,
    ServerSnapshot,
    ServerStatus,
    TemplateInfo,
    ToolHints,
    ToolInfo,
)
from mcp_tui.core.types import JsonObject
from mcp_tui.runs.engine import Engine
from mcp_tui.sessions.wirelog.log import WireLog
from mcp_tui.store.argument_history import ArgumentHistory
from mcp_tui.ui import keys
from mcp_tui.ui.messages import PromptOffered
from mcp_tui.ui.screens.mode import ScreenMounted
from mcp_tui.ui.themes import load_folder, shipped_folder
from mcp_tui.ui.workbench.screen import WorkbenchScreen

STYLES = sorted((Path(mcp_tui.ui.__file__ or "").parent / "styles").glob("*.tcss"))

HOSTILE = "a[/x]b\x1b]52;c;ZXZpbA==\x07\u202egnp"


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


NO_HINTS = ToolHints()
READ = ToolHints(read_only=True)


def tool(
    name: str,
    schema: JsonObject | None = None,
    *,
    server: str = "fs",
    description: str = "",
    title: str = "",
    hints: ToolHints = NO_HINTS,
    output_schema: JsonObject | None = None,
    digest: str = "",
) -> ToolInfo:
    schema = schema or {"type": "object", "properties": {}}
    raw: JsonObject = {"name": name, "inputSchema": schema}
    return ToolInfo(server, name, title or name, description, schema, output_schema, hints, raw, digest or name, 120)


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
            tool("read_file", READ_FILE, title="Read a file", description=about, hints=READ),
            tool("list_roots", description="Names the folders this server may use.", hints=READ),
            tool("wipe", description="Deletes everything.", hints=ToolHints(read_only=False, destructive=True)),
            tool("report", REPORT, description="Writes a report.", hints=ToolHints(read_only=False)),
            tool(HOSTILE, description=f"[@click=app.exit]{HOSTILE}"),
        ),
        resources=(
            resource("file:///notes.md", "Notes", "What is left to do", "text/markdown", 412),
            resource("file:///logo.png", "logo.png", "", "image/png", None),
        ),
        templates=(
            TemplateInfo(
                "fs", "file:///logs/{name}{?tail}", "logs", "Logs", "One log file", "text/plain", {"uri": "t"}
            ),
        ),
    )
    sql: JsonObject = {"type": "object", "properties": {"sql": {"type": "string"}}, "required": ["sql"]}
    table, style = PromptArgument("table", "", "Which table", True), PromptArgument("style", "", "How to write", False)
    db = Catalog(
        tools=(tool("query", sql, server="db"),),
        prompts=(
            PromptInfo(
                "db", "explain", "Explain a query", "Explains what a query does", (table, style), {"name": "explain"}
            ),
            PromptInfo("db", "hello", "hello", "", (), {"name": "hello"}),
        ),
    )
    return {"fs": fs, "db": db}


def resource(uri: str, title: str, description: str, mime_type: str, size_bytes: int | None) -> ResourceInfo:
    name = uri.rpartition("/")[2]
    return ResourceInfo("fs", uri, name, title, description, mime_type, size_bytes, {"uri": uri})


def snapshot(name: str, catalog: Catalog, status: ServerStatus = ServerStatus.READY, **changes: Any) -> ServerSnapshot:
    return ServerSnapshot(name, "stdio", name, "test", status, 0.0, catalog=catalog, **changes)


def servers() -> tuple[ServerSnapshot, ...]:
    return tuple(snapshot(name, catalog) for name, catalog in catalogs().items())


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


class EngineDouble:
    def __init__(self, manager: ManagerDouble) -> None:
        self.manager = manager


def lost() -> AppError:
    return AppError(
        "The connection was lost", "fs ended with SIGKILL", "look before you run it again",
        kind=ErrorKind.UNREACHABLE, code="outcome_unknown",
    )  # fmt: skip


class WorkbenchApp(App[None]):
    """The Workbench as the dashboard shows it, with a clock that stands still."""

    CSS_PATH: ClassVar[list[str | Path]] = list(STYLES)  # pyright: ignore[reportIncompatibleVariableOverride]  a list is allowed by the framework
    BINDINGS: ClassVar[list[Binding]] = keys.bindings("app")  # pyright: ignore[reportIncompatibleVariableOverride]  narrower on purpose
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        *,
        history: Path | None = None,
        manager: ManagerDouble | None = None,
        shown: tuple[ServerSnapshot, ...] | None = None,
        theme: str = "midnight",
    ) -> None:
        super().__init__()
        self.clock = 100.0
        self.manager = manager or ManagerDouble()
        self.shown = servers() if shown is None else shown
        self.offered: list[str] = []
        self._theme_name = theme
        self.workbench = WorkbenchScreen(
            now=lambda: self.clock,
            history=ArgumentHistory(history) if history is not None else None,
            zone=UTC,
        )

    def on_load(self) -> None:
        themes, _ = load_folder(shipped_folder())
        for theme in themes.values():
            self.register_theme(theme)
        self.theme = self._theme_name

    def get_css_variables(self) -> dict[str, str]:
        variables = super().get_css_variables()
        variables.setdefault("border-blurred", variables.get("panel", "#333333"))
        return variables

    async def on_mount(self) -> None:
        await self.push_screen(self.workbench)

    def on_screen_mounted(self, message: ScreenMounted) -> None:
        self.connect()

    def connect(self) -> None:
        """What the app tells a screen that was just mounted."""
        self.workbench.engine_ready(cast(Engine, EngineDouble(self.manager)))
        self.workbench.servers_changed(self.shown)

    def on_prompt_offered(self, message: PromptOffered) -> None:
        self.offered.append(message.text)

    def show(self, *shown: ServerSnapshot) -> None:
        self.shown = shown
        self.workbench.servers_changed(shown)
