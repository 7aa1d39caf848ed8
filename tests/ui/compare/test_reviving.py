"""Saved runs come back to life in Compare."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_tui.config import paths
from mcp_tui.core.state import ColumnStatus
from mcp_tui.store.history.reader import HistoryReader
from mcp_tui.store.history.records import SavedRun
from mcp_tui.store.history.tables import FILE_NAME
from mcp_tui.ui.history.saved_run import SavedRunScreen
from mcp_tui.ui.history.screen import HistoryScreen
from mcp_tui.ui.messages import RunRevived
from mcp_tui.ui.screens.dialog import ConfirmScreen
from tests.store.history_runs import NOON, Scribe, answer, call, column, in_order, said
from tests.ui.doubles import Stage, stage


@pytest.fixture
def path() -> Path:
    """Two turns of two columns, the second of which was the third once: its id has a gap before it."""
    path = paths.data_dir() / FILE_NAME
    scribe = Scribe(path)
    events = [
        *in_order(answer("c1", "One.", calls=[call("a")], thinking="Hm."), answer("c3", "Uno.")),
        *in_order(
            answer("c1", "Two.", turn=2, prompt="And then?", at_s=60.0),
            answer("c3", "Dos.", turn=2, prompt="And then?", at_s=60.0),
        ),
    ]
    scribe.run(
        events,
        columns=[column(1, "anthropic/claude-sonnet"), column(3, "openai/gpt-mini")],
        answers=[said("c1", "One."), said("c3", "Uno."), said("c1", "Two.", 2), said("c3", "Dos.", 2)],
        settings={"max_steps": 3, "no_tools": True},
        id_="night222",
    )
    scribe.close()
    return path


def saved(path: Path) -> SavedRun:
    return HistoryReader(path, now=lambda: NOON).open(1)


async def revived(found: Stage, run: SavedRun, how: str) -> None:
    found.app.post_message(RunRevived(run, how))  # pyright: ignore[reportArgumentType]  one of the two
    await found.settle()


async def test_run_again_sends_the_same_prompt_to_the_same_models(path: Path) -> None:
    async with stage() as found:
        await revived(found, saved(path), "rerun")
        run = found.engine.run
        assert [c.label for c in run.spec.columns] == ["anthropic/claude-sonnet", "openai/gpt-mini"]
        assert run.spec.columns[0].params.temperature == 0.2 and run.spec.columns[0].system == "Be brief"
        assert (run.spec.max_steps, run.spec.no_tools) == (3, True)
        ((prompt, message),) = run.sent_again
        assert prompt == "Why did the nightly job fail?" and message.text == prompt
        assert run.continued is None
        columns = found.screen.columns_area.columns
        assert [c.status for c in columns] == [ColumnStatus.CONNECTING] * 2
        assert found.screen.prompt_pane.text == "And then?", "the next prompt stands ready, and is not sent"
        for name in ("c1", "c3"):
            run.finish(name, "New.")
        await found.pilot.press("enter")
        await found.settle()
        assert [text for text, _, _ in run.sent] == ["Why did the nightly job fail?", "And then?"]
        assert found.screen.prompt_pane.text == ""


async def test_what_is_being_written_stays(path: Path) -> None:
    async with stage() as found:
        found.screen.prompt_pane.set_text("a draft")
        await revived(found, saved(path), "rerun")
        assert found.screen.prompt_pane.text == "a draft" and len(found.engine.run.sent_again) == 1


async def test_continuing_shows_the_past_and_goes_on_from_it(path: Path) -> None:
    async with stage() as found:
        await revived(found, saved(path), "fork")
        run = found.engine.run
        assert run.sent == [] and run.continued is not None and run.continued.run_id == "night222"
        assert [len(turns) for turns in run.continued.turns.values()] == [2, 2]
        sonnet, mini = found.screen.columns_area.columns
        assert (sonnet.status, mini.answer_text()) == (ColumnStatus.DONE, "Dos.")
        sonnet.view.flush()
        rows = "\n".join(sonnet.view.plain_rows())
        assert "› Why did the nightly job fail?" in rows and "thinking 90ms" in rows and "fs.read_file" in rows
        found.screen.prompt_pane.set_text("What now?")
        await found.pilot.press("enter")
        await found.settle()
        assert run.sent == [("What now?", (), None)]
        assert sonnet.status is ColumnStatus.CONNECTING


async def test_a_model_added_to_a_continued_run_gets_an_id_of_its_own(path: Path) -> None:
    async with stage() as found:
        await revived(found, saved(path), "fork")
        conversation = found.screen.columns.conversation
        assert conversation is not None
        added = conversation.add(conversation.columns[0])
        assert added.id == "c4" and added.label == "anthropic/claude-sonnet #2"


async def test_a_live_conversation_is_not_stopped_without_asking(path: Path) -> None:
    async with stage() as found:
        found.screen.prompt_pane.set_text("Hello")
        await found.pilot.press("enter")
        await found.settle()
        first = found.engine.run
        await revived(found, saved(path), "fork")
        assert isinstance(found.top, ConfirmScreen)
        await found.pilot.press("n")
        await found.settle()
        assert found.engine.run is first and first.cancelled == []
        await revived(found, saved(path), "fork")
        await found.pilot.press("y")
        await found.settle()
        assert first.cancelled == [None] and found.engine.run is not first


async def test_a_new_conversation_has_forgotten_the_saved_one(path: Path) -> None:
    async with stage() as found:
        await revived(found, saved(path), "fork")
        await found.pilot.press("ctrl+n")
        await found.settle()
        found.screen.prompt_pane.set_text("Fresh")
        await found.pilot.press("enter")
        await found.settle()
        assert found.engine.run.continued is None and found.engine.run.spec.no_tools is False
        assert found.screen.prompt_pane.text == ""


async def test_a_run_whose_models_cannot_be_read_is_said(path: Path) -> None:
    run = saved(path)
    run.columns[0].spec["column"] = None
    async with stage(notifications=True) as found:
        await revived(found, run, "rerun")
        assert found.engine.runs == []
        notes = [note.message for note in found.app._notifications]  # pyright: ignore[reportPrivateUsage]  the toasts
        assert any("cannot be run again" in note for note in notes)


async def test_the_keys_lead_from_the_list_to_compare(path: Path) -> None:
    async with stage() as found:
        await found.pilot.press("f5")
        for _ in range(400):
            await found.pilot.pause(0.01)
            if isinstance(found.top, HistoryScreen) and len(found.top.list.runs) == 1:
                break
        await found.pilot.press("enter")
        for _ in range(400):
            await found.pilot.pause(0.01)
            if isinstance(found.top, SavedRunScreen) and found.top.columns_area.columns:
                break
        assert isinstance(found.top, SavedRunScreen)
        await found.pilot.press("f")
        for _ in range(400):
            await found.pilot.pause(0.01)
            if found.engine.runs:
                break
        assert found.app.current_mode == "compare" and found.engine.run.continued is not None
        await found.pilot.press("f5")
        await found.settle()
        assert isinstance(found.top, SavedRunScreen), "the other mode is as it was left"
