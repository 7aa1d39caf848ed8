"""Every protocol version is spoken over stdio and HTTP; one that nobody speaks is said with the versions of both."""

from __future__ import annotations

import pytest

from mcp_tui.core.state import ServerStatus
from mcp_tui.sessions.manager import SessionManager
from tests.sessions.conftest import until_status
from tests.sessions.live import Era, Way, live_http, live_stdio, text_of
from tests.sessions.live_http import LiveHttp

VERSIONS = ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"]
both_transports = pytest.mark.parametrize("way", ["stdio", "http"])


def era_of(version: str) -> Era:
    return "modern" if version == "2026-07-28" else "legacy"


async def _works(manager: SessionManager, version: str) -> None:
    server = await until_status(manager, ServerStatus.READY)
    assert server.facts is not None
    assert (server.facts.protocol_version, server.facts.era) == (version, era_of(version))
    assert text_of((await manager.call_tool("one", "plain", {})).raw) == "called plain"
    assert (await manager.read_resource("one", "file:///a.txt"))["contents"][0]["text"] == "one"
    manager.follow("one", "file:///a.txt")
    assert await manager.complete("one", {"type": "ref/prompt", "name": "x"}, ("a", "b")) == ()


@both_transports
@pytest.mark.parametrize("version", VERSIONS)
async def test_each_version_is_found_out_and_works(version: str, way: Way) -> None:
    era = era_of(version)
    if way == "stdio":
        async with SessionManager([live_stdio(era, version=version, spec={"protocol": "auto"})]) as manager:
            await _works(manager, version)
        return
    async with (
        LiveHttp(version=version, modern=era == "modern") as server,
        SessionManager([live_http(server, era, protocol="auto")]) as manager,
    ):
        await _works(manager, version)
        headers = {head.get("mcp-protocol-version") for message, head in server.seen if "tools/call" in str(message)}
        assert headers == {version}


@both_transports
async def test_a_version_nobody_speaks_is_said_with_the_versions_of_both(way: Way) -> None:
    if way == "stdio":
        async with SessionManager([live_stdio("legacy", version="1999-01-01")]) as manager:
            server = await until_status(manager, ServerStatus.FAILED)
    else:
        async with (
            LiveHttp(version="1999-01-01") as peer,
            SessionManager([live_http(peer, "legacy")]) as manager,
        ):
            server = await until_status(manager, ServerStatus.FAILED)
    assert server.reason is not None
    assert server.reason.code == "protocol_version"
    assert "The server speaks 1999-01-01; mcp-tui speaks 2024-11-05, " in server.reason.detail
    assert "and 2025-11-25" in server.reason.detail


async def test_a_newer_server_that_shares_no_version_names_its_own() -> None:
    async with LiveHttp(modern=True, supported=["2031-01-01", "2030-01-01"]) as peer:
        async with SessionManager([live_http(peer, "modern")]) as manager:
            server = await until_status(manager, ServerStatus.FAILED)
        assert server.reason is not None
        assert "The server speaks 2031-01-01 and 2030-01-01; mcp-tui speaks 2026-07-28" in server.reason.detail


async def test_a_refusal_for_the_version_names_the_versions_of_the_server() -> None:
    async with LiveHttp(modern=True, refuses=["2031-01-01"]) as peer:
        async with SessionManager([live_http(peer, "modern", protocol="auto")]) as manager:
            server = await until_status(manager, ServerStatus.FAILED)
        assert server.reason is not None
        assert "The server speaks 2031-01-01; mcp-tui speaks 2024-11-05" in server.reason.detail
