"""The Compare screen: columns and their run, layout at every width, matrix, diff, adding and removing models."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len
from textual.screen import Screen
from textual.widgets import Input, Static

from mcp_tui.config.schema import Config
from mcp_tui.core.chat import ModelParams
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.events import CallChanged, StepStarted, TextAppended
from mcp_tui.core.state import CallStatus, ColumnStatus, Metrics, Usage
from mcp_tui.demo import DEMO_PROMPT
from mcp_tui.ui.compare.conversation import best_columns
from mcp_tui.ui.compare.diff import DiffScreen, difference
from mcp_tui.ui.compare.matrix import MatrixScreen
from mcp_tui.ui.compare.matrix_rows import ColumnView, fitted, matrix
from mcp_tui.ui.compare.model_picker import ModelPicker
from mcp_tui.ui.compare.params import ParamsScreen
from mcp_tui.ui.compare.screen import CompareScreen
from mcp_tui.ui.history.saved_run import SavedRunScreen
from mcp_tui.ui.screens.dialog import ConfirmScreen
from mcp_tui.ui.servers.card import ServerCard
from mcp_tui.ui.widgets.key_bar import KeyBar
from tests.ui.doubles import FakeEngine, Stage, call, example_servers, figures, play, question, stage


def shown_columns(s: Stage) -> list[str]:
    return [column.label for column in s.screen.columns_area.columns if column.display]


async def focus(s: Stage, number: int) -> None:
    s.screen.columns_area.columns[number - 1].focus()
    await s.settle()


# Layout


@pytest.mark.parametrize(
    ("size", "columns", "tabs", "sidebar"),
    [((160, 45), 3, False, True), ((120, 35), 2, True, True), ((80, 24), 1, True, False), ((200, 50), 3, False, True)],
)
async def test_columns_share_the_width_down_to_what_is_worth_reading(
    size: tuple[int, int], columns: int, tabs: bool, sidebar: bool
) -> None:
    async with stage(size=size) as s:
        assert len(shown_columns(s)) == columns
        assert s.screen.columns_area.tabs.display is tabs
        assert s.screen.query_one("#sidebar").display is sidebar
        for column in s.screen.columns_area.columns:
            if column.display and tabs is False:
                assert column.size.width >= 36


async def test_resizing_keeps_the_current_column_in_view() -> None:
    async with stage() as s:
        await focus(s, 3)
        await s.pilot.resize_terminal(80, 24)
        await s.settle()
        assert shown_columns(s) == ["groq/llama"]
        await s.pilot.resize_terminal(160, 45)
        await s.settle()
        assert len(shown_columns(s)) == 3


async def test_tabs_say_model_state_and_figures_in_words() -> None:
    async with stage(size=(80, 24)) as s:
        play(await s.send("go"), "errors")
        await s.settle()
        line = str(s.screen.columns_area.tabs.render())
        assert "1 claude" in line and "incomplete" in line
        assert "2 gpt-mini ✓ done" in line
        assert "3 llama" in line and "error" in line
        assert len(line) <= 80


async def test_a_click_on_a_tab_goes_there() -> None:
    async with stage(size=(80, 24)) as s:
        await s.pilot.click(s.screen.columns_area.tabs, offset=(60, 0))
        await s.settle()
        assert shown_columns(s) == ["groq/llama"]


async def test_z_maximises_at_any_width_and_back() -> None:
    async with stage() as s:
        await focus(s, 2)
        await s.press("z")
        assert shown_columns(s) == ["openai/gpt-mini"]
        assert s.screen.columns_area.tabs.display
        await s.press("right")
        assert shown_columns(s) == ["groq/llama"]
        await s.press("z")
        assert len(shown_columns(s)) == 3


async def test_alt_numbers_and_arrows_move_between_columns() -> None:
    async with stage() as s:
        await s.press("alt+3")
        assert s.screen.columns_area.columns[2].has_focus_within
        await s.press("right")
        assert s.screen.columns_area.columns[0].has_focus_within
        await s.press("left", "left")
        assert s.screen.columns_area.columns[1].has_focus_within
        await s.press("alt+9")
        assert s.screen.columns_area.columns[1].has_focus_within
        await s.press("ctrl+l")
        assert s.screen.prompt_pane.editor.has_focus


async def test_the_sidebar_folds_at_full_width_and_opens_over_the_columns_when_narrow() -> None:
    async with stage() as s:
        sidebar = s.screen.query_one("#sidebar")
        await s.press("ctrl+b")
        assert not sidebar.display
        await s.press("ctrl+b")
        assert sidebar.display
    async with stage(size=(80, 24)) as s:
        sidebar = s.screen.query_one("#sidebar")
        width = s.screen.columns_area.size.width
        await s.press("ctrl+b")
        assert sidebar.display and sidebar.has_focus_within
        assert s.screen.columns_area.size.width == width
        await s.press("escape")
        assert not sidebar.display
        assert s.screen.prompt_pane.editor.has_focus


# Runs


async def test_one_prompt_goes_to_every_column_and_follow_ups_go_on() -> None:
    async with stage() as s:
        run = await s.send("first")
        for column in ("c1", "c2", "c3"):
            run.finish(column, f"answer of {column}")
        await s.settle()
        assert [column.answer_text() for column in s.screen.columns_area.columns] == [
            "answer of c1",
            "answer of c2",
            "answer of c3",
        ]
        assert await s.send("second") is run
        assert [sent[0] for sent in run.sent] == ["first", "second"]


async def test_the_run_gets_the_switched_off_tools() -> None:
    async with stage() as s:
        s.screen.catalog_pane.list.focus()
        await s.press("space")
        run = await s.send("go")
        assert run.spec.tools_off == {("fs", "*")}


async def test_x_stops_one_column_escape_in_the_editor_all() -> None:
    async with stage() as s:
        run = await s.send("go")
        await focus(s, 2)
        await s.press("x")
        assert run.cancelled == ["c2"]
        await s.press("escape")
        assert run.cancelled == ["c2", "c2"]
        await s.press("ctrl+l", "escape")
        assert run.cancelled == ["c2", "c2", None]


async def test_escape_in_the_catalog_goes_back_to_the_editor_and_stops_nothing() -> None:
    async with stage() as s:
        run = await s.send("go")
        s.screen.catalog_pane.list.focus()
        await s.press("escape")
        assert run.cancelled == []
        assert s.screen.prompt_pane.editor.has_focus


async def test_r_runs_the_turn_again() -> None:
    async with stage() as s:
        run = await s.send("go")
        run.finish("c1", "x")
        await focus(s, 1)
        await s.press("r")
        assert run.retried == ["c1"]


async def test_f_sends_to_one_column_alone_until_pressed_again() -> None:
    async with stage() as s:
        run = await s.send("go")
        for column in ("c1", "c2", "c3"):
            run.finish(column, "x")
        await focus(s, 2)
        await s.press("f")
        assert s.screen.prompt_pane.editor.has_focus
        assert "openai/gpt-mini alone" in str(s.screen.prompt_pane.border_title)
        assert str(s.screen.prompt_pane.border_subtitle).startswith("1 model ")
        await s.send("only you")
        assert run.sent[-1][2] == ("c2",)
        run.finish("c2", "y")
        await focus(s, 2)
        await s.press("f")
        await s.send("all again")
        assert run.sent[-1][2] is None


async def test_a_column_that_still_answers_does_not_block_a_fork_to_another() -> None:
    async with stage() as s:
        run = await s.send("go")
        run.finish("c1", "x")
        await focus(s, 1)
        await s.press("f")
        await s.send("on")
        assert run.sent[-1][2] == ("c1",)


async def test_ctrl_n_starts_anew_and_asks_while_live() -> None:
    async with stage() as s:
        run = await s.send("go")
        await s.press("ctrl+n")
        assert isinstance(s.top, ConfirmScreen)
        await s.press("n")
        assert run.cancelled == []
        await s.press("ctrl+n", "y")
        await s.work_done()
        assert run.cancelled == [None]
        assert all(column.answer_text() == "" for column in s.screen.columns_area.columns)
        assert await s.send("new") is not run
        for column in ("c1", "c2", "c3"):
            s.engine.run.finish(column, "x")
        await s.press("ctrl+n")
        assert s.top is s.screen


async def test_late_events_of_columns_that_are_gone_do_no_harm() -> None:
    async with stage() as s:
        run = await s.send("go")
        run.tell(TextAppended("c1", "x"))
        run.answers["c9"] = ""
        run.tell(TextAppended("c9", "nobody"))
        await s.settle()
        assert s.screen.columns_area.columns[0].answer_text() == "x"


async def test_an_error_stands_in_its_column_and_the_others_go_on() -> None:
    async with stage() as s:
        play(await s.send("go"), "errors")
        await s.settle()
        shown = s.shown()
        assert "groq refused" in shown and "429: rate limit reached" in shown
        assert "Raise the pool" in shown


async def test_the_best_figures_are_marked_when_the_run_ends() -> None:
    async with stage() as s:
        run = await s.send("go")
        play(run, "streaming")
        await s.settle()
        assert "◆" not in s.shown()
        play(run, "finished")
        await s.settle()
        assert "◆ 0.12s" in s.shown()


def test_best_needs_something_to_compare_and_ties_are_shared() -> None:
    assert best_columns({"a": figures(1, 2, 3)}) == {"a": set()}
    assert best_columns({"a": figures(1, 2, 3), "b": figures(1, 5, 3)}) == {"a": set(), "b": {"speed"}}
    three = {"a": figures(1, 1, 1), "b": figures(1, 2, 2), "c": figures(2, 1, 3)}
    assert best_columns(three) == {"a": {"ttft", "cost"}, "b": {"ttft", "speed"}, "c": set()}
    assert best_columns({"a": Metrics(), "b": figures(1, 1, 1)}) == {"a": set(), "b": set()}


def test_a_replayed_answer_is_never_best() -> None:
    replayed = replace(figures(1, 900, 0), steps=2, cached_steps=2)
    two = {"b": figures(5, 2, 3), "c": figures(6, 1, 4)}
    assert best_columns({"a": replayed, **two}) == {"a": set(), **best_columns(two)}
    partly = replace(replayed, cached_steps=1)
    assert best_columns({"a": partly, **two}) == {"a": {"ttft", "speed"}, "b": {"cost"}, "c": set()}


async def test_the_header_hears_of_live_runs_cost_and_tools() -> None:
    async with stage() as s:
        run = await s.send("go")
        assert s.heard[-1].live
        assert (s.heard[-1].offered_tools, s.heard[-1].tool_tax) == (12, 1471)
        for column in ("c1", "c2", "c3"):
            run.finish(column, "x", figures(100, 50, 0.25))
        await s.settle()
        assert not s.heard[-1].live
        assert s.heard[-1].cost_usd == 0.75  # exact in binary


async def test_a_refused_send_is_told_at_the_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AppError("No models", "every column was removed", "add one with +", kind=ErrorKind.USAGE)

    async with stage() as s:
        monkeypatch.setattr(s.engine, "start_run", refuse)
        s.screen.prompt_pane.set_text("hello")
        s.screen.prompt_pane.editor.focus()
        await s.press("enter")
        assert "No models: every column was removed" in s.prompt_note()
        assert s.screen.prompt_pane.text == "hello"


# Models


async def test_plus_lists_models_with_what_is_missing_and_adds_one() -> None:
    async with stage() as s:
        await focus(s, 1)
        await s.press("plus")
        assert isinstance(s.top, ModelPicker)
        await s.work_done()
        shown = s.shown()
        assert "gpt-large" in shown
        assert "set GROQ_API_KEY" in shown
        await s.type("large")
        await s.press("enter")
        await s.work_done()
        assert [column.label for column in s.screen.columns_area.columns][-1] == "openai/gpt-large"
        run = await s.send("go")
        assert [column.label for column in run.spec.columns][-1] == "openai/gpt-large"


async def test_the_same_model_twice_is_told_apart() -> None:
    async with stage() as s:
        await focus(s, 1)
        await s.press("plus")
        await s.type("gpt-mini")
        await s.press("enter")
        await s.work_done()
        assert s.screen.columns_area.columns[-1].label == "openai/gpt-mini #2"


async def test_a_model_without_a_key_is_refused_in_the_picker() -> None:
    async with stage() as s:
        await focus(s, 1)
        await s.press("plus")
        await s.type("groq")
        await s.press("enter")
        assert isinstance(s.top, ModelPicker)
        assert "No key: groq needs a key (set GROQ_API_KEY)" in s.shown()


async def test_a_written_model_no_list_holds_is_taken_and_an_unreachable_list_is_told() -> None:
    async with stage() as s:
        s.engine.registry.offered["openai"] = AppError("Refused", "401 from o.example", "check the key")
        await focus(s, 1)
        await s.press("plus")
        await s.work_done()
        assert "401 from o.example" in s.shown()
        await s.type("openai/brand-new")
        await s.press("enter")
        await s.work_done()
        assert s.screen.columns_area.columns[-1].label == "openai/brand-new"


OWN = Config(models={"fast": "openai/gpt-mini?temperature=0.2"}, sets={"duel": ("fast", "openai/gpt-large")})


@pytest.mark.parametrize(
    ("written", "labels"),
    [
        ("fast", ["openai/gpt-mini temperature=0.2"]),
        ("duel", ["openai/gpt-mini temperature=0.2", "openai/gpt-large"]),
        ("openai/gpt-mini?effort=high", ["openai/gpt-mini effort=high"]),
        ("fast?temperature=1", ["openai/gpt-mini temperature=1"]),
        ("groq/llama | openai/gpt-large", ["groq/llama #2"]),
    ],
)
async def test_the_picker_takes_what_the_command_line_takes(written: str, labels: list[str]) -> None:
    engine = FakeEngine()
    engine.config = OWN
    async with stage(engine) as s:
        await focus(s, 1)
        await s.press("plus")
        await s.type(written)
        await s.press("enter")
        await s.work_done()
        columns = s.screen.columns_area.columns
        assert [column.label for column in columns][3:] == labels
        assert len({column.column_id for column in columns}) == len(columns)
        run = await s.send("go")
        spec = run.spec.columns[3]
        assert spec.label == labels[0]
        assert [str(choice.ref) for choice in spec.fallback] == (["openai/gpt-large"] if "|" in written else [])


async def test_short_names_and_sets_are_listed_with_what_they_mean() -> None:
    engine = FakeEngine()
    engine.config = OWN
    async with stage(engine) as s:
        await focus(s, 1)
        await s.press("plus")
        await s.work_done()
        shown = s.shown()
        assert "short names and sets" in shown
        assert "fast + openai/gpt-large" in shown and "openai/gpt-mini?temperature=0.2" in shown


async def test_a_wrong_parameter_is_refused_in_the_picker() -> None:
    async with stage() as s:
        await focus(s, 1)
        await s.press("plus")
        assert isinstance(s.top, ModelPicker)
        s.top.query_one(Input).value = "openai/gpt-mini?temprature=1"
        await s.settle()
        await s.press("enter")
        assert isinstance(s.top, ModelPicker)
        assert "`temprature` is not known" in s.shown()


async def test_a_listed_model_is_never_read_as_parameters() -> None:
    async with stage() as s:
        s.engine.registry.offered["openai"] = ("odd?system=obey",)
        await focus(s, 1)
        await s.press("plus")
        await s.work_done()
        await s.type("odd")
        await s.press("enter")
        await s.work_done()
        spec = (await s.send("go")).spec.columns[3]
        assert (spec.ref.model, spec.system) == ("odd?system=obey", "")


async def test_minus_removes_and_asks_when_an_answer_would_go() -> None:
    async with stage() as s:
        await focus(s, 3)
        await s.press("minus")
        await s.work_done()
        assert [column.label for column in s.screen.columns_area.columns] == [
            "anthropic/claude-sonnet",
            "openai/gpt-mini",
        ]
        run = await s.send("go")
        run.finish("c1", "answer")
        await focus(s, 1)
        await s.press("minus")
        assert isinstance(s.top, ConfirmScreen)
        await s.press("n")
        assert len(s.screen.columns_area.columns) == 2
        await s.press("minus", "y")
        await s.work_done()
        assert [column.label for column in s.screen.columns_area.columns] == ["openai/gpt-mini"]
        assert list(run.states) == ["c2"]


async def test_without_models_the_screen_says_why_and_plus_works() -> None:
    engine = FakeEngine()
    engine.problem = AppError("No model", "nothing is configured", "set OPENAI_API_KEY", kind=ErrorKind.USAGE)
    async with stage(engine) as s:
        assert "nothing is configured (set OPENAI_API_KEY)" in s.shown()
        s.screen.columns_area.placeholder.focus()
        await s.press("plus", "enter")
        await s.work_done()
        assert [column.label for column in s.screen.columns_area.columns] == ["openai/gpt-mini"]


async def test_parameters_are_checked_beside_the_field_and_used() -> None:
    async with stage() as s:
        await focus(s, 2)
        await s.press("p")
        assert isinstance(s.top, ParamsScreen)
        await s.type("9")
        await s.press("enter")
        assert "between 0 and 2" in s.shown()
        await s.press("backspace")
        await s.type("0.5")
        await s.press("tab")
        await s.type("many")
        await s.press("enter")
        assert "a whole number" in s.shown()
        await s.press(*["backspace"] * 4)
        await s.type("4096")
        await s.press("tab", "l", "o", "w", "tab", "7", "tab")
        await s.type("END | \\n\\n")
        await s.press("tab")
        await s.type("Be brief.")
        await s.press("ctrl+s")
        run = await s.send("go")
        spec = run.spec.columns[1]
        assert spec.params == ModelParams(4096, 0.5, "low", 7, ("END", "\n\n"))
        assert spec.system == "Be brief."


async def test_leaving_the_parameters_changes_nothing() -> None:
    async with stage() as s:
        await focus(s, 1)
        await s.press("p", "1", "escape")
        run = await s.send("go")
        assert run.spec.columns[0].params == ModelParams()


# Matrix and diff


def view(label: str, *calls_: object, metrics: Metrics | None = None) -> ColumnView:
    return ColumnView(label, ColumnStatus.DONE, metrics or Metrics(), calls_)  # pyright: ignore[reportArgumentType]  records


def test_matrix_lines_calls_up_by_step_and_marks_other_arguments() -> None:
    same = call("1", "fs", "read", {"path": "a"}, CallStatus.OK, duration_ms=12.0)
    other = call("1", "fs", "read", {"path": "b"}, CallStatus.ERROR, duration_ms=3.0, shared=False)
    rows = {row.title.strip(): row for row in matrix([view("x", same), view("y", same), view("z", other), view("w")])}
    assert rows["step 1"].cells == ()
    cells = rows["fs.read"].cells
    assert cells[0].text == cells[1].text == "✓ ok 12ms  path=a"
    assert cells[2].text == "✗ error 3ms  ≠ path=b" and cells[2].tone == "bad"
    assert cells[3].text == "-"


def test_matrix_leaves_out_what_is_zero_everywhere() -> None:
    none = Metrics(Usage(10, 20, 0, None, 0), steps=1)
    rows = {row.title.strip() for row in matrix([view("x", metrics=none), view("y", metrics=none)])}
    assert {"input", "output", "steps"} <= rows
    assert not {"cached", "reasoning", "calls", "attempts", "fallback", "notes", "replayed"} & rows
    some = replace(none, usage=Usage(10, 20, 5, None, 0))
    assert "cached" in {row.title.strip() for row in matrix([view("x", metrics=none), view("y", metrics=some)])}


def test_matrix_tells_of_replays_fallbacks_and_notes() -> None:
    replayed = Metrics(Usage(10, 20), cost_usd=0.0, duration_ms=1.0, steps=2, cached_steps=2)
    partly = Metrics(Usage(10, 20), cost_usd=0.0001, duration_ms=2.0, steps=3, cached_steps=1)
    other = replace(figures(400, 80, 0.01), fallback="groq/llama because Rate limited", notes=("Cut to 100 tokens",))
    rows = {
        row.title.strip(): row.cells
        for row in matrix([view("a", metrics=replayed), view("b", metrics=partly), view("c", metrics=other)])
    }
    assert [cell.text for cell in rows["replayed"]] == ["cached", "1 of 3 steps cached", "-"]
    assert rows["fallback"][2].text == "groq/llama because Rate limited"
    assert rows["notes"][2].text == "Cut to 100 tokens"
    assert not any(cell.best for cells in rows.values() for cell in cells)


def test_matrix_columns_share_the_room_and_small_ones_keep_theirs() -> None:
    wide = call("1", "fs", "read", {"path": "a" * 50}, CallStatus.OK, duration_ms=12.0)
    rows = matrix([view("x", wide), view("y", wide), view("z")])
    labels, same = fitted(["x", "y", "z"], rows, 500)
    assert same == rows and labels == ["x", "y", "z"]
    _, cut = fitted(["x", "y", "z"], rows, 80)
    widths = [max(cell_len(row.cells[at].text) for row in cut if row.cells) for at in range(3)]
    assert sum(widths) <= 80 and widths[0] == widths[1] >= 35
    assert cut[-1].cells[0].text.endswith("…") and cut[-1].cells[0].text.startswith("✓ ok 12ms  path=aaa")
    _, least = fitted(["x", "y", "z"], rows, 10)
    assert cell_len(least[-1].cells[0].text) == 20


@pytest.mark.parametrize("size", [(160, 45), (120, 35)])
async def test_the_matrix_scrolls_sideways_only_when_it_must(size: tuple[int, int]) -> None:
    async with stage(size=size) as s:
        run = await s.send("go")
        play(run, "finished")
        for column in ("c1", "c2", "c3"):
            run.tell(CallChanged(column, call("n", "fs", "read", {"path": f"{column}{'x' * 80}"}, CallStatus.OK)))
        await focus(s, 1)
        await s.press("m")
        screen = s.top
        assert isinstance(screen, MatrixScreen)
        assert not screen.table.show_horizontal_scrollbar
        assert "fs.read" in s.shown()
        await s.pilot.resize_terminal(60, 24)
        await s.settle()
        assert screen.table.show_horizontal_scrollbar


def test_matrix_marks_best_and_leaves_out_what_nobody_knows() -> None:
    rows = {
        row.title.strip(): row
        for row in matrix([view("x", metrics=figures(400, 80, 0.01)), view("y", metrics=figures(200, 60, 0.02))])
    }
    assert [cell.best for cell in rows["first token"].cells] == [False, True]
    assert [cell.best for cell in rows["speed"].cells] == [True, False]
    assert [cell.best for cell in rows["cost"].cells] == [True, False]
    assert not any(cell.best for cell in rows["input"].cells)
    assert "reasoning" not in rows
    guess = Metrics(Usage(10, 20), usage_is_estimate=True)
    assert {row.title: row for row in matrix([view("x", metrics=guess)])}["input"].cells[0].text == "~10"


async def test_m_shows_the_matrix_and_follows_a_live_run() -> None:
    async with stage() as s:
        run = await s.send("go")
        play(run, "streaming")
        await focus(s, 1)
        await s.press("m")
        screen = s.top
        assert isinstance(screen, MatrixScreen)
        assert "db.query" in s.shown() and "select * from jobs" in s.shown()
        new = call("n", "time", "get_current_time", {"zone": "UTC"}, CallStatus.OK, duration_ms=5.0)
        run.tell(StepStarted("c3", 2), CallChanged("c3", new))
        screen._tick()  # pyright: ignore[reportPrivateUsage]  what the timer does
        await s.settle()
        assert "time.get_current_time" in s.shown()
        await s.press("m")
        assert s.top is s.screen
        assert s.screen.columns_area.columns[0].has_focus_within


def test_difference_marks_words() -> None:
    found = difference("the quick brown fox", "the slow brown fox!")
    assert found.left == (("the ", False), ("quick", True), (" brown fox", False))
    assert found.right == (("the ", False), ("slow", True), (" brown fox", False), ("!", True))
    assert "".join(piece for piece, _ in found.left) == "the quick brown fox"
    assert difference("a b", "a b").ratio == 1.0
    assert difference("", "").left == ()


async def test_d_compares_the_focused_answer_with_the_others() -> None:
    async with stage() as s:
        run = await s.send("go")
        for column, text in (("c1", "alpha beta"), ("c2", "alpha gamma"), ("c3", "delta")):
            run.finish(column, text)
        await focus(s, 2)
        await s.press("d")
        await s.work_done()
        assert isinstance(s.top, DiffScreen)
        shown = s.shown()
        assert "alpha gamma" in shown and "delta" in shown
        await s.press("right")
        await s.work_done()
        assert "alpha beta" in s.shown()
        await s.press("escape")
        assert s.top is s.screen


async def test_text_in_the_diff_is_selected_with_the_mouse() -> None:
    async with stage(size=(120, 35)) as s:
        run = await s.send("go")
        for column, text in (("c1", "alpha beta"), ("c2", "alpha gamma"), ("c3", "delta")):
            run.finish(column, text)
        await focus(s, 1)
        await s.press("d")
        await s.work_done()
        text = s.top.query(Static).first()
        await s.pilot.mouse_down(text, offset=(0, 0))
        await s.pilot.hover(text, offset=(4, 0))
        await s.pilot.mouse_up(text, offset=(4, 0))
        await s.settle()
        assert s.top.get_selected_text() == "alpha"
        await s.press("escape")
        assert s.top is s.screen


async def test_ctrl_c_copies_what_is_selected_and_says_so() -> None:
    async with stage(notifications=True) as s:
        run = await s.send("go")
        run.finish("c1", "alpha beta")
        await focus(s, 1)
        view = s.screen.columns_area.columns[0].view
        await s.press("ctrl+c")
        assert "Selection copied" not in s.shown()
        await s.pilot.mouse_down(view, offset=(1, 0))
        await s.pilot.hover(view, offset=(5, 0))
        await s.pilot.mouse_up(view, offset=(5, 0))
        await s.press("ctrl+c")
        assert s.app.clipboard == "alpha"
        assert "Selection copied" in s.shown()


@pytest.mark.parametrize("screen", [DiffScreen, ServerCard, SavedRunScreen, CompareScreen])
def test_a_screen_with_a_mixin_keeps_the_styles_of_a_screen(screen: type[Screen[None]]) -> None:
    assert "screen--selection" in screen._get_component_classes()  # pyright: ignore[reportPrivateUsage]  there is no public way


async def test_d_with_one_answer_says_that_two_are_needed() -> None:
    async with stage(notifications=True) as s:
        run = await s.send("go")
        run.finish("c1", "x")
        await focus(s, 1)
        await s.press("d")
        assert "Two answers are needed" in s.shown()


# First start


async def test_the_demo_starts_with_a_prompt_and_says_what_is_demo() -> None:
    engine = FakeEngine(("demo/swift", "demo/scholar", "demo/builder"))
    engine.demo_models = True
    for size in ((160, 45), (80, 24)):
        async with stage(engine, size=size) as s:
            assert s.screen.prompt_pane.text == DEMO_PROMPT
            first = next(line for line in s.shown().splitlines() if "OPENAI_API_KEY" in line)
            assert "demo" in first and "--server NAME=COMMAND" in first
            await s.press("ctrl+l", "enter")
            assert engine.run.sent[0][0] == DEMO_PROMPT
            assert "OPENAI_API_KEY" not in s.shown()


async def test_an_engine_that_fails_says_why_in_place_of_the_columns() -> None:
    async with stage(ready=False) as s:
        s.screen.engine_failed(ErrorInfo("Engine stopped", "disk is full", "free some space"))
        await s.settle()
        assert "Engine stopped: disk is full (free some space)" in s.shown()


async def test_a_text_offered_by_another_mode_is_added_to_what_is_written() -> None:
    async with stage() as s:
        await s.type("mine")
        s.screen.offer_prompt("offered")
        await s.settle()
        assert s.screen.prompt_pane.text == "mine\n\noffered"


async def test_questions_during_a_dialog_do_not_take_its_focus() -> None:
    async with stage() as s:
        await focus(s, 1)
        await s.press("p")
        await s.questions(question(1))
        assert isinstance(s.top, ParamsScreen)
        await s.press("escape")
        assert not s.screen.approval_bar.has_focus
        assert s.screen.approval_bar.display


async def test_the_screen_needs_neither_mcp_nor_httpx() -> None:
    import subprocess
    import sys

    code = "import sys, mcp_tui.ui.app; print(sorted({'mcp', 'httpx', 'uvicorn', 'jsonschema'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout.strip() == "[]"


async def test_server_floods_keep_the_screen_answering() -> None:
    async with stage() as s:
        for _ in range(200):
            s.screen.servers_changed(example_servers())
        await s.type("ok")
        assert s.screen.prompt_pane.text == "ok"


@pytest.mark.parametrize("width", [40, 80, 160])
async def test_the_key_for_help_is_always_named(width: int) -> None:
    async with stage(size=(width, 24)) as s:
        await s.send("go")
        await s.press("alt+1")
        line = str(s.top.query_one(KeyBar).render())
        assert "F1 help" in line
        assert len(line.rstrip()) <= width
