"""Connected clients of bundled servers, and what came back as text or data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import CallToolResult, TextContent

from mcp_tui.core.types import JsonObject

DEADLINE_S = 30.0
Mode = Literal["auto", "legacy"]


def child(
    name: str, environment: Mapping[str, str], *arguments: str, mode: Mode = "auto"
) -> AbstractAsyncContextManager[Client]:
    """`mcp-tui serve NAME` as a process of its own."""
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "mcp_tui.cli.main", "serve", name, *arguments],
        env=dict(environment),
    )
    return Client(stdio_client(parameters), mode=mode, read_timeout_seconds=DEADLINE_S)


async def call(client: Client, name: str, **arguments: Any) -> CallToolResult:
    with anyio.fail_after(DEADLINE_S):
        return await client.call_tool(name, arguments)


def text(result: CallToolResult) -> str:
    return "\n".join(item.text for item in result.content if isinstance(item, TextContent))


def data(result: CallToolResult) -> JsonObject:
    assert not result.is_error, text(result)
    return cast(JsonObject, result.structured_content)


async def fault(client: Client, name: str, **arguments: Any) -> str:
    """The text of a call that must fail."""
    result = await call(client, name, **arguments)
    assert result.is_error, text(result)
    return text(result)


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def command_line(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Ended:
    """`mcp-tui ...` as a process of its own, as a shell would start it."""
    ended = subprocess.run(
        [sys.executable, "-m", "mcp_tui.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def entry(name: str, server: str, variables: list[str], *arguments: str) -> str:
    """The TOML of a bundled server, with variables of the environment handed on."""
    args = json.dumps(["-m", "mcp_tui.cli.main", "serve", server, *arguments])
    lines = [f"[servers.{name}]", f"command = {json.dumps(sys.executable)}", f"args = {args}", "trusted = true"]
    lines += [f"[servers.{name}.env]", *(f'{one} = "${{{one}}}"' for one in variables)] if variables else []
    return "\n".join(lines) + "\n"
