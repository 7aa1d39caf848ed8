"""From the prompt editor to the columns: mentions are read, MCP prompts rendered, then the turn starts."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from textual import on
from textual.timer import Timer
from textual.worker import Worker, WorkerState

from mcp_tui.core.errors import AppError, ErrorInfo
from mcp_tui.core.state import PromptInfo
from mcp_tui.core.text import clean_line
from mcp_tui.ui.compare import delivery
from mcp_tui.ui.compare.file_mentions import attached_text, possible_files
from mcp_tui.ui.compare.mentions import Mention, mentions
from mcp_tui.ui.compare.panes import ComparePanes
from mcp_tui.ui.compare.prompt import PromptPane
from mcp_tui.ui.running_app import host
from mcp_tui.ui.status import seconds

if TYPE_CHECKING:
    from mcp_tui.runs.spec import Attachment


FILES_S = 0.15
"""After the last key; the disk is not asked at every one."""


class CompareSending(ComparePanes):
    """The text stays in the editor until everything it needs is there: a failure loses nothing and sends nothing."""

    _delivering: Worker[None] | None = None

    @on(PromptPane.Sent)
    def _sent(self, event: PromptPane.Sent) -> None:
        conversation = self._conversation
        if conversation is None or self._engine is None:
            self.prompt_pane.say_busy("still starting: the prompt stays here, send it in a moment")
            return
        busy = conversation.busy()
        if busy:
            self._toast(f"{', '.join(busy)} still answering: esc stops, then send again", "warning")
            return
        try:
            named = mentions(event.text, self._servers)
        except AppError as error:
            self.prompt_pane.say_error(error.info)
            return
        files = possible_files(event.text, {server.name for server in self._servers})
        if named or files:
            self._start_delivery(self._send_with(event.text, named, files))
        else:
            self._send_now(event.text, ())

    def _start_delivery(self, work: Coroutine[Any, Any, None]) -> None:
        self._delivering = self.run_worker(work, group="delivery", exclusive=True)

    async def _send_with(self, text: str, named: tuple[Mention, ...], files: tuple[str, ...]) -> None:
        engine = self._engine
        if engine is None:
            return
        what = ", ".join(f"@{clean_line(word)}" for word in (*(mention.text for mention in named), *files))
        ticker = self._busy_note(f"reading {what}")
        try:
            read = (*await delivery.files(files), *await delivery.attachments(engine.manager, named))
        except AppError as error:
            self.prompt_pane.say_error(error.info)
        else:
            self._send_now(text, read)
        finally:
            ticker.stop()

    @on(PromptPane.Edited)
    def _look_for_files(self) -> None:
        """What would be attached stands in the border before it is sent: a pasted text may name files too."""
        if "@" in self.prompt_pane.text or self._attached_files:
            self.run_worker(self._tell_files, group="files", exclusive=True)

    async def _tell_files(self) -> None:
        await asyncio.sleep(FILES_S)
        files = possible_files(self.prompt_pane.text, {server.name for server in self._servers})
        self._attached_files = await asyncio.to_thread(attached_text, files) if files else ""
        self._describe()

    def _busy_note(self, what: str) -> Timer:
        """Say what is going on, for how long already, and how to end it."""
        began = self._clock()

        def tick() -> None:
            self.prompt_pane.say_busy(f"{what} {seconds(self._clock() - began)} · esc stops")

        tick()
        return self.set_interval(0.5, tick)

    def _send_now(self, text: str, read: tuple[Attachment, ...]) -> None:
        conversation = self._conversation
        if conversation is None:
            return
        try:
            conversation.send(text, read, self.catalog_pane.off)
        except AppError as error:
            self.prompt_pane.say_error(error.info)
            return
        self.demo_line.display = False
        self.prompt_pane.accepted()
        self._changed()
        self.run_worker(self._remember(text), group="history")

    async def _remember(self, text: str) -> None:
        problem = await self._history.add(text)
        self.prompt_pane.set_history(self._history.prompts)
        if problem is not None:
            self.prompt_pane.say_warning(problem)

    @on(PromptPane.PromptTaken)
    def _prompt_taken(self, event: PromptPane.PromptTaken) -> None:
        prompt = event.prompt
        if not prompt.arguments:
            self._start_delivery(self._render_prompt(prompt, {}))
            return
        from mcp_tui.ui.compare.prompt_form import PromptForm

        async def complete(argument: str, typed: str, others: Mapping[str, str]) -> tuple[str, ...]:
            if self._engine is None:
                return ()
            try:
                ref = {"type": "ref/prompt", "name": prompt.name}
                return await self._engine.manager.complete(prompt.server, ref, (argument, typed), others)
            except AppError:
                # A suggestion that does not come is no loss; the form works without.
                return ()

        def filled(values: dict[str, str] | None) -> None:
            if values is not None:
                self._start_delivery(self._render_prompt(prompt, values))

        host(self).push_screen(PromptForm(prompt, complete), filled)

    async def _render_prompt(self, prompt: PromptInfo, values: dict[str, str]) -> None:
        if self._engine is None:
            return
        ticker = self._busy_note(f"/{clean_line(prompt.server)}:{clean_line(prompt.name)}")
        try:
            text = await delivery.rendered(self._engine.manager, prompt, values)
        except AppError as error:
            self.prompt_pane.say_error(error.info)
        else:
            self.prompt_pane.clear_note()
            self.prompt_pane.set_text(text)
            self.prompt_pane.editor.focus()
        finally:
            ticker.stop()

    def _stop_delivery(self) -> bool:
        worker = self._delivering
        if worker is None or worker.state not in (WorkerState.PENDING, WorkerState.RUNNING):
            return False
        worker.cancel()
        self.prompt_pane.say_warning(ErrorInfo("Stopped", "nothing was sent, the prompt is unchanged"))
        return True
