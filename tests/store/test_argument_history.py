from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from mcp_tui.store.argument_history import KEPT_PER_ITEM, MAX_TEXT_CHARS, ArgumentHistory


@pytest.fixture
def history(tmp_path: Path) -> ArgumentHistory:
    moments = iter(range(1, 10_000))
    return ArgumentHistory(tmp_path / "data" / "arguments.db", now=lambda: float(next(moments)))


def used(history: ArgumentHistory, name: str = "t") -> list[object]:
    return [entry.arguments for entry in history.newest("s", "tool", name)]


def test_arguments_come_back_newest_first_and_exactly(history: ArgumentHistory) -> None:
    first = {"n": 123456789012345678901234567890, "x": None, "f": 1.5, "t": "é\ud800"}
    history.add("s", "tool", "t", first)
    history.add("s", "tool", "t", {"b": []})
    assert used(history) == [{"b": []}, first]


def test_every_tool_has_its_own(history: ArgumentHistory) -> None:
    history.add("s", "tool", "t", {"a": 1})
    history.add("other", "tool", "t", {"a": 2})
    history.add("s", "prompt", "t", {"a": 3})
    assert used(history) == [{"a": 1}]
    assert used(history, "u") == []


def test_the_same_again_moves_to_the_top(history: ArgumentHistory) -> None:
    for value in (1, 2, 1):
        history.add("s", "tool", "t", {"a": value})
    assert used(history) == [{"a": 1}, {"a": 2}]


def test_only_the_newest_are_kept(history: ArgumentHistory) -> None:
    for value in range(KEPT_PER_ITEM + 5):
        history.add("s", "tool", "t", {"a": value})
    assert len(used(history)) == KEPT_PER_ITEM
    assert used(history)[0] == {"a": KEPT_PER_ITEM + 4}


def test_arguments_too_long_are_not_kept(history: ArgumentHistory) -> None:
    assert not history.add("s", "tool", "t", {"a": "x" * MAX_TEXT_CHARS})
    assert used(history) == []


def test_nobody_else_can_read_the_file(history: ArgumentHistory, tmp_path: Path) -> None:
    history.add("s", "tool", "t", {"a": 1})
    for file in (tmp_path / "data").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_reading_without_a_file_makes_none(history: ArgumentHistory, tmp_path: Path) -> None:
    assert used(history) == []
    assert not (tmp_path / "data").exists()


def test_a_damaged_file_is_an_error_to_show(tmp_path: Path) -> None:
    path = tmp_path / "arguments.db"
    path.write_bytes(b"this is no database, but long enough to be taken for one" * 20)
    with pytest.raises(sqlite3.DatabaseError):
        ArgumentHistory(path).newest("s", "tool", "t")


def test_names_from_servers_may_hold_anything(history: ArgumentHistory) -> None:
    name = "a'; DROP TABLE arguments; --\ud800\0"
    history.add("s", "tool", name, {"a": 1})
    assert used(history, name) == [{"a": 1}]
