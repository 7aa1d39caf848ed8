"""What a tool says about its effects."""

from __future__ import annotations

from mcp_types import ToolAnnotations


def hints(
    title: str, *, read_only: bool = False, destructive: bool = False, open_world: bool = False
) -> ToolAnnotations:
    """A tool that only reads may be called again; of one that changes something none here may."""
    return ToolAnnotations(
        title=title,
        read_only_hint=read_only,
        destructive_hint=destructive,
        idempotent_hint=read_only,
        open_world_hint=open_world,
    )
