"""What servers log: asked for in both eras, kept bounded beside stderr, and heard at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mcp_tui.core.errors import AppError
from mcp_tui.core.state import ServerStatus
from mcp_tui.core.tasks import STDERR, LogLine
from mcp_tui.sessions.manager import SessionManager
from mcp_tui.sessions.server_log import MAX_LINE_CHARS, MAX_LINES, ServerLog
from tests.sessions.conftest import stdio, until, until_status, until_true
from tests.sessions.live import Era, Way, both_eras, connected, every_way, live_stdio, log_of, text_of


def said(line: LogLine) -> tuple[str, str, str]:
    return line.level, line.logger, line.text


async def until_level_is_set(manager: SessionManager) -> None:
    """It is set beside the first requests, not before them; the server says it with its next answer."""
    async with asyncio.timeout(20):
        while True:
            result = await manager.call_tool("one", "log", {"level": "debug", "data": ""})
            if text_of(result.raw) == "level notice":
                return


@every_way
async def test_messages_of_the_level_of_the_entry_and_above_are_kept(era: Era, way: Way) -> None:
    async with connected(era, way, spec={"log_level": "notice"}) as manager:
        assert manager.server("one").log_level == "notice"
        if era == "legacy":
            await until_level_is_set(manager)
        await manager.call_tool("one", "log", {"level": "info", "data": "too little"})
        await manager.call_tool("one", "log", {"level": "error", "data": {"why": "disk", "n": 1}})
        server = await until(manager, lambda one: any(line.level == "error" for line in one.log))
        assert [said(line) for line in server.log if line.level != STDERR] == [
            ("error", "peer", '{"why": "disk", "n": 1}')
        ]


@both_eras
async def test_without_a_level_nothing_is_asked_for(era: Era, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with SessionManager([live_stdio(era, log=str(log))]) as manager:
        await until_status(manager, ServerStatus.READY)
        result = await manager.call_tool("one", "log", {"level": "error", "data": "x"})
        assert text_of(result.raw) == "level none"
    assert log_of(log, "logging/setLevel") == []


@both_eras
async def test_the_level_is_changed_while_the_server_runs(era: Era) -> None:
    async with connected(era, "stdio") as manager:
        heard: list[LogLine] = []
        manager.hear_log("one", heard.append)
        await manager.set_log_level("one", "debug")
        assert manager.server("one").log_level == "debug"
        await manager.call_tool("one", "log", {"level": "debug", "data": "hello"})
        await until_true(lambda: bool(heard))
        assert said(heard[0]) == ("debug", "peer", "hello")
        with pytest.raises(AppError, match="there is no level 'loud'"):
            await manager.set_log_level("one", "loud")


async def test_a_level_set_by_hand_holds_after_a_reconnect(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with SessionManager([live_stdio("legacy", log=str(log))]) as manager:
        await until_status(manager, ServerStatus.READY)
        await manager.set_log_level("one", "warning")
        manager.retry("one")
        await until(manager, lambda one: one.reconnects == 1 and one.status.usable)
        await until_true(lambda: len(log_of(log, "logging/setLevel")) == 2)


async def test_a_server_that_does_not_log_says_so() -> None:
    async with SessionManager([stdio(spec={"log_level": "info"}, capabilities={"tools": {}})]) as manager:
        server = await until(manager, lambda one: bool(one.warnings))
        assert server.warnings == ("log_level is set for this server, but it does not say that it logs.",)
        with pytest.raises(AppError, match="does not say that it logs"):
            await manager.set_log_level("one", "debug")


async def test_lines_of_stderr_stand_in_the_same_log() -> None:
    async with SessionManager([live_stdio("legacy")]) as manager:
        server = await until(manager, lambda one: bool(one.log))
        assert said(server.log[0]) == (STDERR, "", "the live peer is up")


async def test_the_log_stays_through_a_reconnect() -> None:
    async with SessionManager([live_stdio("legacy")]) as manager:
        await until(manager, lambda one: len(one.log) == 1)
        manager.retry("one")
        server = await until(manager, lambda one: len(one.log) == 2)
        assert [line.number for line in server.log] == [1, 2]


async def test_the_log_is_bounded_and_told_of_in_bursts() -> None:
    told: list[None] = []
    log = ServerLog(lambda: told.append(None))
    for number in range(5_000):
        log.message("info", None, f"line {number} " + "x" * 10_000)
    lines = log.lines()
    assert len(lines) == MAX_LINES
    assert (lines[0].number, lines[-1].number) == (5_000 - MAX_LINES + 1, 5_000)
    assert all(len(line.text) <= MAX_LINE_CHARS for line in lines)
    await until_true(lambda: bool(told))
    assert len(told) == 1


async def test_data_that_is_no_text_is_shown_as_json() -> None:
    log = ServerLog(lambda: None)
    log.message("nonsense", "x" * 500, [1, None])
    (line,) = log.lines()
    assert (line.level, len(line.logger), line.text) == ("info", 200, "[1, null]")
