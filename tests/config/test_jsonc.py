from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_tui.config.document import DocumentSyntaxError
from mcp_tui.config.jsonc import parse

_PATH = Path("mcp.json")
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=6), _JSON, max_size=5), st.sampled_from([None, 1]), st.booleans())
@settings(deadline=None, max_examples=200)
def test_reads_json_as_the_standard_library_does(value: dict[str, Any], indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert parse(text, _PATH).value == json.loads(text)


def test_comments_trailing_commas_and_a_bom() -> None:
    text = '\ufeff// first\n{ /* a "comment" */ "a": [1, 2,], // "b": 1\n "url": "http://x//y", }\n/* end */'
    assert parse(text, _PATH).value == {"a": [1, 2], "url": "http://x//y"}


def test_lines_and_duplicates() -> None:
    document = parse('{\n "s": {\n  "a": {\n   "x": 1},\n  "a": {"y":\n 2}\n }\n}', _PATH)
    assert document.value == {"s": {"a": {"y": 2}}}
    assert document.line(("s",)) == 2
    assert document.line(("s", "a")) == 5
    assert document.line(("s", "a", "no such key")) == 5
    assert document.duplicates == ((("s", "a"), 3),)
    assert document.where(("s", "a", "y")) == "mcp.json:5"


@pytest.mark.parametrize(
    ("text", "line", "column", "word"),
    [
        ("", 1, 1, "ends"),
        ("[]", 1, 1, "object"),
        ('{"a": 1', 1, 1, "never closed"),
        ('{\n "a" 1}', 2, 6, "colon"),
        ('{\n "a": 1\n "b": 2}', 3, 2, "comma"),
        ("{a: 1}", 1, 2, "double quotes"),
        ("{'a': 1}", 1, 2, "double quotes"),
        ('{"a": NaN}', 1, 7, "NaN"),
        ('{"a": "open\n}', 1, 7, "quote"),
        ('{"a": "\\x"}', 1, 8, "escape"),
        ('{"a": 1} x', 1, 10, "after the end"),
        ('{"a": 1 /* }', 1, 9, "comment"),
        ('{"a": [1, }', 1, 11, "value"),
        ('{"a": [1', 1, 7, "list is never closed"),
        ('{"a": ' + "9" * 5000 + "}", 1, 7, "number"),
        ('{"a": ' + "[" * 5000, 1, 107, "nested"),
        ('{"a": ,}', 1, 7, "value"),
    ],
    ids=range(17),
)
def test_faults_name_their_place(text: str, line: int, column: int, word: str) -> None:
    with pytest.raises(DocumentSyntaxError) as caught:
        parse(text, _PATH)
    assert word in caught.value.reason
    assert (caught.value.line, caught.value.column) == (line, column)


@given(st.text(alphabet='{}[]",:/*\\\n 1tnul', max_size=30))
@settings(deadline=None, max_examples=300)
def test_any_text_parses_or_is_a_fault(text: str) -> None:
    try:
        parse(text, _PATH)
    except DocumentSyntaxError as fault:
        assert fault.line >= 1
