"""The bar under the columns that asks before a tool runs."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content, Span
from textual.message import Message
from textual.widgets import Static

from mcp_tui.core import json_text
from mcp_tui.core.state import ApprovalQuestion, Decision
from mcp_tui.core.text import marked_name
from mcp_tui.core.types import JsonObject
from mcp_tui.ui import keys, safe
from mcp_tui.ui.json_style import json_spans
from mcp_tui.ui.status import INK, MUTED, hint_mark, hint_words
from mcp_tui.ui.widgets.reading import Reading

GUARD_S = 0.3
"""Keys this soon after the bar took the focus, or after the question changed, were meant for something else."""
_MAX_SHOWN_CHARS = 200_000


class Choice(Static):
    """A key and what it does; a click does it too."""

    def __init__(self, key: str, words: str, action: str) -> None:
        super().__init__(Content.assemble((key, "$text-accent bold"), " ", words))
        self._action = action

    async def on_click(self, event: events.Click) -> None:
        event.stop()
        bar = next(node for node in self.ancestors if isinstance(node, ApprovalBar))
        await bar.run_action(self._action)


class ApprovalBar(Vertical, can_focus=True):
    """Shows one question at a time; hidden while there is none."""

    BINDINGS = [*keys.bindings("approval")]

    class Answered(Message):
        def __init__(self, question_id: str, decision: Decision, arguments: JsonObject | None = None) -> None:
            super().__init__()
            self.question_id = question_id
            self.decision = decision
            self.arguments = arguments

    class EditAsked(Message):
        def __init__(self, question: ApprovalQuestion) -> None:
            super().__init__()
            self.question = question

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._clock = clock
        self._questions: tuple[ApprovalQuestion, ...] = ()
        self._shown: str | None = None
        self._guard_until = 0.0
        self.display = False
        self._who = Static(classes="who")
        self._arguments = Static(classes="arguments")
        self._scroll = Reading(self._arguments, can_focus=False)
        self._remember = Static(classes="remember")
        self._keys = Horizontal(classes="keys")

    def compose(self) -> ComposeResult:
        yield self._who
        yield self._scroll
        yield self._remember
        with self._keys:
            yield Choice("y", "once", "once")
            yield Choice("a", "until you quit", "always")
            yield Choice("A", "always", "keep")
            yield Choice("n", "deny", "deny")
            yield Choice("e", "edit arguments", "edit")
            yield Choice("→", "next", "next_question")

    @property
    def question(self) -> ApprovalQuestion | None:
        return next((question for question in self._questions if question.id == self._shown), None)

    def show(self, questions: tuple[ApprovalQuestion, ...]) -> None:
        """The calls that wait, oldest first; the one on show stays until it is answered."""
        self._questions = questions
        if self.question is None:
            self._shown = questions[0].id if questions else None
            self._arm()
            self._scroll.scroll_home(animate=False)
        self.display = bool(questions)
        self._draw()

    def _arm(self) -> None:
        self._guard_until = self._clock() + GUARD_S

    def watch_has_focus(self, value: bool) -> None:
        super().watch_has_focus(value)
        if value:
            self._arm()
        self._draw()

    def _draw(self) -> None:
        question = self.question
        if question is None:
            return
        tool = question.tool
        name = safe.marked_name(tool.server) + "." + safe.marked_name(tool.name)
        _, tone = hint_mark(tool.hints)
        colour = INK[tone]
        position = next(i for i, other in enumerate(self._questions, 1) if other.id == question.id)
        many = f" {position} of {len(self._questions)}" if len(self._questions) > 1 else ""
        self.border_title = Content(f"? Approve a call{many}")
        self.border_subtitle = Content("" if self.has_focus else "F6 to answer")
        asked = ", ".join(marked_name(label) for label in question.columns)
        self._who.update(
            Content.assemble(
                name.stylize("bold"),
                "  ",
                (" · ".join(hint_words(tool.hints)), colour),
                ("   asked by ", MUTED),
                (asked, "bold"),
            )
        )
        text, whole = json_text.dump_start(question.arguments, max_chars=_MAX_SHOWN_CHARS)
        if not question.arguments:
            self._arguments.update(Content.styled("no arguments", MUTED))
        else:
            shown = _coloured(text)
            if not whole:
                shown += f"\n… only the first {_MAX_SHOWN_CHARS:,} characters are shown; e shows all"
            self._arguments.update(shown)
        self._remember.update(
            Content.assemble(
                ("a and A remember: ", MUTED),
                ("every call of " + name + " until its definition changes").stylize(MUTED),
            )
        )
        self._keys.children[-1].display = len(self._questions) > 1

    def _answerable(self) -> ApprovalQuestion | None:
        return self.question if self._clock() >= self._guard_until else None

    def _answer(self, decision: Decision) -> None:
        question = self._answerable()
        if question is not None:
            self.post_message(self.Answered(question.id, decision))

    def action_once(self) -> None:
        self._answer(Decision.ONCE)

    def action_always(self) -> None:
        self._answer(Decision.ALWAYS)

    def action_keep(self) -> None:
        self._answer(Decision.KEEP)

    def action_deny(self) -> None:
        self._answer(Decision.DENY)

    def action_edit(self) -> None:
        question = self._answerable()
        if question is not None:
            self.post_message(self.EditAsked(question))

    def action_next_question(self) -> None:
        if len(self._questions) < 2:
            self.screen.focus_next()
            return
        ids = [question.id for question in self._questions]
        at = ids.index(self._shown) if self._shown in ids else -1
        self._shown = ids[(at + 1) % len(ids)]
        self._arm()
        self._scroll.scroll_home(animate=False)
        self._draw()

    def on_key(self, event: events.Key) -> None:
        """Long arguments scroll with the keys that mean nothing else here."""
        pages = {"pageup": -1, "pagedown": 1}
        lines = {"up": -1, "k": -1, "down": 1, "j": 1}
        if event.key in lines:
            self._scroll.scroll_relative(y=lines[event.key], animate=False)
        elif event.key in pages:
            self._scroll.scroll_relative(y=pages[event.key] * max(1, self._scroll.size.height - 1), animate=False)
        else:
            return
        event.stop()


def _coloured(text: str) -> Content:
    """JSON text with its keys told from its values, and marks for what cannot be seen."""
    content = safe.marked_json(text)
    names: list[Span] = []
    at = 0
    for line in content.plain.split("\n"):
        spans = json_spans(line)
        names += [Span(at + start, at + end, "$text-primary") for start, end, kind in spans if kind == "key"]
        at += len(line) + 1
    return Content(content.plain, [*names, *content.spans])
