"""From the prompt editor to the columns: mentions are read, MCP prompts rendered, then the turn starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from textual.timer import Timer
from textual.worker import WorkerState

from mcp_tui.core.errors import AppError, ErrorInfo
from mcp_tui.core.figures import elapsed_text
from mcp_tui.core.state import PromptInfo
from mcp_tui.core.text import clean_line
from mcp_tui.ui.compare import prompt_reading
from mcp_tui.ui.compare.desk import Desk, Job
from mcp_tui.ui.compare.file_mentions import attached_text, possible_files
from mcp_tui.ui.compare.mentions import Mention, mentions
from mcp_tui.ui.compare.model_columns import ModelColumns
from mcp_tui.ui.compare.prompt import PromptPane
from mcp_tui.ui.compare.prompt_history import PromptHistory
from mcp_tui.ui.running_app import host, toast

if TYPE_CHECKING:
    from mcp_tui.runs.spec import Attachment


FILES_S = 0.15
"""After the last key; the disk is not asked at every one."""


class Delivery:
    """The text stays in the editor until everything it needs is there: a failure loses nothing and sends nothing."""

    def __init__(
        self,
        desk: Desk,
        columns: ModelColumns,
        prompt: PromptPane,
        history: PromptHistory,
        *,
        accepted: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        """accepted: called when what was written left the editor."""
        self._desk = desk
        self._columns = columns
        self._prompt = prompt
        self._history = history
        self._accepted = accepted
        self._clock = clock
        self._job: Job | None = None
        self.attached_files = ""
        """Files that the text in the editor names, in words."""

    # Sending

    def send(self, text: str) -> None:
        conversation = self._columns.conversation
        if conversation is None or self._desk.engine is None:
            self._prompt.say_busy("still starting: the prompt stays here, send it in a moment")
            return
        busy = conversation.busy()
        if busy:
            toast(self._prompt, f"{', '.join(busy)} still answering: esc stops, then send again", "warning")
            return
        try:
            named = mentions(text, self._desk.servers)
        except AppError as error:
            self._prompt.say_error(error.info)
            return
        files = self._files_in(text)
        if named or files:
            self._start(self._send_with(text, named, files))
        else:
            self._send_now(text, ())

    def _files_in(self, text: str) -> tuple[str, ...]:
        return possible_files(text, {server.name for server in self._desk.servers})

    async def _send_with(self, text: str, named: tuple[Mention, ...], files: tuple[str, ...]) -> None:
        engine = self._desk.engine
        if engine is None:
            return
        what = ", ".join(f"@{clean_line(word)}" for word in (*(mention.text for mention in named), *files))
        ticker = self._busy_note(f"reading {what}")
        try:
            read = (
                *await prompt_reading.files(files),
                *await prompt_reading.attachments(engine.manager, named),
            )
        except AppError as error:
            self._prompt.say_error(error.info)
        else:
            self._send_now(text, read)
        finally:
            ticker.stop()

    def _send_now(self, text: str, read: tuple[Attachment, ...]) -> None:
        try:
            self._columns.send(text, read)
        except AppError as error:
            self._prompt.say_error(error.info)
            return
        self._prompt.accepted()
        self._desk.run_worker(self._remember(text), group="history")
        self._accepted()

    # What was sent before

    async def load_history(self) -> None:
        self._show_history(await self._history.load())

    async def _remember(self, text: str) -> None:
        self._show_history(await self._history.add(text))

    def _show_history(self, problem: ErrorInfo | None) -> None:
        self._prompt.set_history(self._history.prompts)
        if problem is not None:
            self._prompt.say_warning(problem)

    # What the text names

    def look_for_files(self) -> None:
        """What would be attached stands in the border before it is sent: a pasted text may name files too."""
        if "@" in self._prompt.text or self.attached_files:
            self._desk.run_worker(self._tell_files, group="files", exclusive=True)

    async def _tell_files(self) -> None:
        await asyncio.sleep(FILES_S)
        files = self._files_in(self._prompt.text)
        self.attached_files = await asyncio.to_thread(attached_text, files) if files else ""
        self._desk.describe()

    # MCP prompts

    def take_prompt(self, prompt: PromptInfo) -> None:
        """Put it into the editor; its arguments are asked for first."""
        if not prompt.arguments:
            self._start(self._render(prompt, {}))
            return
        from mcp_tui.ui.compare.prompt_form import PromptForm

        async def complete(argument: str, typed: str, others: Mapping[str, str]) -> tuple[str, ...]:
            engine = self._desk.engine
            if engine is None:
                return ()
            try:
                ref = {"type": "ref/prompt", "name": prompt.name}
                return await engine.manager.complete(prompt.server, ref, (argument, typed), others)
            except AppError:
                # A suggestion that does not come is no loss; the form works without.
                return ()

        def filled(values: dict[str, str] | None) -> None:
            if values is not None:
                self._start(self._render(prompt, values))

        host(self._prompt).push_screen(PromptForm(prompt, complete), filled)

    async def _render(self, prompt: PromptInfo, values: dict[str, str]) -> None:
        engine = self._desk.engine
        if engine is None:
            return
        ticker = self._busy_note(f"/{clean_line(prompt.server)}:{clean_line(prompt.name)}")
        try:
            text = await prompt_reading.rendered(engine.manager, prompt, values)
        except AppError as error:
            self._prompt.say_error(error.info)
        else:
            self._prompt.clear_note()
            self._prompt.set_text(text)
            self._prompt.editor.focus()
        finally:
            ticker.stop()

    # While something is read

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._job = self._desk.run_worker(work, group="delivery", exclusive=True)

    def _busy_note(self, what: str) -> Timer:
        """Say what is going on, for how long already, and how to end it."""
        began = self._clock()

        def tick() -> None:
            self._prompt.say_busy(f"{what} {elapsed_text(self._clock() - began)} · esc stops")

        tick()
        return self._prompt.set_interval(0.5, tick)

    def stop(self) -> bool:
        """False when nothing was on its way."""
        job = self._job
        if job is None or job.state not in (WorkerState.PENDING, WorkerState.RUNNING):
            return False
        job.cancel()
        self._prompt.say_warning(ErrorInfo("Stopped", "nothing was sent, the prompt is unchanged"))
        return True
