"""How a saved run reads: as a row, as a heading, as a preview. Clean text; no widgets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from mcp_tui.core.figures import duration_text, money_text
from mcp_tui.core.text import clean, clean_line
from mcp_tui.runs.export.figures import call_text
from mcp_tui.store.history.records import RunHead, RunStatus, SavedRun
from mcp_tui.store.history.transcript import ColumnTurn, Transcript
from mcp_tui.ui.status import COLUMN, State
from mcp_tui.ui.widgets.line_view import ViewRow, rows_of

STATES: dict[RunStatus, State] = {
    RunStatus.LIVE: State("●", "running", "wait"),
    RunStatus.DONE: State("✓", "done", "good"),
    RunStatus.PARTLY: State("!", "partly", "warn"),
    RunStatus.INCOMPLETE: State("!", "incomplete", "warn"),
    RunStatus.ERROR: State("✗", "error", "bad"),
    RunStatus.CANCELLED: State("■", "stopped", "muted"),
    RunStatus.INTERRUPTED: State("!", "interrupted", "warn"),
}
NO_PROMPT = "(attachments only)"
SHOWN_LINES = 60
"""Of one answer in a preview."""
SHOWN_CHARS = 12_000


def when(at: float, now: datetime) -> str:
    """At most 12 cells: `14:02`, `Tue 14:02` within a week, `5 Nov 14:02` within the year, `2025-11-05`."""
    moment = datetime.fromtimestamp(at, now.tzinfo)
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    if 0 < (now.date() - moment.date()).days < 7:
        return f"{moment:%a %H:%M}"
    return f"{moment.day} {moment:%b %H:%M}" if moment.year == now.year else f"{moment:%Y-%m-%d}"


def title(head: RunHead) -> str:
    return clean_line(head.title) or NO_PROMPT


def models(head: RunHead) -> list[str]:
    """Without the provider: the rest tells them apart in a row."""
    return [clean_line(label).rpartition("/")[2] or clean_line(label) for label in head.models]


def cost(head: RunHead) -> str:
    return "demo" if head.demo else money_text(head.cost_usd, estimate=head.cost_is_estimate)


def facts(head: RunHead, now: datetime) -> list[str]:
    """Most worth first."""
    state = STATES[head.status]
    turns = f"{head.turns} prompts" if head.turns != 1 else ""
    source = "headless" if head.source == "compare" else ""
    parent = f"continues {head.forked_from}" if head.forked_from else ""
    words = [
        when(head.started_at, now),
        str(state),
        duration_text(head.duration_ms),
        cost(head),
        turns,
        parent,
        source,
        head.id,
    ]
    return [word for word in words if word]


def preview(saved: SavedRun, now: datetime) -> list[ViewRow]:
    """The run in lines: what was asked, what each model did and said."""
    transcript = Transcript().take_all(saved.events)
    rows = [ViewRow(" · ".join(facts(saved.head, now)), "muted")]
    rows += [ViewRow(f"! {clean_line(fault)}", "warning") for fault in saved.faults]
    for number, prompt in sorted(transcript.prompts.items()):
        rows += [ViewRow(""), *rows_of(clean(prompt).strip()[:SHOWN_CHARS] or NO_PROMPT, "head")]
        for column in saved.shown_columns:
            turn = transcript.columns.get(column.id, {}).get(number)
            if turn is not None:
                rows += [ViewRow(""), *_answer(clean_line(column.label), turn)]
    return rows


def _answer(label: str, turn: ColumnTurn) -> Iterator[ViewRow]:
    state = COLUMN[turn.status]
    kind = {"good": "good", "bad": "error", "warn": "warning"}.get(state.tone, "muted")
    took = turn.own_metrics.duration_ms
    yield ViewRow(f"{state.glyph} {label}  {state.word}{f' {duration_text(took)}' if took is not None else ''}", kind)  # pyright: ignore[reportArgumentType]  one of the kinds of a row
    for call in turn.calls.values():
        form = {"server": call.server, "tool": call.tool, "arguments": call.arguments, "status": call.status.value,
                "duration_ms": call.duration_ms, "shared": call.shared}  # fmt: skip
        yield ViewRow(f"· {call_text(form)}", "muted")
    text = clean(turn.text[:SHOWN_CHARS]).strip()
    lines = text.split("\n") if text else []
    yield from (row for line in lines[:SHOWN_LINES] for row in rows_of(line))
    if len(lines) > SHOWN_LINES or len(turn.text) > SHOWN_CHARS:
        yield ViewRow("… enter opens all of it", "muted")
    if turn.error is not None:
        yield ViewRow(f"! {clean_line(turn.error.line())}", "warning")
