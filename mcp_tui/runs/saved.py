"""Between a run and what is kept of it: columns and settings as JSON, and a saved conversation as one to go on with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mcp_tui.core.chat import Message, TextBlock
from mcp_tui.core.errors import AppError
from mcp_tui.core.plain import PlainError, from_plain, to_plain
from mcp_tui.core.types import JsonObject
from mcp_tui.runs.results import encodable
from mcp_tui.runs.spec import ColumnSpec, RunSpec
from mcp_tui.runs.turn import Turn
from mcp_tui.store.history.events import Timed
from mcp_tui.store.history.records import Answered, Prompt, SavedColumn, SavedRun
from mcp_tui.store.history.transcript import ColumnTurn, Transcript


def saved_column(column: ColumnSpec) -> SavedColumn:
    spec: JsonObject = {"provider": column.ref.provider, "model": column.ref.model}
    return SavedColumn(column.id, column.label, {**spec, "column": to_plain(ColumnSpec, column)})


def saved_settings(spec: RunSpec) -> JsonObject:
    """What of a run is not in its columns."""
    return {
        "approval": spec.approval.value,
        "no_tools": spec.no_tools,
        "max_steps": spec.max_steps,
        "share_results": spec.share_results,
        "tools_off": sorted(list(pair) for pair in spec.tools_off),
    }


def columns_of(saved: SavedRun) -> tuple[ColumnSpec, ...]:
    """The columns to run again: same ids, models, parameters. AppError when they cannot be read."""
    try:
        return tuple(from_plain(ColumnSpec, column.spec.get("column")) for column in saved.shown_columns)
    except PlainError as error:
        raise AppError("This run cannot be run again", f"its models cannot be read: {error}", code="saved") from error


def settings_onto(spec: RunSpec, settings: JsonObject) -> RunSpec:
    """What shapes the answers, as it was then; who may approve what is asked of the person now."""
    steps, no_tools, share = (settings.get(name) for name in ("max_steps", "no_tools", "share_results"))
    return replace(
        spec,
        max_steps=steps if isinstance(steps, int) and 1 <= steps <= 1000 else spec.max_steps,
        no_tools=no_tools if isinstance(no_tools, bool) else spec.no_tools,
        share_results=share if isinstance(share, bool) else spec.share_results,
    )


@dataclass(frozen=True, slots=True)
class Continuation:
    """A saved conversation, ready to go on."""

    run_id: str
    prompts: tuple[Prompt, ...]
    turns: Mapping[str, tuple[Turn, ...]]
    """By column id, in order; one for every prompt."""
    events: Sequence[Timed]
    answers: tuple[Answered, ...]
    last_s: float
    settings: JsonObject


def continuation(saved: SavedRun) -> Continuation:
    """Answers that were kept go on exactly as the model gave them; of an interrupted one, its text."""
    transcript = Transcript().take_all(saved.events)
    prompts = _all_prompts(saved, transcript)
    turns: dict[str, tuple[Turn, ...]] = {}
    for column in saved.shown_columns:
        known = transcript.columns.get(column.id, {})
        turns[column.id] = tuple(
            _turn(prompt, known.get(prompt.turn), saved.answers.get((column.id, prompt.turn))) for prompt in prompts
        )
    shown = {column.id for column in saved.shown_columns}
    return Continuation(
        saved.head.id,
        prompts,
        turns,
        [(at_s, event) for at_s, event in saved.events if event.column in shown],
        tuple(answer for answer in saved.answers.values() if answer.column in shown),
        transcript.last_s,
        saved.settings,
    )


def _all_prompts(saved: SavedRun, transcript: Transcript) -> tuple[Prompt, ...]:
    """One for every turn from 1 on: what could not be read is its text alone."""
    known = {prompt.turn: prompt for prompt in saved.prompts}
    last = max((*known, *transcript.prompts), default=0)
    found: list[Prompt] = []
    for turn in range(1, last + 1):
        text = transcript.prompts.get(turn, "")
        found.append(known.get(turn) or Prompt(turn, text, Message("user", (TextBlock(encodable(text)),))))
    return tuple(found)


def _turn(prompt: Prompt, shown: ColumnTurn | None, kept: Answered | None) -> Turn:
    turn = Turn(prompt.turn, prompt.text, prompt.message)
    if shown is not None:
        turn.status, turn.error = shown.status, shown.error
        turn.begin_step(continues=False)
        turn.add_text(shown.text, reasoning=False)
        turn.add_text(shown.reasoning, reasoning=True)
        turn.unsaved.clear()
        turn.calls = dict(shown.calls)
    if kept is not None:
        turn.follow_up = list(kept.messages)
    elif shown is not None and shown.text.strip():
        turn.follow_up = [Message("assistant", (TextBlock(encodable(shown.text)),))]
    return turn
