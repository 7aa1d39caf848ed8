"""Many servers, many calls, many notices: nothing piles up."""

from __future__ import annotations

import asyncio
import gc
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_tui.config.schema import ServerSpec
from mcp_tui.core.errors import AppError
from mcp_tui.core.state import CatalogDiff, ServerStatus
from mcp_tui.sessions.manager import SessionManager
from mcp_tui.sessions.wirelog.cause import causing
from tests.sessions.bystander import BESIDE, beside, nothing_left
from tests.sessions.conftest import ORIGIN, stdio, until, until_status, until_true
from tests.sessions.servers.peer import DEFAULT_TOOLS, tool
from tests.sessions.wirelog.records import named, records

__all__ = ["nothing_left"]
pytestmark = pytest.mark.usefixtures("nothing_left")

BUSY = Path(__file__).parent.parent / "benchmarks" / "busy_server.py"


def busy(name: str = "one", rate: int = 0) -> ServerSpec:
    return ServerSpec(
        name,
        ORIGIN,
        command=sys.executable,
        args=("-I", str(BUSY), str(rate)),
        protocol="legacy",
        probe_interval_s=0,
    )


async def test_fifty_servers_are_connected_at_once_and_each_answers() -> None:
    names = [f"s{number}" for number in range(50)]
    async with SessionManager([busy(name) for name in names]) as manager:
        await manager.wait_settled(timeout_s=90)
        assert {server.status for server in manager.snapshot()} == {ServerStatus.READY}
        results = await asyncio.gather(*(manager.call_tool(name, "noop", {}) for name in names))
        assert len(results) == 50
        assert len({server.pid for server in manager.snapshot()}) == 50


def _objects() -> int:
    gc.collect()
    return len(gc.get_objects())


async def test_thousands_of_calls_leave_nothing_behind() -> None:
    async with SessionManager([busy()]) as manager:
        await until_status(manager, ServerStatus.READY)

        async def calls(count: int) -> None:
            for number in range(count):
                with causing(f"call {number}"):
                    await manager.call_tool("one", "noop", {"number": number})

        await calls(500)
        before, tasks = _objects(), len(asyncio.all_tasks())
        await asyncio.gather(*(calls(500) for _ in range(8)))
        # One object kept per call would be 4,000 of them.
        await until_true(lambda: _objects() - before < 400)
        assert len(asyncio.all_tasks()) == tasks


async def test_failed_and_cancelled_calls_leave_nothing_behind() -> None:
    async with SessionManager([stdio(tools=DEFAULT_TOOLS)]) as manager:
        await until_status(manager, ServerStatus.READY)

        async def cancelled() -> None:
            call = asyncio.create_task(manager.call_tool("one", "sleep", {"seconds": 60}))
            await until(manager, lambda server: server.calls_in_flight >= 1)
            call.cancel()
            await asyncio.wait({call})

        async def some(count: int) -> None:
            for _ in range(count):
                with pytest.raises(AppError):
                    await manager.call_tool("one", "refuse", {})
                await cancelled()

        await some(20)
        before = _objects()
        await some(40)
        await until_true(lambda: _objects() - before < 80)


async def test_a_flood_of_announcements_costs_a_few_refreshes_and_draws_nothing_anew() -> None:
    async with SessionManager([busy(rate=500), stdio(BESIDE)]) as manager:
        first = await until_status(manager, ServerStatus.READY)
        heard: list[int] = []
        async with beside(manager):
            manager.subscribe(lambda: heard.append(1))
            await asyncio.sleep(1.5)  # the flood goes on meanwhile
            after = manager.server("one")
        assert after.catalog is first.catalog
        assert after.status is ServerStatus.READY
        folder = manager.wire_log.folder
    kept = records(folder, "one")
    announced, asked = len(named(kept, "notifications/tools/list_changed")), len(named(kept, "tools/list", "sent"))
    assert announced > 200
    assert asked < announced / 20


async def test_what_a_change_brought_stays_shown_while_the_server_announces_more() -> None:
    async with SessionManager([stdio(tools=[tool("change"), tool("old")])]) as manager:
        await until_status(manager, ServerStatus.READY)
        await manager.call_tool("one", "change", {"tools": [tool("change"), tool("new")]})
        changed = await until(manager, lambda server: server.diff is not None)
        await manager.refresh("one")
        assert manager.server("one").diff == changed.diff == CatalogDiff(("tool new",), ("tool old",))
        manager.retry("one")
        again = await until(manager, lambda server: server.reconnects == 1 and server.status is ServerStatus.READY)
        # The process starts with its old tools: that is the news now.
        assert again.diff == CatalogDiff(("tool old",), ("tool new",))
        manager.retry("one")
        same = await until(manager, lambda server: server.reconnects == 2 and server.status is ServerStatus.READY)
        assert same.diff is None


async def test_many_servers_that_fail_do_not_hold_up_one_that_works() -> None:
    bad = [replace(stdio(f"bad{number}"), command="no-such-command-anywhere") for number in range(30)]
    async with SessionManager([*bad, busy()]) as manager:
        await manager.wait_settled(timeout_s=60)
        assert manager.server("one").status is ServerStatus.READY
        assert {manager.server(spec.name).status for spec in bad} == {ServerStatus.FAILED}
