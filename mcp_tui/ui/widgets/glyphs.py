"""Signs of states. All of them are in DejaVu Sans Mono, Menlo, Consolas and Fira Code; each stands with a word."""

from __future__ import annotations

from mcp_tui.core.state import CallStatus

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
