"""What screens and panes ask of the app. They go upward, past every screen between; the app alone acts on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from textual.message import Message

if TYPE_CHECKING:
    from mcp_tui.store.history.records import SavedRun


@dataclass(eq=False)
class ItemChosen(Message):
    """Open this catalog entry in the Workbench. kind: `tool`, `resource`, `template` or `prompt`."""

    server: str
    kind: str
    name: str


@dataclass(eq=False)
class PromptOffered(Message):
    """Put this text into the Compare prompt editor and go there."""

    text: str


@dataclass(eq=False)
class RunRevived(Message):
    """A saved run comes back to life in Compare.

    how: `rerun` = its prompt again, in a new conversation; `fork` = the conversation goes on from its end.
    """

    saved: SavedRun
    how: Literal["rerun", "fork"]


@dataclass(eq=False, kw_only=True)
class RunStateChanged(Message):
    """For the header and the quit question. cost_usd: of this conversation, None when unknown."""

    live: bool
    cost_usd: float | None
    cost_is_estimate: bool
    offered_tools: int
    tool_tax: int


@dataclass(eq=False)
class ReconnectAsked(Message):
    """Try this server again now; one that waits for trust is asked about."""

    server: str


@dataclass(eq=False)
class ServerSwitched(Message):
    """Connect this server, or leave it."""

    server: str
    enabled: bool


@dataclass(eq=False)
class LogAsked(Message):
    """Show what this server logs."""

    server: str


@dataclass(eq=False)
class TaskOpened(Message):
    """Wait for this task, and show its result in the Workbench."""

    server: str
    task_id: str
    tool: str
