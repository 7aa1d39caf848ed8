"""Modules that threads import at the same time are imported one after the other."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from mcp_tui.core.imports import load

DEADLINE_S = 30.0


def test_packages_that_need_each_other_are_never_seen_half_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the lock each thread holds one module and waits for the other's."""
    (tmp_path / "pair_started.py").write_text("import threading\na, b = threading.Event(), threading.Event()\n")
    for mine, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"pair_{mine}.py").write_text(
            f"import pair_started\npair_started.{mine}.set()\npair_started.{other}.wait(0.3)\n"
            f"import pair_{other}\nwhole = True\n"
        )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    seen: dict[str, bool] = {}

    def work(name: str) -> None:
        seen[name] = hasattr(load(name), "whole") and hasattr(sys.modules["pair_b"], "whole")

    threads = [threading.Thread(target=work, args=(name,)) for name in ("pair_a", "pair_b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert seen == {"pair_a": True, "pair_b": True}
    for name in ("pair_a", "pair_b", "pair_started"):
        sys.modules.pop(name)
