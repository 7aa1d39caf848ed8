"""Saved runs in Compare: the same prompt again, or the conversation going on."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Literal

from mcp_tui.core.errors import AppError
from mcp_tui.ui.compare.conversation import Conversation
from mcp_tui.ui.compare.sending import CompareSending
from mcp_tui.ui.history.revival import PastClock
from mcp_tui.ui.running_app import host

if TYPE_CHECKING:
    from mcp_tui.core.chat import Message
    from mcp_tui.runs.run import Run
    from mcp_tui.runs.saved import Continuation
    from mcp_tui.runs.spec import Attachment, ColumnSpec
    from mcp_tui.store.history.records import SavedRun
    from mcp_tui.ui.stream.model_column import ModelColumn


class CompareReviving(CompareSending):
    _past_clock: PastClock | None = None
    """What the columns are shown with while the past is told to them."""
    _later_prompts: tuple[str, ...] = ()
    """Of a run that is run again: each stands in the editor once the one before was sent."""
    _later_run: Run | None = None
    """Another conversation has no use for them."""

    def revive(self, saved: SavedRun, how: Literal["rerun", "fork"]) -> None:
        """Asks first while another conversation is live."""
        if self._engine is None:
            self._toast("Still starting; try again in a moment", "warning")
            return
        if self._conversation is None or not self._conversation.live:
            self._start_reviving(saved, how)
            return
        from mcp_tui.ui.screens.dialog import ConfirmScreen

        def answered(yes: bool | None) -> None:
            if yes:
                self._start_reviving(saved, how)

        question = "The run is live. Stop every column and go on with the saved one?"
        host(self).push_screen(ConfirmScreen(question, yes="stop it", no="stay"), answered)

    def _start_reviving(self, saved: SavedRun, how: Literal["rerun", "fork"]) -> None:
        self.run_worker(partial(self._revive, saved, how), group="columns", exclusive=True)

    async def _revive(self, saved: SavedRun, how: Literal["rerun", "fork"]) -> None:
        from mcp_tui.runs.saved import columns_of, continuation

        engine = self._engine
        if engine is None:
            return
        try:
            columns = columns_of(saved)
        except AppError as error:
            self._toast(error.info.line(), "error")
            return
        past = await asyncio.to_thread(continuation, saved)
        if self._conversation is not None:
            self._conversation.restart()
        continued = past if how == "fork" else None
        self._conversation = Conversation(
            engine, columns, self._column_event, settings=saved.settings, continued=continued
        )
        self._later_prompts = ()
        await self._show_columns()
        if continued is not None:
            self._show_past(continued)
            self._begin_run()
            self._toast(f"The conversation of run {past.run_id} goes on here, as a run of its own")
        elif past.prompts:
            first, *others = past.prompts
            self._later_prompts = tuple(prompt.text for prompt in others)
            self._send_again(first.text, first.message)
        self.prompt_pane.editor.focus()
        self._changed()

    def _new_column(self, spec: ColumnSpec) -> ModelColumn:
        from mcp_tui.ui.stream.model_column import ModelColumn

        self._past_clock = self._past_clock or PastClock(self._clock)
        return ModelColumn(spec.id, spec.label, spec.ref.provider == "demo", clock=self._past_clock)

    def _show_past(self, past: Continuation) -> None:
        clock = self._past_clock
        if clock is None:
            return
        try:
            for at_s, event in past.events:
                clock.past_s = at_s
                self.columns_area.handle(event)
        finally:
            clock.past_s = None

    def _begin_run(self) -> None:
        """So that a column can be tried again, or taken away, before anything is sent."""
        if self._conversation is not None:
            self._conversation.begin(self.catalog_pane.off)

    def _send_again(self, text: str, message: Message) -> None:
        if self._conversation is None:
            return
        try:
            self._later_run = run = self._conversation.begin(self.catalog_pane.off)
            run.send_again(text, message)
        except AppError as error:
            self.prompt_pane.say_error(error.info)
            return
        self.demo_line.display = False
        if self.prompt_pane.text.strip() == text.strip():
            # Not a draft: the demo's own prompt, or this one waiting to be sent.
            self.prompt_pane.accepted()
        self._offer_next()

    def _send_now(self, text: str, read: tuple[Attachment, ...]) -> None:
        super()._send_now(text, read)
        # Only what was accepted leaves the editor.
        if not self.prompt_pane.text:
            self._offer_next()

    def _offer_next(self) -> None:
        """The next prompt of the saved run, unless something is being written."""
        run = self._conversation.run if self._conversation is not None else None
        if run is self._later_run and self._later_prompts and not self.prompt_pane.text.strip():
            text, *others = self._later_prompts
            self._later_prompts = tuple(others)
            self.prompt_pane.set_text(text)
