"""The History screen: listing, searching, opening, replaying, running again, saving and deleting."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from mcp_tui.core.state import ColumnStatus
from mcp_tui.store.history.reader import HistoryReader
from mcp_tui.ui.compare.diff import DiffScreen
from mcp_tui.ui.compare.matrix import MatrixScreen
from mcp_tui.ui.history import run_text
from mcp_tui.ui.history.saved_run import SavedRunScreen
from mcp_tui.ui.screens.dialog import ConfirmScreen
from mcp_tui.ui.screens.save import SaveScreen
from tests.store.history_runs import NOON, Scribe, answer, in_order
from tests.ui.history.doubles import HistoryApp, example
from tests.ui.stage import WIDE, screen_text, until


async def loaded(pilot: Pilot[None], app: HistoryApp, count: int) -> None:
    await until(pilot, lambda: len(app.history.list.runs) == count)


async def previewed(pilot: Pilot[None], app: HistoryApp) -> None:
    """The run with the cursor is in the preview, where there is one."""
    screen = app.history
    await until(pilot, lambda: not screen.preview.display or screen.preview.head == screen.list.current)


async def opened(pilot: Pilot[None], app: HistoryApp, key: str = "enter") -> SavedRunScreen:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, SavedRunScreen) and app.screen.columns_area.columns)
    screen = app.screen
    assert isinstance(screen, SavedRunScreen)
    await until(pilot, lambda: screen.playback is not None or screen.columns_area.columns[0].answer_text() != "")
    await until(pilot, lambda: all(c.view.content_height for c in screen.columns_area.columns if c.display))
    return screen


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


def ids(app: HistoryApp) -> list[str]:
    runs = app.history.list.runs
    return [runs.head(place).id for place in range(len(runs))]


async def test_runs_stand_newest_first_with_their_state_and_figures(path: Path) -> None:
    example(path)
    app = HistoryApp(path)
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 5)
        await previewed(pilot, app)
        assert ids(app) == ["night222", "inter222", "partly22", "hostile2", "demo2222"]
        text = screen_text(app)
        assert "Runs  5" in text
        assert "11:00" in text and "Tue 12:00" in text and "16 Oct 12:00" in text and "2025-10-01" in text
        for words in ("✓ done", "! interrupted", "! partly", "■ stopped", "claude-sonnet +1", "$0.0122", "demo"):
            assert words in text, words
        # The preview: what was asked, what was called, what was said.
        assert "› " not in text.split("Run night222")[0]
        assert "2 prompts" in text and "fs.read_file" in text and "When then?" in text


async def test_text_from_outside_reaches_the_screen_clean(path: Path) -> None:
    example(path)
    app = HistoryApp(path)
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 5)
        app.history.list.move_to("2")
        await previewed(pilot, app)
        text = screen_text(app)
        assert "Greet a[/x]bgnp" in text
        assert "\x1b" not in text and "\u202e" not in text


async def test_search_follows_every_key_and_shows_where_it_matched(path: Path) -> None:
    example(path)
    app = HistoryApp(path)
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 5)
        await pilot.press("slash", *"conten")
        await loaded(pilot, app, 1)
        assert ids(app) == ["night222"]
        await until(pilot, lambda: app.history.list.snippets)
        assert "Runs  1 of 5" in screen_text(app)
        assert "Lock contention at 02:00" in app.history.list.row_text(0, 94).plain
        await pilot.press("enter")
        assert app.history.list.has_focus
        await pilot.press("slash")
        app.history.filter.value = "is:interrupted"
        await until(pilot, lambda: ids(app) == ["inter222"])
        app.history.filter.value = "nobody said this"
        await until(pilot, lambda: app.history.list.empty == "no run matches" and not len(app.history.list.runs))
        assert "no run matches" in screen_text(app)
        await pilot.press("escape")
        await loaded(pilot, app, 5)


async def test_a_run_of_another_program_appears_by_itself(path: Path) -> None:
    example(path)
    app = HistoryApp(path)
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 5)
        await pilot.press("down")
        scribe = Scribe(path)
        scribe.run(answer("c1", "Yes.", prompt="New?"), id_="newest22")
        scribe.flush()
        await loaded(pilot, app, 6)
        current = app.history.list.current
        assert current is not None and current.id == "inter222", "the cursor stays on its run"
        assert ids(app)[0] == "newest22"
        scribe.close()


async def test_a_saved_run_opens_exactly_as_it_was(path: Path) -> None:
    example(path)
    app = HistoryApp(path)
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 5)
        screen = await opened(pilot, app)
        sonnet, mini = screen.columns_area.columns
        assert (sonnet.label, mini.label) == ("anthropic/claude-sonnet", "openai/gpt-mini")
        assert [column.status for column in (sonnet, mini)] == [ColumnStatus.DONE] * 2
        assert sonnet.answer_text() == "At 04:00."
        rows = "\n".join(sonnet.view.plain_rows())
        assert "› Why did the nightly job fail?" in rows and "› When then?" in rows
        assert "thinking 90ms" in rows, "measured when it happened, not now"
        assert "fs.read_file" in rows and "12ms" in rows
        rows = "\n".join(mini.view.plain_rows())
        assert "shared" in rows and "denied" in rows
        assert "$0.0061" in sonnet.metrics_text(80)
        text = screen_text(app)
        assert "saved run · 11:00 · ✓ done" in text and "Prompt 2 of 2" in text
        await pilot.press("escape")
        assert app.screen is app.history


async def test_keys_of_live_columns_are_free_for_the_saved_run(path: Path) -> None:
    example(path)
    app = HistoryApp(path)
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 5)
        screen = await opened(pilot, app)
        assert screen.columns_area.columns[0].has_focus
        ids_here = {entry.binding.id for entry in screen.active_bindings.values()}
        assert ids_here >= {"saved.rerun", "saved.fork", "saved.replay", "saved.delete", "column.copy", "column.matrix"}
        assert not ids_here & {"column.retry", "column.fork", "column.params", "column.cancel", "column.add"}
        await pilot.press("m")
        assert isinstance(app.screen, MatrixScreen)
        await pilot.press("escape", "d")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))
        await pilot.press("escape", "z", "c")
        assert screen.columns_area.maximised and app.copied == ["At 04:00."]
        await pilot.press("f")
        await until(pilot, lambda: app.revived)
        assert (app.revived[0].how, app.revived[0].saved.head.id) == ("fork", "night222")


async def test_neighbours_open_without_going_back(path: Path) -> None:
    example(path)
    app = HistoryApp(path)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot, app, 5)
        screen = await opened(pilot, app)
        await pilot.press("alt+down", "alt+down")
        await until(pilot, lambda: "partly22" in str(screen.banner.render()))
        assert screen.columns_area.columns[1].error is not None
        await pilot.press("alt+up")
        await until(pilot, lambda: "inter222" in str(screen.banner.render()))
        assert screen.columns_area.columns[0].status is ColumnStatus.INCOMPLETE
        await pilot.press("escape")
        current = app.history.list.current
        assert current is not None and current.id == "inter222"


async def test_replay_pauses_hurries_and_ends(path: Path) -> None:
    example(path)
    app = HistoryApp(path)
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 5)
        screen = await opened(pilot, app, "p")
        assert screen.playback is not None
        await pilot.press("space", "plus", "plus", "minus")
        playback = screen.playback
        assert playback.paused and playback.speed == 2.0
        screen.play_to(2.0)
        await until(pilot, lambda: "Lock contention" in screen.columns_area.columns[1].answer_text())
        assert screen.columns_area.columns[0].status is ColumnStatus.STREAMING
        assert "streaming 2s" in screen_text(app), "its own time, not the viewer's"
        assert "■ paused · 2x · 2s of 5s" in screen_text(app)
        await pilot.press("e")
        assert screen.playback is None
        assert [column.status for column in screen.columns_area.columns] == [ColumnStatus.DONE] * 2
        await pilot.press("p")
        await until(pilot, lambda: screen.playback is not None)
        await pilot.press("escape")
        assert screen.playback is None and app.screen is screen, "escape ends the replay first"


async def test_replay_runs_by_itself_to_the_end(path: Path) -> None:
    scribe = Scribe(path)
    scribe.run(answer("c1", "Short.", took_s=0.8))
    scribe.flush()
    scribe.close()
    app = HistoryApp(path)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot, app, 1)
        screen = await opened(pilot, app, "p")
        await until(pilot, lambda: screen.playback is None)
        assert screen.columns_area.columns[0].answer_text() == "Short."


async def test_a_run_that_goes_on_elsewhere_is_followed(path: Path) -> None:
    events = in_order(answer("c1", "One two three.", took_s=2.0))
    scribe = Scribe(path, now=lambda: NOON)
    track = scribe.run(events[:8])
    scribe.flush()
    app = HistoryApp(path)
    app.history._reader = HistoryReader(path, now=lambda: NOON)  # pyright: ignore[reportPrivateUsage]  at the time of the run
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot, app, 1)
        assert "● running" in screen_text(app)
        await pilot.press("x")
        assert app.notes == ["This run is still going on: stop it first"]
        screen = await opened(pilot, app)
        from mcp_tui.store.history.track import Batch

        scribe.writer.write(track, Batch(events[8:]))
        scribe.flush()
        await until(pilot, lambda: screen.columns_area.columns[0].answer_text() == "One two three.")
        await until(pilot, lambda: "✓ done" in str(screen.banner.render()))
    scribe.close()


async def test_deleting_asks_once_and_the_run_is_gone(path: Path) -> None:
    example(path)
    app = HistoryApp(path)
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 5)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("n")
        await until(pilot, lambda: app.screen is app.history)
        assert len(HistoryReader(path).find()) == 5
        screen = await opened(pilot, app)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: app.screen is app.history)
        await loaded(pilot, app, 4)
        assert not screen.is_attached and "night222" not in ids(app)


@pytest.mark.parametrize("suffix", ["md", "html", "json"])
async def test_a_run_is_saved_in_the_format_its_name_says(path: Path, tmp_path: Path, suffix: str) -> None:
    example(path)
    app = HistoryApp(path)
    target = tmp_path / f"night.{suffix}"
    async with app.run_test(size=WIDE) as pilot:
        await loaded(pilot, app, 5)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, SaveScreen))
        app.screen.query_one(Input).value = str(target)
        await pilot.press("enter")
        await until(pilot, target.exists)
        text = target.read_text("utf-8")
        assert "session table" in text
        if suffix == "json":
            assert json.loads(text)["turns"][1]["responses"][0]["text"] == "At 04:00."
        await pilot.press("c")
        await until(pilot, lambda: app.copied)
        assert app.copied[0].startswith("<!-- run night222")


async def test_a_file_that_cannot_be_read_is_said_and_nothing_breaks(path: Path) -> None:
    path.write_bytes(b"this is no database, and never was one" * 100)
    app = HistoryApp(path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.history.list.empty.startswith("! History cannot be read"))
        assert "History cannot be read" in screen_text(app)
        await pilot.press("enter")
        assert app.notes == ["There is no run here"]


async def test_an_empty_history_says_how_to_fill_it(tmp_path: Path) -> None:
    app = HistoryApp(tmp_path / "none" / "history.sqlite")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "no run yet: send a prompt in Compare (F2)" in screen_text(app))


@pytest.mark.parametrize(
    ("ago_s", "words"),
    [(0, "12:00"), (86_400, "Wed 12:00"), (86_400 * 30, "6 Oct 12:00"), (86_400 * 400, "2025-10-01")],
)
def test_when_is_short_and_tells_the_day(ago_s: int, words: str) -> None:
    assert run_text.when(NOON - ago_s, datetime.fromtimestamp(NOON, UTC)) == words
