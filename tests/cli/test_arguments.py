from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcp_tui.cli.arguments import build, parse_object, read_text
from mcp_tui.core.errors import AppError, ErrorKind

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "count": {"type": "integer"},
        "ratio": {"type": "number"},
        "flag": {"type": "boolean"},
        "level": {"enum": ["low", "high"]},
        "rank": {"enum": [1, 2]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "numbers": {"type": "array", "items": {"type": "integer"}},
        "rows": {"type": "array", "items": {"type": "object"}},
        "deep": {"type": "object"},
        "maybe": {"type": ["integer", "null"]},
        "any": {},
    },
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        (["text=5"], {"text": "5"}),
        (["text="], {"text": ""}),
        (["text=a=b:=c"], {"text": "a=b:=c"}),
        (["text=null"], {"text": "null"}),
        (["count=5"], {"count": 5}),
        (["count=-12345678901234567890123"], {"count": -12345678901234567890123}),
        (["ratio=2"], {"ratio": 2}),
        (["ratio=2.5e-1"], {"ratio": 0.25}),
        (["flag=true"], {"flag": True}),
        (["flag=No"], {"flag": False}),
        (["level=high"], {"level": "high"}),
        (["rank=2"], {"rank": 2}),
        (["tags=a,b c"], {"tags": ["a", "b c"]}),
        (["tags=a", "tags=b"], {"tags": ["a", "b"]}),
        (['tags=["x,y"]'], {"tags": ["x,y"]}),
        (["tags="], {"tags": []}),
        (["numbers=1,2"], {"numbers": [1, 2]}),
        (['deep={"a": [1]}'], {"deep": {"a": [1]}}),
        (["maybe=null"], {"maybe": None}),
        (["maybe=7"], {"maybe": 7}),
        (["count:=\"no number\""], {"count": "no number"}),
        (["unknown:=[1]"], {"unknown": [1]}),
    ],
)  # fmt: skip
def test_values_take_the_kind_of_their_field(pairs: list[str], expected: dict[str, Any]) -> None:
    result = build(_SCHEMA, pairs, None)
    assert result == expected
    assert [type(value) for value in result.values()] == [type(value) for value in expected.values()]


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("count=five", "count must be a whole number, not 'five'"),
        ("count=1.5", "count must be a whole number"),
        ("ratio=x", "ratio must be a number"),
        ("flag=maybe", "flag must be true or false"),
        ("level=mid", "level must be one of low, high"),
        ("rank=3", "rank must be one of 1, 2"),
        ("deep=x", "deep must be a JSON object"),
        ("numbers=1,x", "must be a whole number, not 'x'"),
        ("rows=x", "rows must be a JSON list"),
        ("txt=x", "did you mean text?"),
        ("text", "is not KEY=VALUE"),
        ("=x", "is not KEY=VALUE"),
        ("count:={", "is not valid JSON"),
        ("count:=NaN", "is not valid JSON"),
    ],
)
def test_what_does_not_fit_is_refused(pair: str, words: str) -> None:
    with pytest.raises(AppError) as caught:
        build(_SCHEMA, [pair], None)
    assert words in str(caught.value)
    assert caught.value.info.kind is ErrorKind.USAGE


def test_required_arguments_are_named_unless_the_whole_object_was_given() -> None:
    schema = {**_SCHEMA, "required": ["text", "count"]}
    with pytest.raises(AppError, match=r"missing: text, count.*text=… count=…"):
        build(schema, [], None)
    assert build(schema, [], {}) == {}
    assert build(schema, ["count=1"], {"text": 5}) == {"text": 5, "count": 1}


def test_a_tool_that_says_nothing_takes_json_or_text() -> None:
    assert build({"type": "object"}, ["a=1", "b=x y"], None) == {"a": 1, "b": "x y"}
    assert build({}, ["a:=1"], None) == {"a": 1}
    with pytest.raises(AppError, match="no argument 'a'"):
        build({"type": "object", "additionalProperties": False}, ["a=1"], None)


def test_a_whole_object_comes_from_text_or_file(tmp_path: Path) -> None:
    file = tmp_path / "args.json"
    file.write_text('\ufeff{"a": 1}', "utf-8")
    assert parse_object(None, what="--args") is None
    assert parse_object('{"a": 1}', what="--args") == {"a": 1}
    assert parse_object(f"@{file}", what="--args") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "line 1, column 2"), ("[1]", "must be a JSON object"), ("@missing.json", "cannot read missing.json")],
)
def test_a_bad_object_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(AppError) as caught:
        parse_object(text, what="--args")
    assert words in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AppError, match="no UTF-8 text"):
        read_text(f"@{file}", what="Prompt")
