"""A well-behaved server made with the MCP SDK (2026-07-28 and older): tools that ask, report and change the list."""

from __future__ import annotations

import asyncio

from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("good", instructions="Just a test.")


@server.tool()
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
async def count(ctx: Context, to: int) -> str:
    """Count with progress."""
    for number in range(1, to + 1):
        await ctx.report_progress(number, to)
        await asyncio.sleep(0)
    return "counted"


@server.tool()
async def grow(ctx: Context) -> str:
    """Offer one more tool."""

    def extra() -> str:
        return "extra"

    server.add_tool(extra, name="extra")
    await ctx.session.send_tool_list_changed()
    return "grown"


if __name__ == "__main__":
    server.run("stdio")
