"""The `compare --json` object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from mcp_tui.core.chat import ModelParams
from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.state import CallRecord, ColumnStatus, Metrics, RateLimits, Usage
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.registry import ModelRef
from mcp_tui.runs.metrics import PriceOf, table_price
from mcp_tui.runs.spec import ColumnSpec
from mcp_tui.runs.toolbox import Offered
from mcp_tui.runs.turn import Turn

_STATUS = {
    ColumnStatus.DONE: "ok",
    ColumnStatus.ERROR: "error",
    ColumnStatus.CANCELLED: "cancelled",
}


@dataclass(frozen=True, slots=True)
class ColumnAnswer:
    """One column's part of a turn."""

    spec: ColumnSpec
    turn: Turn
    metrics: Metrics
    """Of this turn alone."""
    price: PriceOf = table_price
    rate_limits: RateLimits | None = None

    @property
    def label(self) -> str:
        return self.spec.label

    @property
    def ok(self) -> bool:
        return self.turn.status is ColumnStatus.DONE


def to_json(prompt: str, answers: Sequence[ColumnAnswer]) -> JsonObject:
    return {
        "prompt": prompt,
        "responses": [response_of(answer) for answer in answers],
        "comparison": comparison(answers),
    }


def comparison(answers: Sequence[ColumnAnswer]) -> JsonObject:
    """count: columns. average_length: characters of the ok answers, 0 when there is none. fastest, cheapest:
    the ok column with the least duration or cost (null when none is known; replayed answers do not compete).
    tool_agreement: see there."""
    good = [answer for answer in answers if answer.ok]
    lengths = [len(answer.turn.text) for answer in good]
    asked = [answer for answer in good if not answer.metrics.cached_steps]
    durations = {a.label: a.metrics.duration_ms for a in asked if a.metrics.duration_ms is not None}
    costs = {a.label: a.metrics.cost_usd for a in asked if a.metrics.cost_usd is not None}
    return {
        "count": len(answers),
        "average_length": round(sum(lengths) / len(lengths), 1) if lengths else 0,
        "fastest": min(durations, key=durations.__getitem__, default=None),
        "cheapest": min(costs, key=costs.__getitem__, default=None),
        "tool_agreement": tool_agreement(good),
    }


def tool_agreement(answers: Sequence[ColumnAnswer]) -> float | None:
    """The share of ok columns in the largest group that used the same set of tools (server and name; arguments,
    order and repetition do not count; calls that were never run neither). No tools at all is a set too.

    1.0: all agree; 1/N: no two of N do. None with fewer than two ok columns.
    """
    if len(answers) < 2:
        return None
    groups = Counter(
        frozenset((call.server, call.tool) for call in answer.turn.calls.values() if _was_run(call))
        for answer in answers
    )
    return round(max(groups.values()) / len(answers), 3)


def _was_run(call: CallRecord) -> bool:
    return call.started_at is not None


def facts(answer: ColumnAnswer) -> JsonObject:
    """A response without what a saved run has in its events: text, reasoning and calls."""
    response = response_of(answer)
    return {name: value for name, value in response.items() if name not in ("text", "reasoning", "tool_calls")}


def response_of(answer: ColumnAnswer) -> JsonObject:
    """One of `responses` in the `compare --json` object."""
    turn, metrics = answer.turn, answer.metrics
    return {
        "model": answer.label,
        # A column that is still live has an incomplete answer.
        "status": _STATUS.get(turn.status, "incomplete"),
        "text": turn.text,
        "reasoning": turn.reasoning,
        "tool_calls": [_call(call) for call in turn.calls.values()],
        "usage": {
            "input_tokens": metrics.usage.input_tokens,
            "output_tokens": metrics.usage.output_tokens,
            "cached_input_tokens": metrics.usage.cached_input_tokens,
            "reasoning_tokens": metrics.usage.reasoning_tokens,
        },
        "cost_usd": metrics.cost_usd,
        "cost_is_estimate": metrics.cost_is_estimate,
        "ttft_ms": _rounded(metrics.ttft_ms),
        "duration_ms": _rounded(metrics.duration_ms),
        "tokens_per_s": _rounded(metrics.tokens_per_s),
        "steps": metrics.steps,
        "attempts": metrics.attempts,
        "cached": metrics.cached,
        "cached_steps": metrics.cached_steps,
        "fallback": metrics.fallback or None,
        "params": _params(answer.spec.params),
        "notes": list(metrics.notes),
        "tool_tax": tool_tax(answer.spec.ref, turn.offered, answer.price),
        "rate_limits": _rate_limits(answer.rate_limits),
        "stop_reason": turn.stop.value if turn.stop is not None else None,
        "error": _error(turn.error),
    }


def tool_tax(ref: ModelRef, offered: Offered, price: PriceOf) -> JsonObject:
    """What the offered tools add to every request: estimated tokens of all, of each server and tool, and their
    price as uncached input of this model (null when it has none)."""
    servers: dict[str, dict[str, int]] = {}
    for tool in offered.values():
        servers.setdefault(tool.server, {})[tool.name] = tool.token_estimate
    total = sum(tool.token_estimate for tool in offered.values())
    return {"tokens": total, "usd": price(ref, Usage(total, 0)), "servers": servers}


def _params(params: ModelParams) -> JsonObject:
    """Only what was asked for."""
    given = {"temperature": params.temperature, "max_tokens": params.max_tokens, "effort": params.effort,
             "seed": params.seed, "stop": list(params.stop) or None}  # fmt: skip
    return {name: value for name, value in given.items() if value is not None}


def _rate_limits(found: RateLimits | None) -> JsonObject | None:
    """Times in seconds since the epoch."""
    return None if found is None else {"seen_at": found.seen_at, "limits": [asdict(limit) for limit in found.limits]}


def _call(call: CallRecord) -> JsonObject:
    return {
        "id": call.id,
        "server": call.server,
        "tool": call.tool,
        "arguments": call.arguments,
        "status": call.status.value,
        "shared": call.shared,
        "duration_ms": _rounded(call.duration_ms),
        "result": call.result,
    }


def _error(error: ErrorInfo | None) -> JsonObject | None:
    return None if error is None else {"title": error.title, "detail": error.detail, "hint": error.hint}


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 1)
