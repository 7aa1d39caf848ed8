"""What tests hand to the code under test: tools, servers, catalogs; what does not matter is set."""

from __future__ import annotations

from typing import Any

from mcp_tui.core.state import (
    Catalog,
    PromptArgument,
    PromptInfo,
    ResourceInfo,
    ServerSnapshot,
    ServerStatus,
    ToolHints,
    ToolInfo,
)
from mcp_tui.core.types import JsonObject

HOSTILE = "a[/x]b\x1b]52;c;ZXZpbA==\x07\u202egnp"
"""Markup, a sequence that writes to the clipboard, a change of direction."""
UNKNOWN = ToolHints()
READ = ToolHints(read_only=True)
WRITE = ToolHints(read_only=False, destructive=False)
DESTROY = ToolHints(read_only=False, destructive=True)


class Clock:
    """Stands still until a test moves it."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def tool(
    name: str,
    server: str = "s",
    hints: ToolHints = UNKNOWN,
    *,
    description: str | None = None,
    schema: JsonObject | None = None,
    tokens: int = 120,
    title: str = "",
    digest: str = "",
    output_schema: JsonObject | None = None,
) -> ToolInfo:
    schema = schema or {"type": "object", "properties": {}}
    return ToolInfo(
        server=server,
        name=name,
        title=title or name,
        description=f"{name} of {server}" if description is None else description,
        input_schema=schema,
        output_schema=output_schema,
        hints=hints,
        raw={"name": name, "inputSchema": schema},
        digest=digest or f"{server}/{name}",
        token_estimate=tokens,
    )


def resource(
    server: str,
    uri: str,
    name: str,
    size_bytes: int | None = None,
    *,
    title: str = "",
    description: str = "",
    mime_type: str = "text/plain",
) -> ResourceInfo:
    return ResourceInfo(server, uri, name, title or name, description, mime_type, size_bytes, {"uri": uri})


def prompt(server: str, name: str, *arguments: PromptArgument, title: str = "", description: str = "") -> PromptInfo:
    return PromptInfo(server, name, title or name, description, arguments, {"name": name})


def server(
    name: str, status: ServerStatus = ServerStatus.READY, catalog: Catalog | None = None, **changes: Any
) -> ServerSnapshot:
    """changes: other fields of the snapshot."""
    fields: dict[str, Any] = {
        "target": f"run-{name} --stdio",
        "source": "config.toml:12",
        "since_at": 1000.0,
        "latency_ms": 3.0 if status.usable else None,
        **changes,
    }
    return ServerSnapshot(name, "stdio", status=status, catalog=catalog or Catalog(), **fields)
