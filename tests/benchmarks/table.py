"""One table of all benchmarks: what a module gives, and how it is printed.

A benchmark is a module in this folder with `rows() -> list[Row]`. Each runs in a process of its own, so that the heap
of one does not slow the next; `python -m tests.benchmarks.NAME` prints its rows alone when it ends with
`if __name__ == "__main__": show(rows())`.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

MARK = "benchmark-rows:"
"""Before the rows of a child process, on a line of its own."""


@dataclass(frozen=True, slots=True)
class Row:
    """A figure of ours against a baseline that was measured in the same run; only the ratio is compared."""

    name: str
    ours: str
    baseline: str
    """With what it is of: `empty app 150 ms`."""
    ratio: float
    goal: float | None = None
    """The ratio at most, or at least with `higher`; None: told, not judged."""
    higher: bool = False
    note: str = ""

    @property
    def met(self) -> bool:
        if self.goal is None:
            return True
        return self.ratio >= self.goal if self.higher else self.ratio <= self.goal

    def cells(self) -> tuple[str, ...]:
        goal = "" if self.goal is None else f"{'≥' if self.higher else '≤'} {self.goal:g}"
        verdict = "" if self.goal is None else "ok" if self.met else "MISSED"
        digits = 3 if self.ratio < 0.1 else 2 if self.ratio < 100 else 0
        return self.name, self.ours, self.baseline, f"{self.ratio:.{digits}f}", goal, verdict, self.note


_HEAD = ("what", "mcp-tui", "baseline", "ratio", "goal", "", "")


def table(rows: Sequence[Row]) -> str:
    lines = [_HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD) - 1)]
    right = {3}
    return "\n".join(
        "  ".join(
            [
                *(
                    cell.rjust(width) if column in right else cell.ljust(width)
                    for column, (cell, width) in enumerate(zip(line, widths, strict=False))
                ),
                line[-1],
            ]
        ).rstrip()
        for line in lines
    )


def show(rows: Sequence[Row]) -> None:
    print(table(rows))


def encoded(rows: Iterable[Row]) -> str:
    return MARK + json.dumps([asdict(row) for row in rows])


def decoded(output: str) -> list[Row]:
    """The rows a child printed, whatever else it printed."""
    return [
        Row(**fields)
        for line in output.splitlines()
        if line.startswith(MARK)
        for fields in json.loads(line.removeprefix(MARK))
    ]


def child(name: str) -> int:
    """Measure one module and print its rows for the parent."""
    module = importlib.import_module(f"tests.benchmarks.{name}")
    print(encoded(module.rows()), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(child(sys.argv[1]))
