"""The stream on a screen: scrolling, folding, selecting, resizing, hostile text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.geometry import Offset, Region
from textual.selection import Selection

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.events import (
    MetricsChanged,
    ReasoningAppended,
    StatusChanged,
    StepStarted,
    TextAppended,
    TurnStarted,
)
from mcp_tui.core.state import CallStatus, ColumnStatus, Metrics
from mcp_tui.runs.availability import FALLBACK
from mcp_tui.ui.stream.document import StreamDocument
from tests.ui.stream.harness import ColumnApp, call, column_app, joined

HOSTILE = "a[/x]b [@click=app.bell()]hi[/] \x1b]52;c;aGFjaw==\x07\x1b]0;title\x07\x1b[2J\x9b31m\u202eevil end"


def text(*lines: str) -> TextAppended:
    return TextAppended("c1", "\n".join(lines))


def numbered(count: int, start: int = 0) -> TextAppended:
    return text(*(f"line {n}\n" for n in range(start, start + count)), "")


async def test_text_appears_as_rendered_markdown() -> None:
    async with column_app() as (app, pilot):
        app.feed(text("# Title", "some **bold** text", "", "- item", ""))
        await pilot.pause()
        shown = joined(app.screen_rows())
        assert "│ Title" in shown
        assert "│ some bold text" in shown
        assert "│ • item" in shown
        assert "**" not in shown and "#" not in shown


async def test_the_clock_paints_without_being_asked() -> None:
    async with column_app() as (app, pilot):
        app.column.handle(text("hello from the stream"))
        for _ in range(200):
            await pilot.pause(0.02)
            if "hello from the stream" in joined(app.screen_rows()):
                break
        assert "hello from the stream" in joined(app.screen_rows())


async def test_the_view_follows_the_end() -> None:
    async with column_app() as (app, pilot):
        app.feed(numbered(50))
        await pilot.pause()
        assert app.view.following
        assert "line 49" in joined(app.screen_rows())
        assert "line 1 " not in joined(app.screen_rows())


async def test_scrolling_up_holds_the_place_until_the_end_is_reached_again() -> None:
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(numbered(50))
        await pilot.press("pageup", "up", "up")
        top = app.view.view_top
        before = app.screen_rows()[1:-1]
        app.feed(numbered(50, 50))
        await pilot.pause()
        assert app.view.view_top == top
        assert [row[1:50] for row in app.screen_rows()[1:-1]] == [row[1:50] for row in before]
        await pilot.press("end")
        assert app.view.following
        app.feed(numbered(5, 100))
        await pilot.pause()
        assert "line 104" in joined(app.screen_rows())


async def test_home_and_the_wheel_move_the_view() -> None:
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(numbered(50))
        await pilot.press("home")
        assert app.view.view_top == 0
        assert "line 0" in joined(app.screen_rows())
        await pilot._post_mouse_events(  # pyright: ignore[reportPrivateUsage]  the pilot has no wheel
            [_wheel_down()], widget=app.view, offset=(5, 5)
        )
        await pilot.pause()
        assert app.view.view_top == 3


def _wheel_down() -> type:
    from textual.events import MouseScrollDown

    return MouseScrollDown


async def test_dragging_the_scrollbar_moves_the_view() -> None:
    async with column_app() as (app, pilot):
        app.feed(numbered(80))
        await pilot.mouse_down(app.view, offset=(app.view.size.width - 1, 0))
        assert app.view.view_top == 0
        await pilot.hover(app.view, offset=(app.view.size.width - 1, app.view.size.height - 1))
        await pilot.mouse_up(app.view, offset=(app.view.size.width - 1, app.view.size.height - 1))
        assert app.view.following


async def test_resizing_while_streaming_wraps_anew_and_keeps_following() -> None:
    words = "several words that fill more than one narrow line of a column "
    async with column_app((90, 20)) as (app, pilot):
        app.feed(text(*(f"{words}{n}\n" for n in range(30)), "the end"))
        height = app.view.content_height
        await pilot.resize_terminal(40, 14)
        await pilot.pause()
        assert "the end" in joined(app.screen_rows())
        app.view.flush()
        assert app.view.content_height > height
        narrow = app.view.plain_rows()
        app.feed(text(" and more"))
        await pilot.pause()
        assert "the end and more" in joined(app.screen_rows())
    async with column_app((40, 14)) as (app, pilot):
        app.feed(text(*(f"{words}{n}\n" for n in range(30)), "the end"))
        assert app.view.plain_rows() == narrow


async def test_resizing_holds_the_row_that_was_on_top() -> None:
    async with column_app((90, 20)) as (app, pilot):
        app.column.focus()
        app.feed(text(*(f"## Part {n}\n\n" + f"word{n} " * 30 + "\n" for n in range(30))))
        await pilot.press(*["pageup"] * 3)
        top = next(row for row in app.view.plain_rows()[app.view.view_top :] if row.startswith("Part"))
        await pilot.resize_terminal(50, 20)
        app.view.flush()
        await pilot.pause()
        assert top in joined(app.screen_rows())


async def test_a_theme_change_restyles() -> None:
    async with column_app() as (app, pilot):
        app.feed(text("```python", "def f(): pass", "```", "done"))
        before = app.export_screenshot()
        rows = app.view.plain_rows()
        app.theme = "paper"
        await pilot.pause()
        app.view.flush()
        await pilot.pause()
        assert app.view.plain_rows() == rows
        after = app.export_screenshot()
        assert after != before
        keyword = app.theme_variables["primary"]
        assert keyword.lower() in after.lower() and keyword.lower() not in before.lower()


async def test_thinking_is_folded_and_unfolds() -> None:
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(ReasoningAppended("c1", "First I look.\nThen I think"))
        app.clock.now += 1.2
        app.feed(text("The answer."))
        assert app.view.plain_rows() == ["► thinking 1.2s", "The answer."]
        await pilot.press("enter")
        rows = app.view.plain_rows()
        assert rows[:3] == ["▼ thinking 1.2s", "│ First I look.", "│ Then I think"]
        await pilot.press("enter")
        assert app.view.plain_rows() == ["► thinking 1.2s", "The answer."]


async def test_unfolded_thinking_that_streams_equals_the_whole() -> None:
    words = "thoughts that go on and on for a while until the line is full\n\nand " * 5
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(ReasoningAppended("c1", words[:10]))
        await pilot.press("enter")
        for start in range(10, len(words), 13):
            app.feed(ReasoningAppended("c1", words[start : start + 13]))
        streamed = app.view.plain_rows()
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(ReasoningAppended("c1", words))
        await pilot.press("enter")
        assert app.view.plain_rows() == streamed


async def test_calls_unfold_to_arguments_and_result_with_key_and_mouse() -> None:
    result = {"content": [{"type": "text", "text": "three hits"}], "structuredContent": {"hits": 3}}
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(text("Looking.\n"), call("1", result=result), call("2", tool="other"))
        assert len(app.view.plain_rows()) == 4
        await pilot.press("j", "enter")
        rows = joined(app.view.plain_rows())
        assert '"query": "timeout"' in rows
        assert "three hits" in rows
        assert '"hits": 3' in rows
        await pilot.press("enter")
        assert len(app.view.plain_rows()) == 4
        await pilot.click(app.view, offset=(5, 3))
        assert app.view.plain_rows()[3].startswith("▼ demo.other")


async def test_the_current_item_is_marked_only_in_the_focused_column() -> None:
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(call("1"), call("2"))
        await pilot.press("j", "j")
        await pilot.pause()
        assert [row[1] for row in app.screen_rows()[1:3]] == [" ", "▌"]
        app.set_focus(None)
        await pilot.pause()
        assert [row[1] for row in app.screen_rows()[1:3]] == [" ", " "]


async def test_a_long_result_is_cut_with_a_way_to_see_more() -> None:
    result = {"content": [{"type": "text", "text": "\n".join(f"row {n}" for n in range(300))}]}
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(call("1", result=result))
        await pilot.press("enter")
        rows = app.view.plain_rows()
        assert len(rows) == 42
        assert rows[-1].strip() == "… enter shows more"
        await pilot.press("enter")
        assert app.view.plain_rows()[-1].strip() == "row 299"
        await pilot.press("enter")
        assert len(app.view.plain_rows()) == 1


async def test_hostile_text_is_harmless_everywhere() -> None:
    hostile_call = call(
        "1",
        status=CallStatus.ERROR,
        server=HOSTILE,
        tool=HOSTILE,
        arguments={HOSTILE: HOSTILE},
        result={"content": [{"type": "text", "text": HOSTILE}, {"type": HOSTILE, "uri": HOSTILE}]},
        error=ErrorInfo(HOSTILE, HOSTILE, HOSTILE),
        note=HOSTILE,
    )
    async with column_app((100, 60), label=HOSTILE) as (app, pilot):
        app.column.focus()
        app.feed(
            ReasoningAppended("c1", HOSTILE),
            hostile_call,
            text(HOSTILE, "", "```" + HOSTILE, HOSTILE, "```", ""),
            TurnStarted("c1", 2, HOSTILE),
            text("x"),
            StatusChanged("c1", ColumnStatus.ERROR, ErrorInfo(HOSTILE, HOSTILE, HOSTILE)),
        )
        await pilot.press("k", "enter", "k", "enter", "k", "enter", "c")
        await pilot.pause()
        shown = joined(app.screen_rows())
        assert "a[/x]b" in shown
        assert "[@click=app.bell()]hi[/]" in shown
        assert app.is_running
        for character in "\x1b\x07\x9b\u202e":
            assert character not in shown
            assert character not in app.copied[-1]
        # What a call carried is marked, inside JSON by its escapes; from an answer it is gone.
        assert shown.count("aGFjaw") == shown.count("u001b]52") + shown.count("⟨U+001B⟩]52")


async def test_an_escape_split_between_fragments_is_removed() -> None:
    async with column_app() as (app, _):
        for piece in ("safe \x1b", "]52;c;aGF", "jaw==", "\x07 text"):
            app.feed(TextAppended("c1", piece))
        assert app.view.plain_rows() == ["safe  text"]


async def test_c_copies_the_answer_and_y_the_code_in_view() -> None:
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(text("See **this**:", "", "```python", "a = 1", "", "b = 2", "```", "end", ""))
        await pilot.press("c")
        assert app.copied[-1] == "See **this**:\n\n```python\na = 1\n\nb = 2\n```\nend"
        await pilot.press("y")
        assert app.copied[-1] == "a = 1\n\nb = 2"


async def test_code_inside_a_list_can_be_copied() -> None:
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(text("1. run", "   ```sh", "   make all", "   ```", "2. done", ""))
        await pilot.press("y")
        assert app.copied[-1] == "make all"


async def test_copying_without_an_answer_says_so() -> None:
    async with column_app(start=False) as (app, pilot):
        app.column.focus()
        await pilot.press("c", "y")
        await pilot.pause()
        assert app.copied == []
        assert len(app._notifications) == 2  # pyright: ignore[reportPrivateUsage]  there is no public list


async def test_selected_text_loses_wrapping_and_decoration() -> None:
    async with column_app((32, 16)) as (app, _):
        app.feed(text("one two three four five six seven eight nine ten", "", "> quoted", ""))
        rows = app.view.plain_rows()
        assert rows[1] and rows[-1] == "│ quoted"
        everything = app.view.get_selection(Selection(None, None))
        assert everything is not None
        assert everything[0] == "one two three four five six seven eight nine ten\n\nquoted"
        part = app.view.get_selection(Selection(Offset(4, 0), Offset(3, 1)))
        assert part is not None
        assert part[0] == f"{rows[0][4:]} {rows[1][:3]}"


async def test_text_is_selected_with_the_mouse() -> None:
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(text("alpha beta gamma", "", "delta"))
        await pilot.pause()
        await pilot.mouse_down(app.view, offset=(7, 0))
        await pilot.hover(app.view, offset=(10, 0))
        await pilot.mouse_up(app.view, offset=(10, 0))
        assert app.screen.get_selected_text() == "beta"
        await pilot.press("c")
        assert app.copied[-1] == "beta"


async def test_selected_text_may_be_drawn_once_more_while_its_screen_goes() -> None:
    async with column_app() as (app, pilot):
        app.feed(text("alpha beta gamma"))
        await pilot.pause()
        app.screen.selections = {app.view: Selection(Offset(0, 0), Offset(5, 0))}
        app.screen._component_styles.clear()  # pyright: ignore[reportPrivateUsage]  as the framework does on unmount
        assert "alpha beta" in app.view.render_lines(Region(0, 0, 58, 1))[0].text


async def test_a_second_turn_shows_the_prompts() -> None:
    async with column_app() as (app, _):
        app.feed(text("first answer"), StatusChanged("c1", ColumnStatus.DONE))
        assert app.view.plain_rows() == ["first answer"]
        app.feed(TurnStarted("c1", 2, "and then?\nplease"), text("second answer"))
        rows = [row for row in app.view.plain_rows() if row]
        assert rows == ["› why?", "first answer", "› and then? ↵ please", "second answer"]
        assert app.column.answer_text() == "second answer"


@pytest.mark.parametrize(
    ("status", "glyph", "word"),
    [
        (ColumnStatus.ERROR, "✗", "error"),
        (ColumnStatus.INCOMPLETE, "!", "incomplete"),
        (ColumnStatus.CANCELLED, "■", "stopped"),
    ],
)
async def test_an_end_that_is_not_done_stands_where_it_happened(status: ColumnStatus, glyph: str, word: str) -> None:
    async with column_app() as (app, pilot):
        error = ErrorInfo("Key refused", "401 from the provider", "set PROVIDER_API_KEY")
        app.feed(text("Partial answer"), StatusChanged("c1", status, error))
        await pilot.pause()
        rows = app.view.plain_rows()
        assert rows[:2] == ["Partial answer", ""]
        assert rows[2:] == [f"{glyph} Key refused", "  401 from the provider", "  → set PROVIDER_API_KEY"]
        assert f" {word} " in app.screen_rows()[0]


async def test_a_retry_counts_down_and_stays_as_one_line() -> None:
    async with column_app() as (app, pilot):
        error = ErrorInfo("Rate limited", "HTTP 429")
        app.feed(StatusChanged("c1", ColumnStatus.RETRYING, error, app.clock.now + 4))
        assert app.view.plain_rows() == ["» retry in 4s: Rate limited, HTTP 429"]
        app.clock.now += 2
        app.column.tick_second()
        app.view.flush()
        await pilot.pause()
        assert app.view.plain_rows() == ["» retry in 2s: Rate limited, HTTP 429"]
        assert "retry in 2s" in app.screen_rows()[0]
        app.feed(StatusChanged("c1", ColumnStatus.STREAMING), text("ok"))
        assert app.view.plain_rows() == ["» retried: Rate limited", "", "ok"]


async def test_another_model_that_takes_over_is_named_and_stays_named() -> None:
    async with column_app() as (app, _):
        why = ErrorInfo("fallback: groq/llama because Rate limited", "HTTP 429", "wait", code=FALLBACK)
        app.feed(StatusChanged("c1", ColumnStatus.RETRYING, why))
        told = "» fallback: groq/llama because Rate limited, HTTP 429"
        assert app.view.plain_rows() == [told]
        app.feed(StatusChanged("c1", ColumnStatus.STREAMING), text("ok"))
        app.feed(StatusChanged("c1", ColumnStatus.DONE))
        assert app.view.plain_rows() == [told, "", "ok"]


async def test_notes_stand_in_the_column_once_and_never_inside_a_paragraph() -> None:
    async with column_app() as (app, _):
        first = Metrics(notes=("Answers are limited to 100 tokens",))
        app.feed(MetricsChanged("c1", first), MetricsChanged("c1", first))
        assert app.view.plain_rows() == ["· Answers are limited to 100 tokens"]
        app.feed(StatusChanged("c1", ColumnStatus.STREAMING), text("one "))
        app.feed(MetricsChanged("c1", replace(first, notes=(*first.notes, "second\x1b[2J"))), text("paragraph"))
        app.feed(StatusChanged("c1", ColumnStatus.DONE))
        rows = ["· Answers are limited to 100 tokens", "", "one paragraph", "", "· second"]
        assert [row.rstrip() for row in app.view.plain_rows()] == rows


async def test_a_new_turn_does_not_repeat_the_notes_of_the_last() -> None:
    async with column_app() as (app, _):
        app.feed(MetricsChanged("c1", Metrics(notes=("limited",))), StatusChanged("c1", ColumnStatus.DONE))
        app.feed(TurnStarted("c1", 2, "again"), StatusChanged("c1", ColumnStatus.CONNECTING))
        assert sum("limited" in row for row in app.view.plain_rows()) == 1
        app.feed(MetricsChanged("c1", Metrics(notes=("limited",))))
        assert sum("limited" in row for row in app.view.plain_rows()) == 2


async def test_steps_keep_their_texts_apart() -> None:
    async with column_app() as (app, _):
        app.feed(text("first step"), StepStarted("c1", 2), text("second step"))
        assert app.view.plain_rows() == ["first step", "", "second step"]
        assert app.column.answer_text() == "first step\n\nsecond step"


async def test_a_hidden_column_catches_up_when_shown() -> None:
    async with column_app() as (app, pilot):
        app.column.display = False
        await pilot.pause()
        app.column.handle(text("written while hidden"))
        await pilot.pause(0.05)
        app.column.display = True
        await pilot.pause()
        assert "written while hidden" in joined(app.screen_rows())


async def test_a_hidden_column_costs_nothing_until_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    async with column_app() as (app, pilot):
        app.feed(text("seen\n"))
        app.column.display = False
        await pilot.pause()
        parsed: list[str] = []
        drain = StreamDocument.drain

        def spy(document: StreamDocument) -> None:
            parsed.append("drained")
            drain(document)

        monkeypatch.setattr(StreamDocument, "drain", spy)
        for number in range(40):
            app.column.handle(text(f"line {number}\n\n"))
            await pilot.pause(0.005)
        assert parsed == []
        app.column.display = True
        await pilot.pause()
        assert "line 39" in joined(app.screen_rows())


async def test_many_hidden_fragments_arrive_in_order() -> None:
    async with column_app() as (app, pilot):
        app.column.display = False
        await pilot.pause()
        for number in range(6_000):
            app.column.handle(text(f"w{number} "))
        app.column.display = True
        await pilot.pause()
        app.view.flush()
        assert app.column.answer_text().split() == [f"w{number}" for number in range(6_000)]
        assert " ".join(app.view.plain_rows()).split() == app.column.answer_text().split()


def _regions(app: ColumnApp, monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    calls: list[tuple[object, ...]] = []
    refresh = app.view.refresh

    def spy(*regions: object, **options: object) -> object:
        calls.append(regions)
        return refresh(*regions, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(app.view, "refresh", spy)
    return calls


async def test_only_rows_that_changed_are_refreshed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with column_app() as (app, pilot):
        app.feed(text("one", "", "two", "", "three"))
        await pilot.pause()
        calls = _regions(app, monkeypatch)
        app.feed(text(" more"))
        assert calls
        assert all(regions for regions in calls), "the whole view was refreshed"
        assert min(region.y for regions in calls for region in regions) == 4  # type: ignore[attr-defined]


async def test_a_changed_call_above_refreshes_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    async with column_app() as (app, pilot):
        app.feed(call("1", CallStatus.RUNNING, started_at=1000.0), text("below"))
        await pilot.pause()
        calls = _regions(app, monkeypatch)
        app.feed(call("1", CallStatus.OK, duration_ms=5.0))
        assert [(region.y, region.height) for regions in calls for region in regions] == [(0, 1)]  # type: ignore[attr-defined]
