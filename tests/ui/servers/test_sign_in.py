"""Signing in to a server from the Servers pane: one key, and an address that can be copied."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual import events

from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.core.state import ServerSnapshot, ServerStatus
from mcp_tui.ui.servers.card import ServerCard, card
from tests.builders import server
from tests.ui.doubles import stage

URL = f"https://login.example/authorize?client_id=abc&state={'s' * 300}"
WAITING = ErrorInfo("Sign in with your browser", "Waiting for login.example", "Open the URL yourself", ErrorKind.AUTH)


def remote(status: ServerStatus = ServerStatus.NEEDS_AUTH, *, url: str = "") -> ServerSnapshot:
    reason = WAITING if url else ErrorInfo("Authorisation needed", "HTTP 401", kind=ErrorKind.AUTH)
    return replace(server("s", status), transport="http", reason=reason, sign_in_url=url, since_at=998.0)


async def test_one_key_signs_in_and_shows_the_address() -> None:
    async with stage(servers=(remote(),)) as s:
        s.screen.servers_pane.focus()
        await s.press("s")
        assert s.engine.manager.signed == [("in", "s")]
        assert isinstance(s.top, ServerCard)
        await s.servers((remote(url=URL),))
        shown = "".join(s.shown().split())
        assert URL in shown.replace("│", "")
        assert "Waiting for login.example" in s.shown()


async def test_the_same_key_stops_waiting() -> None:
    async with stage(servers=(remote(url=URL),)) as s:
        s.engine.manager.waiting["s"] = URL
        s.screen.servers_pane.focus()
        await s.press("s")
        assert s.engine.manager.signed == [("cancel", "s")]
        assert s.top is s.screen


async def test_escape_stops_waiting_and_only_then_leaves_the_pane() -> None:
    async with stage(servers=(remote(url=URL), server("t"))) as s:
        s.screen.servers_pane.focus()
        await s.press("escape")
        assert s.engine.manager.signed == [("cancel", "s")]
        assert s.screen.servers_pane.has_focus
        await s.servers((remote(), server("t")))
        await s.press("escape")
        assert s.engine.manager.signed == [("cancel", "s")]
        assert s.screen.prompt_pane.editor.has_focus


async def test_escape_on_another_server_leaves_the_sign_in_alone() -> None:
    async with stage(servers=(remote(url=URL), server("t"))) as s:
        s.screen.servers_pane.focus()
        await s.press("down", "escape")
        assert s.engine.manager.signed == []
        assert s.screen.prompt_pane.editor.has_focus


async def test_waiting_for_the_browser_shows_for_how_long() -> None:
    async with stage(servers=(remote(url=URL),)) as s:
        pane = s.screen.servers_pane
        assert pane.ticking
        assert " s in browser 2s" in pane.row_text(0, 34).plain
        await s.servers((remote(ServerStatus.READY),))
        assert not pane.ticking


async def test_a_local_process_has_no_sign_in() -> None:
    async with stage(servers=(server("s"),)) as s:
        s.screen.servers_pane.focus()
        await s.press("s", "S")
        assert s.engine.manager.signed == []


async def test_signing_out_is_one_key_where_somebody_is_signed_in() -> None:
    async with stage(servers=(replace(remote(ServerStatus.READY), signed_in=True),)) as s:
        s.screen.servers_pane.focus()
        await s.press("S")
        assert s.engine.manager.signed == [("out", "s")]


async def test_the_address_is_copied_whole_from_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(servers=(remote(url=URL),)) as s:
        copied: list[str] = []
        monkeypatch.setattr(s.app, "copy_to_clipboard", copied.append)
        s.screen.servers_pane.focus()
        await s.press("enter", "c")
        assert copied == [URL]


async def test_the_address_a_browser_elsewhere_ended_on_is_pasted_into_the_card() -> None:
    async with stage(servers=(remote(url=URL),)) as s:
        s.screen.servers_pane.focus()
        await s.press("enter")
        assert isinstance(s.top, ServerCard)
        s.app.post_message(events.Paste("not an address [/b]\n"))
        await s.pilot.pause()
        assert s.engine.manager.finished == []
        s.app.post_message(events.Paste(" http://127.0.0.1:4711/callback?code=c&state=s\n"))
        await s.pilot.pause()
        assert s.engine.manager.finished == [("s", "http://127.0.0.1:4711/callback?code=c&state=s")]


def test_a_hostile_address_is_drawn_as_text() -> None:
    text = card(remote(url="https://x/\x1b]52;c;aGk=\x07[/b][@click=app.quit]"), 1000.0)
    assert "\x1b" not in text.plain and "\x07" not in text.plain
    assert "[@click=app.quit]" in text.plain
