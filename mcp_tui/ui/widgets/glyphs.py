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


def duration(milliseconds: float) -> str:
    """`12ms`, `1.2s`, `3m 05s`."""
    if milliseconds < 1000:
        return f"{milliseconds:.0f}ms"
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f}s"
    return f"{int(seconds) // 60}m {int(seconds) % 60:02}s"


def elapsed(seconds: float) -> str:
    """Whole seconds, for what still runs: `3s`, `1m 05s`."""
    whole = max(0, int(seconds))
    return f"{whole}s" if whole < 60 else f"{whole // 60}m {whole % 60:02}s"
