"""What the parts of the Compare screen may ask of the screen; anything else each is given by itself."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

from textual.worker import Worker

if TYPE_CHECKING:
    from mcp_tui.core.state import ServerSnapshot
    from mcp_tui.runs.engine import Engine

Job = Worker[Any]
Work = Coroutine[Any, Any, None] | Callable[[], Coroutine[Any, Any, None]]


class Desk(Protocol):
    @property
    def engine(self) -> Engine | None:
        """None until it is there, and when it could not start."""
        ...

    @property
    def servers(self) -> tuple[ServerSnapshot, ...]: ...

    def changed(self) -> None:
        """The conversation did: the header and the prompt's border follow."""
        ...

    def describe(self) -> None:
        """Only the prompt did: its border follows. Called at every key."""
        ...

    def run_worker(self, work: Work, *, group: str, exclusive: bool = False) -> Job: ...
