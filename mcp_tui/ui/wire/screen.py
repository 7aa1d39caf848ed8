"""F4 Wire: every message of every server, filtered as you type, followed live, sent again, compared, saved."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input
from textual.worker import Worker

from mcp_tui.core import json_text
from mcp_tui.core.errors import AppError
from mcp_tui.core.figures import duration_text, size_text
from mcp_tui.core.state import ServerSnapshot
from mcp_tui.core.text import clean, clean_line, json_escaped, marked_name
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.calling.resending import RESENDABLE, editable
from mcp_tui.sessions.wirelog.cause import causing
from mcp_tui.sessions.wirelog.export import export
from mcp_tui.sessions.wirelog.feed import WireFeed
from mcp_tui.sessions.wirelog.files import default_folder
from mcp_tui.sessions.wirelog.index import IndexRow
from mcp_tui.sessions.wirelog.record import Whole
from mcp_tui.ui.compare.diff import ComparedAnswer, DiffScreen
from mcp_tui.ui.delays import Delays
from mcp_tui.ui.running_app import host
from mcp_tui.ui.screens.dialog import ConfirmScreen
from mcp_tui.ui.screens.mode import ModeScreen
from mcp_tui.ui.screens.save import SaveScreen
from mcp_tui.ui.stream.frame_clock import FrameClock
from mcp_tui.ui.stylesheets import sheets
from mcp_tui.ui.widgets.browser import CatalogFilter
from mcp_tui.ui.wire.detail import MessagePane
from mcp_tui.ui.wire.message_list import WireList
from mcp_tui.ui.wire.resend import Resend, ResendScreen
from mcp_tui.ui.wire.text import body_text, label

if TYPE_CHECKING:
    from mcp_tui.runs.engine import Engine

DETAIL_DELAY_S = 0.06
"""A cursor that runs through the list reads nothing on its way."""
FILTER_DELAY_S = 0.08
DIFFED_CHARS = 200_000
"""Of each message: to compare costs the square of it at worst."""


def _answer(whole: Whole, zone: tzinfo | None) -> ComparedAnswer:
    text = body_text(whole)
    cut = f" · only its first {DIFFED_CHARS:,} characters" if len(text) > DIFFED_CHARS else ""
    return ComparedAnswer(label(whole.head, zone) + cut, text[:DIFFED_CHARS])


def _today(zone: tzinfo | None) -> Callable[[], str]:
    return lambda: f"{datetime.now().astimezone(zone):%Y-%m-%d}"


class WireScreen(ModeScreen):
    """folder: where the log is (default: the state directory); zone, today (YYYY-MM-DD): for tests."""

    MODE: ClassVar[str] = "wire"
    CSS_PATH = sheets("wire")

    def __init__(
        self,
        *,
        folder: Path | None = None,
        zone: tzinfo | None = None,
        today: Callable[[], str] | None = None,
        max_rows: int | None = None,
    ) -> None:
        super().__init__()
        self._folder = folder if folder is not None else default_folder()
        self._zone = zone
        options = {} if max_rows is None else {"max_rows": max_rows}
        self.feed = WireFeed(self._folder, **options)
        self._engine: Engine | None = None
        self._undo: Callable[[], None] | None = None
        self._servers: dict[str, ServerSnapshot] = {}
        self._delays = Delays(self)
        self._following: Worker[None] | None = None
        self._sending: Worker[None] | None = None
        self.filter = CatalogFilter(
            placeholder="/ filter: words, error, sent, server:NAME, id:5, -not", compact=True, select_on_focus=False
        )
        self.list = WireList(zone=zone, today=today or _today(zone))
        self.list.row_of = self.feed.row
        self.list.empty = "reading the log ..."
        self.detail = MessagePane(zone=zone, id="message")
        self.messages = Vertical(self.filter, self.list, id="messages", classes="pane")
        self.messages.border_title = "Messages"

    def compose_body(self) -> Iterable[Widget]:
        with Container(id="wire"):
            yield self.messages
            yield self.detail

    def on_mount(self) -> None:
        self.list.focus()
        self._start_following()

    def on_screen_resume(self) -> None:
        if self.is_mounted:
            self._start_following()

    def on_screen_suspend(self) -> None:
        # Hidden, it reads nothing; what came meanwhile is on the disk.
        if self._following is not None:
            self._following.cancel()
            self._following = None

    def on_unmount(self) -> None:
        if self._undo is not None:
            self._undo()
        FrameClock.of(host(self)).forget(self)

    def _start_following(self) -> None:
        if self._following is None or self._following.is_finished:
            follow = partial(self.feed.follow, self._changed)
            self._following = self.run_worker(follow, group="follow", exclusive=True)

    # From the app

    def engine_ready(self, engine: Engine) -> None:
        self._engine = engine
        if self._undo is not None:
            self._undo()
        self._undo = engine.manager.wire_log.subscribe(self.feed.tell)

    def servers_changed(self, servers: tuple[ServerSnapshot, ...]) -> None:
        self._servers = {server.name: server for server in servers}
        self._name_servers()

    def _name_servers(self) -> None:
        self.list.set_servers(list({*self._servers, *self.feed.servers}))

    # Painting: however many records come, once per frame

    def _changed(self) -> None:
        FrameClock.of(host(self)).mark(self)

    def paint_frame(self) -> bool:
        if self.is_mounted:
            self._paint()
        return False

    def _paint(self) -> None:
        numbers = self.feed.numbers
        if not self.feed.loaded:
            self.list.empty = "reading the log ..."
        elif self.filter.value.strip():
            older = " here; `mcp-tui wire --grep` searches older messages too" if self.feed.skipped else ""
            self.list.empty = f"nothing matches{older}" if not self.feed.searching else "searching ..."
        else:
            self.list.empty = "no message yet: they appear here as servers connect"
        self._name_servers()
        self.list.show(numbers)
        self._say_counts(numbers)

    def _say_counts(self, numbers: Sequence[int]) -> None:
        index = self.feed.index
        total = f"{len(index):,}{'+' if self.feed.skipped else ''}"
        shown = f"{len(numbers):,} of {total}" if self.feed.query else total
        if self.list.follow:
            place = "● live"
        else:
            below = self.list.below
            place = f"■ held · {below:,} below" if below else "■ held"
        self.messages.border_title = Content(f"Messages  {shown}")
        problem = self._engine.manager.wire_log.problem if self._engine is not None else None
        failed = f"✗ {index.failed:,} failed · " if index.failed else ""
        self.messages.border_subtitle = Content(
            clean_line(f"! {problem.title}: {problem.detail}") if problem is not None else f"{failed}{place}"
        )

    # The list and the message

    @on(WireList.Moved)
    def _moved(self, event: WireList.Moved) -> None:
        event.stop()
        number = self.list.number
        self.list.set_linked(self.feed.index.linked(number) if number is not None else None)
        self._say_counts(self.list.numbers)
        self._delays.gather("detail", DETAIL_DELAY_S, self._show_current)

    def _show_current(self) -> None:
        self.detail.show(self.list.current)

    @on(Input.Changed)
    def _filter_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._delays.gather("filter", FILTER_DELAY_S, self._search)

    def _search(self) -> None:
        self.run_worker(self._filtered(self.filter.value), group="filter", exclusive=True)

    async def _filtered(self, text: str) -> None:
        if await self.feed.filter(text):
            self.list.filter_changed(self.feed.numbers)
            self._paint()

    @on(CatalogFilter.Left)
    def _filter_left(self, event: CatalogFilter.Left) -> None:
        event.stop()
        self.list.focus()

    @on(WireList.Asked)
    def _list_asked(self, event: WireList.Asked) -> None:
        event.stop()
        self._do(event.verb)

    @on(MessagePane.Asked)
    def _detail_asked(self, event: MessagePane.Asked) -> None:
        event.stop()
        self._do(event.verb)

    def _do(self, verb: str) -> None:
        row = self.list.current
        if verb == "filter":
            self.filter.focus()
        elif verb in ("older", "newer"):
            self.list.action_move(1 if verb == "newer" else -1)
        elif verb == "export":
            self.run_worker(self._export(), group="export", exclusive=True)
        elif row is None:
            return
        elif verb == "open":
            self.add_class("-detail")
            self.detail.show(row)
            self.detail.lines.focus()
        elif verb == "link":
            self._go_to_linked(row)
        elif verb == "mark":
            self.list.set_marked(None if self.list.marked == row.number else row.number)
        elif verb == "diff":
            self.run_worker(self._diff(row), group="diff", exclusive=True)
        elif verb == "edit":
            self._sending = self.run_worker(self._resend(row), group="resend", exclusive=True)
        elif verb == "copy":
            self.run_worker(self._copy(row), group="copy", exclusive=True)

    def _tell(self, text: str, *, bad: bool = False) -> None:
        host(self).notify(clean_line(text), severity="error" if bad else "information", markup=False)

    def _go_to_linked(self, row: IndexRow) -> None:
        linked = self.feed.index.linked(row.number)
        if linked is None:
            waiting = row.head.kind == "request"
            self._tell("No answer came (yet)" if waiting else "This message belongs to no request that is here")
        elif not self.list.move_to(str(linked)):
            self._tell("It is hidden by the filter: esc in the filter line shows all")

    # Copy, save, compare

    async def _copy(self, row: IndexRow) -> None:
        whole = await asyncio.to_thread(row.whole)
        if whole is None:
            self._tell("This message is no longer in the log", bad=True)
            return
        text = json_escaped(whole.message) if whole.message else clean(whole.text or body_text(whole))
        host(self).copy_to_clipboard(text)
        self._tell(f"Copied {size_text(len(text.encode()))}")

    async def _export(self) -> None:
        numbers = list(self.list.numbers)
        if not numbers:
            self._tell("There is nothing to save")
            return
        path = await host(self).push_screen_wait(SaveScreen(Path.cwd() / "wire.jsonl"))
        if path is None:
            return
        rows = [row for number in numbers if (row := self.feed.row(number)) is not None]
        try:
            written, gone = await asyncio.to_thread(export, rows, path)
        except OSError as error:
            self._tell(f"Not saved: {error.strerror or error}: {path}", bad=True)
            return
        gone += len(numbers) - len(rows)
        more = f"; {gone:,} are no longer in the log" if gone else ""
        self._tell(f"Saved {written:,} message{'' if written == 1 else 's'} to {path}{more}")

    async def _diff(self, row: IndexRow) -> None:
        """With the marked message; without one, with the answer or request."""
        number = self.list.marked
        if number is None or number == row.number:
            number = self.feed.index.linked(row.number)
        other = self.feed.row(number) if number is not None else None
        if other is None:
            self._tell("Mark a message with m first, then d compares another one with it")
            return
        wholes = [await asyncio.to_thread(each.whole) for each in (other, row)]
        answers = [await asyncio.to_thread(_answer, whole, self._zone) for whole in wholes if whole is not None]
        if len(answers) < 2:
            self._tell("One of the messages is no longer in the log", bad=True)
            return
        host(self).push_screen(DiffScreen(answers, 0, 1))

    # Edit and resend

    async def _resend(self, row: IndexRow) -> None:
        """Any message of an exchange will do: what is sent again is its request."""
        if row.head.kind != "request":
            linked = self.feed.index.linked(row.number)
            row = self.feed.row(linked) if linked is not None and row.head.request is not None else row  # pyright: ignore[reportAssignmentType]  a linked row exists
        head = row.head
        if head.kind != "request" or head.direction != "sent" or head.method not in RESENDABLE:
            self._tell("Only requests to a server can be sent again, and none of the handshake")
            return
        if self._engine is None:
            self._tell("Still starting; try again in a moment")
            return
        whole = await asyncio.to_thread(row.whole)
        if whole is None or whole.message is None:
            self._tell("This request is not in the log in full", bad=True)
            return
        request = editable(cast("JsonObject", json_text.parse(whole.message).value))
        wanted = await host(self).push_screen_wait(ResendScreen(head.server, request))
        if wanted is None:
            return
        if wanted.method == "tools/call" and not self._harmless(head.server, wanted):
            tool = marked_name(str((wanted.params or {}).get("name", "")))
            question = f"Call {tool} of {marked_name(head.server)} again? It does not say that it only reads."
            if not await host(self).push_screen_wait(ConfirmScreen(question, yes="send", no="back")):
                return
        await self._send(self._engine, head.server, head.order, wanted)

    def _harmless(self, server: str, wanted: Resend) -> bool:
        snapshot = self._servers.get(server)
        tool = snapshot.catalog.tool(str((wanted.params or {}).get("name", ""))) if snapshot is not None else None
        return tool is not None and tool.hints.read_only is True

    async def _send(self, engine: Engine, server: str, order: int, wanted: Resend) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        self.list.follow_now()
        self._tell(f"Sent {wanted.method} to {server}; esc gives up waiting")
        try:
            with causing(f"sent again from {order}"):
                await engine.manager.send_raw(server, wanted.method, wanted.params)
        except AppError as error:
            self._tell(error.info.line(), bad=True)
            return
        self._tell(f"{wanted.method} was answered in {duration_text((loop.time() - started) * 1000)}")

    # Keys of the whole screen

    def action_back(self) -> None:
        if self._sending is not None and self._sending.is_running:
            self._sending.cancel()
            self._tell("Gave up waiting; the server was told to stop")
        elif self.detail.has_focus_within:
            self.remove_class("-detail")
            self.list.focus()
        elif self.filter.value:
            self.filter.value = ""
            self.list.focus()
        elif not self.list.has_focus:
            self.list.focus()
        elif self.list.marked is not None:
            self.list.set_marked(None)
