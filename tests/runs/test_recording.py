"""Runs are saved while they stream: what goes into the history, and what comes out of it again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mcp_tui.config import paths
from mcp_tui.config.schema import Config, Defaults
from mcp_tui.core.chat import Finished, Message, Opaque, ReasoningBlock, StopReason, TextBlock, TextDelta
from mcp_tui.core.errors import AppError, ErrorInfo
from mcp_tui.core.events import ColumnEvent, TextAppended
from mcp_tui.core.state import ApprovalPolicy, ColumnStatus
from mcp_tui.runs import recording
from mcp_tui.runs.engine import Engine, EngineOptions, RunSpec
from mcp_tui.runs.recording import RunRecorder
from mcp_tui.runs.run import Run
from mcp_tui.runs.saved import Continuation, columns_of, continuation, settings_onto
from mcp_tui.store.history.reader import HistoryReader
from mcp_tui.store.history.records import RunStatus, SavedRun
from mcp_tui.store.history.tables import FILE_NAME
from mcp_tui.store.history.transcript import Transcript
from mcp_tui.store.history.writer import HistoryWriter
from tests.runs.doubles import Stage, column, within

DEADLINE_S = 30.0


class Recording:
    """A stage whose runs are saved."""

    def __init__(self, stage: Stage, path: Path) -> None:
        self.stage = stage
        self.path = path
        self.faults: list[ErrorInfo] = []
        self.writer = HistoryWriter(path, on_fault=self.faults.append)
        self.recorder: RunRecorder | None = None

    def run(self, *providers: str, continued: Continuation | None = None) -> Run:
        def record(listener: object) -> RunRecorder:
            self.recorder = RunRecorder(
                self.writer,
                listener,  # pyright: ignore[reportArgumentType]  the stage's
                source="dashboard",
                clock=self.stage.clock,
                now=lambda: 1_000_000.0,
                continued=continued,
            )
            return self.recorder

        run = self.stage.run(*providers, record=record)
        if continued is not None:
            run.take_over([(prompt.text, prompt.message) for prompt in continued.prompts], continued.turns)
        assert self.recorder is not None
        self.recorder.attach(run)
        return run

    async def saved(self) -> SavedRun:
        """The newest run, everything of it written."""
        assert self.recorder is not None
        self.recorder.flush()
        assert await asyncio.to_thread(self.writer.flush, timeout_s=DEADLINE_S), self.faults
        history = HistoryReader(self.path, now=lambda: 1_000_001.0)
        return history.open(history.find().head(0).number)


@asynccontextmanager
async def recording_stage(path: Path) -> AsyncGenerator[Recording]:
    async with Stage() as stage:
        found = Recording(stage, path)
        try:
            yield found
        finally:
            assert await asyncio.to_thread(found.writer.close, timeout_s=DEADLINE_S)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


def says(text: str) -> tuple[TextDelta, Finished]:
    signed = ReasoningBlock("thought", Opaque("anthropic-messages", {"signature": "s"}))
    message = Message("assistant", (signed, TextBlock(text)))
    return TextDelta(text), Finished(message, StopReason.STOP, "stop", None)


async def test_the_listener_hears_everything_and_the_file_has_the_same(path: Path) -> None:
    async with recording_stage(path) as found:
        found.stage.model("a", says("One."))
        run = found.run("a")
        run.send("Hello")
        await within(run.wait())
        saved = await found.saved()
        assert [event for _, event in saved.events] == found.stage.events
        assert (saved.head.title, saved.head.status, saved.head.turns) == ("Hello", RunStatus.DONE, 1)
        kept = saved.answers["c1", 1]
        assert kept.messages == (Message("assistant", says("One.")[1].message.blocks),)
        assert kept.facts["stop_reason"] == "stop" and "text" not in kept.facts
        assert columns_of(saved) == run.spec.columns


async def test_a_run_that_was_never_sent_a_prompt_is_not_saved(path: Path) -> None:
    async with recording_stage(path) as found:
        found.stage.model("a", says("One."))
        found.run("a")
        assert found.recorder is not None
        found.recorder.flush()
        await asyncio.to_thread(found.writer.flush)
    assert not path.exists()


async def test_it_is_in_the_file_while_it_still_streams(path: Path) -> None:
    assert recording.FLUSH_S <= 0.5, "with the time to write, less than a second may be lost"
    gate = asyncio.Event()
    async with recording_stage(path) as found:
        found.stage.model("a", [TextDelta("so far"), gate, *says(" and on")])
        run = found.run("a")
        run.send("Hello")

        def text() -> str:
            history = HistoryReader(path, now=lambda: 1_000_001.0)
            runs = history.find()
            if not len(runs):
                return ""
            turn = Transcript().take_all(history.open(runs.head(0).number).events).newest("c1")
            return "" if turn is None else turn.text

        async with asyncio.timeout(DEADLINE_S):
            while await asyncio.to_thread(text) != "so far":  # noqa: ASYNC110  the other side is a file
                await asyncio.sleep(0.02)
        assert HistoryReader(path, now=lambda: 1_000_001.0).find().head(0).status is RunStatus.LIVE
        gate.set()
        await within(run.wait())
        assert (await found.saved()).head.status is RunStatus.DONE


async def test_a_turn_tried_again_and_columns_that_come_and_go(path: Path) -> None:
    async with recording_stage(path) as found:
        found.stage.model("a", says("First."), says("Second."))
        found.stage.model("b", says("Also."))
        run = found.run("a")
        run.send("Hello")
        await within(run.wait())
        run.retry("c1")
        await within(run.wait())
        run.add_column(column(2, "b"))
        run.retry("c2")
        await within(run.wait())
        saved = await found.saved()
        transcript = Transcript().take_all(saved.events)
        assert transcript.columns["c1"][1].text == "Second." and transcript.columns["c2"][1].text == "Also."
        assert [c.id for c in saved.shown_columns] == ["c1", "c2"]
        run.remove_column("c1")
        saved = await found.saved()
        assert [c.id for c in saved.shown_columns] == ["c2"]


async def test_a_conversation_goes_on_exactly_where_it_ended(path: Path) -> None:
    async with recording_stage(path) as found:
        provider = found.stage.model("a", says("One."), says("Two."), says("Three."))
        run = found.run("a")
        for prompt in ("first", "second"):
            run.send(prompt)
            await within(run.wait())
        saved = await found.saved()
        past = continuation(saved)
        again = found.run("a", continued=past)
        assert again.status("c1") is ColumnStatus.DONE and again.answer_text("c1") == "Two."
        again.send("third")
        await within(again.wait())
        # The third request of the fork is what the third request of the first run would have been.
        run.send("third")
        await within(run.wait())
        assert provider.requests[2].messages == provider.requests[3].messages
        answered = provider.requests[2].messages[1].blocks
        assert any(isinstance(block, ReasoningBlock) and block.opaque for block in answered)
        fork = await found.saved()
        assert fork.head.forked_from == saved.head.id and fork.head.id != saved.head.id
        assert [prompt.text for prompt in fork.prompts] == ["first", "second", "third"]
        transcript = Transcript().take_all(fork.events)
        assert [turn.text for turn in transcript.columns["c1"].values()] == ["One.", "Two.", "Three."]
        turns = transcript.columns["c1"]
        assert [turn.own_metrics.steps for turn in turns.values()] == [1, 1, 1], "figures begin anew, and none is lost"
        assert [at for at, _ in fork.events] == sorted(at for at, _ in fork.events)


async def test_what_an_interrupted_answer_had_said_is_gone_on_with_as_text(path: Path) -> None:
    gate = asyncio.Event()
    async with recording_stage(path) as found:
        found.stage.model("a", [TextDelta("Half an ans"), gate])
        run = found.run("a")
        run.send("Hello")
        await found.stage.until(lambda event: isinstance(event, TextAppended))
        saved = await found.saved()
        past = continuation(saved)
        (turn,) = past.turns["c1"]
        assert turn.messages() == [
            Message("user", (TextBlock("Hello"),)),
            Message("assistant", (TextBlock("Half an ans"),)),
        ]
        run.cancel()
        await within(run.wait())


async def test_a_prompt_is_sent_again_with_what_was_attached_then(path: Path) -> None:
    async with recording_stage(path) as found:
        provider = found.stage.model("a", says("One."))
        run = found.run("a")
        message = Message("user", (TextBlock("[attached]"), TextBlock("Look")))
        run.send_again("Look", message)
        await within(run.wait())
        assert provider.requests[0].messages == (message,)
        assert (await found.saved()).prompts[0].message == message


def test_models_that_cannot_be_read_any_more_are_said(path: Path) -> None:
    from tests.store.history_runs import Scribe, answer

    scribe = Scribe(path)
    scribe.run(answer("c1", "x"))
    scribe.close()
    saved = HistoryReader(path).open(1)
    broken = saved.columns[0].spec
    broken["column"] = {"id": "c1"}
    with pytest.raises(AppError, match="cannot be run again"):
        columns_of(saved)


def test_settings_that_shape_answers_are_taken_over_and_approval_is_not() -> None:
    spec = RunSpec((column(1, "a"),), approval=ApprovalPolicy.ASK)
    found = settings_onto(spec, {"max_steps": 3, "no_tools": True, "share_results": False, "approval": "auto"})
    assert (found.max_steps, found.no_tools, found.share_results, found.approval) == (
        3,
        True,
        False,
        ApprovalPolicy.ASK,
    )
    assert settings_onto(spec, {"max_steps": "many", "no_tools": None, "share_results": 1}) == spec


@pytest.mark.parametrize("save", [True, False])
async def test_an_engine_saves_its_runs_unless_it_is_told_not_to(save: bool) -> None:
    heard: list[ColumnEvent] = []
    config = Config(defaults=Defaults(history=save))
    options = EngineOptions(demo=True, headless=True, demo_speed=0.0)
    async with asyncio.timeout(60), Engine(config, options, environ={}) as engine:
        run = engine.start_run(RunSpec(engine.default_columns(["demo/swift"]), no_tools=True), heard.append)
        run.send("Hello")
        await run.wait()
    path = paths.data_dir() / FILE_NAME
    if not save:
        assert not path.exists()
        return
    # Nothing had to be waited for: leaving the engine wrote what was left.
    history = HistoryReader(path)
    saved = history.open(history.find().head(0).number)
    assert [event for _, event in saved.events][-1] == heard[-1]
    assert saved.head.source == "compare" and saved.head.demo and saved.head.models == ("demo/swift",)
