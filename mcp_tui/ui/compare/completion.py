"""The list that opens over the prompt editor while `@` or `/` is typed. The editor keeps the focus."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.message import Message

from mcp_tui.core.text import clean_line
from mcp_tui.ui.compare.mentions import Candidate
from mcp_tui.ui.widgets.row_list import RowList, fill

_ROWS = 8


class CompletionList(RowList, can_focus=False):
    BORDER_SUBTITLE = "enter insert · esc close"

    class Taken(Message):
        def __init__(self, candidate: Candidate) -> None:
            super().__init__()
            self.candidate = candidate

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._found: list[Candidate] = []
        self.display = False

    @property
    def open(self) -> bool:
        return bool(self.display)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        return tuple(self._found)

    @property
    def current(self) -> Candidate | None:
        return self._found[self.cursor] if self.open and self.cursor < len(self._found) else None

    def show(self, found: Sequence[Candidate], title: str, column: int) -> None:
        """Open over the editor, its left edge `column` cells into it; nothing found closes."""
        if not found:
            self.close()
            return
        key = self.current_key if self.open else None
        self._found = list(found)
        if key is None:
            self.cursor = 0
        self.border_title = title
        height = min(_ROWS, len(found)) + 2
        self.styles.height = height
        self.styles.offset = (column, -height - 1)
        self.display = True
        self.rows_replaced(key)

    def close(self) -> None:
        self.display = False
        self._found = []

    def row_count(self) -> int:
        return len(self._found)

    def row_key(self, index: int) -> str:
        return self._found[index].insert

    def row_text(self, index: int, width: int) -> Text:
        candidate = self._found[index]
        name = Text(clean_line(candidate.insert), self.part("row-list--strong"), end="")
        detail = Text(candidate.detail, self.part("row-list--muted"), end="")
        detail.truncate(max(0, width - name.cell_len - 2), overflow="ellipsis")
        return fill(name, detail, width)

    def on_row_list_clicked(self, event: RowList.Clicked) -> None:
        event.stop()
        self.post_message(self.Taken(self._found[event.index]))
