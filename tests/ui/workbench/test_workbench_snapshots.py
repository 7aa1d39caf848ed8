"""How the Workbench looks, at the three sizes and in a light theme."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from mcp_tui.core.state import Progress
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.wirelog.caused import Caused, caused_by
from mcp_tui.ui.workbench.outcomes import OutcomeStatus
from tests.sessions.wirelog.records import call, write
from tests.ui.stage import Size, Snap, dark_and_light, every_size, snap, until
from tests.ui.workbench.doubles import WorkbenchApp, lost, png
from tests.ui.workbench.test_workbench import finished, opened, text_of

RESULT: JsonObject = {
    "content": [
        {
            "type": "text",
            "text": '{"name": "notes.txt", "lines": [1, 2.5, true, null, "text"], "nested": {"deep": {}}}',
        },
        {"type": "image", "mimeType": "image/png", "data": png(24, 8, gradient=True)},
        {"type": "resource_link", "uri": "file:///notes.md", "name": "notes.md", "title": "Notes"},
        {
            "type": "text",
            "text": "A longer line that goes on until it is wrapped at the edge of its pane, twice.",
        },
    ],
    "structuredContent": {"ok": True},
}


@every_size
def test_a_list_before_anything_was_opened(snap_compare: Snap, size: Size) -> None:
    app = WorkbenchApp()

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.workbench.form.item is not None)

    snap(snap_compare, app, size, act)


@every_size
@dark_and_light
def test_a_tool_with_its_result(snap_compare: Snap, size: Size, theme: str) -> None:
    app = WorkbenchApp(theme=theme)
    app.manager.answers["read_file"] = RESULT
    app.manager.warnings = ("structuredContent does not match outputSchema: ok must be text",)

    async def act(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "fs", "tool", "read_file")
        await pilot.press(*"notes.txt", "f9")
        await finished(pilot, app)

    snap(snap_compare, app, size, act)


@every_size
def test_a_big_form_with_problems(snap_compare: Snap, size: Size) -> None:
    app = WorkbenchApp()

    async def act(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "fs", "tool", "report")
        form = app.workbench.form.form
        form.focus_path(("amount",))
        await pilot.pause()
        await pilot.press(*"12x")
        form.focus_path(("target",))
        await pilot.pause()
        await pilot.press("right")
        await until(pilot, lambda: any(row.row.path == ("target", "to") for row in form.form_rows()))
        await pilot.press("f9")
        await until(pilot, lambda: app.workbench.form.notice.display)

    snap(snap_compare, app, size, act)


def test_json_with_an_error(snap_compare: Snap) -> None:
    app = WorkbenchApp()

    async def act(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "fs", "tool", "read_file")
        await pilot.press("f8")
        app.workbench.form.editor.text = '{\n  "path": "notes.txt"\n  "head": 10,\n  "follow": true\n}'
        await pilot.pause()

    snap(snap_compare, app, (120, 35), act)


def test_a_call_with_progress(snap_compare: Snap) -> None:
    app = WorkbenchApp()
    app.manager.gate = asyncio.Event()
    app.manager.progress = (Progress(3, 10, "reading the third part"),)

    async def act(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await until(pilot, lambda: app.manager.started.is_set())
        app.clock += 2.5

    snap(snap_compare, app, (120, 35), act)


@every_size
def test_the_messages_of_a_call(
    snap_compare: Snap, size: Size, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = call(5, "list_roots", result={"content": [{"type": "text", "text": "/srv"}], "isError": True})
    write(tmp_path, [text.replace(b'"pid":1,', b'"cause":"workbench call 1","pid":1,') for text in lines])
    found = caused_by(tmp_path, "fs", "workbench call 1", 0, pid=1)

    def read(*_: object) -> Caused:
        return found

    monkeypatch.setattr("mcp_tui.ui.workbench.screen.caused_by", read)
    app = WorkbenchApp()

    async def act(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await finished(pilot, app)
        await pilot.press("ctrl+r", "left")
        await until(pilot, lambda: "tools/call" in text_of(app))

    snap(snap_compare, app, size, act)


def test_an_unknown_outcome(snap_compare: Snap) -> None:
    app = WorkbenchApp()
    app.manager.answers["list_roots"] = lost()

    async def act(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await until(pilot, lambda: status(app) is OutcomeStatus.UNKNOWN)
        await finished(pilot, app)

    snap(snap_compare, app, (80, 24), act)


def test_a_prompt_with_completions(snap_compare: Snap) -> None:
    app = WorkbenchApp()
    app.manager.values = ("orders", "origins", "organisations")

    async def act(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "db", "prompt", "explain")
        await pilot.press("o", "r")
        await until(pilot, lambda: bool(app.workbench.query("Suggestions.-shown")))
        await pilot.press("down")

    snap(snap_compare, app, (120, 35), act)


def test_what_can_be_done_with_a_field(snap_compare: Snap) -> None:
    app = WorkbenchApp()

    async def act(pilot: Pilot[None]) -> None:
        await opened(pilot, app, "fs", "tool", "read_file")
        await pilot.press("tab", "tab", "f7")
        await until(pilot, lambda: app.screen is not app.workbench)

    snap(snap_compare, app, (80, 24), act)


def status(app: WorkbenchApp) -> Any:
    outcome = app.workbench.result.outcome
    return outcome.status if outcome is not None else None
