from __future__ import annotations

import pytest

from mcp_tui.servers.chart import ChartKind, chart
from tests.servers.pngs import decode

INK = 3


def heights(values: list[float], kind: ChartKind = "bar") -> list[int]:
    """How many rows of ink stand in the middle of each value's place."""
    width, _, rows = decode(chart(values, kind))
    pitch = (width - 28) / len(values)
    return [sum(row[14 + round((n + 0.5) * pitch)] == INK for row in rows) for n in range(len(values))]


def test_bars_are_as_high_as_their_values() -> None:
    one, two, four = heights([1, 2, 4])
    assert two == pytest.approx(2 * one, abs=2)  # pyright: ignore[reportUnknownMemberType]  # untyped in pytest
    assert four == pytest.approx(4 * one, abs=3)  # pyright: ignore[reportUnknownMemberType]  # untyped in pytest


def test_negative_values_hang_below_zero() -> None:
    _, height, rows = decode(chart([5, -5]))
    first = [y for y in range(height) if rows[y][14 + 113] == INK]
    second = [y for y in range(height) if rows[y][14 + 339] == INK]
    assert max(first) < min(second)


@pytest.mark.parametrize("kind", ["bar", "line"])
@pytest.mark.parametrize(
    "values",
    [[0], [0, 0, 0], [1], [-1], [1e308, -1e308], [5e-324, 1e-300], [float(n) for n in range(120)]],
    ids=["zero", "zeros", "one", "minus one", "huge", "tiny", "many"],
)
def test_any_finite_values_can_be_drawn(values: list[float], kind: ChartKind) -> None:
    assert decode(chart(values, kind))[:2] == (480, 220)


def test_line_goes_through_its_points() -> None:
    assert all(height > 0 for height in heights([1, 3, 2, 5], "line"))
