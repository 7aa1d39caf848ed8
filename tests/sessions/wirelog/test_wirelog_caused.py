"""All messages of one call, found again in the log."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from mcp_tui.core.errors import AppError
from mcp_tui.core.state import ServerStatus
from mcp_tui.sessions.manager import SessionManager
from mcp_tui.sessions.wirelog import caused
from mcp_tui.sessions.wirelog.cause import causing
from mcp_tui.sessions.wirelog.caused import Caused, caused_by
from mcp_tui.sessions.wirelog.log import WireLog
from tests.sessions.conftest import stdio, until_status
from tests.sessions.wirelog.records import T0, call, line, write

MINE: dict[str, Any] = {"cause": "workbench call 1", "pid": os.getpid()}


def methods(found: Caused) -> list[tuple[str, str]]:
    return [(whole.head.direction, whole.head.method) for whole in found.records]


async def test_a_call_over_stdio_is_found_with_its_progress_and_nothing_of_its_neighbours(tmp_path: Path) -> None:
    async with SessionManager([stdio()], wire_log=WireLog(tmp_path)) as manager:
        await until_status(manager, ServerStatus.READY)
        since = time.time_ns() // 1000
        for number in (1, 2):
            with causing(f"workbench call {number}"):
                await manager.call_tool("one", "progress", {"values": [[1, 2], [2, 2]]}, on_progress=lambda _: None)
    found = caused_by(tmp_path, "one", "workbench call 1", since)
    progress = ("received", "notifications/progress")
    assert methods(found) == [("sent", "tools/call"), progress, progress, ("received", "tools/call")]
    asked = found.records[0].head
    assert all(whole.head.request == asked.order for whole in found.records[1:])
    assert not found.waiting
    assert caused_by(tmp_path, "another", "workbench call 1", since) == Caused()
    assert caused_by(tmp_path, "one", "workbench call 3", since).waiting


async def test_a_cancellation_belongs_to_its_call(tmp_path: Path) -> None:
    async with SessionManager([stdio()], wire_log=WireLog(tmp_path)) as manager:
        await until_status(manager, ServerStatus.READY)
        with causing("workbench call 1"), pytest.raises(AppError):
            await manager.call_tool("one", "sleep", {"seconds": 30}, timeout_s=0.2)
    found = caused_by(tmp_path, "one", "workbench call 1", 0)
    assert methods(found)[:2] == [("sent", "tools/call"), ("sent", "notifications/cancelled")]


def test_other_processes_and_earlier_starts_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, [line(1, **MINE), line(2, cause=MINE["cause"], pid=os.getpid() + 1), line(3, **MINE)])
    found = caused_by(tmp_path, "fs", "workbench call 1", T0 + 2_000)
    assert [whole.head.id for whole in found.records] == [3]
    assert found.waiting


def test_the_log_is_read_back_as_far_as_the_call_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answer = call(10)
    mark = b'"pid":1,', b'"cause":"workbench call 1","pid":%d,' % os.getpid()
    between = [line(number) for number in range(20, 400)]
    write(tmp_path, [line(1), asked.replace(*mark), *between, answer.replace(*mark)])
    monkeypatch.setattr(caused, "_WINDOWS", (1_000, 5_000, 1 << 20))
    found = caused_by(tmp_path, "fs", "workbench call 1", T0 + 10_000)
    assert [whole.head.direction for whole in found.records] == ["sent", "received"]
    assert not found.waiting


def test_of_very_many_the_middle_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caused, "MAX_RECORDS", 4)
    write(tmp_path, [line(number, **MINE) for number in range(1, 11)])
    found = caused_by(tmp_path, "fs", "workbench call 1", T0)
    assert [whole.head.id for whole in found.records] == [1, 2, 9, 10]
    assert found.left_out == 6
