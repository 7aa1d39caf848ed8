"""Two answers side by side, their differences marked word by word."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from mcp_tui.core.text import clean, clean_line
from mcp_tui.ui.screens.scroll_keys import SCROLL_KEYS, ScrollKeys
from mcp_tui.ui.status import MUTED
from mcp_tui.ui.stylesheets import sheets

MAX_WORDS = 6000
"""Longer answers are compared line by line: matching words costs their number squared at worst."""
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class ComparedAnswer:
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Pieces of both texts in order; True = stands only there. `ratio`: 1.0 = the same words."""

    left: tuple[tuple[str, bool], ...]
    right: tuple[tuple[str, bool], ...]
    ratio: float


def difference(left: str, right: str) -> Difference:
    """Word by word, blanks and punctuation counted as words of their own."""
    a, b = _WORDS.findall(left), _WORDS.findall(right)
    if len(a) > MAX_WORDS or len(b) > MAX_WORDS:
        a, b = left.splitlines(keepends=True), right.splitlines(keepends=True)
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    lefts: list[tuple[str, bool]] = []
    rights: list[tuple[str, bool]] = []
    for tag, a0, a1, b0, b1 in matcher.get_opcodes():
        if a1 > a0:
            lefts.append(("".join(a[a0:a1]), tag != "equal"))
        if b1 > b0:
            rights.append(("".join(b[b0:b1]), tag != "equal"))
    return Difference(tuple(lefts), tuple(rights), matcher.ratio())


class DiffScreen(ScrollKeys, ModalScreen[None]):
    """`left` and `right` are indexes into the answers; h and l choose another one on the right."""

    CSS_PATH = sheets("compare_dialogs")
    BINDINGS = [
        Binding("escape,d,q", "dismiss", "close"),
        Binding("left,h", "other(-1)", "other answer"),
        Binding("right,l", "other(1)", "other answer", show=False),
        Binding("s", "swap", "swap"),
        *SCROLL_KEYS,
    ]

    def __init__(self, answers: Sequence[ComparedAnswer], left: int, right: int) -> None:
        super().__init__()
        self._answers = [ComparedAnswer(clean_line(answer.label), clean(answer.text)) for answer in answers]
        self._left = left
        self._right = right
        self._texts = (Static(markup=False), Static(markup=False))
        self._panes = (VerticalScroll(self._texts[0]), VerticalScroll(self._texts[1]))

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield from self._panes

    def on_mount(self) -> None:
        self._panes[0].focus()
        self._show()

    def _show(self) -> None:
        self.run_worker(self._compare(self._left, self._right), group="diff", exclusive=True)

    async def _compare(self, left: int, right: int) -> None:
        first, second = self._answers[left], self._answers[right]
        found = await asyncio.to_thread(difference, first.text, second.text)
        for pane, text, answer, pieces, style in (
            (self._panes[0], self._texts[0], first, found.left, "$text-error underline"),
            (self._panes[1], self._texts[1], second, found.right, "$text-success underline"),
        ):
            pane.border_title = Content(answer.label)
            body = Content.assemble(*((piece, style) if only else piece for piece, only in pieces))
            text.update(body if answer.text.strip() else Content.styled("no answer", MUTED))
        others = " · ← → other answer" if len(self._answers) > 2 else ""
        self._panes[0].border_subtitle = f"{found.ratio:.0%} the same · underlined: only here"
        self._panes[1].border_subtitle = f"s swap{others} · esc close"

    def action_other(self, step: int) -> None:
        count = len(self._answers)
        if count < 3:
            return
        self._right = (self._right + step) % count
        if self._right == self._left:
            self._right = (self._right + step) % count
        self._show()

    def action_swap(self) -> None:
        self._left, self._right = self._right, self._left
        self._show()
