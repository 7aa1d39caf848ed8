"""Followed resources in both eras: announced, refused, dropped, and subscribed again after a reconnect."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from mcp_tui.core.state import ServerSnapshot, ServerStatus
from mcp_tui.core.tasks import SubscriptionInfo, SubscriptionState
from mcp_tui.sessions.manager import SessionManager
from tests.sessions.conftest import until, until_status, until_true
from tests.sessions.live import Era, Way, both_eras, connected, every_way, live_http, live_stdio, log_of
from tests.sessions.live_http import LiveHttp

A, B = "file:///a.txt", "file:///b.txt"


def info(server: ServerSnapshot, uri: str = A) -> SubscriptionInfo:
    return next(one for one in server.subscriptions if one.uri == uri)


async def until_live(manager: SessionManager, uri: str = A) -> SubscriptionInfo:
    server = await until(manager, lambda one: info(one, uri).state is SubscriptionState.LIVE)
    return info(server, uri)


async def touch(manager: SessionManager, text: str, uri: str = A) -> None:
    await manager.call_tool("one", "touch", {"uri": uri, "text": text})


@every_way
async def test_a_change_of_a_followed_resource_is_announced(era: Era, way: Way) -> None:
    async with connected(era, way) as manager:
        assert manager.follow("one", A).state is SubscriptionState.WAITING
        assert (await until_live(manager)).updates == 0
        await touch(manager, "two")
        server = await until(manager, lambda one: info(one).updates == 1)
        assert not info(server).reconnected
        assert info(server).updated_at is not None
        await touch(manager, "other", B)
        await touch(manager, "three")
        await until(manager, lambda one: info(one).updates == 2)


@every_way
async def test_what_nobody_follows_any_more_is_not_announced(era: Era, way: Way) -> None:
    async with connected(era, way) as manager:
        manager.follow("one", A)
        manager.follow("one", A)
        manager.follow("one", B)
        await until_live(manager, B)
        manager.unfollow("one", A)
        assert [one.uri for one in manager.server("one").subscriptions] == [A, B], "somebody else still follows it"
        manager.unfollow("one", A)
        assert [one.uri for one in manager.server("one").subscriptions] == [B]
        await touch(manager, "two", A)
        await touch(manager, "two", B)
        await until(manager, lambda one: info(one, B).updates == 1)


async def test_an_older_server_is_told_when_nobody_follows_any_more(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with SessionManager([live_stdio("legacy", log=str(log))]) as manager:
        await until_status(manager, ServerStatus.READY)
        manager.follow("one", A)
        await until_live(manager)
        manager.unfollow("one", A)
        await until_true(lambda: bool(log_of(log, "resources/unsubscribe")))
        assert log_of(log, "resources/subscribe")[0]["params"]["uri"] == A
        assert log_of(log, "resources/unsubscribe")[0]["params"]["uri"] == A


@both_eras
async def test_a_refused_resource_says_why_and_harms_no_other(era: Era) -> None:
    async with connected(era, "stdio", refuse_uri=A) as manager:
        manager.follow("one", A)
        manager.follow("one", B)
        await until_live(manager, B)
        server = await until(manager, lambda one: info(one).state is SubscriptionState.REFUSED)
        assert info(server).note in ("No such resource (-32002)", "the server does not announce changes of it")


@both_eras
async def test_a_server_that_announces_nothing_is_not_asked_to(era: Era) -> None:
    async with connected(era, "stdio", no_subscribe=True) as manager:
        manager.follow("one", A)
        server = await until(manager, lambda one: info(one).state is SubscriptionState.REFUSED)
        assert info(server).note == "this server does not announce changes of single resources"


@both_eras
@pytest.mark.usefixtures("quick_backoff")
async def test_a_followed_resource_counts_as_changed_after_a_reconnect(era: Era) -> None:
    async with connected(era, "stdio") as manager:
        manager.follow("one", A)
        await until_live(manager)
        pid = manager.server("one").pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(manager, lambda one: info(one).state is SubscriptionState.WAITING)
        server = await until(manager, lambda one: info(one).state is SubscriptionState.LIVE and info(one).updates == 1)
        assert info(server).reconnected
        await touch(manager, "two")
        server = await until(manager, lambda one: info(one).updates == 2)
        assert not info(server).reconnected


@pytest.mark.parametrize("how", ["cut", "ended"])
@pytest.mark.usefixtures("quick_backoff")
async def test_a_stream_of_changes_that_drops_is_opened_again(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def soon(attempt: int) -> float:
        return 0.1

    monkeypatch.setattr("mcp_tui.sessions.resource_watch.backoff_s", soon)
    async with LiveHttp(modern=True) as peer, SessionManager([live_http(peer, "modern")]) as manager:
        await until_status(manager, ServerStatus.READY)
        manager.follow("one", A)
        await until_live(manager)
        if how == "cut":
            peer.drop_streams()
        else:
            peer.peer.hang_up()
        server = await until(manager, lambda one: info(one).updates == 1)
        assert info(server).reconnected
        await until_live(manager)
        await touch(manager, "two")
        await until(manager, lambda one: info(one).updates == 2)


async def test_a_resource_followed_while_disconnected_waits_for_the_connection() -> None:
    async with SessionManager([live_stdio("legacy")]) as manager:
        manager.follow("one", A)
        assert info(manager.server("one")).state is SubscriptionState.WAITING
        await until_live(manager)


async def test_a_part_of_a_followed_resource_counts_for_the_whole() -> None:
    from mcp_tui.sessions.subscriptions import Subscriptions

    told: list[None] = []
    subscriptions = Subscriptions(lambda: told.append(None))
    subscriptions.follow("file:///folder")
    subscriptions.follow("file:///fold")
    subscriptions.updated("file:///folder/deep/x.txt")
    assert [one.updates for one in subscriptions.infos()] == [1, 0]
    assert told
