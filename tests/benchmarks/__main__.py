"""`python -m tests.benchmarks [NAME ...]`: speed as ratios, each against a baseline measured in the same run.

Every benchmark runs in a process of its own, so that the heap of one does not slow the next.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_SUPPORT = {"__init__", "__main__", "slow_start_server"}


def main() -> int:
    known = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in _SUPPORT)
    wanted = sys.argv[1:] or known
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"unknown benchmark {unknown[0]}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    failed = 0
    for name in wanted:
        failed += subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}"], timeout=600).returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
