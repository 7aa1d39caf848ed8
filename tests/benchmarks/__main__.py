"""`python -m tests.benchmarks [NAME ...]`: speed as ratios, each against a baseline measured in the same run.

Prints one table. Every module of this folder that has `rows()` is a benchmark (see `table`); what one with only a
`main()` prints stands below the table.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.table import Row, decoded, show

_ROWS = re.compile(r"^def rows\(", re.MULTILINE)
_MAIN = re.compile(r"^(?:async )?def main\(", re.MULTILINE)
_SUPPORT = {"__init__", "__main__", "table", "stream_stage", "slow_start_server", "busy_server"}
_TIMEOUT_S = 900


def modules() -> dict[str, bool]:
    """Name of each benchmark to whether it has `rows()`."""
    sources = {
        path.stem: path.read_text("utf-8")
        for path in sorted(Path(__file__).parent.glob("*.py"))
        if path.stem not in _SUPPORT
    }
    return {
        name: bool(_ROWS.search(text)) for name, text in sources.items() if _ROWS.search(text) or _MAIN.search(text)
    }


def main() -> int:
    known = modules()
    wanted = sys.argv[1:] or list(known)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"unknown benchmark {unknown[0]}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    rows: list[Row] = []
    others: list[str] = []
    failed: list[str] = []
    for name in wanted:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        argv = [
            sys.executable,
            "-m",
            *(("tests.benchmarks.table", name) if known[name] else (f"tests.benchmarks.{name}",)),
        ]
        try:
            result = subprocess.run(argv, stdout=subprocess.PIPE, text=True, timeout=_TIMEOUT_S, check=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            failed.append(f"{name}: {error}")
        else:
            rows += decoded(result.stdout)
            if not known[name]:
                others.append(result.stdout.rstrip())
    show(rows)
    if others:
        print("\n" + "\n".join(others))
    for line in failed:
        print(f"not measured: {line}", file=sys.stderr)
    missed = [row.name for row in rows if not row.met]
    if missed:
        print(f"goal missed: {', '.join(missed)}", file=sys.stderr)
    return 1 if failed or missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
