"""A saved run comes back to life in Compare."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from textual.message import Message

if TYPE_CHECKING:
    from mcp_tui.store.history.records import SavedRun


class RunRevived(Message):
    """how: `rerun` = its prompt again, in a new conversation; `fork` = the conversation goes on from its end."""

    def __init__(self, saved: SavedRun, how: Literal["rerun", "fork"]) -> None:
        super().__init__()
        self.saved = saved
        self.how: Literal["rerun", "fork"] = how


class PastClock:
    """`now`, except while a saved conversation is shown: then the time at which each event happened."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.past_s: float | None = None

    def __call__(self) -> float:
        return self._now() if self.past_s is None else self.past_s
