"""All that needs the MCP SDK, behind one module: imported by a worker thread after the first frame."""

from __future__ import annotations

from mcp_tui.sessions.calls import call_tool, complete, get_prompt, read_resource
from mcp_tui.sessions.connection import Connection
from mcp_tui.sessions.logs import quiet_deprecations
from mcp_tui.sessions.raw import send_raw

quiet_deprecations()

__all__ = ["Connection", "call_tool", "complete", "get_prompt", "read_resource", "send_raw"]
