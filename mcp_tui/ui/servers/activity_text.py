"""How tasks, followed resources and log lines read: a glyph, a word and a colour each. Pure functions."""

from __future__ import annotations

import time
from collections.abc import Sequence

from mcp_tui.core.figures import duration_text, elapsed_text
from mcp_tui.core.icons import icon_words
from mcp_tui.core.state import ServerFacts, ServerSnapshot
from mcp_tui.core.tasks import (
    LOG_LEVELS,
    STDERR,
    LogLine,
    SubscriptionInfo,
    SubscriptionState,
    TaskInfo,
    TaskStatus,
    log_rank,
)
from mcp_tui.core.text import clean, clean_line
from mcp_tui.ui.status import State
from mcp_tui.ui.widgets.line_view import RowKind, ViewRow

_TASK: dict[TaskStatus, State] = {
    TaskStatus.WORKING: State("◐", "working", "wait"),
    TaskStatus.INPUT_REQUIRED: State("?", "asks", "warn"),
    TaskStatus.COMPLETED: State("✓", "completed", "good"),
    TaskStatus.FAILED: State("✗", "failed", "bad"),
    TaskStatus.CANCELLED: State("■", "cancelled", "muted"),
    TaskStatus.LOST: State("!", "lost", "bad"),
}
_SUBSCRIPTION: dict[SubscriptionState, State] = {
    SubscriptionState.WAITING: State("◐", "follows soon", "wait"),
    SubscriptionState.LIVE: State("●", "live", "good"),
    SubscriptionState.REFUSED: State("✗", "not announced", "bad"),
}
_LEVEL: dict[str, tuple[str, RowKind]] = {
    "debug": ("·", "muted"),
    "info": ("○", "plain"),
    "notice": ("●", "head"),
    "warning": ("!", "warning"),
    "error": ("✗", "error"),
    "critical": ("✗", "error"),
    "alert": ("✗", "error"),
    "emergency": ("✗", "error"),
    STDERR: ("›", "muted"),
}
_LEVEL_CELLS = max(len(level) for level in _LEVEL)


def task_state(info: TaskInfo) -> State:
    return _TASK[info.status]


def task_age(info: TaskInfo, now: float) -> str:
    """How long it has run, as far as we saw."""
    if info.ended_at is None:
        return elapsed_text(now - info.seen_at)
    return duration_text(max(0.0, info.ended_at - info.seen_at) * 1000)


def task_words(info: TaskInfo) -> str:
    """What the server says of it, and what we have to add."""
    return " · ".join(part for part in (clean_line(info.message), clean_line(info.note)) if part)


def followed(server: ServerSnapshot | None, uri: str) -> SubscriptionInfo | None:
    """The subscription to a resource, if somebody follows it."""
    if server is None:
        return None
    return next((info for info in server.subscriptions if info.uri == uri), None)


def subscription_words(info: SubscriptionInfo) -> tuple[str, str]:
    """(text, tone of a tab line): `● live · 3 changes`."""
    state = _SUBSCRIPTION[info.state]
    text = str(state)
    if info.state is SubscriptionState.REFUSED and info.note:
        text += f": {clean_line(info.note)}"
    elif info.updates:
        text += f" · {info.updates} change{'' if info.updates == 1 else 's'}"
    return text, {"good": "good", "bad": "bad", "wait": "wait"}[state.tone]


def server_words(facts: ServerFacts) -> list[tuple[str, str]]:
    """Lines of the server's card: who it says it is."""
    title = facts.info.get("title")
    name = clean_line(f"{facts.server_name} {facts.server_version}")
    if isinstance(title, str) and title and title != facts.server_name:
        name = f"{clean_line(title)} ({name})"
    rows = [("server says", name)]
    site = facts.info.get("websiteUrl")
    if isinstance(site, str) and site:
        rows.append(("website", clean_line(site)))
    if icon := clean_line(icon_words(facts.info)):
        rows.append(("looks", icon))
    return rows


def live_facts(server: ServerSnapshot) -> list[tuple[str, str]]:
    """Lines of the server's card: what goes on there beside calls."""
    rows: list[tuple[str, str]] = []
    if server.tasks:
        running = sum(1 for task in server.tasks if not task.status.ended)
        rows.append(("tasks", f"{running} running, {len(server.tasks) - running} ended"))
    if server.subscriptions:
        live = sum(1 for info in server.subscriptions if info.state is SubscriptionState.LIVE)
        rows.append(("follows", f"{live} of {len(server.subscriptions)} resources live"))
    own = [line for line in server.log if line.level != STDERR]
    if own or server.log_level:
        asked = f", asked for from {server.log_level} on" if server.log_level else ""
        worst = max(own, key=lambda line: log_rank(line.level)).level if own else ""
        worst = f", the worst {worst}" if worst else ""
        rows.append(("log", f"{len(own)} message{'' if len(own) == 1 else 's'}{worst}{asked}"))
    return rows


def log_rows(lines: Sequence[LogLine], *, least: str = "debug", words: str = "") -> list[ViewRow]:
    """Lines from the level `least` on that hold every one of the words, with times; line breaks start new rows."""
    wanted = words.lower().split()
    rows: list[ViewRow] = []
    for line in lines:
        if log_rank(line.level) < log_rank(least):
            continue
        if wanted and not all(word in f"{line.level} {line.logger} {line.text}".lower() for word in wanted):
            continue
        glyph, kind = _LEVEL.get(line.level, _LEVEL["info"])
        at = time.strftime("%H:%M:%S", time.localtime(line.at_epoch))
        source = f"{clean_line(line.logger)}  " if line.logger else ""
        head = f"{at} {glyph} {line.level:<{_LEVEL_CELLS}}  "
        first, *rest = clean(line.text).split("\n")
        rows.append(ViewRow(f"{head}{source}{first.expandtabs(4)}", kind))
        rows.extend(ViewRow(" " * len(head) + more.expandtabs(4), kind) for more in rest)
    return rows


def more_talkative(level: str, by: int) -> str:
    """The level one step on: by=1 logs more, -1 less. From nothing at all: warnings."""
    if level not in LOG_LEVELS:
        return "warning"
    return LOG_LEVELS[min(len(LOG_LEVELS) - 1, max(0, LOG_LEVELS.index(level) - by))]
