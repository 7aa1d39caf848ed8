"""One model's column: a frame with its state and figures around the stream of its answer.

The frame is drawn here, not by the framework's border: its top and bottom change every second while the stream
runs, and only those two lines are then painted again.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import replace
from time import monotonic
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.events import (
    CallChanged,
    ColumnEvent,
    MetricsChanged,
    ReasoningAppended,
    StatusChanged,
    StepStarted,
    TextAppended,
    TurnStarted,
)
from mcp_tui.core.figures import duration_text, elapsed_text, remaining_text
from mcp_tui.core.state import CallRecord, ColumnStatus, Metrics
from mcp_tui.core.text import clean_line
from mcp_tui.ui import keys
from mcp_tui.ui.running_app import host
from mcp_tui.ui.status import COLUMN, INK
from mcp_tui.ui.stream.frame_clock import FrameClock
from mcp_tui.ui.stream.items import NoticeItem
from mcp_tui.ui.stream.metrics_line import SEPARATOR, Best, figures, fit
from mcp_tui.ui.stream.rows import Span, shorten, width_of
from mcp_tui.ui.stream.search_input import LEFT_CELLS, RIGHT_CELLS, SearchInput
from mcp_tui.ui.stream.view import StreamView
from mcp_tui.ui.widgets.scroll_lane import WHEEL_ROWS

DEMO_TEXT = ("demo model, scripted here", "no provider is called")

_COMPONENTS = {
    "column--frame",
    "column--name",
    *(f"column--state-{tone}" for tone in INK),
    "column--figures",
    "column--best",
    "column--search",
    "column--search-none",
}


class ModelColumn(Widget, can_focus=True):
    """`handle` is the only way in while a run is live; everything else reads or moves the view."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[Binding]] = keys.bindings("column")  # pyright: ignore[reportIncompatibleVariableOverride]  narrower on purpose
    COMPONENT_CLASSES: ClassVar[set[str]] = _COMPONENTS

    class TitleChanged(Message):
        """State, elapsed time or label changed: what a tab shows is old. Bubbles."""

        def __init__(self, column: ModelColumn) -> None:
            super().__init__()
            self.column = column

        @property
        def control(self) -> ModelColumn:
            return self.column

    def __init__(
        self,
        column_id: str,
        label: str,
        demo: bool = False,
        *,
        clock: Callable[[], float] = monotonic,
        id: str | None = None,  # noqa: A002  the framework's name
    ) -> None:
        super().__init__(id=id)
        self.column_id = column_id
        self.label = clean_line(label)
        self.demo = demo
        self._clock = clock
        self._view = StreamView(self._introduction, clock=clock)
        self._status = ColumnStatus.IDLE
        self._error: ErrorInfo | None = None
        self._metrics = Metrics()
        self._best: frozenset[str] = frozenset()
        self._began_at: float | None = None
        self._took_s: float | None = None
        self._retry_at: float | None = None
        self._attempt = 0
        """The number of the next try, while one is waited for."""
        self._notice: NoticeItem | None = None
        self._notes: tuple[str, ...] = ()
        """Of the newest turn, as far as they stand in the stream."""
        self._turn = 0
        self._gone = False
        """Unmounted: a last paint may still ask for lines, but the component styles are lost."""
        self._styles: dict[str, Style] = {}
        self._drawn: tuple[tuple[Span, ...], tuple[Span, ...]] | None = None
        self._search_input: SearchInput | None = None
        """While a search is being typed."""
        self._last_query = ""

    def compose(self) -> ComposeResult:
        yield self._view

    # What happens

    def handle(self, event: ColumnEvent) -> None:
        """Take the next event of this column. Returns at once: painting is the frame clock's business."""
        match event:
            case TextAppended(text=text):
                self._view.append_text(text)
                return
            case ReasoningAppended(text=text):
                self._view.append_reasoning(text)
                return
            case CallChanged(call=call):
                self._view.put_call(call)
                return
            case TurnStarted(turn=turn, prompt=prompt):
                self._start_turn(turn, prompt)
            case StepStarted():
                self._view.close_writing()
            case StatusChanged(status=status, error=error, retry_at=retry_at, attempt=attempt):
                self._set_status(status, error, retry_at, attempt)
            case MetricsChanged(metrics=metrics):
                self._metrics = metrics
                self._tell_notes()
        self._refresh_frame()

    def _start_turn(self, turn: int, prompt: str) -> None:
        self._turn = turn
        self._best = frozenset()
        self._began_at, self._took_s, self._retry_at = self._clock(), None, None
        self._error = None
        self._notice = None
        self._notes = ()
        # The figures of the turn before stay until there are new ones; its notes do not.
        self._metrics = replace(self._metrics, notes=(), fallback="")
        self._view.start_turn(turn, prompt)
        self._set_status(ColumnStatus.CONNECTING, None, None)

    @property
    def _introduction(self) -> tuple[str, ...]:
        """What stands in a column that has said nothing yet."""
        provider, _, model = self.label.rpartition("/")
        return (model, *(DEMO_TEXT if self.demo else ((provider,) if provider else ())))

    def relabel(self, label: str, *, demo: bool) -> None:
        """Other parameters, or another model that goes on with the conversation."""
        self.label, self.demo = clean_line(label), demo
        self._view.say_when_empty(self._introduction)
        self.post_message(self.TitleChanged(self))
        self._refresh_frame()

    def _set_status(
        self, status: ColumnStatus, error: ErrorInfo | None, retry_at: float | None, attempt: int = 0
    ) -> None:
        before, self._status = self._status, status
        self._attempt = attempt
        self._error = error
        self._retry_at = retry_at
        if self._notice is not None and self._notice.status is ColumnStatus.RETRYING:
            self._view.settle_notice(self._notice)
            self._notice = None
        if status is ColumnStatus.RETRYING:
            self._notice = self._view.add_notice(status, error, retry_at, attempt)
        if status.ended:
            self._view.close_writing()
            if self._took_s is None and self._began_at is not None:
                self._took_s = self._clock() - self._began_at
            told = (ColumnStatus.INCOMPLETE, ColumnStatus.ERROR, ColumnStatus.CANCELLED)
            if status in told and before is not status:
                self._notice = self._view.add_notice(status, error)
        self._tell_notes()
        self._keep_time()

    def _tell_notes(self) -> None:
        # A line in the middle of a paragraph would cut it in two.
        if self._status is ColumnStatus.STREAMING:
            return
        for note in self._metrics.notes:
            if note not in self._notes:
                self._view.add_note(note)
        self._notes = self._metrics.notes

    def mark_best(self, best: AbstractSet[Best]) -> None:
        """At the end of a run: the figures in which this column did best, of `ttft`, `speed`, `cost`."""
        self._best = frozenset(best)
        self._refresh_frame()

    # What is there

    @property
    def status(self) -> ColumnStatus:
        return self._status

    @property
    def error(self) -> ErrorInfo | None:
        """Why the column is retrying, incomplete or failed."""
        return self._error

    @property
    def metrics(self) -> Metrics:
        return self._metrics

    @property
    def calls(self) -> tuple[CallRecord, ...]:
        """Of the newest turn, in the order in which they began."""
        return self._view.calls

    @property
    def view(self) -> StreamView:
        return self._view

    def answer_text(self) -> str:
        """The cleaned Markdown of the newest turn."""
        return self._view.answer_text()

    def metrics_text(self, width: int) -> str:
        """The figures in at most `width` cells."""
        return SEPARATOR.join(text for _, text in self._fitting_figures(width))

    def state_text(self, *, brief: bool = False) -> str:
        """`streaming 3s`, `retry in 4s (2)`, `done 3.1s`; brief: without the time."""
        if self._status is ColumnStatus.IDLE:
            return ""
        word = COLUMN[self._status].word
        if self._status is ColumnStatus.RETRYING:
            if self._retry_at is None:
                return word
            tries = f" ({self._attempt})" if self._attempt else ""
            return f"retry in {remaining_text(self._retry_at - self._clock())}{tries}"
        if brief or self._began_at is None:
            return word
        if self._status.ended:
            took = self._metrics.duration_ms
            seconds = self._took_s if took is None or self._took_s is None else took / 1000
            return word if seconds is None else f"{word} {duration_text(seconds * 1000)}"
        return f"{word} {elapsed_text(self._clock() - self._began_at)}"

    @property
    def _short_label(self) -> str:
        return self.label.rpartition("/")[2] or self.label

    # The frame

    def on_mount(self) -> None:
        self._keep_time()

    def on_unmount(self) -> None:
        self._gone = True
        FrameClock.of(host(self)).remove_second(self)

    def on_focus(self) -> None:
        self._view.show_current(True)

    def on_blur(self) -> None:
        self._view.show_current(False)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()
        self._drawn = None

    def _keep_time(self) -> None:
        if not self.is_mounted:
            return
        clock = FrameClock.of(host(self))
        if self._status.ended:
            clock.remove_second(self)
        else:
            clock.add_second(self)

    def tick_second(self) -> None:
        self._view.tick()
        self._refresh_frame()

    def _refresh_frame(self) -> None:
        if not self.is_mounted or not self.size.width:
            return
        lines = (tuple(self._top_spans()), tuple(self._bottom_spans()))
        if lines == self._drawn:
            return
        if self._drawn is None or lines[0] != self._drawn[0]:
            self.refresh(Region(0, 0, self.size.width, 1))
            self.post_message(self.TitleChanged(self))
        if self._drawn is None or lines[1] != self._drawn[1]:
            self.refresh(Region(0, self.size.height - 1, self.size.width, 1))
        self._drawn = lines

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        frame = self._style("frame")
        if y == 0:
            return _strip(self._top_spans(), width)
        if y == height - 1:
            return _strip(self._bottom_spans(), width)
        return _strip([("│", frame), (" " * (width - 2), frame), ("│", frame)], width)

    def _style(self, name: str) -> Style:
        style = Style.null() if self._gone else self._styles.get(name)
        if style is None:
            style = self._styles[name] = self.get_component_rich_style(f"column--{name}")
        return style

    def _top_spans(self) -> list[Span]:
        """`╭─ ● provider/model ──── streaming 3s ─╮`; the provider goes first, then the time, then letters."""
        frame = self._style("frame")
        glyph, tone = COLUMN[self._status].glyph, COLUMN[self._status].tone
        state_style = self._style(f"state-{tone}")
        room = max(0, self.size.width - 8 - cell_len(glyph))
        """Cells for name and state: without corners, lines, blanks and the glyph."""
        name, state = self.label, self.state_text()
        if cell_len(name) + cell_len(state) + 2 > room:
            name = self._short_label
        if cell_len(name) + cell_len(state) + 2 > room:
            state = self.state_text(brief=True)
        name = shorten(name, max(1, room - (cell_len(state) + 2 if state else 0)))
        left: list[Span] = [("╭─ ", frame), (f"{glyph} ", state_style), (name, self._style("name")), (" ", frame)]
        right: list[Span] = [(" ", frame), (state, state_style), (" ─╮", frame)] if state else [("──╮", frame)]
        line = max(0, self.size.width - width_of(left) - width_of(right))
        return [*left, ("─" * line, frame), *right]

    def _bottom_spans(self) -> list[Span]:
        frame = self._style("frame")
        left = self._search_spans()
        if self._search_input is not None:
            state = self._view.search_state
            found = _count(state, RIGHT_CELLS - 5) if state is not None and state[0].strip() else ""
            look = self._style("search" if state is not None and state[2] else "search-none")
            right: list[Span] = [(" ", frame), (found, look), (" ─╯", frame)]
            space = max(0, self.size.width - width_of(left) - width_of(right))
            return [*left, (" " * space, frame), *right]
        shown = self._fitting_figures(self.size.width - 6 - (width_of(left) - 1))
        middle: list[Span] = []
        for index, (is_best, text) in enumerate(shown):
            if index:
                middle.append((SEPARATOR, self._style("figures")))
            middle.append((text, self._style("best" if is_best else "figures")))
        if middle:
            middle = [(" ", frame), *middle, (" ", frame)]
        line = max(0, self.size.width - 2 - width_of(left) - width_of(middle))
        return [*left, ("─" * line, frame), *middle, ("─╯", frame)]

    def _search_spans(self) -> list[Span]:
        """The left end of the bottom line: `╰─ /query 3/17 ` while there is a search."""
        frame = self._style("frame")
        state = self._view.search_state
        if state is None:
            return [("╰", frame)]
        if self._search_input is not None:
            return [("╰─ ", frame), ("/ ".ljust(LEFT_CELLS - 3), self._style("search"))]
        found = _count(state, 12)
        look = self._style("search" if state[2] else "search-none")
        room = max(1, self.size.width - 10 - cell_len(found))
        return [("╰─ ", frame), (f"/{shorten(clean_line(state[0]), room)}", look), (f" {found} ", look)]

    def _fitting_figures(self, width: int) -> list[tuple[bool, str]]:
        found = figures(self._metrics, demo=self.demo, best=self._best) if self._turn else []
        if self._metrics == Metrics():
            found = []
        return [(figure.best, text) for figure, text in fit(found, width)]

    # Keys

    def action_scroll_rows(self, rows: int) -> None:
        self._view.scroll_rows(rows)

    def action_scroll_page(self, pages: int) -> None:
        self._view.scroll_page(pages)

    def action_scroll_top(self) -> None:
        self._view.scroll_top()

    def action_scroll_bottom(self) -> None:
        self._view.scroll_bottom()

    def action_next_item(self) -> None:
        self._view.move_item(1)

    def action_previous_item(self) -> None:
        self._view.move_item(-1)

    def action_toggle_item(self) -> None:
        self._view.act()

    def action_walk_spots(self, step: int) -> None:
        if not self._view.walk_spots(step):
            self.notify("There is no link and no code block in this column", timeout=3, markup=False)

    def on_stream_view_spot_chosen(self, event: StreamView.SpotChosen) -> None:
        event.stop()
        spot = event.spot
        if event.copy:
            self._copy(spot.text, "Code block copied", "")
        elif spot.kind == "code":
            from mcp_tui.ui.stream.code_dialog import CodeScreen

            host(self).push_screen(CodeScreen(spot.text, spot.language))
        else:
            from mcp_tui.ui.stream.link_dialog import LinkScreen

            host(self).push_screen(LinkScreen(spot.address, spot.text))

    # Search

    def action_search(self) -> None:
        """Ask for a query in the bottom line; what was searched last stands there."""
        if self._search_input is not None:
            self._search_input.focus()
            return
        self._view.begin_search()
        state = self._view.search_state
        self._search_input = SearchInput(state[0] if state is not None and state[0] else self._last_query)
        self.mount(self._search_input)
        # The line takes the place of the bottom frame: the text above it does not move.
        self.add_class("-searching")
        self._search_input.focus()
        self._refresh_frame()

    def action_step_match(self, by: int) -> None:
        state = self._view.search_state
        if state is None and self._last_query:
            self._view.search(self._last_query)
        elif state is None:
            self.notify("Nothing was searched in this column yet: / asks", timeout=3, markup=False)
        else:
            self._view.step_match(by)

    def step_back(self) -> bool:
        """Leave the search or the current link, if there is one. The reader stays where they are."""
        return self._view.leave()

    def on_input_changed(self, event: SearchInput.Changed) -> None:
        event.stop()
        if self._search_input is not None:
            self._view.search(event.value)
            self._refresh_frame()

    def on_input_submitted(self, event: SearchInput.Submitted) -> None:
        event.stop()
        self._end_typing(keep=bool(event.value.strip()))

    def on_search_input_cancelled(self, event: SearchInput.Cancelled) -> None:
        event.stop()
        self._end_typing(keep=False)

    def on_descendant_blur(self) -> None:
        if self._search_input is not None and not self.has_focus_within:
            self._end_typing(keep=bool(self._search_input.value.strip()), focus=False)

    def _end_typing(self, *, keep: bool, focus: bool = True) -> None:
        field, self._search_input = self._search_input, None
        if field is None:
            return
        self._last_query = field.value if field.value.strip() else self._last_query
        if not keep:
            self._view.end_search(stay=False)
        if focus:
            self.focus()
        self.remove_class("-searching")
        field.remove()
        self._refresh_frame()

    def on_stream_view_search_moved(self, event: StreamView.SearchMoved) -> None:
        event.stop()
        self._refresh_frame()

    def action_copy_answer(self) -> None:
        """The selected text, if there is one in this column; else the whole answer."""
        selection = self._view.text_selection
        selected = self._view.get_selection(selection) if selection is not None else None
        if selected is not None:
            self._copy(selected[0], "Selection copied", "")
        else:
            self._copy(self.answer_text(), "Answer copied", "There is no answer to copy yet")

    def action_copy_code(self) -> None:
        self._copy(self._view.code_in_view() or "", "Code block copied", "There is no code block in this answer")

    def _copy(self, text: str, done: str, nothing: str) -> None:
        if text:
            host(self).copy_to_clipboard(text)
            lines = text.count("\n") + 1
            self.notify(f"{done}: {lines} line{'s' if lines != 1 else ''}", timeout=2, markup=False)
        else:
            self.notify(nothing, severity="warning", timeout=3, markup=False)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._view.scroll_rows(-WHEEL_ROWS)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._view.scroll_rows(WHEEL_ROWS)


def _count(state: tuple[str, int | None, int], room: int) -> str:
    """`3/17`, in at most `room` cells."""
    _, position, total = state
    if not total:
        return "no match"
    text = f"{position if position is not None else '-'}/{total}"
    return text if len(text) <= room else str(total)[:room]


def _strip(spans: list[Span], width: int) -> Strip:
    return Strip([Segment(text, style) for text, style in spans if text]).adjust_cell_length(width)
