"""What can be done with columns that are only read: go to one, make it big, compare them. Live or saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_tui.ui.compare.columns import ColumnsArea
from mcp_tui.ui.running_app import host, toast

if TYPE_CHECKING:
    from mcp_tui.ui.compare.matrix_rows import ColumnView

if TYPE_CHECKING:
    from textual.dom import DOMNode
else:
    # The framework takes a screen's styles from its first base that is a node: a mixin must not be one.
    DOMNode = object


class ColumnReading(DOMNode):
    """Mixed into a screen."""

    columns_area: ColumnsArea

    def _live(self) -> bool:
        """Figures still change."""
        return False

    def action_focus_column(self, number: int) -> None:
        self.columns_area.focus_number(number)

    def action_focus_neighbour(self, step: int) -> None:
        self.columns_area.focus_neighbour(step)

    def action_maximise_column(self) -> None:
        self.columns_area.toggle_maximised()

    def _views(self) -> list[ColumnView]:
        from mcp_tui.ui.compare.matrix_rows import ColumnView

        return [
            ColumnView(column.label, column.status, column.metrics, column.calls)
            for column in self.columns_area.columns
        ]

    def action_show_matrix(self) -> None:
        from mcp_tui.ui.compare.matrix import MatrixScreen

        if self.columns_area.columns:
            host(self).push_screen(MatrixScreen(self._views, self._live))

    def action_diff_answers(self) -> None:
        from mcp_tui.ui.compare.diff import ComparedAnswer, DiffScreen

        answered = [column for column in self.columns_area.columns if column.answer_text().strip()]
        if len(answered) < 2:
            toast(self, "Two answers are needed to compare them", "warning")
            return
        current = self.columns_area.current
        left = answered.index(current) if current in answered else 0
        right = (left + 1) % len(answered)
        answers = [ComparedAnswer(column.label, column.answer_text()) for column in answered]
        host(self).push_screen(DiffScreen(answers, left, right))
