"""Search within a column: what is found, what is marked, where the reader stays."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.style import Style
from textual.pilot import Pilot

from mcp_tui.core.events import TextAppended
from mcp_tui.ui.stream.document import StreamDocument
from mcp_tui.ui.stream.items import Layout
from mcp_tui.ui.stream.rows import Palette
from mcp_tui.ui.stream.search import StreamSearch, pattern
from tests.ui.stream.harness import ColumnApp, call, column_app, joined
from tests.ui.stream.test_stream_markdown import PIECES

PALETTE = Palette(**{name: Style(color=f"color({16 + n})") for n, name in enumerate(Palette.__slots__)})


def text(value: str) -> TextAppended:
    return TextAppended("c1", value)


async def search(pilot: Pilot[object], query: str) -> None:
    await pilot.press("slash", *("space" if letter == " " else letter for letter in query))
    await pilot.pause()


def state(app: ColumnApp) -> tuple[str, int | None, int]:
    found = app.view.search_state
    assert found is not None
    return found


def marked(app: ColumnApp) -> list[str]:
    """What is drawn as a match, the current one in brackets."""
    palette = Palette.of(app.view)
    found: list[str] = []
    for strip in app.screen._compositor.render_strips():  # pyright: ignore[reportPrivateUsage]  there is no public way
        for segment in strip:
            if segment.style is not None and segment.style.bgcolor == palette.match_current.bgcolor:
                found.append(f"[{segment.text}]")
            elif segment.style is not None and segment.style.bgcolor == palette.match.bgcolor:
                found.append(segment.text)
    return found


LOG = "\n\n".join(f"line {n} of the log" + (" with a **Timeout** here" if n % 10 == 0 else "") for n in range(100))


async def test_matches_are_marked_and_counted_and_n_walks_them_round_the_ends() -> None:
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(text(LOG))
        await pilot.press("home")
        await search(pilot, "timeout")
        assert state(app) == ("timeout", 1, 10)
        assert "/ timeout" in app.screen_rows()[-1] and "1/10" in app.screen_rows()[-1]
        assert marked(app)[0] == "[Timeout]"
        await pilot.press("enter", "n")
        assert state(app) == ("timeout", 2, 10)
        await pilot.press("N", "N")
        assert state(app) == ("timeout", 10, 10)
        assert "line 90 of" in joined(app.screen_rows())
        await pilot.press("n")
        assert state(app) == ("timeout", 1, 10)
        assert "/timeout 1/10" in app.screen_rows()[-1]


async def test_escape_while_typing_goes_back_to_where_the_reader_was() -> None:
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(text(LOG))
        await pilot.press("home", "down", "down", "down")
        await search(pilot, "line 90")
        assert app.view.view_top > 50
        await pilot.press("escape")
        await pilot.pause()
        assert app.view.view_top == 3
        assert app.view.search_state is None
        assert marked(app) == []
        assert app.focused is app.column


async def test_escape_while_typing_follows_the_end_again_if_it_was_followed() -> None:
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(text(LOG))
        await search(pilot, "line 10")
        assert not app.view.following
        await pilot.press("escape")
        app.feed(text("\n\nthe very end"))
        await pilot.pause()
        assert app.view.following
        assert "the very end" in joined(app.screen_rows())


async def test_leaving_a_kept_search_stays_where_the_reader_is() -> None:
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(text(LOG))
        await search(pilot, "line 50")
        await pilot.press("enter")
        top = app.view.view_top
        assert app.column.step_back()
        await pilot.pause()
        assert app.view.view_top == top
        assert marked(app) == []
        assert not app.column.step_back()


async def test_text_that_arrives_is_searched_and_the_current_match_stays() -> None:
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(text("first apple\n\n" + "filler\n\n" * 40))
        await search(pilot, "apple")
        await pilot.press("enter")
        top = app.view.view_top
        assert state(app) == ("apple", 1, 1)
        app.feed(text("an app"))
        app.feed(text("le, another apple"))
        await pilot.pause()
        assert state(app) == ("apple", 1, 3)
        assert app.view.view_top == top
        assert "1/3" in app.screen_rows()[-1]
        await pilot.press("n")
        assert marked(app) == ["[apple]", "apple"]


async def test_a_query_typed_before_its_text_is_found_when_it_comes() -> None:
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(text("nothing yet\n\n"))
        await search(pilot, "later")
        assert "no match" in app.screen_rows()[-1]
        app.feed(text("this came later"))
        await pilot.pause()
        assert state(app)[2] == 1
        assert marked(app) == ["later"]
        await pilot.press("enter", "n")
        assert marked(app) == ["[later]"]


async def test_matches_are_found_across_wrapped_rows_and_styles() -> None:
    async with column_app((40, 20)) as (app, pilot):
        app.column.focus()
        app.feed(text("Some words before a **phrase that** `goes over` the edge of a line of the column."))
        await search(pilot, "a phrase that goes over the edge")
        assert state(app) == ("a phrase that goes over the edge", 1, 1)
        assert len(marked(app)) > 2
        assert " ".join("".join(piece.strip("[]") for piece in marked(app)).split()).replace(" ", "") == (
            "aphrasethatgoesovertheedge"
        )


@pytest.mark.parametrize(
    ("query", "count"), [("apple", 3), ("Apple", 1), ("APPLE", 1), ("a.p", 0), ("[", 1), ("日本", 1), ("ä", 2)]
)
async def test_case_counts_only_with_a_capital_letter_and_nothing_is_a_pattern(query: str, count: int) -> None:
    async with column_app() as (app, _):
        app.feed(text("apple Apple APPLE [ 日本語 ä Ä"))
        app.view.search(query)
        assert state(app)[2] == count


async def test_folded_and_unfolded_calls_are_searched_as_they_are_shown() -> None:
    result = {"content": [{"type": "text", "text": "needle in the result"}]}
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(call("1", result=result))
        app.view.search("needle")
        assert state(app)[2] == 0
        await pilot.press("enter")
        assert state(app)[2] == 1


async def test_resizing_keeps_matches_and_the_current_one() -> None:
    async with column_app((90, 20)) as (app, pilot):
        app.column.focus()
        app.feed(text(LOG))
        await search(pilot, "timeout")
        await pilot.press("enter", "n", "n")
        before = state(app)
        await pilot.resize_terminal(30, 20)
        app.view.flush()
        await pilot.pause()
        assert state(app) == before
        await pilot.press("n")
        assert state(app)[1] == (before[1] or 0) + 1
        assert "[Timeout]" in marked(app)


async def test_a_search_may_be_changed_and_repeated_later() -> None:
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(text("one two one"))
        await search(pilot, "one")
        await pilot.press("enter")
        app.column.step_back()
        await pilot.press("n")
        assert state(app)[::2] == ("one", 2)
        await search(pilot, "two")
        await pilot.press("enter")
        assert state(app) == ("two", 1, 1)


async def test_selecting_and_copying_work_during_a_search() -> None:
    async with column_app() as (app, pilot):
        app.column.focus()
        app.feed(text("alpha beta gamma"))
        app.view.search("beta")
        await pilot.mouse_down(app.view, offset=(1, 0))
        await pilot.hover(app.view, offset=(5, 0))
        await pilot.mouse_up(app.view, offset=(5, 0))
        await pilot.press("c")
        assert app.copied[-1] == "alpha"


async def test_rows_without_a_match_stay_the_strips_they_were() -> None:
    async with column_app() as (app, pilot):
        app.feed(text("plain row\n\nanother plain row\n\nhas the needle"))
        await pilot.pause()
        height = app.view.size.height
        before = app.view.render_lines(app.view.region.reset_offset)
        app.view.search("needle")
        after = app.view.render_lines(app.view.region.reset_offset)
        changed = [number for number in range(height) if before[number] is not after[number]]
        assert changed[:1] == [4]
        assert all(number >= 4 for number in changed)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_search_kept_while_streaming_finds_what_one_at_the_end_finds(data: st.DataObject) -> None:
    pieces = [*PIECES, "```\n" + "code with words\n" * 40 + "```\n", "and more words of the text "]
    whole = "".join(data.draw(st.lists(st.sampled_from(pieces), min_size=1, max_size=6)))
    query = data.draw(st.sampled_from(["two", "of the", "paragraph of b", "e", "words of", "code with words", "語"]))
    cuts = sorted(set(data.draw(st.lists(st.integers(0, len(whole)), max_size=15))))
    document = StreamDocument(lambda: 0.0)
    document.start_turn(1, "why?")
    kept = StreamSearch(query)
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        document.append_text(whole[start:end])
        document.drain()
        _settle(document, kept)
    document.close_writing()
    _settle(document, kept)
    fresh = StreamSearch(query)
    fresh.sync(document.items, 0)
    assert kept.total == fresh.total
    for item in document.items:
        for row in range(len(item.rows)):
            assert list(kept.marks(item, row)) == list(fresh.marks(item, row))


def _settle(document: StreamDocument, search: StreamSearch) -> None:
    document.lay_out(Layout(34, PALETTE), first=0, height=10, follow=True, until=lambda: False)
    first, document.changes.first_item = document.changes.first_item, None
    if first is not None:
        search.sync(document.items, first)


def test_a_pattern_joins_words_over_at_most_one_line_break() -> None:
    found = pattern("two words")
    assert found is not None
    assert [bool(re.search(found, case)) for case in ("two words", "two  \n words", "two\n\nwords", "twowords")] == [
        True,
        True,
        False,
        False,
    ]
    assert pattern("   ") is None
