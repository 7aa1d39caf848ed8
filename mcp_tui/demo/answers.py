"""What the demo models write: thoughts, announcements, and answers that quote what the tools returned."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass

from mcp_tui.core.json_values import is_object
from mcp_tui.core.types import JsonObject
from mcp_tui.demo import triage
from mcp_tui.demo.dialog import Call, Dialog, ToolOutcome
from mcp_tui.demo.evidence import (
    cell,
    change_line,
    code,
    data_of,
    denied,
    fence,
    log_finding,
    metric_finding,
    number_of,
    one_line,
    shown,
)
from mcp_tui.demo.personas import Persona
from mcp_tui.demo.prompt import Prompt
from mcp_tui.demo.toolbox import base_name, words_of


@dataclass(frozen=True, slots=True)
class Note:
    """One result in words: `line` is Markdown without a line break; `quote` the text it rests on, or ""."""

    tool: str
    line: str
    quote: str = ""
    language: str = ""
    failed: bool = False
    proves: bool = False
    """The quote is worth more than that of other notes."""


def thoughts(dialog: Dialog, prompt: Prompt, calls: Sequence[Call]) -> str:
    """Reasoning before a step. It names what is really there: the tools offered, the results so far."""
    if calls:
        names = " and ".join(f"{base_name(call.name)}({_arguments(call.arguments)})" for call in calls)
        if not dialog.steps:
            offered = f"Of the {len(dialog.tools)} tools offered, I start with {names}."
            return f"The prompt asks for {_subject(prompt)}. {offered}"
        last = _plain(_note(dialog.steps[-1][-1]).line)
        return f"So far: {last} Next: {names}."
    if not dialog.steps:
        return f"The prompt asks for {_subject(prompt)}. No tool is needed, or none fits. I answer directly."
    failed = sum(outcome.is_error for outcome in dialog.outcomes)
    verdict = f"{failed} of them failed, which I must say." if failed else "None failed."
    count = len(dialog.outcomes)
    return f"{count} result{'s' * (count > 1)}. {verdict} I sum up what they show."


def intention(dialog: Dialog, persona: Persona, calls: Sequence[Call]) -> str:
    """What is said beside tool calls."""
    if not persona.acts:
        return ""
    names = [code(base_name(call.name)) for call in calls]
    found = log_finding(dialog.outcomes)
    changing = {"restart", "ticket"}.intersection(words_of(" ".join(call.name for call in calls)))
    if changing and found:
        return f"`{found.service}` fails: **{found.count}** times “{found.message}”. I would like to run {names[0]}."
    if dialog.steps:
        return f"Next: {', '.join(names)}."
    return f"{_listed(names)} first{', side by side' if len(names) > 1 else ''}."


def answer(dialog: Dialog, prompt: Prompt, persona: Persona) -> str:
    notes = [_note(outcome) for outcome in dialog.outcomes]
    if not notes:
        text = _introduction(persona) + "\n\n" + _without_tools(dialog, prompt)
    elif persona.reasons:
        text = _thorough(dialog, prompt, notes)
    elif persona.acts:
        text = _workmanlike(dialog, prompt, notes)
    else:
        text = _terse(dialog, prompt, notes)
    if notes and not prompt.known:
        text = f"{_introduction(persona)}\n\n{text}"
    if dialog.attached:
        text += f"\n\nThe attached text came along too: {dialog.attached:,} characters."
    if prompt.appendix_words:
        text += "\n\n" + appendix(prompt.appendix_words)
    return text


def _terse(dialog: Dialog, prompt: Prompt, notes: Sequence[Note]) -> str:
    lines = [f"- {note.line}" for note in notes]
    conclusion = _conclusion(dialog)
    if conclusion:
        lines.append(f"\n**Cause:** {conclusion}")
    if prompt.fix and not _acted(dialog):
        lines.append("\nI only looked; I changed nothing.")
    return "\n".join(lines)


def _workmanlike(dialog: Dialog, prompt: Prompt, notes: Sequence[Note]) -> str:
    parts = ["### What I did", "\n".join(f"{n}. {code(note.tool)}: {note.line}" for n, note in enumerate(notes, 1))]
    quoted = _proof(notes)
    if quoted is not None:
        parts.append(fence(quoted.quote, quoted.language, max_lines=8))
    conclusion = _conclusion(dialog)
    if conclusion:
        parts.append(f"**Why:** {conclusion}")
    refused = [outcome for outcome in dialog.outcomes if denied(outcome)]
    if refused:
        by_hand = ", ".join(f"{code(base_name(o.name))} with {code(_arguments(o.arguments))}" for o in refused)
        parts.append(f"**Not done:** it was not approved, so nothing was changed. By hand: {by_hand}.")
    elif _acted(dialog):
        done = [note for note in notes if not note.failed]
        parts.append(f"**Result:** {done[-1].line}")
    elif prompt.fix:
        parts.append("**Not done:** no tool that could repair this is offered, or nothing was found to repair.")
    return "\n\n".join(parts)


def _thorough(dialog: Dialog, prompt: Prompt, notes: Sequence[Note]) -> str:
    conclusion = _conclusion(dialog)
    many = f"{len(notes)} tool calls" if len(notes) != 1 else "One tool call"
    parts = [f"## {_title(prompt)}"]
    if conclusion:
        parts.append(conclusion)
    else:
        parts.append(f"{many}, and this is what came back.")
    table = ["| Call | What it shows |", "|---|---|"]
    table += [f"| {cell(code(note.tool))} | {note.line.replace('|', chr(92) + '|')} |" for note in notes]
    parts.append("\n".join(table))
    quoted = _proof(notes)
    if quoted is not None:
        parts.append("### Evidence")
        parts.append(fence(quoted.quote, quoted.language, max_lines=16))
    if log_finding(dialog.outcomes) is not None:
        parts.append("### What I would do")
        change = change_line(dialog.outcomes)
        steps = ["Undo that change, or restart with the last good configuration."] if change else []
        steps += ["Measure again over five minutes.", "Tell the customers whose orders failed."]
        parts.append("\n".join(f"{n}. {step}" for n, step in enumerate(steps, 1)))
    failed = [note for note in notes if note.failed]
    if failed:
        parts.append(f"*{len(failed)} of {len(notes)} calls gave no result: treat this as incomplete.*")
    return "\n\n".join(parts)


def _proof(notes: Sequence[Note]) -> Note | None:
    """The note to quote from, if any has text to quote."""
    quotes = [note for note in notes if note.quote]
    return next((note for note in quotes if note.proves), quotes[0] if quotes else None)


def _introduction(persona: Persona) -> str:
    return (
        f"I am **{persona.name}**, a demo model: {persona.blurb}. My answers are scripted: "
        "no language model runs here, but every tool call and every result is real."
    )


def _without_tools(dialog: Dialog, prompt: Prompt) -> str:
    parts: list[str] = []
    if prompt.no_tools:
        parts.append("You asked for no tools, so I called none.")
    elif dialog.tools and prompt.known:
        parts.append("None of the offered tools fits this prompt.")
    elif dialog.tools:
        parts.append("None of the offered tools could be called with what the prompt says.")
    else:
        parts.append("No tools are offered to me.")
    if dialog.tools:
        names = ", ".join(code(base_name(tool.name)) for tool in dialog.tools[:8])
        parts.append(f"Offered: {names}{' …' if len(dialog.tools) > 8 else ''}.")
    parts.append(
        "Try:\n\n"
        "- *What time is it, and add 2 and 3*\n"
        "- *Why is checkout failing?*\n"
        "- *Draw a chart of the error rate*\n"
        "- *Show order LH-1043*"
    )
    return "\n\n".join(parts)


def _note(outcome: ToolOutcome) -> Note:
    name = base_name(outcome.name)
    if denied(outcome):
        return Note(name, f"{code(name)} was **not approved**.", failed=True)
    if outcome.is_error:
        reason = code(outcome.text) if outcome.text.strip() else "no reason given"
        return Note(name, f"{code(name)} failed: {reason}", failed=True)
    words = words_of(name)
    if words[-1:] in (["add"], ["sum"]) and number_of(outcome) is not None:
        terms = " + ".join(str(value) for value in outcome.arguments.values())
        return Note(name, f"{one_line(terms)} = **{shown(number_of(outcome) or 0.0)}**")
    if words[-1:] == ["time"]:
        moment = (data_of(outcome.text) or {}).get("datetime", outcome.text)
        return Note(name, f"It is **{one_line(str(moment))}**.")
    return _log_note(name, outcome) or _metric_note(name, outcome) or _data_note(name, outcome)


def _log_note(name: str, outcome: ToolOutcome) -> Note | None:
    found = log_finding([outcome])
    if found is None:
        change = change_line([outcome]) if "log" in "".join(words_of(name)) else None
        return Note(name, f"a change: {code(change)}", change) if change else None
    share = f"**all {found.count}**" if found.count == found.total else f"**{found.count}** of {found.total}"
    line = f"{share} errors are from `{found.service}`, {found.first} to {found.last}: “{one_line(found.message, 60)}”"
    return Note(name, line, "\n".join(found.lines), proves=True)


def _metric_note(name: str, outcome: ToolOutcome) -> Note | None:
    found = metric_finding(outcome)
    if found is None:
        return None
    move = f"from {shown(found.first, found.unit)} to **{shown(found.latest, found.unit)}**"
    others = (
        "" if found.highest_other is None else f"; the others end at {shown(found.highest_other, found.unit)} or less"
    )
    return Note(name, f"`{found.metric}` of `{found.group}` went {move} in {found.window}{others}")


def _data_note(name: str, outcome: ToolOutcome) -> Note:
    data = data_of(outcome.text)
    picture = " The picture is in its result." if outcome.images else ""
    if data is None:
        text = outcome.text.strip()
        if not text:
            return Note(name, "the result holds no text." + picture)
        quote = text if "\n" in text or len(text) > 160 else ""
        return Note(name, f"“{one_line(text.splitlines()[0])}”" + picture, quote)
    if {"service", "status"} <= data.keys():
        note = f": {one_line(str(data['note']))}" if "note" in data else ""
        return Note(name, f"`{data['service']}` is **{data['status']}**{note}")
    facts = [f"{key} **{one_line(value, 60)}**" for key, value in _facts(data)]
    return Note(name, ", ".join(facts[:6]) + "." + picture if facts else code(outcome.text), _pretty(data), "json")


def _pretty(data: JsonObject) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)


def _facts(data: JsonObject, prefix: str = "") -> list[tuple[str, str]]:
    """Leaves of an object, one level deep: `payment.status`."""
    found: list[tuple[str, str]] = []
    for key, value in data.items():
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            found.append((f"{prefix}{key}", str(value)))
        elif is_object(value) and not prefix:
            found += _facts(value, f"{key}.")
    return found


def _conclusion(dialog: Dialog) -> str:
    """Cause and proof, from the results only; "" when there is nothing to conclude."""
    found = log_finding(dialog.outcomes)
    if found is None:
        return ""
    text = f"`{found.service}` reports “{one_line(found.message)}” since {found.first}"
    measured = [m for outcome in dialog.outcomes if (m := metric_finding(outcome)) is not None]
    if measured and measured[0].group.split(" ")[0] == found.service:
        first = measured[0]
        text += f", and its `{first.metric}` reached {shown(first.peak, first.unit)} at the same time"
    change = change_line(dialog.outcomes)
    text = f"{text}. It began after {code(change)}." if change else f"{text}."
    return f"{text} {triage.verdict(dialog.outcomes)}".rstrip()


def _acted(dialog: Dialog) -> bool:
    changing = {"restart", "ticket", "create"}
    return any(changing.intersection(words_of(outcome.name)) and not outcome.is_error for outcome in dialog.outcomes)


def _title(prompt: Prompt) -> str:
    if prompt.incident or prompt.metrics or prompt.fix:
        return "Findings"
    return "Order" if prompt.order else "Chart" if prompt.chart else "Report" if prompt.report else "Results"


def _subject(prompt: Prompt) -> str:
    asked = {
        "the time": prompt.time,
        "a sum": prompt.add,
        "an explanation of failures": prompt.incident,
        "measurements": prompt.metrics,
        "a repair": prompt.fix,
        "a ticket": prompt.ticket,
        "a chart": prompt.chart,
        "an order": prompt.order,
        "a report": prompt.report,
    }
    return _listed([what for what, wanted in asked.items() if wanted]) or "something my script has no word for"


def _arguments(arguments: JsonObject) -> str:
    return one_line(", ".join(f"{key}={value}" for key, value in arguments.items()), 100)


def _plain(markdown: str) -> str:
    text = markdown.replace("**", "").replace("`", "")
    return text if text.endswith((".", "…")) else f"{text}."


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


_PARAGRAPHS = (
    "A long answer shows how a column behaves when text keeps coming: the tail follows, older lines stay put, "
    "and scrolling up holds its place while new lines arrive below.",
    "Each piece arrives as its own event. A client joins them, cleans them and draws what changed, and it must "
    "stay responsive: a key pressed now is answered now, whatever the number of columns.",
    "- lists keep their indent when a line is longer than the column and has to be wrapped at a word\n"
    "- *emphasis*, **strong words** and `code` may be split between two pieces\n"
    "- a [link](https://modelcontextprotocol.io) stays text until somebody opens it",
    "```python\ndef backoff_s(attempt: int) -> float:\n    return min(30.0, 0.5 * 2 ** (attempt - 1))\n```",
    "| attempt | wait |\n|---:|---:|\n| 1 | 0.5 s |\n| 2 | 1 s |\n| 3 | 2 s |",
    "> A quote, for good measure: what was seen is never lost, and what was not seen is never claimed.",
    "Accents and other scripts count too: café, Größe, naïve, 東京, Ελλάδα, שלום, 🙂.",
)


def appendix(words: int) -> str:
    """About this many words of Markdown, in numbered sections."""
    parts = ["## Appendix: a long answer"]
    count = 0
    for number, paragraph in enumerate(itertools.cycle(_PARAGRAPHS)):
        if count >= words:
            break
        if number % len(_PARAGRAPHS) == 0:
            parts.append(f"### Section {number // len(_PARAGRAPHS) + 1}")
        parts.append(paragraph)
        count += len(paragraph.split())
    return "\n\n".join(parts)
