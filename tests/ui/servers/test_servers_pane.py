"""The Servers pane: every state reads without colour, and waiting is alive."""

from __future__ import annotations

import pytest

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.state import CatalogDiff, CrashCard, ServerFacts, ServerStatus
from mcp_tui.ui.servers.card import ServerCard, card
from tests.builders import server
from tests.ui.doubles import example_servers, stage


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (ServerStatus.READY, "● s ready"),
        (ServerStatus.DISABLED, "○ s off"),
        (ServerStatus.NEEDS_AUTH, "◇ s sign in"),
        (ServerStatus.FAILED, "✗ s failed"),
        (ServerStatus.NEEDS_TRUST, "? s trust?"),
        (ServerStatus.DEGRADED, "! s degraded"),
    ],
)
async def test_every_state_has_a_glyph_and_a_word(status: ServerStatus, expected: str) -> None:
    async with stage(servers=(server("s", status),)) as s:
        assert expected in " ".join(s.screen.servers_pane.row_text(0, 34).plain.split())


async def test_connecting_shows_elapsed_time_and_backoff_counts_down() -> None:
    connecting = server("a", ServerStatus.CONNECTING, since_at=998.8)
    waiting = server("b", ServerStatus.BACKOFF, attempt=2, retry_at=1004.0)
    async with stage(servers=(connecting, waiting)) as s:
        pane = s.screen.servers_pane
        assert "◐ a connecting 1s" in pane.row_text(0, 34).plain
        assert "» b retry in 4s (2)" in pane.row_text(1, 34).plain
        s.clock.now += 2
        assert "connecting 3s" in pane.row_text(0, 34).plain
        assert "retry in 2s (2)" in pane.row_text(1, 34).plain


async def test_the_pane_ticks_only_while_something_waits() -> None:
    async with stage(servers=(server("a", ServerStatus.CONNECTING),)) as s:
        assert s.screen.servers_pane.ticking
        await s.servers((server("a"),))
        assert not s.screen.servers_pane.ticking


async def test_ready_line_has_tools_and_latency_and_never_outgrows_the_pane() -> None:
    async with stage() as s:
        pane = s.screen.servers_pane
        line = pane.row_text(0, 32).plain
        assert line.split() == ["●", "fs", "ready", "5", "3ms"]
        await s.servers((server("a" * 80),))
        assert pane.row_text(0, 28).cell_len <= 28
        assert "ready" in pane.row_text(0, 28).plain


async def test_space_switches_off_and_on_and_r_reconnects() -> None:
    async with stage() as s:
        s.screen.servers_pane.focus()
        await s.press("space", "r", "end", "space")
        assert s.engine.manager.enabled == [("fs", False), ("slack", True)]
        assert s.engine.manager.retried == ["fs"]


async def test_the_cursor_stays_on_its_server_when_others_come_before_it() -> None:
    async with stage() as s:
        pane = s.screen.servers_pane
        pane.focus()
        await s.press("down")
        assert pane.current_key == "db"
        await s.servers((server("new"), *example_servers()))
        assert pane.current_key == "db"


async def test_enter_opens_a_card_that_follows_the_server() -> None:
    async with stage(servers=example_servers(ServerStatus.BACKOFF)) as s:
        s.screen.servers_pane.focus()
        await s.press("down", "down", "down", "enter")
        assert isinstance(s.top, ServerCard)
        shown = s.shown()
        assert "retry in 4s (2)" in shown
        assert "GITHUB_TOKEN is not set" in shown and "→ set GITHUB_TOKEN" in shown
        assert "run-github --stdio" in shown and "config.toml:12" in shown
        await s.servers(example_servers())
        assert "● ready" in s.shown()
        await s.press("r")
        assert s.engine.manager.retried == ["github"]
        await s.press("escape")
        assert s.top is s.screen
        assert s.screen.servers_pane.has_focus


def test_card_says_why_a_process_ended_and_what_the_handshake_said() -> None:
    from dataclasses import replace

    crashed = replace(
        server("s", ServerStatus.FAILED),
        reason=ErrorInfo("s crashed", "five times in a minute", "see stderr"),
        crash=CrashCard(("node", "a b.js"), "/srv", None, "SIGSEGV", ("boom \x1b]52;c;aGk=\x07",), ("AWS_SECRET",)),
        facts=ServerFacts("2025-11-25", "legacy", "S", "1.2", "Be kind.", {"tools": {"listChanged": True}}),
        diff=CatalogDiff(added=("tool new",), removed=("tool old",)),
        warnings=("one entry dropped",),
    )
    text = card(crashed, 1000.0).plain
    for part in (
        "✗ failed",
        "s crashed",
        "→ see stderr",
        "ended by SIGSEGV",
        "node 'a b.js'",
        "AWS_SECRET",
        "2025-11-25 (legacy)",
        "Be kind.",
        "listChanged",
        "+ tool new",
        "- tool old",
        "! one entry dropped",
        "boom",
    ):
        assert part in text
    assert "\x1b" not in text and "\x07" not in text


async def test_no_server_says_how_to_add_one() -> None:
    async with stage(servers=()) as s:
        assert "--server NAME=COMMAND" in s.screen.servers_pane.empty_text(40).plain


async def test_hostile_names_are_drawn_as_text() -> None:
    async with stage(servers=(server("a[/x]b\x1b]52;c;aGk=\x07"),)) as s:
        assert "a[/x]b" in s.shown()
        assert "\x1b" not in s.screen.servers_pane.row_text(0, 40).plain
