"""The matrix: rows are figures and tool calls, columns are models."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import DataTable

from mcp_tui.core.text import clean_line
from mcp_tui.ui import keys
from mcp_tui.ui.compare.matrix_rows import Cell, ColumnView, MatrixRow, fitted, matrix
from mcp_tui.ui.component_colours import ink
from mcp_tui.ui.widgets.glyphs import BEST

REFRESH_S = 0.5
_WIDEST = 0.98
"""Of the screen, as in the style."""
_AROUND = 5
"""Border, padding and the vertical scrollbar."""


class MatrixScreen(ModalScreen[None]):
    """`read` gives the columns as they are now; asked twice a second while `live` says so."""

    BINDINGS = [*keys.bindings("matrix"), Binding("escape,q", "app.pop_screen", "close", show=False)]
    COMPONENT_CLASSES = {
        "matrix--title",
        "matrix--best",
        "matrix--good",
        "matrix--warn",
        "matrix--bad",
        "matrix--wait",
        "matrix--muted",
    }

    def __init__(self, read: Callable[[], Sequence[ColumnView]], live: Callable[[], bool]) -> None:
        super().__init__()
        self._read = read
        self._live = live
        self._rows: list[MatrixRow] = []
        self._labels: tuple[str, ...] = ()
        self.table: DataTable[Text] = DataTable(cursor_type="row", zebra_stripes=False, fixed_columns=1)

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.border_title = "Matrix"
        self.table.border_subtitle = Content(f"{BEST} best · ≠ other arguments · esc close")
        self.table.focus()
        self._show()
        self.set_interval(REFRESH_S, self._tick)

    def _tick(self) -> None:
        if self._live() or any(cell.tone == "wait" for row in self._rows for cell in row.cells):
            self._show()

    def _show(self) -> None:
        columns = self._read()
        rows = matrix(columns)
        shown, rows = fitted([clean_line(column.label) for column in columns], rows, self._room(rows, len(columns)))
        labels = tuple(shown)
        if labels != self._labels or [row.key for row in rows] != [row.key for row in self._rows]:
            self._rebuild(labels, rows)
        else:
            self._update(rows)
        self._labels, self._rows = labels, rows

    def _room(self, rows: list[MatrixRow], columns: int) -> int:
        """Cells for the columns' texts when the table is as wide as it may get."""
        padding = 2 * self.table.cell_padding
        titles = max(cell_len(row.title) for row in rows)
        return int(self.size.width * _WIDEST) - _AROUND - titles - padding * (columns + 1)

    def on_resize(self) -> None:
        self._show()

    def _rebuild(self, labels: tuple[str, ...], rows: list[MatrixRow]) -> None:
        place = self.table.cursor_coordinate
        self.table.clear(columns=True)
        self.table.add_column(Text(""), key="title")
        for index, label in enumerate(labels):
            self.table.add_column(Text(label), key=str(index))
        for row in rows:
            cells = row.cells or (Cell(),) * len(labels)
            self.table.add_row(self._title(row), *(self._cell(cell) for cell in cells), key=row.key)
        self.table.move_cursor(row=place.row, column=place.column)

    def _update(self, rows: list[MatrixRow]) -> None:
        for old, new in zip(self._rows, rows, strict=True):
            for index, (before, now) in enumerate(zip(old.cells, new.cells, strict=True)):
                if before != now:
                    self.table.update_cell(new.key, str(index), self._cell(now), update_width=True)

    def _look(self, name: str) -> Style:
        return ink(self, f"matrix--{name}")

    def _title(self, row: MatrixRow) -> Text:
        return Text(row.title, "" if row.cells else self._look("title"), no_wrap=True)

    def _cell(self, cell: Cell) -> Text:
        if cell.best:
            return Text(f"{cell.text} {BEST}", self._look("best"), no_wrap=True)
        return Text(cell.text, self._look(cell.tone) if cell.tone else "", no_wrap=True)
