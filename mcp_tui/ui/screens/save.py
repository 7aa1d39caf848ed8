"""Asks where to save something; an existing file is replaced only after enter was pressed once more."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from mcp_tui.ui import safe


class SaveScreen(ModalScreen[Path | None]):
    """The chosen path, or None after escape."""

    BINDINGS = [Binding("escape", "dismiss(None)", "back")]
    DEFAULT_CSS = """
    SaveScreen { align: center middle; background: $background 60%; }
    SaveScreen > Vertical {
        width: 70%; max-width: 100; min-width: 40; height: auto;
        border: round $primary; background: $surface; padding: 0 1;
    }
    SaveScreen Static { color: $text-muted; }
    SaveScreen Static.-bad { color: $text-warning; }
    """

    def __init__(self, path: Path, *, note: str = "enter saves · esc goes back") -> None:
        super().__init__()
        self._note = note
        self._path = path
        self._warned: Path | None = None

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Save to"
            yield Input(str(self._path), compact=True, select_on_focus=False)
            yield Static(safe.label(self._note))

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        note = self.query_one(Static)
        path = await asyncio.to_thread(Path(event.value.strip()).expanduser)
        problem = await asyncio.to_thread(_problem, path) if event.value.strip() else "give it a name"
        if problem:
            note.update(safe.label(problem))
            note.add_class("-bad")
        elif path != self._warned and await asyncio.to_thread(path.exists):
            self._warned = path
            note.update(safe.label("the file is there already: enter again replaces it"))
            note.add_class("-bad")
        else:
            self.dismiss(path)


def _problem(path: Path) -> str:
    if path.is_dir():
        return "this is a folder; add a file name"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    return ""
