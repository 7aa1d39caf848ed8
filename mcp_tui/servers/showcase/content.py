"""Showcase: every kind of content a tool can answer with."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Annotated, Any, Literal

import anyio
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp_types import (
    Annotations,
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)
from pydantic import BaseModel, Field

from mcp_tui.servers import lighthouse
from mcp_tui.servers.chart import chart
from mcp_tui.servers.showcase.look import icon
from mcp_tui.servers.sound import tone

Kind = Literal["text", "markdown", "image", "audio", "embedded text", "embedded blob", "resource link", "all"]
Fault = Literal["tool error", "crash", "protocol error", "no answer"]
DATA_ERROR = -32050
_MEGABYTE = 1_000_000
_MARKDOWN = """# Heading

- **bold**, *italic*, `code`
- [a link](https://example.com)

| a | b |
|---|---|
| 1 | 2 |
"""


class Position(BaseModel):
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


class Lamp(BaseModel):
    name: str
    lit: bool
    brightness_percent: Annotated[int, Field(ge=0, le=100)]
    colour: Literal["white", "red", "green"]
    period_s: Annotated[float | None, Field(description="Null: it does not flash.")]


class Lighthouse(BaseModel):
    """Nested objects, a list, an enum, null and limits: what a table or tree view has to show."""

    name: str
    built: int
    position: Position
    lamps: list[Lamp]
    notes: dict[str, str]


def picture() -> str:
    return base64.b64encode(chart([1, 3, 2, 5, 4, 8, 6, 9], "line")).decode()


def _text() -> ContentBlock:
    return TextContent(type="text", text="Plain text, with ünïcödé, 日本語 and an emoji 🗼.")


def _markdown() -> ContentBlock:
    return TextContent(type="text", text=_MARKDOWN, annotations=Annotations(audience=["user"], priority=0.9))


def _image() -> ContentBlock:
    return ImageContent(type="image", data=picture(), mime_type="image/png")


def _audio() -> ContentBlock:
    return AudioContent(type="audio", data=base64.b64encode(tone(440, 0.4)).decode(), mime_type="audio/wav")


def _embedded_text() -> ContentBlock:
    contents = TextResourceContents(uri="lighthouse://runbook", mime_type="text/markdown", text=lighthouse.RUNBOOK)
    return EmbeddedResource(type="resource", resource=contents)


def _embedded_blob() -> ContentBlock:
    contents = BlobResourceContents(uri="lighthouse://charts/error-rate", mime_type="image/png", blob=picture())
    return EmbeddedResource(type="resource", resource=contents)


def _link() -> ContentBlock:
    return ResourceLink(
        type="resource_link",
        uri="showcase://clock",
        name="clock",
        title="Clock",
        description="Ticks every second: subscribe to it.",
        mime_type="text/plain",
        icons=[icon("c")],
        annotations=Annotations(audience=["user", "assistant"], priority=0.4),
    )


_MAKERS: dict[str, Callable[[], ContentBlock]] = {
    "text": _text,
    "markdown": _markdown,
    "image": _image,
    "audio": _audio,
    "embedded text": _embedded_text,
    "embedded blob": _embedded_blob,
    "resource link": _link,
}


async def show_content(kind: Kind = "all") -> CallToolResult:
    """Answer with one kind of content, or with all of them in one result."""
    makers = list(_MAKERS.values()) if kind == "all" else [_MAKERS[kind]]
    return CallToolResult(content=[maker() for maker in makers])


async def show_structured() -> Lighthouse:
    """Answer with structured content that has a schema: nested objects, lists, enums and null."""
    return Lighthouse(
        name="Lindesnes",
        built=1656,
        position=Position(latitude=57.9825, longitude=7.0464),
        lamps=[
            Lamp(name="main", lit=True, brightness_percent=100, colour="white", period_s=20),
            Lamp(name="spare", lit=False, brightness_percent=0, colour="red", period_s=None),
        ],
        notes={"height": "16.1 m", "range": "17.1 nautical miles"},
    )


async def show_big_result(
    megabytes: Annotated[float, Field(gt=0, le=10)] = 1,
    form: Annotated[Literal["lines", "one line"], Field(description="How the text is broken.")] = "lines",
) -> str:
    """Answer with a lot of text, to see what a client does with it."""
    size = round(megabytes * _MEGABYTE)
    if form == "one line":
        return "x" * size
    line = "".join(f"{entry.line()}\n" for entry in lighthouse.log())
    return (line * (size // len(line) + 1))[:size]


async def show_nothing() -> CallToolResult:
    """Answer with an empty list of content."""
    return CallToolResult(content=[])


async def route_by_header(
    region: Annotated[str, Field(description="Sent as a header too.", json_schema_extra={"x-mcp-header": "Region"})],
) -> str:
    """Answer what arrived. Over HTTP clients of 2026-07-28 repeat the region in the header Mcp-Param-Region."""
    return f"region {region}"


async def fail_as(ctx: Context[Any, Any], kind: Fault = "tool error") -> CallToolResult:
    """Fail in one of the ways a tool can: an error result, a JSON-RPC error, a crash, or no answer at all."""
    match kind:
        case "tool error":
            raise ToolError("the lamp is broken; replace it, then try again")
        case "protocol error":
            raise MCPError(code=DATA_ERROR, message="the lamp room is locked", data={"room": "lamp", "key": "missing"})
        case "no answer":
            await anyio.sleep_forever()
        case "crash":
            raise ZeroDivisionError("a bug in this tool")
    raise AssertionError(kind)
