"""Leaving the manager: no child stays, however it is left and whatever the servers do."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from mcp_tui.core.state import ServerStatus
from mcp_tui.sessions.manager import SessionManager
from tests.sessions.conftest import PATIENCE_S, http, stdio, until_status, until_true
from tests.sessions.http_peer import HttpPeer, Reply


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less patience with stubborn servers."""
    monkeypatch.setattr("mcp_tui.sessions.transport.stdio.EXIT_S", 0.4)
    monkeypatch.setattr("mcp_tui.sessions.transport.stdio.TERM_S", 0.4)


HAS_PROC = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="a process outside its group is found there")
STUBBORN: dict[str, Any] = {"ignore_eof": True, "ignore_sigterm": True}


def _alive(pids: Path) -> list[int]:
    found: list[int] = []
    for pid in map(int, pids.read_text().split() if pids.exists() else []):
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.mark.usefixtures("brief")
async def test_leaving_ends_every_child_also_the_stubborn_and_their_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    specs = [
        stdio("good", pid_file=str(pids)),
        stdio("stubborn", pid_file=str(pids), **STUBBORN),
        stdio("parent", pid_file=str(pids), child=True),
        stdio("hanging", pid_file=str(pids), hang="initialize", **STUBBORN),
    ]
    async with SessionManager(specs) as manager:
        for name in ("good", "stubborn", "parent"):
            await until_status(manager, ServerStatus.READY, name=name)
        await until_true(lambda: len(_alive(pids)) == 5)
    assert _alive(pids) == []
    assert {server.status for server in manager.snapshot()} == {ServerStatus.CLOSED}


