"""What a run tells its listener, in order, per column. Delivered on the event loop; listeners return at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.state import CallRecord, ColumnStatus, Metrics


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """A turn is one user message and all that follows until the model stops.

    A turn number that was started before replaces that turn (retry): drop what was shown of it.
    """

    column: str
    turn: int
    prompt: str


@dataclass(frozen=True, slots=True)
class StepStarted:
    column: str
    step: int
    """1-based within the turn; one step is one model call."""


@dataclass(frozen=True, slots=True)
class TextAppended:
    column: str
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningAppended:
    column: str
    text: str


@dataclass(frozen=True, slots=True)
class CallChanged:
    """The newest record of one call; a call id not seen before in this turn is a new call."""

    column: str
    call: CallRecord


@dataclass(frozen=True, slots=True)
class StatusChanged:
    column: str
    status: ColumnStatus
    error: ErrorInfo | None = None
    """For retrying, incomplete, error: why."""
    retry_at: float | None = None
    """For retrying: when the next try starts (monotonic)."""
    attempt: int = 0
    """For retrying the same request: the number of the next try; the first request was 1."""


@dataclass(frozen=True, slots=True)
class MetricsChanged:
    column: str
    metrics: Metrics


ColumnEvent: TypeAlias = (
    TurnStarted | StepStarted | TextAppended | ReasoningAppended | CallChanged | StatusChanged | MetricsChanged
)
