"""Hints for caching (2026-07-28): what was read is used again only where somebody allows it and the server said so."""

from __future__ import annotations

from mcp_tui.core.state import ServerStatus
from mcp_tui.sessions.calling.kept_reads import MAX_BYTES, MAX_ENTRIES, KeptReads
from mcp_tui.sessions.manager import SessionManager
from tests.sessions.conftest import until, until_status
from tests.sessions.live import live_http
from tests.sessions.live_http import LiveHttp
from tests.sessions.test_subscriptions import A, until_live


async def test_a_fresh_read_is_used_again_until_the_server_announces_a_change() -> None:
    async with LiveHttp(modern=True, ttl_ms=600_000) as peer, SessionManager([live_http(peer, "modern")]) as manager:
        await until_status(manager, ServerStatus.READY)
        first = await manager.read_resource("one", A, cached=True)
        again = await manager.read_resource("one", A, cached=True)
        assert len(peer.received("resources/read")) == 1
        assert again == first
        assert first["contents"][0]["odd"] == [None], "as it came"
        assert first["ttlMs"] == 600_000

        await manager.read_resource("one", A)
        assert len(peer.received("resources/read")) == 2, "a person who reads wants the newest"

        manager.follow("one", A)
        await until_live(manager)
        await manager.call_tool("one", "touch", {"uri": A, "text": "two"})
        await until(manager, lambda server: server.subscriptions[0].updates == 1)
        newest = await manager.read_resource("one", A, cached=True)
        assert newest["contents"][0]["text"] == "two"


async def test_nothing_is_used_again_without_the_hint_or_after_a_reconnect() -> None:
    async with LiveHttp(modern=True) as peer, SessionManager([live_http(peer, "modern")]) as manager:
        await until_status(manager, ServerStatus.READY)
        for _ in range(2):
            await manager.read_resource("one", A, cached=True)
        assert len(peer.received("resources/read")) == 2
        peer.peer.options["ttl_ms"] = 600_000
        await manager.read_resource("one", A, cached=True)
        manager.retry("one")
        await until(manager, lambda server: server.reconnects == 1 and server.status.usable)
        await manager.read_resource("one", A, cached=True)
        assert len(peer.received("resources/read")) == 4


async def test_an_older_server_is_read_every_time() -> None:
    async with LiveHttp() as peer, SessionManager([live_http(peer, "legacy")]) as manager:
        await until_status(manager, ServerStatus.READY)
        for _ in range(2):
            await manager.read_resource("one", A, cached=True)
        assert len(peer.received("resources/read")) == 2


def test_what_is_kept_is_bounded() -> None:
    kept = KeptReads()
    for number in range(MAX_ENTRIES + 10):
        kept.keep(f"u{number}", {"ttlMs": 1000})
    assert kept.get("u0") is None
    assert kept.get(f"u{MAX_ENTRIES + 9}") == {"ttlMs": 1000}
    kept.keep("big", {"ttlMs": 1000, "text": "x" * (MAX_BYTES + 1)})
    assert kept.get("big") is None
    kept.keep("u20", {"ttlMs": 0})
    assert kept.get("u20") is None, "the newest answer says that it is not to be kept"
