"""What every mode's screen has in common: the header line, the key line, and how it hears of changes (see `bridge`)."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.ui.running_app import dashboard, host
from mcp_tui.ui.terminal.compositor import LeanCompositor
from mcp_tui.ui.widgets.key_bar import KeyBar
from mcp_tui.ui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from mcp_tui.core.server_requests import ServerRequest
    from mcp_tui.core.state import ApprovalQuestion, ServerSnapshot
    from mcp_tui.runs.engine import Engine
    from mcp_tui.ui.requests.bar import RequestBar


class ScreenMounted(Message):
    """A mode's screen exists now and wants the current picture."""

    def __init__(self, mode_screen: ModeScreen) -> None:
        super().__init__()
        self.mode_screen = mode_screen


class ModeScreen(Screen[None]):
    """One per mode; built once and kept. The app calls the hooks; all of them may come before the first paint."""

    MODE: ClassVar[str] = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (140, "-wide")]
    """-narrow: the sidebar is folded away unless asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._compositor = LeanCompositor()
        self._request_bar: RequestBar | None = None
        self.top_bar = TopBar(self.MODE)
        # A new screen is styled with the newest styles anyway. Without this the framework takes it for an old one,
        # and parses every style file twice more before the first frame (25 ms).
        with suppress(RuntimeError):  # built before an app runs: then there is nothing to save
            app = dashboard(self)
            if app is not None:
                self._css_update_count = app.css_generation

    def compose(self) -> ComposeResult:
        # The framework sets these on the first resize, after the children: every style would be applied twice.
        size = host(self).size
        for breakpoints, cells in (
            (self.HORIZONTAL_BREAKPOINTS, size.width),
            (self.VERTICAL_BREAKPOINTS, size.height),
        ):
            reached = [name for least, name in breakpoints or () if cells >= least]
            self.add_class(*reached[-1:])
        yield self.top_bar
        yield from self.compose_body()
        yield KeyBar()

    def on_mount(self) -> None:
        self.post_message(ScreenMounted(self))

    def compose_body(self) -> Iterable[Widget]:
        """The panes between the header line and the key line."""
        return ()

    def engine_ready(self, engine: Engine) -> None:
        """The engine was entered: runs and calls are possible from now on."""

    def engine_failed(self, info: ErrorInfo) -> None:
        """The engine could not start; nothing but reading is possible."""

    def servers_changed(self, servers: tuple[ServerSnapshot, ...]) -> None:
        """Something about the servers changed; the newest whole picture."""

    def questions_changed(self, questions: tuple[ApprovalQuestion, ...]) -> None:
        """The calls that wait for approval, oldest first."""

    def requests_changed(self, requests: tuple[ServerRequest, ...], key: str) -> None:
        """What servers ask and nobody has answered. key: what opens it."""
        if self._request_bar is None:
            if not requests:
                return
            from mcp_tui.ui.requests.bar import RequestBar

            # Late: the first frame has nothing to answer.
            self._request_bar = RequestBar()
            self.mount(self._request_bar, before=self.query_one(KeyBar))
        self._request_bar.show(requests, key)

    # Keys of the whole screen: a mode overrides what it has; the rest does nothing.

    def action_copy_text(self) -> None:
        """ctrl+c, as the framework has it: nothing selected, and the key goes on to whoever wants it."""
        super().action_copy_text()
        self.notify("Selection copied", timeout=2, markup=False)

    def action_toggle_sidebar(self) -> None: ...

    def action_focus_prompt(self) -> None: ...

    def action_focus_question(self) -> None: ...

    def action_new_conversation(self) -> None: ...

    def action_focus_column(self, number: int) -> None:
        """`number` is 1-based."""

    def action_back(self) -> None: ...
