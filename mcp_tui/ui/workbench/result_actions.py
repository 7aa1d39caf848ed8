"""What is done with a result of the Workbench: sent to Compare, compared, copied, saved."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from textual import on

from mcp_tui.core.figures import size_text
from mcp_tui.core.text import clean_line
from mcp_tui.ui import safe
from mcp_tui.ui.messages import PromptOffered
from mcp_tui.ui.running_app import host
from mcp_tui.ui.screens.mode import ModeScreen
from mcp_tui.ui.screens.save import SaveScreen
from mcp_tui.ui.workbench.outcomes import Outcome, prompt_text
from mcp_tui.ui.workbench.result import ResultPane, file_name
from mcp_tui.ui.workbench.result_diff import result_diff


class WorkbenchResults(ModeScreen):
    @on(ResultPane.SendWanted)
    def _send_wanted(self, event: ResultPane.SendWanted) -> None:
        event.stop()
        self.run_worker(self._send(event.outcome), group="send", exclusive=True)

    async def _send(self, outcome: Outcome) -> None:
        text = await asyncio.to_thread(prompt_text, outcome)
        if text:
            self.post_message(PromptOffered(text))
        else:
            host(self).notify("There is no text in this result", severity="warning", markup=False)

    @on(ResultPane.DiffWanted)
    def _diff_wanted(self, event: ResultPane.DiffWanted) -> None:
        event.stop()
        self.run_worker(self._diff(event), group="diff", exclusive=True)

    async def _diff(self, event: ResultPane.DiffWanted) -> None:
        host(self).push_screen(await result_diff(event.outcomes, event.index, event.view))

    @on(ResultPane.Copied)
    def _copied(self, event: ResultPane.Copied) -> None:
        event.stop()
        host(self).copy_to_clipboard(event.text)
        host(self).notify(f"Copied {size_text(len(event.text.encode()))}", markup=False)

    @on(ResultPane.SaveWanted)
    def _save_wanted(self, event: ResultPane.SaveWanted) -> None:
        event.stop()
        self.run_worker(self._save(event.make, event.name), group="save", exclusive=True)

    async def _save(self, make: Callable[[], tuple[bytes, str]], name: str) -> None:
        data, suffix = await asyncio.to_thread(make)
        proposed = await asyncio.to_thread(file_name, name, suffix, Path.cwd())
        path = await host(self).push_screen_wait(SaveScreen(proposed))
        if path is None:
            return
        try:
            await asyncio.to_thread(path.write_bytes, data)
        except OSError as error:
            text = clean_line(f"Not saved: {error.strerror or error}: {path}")
            host(self).notify(text, severity="error", markup=False)
            return
        host(self).notify(str(safe.label(f"Saved {path} ({size_text(len(data))})")), markup=False)
