"""One saved run, in columns as it was; and as it streamed, when it is replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from time import monotonic
from typing import ClassVar, Protocol

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from mcp_tui.core.events import TurnStarted
from mcp_tui.core.figures import elapsed_text
from mcp_tui.core.state import ColumnStatus
from mcp_tui.core.text import clean, clean_line
from mcp_tui.runs.playback import Playback
from mcp_tui.store.history.events import Timed
from mcp_tui.store.history.records import RunHead, RunStatus, SavedRun
from mcp_tui.ui import keys
from mcp_tui.ui.compare.column_reading import ColumnReading
from mcp_tui.ui.compare.columns import ColumnsArea
from mcp_tui.ui.compare.conversation import best_columns
from mcp_tui.ui.history import run_text
from mcp_tui.ui.screens.mode import ModeScreen
from mcp_tui.ui.stream.model_column import ModelColumn
from mcp_tui.ui.stream.past_clock import PastClock
from mcp_tui.ui.stylesheets import sheets
from mcp_tui.ui.widgets.key_bar import KeyBar
from mcp_tui.ui.widgets.top_bar import TopBar

FRAME_S = 1 / 30
FOLLOW_S = 1.0
"""How often a run that goes on in another window is looked at."""
PROMPT_CHARS = 4_000


class RunDesk(Protocol):
    """What it needs of the screen it was opened from."""

    @property
    def top_bar(self) -> TopBar: ...

    def do(self, verb: str, head: RunHead | None) -> None: ...

    async def read(self, head: RunHead) -> SavedRun | None:
        """None after it was told why."""
        ...

    async def delete(self, head: RunHead) -> bool:
        """Asks first. True when the run is gone."""
        ...

    def neighbour(self, step: int) -> RunHead | None:
        """The run above (-1) or below (1) in the list, which the cursor goes to."""
        ...


class SavedRunScreen(ColumnReading, Screen[None]):
    """Read only. What can be done with the run, `home` does."""

    CSS_PATH = sheets("history")
    HORIZONTAL_BREAKPOINTS = ModeScreen.HORIZONTAL_BREAKPOINTS
    BINDINGS: ClassVar[list[Binding]] = keys.bindings("saved")  # pyright: ignore[reportIncompatibleVariableOverride]  narrower on purpose

    def __init__(self, home: RunDesk, saved: SavedRun, *, replay: bool = False, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._home = home
        self._saved = saved
        self._now = now
        self._replay_first = replay
        self.playback: Playback | None = None
        """While it is replayed."""
        self._ticked_at = 0.0
        self._ticks: Timer | None = None
        self._fed = 0
        """Events that are shown."""
        self._turn = 0
        self.clock = PastClock(monotonic)
        self.banner = Static(id="saved-banner", markup=False)
        self.columns_area = ColumnsArea(id="columns")
        self.prompt = Vertical(Static(markup=False), id="saved-prompt", classes="pane")

    def compose(self) -> ComposeResult:
        yield TopBar("history")
        yield self.banner
        yield self.columns_area
        yield self.prompt
        yield KeyBar()

    def on_mount(self) -> None:
        bar = self.query_one(TopBar)
        # The app tells its modes; this screen listens to the one it belongs to.
        self.watch(self._home.top_bar, "facts", lambda facts: setattr(bar, "facts", facts))  # pyright: ignore[reportUnknownLambdaType]  any facts
        self._ticks = self.set_interval(FRAME_S, self._tick, pause=True)
        self.set_interval(FOLLOW_S, self._follow)
        self.run_worker(partial(self._show, replay=self._replay_first), group="show", exclusive=True)

    # Showing

    async def _show(self, *, replay: bool = False) -> None:
        """Everything at once, or from the beginning in time."""
        self._stop_playing()
        saved = self._saved
        self._fed = self._turn = 0
        self.clock.past_s = 0.0
        self.columns_area.say("This run has no column any more.")
        await self.columns_area.replace(self._columns(saved))
        if replay:
            self.playback = Playback(saved.events)
            self._ticked_at = monotonic()
            self._tell_state()
            if self._ticks is not None:
                self._ticks.resume()
        else:
            self._feed(saved.events)
            self._ended()
        self._show_prompt()
        self.refresh_bindings()
        if self.columns_area.current is not None:
            self.columns_area.current.focus()

    def _columns(self, saved: SavedRun) -> Iterable[ModelColumn]:
        for column in saved.shown_columns:
            demo = column.spec.get("provider") == "demo"
            yield ModelColumn(column.id, column.label, demo, clock=self.clock)

    def _feed(self, events: Iterable[Timed]) -> None:
        for at_s, event in events:
            self.clock.past_s = at_s
            self.columns_area.handle(event)
            self._fed += 1
            if isinstance(event, TurnStarted) and event.turn != self._turn:
                self._turn = event.turn
                self._show_prompt()

    def _ended(self) -> None:
        """All of it is shown."""
        done = {
            column.column_id: column.metrics
            for column in self.columns_area.columns
            if column.status is ColumnStatus.DONE
        }
        self.columns_area.mark_best(best_columns(done))
        self._tell_state()

    def _show_prompt(self) -> None:
        prompts = self._saved.prompts
        shown = next((prompt for prompt in prompts if prompt.turn == max(1, self._turn)), None)
        text = shown.text if shown is not None else self._saved.head.title
        number = f" {max(1, self._turn)} of {len(prompts)}" if len(prompts) > 1 else ""
        attached = len(shown.message.blocks) - 1 if shown is not None else 0
        self.prompt.border_title = Content(f"Prompt{number}")
        self.prompt.border_subtitle = Content(f"{attached} attached" if attached > 0 else "")
        self.prompt.query_one(Static).update(Content(clean(text)[:PROMPT_CHARS].strip() or run_text.NO_PROMPT))

    def _tell_state(self) -> None:
        head = self._saved.head
        playback = self.playback
        if playback is not None:
            mark = "■ paused" if playback.paused else "► replay"
            speed = f"{playback.speed:g}x"
            place = f"{elapsed_text(playback.position_s)} of {elapsed_text(playback.length_s)}"
            words = [mark, speed, place, "space pause, + - speed, e end", f"saved run {head.id}"]
        else:
            words = ["saved run", *run_text.facts(head, self._now())]
        if self._saved.faults:
            words.insert(1, f"! {clean_line(self._saved.faults[0])}")
        self.banner.update(Content(clean_line(" · ".join(words))))
        self.banner.set_class(playback is not None, "-playing")

    # A run that goes on elsewhere

    def _follow(self) -> None:
        if self._saved.head.status is RunStatus.LIVE and self.playback is None:
            self.run_worker(self._read_on, group="follow", exclusive=True)

    async def _read_on(self) -> None:
        saved = await self._home.read(self._saved.head)
        if saved is None or self.playback is not None:
            return
        known = {column.id for column in self._saved.shown_columns}
        self._saved = saved
        if {column.id for column in saved.shown_columns} != known:
            await self._show()
            return
        self._feed(saved.events[self._fed :])
        self._ended()

    # Replay

    def _tick(self) -> None:
        playback = self.playback
        if playback is None:
            return
        now = monotonic()
        passed, self._ticked_at = now - self._ticked_at, now
        if not playback.paused:
            self._play(playback, playback.advance(passed))

    def play_to(self, position_s: float) -> None:
        """Where a replay would be after so many seconds; also while it is paused."""
        playback = self.playback
        if playback is not None:
            paused, playback.paused = playback.paused, False
            due = playback.advance(max(0.0, position_s - playback.position_s) / playback.speed)
            playback.paused = paused
            self._play(playback, due)

    def _play(self, playback: Playback, due: list[Timed]) -> None:
        second = int(self.clock())
        self._feed(due)
        self.clock.past_s = playback.now_s
        if int(playback.now_s) != second:
            for column in self.columns_area.columns:
                column.tick_second()
        self._tell_state()
        if playback.done:
            self._stop_playing()
            self._ended()

    def _stop_playing(self) -> None:
        self.playback = None
        if self._ticks is not None:
            self._ticks.pause()
        self.refresh_bindings()

    def action_replay(self) -> None:
        self.run_worker(partial(self._show, replay=True), group="show", exclusive=True)

    def action_pause(self) -> None:
        if self.playback is not None:
            self.playback.paused = not self.playback.paused
            self._tell_state()

    def action_speed(self, steps: int) -> None:
        if self.playback is not None:
            self.playback.change_speed(steps)
            self._tell_state()

    def action_skip(self) -> None:
        """To the end."""
        if self.playback is not None:
            self._feed(self.playback.rest())
            self._stop_playing()
            self._ended()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What a live column can do, a saved one cannot: those keys are free for what this screen does."""
        if action in ("speed", "skip", "pause") and self.playback is None:
            return False
        return hasattr(self, f"action_{action}") and super().check_action(action, parameters) is not False

    def action_ask(self, verb: str) -> None:
        self._home.do(verb, self._saved.head)

    def action_delete(self) -> None:
        self.run_worker(self._delete, group="delete", exclusive=True)

    async def _delete(self) -> None:
        if await self._home.delete(self._saved.head):
            self.dismiss()

    def action_neighbour(self, step: int) -> None:
        """The run above (-1) or below (1) in the list."""
        head = self._home.neighbour(step)
        if head is None:
            self.notify("This is the newest run" if step < 0 else "This is the oldest run", markup=False)
        else:
            self.run_worker(partial(self._go_to, head), group="show", exclusive=True)

    async def _go_to(self, head: RunHead) -> None:
        saved = await self._home.read(head)
        if saved is not None:
            self._saved = saved
            await self._show()

    def action_back(self) -> None:
        """One step back: a search in a column, a replay, a big column, the list."""
        column = self.columns_area.current
        if column is not None and column.has_focus_within and column.step_back():
            return
        if self.playback is not None:
            self.action_skip()
        elif self.columns_area.maximised:
            self.columns_area.toggle_maximised()
        else:
            self.dismiss()

    def _live(self) -> bool:
        return self.playback is not None
