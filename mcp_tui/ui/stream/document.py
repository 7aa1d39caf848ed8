"""What a stream shows, without a widget: items in order, their rows, and which rows changed.

Appending only collects; `drain` parses what was collected; `lay_out` makes rows of what changed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from mcp_tui.core.state import CallRecord
from mcp_tui.core.text import StreamCleaner
from mcp_tui.ui.stream.items import (
    BlockItem,
    CallItem,
    Item,
    Layout,
    NoteItem,
    NoticeItem,
    PromptItem,
    ReasoningItem,
    gap_before,
)
from mcp_tui.ui.stream.markdown_blocks import Block, BlockSplitter
from mcp_tui.ui.stream.rows import Row

DRAIN_CHARACTERS = 16_384
"""Text parsed at once: a burst is spread over several frames."""


@dataclass(slots=True)
class Changes:
    """Rows that must be drawn again. Row numbers count from the top of the document."""

    below: int | None = None
    """Everything from this row on."""
    spans: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """(first, end) of rows that changed in place."""
    first_item: int | None = None
    """Items before this one are as they were."""

    def from_item(self, index: int) -> None:
        self.first_item = index if self.first_item is None else min(self.first_item, index)

    def from_row(self, row: int) -> None:
        self.below = row if self.below is None else min(self.below, row)


class _Writing:
    """The text or thinking that is being streamed."""

    def __init__(self, reasoning: ReasoningItem | None) -> None:
        self.cleaner = StreamCleaner()
        self.pending: list[str] = []
        self.reasoning = reasoning
        self.splitter = BlockSplitter()
        self.text: list[str] = []
        self.open: list[BlockItem] = []
        self.defined = 0
        """References that were known when blocks were last told."""


class StreamDocument:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.items: list[Item] = []
        self._tops: list[int] = [0]
        """Row at which each item begins; one more entry than valid items."""
        self._stale: dict[Item, None] = {}
        self._writing: _Writing | None = None
        self._calls: dict[str, CallItem] = {}
        self._prompts: dict[int, str] = {}
        self._first_prompt_shown = False
        self._answer: list[list[str]] = []
        """Cleaned text of the newest turn, one list per run of text."""
        self._turn = 0
        self.changes = Changes()

    # What happens

    def start_turn(self, turn: int, prompt: str) -> None:
        """A turn that was there before is replaced, with all after it."""
        self._close()
        keep = next((index for index, item in enumerate(self.items) if item.turn >= turn), len(self.items))
        self._remove_from(keep)
        for later in [known for known in self._prompts if known >= turn]:
            del self._prompts[later]
        if self._prompts and not self._first_prompt_shown:
            # A single prompt stands in the editor's history; from the second on the column tells them apart.
            first = min(self._prompts)
            self._insert(0, PromptItem(self._prompts[first]), first)
            self._first_prompt_shown = True
        self._turn = turn
        self._prompts[turn] = prompt
        self._calls.clear()
        self._answer.clear()
        if len(self._prompts) > 1:
            self._append(PromptItem(prompt))
        elif not self.items:
            self._first_prompt_shown = False

    def append_text(self, text: str) -> None:
        if self._writing is None or self._writing.reasoning is not None:
            self._close()
            self._writing = _Writing(None)
            self._answer.append(self._writing.text)
        self._writing.pending.append(text)

    def append_reasoning(self, text: str) -> None:
        if self._writing is None or self._writing.reasoning is None:
            self._close()
            item = ReasoningItem(self._clock())
            self._append(item)
            self._writing = _Writing(item)
        self._writing.pending.append(text)

    def put_call(self, call: CallRecord) -> None:
        item = self._calls.get(call.id)
        if item is None:
            self._close()
            item = self._calls[call.id] = CallItem(call)
            self._append(item)
        else:
            item.call = call
            self.invalidate(item)

    def add_notice(self, notice: NoticeItem | NoteItem) -> None:
        self._close()
        self._append(notice)

    def close_writing(self) -> None:
        """The text or thinking so far is complete: the next fragment begins a new one."""
        self._close()

    # What is there

    @property
    def calls(self) -> tuple[CallRecord, ...]:
        """Of the newest turn, in order."""
        return tuple(item.call for item in self._calls.values())

    @property
    def writing_text(self) -> bool:
        return self._writing is not None and self._writing.reasoning is None

    def answer_text(self) -> str:
        """The cleaned Markdown of the newest turn."""
        while self._writing is not None and self._writing.pending:
            self.drain()
        return "\n\n".join(text for run in self._answer if (text := "".join(run).strip("\n")))

    @property
    def pending(self) -> bool:
        """Something was appended or changed that `drain` and `lay_out` did not see yet."""
        return bool(self._stale) or (self._writing is not None and bool(self._writing.pending))

    @property
    def height(self) -> int:
        return self.top(len(self.items))

    def top(self, index: int) -> int:
        """The row at which an item begins, its gap included; for len(items) the end."""
        tops = self._tops
        while len(tops) <= index:
            tops.append(tops[-1] + self.items[len(tops) - 1].height)
        return tops[index]

    def item_at(self, row: int) -> tuple[Item, int] | None:
        """The item of a row and the row's index within it (negative in the gap above it)."""
        if row < 0 or row >= self.height:
            return None
        item = self.items[bisect_right(self._tops, row, hi=len(self.items)) - 1]
        return item, row - self.top(item.index) - item.gap

    def row_at(self, row: int) -> tuple[Item, Row | None] | None:
        found = self.item_at(row)
        if found is None:
            return None
        item, index = found
        return item, item.rows[index] if index >= 0 else None

    def rows(self, start: int = 0, end: int | None = None) -> Iterator[tuple[int, Row | None]]:
        """(row number, row); None for a blank row between items."""
        for number in range(max(0, start), self.height if end is None else min(end, self.height)):
            found = self.row_at(number)
            yield number, found[1] if found else None

    def live_items(self) -> list[Item]:
        return [item for item in self.items if item.turn == self._turn and item.live]

    # Bringing it up to date

    def invalidate(self, item: Item) -> None:
        self._stale[item] = None

    def toggle(self, item: Item) -> None:
        item.toggle()
        self.invalidate(item)
        if item.index + 1 < len(self.items):
            self.invalidate(self.items[item.index + 1])  # its gap depends on what stands above

    def invalidate_all(self) -> None:
        """Width or styles changed."""
        self._stale = dict.fromkeys(self.items)

    def drain(self) -> None:
        """Parse what was appended, up to a bounded amount."""
        writing = self._writing
        if writing is None or not writing.pending:
            return
        text = "".join(writing.pending)
        writing.pending.clear()
        if len(text) > DRAIN_CHARACTERS:
            writing.pending.append(text[DRAIN_CHARACTERS:])
            text = text[:DRAIN_CHARACTERS]
        self._feed(writing, writing.cleaner.feed(text))

    def lay_out(self, layout: Layout, *, first: int, height: int, follow: bool, until: Callable[[], bool]) -> int:
        """Make rows of stale items, the visible ones first; the rest until `until` says that time is up.

        first: the top row of the view. Returns by how many rows the view must move to keep showing what it
        shows now (changes above it).
        """
        if not self._stale:
            return 0
        shift = 0
        if follow:
            order = sorted(self._stale, key=lambda item: -item.index)
        else:
            seen = self.item_at(first)
            centre = seen[0].index if seen else 0
            order = sorted(self._stale, key=lambda item: (item.index < centre, abs(item.index - centre)))
        now = self._clock()
        for item in order:
            if follow:
                visible = self.top(item.index) + item.height >= self.height - height - 1
            else:
                top = self.top(item.index)
                visible = top + item.height >= first + shift and top <= first + shift + height
            if not visible and until():
                break
            del self._stale[item]
            above = self.top(item.index) + item.height <= first + shift and item.height > 0
            grown = self._lay_out_item(item, layout, now)
            if above:
                shift += grown
        return shift

    def _lay_out_item(self, item: Item, layout: Layout, now: float) -> int:
        """Rows of one item; by how many it grew. Rows that look the same stay the same objects."""
        before_height, top = item.height, self.top(item.index)
        rows = item.layout(layout, now)
        before = self.items[item.index - 1] if item.index else None
        gap = gap_before(before, item)
        first_changed = len(rows)
        for index in range(item.kept, len(rows)):
            if index < len(item.rows) and item.rows[index].same(rows[index]):
                item.rows[index].code = rows[index].code  # a parse of the open tail makes a new body
                rows[index] = item.rows[index]
            else:
                first_changed = min(first_changed, index)
        changed = gap != item.gap or first_changed < len(rows) or len(rows) != len(item.rows)
        same_gap = gap == item.gap
        item.rows, item.gap = rows, gap
        self.changes.from_item(item.index)
        if item.height != before_height:
            del self._tops[item.index + 1 :]
            self.changes.from_row(top + (gap + first_changed if same_gap else 0))
        elif changed:
            self.changes.spans.append((top + (gap + first_changed if same_gap else 0), top + item.height))
        return item.height - before_height

    # Items

    def _append(self, item: Item) -> None:
        item.turn = self._turn
        item.index = len(self.items)
        self.items.append(item)
        self._stale[item] = None

    def _insert(self, index: int, item: Item, turn: int) -> None:
        item.turn = turn
        self.changes.from_item(index)
        self.items.insert(index, item)
        for position in range(index, len(self.items)):
            self.items[position].index = position
        del self._tops[index + 1 :]
        self._stale[item] = None
        if index + 1 < len(self.items):
            self._stale[self.items[index + 1]] = None

    def _remove_from(self, index: int) -> None:
        if index >= len(self.items):
            return
        self.changes.from_row(self.top(index))
        self.changes.from_item(index)
        for item in self.items[index:]:
            self._stale.pop(item, None)
        del self.items[index:]
        del self._tops[index + 1 :]

    def _feed(self, writing: _Writing, text: str) -> None:
        if writing.reasoning is not None:
            writing.reasoning.append(text)
            self.invalidate(writing.reasoning)
            return
        writing.text.append(text)
        self._show(writing, *writing.splitter.update(text))

    def _show(self, writing: _Writing, finished: list[Block], still_open: list[Block]) -> None:
        """Replace the open items at the end by these blocks; unchanged rows are found by `lay_out`."""
        blocks = finished + still_open
        old = writing.open
        for item, block in zip(old, blocks, strict=False):
            item.block = block
            self.invalidate(item)
        if len(blocks) < len(old):
            self._remove_from(old[len(blocks)].index)
            del old[len(blocks) :]
        for block in blocks[len(old) :]:
            item = BlockItem(block)
            old.append(item)
            self._append(item)
        writing.open = old[len(finished) :]
        self._tell_references(writing)

    def _tell_references(self, writing: _Writing) -> None:
        """A definition may come long after the text that uses it."""
        references = writing.splitter.references
        if len(references) == writing.defined:
            return
        writing.defined = len(references)
        for item in self.items:
            if isinstance(item, BlockItem) and item.block.references is references and "[" in item.block.source:
                self.invalidate(item)

    def _close(self) -> None:
        writing, self._writing = self._writing, None
        if writing is None:
            return
        text = writing.cleaner.feed("".join(writing.pending)) + writing.cleaner.finish()
        writing.pending.clear()
        self._feed(writing, text)
        if writing.reasoning is not None:
            writing.reasoning.finish(self._clock())
        else:
            self._show(writing, writing.splitter.finish(), [])