@HAS_PROC
@pytest.mark.usefixtures("brief")
async def test_leaving_ends_a_server_that_left_its_process_group(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    specs = [
        stdio("good", pid_file=str(pids), detach=True),
        stdio("stubborn", pid_file=str(pids), detach=True, child=True, **STUBBORN),
    ]
    async with SessionManager(specs) as manager:
        for name in ("good", "stubborn"):
            await until_status(manager, ServerStatus.READY, name=name)
        assert len(_alive(pids)) == 3
    assert _alive(pids) == []


async def test_a_daemon_that_gave_up_our_output_is_left_alone(tmp_path: Path) -> None:
    """It was made to outlive what started it."""
    pids, daemon = tmp_path / "pids", tmp_path / "daemon"
    async with SessionManager([stdio(pid_file=str(pids), daemon=str(daemon))]) as manager:
        await until_status(manager, ServerStatus.READY)
    assert _alive(pids) == []
    (left,) = _alive(daemon)
    os.kill(left, signal.SIGKILL)


async def test_stubborn_servers_are_ended_together_and_not_one_after_the_other(tmp_path: Path) -> None:
    """Each takes the full wait of the escalation; the whole must fit into the time of the slowest."""
    pids = tmp_path / "pids"
    async with SessionManager([stdio(f"s{n}", pid_file=str(pids), **STUBBORN) for n in range(4)]) as manager:
        await manager.wait_settled(timeout_s=60)
        async with asyncio.timeout(12):  # one after the other they would take at least 14 s
            await manager.__aexit__(None, None, None)
        assert _alive(pids) == []


@pytest.mark.usefixtures("brief")
async def test_cancelling_the_task_that_holds_the_manager_cleans_up_first(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    ready = asyncio.Event()

    async def hold() -> None:
        specs = [stdio(pid_file=str(pids), **STUBBORN), stdio("two", pid_file=str(pids), hang="initialize")]
        async with SessionManager(specs) as manager:
            await until_status(manager, ServerStatus.READY)
            await until_true(lambda: len(_alive(pids)) == 2)
            ready.set()
            await asyncio.sleep(600)

    task = asyncio.create_task(hold())
    await ready.wait()
    task.cancel()
    await asyncio.sleep(0)
    for _ in range(3):  # an impatient person
        task.cancel()
        await asyncio.sleep(0.1)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _alive(pids) == []


@pytest.mark.usefixtures("brief")
async def test_a_timeout_around_the_manager_cleans_up_first(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2), SessionManager([stdio(pid_file=str(pids), **STUBBORN)]) as manager:
            await until_true(lambda: len(_alive(pids)) == 1)
            await manager.wait_settled(timeout_s=600)
            await asyncio.sleep(600)
    assert _alive(pids) == []


async def test_leaving_in_another_task_than_entering_works() -> None:
    manager = SessionManager([stdio()])
    await asyncio.create_task(manager.__aenter__())
    await until_status(manager, ServerStatus.READY)
    await asyncio.create_task(manager.__aexit__(None, None, None))
    assert manager.server("one").status is ServerStatus.CLOSED


async def test_leaving_at_once_is_quick_and_leaves_nothing(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    async with SessionManager([stdio(pid_file=str(pids))]):
        pass
    assert _alive(pids) == []


async def test_leaving_ends_an_http_session_with_the_server() -> None:
    peer = await HttpPeer(sessions=True).up()
    async with SessionManager([http(peer.url)]) as manager:
        await until_status(manager, ServerStatus.READY)
    deletes = [seen for seen in peer.seen if seen.verb == "DELETE"]
    assert [seen.headers["mcp-session-id"] for seen in deletes] == ["s1"]
    await peer.down()


async def test_a_server_that_does_not_answer_the_goodbye_does_not_hold_us_up() -> None:
    peer = await HttpPeer(sessions=True).up()
    peer.rule = lambda seen: Reply(hold_s=600) if seen.verb == "DELETE" else None
    async with SessionManager([http(peer.url)]) as manager:
        await until_status(manager, ServerStatus.READY)
        async with asyncio.timeout(PATIENCE_S):
            await manager.__aexit__(None, None, None)
    assert [seen.verb for seen in peer.seen if seen.verb == "DELETE"] == ["DELETE"]
    await peer.down()


@pytest.mark.parametrize(
    ("number", "options"),
    [(signal.SIGTERM, STUBBORN), (signal.SIGHUP, {"ignore_eof": True}), (signal.SIGINT, {})],
)
async def test_a_signal_ends_the_program_and_its_children(
    number: signal.Signals, options: dict[str, Any], tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    script = f"""
import asyncio, sys
from mcp_tui.cli.tasks import run
from mcp_tui.core.errors import AppError
from mcp_tui.sessions.manager import SessionManager
from tests.sessions.conftest import stdio
async def main():
    async with SessionManager([stdio(pid_file={str(pids)!r}, **{options!r})]) as manager:
        await manager.wait_settled(timeout_s=30)
        print("ready", flush=True)
        await asyncio.sleep(600)
try:
    run(main())
except AppError as error:
    sys.exit(130 if error.info.code == "cancelled" else 1)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert await asyncio.to_thread(process.stdout.readline) == b"ready\n"
        assert len(_alive(pids)) == 1
        process.send_signal(number)
        code = await asyncio.to_thread(process.wait, PATIENCE_S)
        assert (code, _alive(pids)) == (130, [])
    finally:
        process.kill()
        _, noise = process.communicate()
        for pid in _alive(pids):
            os.kill(pid, signal.SIGKILL)
    assert noise == b""


async def test_children_are_killed_when_the_program_ends_without_leaving_the_manager(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"""
import asyncio
from mcp_tui.sessions.manager import SessionManager
from tests.sessions.conftest import stdio
manager = SessionManager([stdio(pid_file={str(pids)!r}, ignore_eof=True, ignore_sigterm=True)])
async def main():
    await manager.__aenter__()
    await manager.wait_settled(timeout_s=30)
loop = asyncio.new_event_loop()
loop.run_until_complete(main())
raise SystemExit(5)
"""
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 5
    await until_true(lambda: _alive(pids) == [])


def _started(pids: Path, options: dict[str, Any]) -> subprocess.Popen[bytes]:
    """A real `mcp-tui` process with one server, which tells its process ids."""
    import json

    from tests.sessions.conftest import SERVERS

    config = pids.with_name("servers.json")
    script = str(SERVERS / "stdio_server.py")
    entry = {"command": sys.executable, "args": [script, json.dumps({"pid_file": str(pids), **options})]}
    config.write_text(json.dumps({"mcpServers": {"one": entry, "two": entry}}))
    return subprocess.Popen(
        [sys.executable, "-m", "mcp_tui.cli.main", "--config", str(config), "call", "one", "sleep", "seconds=600"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    "options", [{}, {**STUBBORN, "child": True}, pytest.param({**STUBBORN, "detach": True}, marks=HAS_PROC)]
)
async def test_a_program_that_is_killed_outright_leaves_no_server_behind(
    options: dict[str, Any], tmp_path: Path
) -> None:
    """Also not one that ignores the end of its input and SIGTERM, nor what that one started."""
    pids = tmp_path / "pids"
    process = _started(pids, options)
    try:
        await until_true(lambda: len(_alive(pids)) == (2 if options.get("child") else 1))
        process.kill()
        await asyncio.to_thread(process.wait, PATIENCE_S)
        await until_true(lambda: _alive(pids) == [])
    finally:
        process.kill()
        for pid in _alive(pids):
            os.kill(pid, signal.SIGKILL)


async def test_the_guard_against_a_sudden_end_goes_with_the_manager_and_costs_one_process() -> None:
    ours = psutil.Process()
    before = {child.pid for child in ours.children()}
    async with SessionManager([stdio(), stdio("two")]) as manager:
        await manager.wait_settled(timeout_s=60)
        servers = {server.pid for server in manager.snapshot()}
        guards = [child for child in ours.children() if child.pid not in before | servers]
        assert [guard.name() for guard in guards] == ["sh"]
        assert not any("mcp" in word for word in guards[0].cmdline())  # or `pkill -9 -f` would end it too
    assert {child.pid for child in ours.children()} == before


async def test_a_guard_that_was_ended_does_not_harm_the_servers() -> None:
    ours = psutil.Process()
    before = {child.pid for child in ours.children()}
    async with SessionManager([stdio()]) as manager:
        first = await until_status(manager, ServerStatus.READY)
        guard = next(child for child in ours.children() if child.pid not in {*before, first.pid})
        guard.kill()
        manager.retry("one")
        await until_true(lambda: manager.server("one").reconnects == 1)
        assert (await manager.call_tool("one", "echo", {"text": "on"})).content[0]["text"] == "on"
    assert {child.pid for child in ours.children()} == before
