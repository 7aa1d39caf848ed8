"""The Workbench's results: the newest in front, the older ones a key away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import ClassVar, TypeAlias

from rich.text import Text
from textual import on
from textual.app import ComposeResult, RenderResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from mcp_tui.core.figures import duration_text, elapsed_text, size_text
from mcp_tui.core.state import ServerSnapshot
from mcp_tui.core.text import clean_line
from mcp_tui.sessions.wirelog.caused import Caused
from mcp_tui.ui import keys
from mcp_tui.ui.component_colours import ink
from mcp_tui.ui.running_app import host
from mcp_tui.ui.servers.activity_text import task_state
from mcp_tui.ui.status import server_state
from mcp_tui.ui.terminal.pictures import MAX_CELLS, can_draw
from mcp_tui.ui.widgets import glyphs
from mcp_tui.ui.widgets.line_view import LineView, ViewRow
from mcp_tui.ui.widgets.tab_line import TabLine
from mcp_tui.ui.wire.exchange_text import exchange_jsonl, exchange_rows, exchange_text
from mcp_tui.ui.workbench.outcomes import (
    VIEWS,
    Drawn,
    Outcome,
    OutcomeStatus,
    Part,
    View,
    WireMark,
    draw,
    plain_text,
    save_payload,
)

_DrawnFor: TypeAlias = tuple[int, OutcomeStatus, View, int]
"""The number of a call, its status, how it is looked at, and how many warnings it has."""
_MARKS: dict[OutcomeStatus, tuple[str, str]] = {
    OutcomeStatus.RUNNING: ("○ running", "wait"),
    OutcomeStatus.OK: ("✓ ok", "good"),
    OutcomeStatus.TOOL_ERROR: ("✗ tool error", "bad"),
    OutcomeStatus.FAILED: ("✗ failed", "bad"),
    OutcomeStatus.UNKNOWN: ("! unknown", "bad"),
    OutcomeStatus.CANCELLED: ("■ cancelled", "wait"),
}


MESSAGES_EVERY_S = 0.1
"""How often the messages of a call that goes on are read again."""


class ProgressLine(Widget):
    """What runs: a bar where a total is known, the message, the elapsed time, and how to stop it."""

    DEFAULT_CSS = """
    ProgressLine { height: 1; display: none; }
    ProgressLine.-shown { display: block; }
    ProgressLine > .progress-line--done { color: $accent; }
    ProgressLine > .progress-line--left { color: $border-blurred; }
    ProgressLine > .progress-line--muted { color: $text-muted; }
    """
    COMPONENT_CLASSES = {"progress-line--done", "progress-line--left", "progress-line--muted"}

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self._now = now
        self._outcome: Outcome | None = None
        self.server: ServerSnapshot | None = None
        """Who is asked: what runs waits for it while it is away."""

    def show(self, outcome: Outcome | None) -> None:
        running = outcome is not None and outcome.status is OutcomeStatus.RUNNING
        self._outcome = outcome if running else None
        self.set_class(running, "-shown")
        self.refresh()

    def render(self) -> RenderResult:
        outcome = self._outcome
        line = Text(no_wrap=True, overflow="ellipsis", end="")
        if outcome is None:
            return line
        muted = ink(self, "progress-line--muted")
        progress = outcome.progress
        task = progress.task if progress is not None else None
        if task is None:
            line.append(f"○ {elapsed_text(self._now() - outcome.started_at)}  ")
            if self.server is not None and not self.server.status.usable:
                line.append(f"waits for the server ({server_state(self.server, self._now())})  ")
        else:
            state = task_state(task)
            line.append(f"{state.glyph} task {state.word} {elapsed_text(self._now() - outcome.started_at)}  ")
        if progress is not None and progress.total is not None and progress.total > 0:
            part = min(1.0, max(0.0, progress.progress / progress.total))
            cells = max(6, min(24, self.size.width // 3))
            done = round(part * cells)
            line.append(glyphs.BAR_DONE * done, ink(self, "progress-line--done"))
            left = ink(self, "progress-line--left")
            line.append(glyphs.BAR_LEFT * (cells - done), left)
            line.append(f" {part:.0%}  ")
        elif progress is not None and (task is None or progress.progress):
            line.append(f"{progress.progress:g}  ")
        if progress is not None and progress.message:
            line.append(clean_line(progress.message)[:200] + "  ")
        line.append("esc cancels it" if task is not None else "esc stops it", muted)
        return line


class PartsList(OptionList):
    """Links and media of the shown result: enter reads a link, and saves anything else."""

    DEFAULT_CSS = """
    PartsList {
        display: none; height: auto; max-height: 7; padding: 0; background: transparent;
        border: none; border-top: solid $border-blurred; border-title-color: $text-muted;
        text-wrap: nowrap; text-overflow: ellipsis; scrollbar-size-vertical: 1;
    }
    PartsList:focus { border: none; border-top: solid $border; border-title-color: $text; }
    PartsList.-shown { display: block; }
    """

    def on_focus(self) -> None:
        if self.highlighted is None and self.option_count:
            self.highlighted = 0


class ResultPane(Vertical):
    """`show` puts up the results of one item; everything else is asked of the screen by messages."""

    BINDINGS: ClassVar[list[Binding]] = keys.bindings("result")  # pyright: ignore[reportIncompatibleVariableOverride]  narrower on purpose

    class ReadWanted(Message):
        """A resource link is to be read."""

        def __init__(self, uri: str) -> None:
            super().__init__()
            self.uri = uri

    class SaveWanted(Message):
        """`make` gives the bytes and a file suffix; call it on a thread."""

        def __init__(self, make: Callable[[], tuple[bytes, str]], name: str) -> None:
            super().__init__()
            self.make = make
            self.name = name

    class SendWanted(Message):
        def __init__(self, outcome: Outcome) -> None:
            super().__init__()
            self.outcome = outcome

    class DiffWanted(Message):
        """`outcomes` as they are shown, the oldest first; `index` is the one in front."""

        def __init__(self, outcomes: Sequence[Outcome], index: int, view: View) -> None:
            super().__init__()
            self.outcomes = tuple(outcomes)
            self.index = index
            self.view: View = view

    class Copied(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(
        self,
        now: Callable[[], float],
        exchange: Callable[[WireMark], Caused],
        *,
        zone: tzinfo | None = None,
        id: str | None = None,  # noqa: A002  the framework's name
    ) -> None:
        """exchange: reads the messages of one call; called on a thread. zone: of their times; None = the person's."""
        super().__init__(id=id, classes="pane")
        self._exchange = exchange
        self._zone = zone
        self._fitted_to: int | None = None
        """The width that pictures were drawn for; None when there are none."""
        self._messages_wanted = False
        """The shown messages are not all of them."""
        self.border_title = "Result"
        self.tabs = TabLine([(view, view.capitalize()) for view in VIEWS])
        self.progress_line = ProgressLine(now)
        self.parts = PartsList(markup=False)
        self.lines = LineView()
        self._now = now
        self._outcomes: Sequence[Outcome] = ()
        self._index = -1
        self._follow = True
        self._view: View = "result"
        self._drawn_for: _DrawnFor | None = None
        self._parts: tuple[Part, ...] = ()
        self._empty = ""

    def compose(self) -> ComposeResult:
        yield self.tabs
        yield self.progress_line
        yield self.lines
        yield self.parts

    def on_mount(self) -> None:
        self.set_interval(0.1, self._tick)
        self._update()

    def _tick(self) -> None:
        if self.outcome is not None and self.outcome.status is OutcomeStatus.RUNNING:
            self.progress_line.refresh()

    @property
    def outcome(self) -> Outcome | None:
        return self._outcomes[self._index] if self._outcomes else None

    @property
    def view(self) -> View:
        return self._view

    def show(self, outcomes: Sequence[Outcome], *, empty: str, newest: bool = True) -> None:
        """empty: what stands here when there is none. newest: go to the last one."""
        self._outcomes = outcomes
        self._empty = empty
        if newest or self._follow or self._index >= len(outcomes):
            self._index = len(outcomes) - 1
            self._follow = True
        self._update()

    def _status(self, outcome: Outcome) -> list[tuple[str, str]]:
        status: list[tuple[str, str]] = [_MARKS[outcome.status]]
        if outcome.heard:
            status.append((outcome.heard, "good"))
        if outcome.duration_ms is not None:
            status.append((duration_text(outcome.duration_ms), ""))
        if outcome.size_bytes is not None:
            status.append((size_text(outcome.size_bytes), "muted"))
        if len(self._outcomes) > 1:
            status.append((f"{self._index + 1}/{len(self._outcomes)}", "muted"))
        return status

    def _update(self) -> None:
        outcome = self.outcome
        self.progress_line.show(outcome)
        if outcome is None:
            self._drawn_for = None
            self.tabs.show(active=self._view, status=())
            self._use(Drawn(draw_note(self._empty)), keep_place=False)
            return
        self.tabs.show(active=self._view, status=self._status(outcome))
        drawn_for = (outcome.number, outcome.status, self._view, len(outcome.warnings))
        if drawn_for != self._drawn_for:
            warned = self._drawn_for is not None and self._drawn_for[:3] == drawn_for[:3]
            self._drawn_for = drawn_for
            self._messages_wanted = False
            self._fitted_to = None
            if self._view == "wire":
                self.run_worker(
                    self._draw_messages(outcome, drawn_for, keep_place=warned), group="draw", exclusive=True
                )
            elif outcome.status is OutcomeStatus.RUNNING:
                self._use(Drawn(()), keep_place=False)
            else:
                self.run_worker(self._draw(outcome, drawn_for, keep_place=warned), group="draw", exclusive=True)

    async def _draw(self, outcome: Outcome, drawn_for: _DrawnFor, *, keep_place: bool = False) -> None:
        cells = self._picture_cells()
        drawn = await asyncio.to_thread(draw, outcome, drawn_for[2], cells)
        if drawn_for == self._drawn_for:
            self._fitted_to = cells if drawn.fitted else None
            self._use(drawn, keep_place=keep_place)

    def _picture_cells(self) -> int:
        return self.lines.size.width - 1 if can_draw(host(self).console.color_system) else 0

    def on_resize(self) -> None:
        """Pictures are made for a width."""
        outcome, drawn_for = self.outcome, self._drawn_for
        wide = self._fitted_to is not None and min(self._fitted_to, MAX_CELLS) != min(self._picture_cells(), MAX_CELLS)
        if wide and outcome is not None and drawn_for is not None:
            self.run_worker(self._draw(outcome, drawn_for, keep_place=True), group="draw", exclusive=True)

    async def _draw_messages(self, outcome: Outcome, drawn_for: _DrawnFor, *, keep_place: bool) -> None:
        self._messages_wanted = True  # what comes while it is read may be missed by the reading
        caused, rows = await asyncio.to_thread(self._messages, outcome)
        if drawn_for == self._drawn_for:
            if not caused.waiting and outcome.status is not OutcomeStatus.RUNNING:
                self._messages_wanted = False
            self._use(Drawn(rows), keep_place=keep_place)

    def _messages(self, outcome: Outcome) -> tuple[Caused, list[ViewRow]]:
        caused = self._exchange(outcome.wire) if outcome.wire is not None else Caused()
        return caused, exchange_rows(caused, self._zone)

    def messages_came(self) -> None:
        """The wire log was written to. A call's last messages reach it a moment after its result."""
        if self._messages_wanted:
            self._messages_wanted = False
            # The log tells from a context of its own, in which there is no active app.
            self.call_later(self.set_timer, MESSAGES_EVERY_S, self._draw_newer_messages)

    def _draw_newer_messages(self) -> None:
        outcome, drawn_for = self.outcome, self._drawn_for
        if self._view == "wire" and outcome is not None and drawn_for is not None:
            self.run_worker(self._draw_messages(outcome, drawn_for, keep_place=True), group="draw", exclusive=True)

    def _use(self, drawn: Drawn, *, keep_place: bool) -> None:
        self.lines.show(drawn.rows, keep_place=keep_place)
        self._parts = drawn.parts
        self.parts.set_options(Option(Content(part.label)) for part in drawn.parts)
        self.parts.set_class(bool(drawn.parts), "-shown")
        links = any(part.kind == "link" for part in drawn.parts)
        media = any(part.kind == "media" for part in drawn.parts)
        words = ["enter reads a link"] * links + ["enter saves media" if not links else "or saves media"] * media
        self.parts.border_title = " ".join(words)

    def focus_content(self) -> None:
        if self._parts:
            self.parts.focus()
        else:
            self.lines.focus()

    # What a person does

    @on(TabLine.Selected)
    def _tab_selected(self, event: TabLine.Selected) -> None:
        event.stop()
        self._go(event.tab)

    def _go(self, view: str) -> None:
        self._view = next(known for known in VIEWS if known == view)
        self._update()

    def action_previous_tab(self) -> None:
        self._go(self.tabs.step(-1))

    def action_next_tab(self) -> None:
        self._go(self.tabs.step(1))

    def action_older_result(self) -> None:
        self._step(-1)

    def action_newer_result(self) -> None:
        self._step(1)

    def _step(self, by: int) -> None:
        index = self._index + by
        if 0 <= index < len(self._outcomes):
            self._index = index
            self._follow = index == len(self._outcomes) - 1
            self._update()

    @on(OptionList.OptionSelected)
    def _part_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        part = self._parts[event.option_index]
        if part.kind == "link":
            self.post_message(self.ReadWanted(part.uri))
        else:
            self._save(part)

    def action_save_result(self) -> None:
        highlighted = self.parts.highlighted if self.parts.has_focus else None
        part = self._parts[highlighted] if highlighted is not None else None
        self._save(part if part is not None and part.kind == "media" else None)

    def _save(self, part: Part | None) -> None:
        outcome, view = self.outcome, self._view
        if outcome is not None and view == "wire" and part is None:
            make = partial(_messages_payload, self._exchange, outcome)
            self.post_message(self.SaveWanted(make, f"{outcome.name}-wire"))
            return
        if outcome is None or outcome.raw is None:
            host(self).notify("There is no result to save", severity="warning", markup=False)
            return
        name = part.uri.rstrip("/").rpartition("/")[2] if part is not None else ""
        self.post_message(self.SaveWanted(lambda: save_payload(outcome, view, part), name or outcome.name))

    def action_copy_result(self) -> None:
        outcome, view = self.outcome, self._view
        if outcome is not None:
            self.run_worker(self._copy(outcome, view), group="copy", exclusive=True)

    async def _copy(self, outcome: Outcome, view: View) -> None:
        if view == "wire":
            text = await asyncio.to_thread(lambda: exchange_text(self._messages(outcome)[0], self._zone))
        else:
            text = await asyncio.to_thread(plain_text, outcome, view)
        self.post_message(self.Copied(text))

    def action_diff_results(self) -> None:
        if len(self._outcomes) < 2:
            host(self).notify("There is no other result to compare with: F10 runs it again", markup=False)
            return
        self.post_message(self.DiffWanted(self._outcomes, self._index, self._view))

    def action_send_to_compare(self) -> None:
        if self.outcome is not None and self.outcome.raw is not None:
            self.post_message(self.SendWanted(self.outcome))


def _messages_payload(exchange: Callable[[WireMark], Caused], outcome: Outcome) -> tuple[bytes, str]:
    caused = exchange(outcome.wire) if outcome.wire is not None else Caused()
    return exchange_jsonl(caused.records), ".jsonl"


def draw_note(text: str) -> list[ViewRow]:
    return [ViewRow(line, "muted") for line in text.split("\n")]


def file_name(name: str, suffix: str, folder: Path) -> Path:
    """A path in `folder` that nothing has yet, made from a name the server chose: letters, digits, `.-_` only."""
    safe_name = (
        "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in name).strip("-.")[:60] or "result"
    )
    base = safe_name.removesuffix(suffix) or "result"
    path = folder / f"{base}{suffix}"
    number = 2
    while path.exists():
        path = folder / f"{base}-{number}{suffix}"
        number += 1
    return path
