"""What came of an evaluation, as frozen data, and what it amounts to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from mcp_tui.core.errors import EXIT_CODES, EXIT_SOME_COLUMNS_FAILED, ErrorInfo, ErrorKind
from mcp_tui.core.types import JsonObject
from mcp_tui.runs.evals.checks import CheckResult
from mcp_tui.runs.evals.suite import Suite


class AttemptOutcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    """The answer is not as expected, or it was cut by a limit of the case."""
    ERROR = "error"
    """There was no answer to judge: the provider failed, or a server the case needs is not there."""
    NOT_RUN = "not_run"
    """Nothing was asked, or the evaluation was cancelled meanwhile."""


@dataclass(frozen=True, slots=True)
class Attempt:
    case: str
    model: str
    """The label of its column."""
    number: int
    """1 for the first of `repeat`."""
    outcome: AttemptOutcome
    checks: tuple[CheckResult, ...]
    response: JsonObject | None = None
    """As in `compare --json`; None when no model was asked."""
    error: ErrorInfo | None = None
    """Why there is no whole answer."""

    @property
    def passed(self) -> bool:
        return self.outcome is AttemptOutcome.PASSED

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        return tuple(check for check in self.checks if not check.passed)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one case and model."""

    case: str
    model: str
    attempts: int
    passed_attempts: int
    pass_rate: float
    """The share that must pass."""

    @property
    def needed(self) -> int:
        # A hair less, so that 0.7 of 10 is not 8.
        return math.ceil(self.pass_rate * self.attempts - 1e-9)

    @property
    def passed(self) -> bool:
        return self.passed_attempts >= self.needed


@dataclass(frozen=True, slots=True)
class Results:
    suite: Suite
    attempts: tuple[Attempt, ...]
    """All that were planned: by case, then model, then number."""
    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        return all(verdict.passed for verdict in self.verdicts)

    def of(self, verdict: Verdict) -> tuple[Attempt, ...]:
        return tuple(one for one in self.attempts if (one.case, one.model) == (verdict.case, verdict.model))

    def models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(verdict.model for verdict in self.verdicts))

    def exit_code(self) -> int:
        """0 when every case passed; the providers' own code when nothing but their failures came (6 when they
        differ); else 7."""
        if self.passed:
            return 0
        errors = [one.error for one in self.attempts]
        codes = {EXIT_CODES[error.kind] for error in errors if error is not None and provider_failed(error)}
        if not codes or not all(error is not None and provider_failed(error) for error in errors):
            return EXIT_SOME_COLUMNS_FAILED
        return codes.pop() if len(codes) == 1 else EXIT_CODES[ErrorKind.PROVIDER]


MODELS_DOING = frozenset(
    ("refusal", "content_filter", "context_overflow", "length", "step_limit", "time_limit", "spend_limit")
)
"""Codes of ends without an answer that say something about the model, or the limits of the case."""
_NOT_THE_PROVIDERS = MODELS_DOING | {"servers", "cancelled", "not_run"}


def provider_failed(error: ErrorInfo) -> bool:
    """The model could not be asked, or not to the end, whatever it would have answered."""
    return error.kind is not ErrorKind.INTERNAL and error.code not in _NOT_THE_PROVIDERS
