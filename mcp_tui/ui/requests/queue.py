"""The requests that wait, oldest first, and below them what became of the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.text import Text
from textual import events

from mcp_tui.core.figures import elapsed_text
from mcp_tui.core.server_requests import RequestKind, ServerRequest, SettledRequest
from mcp_tui.core.text import marked_name
from mcp_tui.ui import keys
from mcp_tui.ui.requests.text import FATES, KIND_WORDS
from mcp_tui.ui.widgets.row_list import RowList, fill


@dataclass(frozen=True, slots=True)
class _Row:
    key: str
    """"" of a heading."""
    request: ServerRequest | None = None
    settled: SettledRequest | None = None
    heading: str = ""


_SETTLED = "settled "
ACTS_ON: dict[str, tuple[RequestKind, ...]] = {
    "answer_request": (RequestKind.FORM, RequestKind.URL, RequestKind.SAMPLING),
    "decline_request": (RequestKind.FORM, RequestKind.URL, RequestKind.SAMPLING),
    "send_answer": (RequestKind.FORM, RequestKind.URL, RequestKind.SAMPLING),
    "cancel_request": (RequestKind.FORM, RequestKind.URL),
    "toggle_view": (RequestKind.FORM,),
    "field_menu": (RequestKind.FORM,),
    "open_address": (RequestKind.URL,),
    "copy_address": (RequestKind.URL,),
    "generate": (RequestKind.SAMPLING,),
    "choose_model": (RequestKind.SAMPLING,),
    "canned": (RequestKind.SAMPLING,),
    "edit_prompt": (RequestKind.SAMPLING,),
    "edit_answer": (RequestKind.SAMPLING,),
}
"""What can be done with a request that waits, by its kind."""


class RequestList(RowList):
    BINDINGS = [*keys.bindings("requests")]

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self.rows: list[_Row] = []
        self._led = True
        """The cursor stands where it was put, not where the person went."""
        self.running: frozenset[str] = frozenset()
        """Requests for which a model writes."""

    def show(self, waiting: tuple[ServerRequest, ...], settled: tuple[SettledRequest, ...]) -> None:
        key = self.current_key
        rows = [_Row("", heading=f"waiting {len(waiting)}" if waiting else "nothing waits")]
        rows += [_Row(request.id, request) for request in waiting]
        if settled:
            rows.append(_Row("", heading=f"earlier {len(settled)}"))
            rows += [_Row(f"{_SETTLED}{entry.request.id}", settled=entry) for entry in settled]
        self.rows = rows
        # Unless the person walked to the history, they want the next that waits; without one, what became of this.
        keys_now = {row.key for row in rows}
        stays = key in keys_now and not (self._led and (key or "").startswith(_SETTLED))
        earlier = f"{_SETTLED}{key}" if f"{_SETTLED}{key}" in keys_now else key
        wanted = key if key and stays else next((row.key for row in rows if row.request is not None), earlier)
        self._led = self._led or wanted != key
        self.rows_replaced(wanted)

    @property
    def waiting(self) -> ServerRequest | None:
        row = self._row()
        return row.request if row is not None else None

    @property
    def settled(self) -> SettledRequest | None:
        row = self._row()
        return row.settled if row is not None else None

    def _row(self) -> _Row | None:
        return self.rows[self.cursor] if 0 <= self.cursor < len(self.rows) else None

    def row_count(self) -> int:
        return len(self.rows)

    def row_key(self, index: int) -> str:
        return self.rows[index].key

    def row_text(self, index: int, width: int) -> Text:
        row = self.rows[index]
        if row.request is not None:
            request = row.request
            sign = "●" if request.id in self.running else "?"
            left = Text.assemble((f"{sign} ", self.part("row-list--warn")), marked_name(request.server), end="")
            age = elapsed_text(self._clock() - request.asked_at)
            return fill(left, Text(f"{KIND_WORDS[request.kind]} {age}", self.part("row-list--muted")), width)
        if row.settled is not None:
            glyph, word, tone = FATES[row.settled.fate]
            style = self.part(f"row-list--{tone}")
            left = Text.assemble((f"{glyph} ", style), marked_name(row.settled.request.server), end="")
            right = f"{KIND_WORDS[row.settled.request.kind]} {word}"
            return fill(left, Text(right, self.part("row-list--muted")), width)
        return Text(row.heading, self.part("row-list--strong"), end="")

    def validate_cursor(self, index: int) -> int:
        """The cursor never rests on a heading."""
        rows = [at for at, row in enumerate(self.rows) if row.key]
        if not rows or index in rows:
            return index
        beyond = [at for at in rows if (at > index if index >= self.cursor else at < index)]
        return min(beyond or rows, key=lambda at: abs(at - index))

    def action_move(self, rows: int) -> None:
        self._led = False
        super().action_move(rows)

    def action_edge(self, end: int) -> None:
        self._led = False
        super().action_edge(end)

    def on_click(self, event: events.Click) -> None:
        self._led = False  # the list itself is told of the click as well
