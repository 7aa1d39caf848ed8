"""A code block of an answer: to read alone, copy, save, or open in the person's editor or pager."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen

from mcp_tui.core.errors import AppError
from mcp_tui.core.figures import size_text
from mcp_tui.core.text import clean_line
from mcp_tui.ui import safe
from mcp_tui.ui.running_app import host
from mcp_tui.ui.screens.save import SaveScreen
from mcp_tui.ui.stream.view import StreamView
from mcp_tui.ui.terminal import external_editor

_SUFFIXES = {"": ".txt", "shell": ".sh", "console": ".txt", "text": ".txt", "plaintext": ".txt", "diff": ".diff"}
_BACKTICKS = re.compile(r"`{3,}")


class CodeScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[Binding]] = [  # pyright: ignore[reportIncompatibleVariableOverride]  narrower on purpose
        Binding("y,c", "copy", "copy"),
        Binding("s", "save", "save"),
        Binding("e", "edit", "editor"),
        Binding("v", "page", "pager"),
        Binding("escape,q", "dismiss(None)", "back"),
        Binding("up,k", "scroll(-1)", show=False),
        Binding("down,j", "scroll(1)", show=False),
        Binding("pageup", "page_by(-1)", show=False),
        Binding("pagedown,space", "page_by(1)", show=False),
        Binding("home,g", "edge(0)", show=False),
        Binding("end,G", "edge(1)", show=False),
    ]
    DEFAULT_CSS = """
    CodeScreen { align: center middle; background: $background 60%; }
    CodeScreen > Vertical {
        width: 90%; max-width: 124; height: auto; max-height: 90%;
        border: round $primary; background: $background;
    }
    """

    def __init__(self, code: str, language: str) -> None:
        super().__init__()
        self._code = code
        self._language = clean_line(language)
        self._view = StreamView()

    def compose(self) -> ComposeResult:
        lines = self._code.count("\n") + 1
        said = [f"{lines:,} line{'' if lines == 1 else 's'}", size_text(len(self._code.encode(errors="replace")))]
        with Vertical() as box:
            box.border_title = safe.label(" · ".join([*([self._language] if self._language else []), *said]))  # pyright: ignore[reportAttributeAccessIssue]  Content is taken as it is
            box.styles.height = min(lines, 10_000) + 2  # as high as it needs to be, up to what the screen has
            box.border_subtitle = "y copy · s save · e editor · v pager · esc back"
            yield self._view

    def on_mount(self) -> None:
        longest = max((len(run) for run in _BACKTICKS.findall(self._code)), default=2)
        marker = "`" * (longest + 1)
        self._view.append_text(f"{marker}{self._language}\n{self._code}\n{marker}\n")
        self._view.close_writing()
        self._view.scroll_top()

    def on_stream_view_spot_chosen(self, event: StreamView.SpotChosen) -> None:
        event.stop()
        self.action_copy()

    def action_scroll(self, rows: int) -> None:
        self._view.scroll_rows(rows)

    def action_page_by(self, pages: int) -> None:
        self._view.scroll_page(pages)

    def action_edge(self, end: int) -> None:
        if end:
            self._view.scroll_bottom()
        else:
            self._view.scroll_top()

    def action_copy(self) -> None:
        self._copied("Code block copied", self._code)
        self.dismiss(None)

    def _copied(self, said: str, code: str) -> None:
        host(self).copy_to_clipboard(code)
        lines = code.count("\n") + 1
        self.notify(f"{said}: {lines} line{'' if lines == 1 else 's'}", timeout=2, markup=False)

    def action_save(self) -> None:
        self.run_worker(self._save(), group="code", exclusive=True)

    async def _save(self) -> None:
        suffix = await asyncio.to_thread(suffix_of, self._language)
        path = await host(self).push_screen_wait(SaveScreen(Path.cwd() / f"code{suffix}"))
        if path is None:
            return
        try:
            text = self._code if self._code.endswith("\n") else f"{self._code}\n"
            await asyncio.to_thread(path.write_text, text, encoding="utf-8", errors="replace")
        except OSError as error:
            text = clean_line(f"Not saved: {error.strerror or error}: {path}")
            self.notify(text, severity="error", markup=False)
            return
        self.notify(clean_line(f"Saved {path}"), markup=False)
        self.dismiss(None)

    def action_edit(self) -> None:
        self.run_worker(self._outside(edit=True), group="code", exclusive=True)

    def action_page(self) -> None:
        self.run_worker(self._outside(edit=False), group="code", exclusive=True)

    async def _outside(self, *, edit: bool) -> None:
        """The answer stays as it is: what was changed in the editor is copied."""
        suffix = await asyncio.to_thread(suffix_of, self._language)
        try:
            if not edit:
                await external_editor.page(host(self), self._code, suffix=suffix)
                return
            edited = await external_editor.edit(host(self), self._code, suffix=suffix)
        except AppError as error:
            self.notify(safe.clean(error.info.line()), severity="error", timeout=8, markup=False)
            return
        if edited != self._code:
            self._copied("Edited code copied", edited)


def suffix_of(language: str) -> str:
    """The usual ending of a file in this language; `.txt` when there is none. Imports lexers: not on the loop."""
    from pygments.lexers import get_lexer_by_name  # pyright: ignore[reportUnknownVariableType]  untyped options
    from pygments.util import ClassNotFound

    if language in _SUFFIXES:
        return _SUFFIXES[language]
    try:
        names = get_lexer_by_name(language).filenames
    except ClassNotFound:
        return ".txt"
    return next((name[1:] for name in names if re.fullmatch(r"\*\.\w+", name)), ".txt")
