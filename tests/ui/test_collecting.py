"""Garbage is collected in small portions, and all of it when nobody waits."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from mcp_tui.ui import garbage_collection as collecting
from mcp_tui.ui.dashboard import IDLE_S, Dashboard


class Knot:
    """Refers to itself: only a collection frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)
    gc.enable()


def test_what_is_there_when_the_program_is_up_is_never_walked_again() -> None:
    gc.disable()
    kept = Knot()
    collecting.settle()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 10_000
    assert all(found is not kept for found in gc.get_objects())


def test_old_garbage_is_collected_in_an_idle_moment() -> None:
    collecting.settle()
    knot = Knot()
    gone = weakref.ref(knot)
    gc.collect(1)  # it is old now: the young generations do not hold it any more
    del knot
    kept = [[number] for number in range(collecting.GENERATIONS[0] * 3)]
    assert gone() is not None
    assert collecting.collect_all()
    assert gone() is None
    assert len(kept) == collecting.GENERATIONS[0] * 3


def test_nothing_is_collected_when_little_was_made() -> None:
    collecting.settle()
    gc.collect()
    assert not collecting.collect_all()


@pytest.mark.parametrize(("live", "quiet_s", "collected"), [(False, IDLE_S + 1, 1), (True, 60, 0), (False, 1, 0)])
def test_only_an_idle_dashboard_collects_everything(
    monkeypatch: pytest.MonkeyPatch, live: bool, quiet_s: float, collected: int
) -> None:
    calls: list[bool] = []
    monkeypatch.setattr(collecting, "collect_all", lambda: calls.append(True))
    monkeypatch.setattr("mcp_tui.ui.dashboard.monotonic", lambda: 1000.0)
    app = Dashboard()
    app.run_live = live
    app._input_at = 1000.0 - quiet_s  # pyright: ignore[reportPrivateUsage]  set by every input event
    app._collect_when_idle()  # pyright: ignore[reportPrivateUsage]  called by a timer
    assert len(calls) == collected
