"""F5 History: every run, searched as you type, opened as it was, run again, continued, replayed, saved, deleted."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

from textual import on
from textual.containers import Container, Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

from mcp_tui.config import paths
from mcp_tui.core.text import clean_line
from mcp_tui.store.history.query import RunQuery
from mcp_tui.store.history.reader import HistoryReader
from mcp_tui.store.history.reader import RunList as Runs
from mcp_tui.store.history.records import RunHead, RunStatus, SavedRun
from mcp_tui.store.history.tables import FILE_NAME, NewerFileError
from mcp_tui.ui.delays import Delays
from mcp_tui.ui.history import run_saving
from mcp_tui.ui.history.run_list import RunList
from mcp_tui.ui.history.run_preview import RunPreview
from mcp_tui.ui.messages import RunRevived
from mcp_tui.ui.running_app import dashboard, host
from mcp_tui.ui.screens.mode import ModeScreen
from mcp_tui.ui.stylesheets import sheets
from mcp_tui.ui.widgets.browser import CatalogFilter

SEARCH_DELAY_S = 0.03
PREVIEW_DELAY_S = 0.08
"""A cursor that runs through the list reads nothing on its way."""
SNIPPET_DELAY_S = 0.05
LOOK_S = 1.0
"""How often the file is looked at for runs of other programs, and for the ones that go on."""

_FAULTS = (sqlite3.Error, OSError, NewerFileError)


def _local_now() -> datetime:
    return datetime.now().astimezone()


class HistoryScreen(ModeScreen):
    """reader, now: for tests."""

    MODE: ClassVar[str] = "history"
    CSS_PATH = sheets("history")

    def __init__(self, *, reader: HistoryReader | None = None, now: Callable[[], datetime] = _local_now) -> None:
        super().__init__()
        self._reader = reader or HistoryReader(paths.data_dir() / FILE_NAME)
        self._now = now
        self._query = RunQuery()
        self._shown_version: object = None
        self._total = 0
        self._problem = ""
        self._delays = Delays(self)
        self._looking: Timer | None = None
        self.filter = CatalogFilter(
            placeholder='/ search: words, "two words", -not, model:gpt, tool:read, is:error',
            compact=True,
            select_on_focus=False,
        )
        self.list = RunList(now=now)
        self.list.empty = "reading the history ..."
        self.preview = RunPreview(self._read_or_words, now=now, id="run")
        self.runs = Vertical(self.filter, self.list, id="runs", classes="pane")
        self.runs.border_title = "Runs"

    def compose_body(self) -> Iterable[Widget]:
        with Container(id="history"):
            yield self.runs
            yield self.preview

    def on_mount(self) -> None:
        self.list.focus()
        self._looking = self.set_interval(LOOK_S, self._look)
        self._search()

    def on_screen_resume(self) -> None:
        if self._looking is not None:
            self._looking.resume()
            self._look()

    def on_screen_suspend(self) -> None:
        # Hidden, it reads nothing.
        if self._looking is not None:
            self._looking.pause()

    # Reading

    def _look(self) -> None:
        self.run_worker(self._looked, group="look", exclusive=True)

    async def _looked(self) -> None:
        try:
            version: object = await asyncio.to_thread(self._reader.version)
        except _FAULTS as error:
            self._say_problem(error)
            return
        if version != self._shown_version or self._problem:
            self._search()

    def _search(self, *, top: bool = False) -> None:
        self.run_worker(partial(self._find, top=top), group="search", exclusive=True)

    async def _find(self, *, top: bool) -> None:
        query = RunQuery.parse(self.filter.value)
        try:
            version, runs, total = await asyncio.to_thread(self._found, query)
        except _FAULTS as error:
            self._say_problem(error)
            return
        self._problem = ""
        self._shown_version, self._total = version, total
        if query != self._query:
            self._query = query
            self.list.snippets = {}
        self.list.empty = self._words_for_nothing(query)
        self.list.show(runs, top=top)
        self._say_counts()
        self._delays.gather("snippets", SNIPPET_DELAY_S, self._fetch_snippets)

    def _found(self, query: RunQuery) -> tuple[object, Runs, int]:
        version = self._reader.version()
        return version, self._reader.find(query), version[0]

    def _words_for_nothing(self, query: RunQuery) -> str:
        if query:
            return "no run matches"
        app = dashboard(self)
        if app is not None and app.config is not None and not app.config.defaults.history:
            return "runs are not saved: history = false in [defaults]"
        return "no run yet: send a prompt in Compare (F2), and it is saved here"

    def _fetch_snippets(self) -> None:
        if self._query.match:
            self.run_worker(partial(self._snippets, self._query), group="snippets", exclusive=True)

    async def _snippets(self, query: RunQuery) -> None:
        wanted = [number for number in self.list.in_view() if number not in self.list.snippets]
        if not wanted:
            return
        try:
            found = await asyncio.to_thread(self._reader.snippets, query, wanted)
        except _FAULTS as error:
            self._say_problem(error)
            return
        if query == self._query:
            self.list.snippets.update(found)
            self.list.refresh()

    def _read_or_words(self, head: RunHead) -> SavedRun | str:
        """On a thread."""
        try:
            return self._reader.open(head.number)
        except LookupError:
            return "This run was deleted."
        except _FAULTS as error:
            return f"! {error}"

    def _say_problem(self, error: BaseException) -> None:
        self._problem = clean_line(f"! History cannot be read: {error}")
        self.list.empty = self._problem
        self.list.refresh()
        self._say_counts()

    def _say_counts(self) -> None:
        shown = len(self.list.runs)
        count = f"{shown:,} of {self._total:,}" if self._query else f"{self._total:,}"
        self.runs.border_title = Content(f"Runs  {count}")
        self.runs.border_subtitle = Content(self._problem)

    # The list

    def neighbour(self, step: int) -> RunHead | None:
        return self.list.step(step)

    @on(Input.Changed)
    def _filter_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._delays.gather("search", SEARCH_DELAY_S, lambda: self._search(top=True))

    @on(CatalogFilter.Left)
    def _filter_left(self, event: CatalogFilter.Left) -> None:
        event.stop()
        self.list.focus()

    @on(RunList.Moved)
    def _moved(self, event: RunList.Moved) -> None:
        event.stop()
        self._delays.gather("preview", PREVIEW_DELAY_S, self._show_preview)
        self._delays.gather("snippets", SNIPPET_DELAY_S, self._fetch_snippets)

    def _show_preview(self) -> None:
        if self.preview.display and (self.list.current != self.preview.head or self.list.current is None):
            self.preview.show(self.list.current)

    def on_resize(self) -> None:
        self._delays.gather("preview", PREVIEW_DELAY_S, self._show_preview)

    @on(RunList.Clicked)
    def _clicked(self, event: RunList.Clicked) -> None:
        event.stop()
        if event.again:
            self.do("open", self.list.current)

    @on(RunList.Asked)
    def _asked(self, event: RunList.Asked) -> None:
        event.stop()
        if event.verb == "filter":
            self.filter.focus()
        else:
            self.do(event.verb, self.list.current)

    # What is done with a run: from the list, and from the screen of one run

    def do(self, verb: str, head: RunHead | None) -> None:
        """verb: `open`, `replay`, `rerun`, `fork`, `export`, `copy` or `delete`."""
        if head is None:
            self._tell("There is no run here")
            return
        work = {
            "open": self._open,
            "replay": self._replay,
            "rerun": self._rerun,
            "fork": self._fork,
            "export": self._export,
            "copy": self._copy,
            "delete": self._delete,
        }[verb]
        self.run_worker(partial(work, head), group=verb, exclusive=True)

    async def read(self, head: RunHead) -> SavedRun | None:
        """None after it was told why."""
        saved = await asyncio.to_thread(self._read_or_words, head)
        if isinstance(saved, str):
            self._tell(saved, bad=True)
            return None
        return saved

    async def _open(self, head: RunHead, *, replay: bool = False) -> None:
        saved = await self.read(head)
        if saved is not None:
            from mcp_tui.ui.history.saved_run import SavedRunScreen

            host(self).push_screen(SavedRunScreen(self, saved, replay=replay, now=self._now))

    async def _replay(self, head: RunHead) -> None:
        await self._open(head, replay=True)

    async def _rerun(self, head: RunHead) -> None:
        await self._revive(head, "rerun")

    async def _fork(self, head: RunHead) -> None:
        await self._revive(head, "fork")

    async def _revive(self, head: RunHead, how: Literal["rerun", "fork"]) -> None:
        if head.status is RunStatus.LIVE:
            self._tell("This run is still going on")
            return
        saved = await self.read(head)
        if saved is not None:
            host(self).post_message(RunRevived(saved, how))

    async def _export(self, head: RunHead) -> None:
        from mcp_tui.ui.screens.save import SaveScreen

        saved = await self.read(head)
        if saved is None:
            return
        name = Path.cwd() / f"run-{head.id}.md"
        path = await host(self).push_screen_wait(SaveScreen(name, note=run_saving.NOTE))
        if path is None:
            return
        problem = await asyncio.to_thread(run_saving.save, saved, path)
        if problem:
            self._tell(problem, bad=True)
        else:
            self._tell(f"Saved {path}")

    async def _copy(self, head: RunHead) -> None:
        saved = await self.read(head)
        if saved is not None:
            text = await asyncio.to_thread(run_saving.as_markdown, saved)
            host(self).copy_to_clipboard(text)
            self._tell(f"Copied as Markdown: {text.count(chr(10)):,} lines")

    async def _delete(self, head: RunHead) -> None:
        await self.delete(head)

    async def delete(self, head: RunHead) -> bool:
        """Asks first. True when the run is gone."""
        from mcp_tui.ui.screens.dialog import ConfirmScreen

        if head.status is RunStatus.LIVE:
            self._tell("This run is still going on: stop it first")
            return False
        title = clean_line(head.title)[:60]
        question = f"Delete this run? Its answers go for good.\n\n{title}"
        if not await host(self).push_screen_wait(ConfirmScreen(question, yes="delete", no="keep")):
            return False
        try:
            deleted = await asyncio.to_thread(self._reader.delete, [head.number])
        except _FAULTS as error:
            self._tell(f"Not deleted: {error}", bad=True)
            return False
        self._tell("Deleted" if deleted else "It was deleted already")
        self._search()
        return True

    def _tell(self, text: str, *, bad: bool = False) -> None:
        host(self).notify(clean_line(text), severity="error" if bad else "information", markup=False)

    # Keys of the whole screen

    def action_back(self) -> None:
        if self.filter.value and not self.filter.has_focus:
            self.filter.value = ""
        self.list.focus()

    def action_focus_prompt(self) -> None:
        self.filter.focus()
