"""Every fault on every transport: what the person sees, the server beside it undisturbed, nothing left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mcp_tui.config.schema import ServerSpec, Transport
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.state import CatalogDiff, ServerSnapshot, ServerStatus
from mcp_tui.sessions.manager import SessionManager
from tests.sessions.bystander import BESIDE, beside, nothing_left
from tests.sessions.conftest import PATIENCE_S, http, logged, stdio, until, until_status, until_true
from tests.sessions.http_peer import HttpPeer, Reply, Seen
from tests.sessions.servers.peer import DEFAULT_TOOLS, tool

__all__ = ["nothing_left"]
pytestmark = pytest.mark.usefixtures("nothing_left", "quick_backoff")

TRANSPORTS: tuple[Transport, ...] = ("stdio", "http", "sse")
HTTP: tuple[Transport, ...] = ("http", "sse")
TOOLS = [*DEFAULT_TOOLS, tool("die")]


class Victim:
    """The server `one` on any transport, and what can happen to it."""

    def __init__(self, transport: Transport, folder: Path) -> None:
        self.transport: Transport = transport
        self.peer = HttpPeer()
        self.log = folder / "log"
        self.options: dict[str, Any] = {"tools": TOOLS, "log": str(self.log)}

    def spec(self, **fields: Any) -> ServerSpec:
        if self.transport == "stdio":
            spec = stdio(**self.options)
        else:
            url = self.peer.url if self.transport == "http" else self.peer.sse_url
            spec = replace(http(url), transport=self.transport)
        return replace(spec, **fields)

    def calls(self, name: str) -> int:
        """How often the tool was called, as the server saw it."""
        if self.transport == "stdio":
            messages = logged(self.log, "tools/call")
        else:
            messages = [seen.message for seen in self.peer.calls("tools/call")]
        return sum(message["params"]["name"] == name for message in messages)

    def silence(self, method: str) -> None:
        """Before it starts: this is never answered."""
        self.options["hang"] = method
        self.peer.mute.add(method)

    async def die(self, manager: SessionManager) -> None:
        """As kill -9 ends it. An HTTP server stays away until `revive`."""
        if self.transport != "stdio":
            await self.peer.down()
            return
        pid = manager.server("one").pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    async def revive(self) -> None:
        if self.transport != "stdio":
            await self.peer.up()


@pytest.fixture(params=TRANSPORTS)
async def victim(request: pytest.FixtureRequest, nothing_left: None, tmp_path: Path) -> AsyncIterator[Victim]:
    found = Victim(request.param, tmp_path)
    await found.peer.up()
    yield found
    await found.peer.down()


@pytest.fixture(params=HTTP)
async def remote(request: pytest.FixtureRequest, nothing_left: None, tmp_path: Path) -> AsyncIterator[Victim]:
    """One that stays away until it is revived; a process is started again at once."""
    found = Victim(request.param, tmp_path)
    await found.peer.up()
    yield found
    await found.peer.down()


def manager_of(*specs: ServerSpec) -> SessionManager:
    return SessionManager([*specs, stdio(BESIDE)])


def back(server: ServerSnapshot) -> bool:
    return server.status is ServerStatus.READY and server.reconnects >= 1


def says(server: ServerSnapshot) -> str:
    return server.reason.line() if server.reason is not None else ""


# ---------------------------------------------------------------------- it goes away


async def test_killed_while_idle_is_noticed_counted_down_and_healed(victim: Victim) -> None:
    async with manager_of(victim.spec(probe_interval_s=0.1)) as manager:
        await until_status(manager, ServerStatus.READY)
        async with beside(manager):
            await victim.die(manager)
            away = await until_status(manager, ServerStatus.BACKOFF)
            assert away.retry_at is not None
            assert away.attempt >= 1
            assert away.catalog.tools, "what it offered stays on screen"
            if victim.transport == "stdio":
                crashed = await until(manager, lambda server: server.crash is not None)
                assert "was ended by SIGKILL" in says(crashed)
            else:
                assert away.reason is not None
                assert away.reason.kind is ErrorKind.UNREACHABLE
            await victim.revive()
            healed = await until(manager, back)
            assert (healed.reason, healed.crash, healed.attempt) == (None, None, 0)


async def test_killed_in_a_call_says_that_it_may_have_run_and_never_repeats_it(victim: Victim) -> None:
    async with manager_of(victim.spec()) as manager:
        await until_status(manager, ServerStatus.READY)
        async with beside(manager):
            pending = asyncio.create_task(manager.call_tool("one", "sleep", {"seconds": 60}))
            await until_true(lambda: victim.calls("sleep") == 1)
            await victim.die(manager)
            with pytest.raises(AppError) as caught:
                await pending
            assert caught.value.info.code == "outcome_unknown"
            assert "it may have run" in caught.value.info.detail
            await victim.revive()
            await until(manager, back)
            assert victim.calls("sleep") == 1


async def test_a_harmless_call_of_a_trusted_server_is_repeated_once_over_the_outage(victim: Victim) -> None:
    async with manager_of(victim.spec(trusted=True)) as manager:
        await until_status(manager, ServerStatus.READY)
        async with beside(manager):
            pending = asyncio.create_task(manager.call_tool("one", "sleep", {"seconds": 1.5}, timeout_s=PATIENCE_S))
            await until_true(lambda: victim.calls("sleep") == 1)
            await victim.die(manager)
            await victim.revive()
            assert (await pending).content[0]["text"] == "slept"
            assert victim.calls("sleep") == 2


async def test_a_call_made_while_it_is_away_waits_or_fails_at_its_own_deadline(remote: Victim) -> None:
    async with manager_of(remote.spec()) as manager:
        await until_status(manager, ServerStatus.READY)
        async with beside(manager):
            await remote.die(manager)
            waiting = asyncio.create_task(manager.call_tool("one", "write", {}, timeout_s=PATIENCE_S))
            await until_status(manager, ServerStatus.BACKOFF)
            with pytest.raises(AppError) as caught:
                await manager.call_tool("one", "echo", {}, timeout_s=0.3)
            assert caught.value.info.code == "not_ready"
            assert "No connection within 0.3 s" in caught.value.info.detail
            await remote.revive()
            assert (await waiting).content[0]["text"] == "written"
            assert remote.calls("write") == 1


async def test_down_and_up_again_and_again(victim: Victim) -> None:
    async with manager_of(victim.spec(probe_interval_s=0.1)) as manager:
        await until_status(manager, ServerStatus.READY)
        async with beside(manager):
            for count in (1, 2, 3):
                await victim.die(manager)
                await until(manager, lambda server: not server.status.usable)
                await victim.revive()
                await until(manager, lambda server, count=count: back(server) and server.reconnects == count)
                result = await manager.call_tool("one", "echo", {"text": str(count)}, timeout_s=PATIENCE_S)
                assert result.content[0]["text"] == str(count)


async def test_what_it_offers_after_an_outage_is_compared_with_before(remote: Victim) -> None:
    async with manager_of(remote.spec(probe_interval_s=0.1)) as manager:
        await until_status(manager, ServerStatus.READY)
        async with beside(manager):
            await remote.die(manager)
            await until_status(manager, ServerStatus.BACKOFF)
            remote.peer.peer.tools = [*DEFAULT_TOOLS[1:], tool("new")]
            await remote.revive()
            after = await until(manager, back)
            assert after.diff == CatalogDiff(added=("tool new",), removed=("tool echo",))


async def test_a_person_who_does_not_want_to_wait_retries_now(victim: Victim, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(attempt: int) -> float:
        return 3600.0

    monkeypatch.setattr("mcp_tui.sessions.supervisor.backoff_s", never)
    async with manager_of(victim.spec(probe_interval_s=0.1)) as manager:
        await until_status(manager, ServerStatus.READY)
        async with beside(manager):
            await victim.die(manager)
            away = await until_status(manager, ServerStatus.BACKOFF)
            assert away.retry_at is not None
            await victim.revive()
            manager.retry("one")
            await until(manager, back)


# ---------------------------------------------------------------------- it never gets there


async def test_a_handshake_without_an_answer_ends_at_the_deadline(victim: Victim) -> None:
    victim.silence("initialize")
    async with manager_of(victim.spec(connect_timeout_s=1.0)) as manager, beside(manager):
        server = await until_status(manager, ServerStatus.BACKOFF)
        assert "no handshake within 1 s" in says(server)
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "echo", {}, timeout_s=0.3)
        assert caught.value.info.code == "not_ready"


async def test_an_event_stream_that_never_names_its_endpoint_ends_at_the_deadline(nothing_left: None) -> None:
    peer = await HttpPeer().up()
    peer.rule = lambda seen: Reply(200, b": hello\n\n", "text/event-stream", {"X": "y"}) if seen.verb == "GET" else None
    spec = replace(http(peer.sse_url, connect_timeout_s=1.0), transport="sse")
    async with manager_of(spec) as manager, beside(manager):
        server = await until_status(manager, ServerStatus.BACKOFF)
        assert "ended before it named its endpoint" in says(server)
    await peer.down()


async def test_one_that_is_not_there_at_first_comes_when_it_can(remote: Victim) -> None:
    await remote.peer.down()
    async with manager_of(remote.spec()) as manager, beside(manager):
        server = await until_status(manager, ServerStatus.BACKOFF)
        assert says(server).startswith("Cannot reach the server")
        await remote.revive()
        await until_status(manager, ServerStatus.READY)


async def test_one_that_exits_at_once_is_given_up_after_five_with_its_last_words(nothing_left: None) -> None:
    async with manager_of(stdio(exit_code=3, stderr="cannot open the vault")) as manager, beside(manager):
        server = await until_status(manager, ServerStatus.FAILED)
        assert "5 times within a minute" in says(server)
        assert "cannot open the vault" in says(server)
        assert server.crash is not None
        assert server.crash.exit_code == 3


# ---------------------------------------------------------------------- it answers badly


def posts(name: str) -> Callable[[Seen], bool]:
    def matches(seen: Seen) -> bool:
        return seen.message.get("method") == "tools/call" and seen.message["params"]["name"] == name

    return matches


async def test_one_refused_post_costs_one_call(remote: Victim) -> None:
    wrong = posts("write")
    remote.peer.rule = lambda seen: Reply(500) if wrong(seen) else None
    async with manager_of(remote.spec()) as manager:
        await until_status(manager, ServerStatus.READY)
        async with beside(manager):
            slow = asyncio.create_task(manager.call_tool("one", "sleep", {"seconds": 1.0}))
            await until_true(lambda: remote.calls("sleep") == 1)
            with pytest.raises(AppError) as caught:
                await manager.call_tool("one", "write", {}, timeout_s=PATIENCE_S)
            assert caught.value.info.detail == "The server answered HTTP 500"
            assert (await slow).content[0]["text"] == "slept"
            assert manager.server("one").reconnects == 0


async def test_one_post_cut_in_the_middle_costs_one_call(remote: Victim) -> None:
    wrong = posts("write")
    remote.peer.rule = lambda seen: Reply(0, b'{"jsonrpc": ') if wrong(seen) else None
    async with manager_of(remote.spec()) as manager:
        await until_status(manager, ServerStatus.READY)
        async with beside(manager):
            slow = asyncio.create_task(manager.call_tool("one", "sleep", {"seconds": 1.0}))
            await until_true(lambda: remote.calls("sleep") == 1)
            with pytest.raises(AppError) as caught:
                await manager.call_tool("one", "write", {}, timeout_s=PATIENCE_S)
            assert caught.value.info.code == "outcome_unknown"
            assert (await slow).content[0]["text"] == "slept"
            assert manager.server("one").reconnects == 0


@pytest.mark.parametrize("transport", HTTP)
async def test_a_forgotten_session_is_replaced_and_the_call_runs_once(
    transport: Transport,
    nothing_left: None,
    tmp_path: Path,
) -> None:
    victim = Victim(transport, tmp_path)
    victim.peer = HttpPeer(sessions=transport == "http")
    await victim.peer.up()
    if transport == "sse":
        refusals, wrong = [Reply(404)], posts("write")
        victim.peer.rule = lambda seen: refusals.pop() if refusals and wrong(seen) else None
    async with manager_of(victim.spec()) as manager:
        await until_status(manager, ServerStatus.READY)
        async with beside(manager):
            victim.peer.forget_sessions()
            result = await manager.call_tool("one", "write", {}, timeout_s=PATIENCE_S)
            assert result.content[0]["text"] == "written"
            await until(manager, lambda server: server.reconnects == 1)
            assert len(victim.peer.calls("initialize")) == 2
    await victim.peer.down()


async def test_lost_probes_are_said_and_after_three_the_connection_is_renewed(
    victim: Victim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcp_tui.sessions.health.PROBE_TIMEOUT_S", 0.2)
    victim.silence("ping")
    async with manager_of(victim.spec(probe_interval_s=0.1)) as manager, beside(manager):
        missed = await until_status(manager, ServerStatus.DEGRADED)
        assert says(missed).startswith("The server does not respond: No answer to a health probe")
        assert missed.status.usable
        lost = await until_status(manager, ServerStatus.BACKOFF)
        assert says(lost).startswith("The server does not respond")
        await until(manager, back)


async def test_a_result_of_twenty_megabytes_leaves_the_others_their_turn(victim: Victim) -> None:
    async with manager_of(victim.spec()) as manager:
        await until_status(manager, ServerStatus.READY)
        async with beside(manager):
            result = await manager.call_tool("one", "big", {"bytes": 20_000_000}, timeout_s=PATIENCE_S)
            assert len(result.content[0]["text"]) == 20_000_000
            assert manager.server("one").reconnects == 0


# ---------------------------------------------------------------------- the machine sleeps


class Clocks:
    """The one that goes on while the machine sleeps, ahead of the other by `slept`."""

    def __init__(self) -> None:
        self.slept = 0.0

    def onward(self) -> float:
        return 100.0 + self.slept

    def awake(self) -> float:
        return 100.0


async def test_after_a_sleep_a_connection_that_died_silently_is_replaced_at_once(
    victim: Victim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing announces its death: only answers do not come. One probe decides, whatever the interval."""
    monkeypatch.setattr("mcp_tui.sessions.health.PROBE_TIMEOUT_S", 0.3)
    victim.silence("ping")
    clocks = Clocks()
    async with manager_of(victim.spec()) as manager:
        watch = sleeps(manager, clocks)
        await until_status(manager, ServerStatus.READY)
        async with beside(manager):
            watch()
            assert manager.server("one").status is ServerStatus.READY
            clocks.slept += 3600
            watch()
            lost = await until(manager, lambda server: not server.status.usable)
            assert says(lost).startswith("The server does not respond")
            await until(manager, back)


