from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_tui.core import json_text
from mcp_tui.core.json_text import JsonTextError, compact_start, dump, dump_gently, dump_start, parse

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_dumped_is_read_back_without_repairs(value: object) -> None:
    parsed = parse(dump(value))
    assert parsed.value == value
    assert parsed.repairs == ()


@pytest.mark.parametrize(
    ("text", "value", "repair"),
    [
        ('```json\n{"a": 1}\n```', {"a": 1}, "a code fence"),
        ('Use this:\n```\n{"a": 1}\n``` please', {"a": 1}, "a code fence"),
        ('{"a": [1, 2,],}', {"a": [1, 2]}, "a trailing comma"),
        ("{'a': 'it\\'s'}", {"a": "it's"}, "single quotes"),
        ("{“a”: “b”}", {"a": "b"}, "typographic quotes"),
        ('{"a": 1, // why\n /* and */ "b": 2 # so\n}', {"a": 1, "b": 2}, "comments"),
        ("{a: 1, b_2: 2}", {"a": 1, "b_2": 2}, "keys without quotes"),
        ('{"a": True, "b": None}', {"a": True, "b": None}, "Python's True"),
        ('\ufeff{"a": 1}', {"a": 1}, "a byte order mark"),
        ('{"a": "x\ny"}', {"a": "x\ny"}, "a line break inside a text"),
        ('{"a": .5}', {"a": 0.5}, "a number in another notation"),
        ('{"a": 1, "a": 2}', {"a": 2}, "the key 'a' stood twice, the last one counts"),
    ],
)
def test_pasted_json_is_forgiven_and_the_repair_is_named(text: str, value: object, repair: str) -> None:
    parsed = parse(text)
    assert parsed.value == value
    assert repair in parsed.repairs


def test_integers_keep_every_digit() -> None:
    assert parse('{"n": 123456789012345678901234567890,}').value == {"n": 123456789012345678901234567890}


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ('{\n  "a": 1\n  "b": 2\n}', 3, 3, "comma"),
        ('{"a": }', 1, 7, "cannot start a value"),
        ('{"a": "b}', 1, 7, "no closing quote"),
        ("[1, [2, 3]", 1, 1, "never closed"),
        ("", 1, 1, "nothing is written"),
        ('{"a": NaN}', 1, 7, "needs quotes"),
        ('{"a": 1} x', 1, 10, "more text"),
        ('{"a": 12abc}', 1, 7, "no quotes"),
    ],
)
def test_an_error_names_line_and_column(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(JsonTextError) as caught:
        parse(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert words in str(caught.value)


def test_nesting_without_end_is_an_error_and_no_crash() -> None:
    with pytest.raises(JsonTextError, match="nested deeper"):
        parse("[" * 100_000)
    with pytest.raises(JsonTextError, match="nested deeper"):
        parse("[" * 500 + "'x'" + "]" * 500)


def test_numbers_without_end_and_halves_of_characters_are_errors_too() -> None:
    digits = "9" * 200_000
    for text in (digits, f"[-{digits}]", f"{{a: {digits}}}", " " * 2_100_000 + digits):
        with pytest.raises(JsonTextError, match="the number is too long"):
            parse(text)
    with pytest.raises(JsonTextError, match="four hexadecimal digits"):
        parse('{k: "\\ud83d\\uDE0:"}')
    with pytest.raises(JsonTextError, match="nested deeper than 200 levels"):
        parse("[" * 500 + "]" * 500)
    assert parse("[" * 150 + "]" * 150).repairs == ()


@given(st.text(alphabet="{}[]\"',:#/\\ntrue1.-e `“”“\n", max_size=60))
def test_any_text_is_read_or_refused_with_a_place_inside_it(text: str) -> None:
    try:
        parsed = parse(text)
    except JsonTextError as error:
        assert 1 <= error.line <= text.count("\n") + 1
        assert error.column >= 1
    else:
        assert json.loads(json.dumps(parsed.value)) == parsed.value


def test_the_start_of_a_big_value_is_cut_and_says_so() -> None:
    text, whole = dump_start({"rows": list(range(1_000_000))}, max_chars=1_000)
    assert len(text) == 1_000
    assert not whole
    assert dump_start({"a": [1]}, max_chars=1_000) == ('{\n  "a": [\n    1\n  ]\n}', True)


def test_a_lone_surrogate_is_written_so_that_it_survives() -> None:
    text = dump({"a": "\ud800"})
    text.encode("utf-8")
    assert parse(text).value == {"a": "\ud800"}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=3), inner, max_size=6),
        max_leaves=60,
    ),
    st.integers(1, 12),
)
def test_a_gentle_dump_is_the_same_in_pieces(value: object, nodes: int) -> None:
    before = json_text.PIECE_NODES
    json_text.PIECE_NODES = nodes
    try:
        assert dump_gently(value) == json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    finally:
        json_text.PIECE_NODES = before


def test_no_piece_of_a_gentle_dump_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"rows": [{"n": number, "deep": [[number]]} for number in range(5_000)], "one": {"k": list(range(3_000))}}
    encode = json_text._encode_plain  # pyright: ignore[reportPrivateUsage]  what holds the interpreter
    lengths: list[int] = []

    def spy(piece: object) -> str:
        text = encode(piece)
        lengths.append(len(text))
        return text

    monkeypatch.setattr(json_text, "PIECE_NODES", 500)
    monkeypatch.setattr(json_text, "_encode_plain", spy)
    assert json.loads(dump_gently(value)) == value
    assert len(lengths) > 20
    assert max(lengths) < 10_000


def test_the_start_of_a_compact_dump_costs_what_it_gives() -> None:
    assert compact_start({"a": ["ü", 1]}, max_chars=100) == ('{"a": ["ü", 1]}', True)

    class Endless(list[int]):
        def __iter__(self) -> Iterator[int]:
            return itertools.count()

        def __len__(self) -> int:
            return 1

    assert compact_start({"a": Endless([0])}, max_chars=9) == ('{"a": [0,', False)
