"""The parts of a stream, in order: prompts, text blocks, thinking, calls, notices. Each lays itself out in rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.style import Style

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.figures import duration_text, elapsed_text, remaining_text
from mcp_tui.core.state import CallRecord, ColumnStatus
from mcp_tui.core.text import clean, clean_line
from mcp_tui.runs.availability import FALLBACK
from mcp_tui.ui.status import COLUMN
from mcp_tui.ui.stream.call_details import ALL_ROWS, SHOWN_ROWS, detail_rows, error_rows, no_picture
from mcp_tui.ui.stream.call_line import call_row
from mcp_tui.ui.stream.code_rows import CodeRows
from mcp_tui.ui.stream.markdown_blocks import Block, parsed
from mcp_tui.ui.stream.markdown_containers import Frame
from mcp_tui.ui.stream.markdown_rows import Place, block_rows, gap_between, placed_code
from mcp_tui.ui.stream.rows import BOLD, Palette, Row, prefix, shorten, wrap
from mcp_tui.ui.terminal.pictures import CellRow, PictureShelf
from mcp_tui.ui.widgets import glyphs

if TYPE_CHECKING:
    from markdown_it.token import Token


@dataclass(frozen=True, slots=True)
class Layout:
    """What rows depend on. Two layouts that compare equal give equal rows for finished items."""

    width: int
    palette: Palette
    shelf: PictureShelf[CallItem] | None = field(default=None, compare=False)
    """None: pictures are only described."""


class Item:
    """A part of the stream. `index` is its place in the view; `rows` are as of its last layout."""

    kind = ""
    foldable = False

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.gap = 0
        self.index = -1
        self.turn = 0
        self.fold = 0
        """0 folded, 1 unfolded, 2 everything."""
        self.kept = 0
        """How many rows at the start the newest layout shares with the one before it, at least."""

    @property
    def height(self) -> int:
        return self.gap + len(self.rows) if self.rows else 0

    @property
    def live(self) -> bool:
        """Shows a time that still runs."""
        return False

    @property
    def codes(self) -> tuple[str, ...]:
        """The code blocks in it, as written."""
        return ()

    @property
    def stop(self) -> bool:
        """The cursor for items stops here."""
        return self.foldable or bool(self.codes)

    def toggle(self) -> None:
        self.fold = 0 if self.fold else 1

    def layout(self, layout: Layout, now: float) -> list[Row]:
        raise NotImplementedError


def gap_before(before: Item | None, item: Item) -> int:
    """Blank rows above an item."""
    if before is None:
        return 0
    if isinstance(item, BlockItem) and isinstance(before, BlockItem):
        return 0 if item.block.continued else gap_between(before.kind, item.kind)
    if isinstance(before, PromptItem):
        return 0
    if isinstance(item, CallItem):
        return 0 if isinstance(before, CallItem | ReasoningItem) and not before.fold else 1
    if isinstance(before, ReasoningItem) and not before.fold:
        return 0
    if isinstance(before, NoticeItem | NoteItem) and isinstance(item, NoticeItem | NoteItem):
        return 0
    return 1


class BlockItem(Item):
    def __init__(self, block: Block) -> None:
        super().__init__()
        self.block = block
        self._code_rows: tuple[tuple[Layout, tuple[Frame, ...]], CodeRows] | None = None

    @property
    def kind(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]  follows the block, which may change
        return self.block.kind

    @property
    def codes(self) -> tuple[str, ...]:
        if self.block.code is not None:
            return (self.block.code.source,)
        if "```" not in self.block.source and "~~~" not in self.block.source and not self.block.tokens:
            return ()
        return tuple(_fence_source(token) for token in parsed(self.block) if token.type in ("fence", "code_block"))

    def layout(self, layout: Layout, now: float) -> list[Row]:
        code = self.block.code
        if code is None:
            self.kept = 0
            return block_rows(self.block, layout.width, layout.palette)
        kept, key = self._code_rows, (layout, self.block.frames)
        if kept is None or kept[0] != key or kept[1].body is not code:
            place = Place.of(self.block, layout.width, layout.palette)
            kept = self._code_rows = (key, placed_code(code, place, layout.palette))
        self.kept = kept[1].final
        return kept[1].rows()


def _fence_source(token: Token) -> str:
    return token.content.removesuffix("\n")


class PromptItem(Item):
    kind = "prompt"

    def __init__(self, prompt: str) -> None:
        super().__init__()
        self.prompt = clean(prompt)
        self.foldable = "\n" in self.prompt.strip() or len(self.prompt) > 60

    def layout(self, layout: Layout, now: float) -> list[Row]:
        style = layout.palette.prompt
        lead = ((f"{glyphs.PROMPT} ", style),)
        if self.fold:
            rows = wrap([(self.prompt.strip(), style)], layout.width - 2, fill=style)
        else:
            rows = [Row([(shorten(clean_line(self.prompt.strip()), layout.width - 2), style)], fill=style)]
        return prefix(rows, lead, (("  ", style),))


class ReasoningItem(Item):
    """Thinking: one line, and all of it when unfolded."""

    kind = "reasoning"
    foldable = True

    def __init__(self, started_at: float) -> None:
        super().__init__()
        self._started_at = started_at
        self._ended_at: float | None = None
        self._lines: list[str] = [""]
        self._wrapped: tuple[Layout, list[Row], int] | None = None
        """(layout, rows of complete lines, how many lines those are)"""

    @property
    def live(self) -> bool:
        return self._ended_at is None

    @property
    def text(self) -> str:
        return "\n".join(self._lines)

    def append(self, text: str) -> None:
        first, *rest = text.split("\n")
        self._lines[-1] += first
        self._lines.extend(rest)

    def finish(self, now: float) -> None:
        if self._ended_at is None:
            self._ended_at = now

    def layout(self, layout: Layout, now: float) -> list[Row]:
        palette = layout.palette
        seconds = (now if self._ended_at is None else self._ended_at) - self._started_at
        time = elapsed_text(seconds) if self._ended_at is None else duration_text(seconds * 1000)
        mark = glyphs.UNFOLDED if self.fold else glyphs.FOLDED
        head = f"{mark} thinking {time}"
        newest = "" if self.fold or not self.live else self._newest()
        if newest and layout.width - len(head) > 12:
            room = layout.width - len(head) - 2
            # The end of what is being thought matters, not its beginning.
            tail = newest if len(newest) <= room else "…" + newest[-(room - 1) :].lstrip()
            rows = [Row([(head, palette.muted), (f"  {shorten(tail, room)}", palette.thinking)])]
        else:
            rows = [Row([(head, palette.muted)])]
        if self.fold:
            lead = (("│ ", palette.rule),)
            rows += prefix(self._text_rows(layout), lead, lead)
        return rows

    def _newest(self) -> str:
        return clean_line(next((line for line in reversed(self._lines) if line.strip()), "")[-400:]).strip()

    def _text_rows(self, layout: Layout) -> list[Row]:
        if self._wrapped is None or self._wrapped[0] != layout:
            self._wrapped = (layout, [], 0)
        _, rows, done = self._wrapped
        for line in self._lines[done:-1]:
            rows.extend(wrap([(line.replace("\t", "    "), layout.palette.thinking)], layout.width - 2))
        self._wrapped = (layout, rows, len(self._lines) - 1)
        last = self._lines[-1].replace("\t", "    ")
        return [*rows, *(wrap([(last, layout.palette.thinking)], layout.width - 2) if last else ())]


class CallItem(Item):
    kind = "call"
    foldable = True

    def __init__(self, call: CallRecord) -> None:
        super().__init__()
        self.call = call
        self._details: tuple[Layout, CallRecord, int, list[Row]] | None = None

    @property
    def live(self) -> bool:
        return not self.call.status.ended

    def toggle(self) -> None:
        cut = self.fold == 1 and SHOWN_ROWS < len(self.rows) <= ALL_ROWS
        self.fold = 2 if cut else 0 if self.fold else 1

    def layout(self, layout: Layout, now: float) -> list[Row]:
        rows = [call_row(self.call, layout.width, layout.palette, now, folded=not self.fold)]
        if self.fold:
            kept = self._details
            if kept is None or kept[:3] != (layout, self.call, self.fold):
                everything = self.fold == 2
                details = detail_rows(
                    self.call, layout.width, layout.palette, everything=everything, picture=self._drawer(layout)
                )
                kept = self._details = (layout, self.call, self.fold, details)
            rows += kept[3]
        return rows

    def _drawer(self, layout: Layout) -> Callable[[str, int], Sequence[CellRow]]:
        shelf = layout.shelf
        return no_picture if shelf is None else lambda data, width: shelf.rows(data, width, self)

    def forget_details(self) -> None:
        """They would look different now."""
        self._details = None


class NoticeItem(Item):
    """Something that happened to the turn, in words: a retry, another model, an early end, an error, a stop."""

    kind = "notice"

    def __init__(
        self, status: ColumnStatus, error: ErrorInfo | None, retry_at: float | None = None, attempt: int = 0
    ) -> None:
        super().__init__()
        self.status = status
        self.attempt = attempt
        self.error = error
        self.retry_at = retry_at

    @property
    def live(self) -> bool:
        return self.status is ColumnStatus.RETRYING and self.retry_at is not None

    def settle(self) -> None:
        """The wait is over: the next try runs."""
        self.retry_at = None

    def layout(self, layout: Layout, now: float) -> list[Row]:
        palette = layout.palette
        glyph, word = COLUMN[self.status].glyph, COLUMN[self.status].word
        error = self.error
        if error is not None and error.code == FALLBACK:
            # It stays true for the rest of the turn: never muted, never "retried".
            text = f"{clean_line(error.title)}{f', {clean_line(error.detail)}' if error.detail else ''}"
            return _led(wrap([(text, palette.warning)], layout.width - 2), glyph, palette.warning, layout)
        if self.status is ColumnStatus.RETRYING:
            when = f"retry in {remaining_text(self.retry_at - now)}" if self.retry_at is not None else "retried"
            when += f" (attempt {self.attempt})" if self.attempt else ""
            style = palette.warning if self.live else palette.muted
            why = f": {clean_line(error.title)}" if error else ""
            detail = f", {clean_line(error.detail)}" if error and error.detail and self.live else ""
            return _led(wrap([(f"{when}{why}{detail}", style)], layout.width - 2), glyph, style, layout)
        style = palette.error if self.status is ColumnStatus.ERROR else palette.warning
        if error is None:
            return _led([Row([(word, style)])], glyph, style, layout)
        rows = error_rows(error, layout.width - 2, palette)
        title = wrap([(clean_line(error.title), style + BOLD)], layout.width - 2)
        return _led([*title, *rows[len(title) :]], glyph, style, layout)


class NoteItem(Item):
    """What the person should know about the turn's requests."""

    kind = "notice"

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = clean_line(text)

    def layout(self, layout: Layout, now: float) -> list[Row]:
        style = layout.palette.muted
        return _led(wrap([(self.text, style)], layout.width - 2), glyphs.NOTE, style, layout)


def _led(rows: list[Row], glyph: str, style: Style, layout: Layout) -> list[Row]:
    lead = ((f"{glyph} ", style),)
    return prefix(rows, lead, (("  ", layout.palette.text),))