async def test_after_a_sleep_nobody_waits_for_the_next_try(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(attempt: int) -> float:
        return 3600.0

    monkeypatch.setattr("mcp_tui.sessions.supervisor.backoff_s", never)
    peer = await HttpPeer().up()
    await peer.down()
    clocks = Clocks()
    async with manager_of(http(peer.url)) as manager:
        watch = sleeps(manager, clocks)
        await until_status(manager, ServerStatus.BACKOFF)
        async with beside(manager):
            await peer.up()
            clocks.slept += 60
            watch()
            await until_status(manager, ServerStatus.READY)
    await peer.down()


async def test_a_small_step_of_the_clock_is_no_sleep() -> None:
    clocks = Clocks()
    async with manager_of() as manager:
        watch = sleeps(manager, clocks)
        async with beside(manager):
            for _ in range(5):
                clocks.slept += 4
                watch()
            clocks.slept -= 3600
            watch()
            assert manager.server(BESIDE).latency_ms is not None


def sleeps(manager: SessionManager, clocks: Clocks) -> Callable[[], None]:
    """Puts the clocks under the manager's watch; returns what looks at them."""
    from mcp_tui.sessions.suspension import Suspension

    suspension = manager.suspension = Suspension(
        manager._woke,  # pyright: ignore[reportPrivateUsage]  what the manager does when told
        onward=clocks.onward,
        awake=clocks.awake,
    )
    return suspension.look


# ---------------------------------------------------------------------- a real HTTP server, really killed

_HOST = """
import asyncio, sys
from tests.sessions.http_peer import HttpPeer
async def main():
    peer = HttpPeer()
    peer.port = int(sys.argv[1])
    await peer.up()
    print(peer.port, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def hosted(port: int = 0) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen([sys.executable, "-c", _HOST, str(port)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


@pytest.mark.parametrize("transport", HTTP)
async def test_an_http_server_process_that_is_killed_and_started_again(
    transport: Transport,
    nothing_left: None,
) -> None:
    process, port = await asyncio.to_thread(hosted)
    path = "mcp" if transport == "http" else "sse"
    spec = replace(http(f"http://127.0.0.1:{port}/{path}", probe_interval_s=0.1), transport=transport)
    try:
        async with manager_of(spec) as manager:
            await until_status(manager, ServerStatus.READY)
            async with beside(manager):
                call = asyncio.create_task(manager.call_tool("one", "sleep", {"seconds": 60}))
                await until(manager, lambda server: server.calls_in_flight == 1)
                await manager.call_tool("one", "echo", {})  # so the other one has been sent too
                process.kill()
                await asyncio.to_thread(process.communicate)
                with pytest.raises(AppError) as caught:
                    await call
                assert caught.value.info.code == "outcome_unknown"
                await until_status(manager, ServerStatus.BACKOFF)
                process, _ = await asyncio.to_thread(hosted, port)
                await until(manager, back)
                assert (await manager.call_tool("one", "echo", {"text": "on"})).content[0]["text"] == "on"
    finally:
        process.kill()
        await asyncio.to_thread(process.communicate)
