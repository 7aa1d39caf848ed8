"""Whether a finished response is what its case expects. Pure; `matches` and `json` may take seconds: on a thread."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mcp_tui.core import validation
from mcp_tui.core.figures import duration_text, money_text
from mcp_tui.core.json_values import objects
from mcp_tui.core.state import CallStatus
from mcp_tui.core.types import JsonObject
from mcp_tui.runs.evals.expect import CallRule, Expect, fits
from mcp_tui.runs.evals.shapes import mismatch, quoted, text_checks

_FENCED = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)^[ \t]*```[ \t]*$", re.DOTALL | re.MULTILINE)
_MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class CheckResult:
    check: str
    """The key of the expectation and what it asks: `calls db.query`."""
    passed: bool
    detail: str = ""
    """What was found. Of a check that failed: why, in a few words."""


def check(expect: Expect, response: JsonObject, last: str = "") -> tuple[CheckResult, ...]:
    """Every check of an answer that ended ok, in the order of the suite's keys.

    response: one of `responses` in the `compare --json` object. last: the model's last message. What it said before
    its tool calls is part of the answer, but neither of the JSON nor of what it `equals`.
    """
    calls: Sequence[JsonObject] = response["tool_calls"]
    results = [
        *_calls(expect, calls),
        *(_call_like(rule, calls) for rule in expect.call),
    ]
    if expect.no_tool_errors:
        bad = [_ended(call) for call in calls if not _succeeded(call)]
        results.append(_result("no_tool_errors", _listed(bad)))
    text = str(response["text"])
    if expect.text is not None:
        results += [_result(f"text {asked}", reason) for asked, reason in text_checks(expect.text, text, last)]
    if expect.json is not None:
        results.append(_result("json", _json_fault(expect.json, last or text)))
    return (*results, *_figures(expect, response, len(calls)))


def tool_of(call: JsonObject) -> str:
    """`server.tool`; the tool alone where the model named one that does not exist."""
    return f"{call['server']}.{call['tool']}" if call["server"] else str(call["tool"])


def _result(name: str, reason: str) -> CheckResult:
    return CheckResult(name, not reason, reason)


def _succeeded(call: JsonObject) -> bool:
    return call["status"] == CallStatus.OK


def _ended(call: JsonObject) -> str:
    return f"{tool_of(call)} ended {call['status']}"


def _calls(expect: Expect, calls: Sequence[JsonObject]) -> Iterator[CheckResult]:
    for pattern in expect.calls:
        made = [call for call in calls if fits(pattern, tool_of(call))]
        reason = ""
        if not made:
            reason = f"it was never called; {_called(calls)}"
        elif not any(map(_succeeded, made)):
            reason = f"no call succeeded: {_listed([_ended(call) for call in made])}"
        yield _result(f"calls {pattern}", reason)
    if expect.calls_in_order:
        yield _result(f"calls_in_order {' > '.join(expect.calls_in_order)}", _out_of_order(expect, calls))
    for pattern in expect.never:
        made = [tool_of(call) for call in calls if fits(pattern, tool_of(call))]
        yield _result(f"never {pattern}", f"called was {_listed(made)}" if made else "")
    if expect.only is not None:
        others = [tool_of(call) for call in calls if not any(fits(one, tool_of(call)) for one in expect.only)]
        name = f"only {', '.join(expect.only)}" if expect.only else "only (no tool at all)"
        yield _result(name, f"called was {_listed(others)}" if others else "")


def _out_of_order(expect: Expect, calls: Sequence[JsonObject]) -> str:
    wanted = list(expect.calls_in_order)
    for call in calls:
        if wanted and _succeeded(call) and fits(wanted[0], tool_of(call)):
            wanted.pop(0)
    if not wanted:
        return ""
    done = len(expect.calls_in_order) - len(wanted)
    after = f" after {expect.calls_in_order[done - 1]}" if done else ""
    return f"{wanted[0]} did not succeed{after}; {_called(calls)}"


def _call_like(rule: CallRule, calls: Sequence[JsonObject]) -> CheckResult:
    name = f"call {rule.tool}"
    made = [call for call in calls if fits(rule.tool, tool_of(call))]
    if not made:
        return _result(name, f"it was never called; {_called(calls)}")
    reasons: list[str] = []
    for call in made:
        reason = _unlike(rule, call)
        if not reason:
            return _result(name, "")
        reasons.append(reason)
    return _result(name, "; ".join(dict.fromkeys(reasons[:3])) + ("; …" if len(reasons) > 3 else ""))


def _unlike(rule: CallRule, call: JsonObject) -> str:
    if rule.arguments is not None:
        if call["arguments"] is None:
            return "the arguments are no JSON object"
        reason = mismatch(rule.arguments, call["arguments"], "arguments")
        if reason:
            return reason
    if not _succeeded(call):
        return f"the call ended {call['status']}"
    if rule.result is not None:
        wrong = [f"result {asked}: {why}" for asked, why in text_checks(rule.result, _result_text(call)) if why]
        return "; ".join(wrong)
    return ""


def _result_text(call: JsonObject) -> str:
    """The text blocks of the result; without any, its structured content as JSON."""
    result: JsonObject = call["result"] or {}
    blocks = objects(result.get("content"))
    texts = [str(block.get("text", "")) for block in blocks if block.get("type") == "text"]
    if texts or result.get("structuredContent") is None:
        return "\n".join(texts)
    return json.dumps(result["structuredContent"], ensure_ascii=False)


def _json_fault(schema: JsonObject, text: str) -> str:
    try:
        value = _json_in(text)
    except RecursionError:
        return "the answer is nested too deep"
    except ValueError as error:
        return str(error)
    report = validation.check(schema, value)
    problems = [f"{_place(problem.path)} {problem.message}" for problem in report.problems]
    # What could not be checked is no proof that it fits.
    return "; ".join([*problems[:4], *(["…"] if len(problems) > 4 else []), *report.notes])


def _json_in(text: str) -> object:
    """The whole answer, or the only fenced block in it. ValueError."""
    try:
        return _strict(text)
    except ValueError as error:
        blocks = _FENCED.findall(text)
        if len(blocks) > 1:
            raise ValueError(f"the answer is no JSON, and holds {len(blocks)} fenced blocks") from error
        if not blocks:
            raise ValueError(f"the answer is no JSON: {quoted(text)}") from error
    try:
        return _strict(blocks[0])
    except ValueError as error:
        raise ValueError(f"the fenced block is no JSON: {error}") from error


def _strict(text: str) -> object:
    def refuse(word: str) -> object:
        raise ValueError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


def _place(path: Sequence[object]) -> str:
    return ".".join(str(part) for part in path) or "the value"


def _figures(expect: Expect, response: JsonObject, calls: int) -> Iterator[CheckResult]:
    usage: JsonObject = response["usage"]
    replayed = int(response["cached_steps"]) > 0
    if expect.max_calls is not None:
        yield _at_most("max_calls", calls, expect.max_calls, f"{calls:g}")
    if expect.max_steps is not None:
        steps = int(response["steps"])
        yield _at_most("max_steps", steps, expect.max_steps, f"{steps}")
    if expect.max_cost_usd is not None:
        cost: float | None = response["cost_usd"]
        said = money_text(cost, estimate=response["cost_is_estimate"])
        yield _at_most("max_cost_usd", cost, expect.max_cost_usd, said)
    for name, key, limit in (("max_duration_s", "duration_ms", expect.max_duration_s),
                             ("max_ttft_s", "ttft_ms", expect.max_ttft_s)):  # fmt: skip
        if limit is not None:
            # The times of a replayed answer say nothing about the model.
            took_ms = None if replayed else response[key]
            yield _at_most(name, took_ms, limit * 1000, duration_text(took_ms), replayed=replayed)
    if expect.max_output_tokens is not None:
        tokens: int | None = usage["output_tokens"]
        yield _at_most("max_output_tokens", tokens, expect.max_output_tokens, "" if tokens is None else f"{tokens}")


def _at_most(key: str, value: float | None, limit: float, shown: str, *, replayed: bool = False) -> CheckResult:
    asked = f"{key} {limit / 1000 if key.endswith('_s') else limit:g}"
    if value is None:
        return CheckResult(asked, False, "not known: the answer came from the cache" if replayed else "not known")
    return CheckResult(asked, value <= limit, f"it was {shown}")


def _called(calls: Sequence[JsonObject]) -> str:
    return f"called were {_listed([tool_of(call) for call in calls])}" if calls else "no tool was called"


def _listed(names: Sequence[str]) -> str:
    """Each once, with how often, as far as a sentence holds them."""
    unique = list(dict.fromkeys(names))
    shown = [f"{name} ({names.count(name)} times)" if names.count(name) > 1 else name for name in unique[:_MOST_NAMED]]
    more = f" and {len(unique) - _MOST_NAMED} more" if len(unique) > _MOST_NAMED else ""
    return ", ".join(shown) + more
