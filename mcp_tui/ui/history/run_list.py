"""The saved runs, one line each; only rows in view are ever built. While searching, a row shows where it matched."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import ClassVar

from rich.cells import set_cell_size
from rich.text import Text
from textual.message import Message

from mcp_tui.core.figures import duration_text
from mcp_tui.core.text import clean_line
from mcp_tui.store.history.reader import RunList as Runs
from mcp_tui.store.history.reader import Snippet
from mcp_tui.store.history.records import RunHead
from mcp_tui.ui import keys
from mcp_tui.ui.history import run_text
from mcp_tui.ui.widgets.row_list import RowList

_WHEN, _STATE, _TIME, _COST = 13, 15, 7, 9
_LEAST_TITLE = 24
_LEAST_MODELS = 14
_GAP = 2


class RunList(RowList):
    """`show` takes what a search found; `snippets` may follow later."""

    BINDINGS = keys.bindings("history")
    COMPONENT_CLASSES: ClassVar[set[str]] = {"run-list--match"}
    DEFAULT_CSS = """
    RunList { height: 1fr; }
    RunList > .run-list--match { color: $text-accent; text-style: bold; }
    """

    class Asked(Message):
        """verb: `filter`, `open`, `rerun`, `fork`, `replay`, `export`, `delete` or `copy`."""

        def __init__(self, verb: str) -> None:
            super().__init__()
            self.verb = verb

    def __init__(self, *, now: Callable[[], datetime], id: str | None = None) -> None:  # noqa: A002  the framework's name
        super().__init__(id=id)
        self._now = now
        self.runs = Runs((), 0.0)
        self.snippets: dict[int, Snippet] = {}
        self._places: dict[int, int] = {}

    # What is there

    def row_count(self) -> int:
        return len(self.runs)

    def row_key(self, index: int) -> str:
        return str(self.runs.rows[index][0])

    def row_index(self, key: str) -> int | None:
        return self._places.get(int(key))

    @property
    def current(self) -> RunHead | None:
        return self.runs.head(self.cursor) if 0 <= self.cursor < len(self.runs) else None

    def show(self, runs: Runs, *, top: bool = False) -> None:
        """The cursor stays on its run; top: on the newest one."""
        key, before = None if top else self.current_key, self.cursor
        self.runs = runs
        self._places = {row[0]: place for place, row in enumerate(runs.rows)}
        if key is None:
            self.cursor = 0
        self.rows_replaced(key)
        if self.cursor == before:
            self.post_message(self.Moved(self))

    def step(self, by: int) -> RunHead | None:
        """Put the cursor on a neighbour; None when there is none."""
        if not 0 <= self.cursor + by < len(self.runs):
            return None
        self.cursor += by
        return self.current

    def in_view(self) -> list[int]:
        """Numbers of the runs in view and near it."""
        height = max(1, self.size.height)
        first = max(0, self.top - height)
        return [row[0] for row in self.runs.rows[first : first + 3 * height]]

    # Drawing

    def row_text(self, index: int, width: int) -> Text:
        head = self.runs.head(index)
        state = run_text.STATES[head.status]
        muted = self.part("row-list--muted")
        width -= 1  # apart from the frame
        line = Text(no_wrap=True, end="")
        line.append(_fitted(run_text.when(head.started_at, self._now()), _WHEN), muted)
        line.append(_fitted(str(state), _STATE), self.part(f"row-list--{state.tone}"))
        searched = head.number in self.snippets
        right = self._right(head, width - line.cell_len - _LEAST_TITLE, 0 if searched else width // 5)
        room = width - line.cell_len - right.cell_len - (_GAP if right.cell_len else 0)
        text = self._title(head, max(0, room))
        text.truncate(max(0, room), overflow="ellipsis", pad=True)
        line.append_text(text)
        if right.cell_len:
            line.append(" " * _GAP)
            line.append_text(right)
        return line

    def empty_text(self, width: int) -> Text:
        # As bright as a run: it stands alone on the screen.
        return Text(set_cell_size(clean_line(self.empty), width))

    def _right(self, head: RunHead, room: int, models: int) -> Text:
        """Models, time and cost; by worth: time, then cost, then models in at most so many cells."""
        muted = self.part("row-list--muted")
        line = Text(no_wrap=True, end="")
        if room < _TIME:
            return line
        figures = duration_text(head.duration_ms).rjust(_TIME)
        if room >= _TIME + _COST:
            figures += run_text.cost(head).rjust(_COST)
        left = min(room - len(figures), models)
        if left >= _LEAST_MODELS:
            line.append(_fitted(_names(run_text.models(head), left - _GAP), left))
        line.append(figures, muted)
        return line

    def _title(self, head: RunHead, room: int) -> Text:
        title = run_text.title(head)
        snippet = self.snippets.get(head.number)
        text = Text(title, no_wrap=True, end="")
        if snippet is None:
            return text
        words = {clean_line(piece).casefold() for piece, matched in snippet.pieces if matched} - {""}
        match = self.part("run-list--match")
        if any(word in title[:room].casefold() for word in words):
            pattern = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
            for found in re.finditer(pattern, title, re.IGNORECASE):
                text.stylize(match, *found.span())
            return text
        # It matched in an answer or a name: both stand there, the prompt in its shorter half.
        text.truncate(max(8, room * 2 // 5), overflow="ellipsis")
        text.append("  ")
        for piece, matched in snippet.pieces:
            shown = clean_line(f"|{piece}|")[1:-1]
            text.append(shown, match if matched else self.part("row-list--muted"))
        return text

    # Keys

    def action_ask(self, verb: str) -> None:
        self.post_message(self.Asked(verb))


def _fitted(text: str, cells: int) -> str:
    """One blank at least stands after it."""
    line = Text(text, no_wrap=True, end="")
    line.truncate(cells - 1, overflow="ellipsis")
    return line.plain + " " * (cells - line.cell_len)


def _names(names: Sequence[str], cells: int) -> str:
    """As many as fit, and how many more."""
    for count in range(len(names), 0, -1):
        more = f" +{len(names) - count}" if count < len(names) else ""
        text = ", ".join(names[:count]) + more
        if Text(text).cell_len <= cells or count == 1:
            return text
    return ""
