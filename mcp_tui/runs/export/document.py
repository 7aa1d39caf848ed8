"""What every format writes: one JSON object for a comparison or a saved run.

{"id", "started_at", "source", "status", "forked_from", "models", "duration_ms", "cost_usd", "cost_is_estimate",
 "settings", "prompt", "turns": [{"turn", "prompt", "responses", "comparison"}], "faults"}
A turn has the fields of `compare --json`. A comparison that was not saved has `turns` and `prompt` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, cast

from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.json_text import dump
from mcp_tui.core.plain import PlainError, from_plain
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.registry import ModelRef
from mcp_tui.runs.report import ColumnAnswer, to_json
from mcp_tui.runs.saved import continuation
from mcp_tui.runs.spec import ColumnSpec
from mcp_tui.store.history.records import SavedColumn, SavedRun
from mcp_tui.store.history.transcript import Transcript

Format = Literal["md", "json", "html"]
_SUFFIXES: dict[str, Format] = {".md": "md", ".markdown": "md", ".json": "json", ".html": "html", ".htm": "html"}


def of_comparison(result: JsonObject) -> JsonObject:
    """`compare --json` as a document of one turn."""
    return {"prompt": result["prompt"], "turns": [{"turn": 1, **result}]}


def of_run(saved: SavedRun) -> JsonObject:
    head = saved.head
    transcript = Transcript().take_all(saved.events)
    past = continuation(saved)
    turns: list[JsonObject] = []
    for prompt in past.prompts:
        answers: list[ColumnAnswer] = []
        kept: list[JsonObject] = []
        for column in saved.shown_columns:
            shown = transcript.columns.get(column.id, {}).get(prompt.turn)
            if shown is None:
                continue
            turn = past.turns[column.id][prompt.turn - 1]
            answers.append(ColumnAnswer(_spec(column), turn, shown.own_metrics, lambda ref, usage: None))
            answered = saved.answers.get((column.id, prompt.turn))
            kept.append(answered.facts if answered is not None else {})
        result = to_json(prompt.text, answers)
        for response, facts in zip(cast("list[JsonObject]", result["responses"]), kept, strict=True):
            response.update(facts)
        turns.append({"turn": prompt.turn, **result})
    return {
        "id": head.id,
        "started_at": _iso(head.started_at),
        "source": head.source,
        "status": head.status.value,
        "forked_from": head.forked_from or None,
        "models": list(head.models),
        "duration_ms": None if head.duration_ms is None else round(head.duration_ms, 1),
        "cost_usd": head.cost_usd,
        "cost_is_estimate": head.cost_is_estimate,
        "settings": saved.settings,
        "prompt": past.prompts[0].text if past.prompts else "",
        "turns": turns,
        "faults": list(saved.faults),
    }


def format_of(file: str) -> Format:
    """By the file's suffix. AppError (usage) for one that means none."""
    suffix = Path(file).suffix.lower()
    if suffix not in _SUFFIXES:
        hint = f"name the file with one of {', '.join(_SUFFIXES)}, or say --format"
        raise AppError("Unknown format", f"{file} does not say which one", hint, kind=ErrorKind.USAGE, code="usage")
    return _SUFFIXES[suffix]


def comparison_format(file: str) -> Format:
    """As `format_of`; what says nothing is JSON."""
    return _SUFFIXES.get(Path(file).suffix.lower(), "json")


def written(document: JsonObject, format_: Format) -> str:
    """The whole file."""
    return _writer(format_)(document)


def _writer(format_: Format) -> Callable[[JsonObject], str]:
    if format_ == "md":
        from mcp_tui.runs.export.markdown import markdown

        return markdown
    if format_ == "html":
        from mcp_tui.runs.export.html import html

        return html
    return lambda document: dump(document) + "\n"


def _spec(column: SavedColumn) -> ColumnSpec:
    """Its label counts; the rest may not be readable any more."""
    try:
        return from_plain(ColumnSpec, column.spec.get("column"))
    except PlainError:
        return ColumnSpec(column.id, ModelRef(str(column.spec.get("provider", "")), ""), column.label)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
