"""What a demo model does next: more tool calls, or its answer. A function of the conversation alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from mcp_tui.core.types import JsonObject
from mcp_tui.demo import triage
from mcp_tui.demo.answers import answer, intention, thoughts
from mcp_tui.demo.dialog import Call, Dialog, OfferedTool, ToolOutcome, Utterance
from mcp_tui.demo.evidence import log_finding, metric_finding, number_of
from mcp_tui.demo.personas import Persona
from mcp_tui.demo.prompt import Prompt, read_prompt, tidy
from mcp_tui.demo.toolbox import (
    base_name,
    fill,
    fill_named,
    find_tool,
    mentioned_choice,
    named_tools,
    reading_tool,
    words_of,
)


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known when a call is about to be made."""

    prompt: Prompt
    outcomes: tuple[ToolOutcome, ...]

    def of(self, *names: str) -> list[ToolOutcome]:
        return [outcome for outcome in self.outcomes if base_name(outcome.name) in names]


Arguments = Callable[[Scene], JsonObject | None]
"""None = this call is not made after all."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A call a model wants to make. `follows`: it needs the results of the wishes before it."""

    tool: OfferedTool
    arguments: Arguments
    follows: bool = False


@dataclass(slots=True)
class _Wishes:
    tools: Sequence[OfferedTool]
    prompt: Prompt
    found: list[Wish] = field(default_factory=list[Wish])

    def add(self, names: Sequence[str], wanted: JsonObject | Arguments, *, follows: bool = False) -> bool:
        """False when no such tool is offered."""
        tool = find_tool(self.tools, *names)
        if tool is None:
            return False

        def arguments(scene: Scene) -> JsonObject | None:
            asked = wanted(scene) if callable(wanted) else wanted
            return None if asked is None else fill(tool, scene.prompt, asked)

        self.found.append(Wish(tool, arguments, follows))
        return True


def next_utterance(dialog: Dialog, persona: Persona) -> Utterance:
    prompt = read_prompt(dialog.prompt)
    wishes = [] if prompt.no_tools else _wishes(dialog.tools, prompt, persona)
    calls = _next_calls(dialog, prompt, persona, wishes)
    reasoning = thoughts(dialog, prompt, calls) if persona.reasons and dialog.reasoning else ""
    if calls:
        return Utterance(reasoning, intention(dialog, persona, calls), calls)
    return Utterance(reasoning, answer(dialog, prompt, persona))


def _next_calls(dialog: Dialog, prompt: Prompt, persona: Persona, wishes: Sequence[Wish]) -> tuple[Call, ...]:
    """The calls of the first batch that was not made yet; a batch that wants nothing any more is passed over."""
    done: tuple[ToolOutcome, ...] = ()
    steps = list(dialog.steps)
    for batch in _batches(wishes, persona):
        scene = Scene(prompt, done)
        wanted = [(wish.tool.name, arguments) for wish in batch if (arguments := wish.arguments(scene)) is not None]
        if not wanted:
            continue
        if not steps:
            return tuple(
                Call(_call_id(dialog, index), name, arguments) for index, (name, arguments) in enumerate(wanted)
            )
        done += steps.pop(0)
    return ()


def _batches(wishes: Sequence[Wish], persona: Persona) -> Iterator[list[Wish]]:
    batch: list[Wish] = []
    room = persona.batches[0]
    for wish in wishes:
        if batch and (wish.follows or len(batch) >= room):
            yield batch
            batch, room = [], persona.batches[1]
        batch.append(wish)
    if batch:
        yield batch


def _call_id(dialog: Dialog, index: int) -> str:
    seed = json.dumps([dialog.model, dialog.prompt, dialog.messages, index])
    return hashlib.sha256(seed.encode("utf-8", "replace")).hexdigest()[:24]


def _wishes(tools: Sequence[OfferedTool], prompt: Prompt, persona: Persona) -> list[Wish]:
    wishes = _Wishes(tools, prompt)
    named = named_tools(tools, prompt)
    if named:
        return [Wish(tool, lambda scene, tool=tool: fill_named(tool, scene.prompt)) for tool in named]
    if prompt.triage and find_tool(tools, "search_issues", "list_issues") is not None:
        _wish_triage(wishes)
        return wishes.found
    if prompt.time:
        wishes.add(("current_time", "get_time"), {"timezone": prompt.zone} if prompt.zone else {})
    if prompt.add:
        _wish_sums(wishes, prompt)
    if prompt.order:
        wishes.add(("get_order",), {"order_id": prompt.order_id or "LH-1043"})
    if prompt.incident or (prompt.fix and not prompt.restart):
        _wish_look(wishes, persona)
    elif prompt.metrics or (prompt.chart and not prompt.numbers):
        _wish_metrics(wishes)
    if prompt.chart:
        wishes.add(("draw_chart",), _chart_arguments, follows=not prompt.numbers)
    if prompt.report:
        wishes.add(("slow_report",), {"seconds": tidy(min(prompt.seconds or 3, 60)), "steps": 6})
    _wish_repair(wishes, persona)
    if not wishes.found:
        picked = reading_tool(tools, prompt)
        if picked is not None:
            tool, arguments = picked
            wishes.found.append(Wish(tool, lambda _: arguments))
    return wishes.found


