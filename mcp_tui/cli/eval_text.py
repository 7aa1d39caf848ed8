"""An evaluation as text: a line per attempt as it ends, a table of cases and models, a line per model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from mcp_tui.cli.output import cut_cells, say, styled, table, width_cells
from mcp_tui.core.figures import duration_text, money_text
from mcp_tui.core.text import clean_line
from mcp_tui.core.types import JsonObject
from mcp_tui.runs.evals.report import model_figures
from mcp_tui.runs.evals.results import Attempt, AttemptOutcome, Results, Verdict

_WORDS = {
    AttemptOutcome.PASSED: "✓ ok",
    AttemptOutcome.FAILED: "✗ failed",
    AttemptOutcome.ERROR: "✗ error",
    AttemptOutcome.NOT_RUN: "– not run",
}
_WORD_CELLS = max(map(len, _WORDS.values()))
_NAME_CELLS = 44
_HEADERS = ("MODEL", "PASSED", "COST", "TIME", "FIRST")


class Silent:
    """Takes attempts as they end."""

    def __call__(self, attempt: Attempt) -> None:
        """Nothing is shown."""

    def finish(self, results: Results) -> None:
        """It is over."""


class Lines(Silent):
    """reader_left is called when stdout has no reader any more; then nothing is written."""

    def __init__(self, reader_left: Callable[[], None]) -> None:
        self._reader_left = reader_left
        self._broken = False
        self._names: Sequence[str] = ()
        self._models: Sequence[str] = ()
        self._repeats: dict[str, int] = {}

    def begin(self, repeats: dict[str, int], models: Sequence[str]) -> None:
        """repeats: of each case."""
        self._repeats = repeats
        self._names, self._models = list(repeats), models

    def __call__(self, attempt: Attempt) -> None:
        self._write(lambda: self._line(attempt))

    def finish(self, results: Results) -> None:
        self._write(lambda: _summary(results))

    def _write(self, write: Callable[[], None]) -> None:
        if self._broken:
            return
        try:
            write()
        except BrokenPipeError:
            self._broken = True
            self._reader_left()

    def _line(self, attempt: Attempt) -> None:
        repeat = self._repeats[attempt.case]
        response = attempt.response
        parts = [
            _padded(_word(attempt), _WORD_CELLS),
            _padded(_short(attempt.case), max(width_cells(_short(name)) for name in self._names)),
            _padded(clean_line(attempt.model), max(width_cells(clean_line(model)) for model in self._models)),
            f"{attempt.number}/{repeat}" if repeat > 1 else "",
            "" if response is None else duration_text(response["duration_ms"]),
            "" if response is None else money_text(response["cost_usd"], estimate=bool(response["cost_is_estimate"])),
            "cached" if response is not None and response["cached"] else "",
        ]
        say(styled("  ".join(part for part in parts if part), fg=_colour(attempt.outcome)))
        for check in attempt.failures:
            say(f"  {clean_line(f'{check.check}: {check.detail}')}")


def _summary(results: Results) -> None:
    say()
    models = results.models()
    rows = [
        [_short(case.name), *(_cell(results, verdict) for verdict in results.verdicts if verdict.case == case.name)]
        for case in results.suite.cases
    ]
    if len({len(row) for row in rows}) == 1 and len(rows[0]) == len(models) + 1:
        table(("CASE", *map(clean_line, models)), rows)
    else:  # cases with models of their own
        table(
            ("CASE", "MODEL", "RESULT"),
            [[_short(verdict.case), verdict.model, _cell(results, verdict)] for verdict in results.verdicts],
        )
    say()
    figures = model_figures(results)
    table(
        _HEADERS,
        [
            [model, f"{one.passed}/{one.total}", money_text(one.cost_usd, estimate=one.cost_is_estimate),
             duration_text(one.duration_ms), duration_text(one.ttft_ms)]
            for model, one in figures.items()
        ],
        right=frozenset(range(1, len(_HEADERS))),
    )  # fmt: skip
    for remark in _remarks(results):
        say(styled(remark, dim=True))
    passed = sum(verdict.passed for verdict in results.verdicts)
    words = f"{results.suite.name}: {passed} of {len(results.verdicts)} passed"
    say(styled(words, fg="green" if results.passed else "red", bold=True))


def _cell(results: Results, verdict: Verdict) -> str:
    attempts = results.of(verdict)
    if len(attempts) == 1 and not (verdict.passed and not attempts[0].passed):
        return _word(attempts[0])
    needed = "" if verdict.passed or verdict.needed == verdict.attempts else f", {verdict.needed} needed"
    return f"{'✓' if verdict.passed else '✗'} {verdict.passed_attempts}/{verdict.attempts}{needed}"


def _word(attempt: Attempt) -> str:
    if attempt.outcome is AttemptOutcome.NOT_RUN and attempt.response is not None and attempt.response["steps"]:
        return "– cancelled"
    return _WORDS[attempt.outcome]


def _remarks(results: Results) -> list[str]:
    """What the figures do not say, each once."""
    found: list[str] = []
    for attempt in results.attempts:
        response: JsonObject = attempt.response or {}
        if response.get("fallback"):
            found.append(f"{attempt.model}: fallback: {response['fallback']}")
        found += [f"{attempt.model}: {note}" for note in response.get("notes", ())]
    not_run = [one for one in results.attempts if one.outcome is AttemptOutcome.NOT_RUN]
    whys = Counter(one.error.line() for one in not_run if one.error is not None)
    lines = [f"{count} {'attempt' if count == 1 else 'attempts'}: {why}" for why, count in whys.items()]
    return [*dict.fromkeys(found), *lines]


def _colour(outcome: AttemptOutcome) -> str:
    return "green" if outcome is AttemptOutcome.PASSED else "yellow" if outcome is AttemptOutcome.NOT_RUN else "red"


def _short(name: str) -> str:
    return cut_cells(clean_line(name), _NAME_CELLS)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - width_cells(text))
