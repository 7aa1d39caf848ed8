from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from mcp_tui.core.text_buffer import Pieces


@given(st.lists(st.one_of(st.text(max_size=3), st.just(None)), max_size=700))
def test_the_text_is_all_pieces_in_order_whenever_it_is_asked_for(steps: list[str | None]) -> None:
    pieces, expected = Pieces("x"), "x"
    for step in steps:
        if step is None:
            assert pieces.text == expected
        else:
            pieces.append(step)
            expected += step
    assert pieces.text == expected


def test_it_is_empty_until_something_came_and_after_clearing() -> None:
    pieces = Pieces()
    assert not pieces and pieces.text == "" and pieces.last == ""
    pieces.append("a")
    assert pieces and pieces.last == "a"
    pieces.clear()
    assert not pieces and pieces.text == ""


def test_the_newest_piece_is_known_until_it_is_joined() -> None:
    pieces = Pieces()
    pieces.append("a")
    pieces.append("b")
    assert pieces.last == "b"
    assert (pieces.text, pieces.last) == ("ab", "")


def test_many_small_pieces_take_little_more_than_their_text() -> None:
    tracemalloc.start()
    try:
        pieces = Pieces()
        for number in range(300_000):
            pieces.append(f"{number % 10_000:04d}")
        held, _ = tracemalloc.get_traced_memory()
        assert held < 1.5 * 1_200_000
        assert len(pieces.text) == 1_200_000
    finally:
        tracemalloc.stop()