def _wish_triage(wishes: _Wishes) -> None:
    for step in triage.steps(wishes.tools, wishes.prompt):

        def arguments(scene: Scene, step: triage.Step = step) -> JsonObject | None:
            return step.arguments(scene.outcomes)

        wishes.add(step.names, arguments, follows=step.follows)


def _wish_sums(wishes: _Wishes, prompt: Prompt) -> None:
    """Two numbers are one call; every further one is added to the result before it."""
    numbers = prompt.numbers[:6]
    names = ("add", "sum", "get_sum")
    wishes.add(names, {"a": tidy(numbers[0]), "b": tidy(numbers[1])})
    for number in numbers[2:]:

        def more(scene: Scene, number: float = number) -> JsonObject | None:
            sums = [value for outcome in scene.outcomes if (value := _sum_of(outcome)) is not None]
            return {"a": tidy(sums[-1]), "b": tidy(number)} if sums else None

        wishes.add(names, more, follows=True)


def _sum_of(outcome: ToolOutcome) -> float | None:
    return number_of(outcome) if words_of(base_name(outcome.name))[-1:] in (["add"], ["sum"]) else None


def _wish_look(wishes: _Wishes, persona: Persona) -> None:
    """Read the log, then the metrics; the thorough one also looks for what changed before."""
    service = _service(wishes.tools, wishes.prompt)
    errors: JsonObject = {"query": service, "level": "error"} if service else {"level": "error"}
    if persona.acts:
        errors["limit"] = 50
    wishes.add(("search_logs", "search_log"), errors)
    if persona.reasons:
        wishes.add(("search_logs",), {"query": "deploy", "level": "info", "limit": 5})
    _wish_metrics(wishes)


def _wish_metrics(wishes: _Wishes) -> None:
    tool = find_tool(wishes.tools, "query_metrics", "get_metrics")
    if tool is not None:
        metric = mentioned_choice(tool.schema, "metric", wishes.prompt.text) or "error_rate"
        wishes.add(("query_metrics", "get_metrics"), {"metric": metric, "window": "1h"})


def _chart_arguments(scene: Scene) -> JsonObject | None:
    if scene.prompt.numbers:
        return {"values": [tidy(number) for number in scene.prompt.numbers], "title": "Numbers from the prompt"}
    findings = [found for outcome in scene.outcomes if (found := metric_finding(outcome)) is not None]
    if not findings:
        return None
    found = findings[-1]
    return {"values": list(found.points), "title": f"{found.metric} of {found.group}, {found.window}"}


def _wish_repair(wishes: _Wishes, persona: Persona) -> None:
    """A call that changes something: what the prompt names, or what the one who acts thinks of by itself."""
    prompt = wishes.prompt
    restarts = prompt.restart or (prompt.fix and persona.acts)
    named = _service(wishes.tools, prompt)

    def restart(scene: Scene) -> JsonObject | None:
        return _restart_arguments(scene, named)

    restarted = restarts and wishes.add(("restart_service",), restart, follows=True)
    if restarted and persona.acts:
        wishes.add(("query_metrics", "get_metrics"), _recovery_arguments, follows=True)
    opens = prompt.ticket or (persona.acts and not restarted and (prompt.incident or prompt.fix))
    if opens:
        wishes.add(("create_ticket", "create_issue"), _ticket_arguments, follows=True)


def _restart_arguments(scene: Scene, named: str | None) -> JsonObject | None:
    """Which service: the one the prompt says, else the one the log accuses; never a guess."""
    found = log_finding(scene.outcomes)
    if scene.prompt.restart and named is not None:
        return {"service": named, "reason": "asked for in the prompt"}
    if found is None:
        return None
    return {"service": found.service, "reason": f"{found.count} of {found.total} errors: {found.message}"}


def _recovery_arguments(scene: Scene) -> JsonObject | None:
    restarts = scene.of("restart_service")
    return {"metric": "error_rate", "window": "5m"} if restarts and not restarts[-1].is_error else None


def _ticket_arguments(scene: Scene) -> JsonObject | None:
    found = log_finding(scene.outcomes)
    if found is None:
        if not scene.prompt.ticket:
            return None
        return {"title": scene.prompt.text[:100], "body": scene.prompt.text, "priority": "normal"}
    lines = "\n".join(f"- `{line}`" for line in found.lines)
    return {
        "title": f"{found.service}: {found.message}"[:100],
        "body": f"{found.count} of {found.total} errors, first at {found.first}, last at {found.last}.\n\n{lines}",
        "priority": "high",
        "labels": ["incident", found.service],
        "details": {"service": found.service, "since": found.first[:5]},
    }


def _service(tools: Sequence[OfferedTool], prompt: Prompt) -> str | None:
    """A service the prompt names, as far as an offered tool says which services exist."""
    for tool in tools:
        choice = mentioned_choice(tool.schema, "service", prompt.text)
        if choice is not None:
            return choice
    return None
