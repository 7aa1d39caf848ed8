"""What is kept of a run, as frozen data. `*_at`: seconds since the epoch; `at_s`: seconds since the run's start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from mcp_tui.core.chat import Message
from mcp_tui.core.events import ColumnEvent
from mcp_tui.core.types import JsonObject


class RunStatus(StrEnum):
    """Of the newest turn of all columns together."""

    LIVE = "live"
    DONE = "done"
    PARTLY = "partly"
    """Some columns answered, others did not."""
    INCOMPLETE = "incomplete"
    ERROR = "error"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """Its program ended without saying how the run ended."""


@dataclass(frozen=True, slots=True)
class SavedColumn:
    id: str
    label: str
    spec: JsonObject
    """Model, parameters, system prompt, fallback: as `runs.saved` writes them."""
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the person sent in one turn. `message` has the attachments as they were read then."""

    turn: int
    text: str
    message: Message


@dataclass(frozen=True, slots=True)
class Answered:
    """A turn of a column that ended: what a stream of events does not tell."""

    column: str
    turn: int
    facts: JsonObject
    """Fields of `compare --json` responses: stop reason, tool tax ..."""
    messages: tuple[Message, ...]
    """What follows the prompt in the conversation, with the opaque parts of its format."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A run as it begins."""

    id: str
    started_at: float
    source: str
    """`dashboard` or `compare`."""
    settings: JsonObject = field(default_factory=dict[str, object])
    forked_from: str = ""
    """Id of the run whose conversation goes on here; its content is copied."""


@dataclass(frozen=True, slots=True)
class RunHead:
    """One line of the list."""

    number: int
    """Ascending in the order in which runs began, never used twice."""
    id: str
    started_at: float
    touched_at: float
    status: RunStatus
    source: str
    title: str
    """The beginning of the first prompt."""
    models: tuple[str, ...]
    demo: bool
    turns: int
    duration_ms: float | None
    """How long its turns took together; pauses between turns do not count."""
    cost_usd: float | None
    cost_is_estimate: bool
    forked_from: str


@dataclass(frozen=True, slots=True)
class SavedRun:
    """A run as it was."""

    head: RunHead
    columns: tuple[SavedColumn, ...]
    settings: JsonObject
    prompts: tuple[Prompt, ...]
    events: Sequence[tuple[float, ColumnEvent]]
    """(at_s, event); times in records count from the run's start too."""
    answers: Mapping[tuple[str, int], Answered]
    """By (column, turn)."""
    faults: tuple[str, ...] = ()
    """What could not be read, one sentence each."""

    @property
    def shown_columns(self) -> tuple[SavedColumn, ...]:
        """Without those that were taken away."""
        return tuple(column for column in self.columns if not column.removed)
