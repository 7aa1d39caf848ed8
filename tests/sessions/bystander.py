"""What every fault has to leave alone: the server beside it, and the machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest

from mcp_tui.core.state import ServerStatus
from mcp_tui.sessions.manager import SessionManager
from tests.sessions.conftest import until_status, until_true

BESIDE = "beside"


@asynccontextmanager
async def beside(manager: SessionManager) -> AsyncGenerator[None]:
    """While it is open the server `beside` is called again and again; it must answer every time, and stay as it is."""
    before = await until_status(manager, ServerStatus.READY, name=BESIDE)
    answered = 0

    async def call() -> None:
        nonlocal answered
        while True:
            result = await manager.call_tool(BESIDE, "echo", {"text": str(answered)}, timeout_s=20)
            assert result.content[0]["text"] == str(answered)
            answered += 1
            await asyncio.sleep(0.01)

    calling = asyncio.create_task(call(), name="calls beside")
    try:
        yield
        seen = answered
        await until_true(lambda: answered >= seen + 2 or calling.done())
    finally:
        calling.cancel()
        await asyncio.wait({calling})
    if not calling.cancelled() and (fault := calling.exception()) is not None:
        raise fault
    after = manager.server(BESIDE)
    assert (after.status, after.since_at, after.reconnects) == (ServerStatus.READY, before.since_at, 0)
    assert after.pid == before.pid


def _children() -> set[int]:
    found: set[int] = set()
    for child in psutil.Process().children(recursive=True):
        try:
            if child.status() != psutil.STATUS_ZOMBIE:
                found.add(child.pid)
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.fixture
async def nothing_left() -> AsyncIterator[None]:
    """Afterwards every task and process that the test started has ended. List it first: it looks last."""
    children, tasks = _children(), asyncio.all_tasks()
    yield
    await until_true(lambda: _children() <= children)
    ours = asyncio.current_task()
    await until_true(lambda: {task for task in asyncio.all_tasks() if task is not ours} <= tasks)
