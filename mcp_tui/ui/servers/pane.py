"""One line per server: state, name, tools, latency; what waits shows for how long."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.text import Text
from textual.message import Message
from textual.timer import Timer

from mcp_tui.core.figures import duration_text
from mcp_tui.core.state import ServerSnapshot, ServerStatus
from mcp_tui.core.text import clean_line
from mcp_tui.ui import keys
from mcp_tui.ui.messages import LogAsked, ReconnectAsked, ServerSwitched
from mcp_tui.ui.status import server_state
from mcp_tui.ui.widgets.row_list import RowList, fill

_NAME_CELLS = 12


class ServersPane(RowList):
    """Knows snapshots only; what a person asks for goes up as messages."""

    BINDINGS = keys.bindings("servers")
    BORDER_TITLE = "Servers"

    @dataclass(eq=False)
    class CardAsked(Message):
        name: str

    @dataclass(eq=False)
    class SignInAsked(Message):
        """Or, while the browser is waited for, asked to stop."""

        name: str

    @dataclass(eq=False)
    class SignOutAsked(Message):
        name: str

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._clock = clock
        self._servers: tuple[ServerSnapshot, ...] = ()
        self._names: list[str] = []
        self._ticker: Timer | None = None

    def show(self, servers: tuple[ServerSnapshot, ...]) -> None:
        key = self.current_key
        self._servers = servers
        self._names = [clean_line(server.name) for server in servers]
        ready = sum(1 for server in servers if server.status.usable)
        self.border_subtitle = f"{ready}/{len(servers)} ready" if servers else ""
        # One row while there is none: it says how to add a server.
        self.styles.height = max(1, len(servers)) + 2
        self.rows_replaced(key)
        self.refresh_bindings()
        waits = any(_waits(server) for server in servers)
        if waits and self._ticker is None:
            self._ticker = self.set_interval(0.5, self._tick)
        elif not waits and self._ticker is not None:
            self._ticker.stop()
            self._ticker = None

    def _tick(self) -> None:
        for index, server in enumerate(self._servers):
            if _waits(server):
                self.refresh_row(index)

    @property
    def ticking(self) -> bool:
        return self._ticker is not None

    @property
    def current(self) -> ServerSnapshot | None:
        return self._servers[self.cursor] if 0 <= self.cursor < len(self._servers) else None

    def row_count(self) -> int:
        return len(self._servers)

    def row_key(self, index: int) -> str:
        return self._servers[index].name

    def row_text(self, index: int, width: int) -> Text:
        def style(name: str) -> str:
            return f"row-list--{name}"

        server = self._servers[index]
        state = server_state(server, self._clock())
        name_cells = min(_NAME_CELLS, max(Text(name).cell_len for name in self._names))
        name = Text(self._names[index], no_wrap=True, end="")
        name.truncate(name_cells, overflow="ellipsis", pad=True)
        muted = self.part(style("muted"))
        tone = self.part(style(state.tone))
        if server.status is ServerStatus.DISABLED:
            name.stylize(muted)
        left = Text.assemble((state.glyph, tone), " ", name, " ", (state.word, tone), end="")
        right = Text(no_wrap=True, end="")
        if server.status.usable:
            right.append(str(len(server.catalog.tools)))
            if server.latency_ms is not None:
                right.append(f"{duration_text(server.latency_ms):>6}", muted)
        return fill(left, right, width)

    def action_open_card(self) -> None:
        if self.current is not None:
            self.post_message(self.CardAsked(self.current.name))

    def action_open_log(self) -> None:
        if self.current is not None:
            self.post_message(LogAsked(self.current.name))

    def action_toggle_server(self) -> None:
        if self.current is not None:
            enabled = self.current.status is ServerStatus.DISABLED
            self.post_message(ServerSwitched(self.current.name, enabled))

    def action_retry_server(self) -> None:
        if self.current is not None:
            self.post_message(ReconnectAsked(self.current.name))

    def action_sign_in(self) -> None:
        if self.current is not None:
            self.post_message(self.SignInAsked(self.current.name))

    def action_sign_out(self) -> None:
        if self.current is not None:
            self.post_message(self.SignOutAsked(self.current.name))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only HTTP servers have a sign-in."""
        if action == "sign_in":
            return self.current is not None and self.current.transport != "stdio"
        if action == "sign_out":
            return self.current is not None and self.current.signed_in
        return super().check_action(action, parameters)

    def on_row_list_moved(self) -> None:
        self.refresh_bindings()

    def on_row_list_clicked(self, event: RowList.Clicked) -> None:
        event.stop()
        if event.again:
            self.action_open_card()


def _waits(server: ServerSnapshot) -> bool:
    """Its row shows a time that runs."""
    return not server.status.settled or bool(server.sign_in_url)
