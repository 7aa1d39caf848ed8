"""A link of an answer: its whole address and what may deceive, before anything is opened. Nothing opens by itself."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from mcp_tui.core.text import clean_line, concerns
from mcp_tui.ui import safe
from mcp_tui.ui.running_app import host
from mcp_tui.ui.stream.links import address_shown, opens, warnings
from mcp_tui.ui.widgets.reading import Reading

LONGEST_SHOWN = 8_000
"""Characters of an address that are drawn; the rest is counted."""
OPEN_TIMEOUT_S = 10.0
"""A launcher that still runs then has a browser in the foreground."""


class LinkScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[Binding]] = [  # pyright: ignore[reportIncompatibleVariableOverride]  narrower on purpose
        Binding("o", "open", "open"),
        Binding("c,y", "copy", "copy"),
        Binding("escape,q", "dismiss(None)", "back"),
        Binding("enter", "nothing", show=False),
    ]
    DEFAULT_CSS = """
    LinkScreen { align: center middle; background: $background 60%; }
    LinkScreen > Vertical {
        width: auto; max-width: 90%; min-width: 40; height: auto; max-height: 90%;
        border: round $primary; background: $surface; padding: 0 1;
    }
    LinkScreen Reading { width: auto; max-width: 100%; height: auto; max-height: 30vh; margin: 1 0; }
    LinkScreen Static { width: auto; max-width: 100%; }
    LinkScreen .said { color: $text-muted; }
    LinkScreen .warning { color: $warning; }
    LinkScreen .keys { color: $text-muted; margin-top: 1; }
    """

    def __init__(self, address: str, text: str) -> None:
        """address: as the model wrote it; text: what the link says."""
        super().__init__()
        self._address = address.strip()
        self._text = text
        self._openable = opens(self._address)
        self._note = Static(classes="warning", markup=False)

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Link"
            if self._text and self._text != self._address:
                yield Static("“" + safe.marked_name(self._text) + "” leads to", classes="said")
            yield Reading(Static(address_shown(self._address, LONGEST_SHOWN, "bold")))
            for warning in warnings(self._address, self._text):
                yield Static(safe.marked_line(f"! {warning}"), classes="warning")
            if not self._openable:
                unseen = concerns(self._address)
                why = f"! the address holds {unseen}" if unseen else "Only web addresses are opened from here"
                yield Static(Content(why), classes="warning")
            yield self._note
            first = "o opens it in the browser · " if self._openable else ""
            yield Static(Content(f"{first}c copies the address · esc back"), classes="keys")

    def on_mount(self) -> None:
        self._note.display = False

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self._openable if action == "open" else super().check_action(action, parameters)

    def action_nothing(self) -> None:
        """Enter brought the person here: pressed twice it must not open anything."""

    def action_copy(self) -> None:
        host(self).copy_to_clipboard(clean_line(self._address))
        self.notify("Address copied", timeout=2, markup=False)
        self.dismiss(None)

    def action_open(self) -> None:
        self.run_worker(self._open(), group="open-link", exclusive=True)

    async def _open(self) -> None:
        from mcp_tui.sessions.authorisation.browser import Browser

        opened = True
        browser = Browser()
        try:
            await browser.open(self._address)
            with suppress(TimeoutError):
                opened = await asyncio.wait_for(browser.opened(), OPEN_TIMEOUT_S)
        except (OSError, ValueError) as error:
            self._tell(f"! not opened: {error}; c copies the address")
            return
        finally:
            await browser.close()
        if opened:
            self.notify("Handed to the browser", timeout=2, markup=False)
            self.dismiss(None)
        else:
            self._tell("! no browser could be started here; c copies the address")

    def _tell(self, text: str) -> None:
        self._note.update(safe.label(text))
        self._note.display = True
