"""A new configuration while servers run: real processes, and only what changed connects again."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_tui.config.schema import Config, Origin, ProviderSpec, ServerSpec
from mcp_tui.config.trust import needed
from mcp_tui.core.errors import AppError, ErrorInfo
from mcp_tui.core.state import ApprovalPolicy, Decision, ServerStatus
from mcp_tui.runs.approval import Applicant
from mcp_tui.runs.engine import Engine, EngineOptions
from mcp_tui.sessions.manager import SessionManager
from tests.sessions.conftest import PATIENCE_S, stdio, until, until_status, until_true

READY = ServerStatus.READY


def alive(pid: int | None) -> bool:
    assert pid is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def ready_pid(manager: SessionManager, name: str) -> int:
    pid = (await until_status(manager, READY, name=name)).pid
    assert pid is not None
    return pid


async def test_only_what_changed_reconnects() -> None:
    specs = [stdio("same"), stdio("changed"), stdio("removed")]
    async with SessionManager(specs) as manager:
        pids = {spec.name: await ready_pid(manager, spec.name) for spec in specs}
        same = manager.server("same")
        outcome = manager.reconfigure([stdio("added"), stdio("same"), stdio("changed", tools=3)])
        assert (outcome.added, outcome.removed, outcome.changed) == (("added",), ("removed",), ("changed",))
        assert [server.name for server in manager.snapshot()] == ["added", "same", "changed"]
        assert manager.server("same") is same
        assert not manager.server("changed").status.usable
        added = await ready_pid(manager, "added")
        changed = await until(manager, lambda server: server.status is READY and server.pid is not None, "changed")
        assert changed.pid != pids["changed"]
        assert manager.server("same") is same
        assert alive(pids["same"])
        await until_true(lambda: not alive(pids["removed"]) and not alive(pids["changed"]))
        with pytest.raises(AppError, match="no server named removed"):
            manager.server("removed")
    for pid in (added, changed.pid, pids["same"]):
        await until_true(lambda pid=pid: not alive(pid))


async def test_an_entry_that_only_moved_stays_connected() -> None:
    spec = stdio("one")
    async with SessionManager([spec]) as manager:
        pid = await ready_pid(manager, "one")
        assert not manager.reconfigure([replace(spec, origin=Origin("elsewhere.toml:7"))])
        server = manager.server("one")
        assert (server.source, server.status, server.pid) == ("elsewhere.toml:7", READY, pid)


async def test_a_removed_server_can_come_back_at_once() -> None:
    spec = stdio("one", ignore_eof=True)
    async with SessionManager([spec]) as manager:
        before = await ready_pid(manager, "one")
        manager.reconfigure([])
        assert manager.snapshot() == ()
        manager.reconfigure([spec])
        assert await ready_pid(manager, "one") != before
    await until_true(lambda: not alive(before))


async def test_a_call_to_a_removed_server_ends() -> None:
    async with SessionManager([stdio("one", hang="tools/call")]) as manager:
        await ready_pid(manager, "one")
        call = asyncio.ensure_future(manager.call_tool("one", "echo", {}))
        await until(manager, lambda server: server.calls_in_flight == 1)
        manager.reconfigure([])
        with pytest.raises(AppError):
            async with asyncio.timeout(PATIENCE_S):
                await call


async def test_switching_off_and_on_in_the_file() -> None:
    async with SessionManager([stdio("one")]) as manager:
        pid = await ready_pid(manager, "one")
        manager.reconfigure([stdio("one", spec={"disabled": True})])
        assert manager.server("one").status is ServerStatus.DISABLED
        await until_true(lambda: not alive(pid))
        manager.reconfigure([stdio("one")])
        await ready_pid(manager, "one")


async def test_a_bad_entry_ends_the_server_and_says_why() -> None:
    problem = ErrorInfo("Server one", "the entry is wrong", "mend it")
    async with SessionManager([stdio("one")]) as manager:
        pid = await ready_pid(manager, "one")
        manager.reconfigure([replace(stdio("one"), problem=problem)])
        assert manager.server("one").status is ServerStatus.FAILED
        assert manager.server("one").reason == problem
        await until_true(lambda: not alive(pid))


async def test_an_untrusted_server_is_never_started_before_it_is_trusted(tmp_path: Path) -> None:
    mark = tmp_path / "pids"
    trusted = stdio("one", pid_file=str(mark))
    waiting = replace(trusted, problem=needed(trusted, changed=False))
    async with SessionManager([waiting]) as manager:
        server = await until_status(manager, ServerStatus.NEEDS_TRUST)
        assert server.reason is not None
        assert "would run" in server.reason.detail
        manager.retry("one")
        manager.set_enabled("one", False)
        manager.set_enabled("one", True)
        await until_status(manager, ServerStatus.NEEDS_TRUST)
        with pytest.raises(AppError):
            await manager.call_tool("one", "echo", {})
        assert not mark.exists()
        manager.reconfigure([trusted])
        await ready_pid(manager, "one")
        assert mark.exists()


async def test_a_manager_that_was_never_entered_takes_a_new_configuration() -> None:
    manager = SessionManager([stdio("one")])
    manager.reconfigure([stdio("two")])
    assert [server.name for server in manager.snapshot()] == ["two"]


def config(*specs: ServerSpec) -> Config:
    return Config(servers=specs)


async def test_the_engine_takes_over_servers_defaults_and_the_demo() -> None:
    async with Engine(Config(), EngineOptions(demo_speed=0), environ={}) as engine:
        assert engine.demo_server
        demo = await ready_pid(engine.manager, "demo")
        engine.reconfigure(config(stdio("one", spec={"trusted": True})))
        assert not engine.demo_server
        one = await ready_pid(engine.manager, "one")
        await until_true(lambda: not alive(demo))
        engine.reconfigure(config(stdio("one", spec={"trusted": True}), stdio("two")))
        assert await ready_pid(engine.manager, "one") == one
        engine.reconfigure(config())
        assert engine.demo_server
        await ready_pid(engine.manager, "demo")


async def test_a_demo_stays_a_demo() -> None:
    async with Engine(Config(), EngineOptions(demo=True, demo_speed=0), environ={}) as engine:
        demo = await ready_pid(engine.manager, "demo")
        assert not engine.reconfigure(config(stdio("one")))
        assert [server.pid for server in engine.servers()] == [demo]


async def test_new_providers_count_from_now_on_and_old_ones_stay_usable() -> None:
    own = ProviderSpec("own", Origin("a"), "openai-chat", "http://127.0.0.1:9/v1", "key", ("m",))
    async with Engine(Config(providers=(own,)), environ={}) as engine:
        before = engine.registry
        old = before.provider("own")
        engine.reconfigure(Config(providers=(replace(own, origin=Origin("b")),)))
        assert engine.registry is before
        engine.reconfigure(Config(providers=(replace(own, name="other"),)))
        assert "other" in {info.name for info in engine.registry.providers()}
        assert "own" not in {info.name for info in engine.registry.providers()}
        assert before.provider("own") is old


async def test_approvals_of_a_server_that_changed_are_forgotten() -> None:
    async with Engine(config(stdio("one"), stdio("two")), EngineOptions(demo_speed=0), environ={}) as engine:
        desk = engine.approvals
        for name in ("one", "two"):
            await ready_pid(engine.manager, name)
            tool = engine.manager.server(name).catalog.tools[0]
            asked = asyncio.ensure_future(desk.request(ApprovalPolicy.ASK, tool, {}, Applicant("r", "c", "label")))
            await until_true(lambda: bool(desk.pending()))
            desk.answer(desk.pending()[0].id, Decision.ALWAYS)
            assert (await asked).allowed
        engine.reconfigure(config(stdio("one", tools=2), stdio("two")))
        tools = {name: engine.manager.server(name).catalog.tools[0] for name in ("one", "two")}
        assert not desk.remembers(tools["one"])
        assert desk.remembers(tools["two"])
