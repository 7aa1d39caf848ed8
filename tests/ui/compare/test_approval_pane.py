"""The approval bar: nothing runs by accident, nobody loses the focus while typing."""

from __future__ import annotations

import pytest

from mcp_tui.core.state import Decision, ToolHints
from mcp_tui.core.types import JsonObject
from mcp_tui.ui.compare.approval import Choice
from mcp_tui.ui.compare.approval_arguments import ArgumentsScreen
from mcp_tui.ui.status import hint_words
from tests.builders import WRITE, tool
from tests.ui.doubles import Stage, question, stage


async def asked(s: Stage, *questions: int) -> None:
    """Questions while a column has the focus, the guard already over."""
    s.screen.columns_area.columns[0].focus()
    await s.settle()
    await s.questions(*(question(number) for number in questions))
    s.clock.now += 1


async def test_the_bar_says_who_asks_what_with_which_arguments_and_what_it_means() -> None:
    async with stage() as s:
        await s.questions(question(1, "openai/gpt-mini", "groq/llama"))
        shown = s.shown()
        assert "db.execute" in shown
        assert "writes · may destroy data" in shown
        assert "asked by openai/gpt-mini, groq/llama" in shown
        assert '"sql": "update jobs set retry = true where id = 4711"' in shown
        assert '"dry_run": false' in shown
        assert "a and A remember: every call of db.execute" in shown


@pytest.mark.parametrize(
    ("hints", "words"),
    [
        (ToolHints(), ("does not say whether it writes",)),
        (ToolHints(read_only=True), ("says it only reads",)),
        (ToolHints(read_only=False), ("writes", "may destroy data")),
        (ToolHints(destructive=False), ("writes", "says it destroys nothing")),
        (
            ToolHints(False, False, True, True),
            ("writes", "says it destroys nothing", "safe to repeat", "reaches the outside world"),
        ),
    ],
)
def test_hints_are_told_as_claims(hints: ToolHints, words: tuple[str, ...]) -> None:
    assert hint_words(hints) == words


@pytest.mark.parametrize(
    ("key", "decision"), [("y", Decision.ONCE), ("a", Decision.ALWAYS), ("A", Decision.KEEP), ("n", Decision.DENY)]
)
async def test_keys_answer(key: str, decision: Decision) -> None:
    async with stage() as s:
        await asked(s, 1)
        await s.press(key)
        assert s.engine.approvals.answers == [("q1", decision, None)]


async def test_a_key_right_after_the_bar_took_the_focus_is_ignored() -> None:
    async with stage() as s:
        s.screen.columns_area.columns[0].focus()
        await s.questions(question(1))
        assert s.screen.approval_bar.has_focus
        s.clock.now += 0.29
        await s.press("y", "a", "n", "e")
        assert s.engine.approvals.answers == [] and s.top is s.screen
        s.clock.now += 0.02
        await s.press("y")
        assert len(s.engine.approvals.answers) == 1


async def test_the_next_question_is_guarded_too() -> None:
    async with stage() as s:
        await asked(s, 1, 2)
        await s.press("y")
        await s.questions(question(2))
        await s.press("y")
        assert [answer[0] for answer in s.engine.approvals.answers] == ["q1"]
        s.clock.now += 1
        await s.press("y")
        assert [answer[0] for answer in s.engine.approvals.answers] == ["q1", "q2"]


async def test_an_empty_editor_gives_the_focus_up_after_a_second_and_gets_it_back() -> None:
    async with stage() as s:
        await s.type("x")
        await s.press("backspace")
        s.clock.now += 0.9
        await s.questions(question(1))
        assert s.screen.prompt_pane.editor.has_focus
        await s.questions()
        s.clock.now += 0.2
        await s.questions(question(2))
        assert s.screen.approval_bar.has_focus
        await s.questions()
        assert s.screen.prompt_pane.editor.has_focus
        assert not s.screen.approval_bar.display


async def test_who_writes_keeps_the_focus_and_f6_goes_to_the_bar() -> None:
    async with stage() as s:
        await s.type("writing")
        s.clock.now += 60
        await s.questions(question(1))
        assert s.screen.prompt_pane.editor.has_focus
        assert "F6 to answer" in s.shown()
        await s.press("y")
        assert s.screen.prompt_pane.text == "writingy"
        await s.press("f6")
        assert s.screen.approval_bar.has_focus
        assert "F6 to answer" not in s.shown()
        s.clock.now += 1
        await s.press("n")
        await s.questions()
        assert s.engine.approvals.answers == [("q1", Decision.DENY, None)]
        assert s.screen.prompt_pane.editor.has_focus
        assert s.screen.prompt_pane.text == "writingy"


