"""The `eval --json` object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from mcp_tui.core.types import JsonObject
from mcp_tui.runs.evals.results import Attempt, Results


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """Of one model over all its attempts; figures that nobody knows are None."""

    passed: int
    """Cases."""
    total: int
    cost_usd: float | None
    cost_is_estimate: bool
    """Also where the cost of an attempt is not known."""
    duration_ms: float | None
    """Mean of the attempts that ended ok; answers from the cache do not count."""
    ttft_ms: float | None


def model_figures(results: Results) -> dict[str, ModelFigures]:
    figures: dict[str, ModelFigures] = {}
    for model in results.models():
        verdicts = [verdict for verdict in results.verdicts if verdict.model == model]
        responses = [one.response for one in results.attempts if one.model == model and one.response is not None]
        costs = [cast("float", one["cost_usd"]) for one in responses if one["cost_usd"] is not None]
        asked = [one for one in responses if one["status"] == "ok" and not one["cached_steps"]]
        figures[model] = ModelFigures(
            sum(verdict.passed for verdict in verdicts),
            len(verdicts),
            sum(costs) if costs else None,
            len(costs) < len(responses) or any(bool(one["cost_is_estimate"]) for one in responses),
            _mean([one["duration_ms"] for one in asked]),
            _mean([one["ttft_ms"] for one in asked]),
        )
    return figures


def to_json(results: Results) -> JsonObject:
    passed = sum(verdict.passed for verdict in results.verdicts)
    return {
        "suite": results.suite.name,
        "file": results.suite.file,
        "results": [_attempt(attempt) for attempt in results.attempts],
        "cases": [
            {
                "case": verdict.case,
                "model": verdict.model,
                "attempts": verdict.attempts,
                "passed_attempts": verdict.passed_attempts,
                "pass_rate": verdict.pass_rate,
                "needed": verdict.needed,
                "passed": verdict.passed,
            }
            for verdict in results.verdicts
        ],
        "summary": {
            "cases": len(results.verdicts),
            "passed": passed,
            "failed": len(results.verdicts) - passed,
            "models": {
                model: {
                    "passed": one.passed,
                    "total": one.total,
                    "cost_usd": one.cost_usd,
                    "cost_is_estimate": one.cost_is_estimate,
                    "duration_ms": one.duration_ms,
                    "ttft_ms": one.ttft_ms,
                }
                for model, one in model_figures(results).items()
            },
        },
    }


def _attempt(attempt: Attempt) -> JsonObject:
    return {
        "case": attempt.case,
        "model": attempt.model,
        "attempt": attempt.number,
        "passed": attempt.passed,
        "outcome": attempt.outcome.value,
        "checks": [{"check": one.check, "passed": one.passed, "detail": one.detail} for one in attempt.checks],
        "response": attempt.response,
    }


def _mean(numbers: Sequence[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return round(sum(known) / len(known), 1) if known else None
