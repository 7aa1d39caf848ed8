"""A list of one-line rows drawn on demand: 100,000 rows cost what the visible ones cost."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mcp_tui.core.text import clean_line
from mcp_tui.ui.component_colours import ink, paper


def fill(left: Text, right: Text, width: int) -> Text:
    """`left` and `right` at the two ends of `width` cells; `left` is cut (…) when both do not fit."""
    room = width - right.cell_len - (1 if right.cell_len else 0)
    if left.cell_len > room:
        left.truncate(max(0, room), overflow="ellipsis")
    gap = max(0, width - left.cell_len - right.cell_len)
    return Text.assemble(left, " " * gap, right, no_wrap=True, end="")


class RowList(ScrollView, can_focus=True):
    """A subclass knows the rows and says how many (`row_count`), who (`row_key`) and how they look (`row_text`).

    The cursor stays on the row with the same key when the rows change.
    """

    BINDINGS = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "edge(0)", show=False),
        Binding("end,G", "edge(1)", show=False),
    ]
    COMPONENT_CLASSES = {
        "row-list--cursor",
        "row-list--cursor-blurred",
        "row-list--muted",
        "row-list--strong",
        "row-list--good",
        "row-list--warn",
        "row-list--bad",
        "row-list--wait",
    }
    DEFAULT_CSS = """
    RowList {
        overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; background: transparent;
        scrollbar-color: $foreground 20%; scrollbar-background: $foreground 5%;
        & > .row-list--cursor { background: $primary 40%; text-style: bold; }
        & > .row-list--cursor-blurred { background: $foreground 8%; }
        & > .row-list--muted { color: $text-muted; }
        & > .row-list--strong { color: $text; text-style: bold; }
        & > .row-list--good { color: $text-success; }
        & > .row-list--warn { color: $text-warning; }
        & > .row-list--bad { color: $text-error; }
        & > .row-list--wait { color: $text-accent; }
        &:ansi > .row-list--cursor { background: ansi_default; text-style: reverse; }
        &:ansi > .row-list--cursor-blurred { background: ansi_default; text-style: bold; }
    }
    """

    cursor: reactive[int] = reactive(0, repaint=False)
    empty: str = ""
    """What stands here while there is no row."""
    _base: Style = Style.null()
    _parts: dict[str, Style] | None = None

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, rows: RowList) -> None:
            super().__init__()
            self.rows = rows

        @property
        def control(self) -> RowList:
            return self.rows

    class Clicked(Message):
        """A row was clicked; `again`: it had the cursor already; x: cells from the row's left edge."""

        def __init__(self, rows: RowList, index: int, x: int, again: bool) -> None:
            super().__init__()
            self.rows = rows
            self.index = index
            self.x = x
            self.again = again

        @property
        def control(self) -> RowList:
            return self.rows

    def row_count(self) -> int:
        raise NotImplementedError

    def row_key(self, index: int) -> str:
        """ "" for words that stand where no row is."""
        raise NotImplementedError

    def row_text(self, index: int, width: int) -> Text:
        """One line of exactly or at most `width` cells; texts from outside are already cleaned."""
        raise NotImplementedError

    def row_strip(self, index: int, width: int) -> Strip:
        """The line of `row_text`. A subclass that puts segments together itself answers with exactly `width` cells."""
        return self._strip(self.row_text(index, width), width)

    def empty_text(self, width: int) -> Text:
        return Text(clean_line(self.empty), self.part("row-list--muted"))

    def row_index(self, key: str) -> int | None:
        """Where this row is; O(rows), unless a subclass knows better."""
        return next((index for index in range(self.row_count()) if self.row_key(index) == key), None)

    def part(self, name: str) -> Style:
        """The style of a component class alone, to lay over whatever the row has."""
        if self._parts is None:
            self._parts = {}
        if name not in self._parts:
            self._parts[name] = ink(self, name)
        return self._parts[name]

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._parts = None

    @property
    def current_key(self) -> str | None:
        return self.row_key(self.cursor) if 0 <= self.cursor < self.row_count() else None

    def rows_replaced(self, key: str | None) -> None:
        """Call after the rows changed, with the key the cursor was on."""
        count = self.row_count()
        self._rows_are(count)
        found = self.row_index(key) if key is not None else None
        self.cursor = found if found is not None else max(0, min(self.cursor, count - 1))
        self.refresh()

    def _rows_are(self, count: int) -> None:
        size = Size(self.scrollable_content_region.width, count)
        if size == self.virtual_size:
            return
        height = self.styles.height
        if height is None or height.is_auto or not self.is_mounted:
            self.virtual_size = size
        else:
            # Its own size does not depend on the rows: a change of their number is no reason to lay out the screen
            # again, which cost more than anything else a keystroke in a filter does.
            self.set_reactive(RowList.virtual_size, size)  # pyright: ignore[reportArgumentType]  on a class it is the descriptor
            self._scroll_update(size)

    def move_to(self, key: str) -> bool:
        """Put the cursor on this row, if it is there."""
        index = self.row_index(key)
        if index is not None:
            self.move_cursor(index)
        return index is not None

    def move_cursor(self, index: int) -> None:
        """To this row, or the one at the end that is nearest; in view it is then also where the wheel left it."""
        self.cursor = max(0, min(index, self.row_count() - 1))
        if self.is_mounted:
            self._reveal()

    def refresh_row(self, index: int) -> None:
        y = index - self.top
        if 0 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def watch_cursor(self, old: int, new: int) -> None:
        self.refresh_row(old)
        self.refresh_row(new)
        if self.is_mounted:
            self._reveal()
        self.post_message(self.Moved(self))

    @property
    def top(self) -> int:
        """The first row in view."""
        return self.scroll_offset.y

    def scroll_top_to(self, index: int) -> None:
        self.scroll_to(y=index, animate=False, force=True)

    def _reveal(self) -> None:
        """Scroll so that the cursor's row is in view."""
        height = self.scrollable_content_region.height
        if height and not self.top <= self.cursor < self.top + height:
            self.scroll_top_to(self.cursor if self.cursor < self.top else self.cursor - height + 1)

    def on_resize(self) -> None:
        self._rows_are(self.row_count())
        self._reveal()

    @property
    def row_cells(self) -> int:
        """How wide a row is."""
        return self.scrollable_content_region.width

    def render_lines(self, crop: Region) -> list[Strip]:
        self._base = self.rich_style  # once for all lines: it is put together from all widgets around
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        width, count = self.row_cells, self.row_count()
        index = y + self.top
        if index >= count:
            if count or y or not self.empty:
                return Strip.blank(width, self._base)
            strip = self._strip(self.empty_text(width), width)
        else:
            strip = self.row_strip(index, width)
            if index == self.cursor and self.row_key(index):  # words in the place of rows have no key
                name = "row-list--cursor" if self.has_focus else "row-list--cursor-blurred"
                strip = strip.apply_style(paper(self, name))
        return strip.apply_style(self._base)

    def _strip(self, text: Text, width: int) -> Strip:
        text.truncate(width, overflow="ellipsis")
        console = self.app.console  # pyright: ignore[reportUnknownMemberType]  App is generic in its result
        # A text of one style renders without it.
        segments = text.render(console, end="") if text.spans else [Segment(text.plain, console.get_style(text.style))]
        return Strip(segments, text.cell_len).extend_cell_length(width)

    def action_move(self, rows: int) -> None:
        self.move_cursor(self.cursor + rows)

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self.scrollable_content_region.height - 1))

    def action_edge(self, end: int) -> None:
        self.move_cursor(self.row_count() - 1 if end else 0)

    def on_click(self, event: events.Click) -> None:
        place = event.get_content_offset(self)
        if place is None or place.x >= self.row_cells:
            return
        index = place.y + self.top
        if index < self.row_count():
            again = index == self.cursor
            self.move_cursor(index)
            self.post_message(self.Clicked(self, index, place.x, again))
