"""Results of the bundled servers' tools."""

from __future__ import annotations

from mcp_types import CallToolResult, ContentBlock, TextContent
from pydantic import BaseModel


def answer(data: BaseModel, *more: ContentBlock) -> CallToolResult:
    """Structured content, and the same as one line of JSON for clients that read text only."""
    text = TextContent(type="text", text=data.model_dump_json(by_alias=True))
    return CallToolResult(content=[text, *more], structured_content=data.model_dump(mode="json", by_alias=True))
