"""A saved run in time."""

from __future__ import annotations

from mcp_tui.core.events import StatusChanged, TextAppended, TurnStarted
from mcp_tui.core.state import ColumnStatus
from mcp_tui.runs.playback import APPROVAL_S, BETWEEN_TURNS_S, SPEEDS, Playback, moments
from mcp_tui.store.history.events import Timed


def status(at_s: float, value: ColumnStatus, column: str = "c1") -> Timed:
    return at_s, StatusChanged(column, value)


def text(at_s: float, column: str = "c1") -> Timed:
    return at_s, TextAppended(column, "x")


def turn(at_s: float, number: int = 1, column: str = "c1") -> Timed:
    return at_s, TurnStarted(column, number, "p")


def test_what_machines_took_is_kept_exactly() -> None:
    events = [turn(0.0), status(0.0, ColumnStatus.CONNECTING), text(8.0), text(8.1), status(40.0, ColumnStatus.DONE)]
    assert moments(events) == [0.0, 0.0, 8.0, 8.1, 40.0]


def test_what_people_took_is_shortened() -> None:
    events = [
        turn(5.0),
        status(5.0, ColumnStatus.APPROVAL),
        status(125.0, ColumnStatus.TOOLS),
        status(126.0, ColumnStatus.DONE),
        turn(3726.0, 2),
        text(3727.0),
    ]
    assert moments(events) == [
        0.0,
        0.0,
        APPROVAL_S,
        APPROVAL_S + 1,
        *(APPROVAL_S + 1 + BETWEEN_TURNS_S + n for n in (0, 1)),
    ]


def test_nothing_is_shortened_while_another_column_works() -> None:
    events = [
        turn(0.0),
        turn(0.0, column="c2"),
        status(0.0, ColumnStatus.APPROVAL),
        status(0.0, ColumnStatus.STREAMING, "c2"),
        text(30.0, "c2"),
    ]
    assert moments(events)[-1] == 30.0


def test_events_come_out_in_order_at_their_speed_and_the_clock_shows_their_time() -> None:
    events = [turn(100.0), text(101.0), text(102.0), text(104.0)]
    playback = Playback(events, speed=2.0)
    assert playback.advance(0.0) == events[:1] and playback.now_s == 100.0
    assert playback.advance(0.4) == [] and playback.now_s == 100.8
    assert playback.wait_s == 0.1 or abs(playback.wait_s - 0.1) < 1e-9
    assert playback.advance(0.6) == events[1:3] and playback.now_s == 102.0
    playback.paused = True
    assert playback.advance(60.0) == []
    playback.paused = False
    assert not playback.done and playback.rest() == events[3:]
    assert playback.done and playback.wait_s == 0.0 and playback.now_s == 104.0


def test_speed_changes_in_steps_and_stays_within_bounds() -> None:
    playback = Playback([turn(0.0), text(10.0)])
    assert [playback.change_speed(1) for _ in range(9)][-1] == SPEEDS[-1]
    assert [playback.change_speed(-1) for _ in range(20)][-1] == SPEEDS[0]


def test_an_empty_run_is_over_at_once() -> None:
    playback = Playback([])
    assert playback.done and playback.advance(1.0) == [] and playback.length_s == 0.0 and playback.now_s == 0.0
