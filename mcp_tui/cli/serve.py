"""serve: run a bundled MCP server in this process."""

from __future__ import annotations

import runpy
import sys

import click

_SERVERS = {
    "demo": "mcp_tui.servers.demo",
    "llm": "mcp_tui.servers.llm",
    "github": "mcp_tui.servers.github",
    "database": "mcp_tui.servers.database",
}


# Options after the name are the server's own, --help too.
@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("name", type=click.Choice(list(_SERVERS)))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS]")
def serve(name: str, arguments: tuple[str, ...]) -> int:
    """Run a bundled MCP server: over stdio, or over streamable HTTP with --http HOST:PORT.

    \b
    llm        models as tools: ask one, compare several; usage and cost as resources
    github     repositories, issues and code search; needs GITHUB_TOKEN
    database   tables and queries of DATABASE_URL, read-only without --write
    demo       a made-up web shop to try things with; with --showcase everything a server can do

    NAME --help tells its options, and what to paste into Claude Desktop, VS Code and other clients.

    \b
    mcp-tui serve demo                           for a client that starts it
    mcp-tui serve demo --http 127.0.0.1:8765     then: mcp-tui tools --server demo=http://127.0.0.1:8765/mcp
    """
    sys.argv = [f"mcp-tui serve {name}", *arguments]
    try:
        # alter_sys: the server reads the annotations of its tools through sys.modules.
        runpy.run_module(_SERVERS[name], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if isinstance(ended.code, int):
            return ended.code
        return 0 if ended.code is None else 1
    return 0