async def test_who_writes_a_filter_keeps_the_focus() -> None:
    async with stage() as s:
        s.screen.catalog_pane.filter.focus()
        await s.settle()
        await s.questions(question(1))
        assert s.screen.catalog_pane.filter.has_focus


async def test_escape_leaves_the_bar_and_the_question_waits() -> None:
    async with stage() as s:
        await asked(s, 1)
        await s.press("escape")
        assert s.screen.columns_area.columns[0].has_focus_within
        assert s.screen.approval_bar.display
        assert s.engine.approvals.answers == []


async def test_next_walks_the_waiting_questions() -> None:
    async with stage() as s:
        await asked(s, 1, 2, 3)
        bar = s.screen.approval_bar
        assert "1 of 3" in s.shown()
        await s.press("right")
        assert bar.question is not None and bar.question.id == "q2"
        await s.press("tab")
        assert bar.question.id == "q3"
        s.clock.now += 1
        await s.press("n")
        assert s.engine.approvals.answers == [("q3", Decision.DENY, None)]


async def test_the_shown_question_stays_when_others_come_or_go() -> None:
    async with stage() as s:
        await asked(s, 1, 2)
        await s.press("right")
        await s.questions(question(2), question(3))
        bar = s.screen.approval_bar
        assert bar.question is not None and bar.question.id == "q2"


async def test_long_arguments_scroll_in_a_bar_of_limited_height() -> None:
    async with stage(size=(120, 35)) as s:
        s.screen.columns_area.columns[0].focus()
        await s.questions(question(1, arguments={f"key{n}": n for n in range(200)}))
        assert s.screen.approval_bar.size.height <= 21
        assert '"key0": 0' in s.shown()
        await s.press(*["pagedown"] * 3)
        assert '"key0": 0' not in s.shown()
        assert "a and A remember" in s.shown()


async def test_editing_runs_once_with_the_new_arguments() -> None:
    async with stage() as s:
        await asked(s, 1)
        await s.press("e")
        screen = s.top
        assert isinstance(screen, ArgumentsScreen)
        editor = screen.query_one("JsonEditor")
        editor.text = '{"sql": "select 1", }'  # pyright: ignore[reportAttributeAccessIssue]  a TextArea
        await s.settle()
        assert "read in spite of" in s.shown()
        await s.press("ctrl+s")
        assert s.engine.approvals.answers == [("q1", Decision.ONCE, {"sql": "select 1"})]


async def test_bad_json_is_told_beside_the_text_and_nothing_is_lost() -> None:
    async with stage() as s:
        await asked(s, 1)
        await s.press("e")
        screen = s.top
        assert isinstance(screen, ArgumentsScreen)
        editor = screen.query_one("JsonEditor")
        for bad, said in (('{"sql": ', "! line 1"), ("[1]", "JSON object")):
            editor.text = bad  # pyright: ignore[reportAttributeAccessIssue]  a TextArea
            await s.press("ctrl+s")
            assert s.top is screen
            assert said in s.shown()
        await s.press("escape")
        assert s.top is s.screen
        assert s.engine.approvals.answers == []
        assert s.screen.approval_bar.question is not None


async def test_missing_required_arguments_are_named() -> None:
    schema: JsonObject = {"type": "object", "required": ["path", "text"], "properties": {}}
    async with stage() as s:
        s.screen.columns_area.columns[0].focus()
        await s.questions(question(1, arguments={"path": "x"}, of=tool("write", "fs", WRITE, schema=schema)))
        s.clock.now += 1
        await s.press("e")
        assert "requires: text" in s.shown()


async def test_a_click_answers_too_after_the_guard() -> None:
    async with stage() as s:
        await s.questions(question(1))
        choice = list(s.screen.approval_bar.query(Choice))[3]
        await s.pilot.click(choice)
        await s.settle()
        assert s.engine.approvals.answers == []
        s.clock.now += 1
        await s.pilot.click(choice)
        await s.settle()
        assert s.engine.approvals.answers == [("q1", Decision.DENY, None)]


async def test_hostile_arguments_are_drawn_as_text() -> None:
    async with stage() as s:
        await s.questions(question(1, arguments={"a[/x]b": "\x1b]52;c;aGk=\x07[@click=app.bell]press[/]"}))
        assert "a[/x]b" in s.shown()
        assert "[@click=app.bell]press[/]" in s.shown()


async def test_f6_without_a_question_only_says_so() -> None:
    async with stage(notifications=True) as s:
        await s.press("f6")
        assert "No call waits" in s.shown()
        assert s.screen.prompt_pane.editor.has_focus


async def test_where_one_column_is_in_view_the_asking_one_comes_forward() -> None:
    async with stage(size=(80, 24)) as s:
        s.screen.columns_area.columns[0].focus()
        await s.questions(question(1, "groq/llama"))
        assert [column.label for column in s.screen.columns_area.columns if column.display] == ["groq/llama"]
