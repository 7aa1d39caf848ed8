"""Servers to connect to, and ways to wait for what they do."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from mcp_tui.config.schema import Origin, ServerSpec
from mcp_tui.core.state import ServerSnapshot, ServerStatus
from mcp_tui.sessions.manager import SessionManager
from tests.sessions.http_peer import HttpPeer

SERVERS = Path(__file__).parent / "servers"
ORIGIN = Origin("test")
PATIENCE_S = 30.0


def stdio(name: str = "one", *, spec: dict[str, Any] | None = None, **options: Any) -> ServerSpec:
    """The scripted stdio server; the older protocol, since its probe of the newer one is a test of its own."""
    fields: dict[str, Any] = {"protocol": "2026-07-28" if options.get("modern") else "legacy", "probe_interval_s": 0}
    fields |= {"command": sys.executable, "args": (str(SERVERS / "stdio_server.py"), json.dumps(options))}
    return ServerSpec(name=name, origin=ORIGIN, **{**fields, **(spec or {})})


def http(url: str, name: str = "one", **spec: Any) -> ServerSpec:
    fields: dict[str, Any] = {"protocol": "legacy", "probe_interval_s": 0}
    return ServerSpec(name=name, origin=ORIGIN, transport="http", url=url, **{**fields, **spec})


async def until(manager: SessionManager, holds: Callable[[ServerSnapshot], bool], name: str = "one") -> ServerSnapshot:
    """The first snapshot of the server for which `holds`; fails after `PATIENCE_S`."""
    changed = asyncio.Event()
    undo = manager.subscribe(changed.set)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not holds(snapshot := manager.server(name)):
                await changed.wait()
                changed.clear()
            return snapshot
    except TimeoutError:
        pytest.fail(f"still {manager.server(name)}")
    finally:
        undo()


async def until_status(manager: SessionManager, *statuses: ServerStatus, name: str = "one") -> ServerSnapshot:
    return await until(manager, lambda server: server.status in statuses, name)


async def until_true(holds: Callable[[], bool]) -> None:
    """For what nobody announces (files, processes): looks again and again, up to `PATIENCE_S`."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - files and processes announce nothing
            await asyncio.sleep(0.02)


def logged(path: Path, method: str = "") -> list[dict[str, Any]]:
    """Messages the scripted server received."""
    if not path.exists():
        return []
    messages = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    return [message for message in messages if not method or message.get("method") == method]


@pytest.fixture
async def peer() -> AsyncIterator[HttpPeer]:
    server = await HttpPeer().up()
    yield server
    await server.down()


@pytest.fixture
def quick_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests about what happens after a reconnect, not about when it happens."""

    def soon(attempt: int) -> float:
        return 0.1

    monkeypatch.setattr("mcp_tui.sessions.supervisor.backoff_s", soon)
    monkeypatch.setattr("mcp_tui.sessions.changes.backoff_s", soon)
