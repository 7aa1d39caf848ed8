"""What is said about servers nobody is looking at."""

from __future__ import annotations

from dataclasses import replace

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.state import RESTARTING, Catalog, CatalogDiff, ServerSnapshot, ServerStatus
from mcp_tui.ui.servers.news import diff_text, news
from mcp_tui.ui.status import server_state

READY = ServerSnapshot("notes\x1b[2J", "stdio", "python notes.py", "test", ServerStatus.READY, 0.0, catalog=Catalog())
RESTARTS = replace(
    READY, status=ServerStatus.CONNECTING, reason=ErrorInfo("Restarting", "src/x.py\x07 changed", code=RESTARTING)
)


def said(before: ServerSnapshot, after: ServerSnapshot) -> list[str]:
    return list(news((before,), (after,)))


def test_a_restart_says_which_file_changed_once() -> None:
    assert said(READY, RESTARTS) == ["notes restarts: src/x.py changed"]
    assert said(RESTARTS, replace(RESTARTS, latency_ms=1.0)) == []
    assert str(server_state(RESTARTS, 0.0)) == "◐ restarting: src/x.py changed"


def test_a_server_that_came_back_says_what_it_offers_now() -> None:
    back = replace(READY, reconnects=1)
    diff = CatalogDiff(added=("tool a",), removed=("tool b",), changed=("tool c",))
    assert said(RESTARTS, replace(back, diff=diff)) == ["notes came back with + tool a, - tool b, ~ tool c"]
    assert said(RESTARTS, back) == ["notes came back; it offers the same"]
    lost = replace(READY, status=ServerStatus.BACKOFF, reason=ErrorInfo("The server ended"))
    assert said(lost, back) == []
    assert said(lost, replace(back, diff=diff)) == ["notes came back with + tool a, - tool b, ~ tool c"]


def test_a_server_seen_for_the_first_time_is_no_news() -> None:
    assert list(news((), (RESTARTS,))) == []


def test_a_long_difference_is_cut() -> None:
    assert diff_text(CatalogDiff(added=tuple(f"tool {n}" for n in range(9)))).endswith("+ tool 3 and 5 more")
