"""The arguments: form and JSON in step, paste, history, $EDITOR, nested places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import OptionList

from mcp_tui.core.state import Catalog
from mcp_tui.core.types import JsonObject
from mcp_tui.store.argument_history import ArgumentHistory
from mcp_tui.ui.forms.field_input import FieldInput, FieldLines
from mcp_tui.ui.forms.field_row import FormRow
from mcp_tui.ui.forms.schema_form import ActionMenu
from tests.builders import server, tool
from tests.ui.stage import WIDE, until
from tests.ui.workbench.doubles import WorkbenchApp
from tests.ui.workbench.test_workbench import finished, opened


def app_with(schema: JsonObject, **options: Any) -> WorkbenchApp:
    return WorkbenchApp(shown=(server("fs", catalog=Catalog(tools=(tool("t", "fs", schema=schema),))),), **options)


def properties(**members: JsonObject) -> JsonObject:
    return {"type": "object", "properties": members}


def document(app: WorkbenchApp) -> JsonObject:
    item = app.workbench.form.item
    assert item is not None
    return item.document


def row(app: WorkbenchApp, *path: str | int) -> FormRow:
    return next(found for found in app.workbench.form.form.form_rows() if found.row.path == path)


async def menu(pilot: Pilot[None], app: WorkbenchApp, words: str) -> None:
    """Pick an action of the focused field by its words."""
    await pilot.press("f7")
    await until(pilot, lambda: isinstance(app.screen, ActionMenu))
    labels = [str(option.prompt) for option in app.screen.query_one(OptionList).options]
    await pilot.press(*["down"] * labels.index(words), "enter")
    await until(pilot, lambda: app.screen is app.workbench)


async def focus_last(pilot: Pilot[None], app: WorkbenchApp) -> None:
    """Go to the last row: the one that adds."""
    editor = app.workbench.form.form.form_rows()[-1].editor
    assert editor is not None
    editor.focus()
    await pilot.pause()


async def paste(pilot: Pilot[None], app: WorkbenchApp, text: str) -> None:
    app.screen.post_message(events.Paste(text))
    await pilot.pause()


async def test_both_views_show_the_same_arguments() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "read_file")
        await pilot.press(*"a.txt")
        await pilot.press("f8")
        assert '"path": "a.txt"' in app.workbench.form.editor.text
        app.workbench.form.editor.text = '{"path": "b.txt", "head": 7}'
        await pilot.pause()
        await pilot.press("f8")
        await until(pilot, lambda: not app.workbench.form.has_class("-json"))
        editors = [row(app, name).editor for name in ("path", "head")]
        assert [editor.value for editor in editors if isinstance(editor, FieldInput)] == ["b.txt", "7"]
        assert document(app) == {"path": "b.txt", "head": 7}


async def test_invalid_json_keeps_its_text_names_its_place_and_is_not_run() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "read_file")
        await pilot.press(*"a", "f8")
        broken = '{\n  "path": "b"\n  "head": 1\n}'
        app.workbench.form.editor.text = broken
        await pilot.pause()
        assert "line 3, column 3" in str(app.workbench.form.help.content)
        await pilot.press("f9")
        assert app.manager.calls == []
        assert app.workbench.form.editor.cursor_location == (2, 2)
        await pilot.press("f8")
        assert app.workbench.form.has_class("-json")
        await pilot.press("f8")
        await until(pilot, lambda: not app.workbench.form.has_class("-json"))
        assert document(app)["path"] == "a"
        await pilot.press("f8")
        assert app.workbench.form.editor.text == broken


async def test_editing_the_form_after_broken_json_leaves_the_text_to_undo() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "read_file")
        await pilot.press("f8")
        app.workbench.form.editor.replace_all("{ broken")
        await pilot.pause()
        await pilot.press("f8", "f8")
        await until(pilot, lambda: not app.workbench.form.has_class("-json"))
        await pilot.press(*"x")
        await pilot.press("f8")
        assert '"path": "x"' in app.workbench.form.editor.text
        await pilot.press("ctrl+z")
        assert app.workbench.form.editor.text == "{ broken"


async def test_pasted_json_is_forgiven_and_replaces_everything() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "read_file")
        await pilot.press("f8")
        await paste(pilot, app, "```json\n{'path': 'p', // here\n \"head\": 3,}\n```")
        await until(pilot, lambda: document(app) == {"path": "p", "head": 3})
        assert "a code fence" in str(app.workbench.form.notice.content)
        assert app.workbench.form.editor.text == '{\n  "path": "p",\n  "head": 3\n}'


async def test_a_piece_of_json_is_pasted_once() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "read_file")
        await pilot.press("f8")
        editor = app.workbench.form.editor
        editor.text = '{"path": "b.txt"}'
        editor.cursor_location = (0, 1)
        editor.focus()
        await paste(pilot, app, '"head": 7, ')
        assert editor.text == '{"head": 7, "path": "b.txt"}'


async def test_integers_of_any_size_stay_exact() -> None:
    app = app_with(properties(n={"type": "integer"}))
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "t")
        await pilot.press(*"123456789012345678901234567890", "f9")
        await finished(pilot, app)
        assert app.manager.calls == [("fs", "t", {"n": 123456789012345678901234567890})]


async def test_what_is_wrong_stands_beside_the_field_while_typing() -> None:
    app = app_with(properties(n={"type": "integer"}, mail={"type": "string", "format": "email"}))
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "t")
        await pilot.press(*"12x", "tab", *"me")
        await until(pilot, lambda: row(app, "n").has_class("-wrong") and row(app, "mail").has_class("-wrong"))
        assert "is text, expected integer" in str(row(app, "n").query_one(".error").render())


async def test_a_cleared_field_is_not_sent_and_null_and_empty_are_chosen_by_name() -> None:
    app = app_with(properties(s={"type": ["string", "null"]}))
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "t")
        assert document(app) == {}
        await pilot.press("x")
        assert document(app) == {"s": "x"}
        await pilot.press("backspace")
        assert document(app) == {}
        await menu(pilot, app, "Send null")
        await until(pilot, lambda: document(app) == {"s": None})
        await menu(pilot, app, "Send an empty text")
        await until(pilot, lambda: document(app) == {"s": ""})
        await menu(pilot, app, "Do not send it")
        await until(pilot, lambda: document(app) == {})


async def test_booleans_and_choices_change_with_keys() -> None:
    app = app_with(
        properties(b={"type": "boolean"}, e={"oneOf": [{"const": 1, "title": "One"}, {"const": 2, "title": "Two"}]})
    )
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "t")
        await pilot.press("space")
        assert document(app) == {"b": True}
        await pilot.press("f")
        assert document(app) == {"b": False}
        await pilot.press("tab", "right", "right")
        assert document(app) == {"b": False, "e": 2}


async def test_a_long_choice_is_picked_from_a_list_by_typing() -> None:
    names = [f"value number {n}" for n in range(40)]
    app = app_with(properties(e={"enum": names}))
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "t")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is not app.workbench)
        await pilot.press(*"37", "enter")
        await until(pilot, lambda: app.screen is app.workbench)
        assert document(app) == {"e": "value number 37"}


async def test_nested_objects_and_lists_open_fill_and_reorder() -> None:
    schema = properties(
        o={"type": "object", "properties": {"deep": {"type": "string"}}},
        l={"type": "array", "items": {"type": "string"}},
    )
    app = app_with(schema)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "t")
        await pilot.press("enter")
        await until(pilot, lambda: document(app) == {"o": {}})
        await until(pilot, lambda: row(app, "o", "deep").has_focus_within)
        await pilot.press("x", "tab", "enter")
        await until(pilot, lambda: document(app).get("l") == [])
        await until(pilot, lambda: app.workbench.focused is row(app, "l").editor or app.workbench.form.has_focus_within)
        await focus_last(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: document(app).get("l") == [""])
        await until(pilot, lambda: row(app, "l", 0).has_focus_within)
        await pilot.press("a")
        await focus_last(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: document(app).get("l") == ["a", ""])
        await until(pilot, lambda: row(app, "l", 1).has_focus_within)
        await pilot.press("b")
        await menu(pilot, app, "Move up")
        await until(pilot, lambda: document(app) == {"o": {"deep": "x"}, "l": ["b", "a"]})
        await until(pilot, lambda: row(app, "l", 0).has_focus_within)
        await menu(pilot, app, "Remove it")
        await until(pilot, lambda: document(app)["l"] == ["a"])


async def test_an_alternative_is_chosen_and_filled_in() -> None:
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "report")
        app.workbench.form.form.focus_path(("target",))
        await until(pilot, lambda: row(app, "target").has_focus_within)
        await pilot.press("right", "right")
        await until(pilot, lambda: document(app).get("target") == {"kind": "hook"})
        assert row(app, "target", "url").row.field.required


async def test_a_key_is_added_to_a_map() -> None:
    app = app_with(properties(m={"type": "object", "additionalProperties": {"type": "integer"}}))
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "t")
        await pilot.press("enter")
        await until(pilot, lambda: document(app) == {"m": {}})
        await until(pilot, lambda: app.workbench.form.form.focused_row() is not None)
        await focus_last(pilot, app)
        await pilot.press(*"one", "enter")
        await until(pilot, lambda: "one" in document(app)["m"])
        await until(pilot, lambda: row(app, "m", "one").has_focus_within)
        await pilot.press("4")
        assert document(app) == {"m": {"one": 4}}


async def test_anything_goes_as_json_in_place() -> None:
    app = app_with(properties(any={}))
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "t")
        await pilot.press(*'[1,"a"]')
        assert document(app) == {"any": [1, "a"]}


async def test_pasting_lines_into_one_line_makes_room_for_them() -> None:
    app = app_with(properties(s={"type": "string"}))
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "t")
        await pilot.press("x")
        await paste(pilot, app, "one\ntwo")
        await until(pilot, lambda: isinstance(row(app, "s").editor, FieldLines))
        assert document(app) == {"s": "xone\ntwo"}


async def test_control_characters_of_a_default_are_drawn_harmless_and_sent_as_they_are() -> None:
    evil = "a\x1b]0;x\x07\u202eb"
    app = app_with(properties(s={"type": "string", "default": evil}))
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "t")
        drawn = app.export_screenshot()
        assert "\x1b" not in drawn
        assert "\u202e" not in drawn
        await pilot.press("f9")
        await finished(pilot, app)
        assert app.manager.calls == [("fs", "t", {"s": evil})]


async def test_arguments_used_before_come_back_and_the_draft_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "arguments.db"
    store = ArgumentHistory(path)
    store.add("fs", "tool", "read_file", {"path": "old"})
    app = WorkbenchApp(history=path)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "read_file")
        await until(pilot, lambda: app.workbench.form.item is not None and bool(app.workbench.form.item.history))
        await pilot.press(*"draft", "alt+up")
        await until(pilot, lambda: document(app) == {"path": "old"})
        await pilot.press("alt+down")
        await until(pilot, lambda: document(app).get("path") == "draft")
        await pilot.press("f9")
        await finished(pilot, app)
        await until(pilot, lambda: len(store.newest("fs", "tool", "read_file")) == 2)


async def test_secrets_are_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "arguments.db"
    app = app_with(properties(user={"type": "string"}, word={"type": "string", "format": "password"}), history=path)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "t")
        await pilot.press(*"me", "tab", *"hush", "f9")
        await finished(pilot, app)
        assert app.manager.calls == [("fs", "t", {"user": "me", "word": "hush"})]
        assert "hush" not in app.export_screenshot()
        await until(pilot, lambda: path.exists() and bool(ArgumentHistory(path).newest("fs", "tool", "t")))
        assert ArgumentHistory(path).newest("fs", "tool", "t")[0].arguments == {"user": "me"}


async def test_a_history_that_cannot_be_read_does_not_stop_a_call(tmp_path: Path) -> None:
    path = tmp_path / "arguments.db"
    path.write_bytes(b"this is no database, but long enough to be taken for one" * 20)
    app = WorkbenchApp(history=path)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "read_file")
        await pilot.press(*"a", "f9")
        await finished(pilot, app)
        assert app.manager.calls == [("fs", "read_file", {"encoding": "utf-8", "path": "a"})]


async def test_the_editor_takes_the_json_and_a_broken_answer_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(['{"path": "from editor"}', '{"path": '])

    async def edit(_app: object, text: str, *, suffix: str) -> str:
        assert '"encoding": "utf-8"' in text or "from editor" in text
        assert suffix == ".json"
        return next(answers)

    monkeypatch.setattr("mcp_tui.ui.terminal.external_editor.edit", edit)
    app = WorkbenchApp()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, app, "fs", "tool", "read_file")
        await pilot.press("ctrl+e")
        await until(pilot, lambda: document(app) == {"path": "from editor"})
        assert not app.workbench.form.has_class("-json")
        await pilot.press("ctrl+e")
        await until(pilot, lambda: app.workbench.form.has_class("-json"))
        assert app.workbench.form.editor.text == '{"path": '
        assert document(app) == {"path": "from editor"}
