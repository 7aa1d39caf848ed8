"""Signs of states. All of them are in DejaVu Sans Mono, Menlo, Consolas and Fira Code; each stands with a word."""

from __future__ import annotations

from mcp_tui.core.state import CallStatus, ColumnStatus

FOLDED = "►"
UNFOLDED = "▼"
CURRENT = "▌"
CURSOR = "▌"
THUMB = "▐"
MORE_BELOW = "▼"
PROMPT = "›"
NOTE = "·"
BEST = "◆"
BAR_DONE = "━"
BAR_LEFT = "─"

CALL: dict[CallStatus, tuple[str, str]] = {
    CallStatus.STREAMING: ("…", "writing"),
    CallStatus.WAITING: ("?", "waiting"),
    CallStatus.RUNNING: ("○", "running"),
    CallStatus.OK: ("✓", "ok"),
    CallStatus.ERROR: ("✗", "error"),
    CallStatus.DENIED: ("×", "denied"),
    CallStatus.CANCELLED: ("■", "cancelled"),
    CallStatus.UNKNOWN: ("!", "unknown"),
}

COLUMN: dict[ColumnStatus, tuple[str, str]] = {
    ColumnStatus.IDLE: ("○", ""),
    ColumnStatus.CONNECTING: ("○", "connecting"),
    ColumnStatus.STREAMING: ("●", "streaming"),
    ColumnStatus.TOOLS: ("●", "tools"),
    ColumnStatus.APPROVAL: ("?", "approve?"),
    ColumnStatus.RETRYING: ("»", "retry"),
    ColumnStatus.DONE: ("✓", "done"),
    ColumnStatus.INCOMPLETE: ("!", "incomplete"),
    ColumnStatus.ERROR: ("✗", "error"),
    ColumnStatus.CANCELLED: ("■", "stopped"),
}
