"""What is known about a server's tasks, subscriptions and log, as frozen data. Texts are hostile, as in `core.state`.

A task is a tool call that goes on after its request was answered: the 2025-11-25 core tasks, and the extension
`io.modelcontextprotocol/tasks` of 2026-07-28. Times named `*_at` are monotonic seconds unless they say otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TaskStatus(StrEnum):
    WORKING = "working"
    INPUT_REQUIRED = "input_required"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    """Ours, not the protocol's: the server knows no such task any more."""

    @property
    def ended(self) -> bool:
        return self not in (TaskStatus.WORKING, TaskStatus.INPUT_REQUIRED)


@dataclass(frozen=True, slots=True)
class TaskInfo:
    server: str
    id: str
    tool: str
    """Empty for a task that somebody else started."""
    status: TaskStatus
    seen_at: float
    """When we heard of it first."""
    message: str = ""
    """The server's `statusMessage`."""
    created: str = ""
    """ISO 8601, as the server said."""
    ttl_ms: int | None = None
    """How long the server keeps it, from its creation; None = it does not say, or without limit."""
    poll_ms: int | None = None
    """How often the server wants to be asked at most; None = it does not say."""
    ended_at: float | None = None
    followed: bool = False
    """A call of ours waits for its end."""
    note: str = ""
    """What we have to say about it, such as why it was not cancelled."""


class SubscriptionState(StrEnum):
    WAITING = "waiting"
    """Not connected, or the server has not confirmed it yet."""
    LIVE = "live"
    REFUSED = "refused"
    """The server will not announce changes of it; `note` says why."""


@dataclass(frozen=True, slots=True)
class SubscriptionInfo:
    """A resource whose changes are followed."""

    uri: str
    state: SubscriptionState
    updates: int = 0
    """How often it was announced as changed, or may have changed unheard while the connection was down."""
    updated_at: float | None = None
    reconnected: bool = False
    """The newest of the updates is only such a guess."""
    note: str = ""


LOG_LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""Of RFC 5424, least important first."""
STDERR = "stderr"
"""The level of a line the server's process wrote to its standard error."""


def log_rank(level: str) -> int:
    """How important it is; lines of stderr count as `info`, for servers write everything there."""
    return LOG_LEVELS.index(level) if level in LOG_LEVELS else LOG_LEVELS.index("info")


@dataclass(frozen=True, slots=True)
class LogLine:
    number: int
    """Counts up from 1 for each server; a gap at the start means that older lines were dropped."""
    at_epoch: float
    """Seconds since 1970."""
    level: str
    """One of LOG_LEVELS, or STDERR."""
    logger: str
    text: str
