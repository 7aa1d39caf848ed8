"""Finding an item, running it, reading what comes back."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.state import Catalog, Progress, ServerStatus
from mcp_tui.sessions.wirelog.caused import Caused, caused_by
from mcp_tui.ui.compare.diff import DiffScreen
from mcp_tui.ui.screens.save import SaveScreen
from mcp_tui.ui.workbench.outcomes import OutcomeStatus
from tests.builders import HOSTILE, server, tool
from tests.sessions.wirelog.records import call, write
from tests.ui.stage import WIDE, until
from tests.ui.workbench.doubles import READ_FILE, WorkbenchApp, catalogs, lost, png, servers


async def opened(pilot: Pilot[None], app: WorkbenchApp, server: str, kind: str, name: str) -> None:
    app.workbench.open_item(server, kind, name)
    await until(pilot, lambda: shown_name(app) == name)
    await until(pilot, lambda: app.workbench.form.has_focus_within)


def shown_name(app: WorkbenchApp) -> str:
    item = app.workbench.form.item
    return item.key.name if item is not None else ""


def text_of(app: WorkbenchApp) -> str:
    return "\n".join(row.text for row in app.workbench.result.lines.rows)


def status_of(app: WorkbenchApp) -> OutcomeStatus | None:
    outcome = app.workbench.result.outcome
    return outcome.status if outcome is not None else None


async def finished(pilot: Pilot[None], app: WorkbenchApp) -> None:
    await until(pilot, lambda: status_of(app) not in (None, OutcomeStatus.RUNNING))
    await until(pilot, lambda: bool(text_of(app)))
    await until(pilot, lambda: measured(app))


def measured(app: WorkbenchApp) -> bool:
    outcome = app.workbench.result.outcome
    return outcome is not None and (outcome.raw is None or outcome.size_bytes is not None)


async def test_the_list_shows_counts_and_the_first_tool_is_previewed() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.workbench.form.item is not None)
        assert app.workbench.items.tabs.counts == (6, 3, 2)
        item = app.workbench.form.item
        assert item is not None
        assert item.key == ("fs", "tool", "read_file")
        assert app.workbench.items.list.has_focus


async def test_moving_in_the_list_previews_and_keeps_what_was_typed() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "read_file")
        await pilot.press(*"notes")
        await pilot.press("escape", "down")
        await until(
            pilot, lambda: app.workbench.form.item is not None and app.workbench.form.item.key[2] == "list_roots"
        )
        await pilot.press("up", "enter")
        await until(pilot, lambda: app.workbench.form.has_focus_within)
        item = app.workbench.form.item
        assert item is not None
        assert item.document["path"] == "notes"


async def test_the_messages_of_a_call_can_be_copied_and_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = call(5, "list_roots", result={"content": [{"type": "text", "text": HOSTILE}]})
    write(tmp_path, [text.replace(b'"pid":1,', b'"cause":"workbench call 1","pid":1,') for text in lines])
    found = caused_by(tmp_path, "fs", "workbench call 1", 0, pid=1)

    def read(*_: object) -> Caused:
        return found

    monkeypatch.setattr("mcp_tui.ui.workbench.screen.caused_by", read)
    monkeypatch.chdir(tmp_path)
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await finished(pilot, app)
        await pilot.press("ctrl+r", "left")
        await until(pilot, lambda: "← tools/call list_roots  #5  12:12:05.006" in text_of(app))
        assert "\x1b" not in text_of(app)
        await pilot.press("c")
        await until(pilot, lambda: "→ tools/call list_roots" in app.clipboard)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, SaveScreen))
        await pilot.press("enter")
        saved = tmp_path / "list_roots-wire.jsonl"
        await until(pilot, saved.exists)
    messages = [json.loads(text) for text in saved.read_text().splitlines()]
    assert [message.get("method") for message in messages] == ["tools/call", None]
    assert messages[1]["result"]["content"][0]["text"] == HOSTILE


async def test_pictures_are_drawn_for_the_width_of_the_pane_and_never_copied() -> None:
    app = WorkbenchApp()
    app.manager.answers["list_roots"] = {
        "content": [
            {"type": "image", "mimeType": "image/png", "data": png(300, 30)},
            {"type": "text", "text": "below"},
        ]
    }
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await finished(pilot, app)
        lines = app.workbench.result.lines

        def widths() -> set[int]:
            return {len(row.text) for row in lines.rows if row.kind == "picture"}

        assert widths() == {min(72, lines.size.width - 1)}
        await pilot.resize_terminal(60, 24)
        await until(pilot, lambda: widths() == {lines.size.width - 1})
        lines.text_select_all()
        await pilot.pause()
        selected = app.screen.get_selected_text()
        assert selected is not None
        assert "image PNG 300×30" in selected
        assert selected.rstrip().endswith("below")
        assert "▀" not in selected
        assert "     " not in selected


async def test_a_call_without_messages_in_the_log_says_so() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await finished(pilot, app)
        await pilot.press("ctrl+r", "left")
        await until(pilot, lambda: text_of(app) == "No message of it is in the log.")


async def test_the_filter_narrows_as_you_type_and_escape_clears_it() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.pause()
        await pilot.press("slash", *"query")
        assert [entry.label for entry in app.workbench.items.list.rows] == ["db", "query"]
        await pilot.press("enter")
        assert app.workbench.items.list.has_focus
        await pilot.press("escape")
        assert len(app.workbench.items.list.rows) == 8


async def test_thousands_of_tools_are_listed_and_filtered() -> None:
    many = Catalog(tools=tuple(tool(f"tool_{n}", server="big") for n in range(5000)))
    app = WorkbenchApp(shown=(server("big", catalog=many),))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("slash", *"tool_4321")
        await until(pilot, lambda: len(app.workbench.items.list.rows) == 2)


async def test_enter_on_a_tool_without_arguments_runs_it() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.workbench.form.item is not None)
        await pilot.press("down", "enter")
        await finished(pilot, app)
        assert app.manager.calls == [("fs", "list_roots", {})]
        assert text_of(app) == "list_roots ran"


async def test_a_tool_that_says_it_destroys_waits_for_the_run_key() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.workbench.form.item is not None)
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: app.workbench.form.notice.display)
        assert app.manager.calls == []
        assert "F9 runs it" in str(app.workbench.form.notice.content)
        await pilot.press("f9")
        await finished(pilot, app)
        assert app.manager.calls == [("fs", "wipe", {})]


async def test_missing_arguments_are_named_and_a_second_f9_sends_them_all_the_same() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "read_file")
        await pilot.press("f9")
        await until(pilot, lambda: app.workbench.form.notice.display)
        assert "path is missing" in str(app.workbench.form.notice.content)
        assert app.manager.calls == []
        focused = app.workbench.form.form.focused_row()
        assert focused is not None
        assert focused.row.path == ("path",)
        assert focused.has_class("-missing")
        await pilot.press("f9")
        await finished(pilot, app)
        assert app.manager.calls == [("fs", "read_file", {"encoding": "utf-8"})]
        assert "do not fit the schema" in text_of(app)


async def test_a_changed_argument_is_checked_again_before_it_is_sent_wrong() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "read_file")
        await pilot.press("f9")
        await until(pilot, lambda: app.workbench.form.notice.display)
        await pilot.press(*"x", "tab", *"0")
        app.workbench.form.say("")
        await pilot.press("f9")
        await until(pilot, lambda: app.workbench.form.notice.display)
        assert "head must be at least 1" in str(app.workbench.form.notice.content)
        assert app.manager.calls == []


async def test_progress_and_elapsed_time_are_shown_and_escape_cancels() -> None:
    app = WorkbenchApp()
    app.manager.gate = asyncio.Event()
    app.manager.progress = (Progress(3, 10, "halfway \x1b[31mthere"),)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await until(pilot, lambda: app.manager.started.is_set())
        app.clock += 2.5
        line = str(app.workbench.result.progress_line.render())
        assert "2s" in line
        assert "30%" in line
        assert "halfway there" in line
        await pilot.press("escape")
        await finished(pilot, app)
        assert app.manager.cancelled
        assert status_of(app) is OutcomeStatus.CANCELLED
        assert "told to stop" in text_of(app)


async def test_a_second_run_waits_for_the_first() -> None:
    app = WorkbenchApp()
    app.manager.gate = asyncio.Event()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await until(pilot, lambda: app.manager.started.is_set())
        await pilot.press("f9")
        assert "still running" in str(app.workbench.form.notice.content)
        app.manager.gate.set()
        await finished(pilot, app)
        assert len(app.manager.calls) == 1


async def test_still_running_is_taken_back_when_the_call_is_stopped() -> None:
    app = WorkbenchApp()
    app.manager.gate = asyncio.Event()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await until(pilot, lambda: app.manager.started.is_set())
        await pilot.press("f9", "escape")
        await finished(pilot, app)
        assert status_of(app) is OutcomeStatus.CANCELLED
        await until(pilot, lambda: "still running" not in str(app.workbench.form.notice.content))


async def test_a_call_goes_on_while_another_item_is_open() -> None:
    app = WorkbenchApp()
    app.manager.gate = asyncio.Event()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await until(pilot, lambda: app.manager.started.is_set())
        await opened(pilot, app, "fs", "tool", "read_file")
        assert app.workbench.result.outcome is None
        app.manager.gate.set()
        await opened(pilot, app, "fs", "tool", "list_roots")
        await finished(pilot, app)
        assert status_of(app) is OutcomeStatus.OK


async def test_a_lost_connection_says_that_it_may_have_run() -> None:
    app = WorkbenchApp()
    app.manager.answers["list_roots"] = lost()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await finished(pilot, app)
        assert status_of(app) is OutcomeStatus.UNKNOWN
        assert "It may have run" in text_of(app)
        assert "look before you run it again" in text_of(app)


async def test_a_refused_call_shows_what_failed_why_and_what_to_do() -> None:
    app = WorkbenchApp()
    app.manager.answers["list_roots"] = AppError("No answer", "120 s passed", "raise the timeout", code="timeout")
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await finished(pilot, app)
        assert text_of(app).split("\n") == ["✗ No answer", "120 s passed", "→ raise the timeout", "code timeout"]


async def test_a_tool_error_is_marked_and_its_text_kept() -> None:
    app = WorkbenchApp()
    app.manager.answers["list_roots"] = {"content": [{"type": "text", "text": "no such place"}], "isError": True}
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await finished(pilot, app)
        assert status_of(app) is OutcomeStatus.TOOL_ERROR
        assert text_of(app).split("\n") == ["✗ the tool reports an error", "no such place"]


async def test_a_result_is_shown_before_it_is_checked_and_the_warning_follows() -> None:
    app = WorkbenchApp()
    may_end = asyncio.Event()

    async def check() -> str:
        await may_end.wait()
        return "it does not match"

    app.manager.check = check
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await finished(pilot, app)
        assert text_of(app) == "list_roots ran"
        assert status_of(app) is OutcomeStatus.OK
        may_end.set()
        await until(pilot, lambda: text_of(app).split("\n") == ["! it does not match", "list_roots ran"])


async def test_structured_and_raw_views_and_a_mismatch_as_a_warning() -> None:
    app = WorkbenchApp()
    raw = {"content": [{"type": "text", "text": "four"}], "structuredContent": {"n": 4}, "_meta": {"k": 1}}
    app.manager.answers["list_roots"] = raw
    app.manager.warnings = ("structuredContent does not match outputSchema: n",)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await finished(pilot, app)
        assert text_of(app).split("\n") == ["! structuredContent does not match outputSchema: n", "four"]
        await pilot.press("ctrl+r", "right")
        await until(pilot, lambda: '"n": 4' in text_of(app))
        await pilot.press("right")
        await until(pilot, lambda: '"_meta"' in text_of(app))
        shown = "\n".join(row.text for row in app.workbench.result.lines.rows if row.kind == "json")
        assert json.loads(shown) == raw


async def test_results_before_this_one_are_a_key_away() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        for answer in ("first", "second"):
            app.manager.answers["list_roots"] = {"content": [{"type": "text", "text": answer}]}
            await pilot.press("f9")
            await until(pilot, lambda answer=answer: text_of(app) == answer)
        await pilot.press("ctrl+r", "left_square_bracket")
        await until(pilot, lambda: text_of(app) == "first")
        await pilot.press("right_square_bracket", "right_square_bracket")
        await until(pilot, lambda: text_of(app) == "second")


async def test_the_last_call_of_the_server_runs_again_as_it_was_and_its_results_are_compared() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "read_file")
        await pilot.press("f10")
        assert "Nothing was run here yet" in str(app.workbench.form.notice.content)
        await pilot.press(*"/etc/motd")
        app.manager.answers["read_file"] = {"content": [{"type": "text", "text": "one two three"}]}
        await pilot.press("f9")
        await finished(pilot, app)
        await pilot.press(*"-draft")
        await opened(pilot, app, "fs", "tool", "list_roots")
        app.manager.answers["read_file"] = {"content": [{"type": "text", "text": "one 2 three"}]}
        await pilot.press("f10")
        await until(pilot, lambda: text_of(app) == "one 2 three")
        assert shown_name(app) == "read_file"
        assert [call[2]["path"] for call in app.manager.calls] == ["/etc/motd"] * 2
        assert app.workbench.form.item is not None
        assert app.workbench.form.item.document["path"] == "/etc/motd-draft"
        await finished(pilot, app)
        await pilot.press("ctrl+r", "d")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))
        left, right = (str(text.content) for text in app.screen.query(Static))
        assert (left, right) == ("one two three", "one 2 three")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.workbench)


async def test_one_result_has_nothing_to_be_compared_with() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await finished(pilot, app)
        await pilot.press("ctrl+r", "d")
        await until(pilot, lambda: any("no other result" in note.message for note in app._notifications))  # pyright: ignore[reportPrivateUsage]  what was said
        assert app.screen is app.workbench


async def test_images_are_described_and_saved_without_overwriting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list_roots.png").write_bytes(b"mine")
    app = WorkbenchApp()
    app.manager.answers["list_roots"] = {"content": [{"type": "image", "mimeType": "image/png", "data": png(64, 48)}]}
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await finished(pilot, app)
        assert "image PNG 64×48  image/png" in text_of(app)
        await pilot.press("ctrl+r", "s")
        await until(pilot, lambda: isinstance(app.screen, SaveScreen))
        await pilot.press("enter")
        saved = tmp_path / "list_roots-2.png"
        await until(pilot, lambda: saved.exists() and saved.stat().st_size > 0)
        assert saved.read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / "list_roots.png").read_bytes() == b"mine"


async def test_an_existing_file_is_replaced_only_after_a_second_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "old.txt"
    target.write_text("old")
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await finished(pilot, app)
        await pilot.press("ctrl+r", "s")
        await until(pilot, lambda: isinstance(app.screen, SaveScreen))
        app.screen.query_one(Input).value = str(target)
        await pilot.press("enter")
        await pilot.pause(0.1)
        assert target.read_text() == "old"
        await pilot.press("enter")
        await until(pilot, lambda: target.read_text() == "list_roots ran")


async def test_a_resource_link_in_a_result_is_read_with_enter() -> None:
    app = WorkbenchApp()
    link = {"type": "resource_link", "uri": "file:///deep/unlisted.md", "name": "unlisted"}
    app.manager.answers["list_roots"] = {"content": [link]}
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await finished(pilot, app)
        await pilot.press("ctrl+r", "enter")
        await until(pilot, lambda: app.manager.reads == [("fs", "file:///deep/unlisted.md")])
        await until(pilot, lambda: "text of file:///deep/unlisted.md" in text_of(app))
        app.show(*servers())
        assert not app.workbench.form.notice.display


async def test_a_resource_is_read_when_opened_and_a_template_has_a_field_per_variable() -> None:
    app = WorkbenchApp()
    app.manager.values = ("app.log", "db.log")
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.workbench.form.item is not None)
        await pilot.press("right", "enter")
        await finished(pilot, app)
        assert app.manager.reads == [("fs", "file:///notes.md")]
        await opened(pilot, app, "fs", "template", "file:///logs/{name}{?tail}")
        rows = app.workbench.form.form.form_rows()
        assert [(row.row.path, row.row.field.required) for row in rows] == [(("name",), True), (("tail",), False)]
        await pilot.press("a")
        await until(pilot, lambda: bool(app.workbench.screen.query("Suggestions.-shown")))
        await pilot.press("down", "enter", "f9")
        await until(pilot, lambda: len(app.manager.reads) == 2)
        assert app.manager.reads[1] == ("fs", "file:///logs/app.log")


async def test_a_prompt_completes_its_arguments_and_goes_to_compare() -> None:
    app = WorkbenchApp()
    app.manager.values = ("orders", "origins")
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "db", "prompt", "explain")
        await pilot.press("o", "r")
        await until(pilot, lambda: bool(app.workbench.screen.query("Suggestions.-shown")))
        ref, argument, _ = app.manager.completions[-1]
        assert (ref, argument) == ({"type": "ref/prompt", "name": "explain"}, ("table", "or"))
        await pilot.press("down", "down", "enter", "f9")
        await finished(pilot, app)
        assert app.manager.prompts == [("db", "explain", {"table": "origins"})]
        await pilot.press("ctrl+r", "p")
        await until(pilot, lambda: bool(app.offered))
        assert app.offered == ["Explain {'table': 'origins'}"]


async def test_a_server_that_goes_away_is_said_and_the_arguments_stay() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "read_file")
        await pilot.press(*"kept")
        fs, db = servers()
        app.show(replace(fs, status=ServerStatus.BACKOFF, retry_at=104.0, attempt=2), db)
        await pilot.pause()
        assert "retry in 4s (2)" in str(app.workbench.form.tabs.render())
        item = app.workbench.form.item
        assert item is not None
        assert item.document["path"] == "kept"


async def test_a_call_that_waits_for_its_server_says_so() -> None:
    app = WorkbenchApp()
    app.manager.gate = asyncio.Event()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        fs, db = servers()
        app.show(replace(fs, status=ServerStatus.BACKOFF, retry_at=104.0, attempt=2), db)
        await pilot.press("f9")
        await until(pilot, lambda: app.manager.started.is_set())
        line = app.workbench.result.progress_line
        await until(pilot, lambda: "waits for the server (» retry in 4s (2))  esc stops it" in str(line.render()))
        app.show(fs, db)
        await until(pilot, lambda: "waits" not in str(line.render()))
        assert "esc stops it" in str(line.render())
        app.manager.gate.set()
        await finished(pilot, app)


async def test_a_removed_tool_stays_on_screen_and_is_said_to_be_gone() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "read_file")
        await pilot.press(*"kept")
        fs, db = servers()
        rest = replace(fs.catalog, tools=fs.catalog.tools[1:])
        app.show(replace(fs, catalog=rest), db)
        await pilot.pause()
        assert "no longer offers this tool" in str(app.workbench.form.notice.content)
        item = app.workbench.form.item
        assert item is not None
        assert item.document["path"] == "kept"


async def test_a_changed_definition_is_said_and_the_arguments_move_into_the_new_form() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "read_file")
        await pilot.press(*"kept")
        schema = {**READ_FILE, "properties": {**READ_FILE["properties"], "fresh": {"type": "string"}}}
        changed = tool("read_file", "fs", schema=schema, digest="other")
        fs, db = servers()
        app.show(replace(fs, catalog=replace(fs.catalog, tools=(changed, *fs.catalog.tools[1:]))), db)
        await until(pilot, lambda: any(row.row.path == ("fresh",) for row in app.workbench.form.form.form_rows()))
        assert "changed the definition" in str(app.workbench.form.notice.content)
        item = app.workbench.form.item
        assert item is not None
        assert item.document["path"] == "kept"


async def test_hostile_names_descriptions_and_results_do_no_harm() -> None:
    app = WorkbenchApp()
    app.manager.answers[HOSTILE] = {"content": [{"type": "text", "text": f"[b]{HOSTILE}[/b]\n\x1b[2J"}]}
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", HOSTILE)
        await pilot.press("f9")
        await finished(pilot, app)
        assert text_of(app).split("\n")[0] == "[b]a[/x]bgnp[/b]"
        drawn = app.export_screenshot()
        assert "\x1b" not in drawn
        assert "\u202e" not in drawn
        assert "⟨U+001B⟩]52;c" in drawn.replace("&#x27e8;", "⟨")
        assert app.is_running


async def test_a_result_of_twenty_megabytes_is_cut_for_the_screen_and_saved_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = "all work and no play makes a dull server\n"
    text = line * (20_000_000 // len(line))
    app = WorkbenchApp()
    app.manager.answers["list_roots"] = {"content": [{"type": "text", "text": text}]}
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await finished(pilot, app)
        assert "are drawn; s saves everything" in app.workbench.result.lines.rows[-1].text
        await until(pilot, lambda: app.workbench.result.lines.virtual_size.height > 1000)
        await pilot.press("ctrl+r", "s")
        await until(pilot, lambda: isinstance(app.screen, SaveScreen))
        await pilot.press("enter")
        saved = tmp_path / "list_roots.txt"
        await until(pilot, lambda: saved.exists() and saved.stat().st_size == len(text))


async def test_the_answer_is_copied_cleaned() -> None:
    app = WorkbenchApp()
    app.manager.answers["list_roots"] = {"content": [{"type": "text", "text": "copy\x1b]0;me\x07 this"}]}
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "list_roots")
        await pilot.press("f9")
        await finished(pilot, app)
        await pilot.press("ctrl+r", "c")
        await until(pilot, lambda: app.clipboard != "")
        assert app.clipboard == "copy this"


async def test_reload_asks_the_server_of_the_highlighted_entry() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.pause()
        await pilot.press("r")
        await until(pilot, lambda: app.manager.refreshed == ["fs"])


async def test_at_80x24_list_and_item_take_turns() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.workbench.form.item is not None)
        assert app.workbench.items.region.width == 80
        await pilot.press("enter")
        await until(pilot, lambda: app.workbench.form.has_focus_within)
        assert app.workbench.items.region.width == 0
        assert app.workbench.result.region.height >= 6
        await pilot.press("escape")
        assert app.workbench.items.list.has_focus
        assert app.workbench.items.region.width == 80


async def test_an_item_asked_for_before_its_server_is_there_opens_later() -> None:
    app = WorkbenchApp(shown=(server("fs", ServerStatus.CONNECTING),))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.pause()
        app.workbench.open_item("fs", "tool", "read_file")
        await pilot.pause()
        assert app.workbench.form.item is None
        app.show(server("fs", catalog=catalogs()["fs"]))
        await until(pilot, lambda: app.workbench.form.item is not None)


async def test_without_an_engine_the_reason_stands_where_the_item_would() -> None:
    app = WorkbenchApp(shown=())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.pause()
        error = AppError("Engine stopped", "no disk", "free some", kind=ErrorKind.INTERNAL)
        app.workbench.engine_failed(error.info)
        await pilot.pause()
        assert "no disk" in str(app.workbench.form.about.content)
