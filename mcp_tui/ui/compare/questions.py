"""Calls that wait for approval: the bar that asks, and who has the focus when a question comes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from textual.widget import Widget
from textual.widgets import Input, TextArea

from mcp_tui.core.state import ApprovalQuestion, Decision
from mcp_tui.core.types import JsonObject
from mcp_tui.ui.compare.columns import ColumnsArea
from mcp_tui.ui.compare.desk import Desk
from mcp_tui.ui.compare.prompt import PromptPane
from mcp_tui.ui.running_app import host, toast

if TYPE_CHECKING:
    from mcp_tui.ui.compare.approval import ApprovalBar

QUIET_S = 1.0
"""Nobody who typed in the last second loses the focus to a question."""


class Questions:
    def __init__(self, desk: Desk, area: ColumnsArea, prompt: PromptPane, *, clock: Callable[[], float]) -> None:
        self._desk = desk
        self._area = area
        self._prompt = prompt
        self._clock = clock
        self._questions: tuple[ApprovalQuestion, ...] = ()
        self._before: Widget | None = None
        """What had the focus before the bar."""

    @cached_property
    def bar(self) -> ApprovalBar:
        # Late: the first frame has nothing to approve.
        from mcp_tui.ui.compare.approval import ApprovalBar

        return ApprovalBar(clock=self._clock, id="approval")

    def changed(self, questions: tuple[ApprovalQuestion, ...]) -> None:
        known = {question.id for question in self._questions}
        arrived = any(question.id not in known for question in questions)
        self._questions = questions
        had_focus = self.bar.has_focus
        self.bar.show(questions)
        if not questions:
            if had_focus:
                self.return_focus()
        elif arrived and not had_focus and self._may_take_focus():
            self._take_focus()

    def _may_take_focus(self) -> bool:
        screen = self._prompt.screen
        if host(screen).screen is not screen:
            return False
        if self._prompt.editor.has_focus:
            return not self._prompt.text.strip() and self._prompt.quiet_s >= QUIET_S
        return not isinstance(screen.focused, Input | TextArea)

    def _take_focus(self) -> None:
        self._before = self._prompt.screen.focused
        question = self.bar.question
        asking = [] if question is None else [c for c in self._area.columns if c.label in question.columns]
        if asking and not any(column.display for column in asking):
            # Where not all columns are in view, the one that asks comes forward.
            self._area.go_to(asking[0].column_id, focus=False)
        self.bar.focus()

    def return_focus(self) -> None:
        before, self._before = self._before, None
        if before is not None and before.is_mounted and before.display:
            before.focus()
        else:
            self._prompt.editor.focus()

    def go_there(self) -> None:
        if not self._questions:
            toast(self._prompt, "No call waits for approval")
        elif not self.bar.has_focus:
            self._take_focus()

    def answer(self, question: str, decision: Decision, arguments: JsonObject | None) -> None:
        """`question` is its id."""
        if self._desk.engine is not None:
            self._desk.engine.approvals.answer(question, decision, arguments=arguments)

    def edit(self, question: ApprovalQuestion) -> None:
        """Other arguments for this call; nothing is answered when the person goes back."""
        from mcp_tui.ui.compare.approval_arguments import ArgumentsScreen

        def edited(arguments: JsonObject | None) -> None:
            if arguments is not None:
                self.answer(question.id, Decision.ONCE, arguments)

        host(self._prompt).push_screen(ArgumentsScreen(question), edited)
