"""What a saved run asked and answered, beside the list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from mcp_tui.store.history.records import RunHead, SavedRun
from mcp_tui.ui.history import run_text
from mcp_tui.ui.widgets.line_view import LineView, ViewRow


class RunPreview(Vertical):
    """`show` reads the run on a thread with `read`; a newer `show` wins. `read` gives words where it fails."""

    def __init__(
        self,
        read: Callable[[RunHead], SavedRun | str],
        *,
        now: Callable[[], datetime],
        id: str | None = None,  # noqa: A002  the framework's name
    ) -> None:
        super().__init__(id=id, classes="pane")
        self._read = read
        self._now = now
        self.border_title = "Run"
        self.lines = LineView()
        self.head: RunHead | None = None
        """What is shown; another state of the same run is another head."""

    def compose(self) -> ComposeResult:
        yield self.lines

    def show(self, head: RunHead | None) -> None:
        if head is None:
            self.head = None
            self.border_title = "Run"
            self.lines.show(())
        else:
            self.run_worker(partial(self._load, head), group="preview", exclusive=True)

    async def _load(self, head: RunHead) -> None:
        rows = await asyncio.to_thread(self._rows, head)
        same = self.head is not None and self.head.number == head.number
        self.head = head
        self.border_title = Content(f"Run {head.id}")
        self.lines.show(rows, keep_place=same)

    def _rows(self, head: RunHead) -> list[ViewRow]:
        saved = self._read(head)
        return [ViewRow(saved, "warning")] if isinstance(saved, str) else run_text.preview(saved, self._now())
