"""What a state is called: a glyph, a word and a colour each, the same everywhere. It must read without colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mcp_tui.core.figures import elapsed_text
from mcp_tui.core.state import RESTARTING, ColumnStatus, ServerSnapshot, ServerStatus, ToolHints
from mcp_tui.core.text import clean_line

Tone = Literal["good", "warn", "bad", "wait", "muted"]


MUTED = "$foreground 60%"
"""`$text-muted` loses its transparency inside a text; this is the same grey."""
INK: dict[Tone, str] = {
    "good": "$text-success",
    "warn": "$text-warning",
    "bad": "$text-error",
    "wait": "$text-accent",
    "muted": MUTED,
}


@dataclass(frozen=True, slots=True)
class State:
    glyph: str
    word: str
    tone: Tone

    def __str__(self) -> str:
        return f"{self.glyph} {self.word}"


_SERVER: dict[ServerStatus, State] = {
    ServerStatus.DISABLED: State("○", "off", "muted"),
    ServerStatus.CONNECTING: State("◐", "connecting", "wait"),
    ServerStatus.READY: State("●", "ready", "good"),
    ServerStatus.DEGRADED: State("!", "degraded", "warn"),
    ServerStatus.BACKOFF: State("»", "retry", "warn"),
    ServerStatus.NEEDS_AUTH: State("◇", "sign in", "warn"),
    ServerStatus.NEEDS_TRUST: State("?", "trust?", "warn"),
    ServerStatus.FAILED: State("✗", "failed", "bad"),
    ServerStatus.CLOSED: State("○", "closed", "muted"),
}

COLUMN: dict[ColumnStatus, State] = {
    ColumnStatus.IDLE: State("○", "idle", "muted"),
    ColumnStatus.CONNECTING: State("○", "connecting", "wait"),
    ColumnStatus.STREAMING: State("●", "streaming", "wait"),
    ColumnStatus.TOOLS: State("●", "tools", "wait"),
    ColumnStatus.APPROVAL: State("?", "approve?", "warn"),
    ColumnStatus.RETRYING: State("»", "retry", "warn"),
    ColumnStatus.DONE: State("✓", "done", "good"),
    ColumnStatus.INCOMPLETE: State("!", "incomplete", "warn"),
    ColumnStatus.ERROR: State("✗", "error", "bad"),
    ColumnStatus.CANCELLED: State("■", "stopped", "muted"),
}


def server_state(server: ServerSnapshot, now: float) -> State:
    """With the elapsed time while it connects, and the countdown while it waits for the next try."""
    state = _SERVER[server.status]
    if server.status is ServerStatus.CONNECTING and server.reason is not None and server.reason.code == RESTARTING:
        return State(state.glyph, f"restarting: {clean_line(server.reason.detail)}", state.tone)
    if server.status is ServerStatus.CONNECTING:
        return State(state.glyph, f"connecting {elapsed_text(now - server.since_at)}", state.tone)
    if server.status is ServerStatus.NEEDS_AUTH and server.sign_in_url:
        return State(state.glyph, f"in browser {elapsed_text(now - server.since_at)}", "wait")
    if server.status is ServerStatus.BACKOFF:
        left = max(0, round(server.retry_at - now)) if server.retry_at is not None else 0
        tries = f" ({server.attempt})" if server.attempt else ""
        return State(state.glyph, f"retry in {elapsed_text(left)}{tries}", state.tone)
    return state


def hint_mark(hints: ToolHints) -> tuple[str, Tone]:
    """What a tool says it does, in one short word; a tool that says nothing may write."""
    if hints.read_only:
        return "read", "muted"
    if hints.destructive:
        return "write!", "bad"
    return "write", "warn"


def hint_words(hints: ToolHints) -> tuple[str, ...]:
    """The same in full, for a question: only what the tool itself says, and that it is only a claim."""
    words: list[str] = []
    if hints.read_only:
        words.append("says it only reads")
    elif hints.read_only is None and hints.destructive is None:
        words.append("does not say whether it writes")
    else:
        words.append("writes")
        words.append("says it destroys nothing" if hints.destructive is False else "may destroy data")
    if hints.idempotent and not hints.read_only:
        words.append("safe to repeat")
    if hints.open_world:
        words.append("reaches the outside world")
    return tuple(words)
