"""The table of the benchmarks: what is judged, what is printed, and that every module gives rows."""

from __future__ import annotations

import pytest

from tests.benchmarks.__main__ import modules
from tests.benchmarks.table import Row, decoded, encoded, table


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (Row("x", "1", "1", 1.5, 1.5), True),
        (Row("x", "1", "1", 1.51, 1.5), False),
        (Row("x", "1", "1", 21, 20, higher=True), True),
        (Row("x", "1", "1", 19, 20, higher=True), False),
        (Row("x", "1", "1", 1000), True),
    ],
)
def test_a_goal_is_met_or_missed(row: Row, met: bool) -> None:
    assert row.met is met
    assert ("MISSED" in table([row])) is not met


def test_rows_reach_the_parent_whatever_else_a_child_prints() -> None:
    rows = [Row("a", "1 ms", "2 ms", 0.5, 1.0, note="with “words”"), Row("b", "", "", 3.0, higher=True)]
    assert decoded(f"noise\n{encoded(rows)}\nmore noise\n") == rows


def test_columns_line_up() -> None:
    lines = table([Row("short", "1", "one", 0.5, 1), Row("a longer name", "22", "base", 12.25, 20)]).splitlines()
    assert len({line.index("0.50") + 4 for line in lines[1:2]} | {line.index("12.25") + 5 for line in lines[2:]}) == 1
    assert lines[0].startswith("what")


def test_what_was_to_be_measured_is_measured() -> None:
    known = modules()
    wanted = {
        "calls",
        "command_line",
        "connect",
        "fan_out",
        "first_frame",
        "growth",
        "key_to_paint",
        "lists",
        "streaming",
        "terminal",
    }
    assert wanted <= {name for name, gives_rows in known.items() if gives_rows}
