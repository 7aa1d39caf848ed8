"""The era of a server is found once and remembered; an outage proves nothing, and a wrong memory heals."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from mcp_tui.config import paths
from mcp_tui.core.state import ServerSnapshot, ServerStatus
from mcp_tui.sessions.known_servers import KnownServers, identity
from mcp_tui.sessions.manager import SessionManager
from tests.sessions.conftest import http, logged, stdio, until, until_status
from tests.sessions.http_peer import HttpPeer, Reply
from tests.sessions.live import both_eras, live_http
from tests.sessions.live_http import LiveHttp


def memory_file() -> Path:
    return paths.state_dir() / "servers.json"


def eras() -> list[str]:
    if not memory_file().exists():
        return []
    return [entry["era"] for entry in json.loads(memory_file().read_text())["eras"].values()]


async def ready(manager: SessionManager) -> ServerSnapshot:
    return await until_status(manager, ServerStatus.READY)


async def test_the_next_start_does_not_ask_an_older_server_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    spec = stdio(log=str(log), spec={"protocol": "auto"})
    async with SessionManager([spec]) as manager:
        assert (await ready(manager)).era_source == "probed"
    assert eras() == ["legacy"]
    async with SessionManager([spec]) as manager:
        server = await ready(manager)
        assert server.era_source == "remembered"
        assert server.facts is not None
        assert server.facts.era == "legacy"
    assert len(logged(log, "server/discover")) == 1
    assert memory_file().stat().st_mode & 0o777 == 0o600


async def test_a_server_that_dies_of_the_question_is_asked_only_once_ever(tmp_path: Path) -> None:
    log = tmp_path / "log"
    spec = stdio(log=str(log), die_on_discover=True, spec={"protocol": "auto"})
    for _ in range(2):
        async with SessionManager([spec]) as manager:
            await ready(manager)
    assert len(logged(log, "server/discover")) == 1


@pytest.mark.parametrize("status", [500, 503, 429, 408, 401])
async def test_an_outage_during_the_question_is_never_remembered_as_an_older_server(status: int) -> None:
    async with LiveHttp() as peer:
        peer.refuse_probe = status
        async with SessionManager([live_http(peer, "legacy", protocol="auto")]) as manager:
            await until(manager, lambda server: server.status.settled)
        assert eras() == []
        peer.refuse_probe = None
        async with SessionManager([live_http(peer, "legacy", protocol="auto")]) as manager:
            assert (await ready(manager)).era_source == "probed"
    assert eras() == ["legacy"]


async def test_a_plain_refusal_of_the_question_over_http_is_remembered() -> None:
    async with LiveHttp() as peer:
        peer.refuse_probe = 400
        async with SessionManager([live_http(peer, "legacy", protocol="auto")]) as manager:
            await ready(manager)
    assert eras() == ["legacy"]


async def test_a_proxy_without_its_server_makes_us_forget_nothing(peer: HttpPeer) -> None:
    spec = http(peer.url, protocol="auto")
    async with SessionManager([spec]) as manager:
        await ready(manager)
    assert eras() == ["legacy"]
    peer.seen.clear()
    peer.rule = lambda seen: Reply(502, b"<html>bad gateway</html>", "text/html")
    async with SessionManager([spec]) as manager:
        await until_status(manager, ServerStatus.BACKOFF)
    assert [seen.message.get("method") for seen in peer.seen] == ["initialize"], "asked once, and in the known era"
    assert eras() == ["legacy"]


@both_eras
async def test_a_memory_that_is_wrong_heals_at_once(era: str) -> None:
    other = "legacy" if era == "modern" else "modern"
    async with LiveHttp(modern=era == "modern") as peer:
        spec = live_http(peer, "legacy", protocol="auto")
        memory = KnownServers()
        entry = {"era": other, "server": "peer 1", "at": time.time() - 60}
        memory.put("eras", identity(spec), entry)
        await memory.close()
        async with SessionManager([spec]) as manager:
            server = await ready(manager)
            assert server.facts is not None
            assert (server.facts.era, server.era_source) == (era, "probed")
    assert eras() == [era]


async def test_a_server_of_another_version_is_asked_again_at_the_next_start() -> None:
    async with LiveHttp() as peer:
        spec = live_http(peer, "legacy", protocol="auto")
        memory = KnownServers()
        memory.put("eras", identity(spec), {"era": "legacy", "server": "peer 0.9", "at": time.time()})
        await memory.close()
        async with SessionManager([spec]) as manager:
            assert (await ready(manager)).era_source == "remembered"
        assert eras() == []


async def test_a_person_who_reconnects_has_it_found_out_anew(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with SessionManager([stdio(log=str(log), spec={"protocol": "auto"})]) as manager:
        await ready(manager)
        manager.retry("one")
        await until(manager, lambda server: server.reconnects == 1 and server.status.usable)
        assert len(logged(log, "server/discover")) == 2


async def test_an_outage_does_not_make_a_known_server_forgotten() -> None:
    async with LiveHttp() as peer:
        spec = live_http(peer, "legacy", protocol="auto")
        async with SessionManager([spec]) as manager:
            await ready(manager)
        await peer.down()
        async with SessionManager([spec]) as manager:
            await until_status(manager, ServerStatus.BACKOFF)
        assert eras() == ["legacy"]


async def test_an_entry_that_names_the_protocol_is_believed(tmp_path: Path) -> None:
    async with SessionManager([stdio(spec={"protocol": "legacy"})]) as manager:
        assert (await ready(manager)).era_source == "configured"
    assert eras() == []


async def test_a_damaged_memory_counts_as_empty_and_is_replaced(tmp_path: Path) -> None:
    memory_file().parent.mkdir(parents=True, exist_ok=True)
    memory_file().write_text('{"eras": [1')
    async with SessionManager([stdio(spec={"protocol": "auto"})]) as manager:
        assert (await ready(manager)).era_source == "probed"
    assert eras() == ["legacy"]


async def test_two_programs_keep_what_each_of_them_learned(tmp_path: Path) -> None:
    path = tmp_path / "servers.json"
    one, two = KnownServers(path), KnownServers(path)
    await one.load()
    await two.load()
    one.put("eras", "a", {"era": "legacy"})
    two.put("eras", "b", {"era": "modern"})
    await one.close()
    await two.close()
    fresh = KnownServers(path)
    await fresh.load()
    assert fresh.get("eras", "a") == {"era": "legacy"}
    assert fresh.get("eras", "b") == {"era": "modern"}


async def test_the_memory_is_bounded(tmp_path: Path) -> None:
    memory = KnownServers(tmp_path / "servers.json")
    for number in range(700):
        memory.put("eras", f"k{number}", {"era": "legacy"})
    await memory.close()
    fresh = KnownServers(tmp_path / "servers.json")
    await fresh.load()
    assert fresh.get("eras", "k0") is None
    assert fresh.get("eras", "k699") == {"era": "legacy"}
