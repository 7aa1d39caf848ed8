import math
from typing import Any

import pytest

from mcp_tui.core.json_values import (
    amount,
    as_list,
    as_object,
    as_text,
    count,
    is_integer,
    is_number,
    objects,
    same,
    texts,
)

VALUES: list[tuple[Any, type[Any]]] = [
    (None, object), (True, bool), (0, int), (1.5, float), ("text", str),
    ([], list), (["a"], list), ({}, dict), ({"a": 1}, dict),
]  # fmt: skip


@pytest.mark.parametrize(("value", "kind"), VALUES)
def test_a_value_is_taken_for_what_it_is_and_nothing_else(value: object, kind: object) -> None:
    assert as_object(value) == (value if kind is dict else {})
    assert as_list(value) == (value if kind is list else [])
    assert as_text(value) == (value if kind is str else "")


def test_of_a_list_only_what_has_the_kind_is_taken() -> None:
    assert objects([{"a": 1}, "b", None, ["c"], {}]) == [{"a": 1}, {}]
    assert texts(["a", 1, None, "", {"b": "c"}]) == ["a", ""]
    assert objects({"a": {}}) == [] and texts("abc") == []


def test_true_and_false_are_no_numbers() -> None:
    assert not is_number(True) and not is_integer(False) and count(True) is None and amount(False) is None
    assert is_number(1) and is_number(1.5) and is_integer(1) and not is_integer(1.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1, "3", None, []])
def test_a_number_that_counts_nothing_is_none(value: object) -> None:
    assert count(value) is None and amount(value) is None


def test_numbers_keep_what_they_say() -> None:
    assert count(3) == 3 and count(3.0) == 3 and amount(0) == 0.0 and amount(2.5) == 2.5


def test_equality_is_that_of_json() -> None:
    assert same({"a": [1, {"b": None}]}, {"a": [1.0, {"b": None}]})
    assert not same(1, True) and not same({"a": 1}, {"a": 1, "b": 2}) and not same([1, 2], [1]) and not same("1", 1)
