"""The log of one server: its own messages and its stderr, live, filtered, and how much it is to log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from mcp_tui.core.errors import AppError
from mcp_tui.core.state import ServerSnapshot
from mcp_tui.core.text import clean_line
from mcp_tui.ui import safe
from mcp_tui.ui.running_app import host
from mcp_tui.ui.servers.activity_text import log_rows, more_talkative
from mcp_tui.ui.stylesheets import sheets
from mcp_tui.ui.widgets.line_view import LineView, ViewRow

if TYPE_CHECKING:
    from mcp_tui.sessions.manager import SessionManager

_SHOWN = ("debug", "info", "warning", "error")


class LogFilter(Input):
    BINDINGS = [Binding("down,enter", "screen.to_lines", "lines"), Binding("escape", "screen.clear_filter", "clear")]


class LogScreen(ModalScreen[None]):
    """Follows the newest line until somebody scrolls up."""

    CSS_PATH = sheets("live")
    BINDINGS = [
        Binding("escape,q", "dismiss(None)", "close"),
        Binding("slash", "to_filter", "filter"),
        Binding("v", "next_level", "show from level"),
        Binding("plus", "talk(1)", "log more"),
        Binding("minus", "talk(-1)", "log less"),
        Binding("c", "copy", "copy"),
    ]

    def __init__(self, manager: SessionManager, server: str) -> None:
        super().__init__()
        self._manager = manager
        self._name = server
        self._least = 0
        self._undo: Callable[[], None] | None = None
        self._shown: tuple[int, int, str] | None = None
        self.filter = LogFilter(placeholder="/ filter", compact=True, select_on_focus=False)
        self.lines = LineView()
        self.note = Static("", classes="note")

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = safe.label(f"Log of {self._name}")  # pyright: ignore[reportAttributeAccessIssue]  Content is taken as it is
        box.border_subtitle = "/ filter · v level · + more · - less · c copy · esc close"
        with box:
            yield self.filter
            yield self.lines
            yield self.note

    def on_mount(self) -> None:
        self._undo = self._manager.subscribe(self._draw)
        self.lines.focus()
        self._draw()

    def on_unmount(self) -> None:
        if self._undo is not None:
            self._undo()

    def _server(self) -> ServerSnapshot | None:
        return next((server for server in self._manager.snapshot() if server.name == self._name), None)

    def _draw(self) -> None:
        server = self._server()
        if server is None:
            self.dismiss(None)
            return
        least = _SHOWN[self._least]
        self._say_level(server)
        newest = server.log[-1].number if server.log else 0
        shown = (newest, self._least, self.filter.value)
        if shown == self._shown:
            return
        follow = self._shown is None or self.lines.max_scroll_y - self.lines.scroll_offset.y <= 1
        self._shown = shown
        rows = log_rows(server.log, least=least, words=self.filter.value)
        if not rows:
            rows = [ViewRow("nothing matches" if server.log else "nothing was logged yet", "muted")]
        self.lines.show(rows, keep_place=True)
        if follow:
            self.call_after_refresh(self.lines.scroll_end, animate=False)

    def _say_level(self, server: ServerSnapshot) -> None:
        capabilities = server.facts.capabilities if server.facts is not None else {}
        if server.facts is not None and "logging" not in capabilities:
            asked = "this server does not say that it logs; its stderr is here"
        elif server.log_level:
            asked = f"it is asked to log from {server.log_level} on"
        else:
            asked = "it is not asked to log: + asks"
        least = _SHOWN[self._least]
        shown = "everything is shown" if self._least == 0 else f"shown from {least} on"
        self.note.update(safe.label(f"{asked} · {shown}"))

    # What a person does

    @on(Input.Changed)
    def _filter_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._draw()

    def action_to_filter(self) -> None:
        self.filter.focus()

    def action_to_lines(self) -> None:
        self.lines.focus()

    def action_clear_filter(self) -> None:
        self.filter.value = ""
        self.lines.focus()

    def action_next_level(self) -> None:
        self._least = (self._least + 1) % len(_SHOWN)
        self._draw()

    def action_talk(self, by: int) -> None:
        server = self._server()
        if server is not None:
            level = more_talkative(server.log_level, by)
            self.run_worker(self._set_level(level), group="level", exclusive=True)

    async def _set_level(self, level: str) -> None:
        try:
            await self._manager.set_log_level(self._name, level)
        except AppError as error:
            text = clean_line(error.info.line())
            host(self).notify(text, severity="error", markup=False)

    def action_copy(self) -> None:
        text = "\n".join(row.text for row in self.lines.rows)
        host(self).copy_to_clipboard(text)
        host(self).notify(f"Copied {len(self.lines.rows)} lines", markup=False)
