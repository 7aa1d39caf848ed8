"""What is done to a server from the Compare screen: its card, and signing in and out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mcp_tui.core.errors import AppError
from mcp_tui.core.state import ServerSnapshot
from mcp_tui.sessions.sign_in import brings_answer
from mcp_tui.ui.compare.desk import Desk
from mcp_tui.ui.running_app import host, toast
from mcp_tui.ui.servers.pane import ServersPane

if TYPE_CHECKING:
    from mcp_tui.runs.engine import Engine
    from mcp_tui.ui.servers.card import ServerCard


class SignIns:
    def __init__(self, desk: Desk, pane: ServersPane, *, clock: Callable[[], float]) -> None:
        self._desk = desk
        self._pane = pane
        self._clock = clock
        self._card: ServerCard | None = None
        """The one that is open."""

    def open_card(self, name: str) -> None:
        from mcp_tui.ui.servers.card import ServerCard

        server = next((server for server in self._desk.servers if server.name == name), None)
        if server is None:
            return

        def closed(_: None) -> None:
            self._card = None

        self._card = ServerCard(server, sign_in=self.toggle, finish_sign_in=self.finish, clock=self._clock)
        host(self._pane).push_screen(self._card, closed)

    def servers_changed(self, servers: tuple[ServerSnapshot, ...]) -> None:
        """An open card stays current."""
        for server in servers:
            if self._card is not None and server.name == self._card.server_name:
                self._card.show(server)

    def start(self, server: str) -> None:
        """The card shows the address of the sign-in, for browsers that do not open by themselves."""
        if self.toggle(server):
            self.open_card(server)

    def toggle(self, server: str) -> bool:
        """Start a sign-in, or end the one that waits. True when one was started."""
        engine = self._desk.engine
        if engine is None:
            return False
        try:
            if engine.manager.server(server).sign_in_url:
                engine.manager.cancel_sign_in(server)
                return False
            engine.manager.sign_in(server)
        except AppError as error:
            toast(self._pane, error.info.line(), "warning")
            return False
        return True

    def finish(self, server: str, address: str) -> None:
        """With the address that a browser on another machine ended on."""
        engine = self._desk.engine
        if engine is None:
            return
        if not brings_answer(address):
            words = "This is not the address the browser ended on: that one has code= and state= in it"
            toast(self._pane, words, "warning")
        elif not engine.manager.finish_sign_in(server, address):
            toast(self._pane, "No sign-in waits for an address", "warning")

    def stop(self) -> bool:
        """Of the selected server. False when none waits for the browser."""
        server, engine = self._pane.current, self._desk.engine
        if server is None or not server.sign_in_url or engine is None:
            return False
        try:
            engine.manager.cancel_sign_in(server.name)
        except AppError as error:
            toast(self._pane, error.info.line(), "warning")
        return True

    def sign_out(self, server: str) -> None:
        if self._desk.engine is not None:
            self._desk.run_worker(self._sign_out(self._desk.engine, server), group="sign-out")

    async def _sign_out(self, engine: Engine, server: str) -> None:
        try:
            await engine.manager.sign_out(server)
        except AppError as error:
            toast(self._pane, error.info.line(), "error")
