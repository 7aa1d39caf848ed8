"""What only says something, `--version`, `--help` and shell completion, against bare Python that imports click."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.table import Row, show

_BARE = (
    "import click; click.command()(click.version_option('1')(lambda: None))(['--version'], 'x', standalone_mode=False)"
)
_ROUNDS = 25


def _seconds(argv: Sequence[str], **environment: str) -> float:
    started = time.perf_counter()
    # Without a timeout: waiting with one looks after the child only every now and then.
    subprocess.run(argv, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def rows() -> list[Row]:
    command = str(Path(sys.executable).with_name("mcp-tui"))
    completing = {"_MCP_TUI_COMPLETE": "bash_complete", "COMP_WORDS": "mcp-tui comp", "COMP_CWORD": "1"}
    cases: dict[str, tuple[list[str], dict[str, str]]] = {
        "--version": ([command, "--version"], {}),
        "--help": ([command, "--help"], {}),
        "shell completion": ([command], completing),
    }
    ours: dict[str, list[float]] = {name: [] for name in cases}
    bare: list[float] = []
    for number in range(_ROUNDS + 1):
        taken = {name: _seconds(argv, **environment) for name, (argv, environment) in cases.items()}
        plain = _seconds([sys.executable, "-c", _BARE])
        if number:  # the first reads files into memory
            bare.append(plain)
            for name, seconds in taken.items():
                ours[name].append(seconds)
    # The quickest run is the one that neighbours on the machine disturbed least.
    base = min(bare)
    return [
        Row(
            name,
            f"{min(taken) * 1000:.0f} ms",
            f"Python and click {base * 1000:.0f} ms",
            min(taken) / base,
            goal=1.5,
        )
        for name, taken in ours.items()
    ]


if __name__ == "__main__":
    show(rows())
