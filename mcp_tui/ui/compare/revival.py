"""Saved runs in Compare: the same prompt again, or the conversation going on."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Literal

from mcp_tui.core.errors import AppError
from mcp_tui.ui.compare.desk import Desk
from mcp_tui.ui.compare.model_columns import ModelColumns
from mcp_tui.ui.compare.prompt import PromptPane
from mcp_tui.ui.running_app import toast

if TYPE_CHECKING:
    from mcp_tui.core.chat import Message
    from mcp_tui.runs.run import Run
    from mcp_tui.store.history.records import SavedRun


class Revival:
    def __init__(self, desk: Desk, columns: ModelColumns, prompt: PromptPane) -> None:
        self._desk = desk
        self._columns = columns
        self._prompt = prompt
        self._later_prompts: tuple[str, ...] = ()
        """Of a run that is run again: each stands in the editor once the one before was sent."""
        self._later_run: Run | None = None
        """Another conversation has no use for them."""

    def revive(self, saved: SavedRun, how: Literal["rerun", "fork"]) -> None:
        """Asks first while another conversation is live."""
        if self._desk.engine is None:
            toast(self._prompt, "Still starting; try again in a moment", "warning")
            return
        if not self._columns.live:
            self._start(saved, how)
            return
        from mcp_tui.ui.screens.dialog import confirm

        question = "The run is live. Stop every column and go on with the saved one?"
        confirm(self._prompt, question, partial(self._start, saved, how), yes="stop it", no="stay")

    def _start(self, saved: SavedRun, how: Literal["rerun", "fork"]) -> None:
        self._desk.run_worker(partial(self._revive, saved, how), group="columns", exclusive=True)

    async def _revive(self, saved: SavedRun, how: Literal["rerun", "fork"]) -> None:
        from mcp_tui.runs.saved import columns_of, continuation

        engine = self._desk.engine
        if engine is None:
            return
        try:
            columns = columns_of(saved)
        except AppError as error:
            toast(self._prompt, error.info.line(), "error")
            return
        past = await asyncio.to_thread(continuation, saved)
        continued = past if how == "fork" else None
        self._columns.converse(engine, columns, settings=saved.settings, continued=continued)
        self._later_prompts = ()
        await self._columns.show()
        if continued is not None:
            self._columns.show_past(continued.events)
            self._columns.begin()
            toast(self._prompt, f"The conversation of run {past.run_id} goes on here, as a run of its own")
        elif past.prompts:
            first, *others = past.prompts
            self._later_prompts = tuple(prompt.text for prompt in others)
            self._send_again(first.text, first.message)
        self._prompt.editor.focus()
        self._desk.changed()

    def _send_again(self, text: str, message: Message) -> None:
        try:
            self._columns.send_again(text, message)
        except AppError as error:
            self._prompt.say_error(error.info)
            return
        finally:
            self._later_run = self._run
        if self._prompt.text.strip() == text.strip():
            # Not a draft: the demo's own prompt, or this one waiting to be sent.
            self._prompt.accepted()
        self.offer_next()

    @property
    def _run(self) -> Run | None:
        conversation = self._columns.conversation
        return conversation.run if conversation is not None else None

    def offer_next(self) -> None:
        """The next prompt of the saved run, unless something is being written."""
        if self._run is self._later_run and self._later_prompts and not self._prompt.text.strip():
            text, *others = self._later_prompts
            self._later_prompts = tuple(others)
            self._prompt.set_text(text)
