"""One message of the wire log in full: what it is, then its JSON as it was on the wire."""

from __future__ import annotations

import asyncio
from datetime import tzinfo
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message

from mcp_tui.sessions.wirelog.index import IndexRow
from mcp_tui.sessions.wirelog.record import Whole
from mcp_tui.ui import keys
from mcp_tui.ui.widgets.line_view import LineView, ViewRow
from mcp_tui.ui.wire.text import ARROWS, detail_rows, title

_GONE = "This message is no longer in the log: newer ones took its room."


def _loaded(row: IndexRow, zone: tzinfo | None) -> tuple[Whole | None, list[ViewRow]]:
    whole = row.whole()
    return whole, detail_rows(whole, zone) if whole is not None else [ViewRow(_GONE, "warning")]


class MessagePane(Vertical):
    """`show` reads the message on a thread; a newer `show` wins."""

    BINDINGS: ClassVar[list[Binding]] = keys.bindings("message")  # pyright: ignore[reportIncompatibleVariableOverride]  narrower on purpose

    class Asked(Message):
        """verb: `copy`, `link`, `edit`, `older` or `newer`."""

        def __init__(self, verb: str) -> None:
            super().__init__()
            self.verb = verb

    def __init__(self, *, zone: tzinfo | None = None, id: str | None = None) -> None:  # noqa: A002  the framework's name
        super().__init__(id=id, classes="pane")
        self._zone = zone
        self.border_title = "Message"
        self.lines = LineView()
        self.row: IndexRow | None = None
        """What was asked for; `whole` follows when it was read."""
        self.whole: Whole | None = None

    def compose(self) -> ComposeResult:
        yield self.lines

    def show(self, row: IndexRow | None) -> None:
        if row == self.row and row is not None:
            return
        self.row = row
        if row is None:
            self.whole = None
            self.border_title = "Message"
            self.lines.show(())
            return
        self.run_worker(self._load(row), group="message", exclusive=True)

    async def _load(self, row: IndexRow) -> None:
        whole, rows = await asyncio.to_thread(_loaded, row, self._zone)
        if row is self.row:
            self.whole = whole
            self.border_title = Content(f"{ARROWS[row.head.direction]} {title(row.head)}")
            self.lines.show(rows)

    def action_ask(self, verb: str) -> None:
        self.post_message(self.Asked(verb))
