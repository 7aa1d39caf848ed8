"""Supervision: every state, and how a server comes back."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from mcp_tui.core import crash_text
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.state import ServerStatus
from mcp_tui.sessions.manager import SessionManager
from tests.sessions.conftest import http, logged, stdio, until, until_status
from tests.sessions.http_peer import HttpPeer


def _watch(manager: SessionManager, name: str) -> list[ServerStatus]:
    """Every status of one server that a listener could see from now on."""
    seen: list[ServerStatus] = []

    def note() -> None:
        status = manager.server(name).status
        if not seen or seen[-1] is not status:
            seen.append(status)

    note()
    manager.subscribe(note)
    return seen


async def test_a_killed_server_reconnects_and_the_other_never_changes_state() -> None:
    async with SessionManager([stdio("one", stderr="hello"), stdio("two")]) as manager:
        first = await until_status(manager, ServerStatus.READY, name="one")
        await until_status(manager, ServerStatus.READY, name="two")
        one, two = _watch(manager, "one"), _watch(manager, "two")
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        lost = await until(manager, lambda server: server.crash is not None)
        assert lost.crash is not None and lost.reason is not None
        assert (lost.crash.signal, lost.crash.exit_code) == ("SIGKILL", None)
        assert lost.crash.stderr_tail == ("hello",)
        assert "was ended by SIGKILL" in lost.reason.detail
        back = await until(manager, lambda server: server.status is ServerStatus.READY and server.reconnects == 1)
        assert back.pid not in (None, first.pid)
        assert back.crash is None
        assert one[0] is ServerStatus.READY and ServerStatus.BACKOFF in one and one[-1] is ServerStatus.READY
        assert two == [ServerStatus.READY]
        assert (await manager.call_tool("one", "echo", {"text": "again"})).content[0]["text"] == "again"


@pytest.mark.usefixtures("quick_backoff")
async def test_a_server_that_exits_at_once_shows_its_last_words_and_is_given_up_after_five() -> None:
    words = "Traceback: no module named gizmo"
    async with SessionManager([stdio(exit_code=3, stderr=words)]) as manager:
        first = await until_status(manager, ServerStatus.BACKOFF)
        assert first.reason is not None and first.crash is not None and first.retry_at is not None
        assert first.attempt == 1
        assert first.reason.detail.endswith(f"exited with code 3: {words}")
        assert first.crash.exit_code == 3
        assert first.crash.stderr_tail == (words,)
        assert first.crash.argv[0] == sys.executable
        assert "PYTEST_CURRENT_TEST" in first.crash.env_withheld
        last = await until_status(manager, ServerStatus.FAILED)
        assert last.reason is not None and last.crash is not None
        assert last.reason.code == "crashed"
        assert words in last.reason.detail
        manager.retry("one")
        again = await until_status(manager, ServerStatus.BACKOFF)
        assert again.attempt == 1


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"command": "no-such-command-anywhere"}, "no_command"),
        ({"cwd": "/no/such/directory"}, "no_cwd"),
        ({"command": "/etc/hostname"}, "not_executable"),
        ({"command": "nul\0byte"}, "bad_entry"),
    ],
)
async def test_an_entry_that_cannot_be_started_fails_at_once_and_says_why(spec: dict[str, Any], code: str) -> None:
    async with SessionManager([stdio(spec=spec)]) as manager:
        server = await until_status(manager, ServerStatus.FAILED)
        assert server.reason is not None
        assert (server.reason.code, server.reason.kind) == (code, ErrorKind.UNREACHABLE)
        assert server.retry_at is None
        assert server.crash is not None


async def test_a_handshake_without_an_answer_ends_at_the_connect_deadline() -> None:
    async with SessionManager([stdio(hang="initialize", spec={"connect_timeout_s": 0.5})]) as manager:
        server = await until_status(manager, ServerStatus.BACKOFF)
        assert server.reason is not None
        assert server.reason.code == "timeout"
        assert "no handshake within 0.5 s" in server.reason.detail
        server = await until(manager, lambda server: server.crash is not None)
        assert server.crash is not None
        assert dict(crash_text.rows(server.crash))["ended"] == "by mcp-tui: it gave no answer in time"
        assert server.crash.argv[0] == sys.executable


async def test_one_that_never_answers_is_not_said_to_keep_ending() -> None:
    async with SessionManager([stdio(hang="initialize", spec={"connect_timeout_s": 0.1})]) as manager:
        server = await until(manager, lambda server: server.attempt > 5)
        assert server.status in (ServerStatus.BACKOFF, ServerStatus.CONNECTING)


async def test_ready_is_published_only_after_the_first_catalog() -> None:
    async with SessionManager([stdio(hang="tools/list", spec={"connect_timeout_s": 1.0})]) as manager:
        seen = _watch(manager, "one")
        server = await until_status(manager, ServerStatus.BACKOFF)
        assert ServerStatus.READY not in seen
        assert server.reason is not None
        assert "no catalog within 1 s" in server.reason.detail


async def test_facts_of_the_handshake_are_as_the_server_said() -> None:
    async with SessionManager([stdio("old"), stdio("new", modern=True)]) as manager:
        old = (await until_status(manager, ServerStatus.READY, name="old")).facts
        new = (await until_status(manager, ServerStatus.READY, name="new")).facts
        assert old is not None and new is not None
        assert (old.protocol_version, old.era, old.server_name, old.instructions) == (
            "2025-11-25",
            "legacy",
            "peer",
            "Be kind.",
        )
        assert (new.protocol_version, new.era, new.server_name) == ("2026-07-28", "modern", "peer")
        assert new.capabilities["tools"] == {"listChanged": True}


async def test_the_protocol_is_found_out_and_an_older_one_is_remembered(tmp_path: Path) -> None:
    log = tmp_path / "log"
    specs = [stdio(log=str(log), spec={"protocol": "auto"}), stdio("new", modern=True, spec={"protocol": "auto"})]
    async with SessionManager(specs) as manager:
        first = await until_status(manager, ServerStatus.READY)
        new = await until_status(manager, ServerStatus.READY, name="new")
        assert new.facts is not None
        assert new.facts.era == "modern"
        assert len(logged(log, "server/discover")) == 1
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        await until(manager, lambda server: server.reconnects == 1 and server.status.usable)
        assert len(logged(log, "server/discover")) == 1
        assert len(logged(log, "initialize")) == 2


async def test_a_server_that_dies_of_the_newer_probe_is_tried_with_the_older_handshake() -> None:
    async with SessionManager([stdio(die_on_discover=True, spec={"protocol": "auto"})]) as manager:
        server = await until_status(manager, ServerStatus.READY)
        assert server.facts is not None
        assert server.facts.era == "legacy"


async def test_all_servers_connect_at_the_same_time(tmp_path: Path) -> None:
    """Every server answers only when all twenty have been started: in sequence none would ever be ready."""
    names = [f"s{number}" for number in range(20)]
    pids = tmp_path / "pids"
    specs = [stdio(name, pid_file=str(pids), wait_for=len(names)) for name in names]
    async with SessionManager(specs) as manager:
        await manager.wait_settled(timeout_s=60)
        assert [server.status for server in manager.snapshot()] == [ServerStatus.READY] * 20
        assert [server.name for server in manager.snapshot()] == names


async def test_retry_ends_a_backoff_at_once(peer: HttpPeer) -> None:
    await peer.down()
    async with SessionManager([http(peer.url)]) as manager:
        await until(manager, lambda server: server.status is ServerStatus.BACKOFF and server.attempt >= 2)
        await peer.up()
        manager.retry("one")
        server = await until_status(manager, ServerStatus.READY)
        assert server.attempt == 0


async def test_retry_works_from_every_other_state() -> None:
    async with SessionManager([stdio(), stdio("bad", spec={"command": "no-such-command"})]) as manager:
        manager.retry("one")  # connecting
        ready = await until_status(manager, ServerStatus.READY)
        manager.retry("one")  # ready
        again = await until(manager, lambda server: server.reconnects == 1 and server.status is ServerStatus.READY)
        assert again.pid != ready.pid
        manager.set_enabled("one", False)
        await until_status(manager, ServerStatus.DISABLED)
        manager.retry("one")  # disabled
        await until_status(manager, ServerStatus.READY)
        failed = await until_status(manager, ServerStatus.FAILED, name="bad")
        manager.retry("bad")  # failed
        again = await until(manager, lambda server: server.since_at > failed.since_at and server.status.settled, "bad")
        assert again.status is ServerStatus.FAILED


async def test_a_server_switched_off_is_ended_and_comes_back_when_switched_on() -> None:
    async with SessionManager([stdio(), stdio("off", spec={"disabled": True})]) as manager:
        assert manager.server("off").status is ServerStatus.DISABLED
        first = await until_status(manager, ServerStatus.READY)
        manager.set_enabled("one", False)
        assert manager.server("one").status is ServerStatus.DISABLED
        off = await until(manager, lambda server: server.pid is None)
        assert off.status is ServerStatus.DISABLED
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "echo", {})
        assert (caught.value.info.code, caught.value.info.title) == ("not_ready", "one is switched off")
        manager.set_enabled("one", True)
        manager.set_enabled("off", True)
        back = await until_status(manager, ServerStatus.READY)
        assert back.pid != first.pid
        await until_status(manager, ServerStatus.READY, name="off")


async def test_an_entry_with_a_problem_is_never_started_and_harms_nobody() -> None:
    problem = ErrorInfo("Unknown variable", "${NOPE} is not set", kind=ErrorKind.USAGE, code="variable")
    untrusted = ErrorInfo("Not trusted yet", kind=ErrorKind.USAGE, code="needs_trust")
    specs = [stdio(spec={"problem": problem}), stdio("two", spec={"problem": untrusted}), stdio("three")]
    async with SessionManager(specs) as manager:
        await until_status(manager, ServerStatus.READY, name="three")
        one, two, _ = manager.snapshot()
        assert (one.status, one.reason, one.pid) == (ServerStatus.FAILED, problem, None)
        assert (two.status, two.reason, two.pid) == (ServerStatus.NEEDS_TRUST, untrusted, None)


@pytest.mark.usefixtures("quick_backoff")
async def test_waiting_for_all_ends_with_a_server_that_cannot_be_reached(peer: HttpPeer) -> None:
    await peer.down()
    async with SessionManager([http(peer.url), stdio("two")]) as manager:
        await manager.wait_settled(timeout_s=60)
        assert manager.server("two").status is ServerStatus.READY
        assert manager.server("one").attempt >= 2


async def test_waiting_ends_at_its_own_deadline() -> None:
    async with SessionManager([stdio(hang="initialize")]) as manager:
        await manager.wait_settled(timeout_s=0.2)
        assert manager.server("one").status is ServerStatus.CONNECTING


async def test_an_unresponsive_server_is_degraded_and_then_ready_again(monkeypatch: pytest.MonkeyPatch) -> None:
    import mcp_tui.sessions.health as health

    monkeypatch.setattr(health, "PROBE_TIMEOUT_S", 0.2)
    peer = await HttpPeer().up()
    release = asyncio.Event()
    stuck = peer.peer.handle

    def handle(message: dict[str, Any]) -> dict[str, Any] | None:
        if message.get("method") == "ping" and not release.is_set():
            import time

            time.sleep(0.4)
        return stuck(message)

    monkeypatch.setattr(peer.peer, "handle", handle)
    async with SessionManager([http(peer.url, probe_interval_s=0.1)]) as manager:
        call = asyncio.create_task(manager.call_tool("one", "sleep", {"seconds": 2}))
        server = await until_status(manager, ServerStatus.DEGRADED)
        assert server.reason is not None
        assert server.reason.code == "unresponsive"
        release.set()
        await until_status(manager, ServerStatus.READY)
        assert (await call).content[0]["text"] == "slept"
        assert manager.server("one").reconnects == 0
    await peer.down()


async def test_unchanged_servers_keep_their_snapshot_and_listeners_hear_once_per_burst() -> None:
    async with SessionManager([stdio(), stdio("two")]) as manager:
        await manager.wait_settled(timeout_s=60)
        one, two = manager.snapshot()
        heard: list[int] = []
        undo = manager.subscribe(lambda: heard.append(1))
        for _ in range(50):
            await manager.call_tool("two", "echo", {})
        assert manager.snapshot()[0] is one
        assert manager.snapshot()[1] is not two
        await until(manager, lambda server: bool(heard))
        assert 0 < len(heard) < 50
        undo()


async def test_secrets_of_an_entry_are_not_in_its_snapshot() -> None:
    spec = stdio(spec={"env": {"API_KEY": "hunter2-env"}, "args": ("x", "--token", "hunter2-arg", "--key=hunter2-eq")})
    remote = http("http://user:hunter2-pw@127.0.0.1:9/mcp?api_key=hunter2-q&x=1", "two", disabled=True)
    async with SessionManager([spec, remote]) as manager:
        await until(manager, lambda server: server.crash is not None)
        assert "hunter2" not in repr(manager.snapshot())
        assert "x=1" in manager.server("two").target
