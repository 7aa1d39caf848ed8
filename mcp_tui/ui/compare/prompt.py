"""The prompt editor: writes, completes, remembers; what is sent goes up as a message."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static, TextArea

from mcp_tui.core.errors import AppError, ErrorInfo
from mcp_tui.core.figures import estimated_tokens, tokens_text
from mcp_tui.core.state import PromptInfo, ServerSnapshot
from mcp_tui.core.text import clean, clean_line
from mcp_tui.ui import keys
from mcp_tui.ui.compare import mentions
from mcp_tui.ui.compare.completion import CompletionList
from mcp_tui.ui.compare.file_mentions import file_candidates
from mcp_tui.ui.component_colours import ink
from mcp_tui.ui.first_words import ASK, PROMPT_HINTS, PROMPT_TITLE
from mcp_tui.ui.running_app import host
from mcp_tui.ui.terminal import external_editor

_TITLE = f"{PROMPT_TITLE} [dim]{PROMPT_HINTS}[/dim]"
_EDITOR_KEYS = frozenset({"up", "down", "enter", "tab", "escape"})


class PromptEditor(TextArea):
    BINDINGS = keys.bindings("prompt")
    COMPONENT_CLASSES = {"prompt-editor--mention"}

    class Asked(Message):
        """verb: `send`, `older`, `newer`, `editor`, or with the completion list open `up`, `down`, `take`, `close`."""

        def __init__(self, verb: str) -> None:
            super().__init__()
            self.verb = verb

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(
            soft_wrap=True,
            show_line_numbers=False,
            highlight_cursor_line=False,
            compact=True,
            placeholder=Content(ASK),
        )
        self._clock = clock
        self.typed_at = float("-inf")
        self.completing = False

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        if "@" in line.plain:
            line.highlight_regex(mentions.MARKED, ink(self, "prompt-editor--mention"))
        return line

    async def _on_key(self, event: events.Key) -> None:
        self.typed_at = self._clock()
        if self.completing and event.key in _EDITOR_KEYS:
            event.stop()
            event.prevent_default()
            verb = {"enter": "take", "tab": "take", "escape": "close"}.get(event.key, event.key)
            self.post_message(self.Asked(verb))
        elif event.key == "enter":
            # Not a character here; it bubbles up to the bindings.
            event.prevent_default()
        elif event.key in ("shift+enter", "alt+enter"):
            event.stop()
            event.prevent_default()
            self.action_newline()

    async def _on_paste(self, event: events.Paste) -> None:
        self.typed_at = self._clock()
        event.prevent_default()
        event.stop()
        text = clean(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        result = self._replace_via_keyboard(text, *self.selection)
        if result is not None:
            self.move_cursor(result.end_location)

    def action_send(self) -> None:
        self.post_message(self.Asked("send"))

    def action_newline(self) -> None:
        self._replace_via_keyboard("\n", *self.selection)

    def action_external_editor(self) -> None:
        self.post_message(self.Asked("editor"))

    def action_older(self) -> None:
        if self.wrapped_document.location_to_offset(self.cursor_location).y == 0:
            self.post_message(self.Asked("older"))
        else:
            self.action_cursor_up()

    def action_newer(self) -> None:
        if self.wrapped_document.location_to_offset(self.cursor_location).y >= self.wrapped_document.height - 1:
            self.post_message(self.Asked("newer"))
        else:
            self.action_cursor_down()


class PromptPane(Vertical):
    """`Sent` keeps the text in place until `accepted()`: nothing is lost when it cannot be sent."""

    class Sent(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class PromptTaken(Message):
        """An MCP prompt is to be put into the editor."""

        def __init__(self, prompt: PromptInfo) -> None:
            super().__init__()
            self.prompt = prompt

    class Edited(Message):
        """The text changed."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._clock = clock
        self._servers: tuple[ServerSnapshot, ...] = ()
        self._resources: list[mentions.Candidate] | None = None
        self._prompts: list[mentions.Candidate] | None = None
        self._dismissed = ""
        self._history: tuple[str, ...] = ()
        self._at: int | None = None
        """Index into the history that is shown; None = what is being written."""
        self._draft = ""
        self.editor = PromptEditor(clock)
        self.note = Static(id="prompt-note", markup=False)
        self.completion = CompletionList()
        self.border_title = _TITLE

    def compose(self) -> ComposeResult:
        yield self.completion
        yield self.editor
        yield self.note

    def on_mount(self) -> None:
        self.note.display = False

    # What others tell

    @property
    def text(self) -> str:
        return self.editor.text

    @property
    def estimate(self) -> int:
        """About how many tokens the text is."""
        return estimated_tokens(len(self.editor.text))

    @property
    def quiet_s(self) -> float:
        """Seconds since the last key in the editor."""
        return self._clock() - self.editor.typed_at

    def servers_changed(self, servers: tuple[ServerSnapshot, ...]) -> None:
        self._servers = servers
        self._resources = self._prompts = None

    def set_text(self, text: str) -> None:
        """Replace what is written, cursor at the end."""
        self.editor.text = clean(text)
        self.editor.move_cursor(self.editor.document.end)

    def set_history(self, prompts: tuple[str, ...]) -> None:
        self._history = prompts
        self._at = None

    def accepted(self) -> None:
        """The text was sent."""
        self.clear_note()
        self._at = None
        self._draft = ""
        self.editor.text = ""

    def describe(self, parts: Sequence[str], target: str = "") -> None:
        """parts: what a send would use, for the bottom border. target: the one column it goes to, or ""."""
        self.border_subtitle = Content(" · ".join(parts))
        if target:
            self.border_title = Content(f"Prompt → {clean_line(target)} alone (f: all)")
        else:
            self.border_title = _TITLE

    def say_error(self, info: ErrorInfo) -> None:
        self._say(f"! {info.line()}", "-error")

    def say_warning(self, info: ErrorInfo) -> None:
        self._say(f"! {info.line()}", "-warning")

    def say_busy(self, text: str) -> None:
        self._say(f"◐ {text}", "-busy")

    def clear_note(self) -> None:
        self.note.display = False

    def _say(self, text: str, kind: str) -> None:
        self.note.set_classes(kind)
        self.note.update(Content(clean(text)))
        self.note.display = True

    def input_tokens(self, tool_tax: int, context: int) -> str:
        return f"{tokens_text(tool_tax + context + self.estimate, estimate=True)} in"

    # The editor

    @on(PromptEditor.Asked)
    def _asked(self, event: PromptEditor.Asked) -> None:
        event.stop()
        match event.verb:
            case "send":
                self._send()
            case "older":
                self._step(-1)
            case "newer":
                self._step(1)
            case "up":
                self.completion.action_move(-1)
            case "down":
                self.completion.action_move(1)
            case "take":
                if self.completion.current is not None:
                    self._take(self.completion.current)
            case "editor":
                self.run_worker(self._edit_outside(), group="editor", exclusive=True)
            case _:
                self._dismissed = self._typed_token()
                self._close()

    def _send(self) -> None:
        text = self.editor.text
        if not text.strip():
            return
        prompt = mentions.named_prompt(text, self._servers)
        if prompt is not None:
            self.post_message(self.PromptTaken(prompt))
        else:
            self.post_message(self.Sent(text))

    def _step(self, direction: int) -> None:
        """Through the history; what was being written comes back at its end."""
        if self._at is None:
            if direction > 0 or not self._history:
                return
            self._draft = self.editor.text
            self._at = len(self._history)
        at = self._at + direction
        if at < 0:
            return
        if at >= len(self._history):
            self._at = None
            self.set_text(self._draft)
            return
        self._at = at
        self.set_text(self._history[at])

    async def _edit_outside(self) -> None:
        try:
            text = await external_editor.edit(host(self), self.editor.text, suffix=".md")
        except AppError as error:
            self.say_error(error.info)
        else:
            self.clear_note()
            self.set_text(text)
            self.editor.focus()

    # Completion

    @on(TextArea.Changed)
    def _changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self.post_message(self.Edited())
        self._complete()

    @on(TextArea.SelectionChanged)
    def _moved(self, event: TextArea.SelectionChanged) -> None:
        event.stop()
        if self.completion.open:
            self._complete()

    def _before_cursor(self) -> str:
        row, column = self.editor.cursor_location
        return self.editor.document.get_line(row)[:column]

    def _typed_token(self) -> str:
        before = self._before_cursor()
        typed = mentions.typed_mention(before)
        if typed is not None:
            return f"@{typed}"
        row, _ = self.editor.cursor_location
        first = self.editor.document.get_line(0)
        command = mentions.typed_command(first, before) if row == 0 else None
        return "" if command is None else f"/{command}"

    def _complete(self) -> None:
        token = self._typed_token()
        if not token or not self.editor.has_focus or not self.editor.selection.is_empty:
            self._dismissed = ""
            self._close()
            return
        if self._dismissed and token.startswith(self._dismissed):
            return
        if token.startswith("@"):
            if self._resources is None:
                self._resources = mentions.resource_candidates(self._servers)
            found, title = mentions.ranked(self._resources, token[1:]), "Resources"
            self.run_worker(partial(self._add_files, token, found), group="files", exclusive=True)
        else:
            if self._prompts is None:
                self._prompts = mentions.prompt_candidates(self._servers)
            found, title = mentions.ranked(self._prompts, token[1:]), "Prompts"
        if [candidate.insert for candidate in found] == [token]:
            # Written out already: Enter sends again.
            found = []
        self._show(found, title, token)

    async def _add_files(self, token: str, resources: list[mentions.Candidate]) -> None:
        """Files follow the resources as soon as the disk has told them."""
        files = await asyncio.to_thread(file_candidates, token[1:].removeprefix('"'))
        if not files or self._typed_token() != token or not self.editor.has_focus:
            return
        if [candidate.insert for candidate in (*resources, *files)] == [token]:
            return
        self._show([*resources, *files], "Resources and files" if resources else "Files", token)

    def _show(self, found: list[mentions.Candidate], title: str, token: str) -> None:
        offset = self.editor.wrapped_document.location_to_offset(self.editor.cursor_location)
        self.completion.show(found, title, max(0, offset.x - len(token)))
        self.editor.completing = self.completion.open

    def _close(self) -> None:
        self.completion.close()
        self.editor.completing = False

    @on(CompletionList.Taken)
    def _clicked(self, event: CompletionList.Taken) -> None:
        event.stop()
        self._take(event.candidate)
        self.editor.focus()

    def _take(self, candidate: mentions.Candidate) -> None:
        token = self._typed_token()
        self._close()
        if candidate.prompt is not None:
            self.post_message(self.PromptTaken(candidate.prompt))
            return
        row, column = self.editor.cursor_location
        rest = self.editor.document.get_line(row)[column:]
        folder = candidate.insert.endswith("/")
        insert = candidate.insert if folder or rest[:1].isspace() else f"{candidate.insert} "
        self.editor.replace(insert, (row, column - len(token)), (row, column))
        self._close()
        if folder:
            self._complete()

    def on_descendant_blur(self) -> None:
        self._close()
