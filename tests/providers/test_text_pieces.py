"""Think tags, surrogates and arguments: the small parts that see every delta."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_tui.core.chat import ToolCallBlock
from mcp_tui.providers.call_arguments import parse_arguments, replayed_arguments
from mcp_tui.providers.surrogates import SurrogateJoiner, encodable, encodable_json, json_bytes
from mcp_tui.providers.think_tags import ThinkSplitter


def split(*deltas: str) -> tuple[str, str]:
    splitter = ThinkSplitter()
    pieces = [splitter.feed(delta) for delta in deltas]
    pieces.append(splitter.flush())
    return "".join(thought for thought, _ in pieces), "".join(text for _, text in pieces)


THOUGHT = "\n<think>\nTwo < three, so </ thin\n</think>\n\nThe answer: <think> is a tag."


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_think_tags_split_in_any_chunking(size: int) -> None:
    deltas = [THOUGHT[at : at + size] for at in range(0, len(THOUGHT), size)]
    assert split(*deltas) == ("\nTwo < three, so </ thin\n", "The answer: <think> is a tag.")


@pytest.mark.parametrize("text", ["Use <think> to think.", "  <thin ice", "<", "<thinker>", "", " \n "])
def test_text_without_a_leading_tag_stays_text(text: str) -> None:
    assert split(*text) == ("", text)


def test_thinking_that_never_closes_is_all_reasoning() -> None:
    assert split("<think>so far", " and </th") == ("so far and </th", "")


def test_thinking_is_streamed_not_held_back() -> None:
    splitter = ThinkSplitter()
    assert splitter.feed("<think>one ") == ("one ", "")
    assert splitter.feed("two") == ("two", "")


def test_endless_white_space_is_not_held_for_ever() -> None:
    splitter = ThinkSplitter()
    released = "".join(splitter.feed(" ")[1] for _ in range(1000))
    assert len(released) == 1000


@given(st.text(), st.text())
def test_no_text_is_lost(thought: str, answer: str) -> None:
    got_thought, got_answer = split(*f"<think>{thought}</think>{answer}")
    if "</think>" not in thought:
        assert got_thought == thought
        assert got_answer == answer.lstrip()


def test_an_emoji_split_between_deltas_is_joined() -> None:
    joiner = SurrogateJoiner()
    assert [joiner.feed("A\ud83d"), joiner.feed("\ude00B"), joiner.feed("\ud83d!"), joiner.flush()] == [
        "A",
        "😀B",
        "\ufffd!",
        "",
    ]


def test_a_half_at_the_end_is_replaced() -> None:
    joiner = SurrogateJoiner()
    assert joiner.feed("x\ud83d") + joiner.flush() == "x\ufffd"


def test_what_is_sent_can_always_be_encoded() -> None:
    value = {"k\ud800": ["\ud83d\ude00", float("nan"), {"n": float("inf")}]}
    assert json.loads(json_bytes(value)) == {"k\ufffd": ["😀", None, {"n": None}]}
    assert encodable_json({"a": "\udc00"}) == {"a": "\ufffd"}
    assert encodable("plain") == "plain"


@pytest.mark.parametrize(
    ("raw", "cut", "expected"),
    [
        ('{"a": [1, 2.5, null]}', False, {"a": [1, 2.5, None]}),
        ("", False, {}),
        ("  ", False, {}),
        ("", True, None),
        ('{"a": 1', False, None),
        ('{"a": 1}}', False, None),
        ("[1]", False, None),
        ('"text"', False, None),
        ('{"a": NaN}', False, None),
        ("[" * 100_000, False, None),
        ('{"a": "\\ud83d"}', False, {"a": "\ufffd"}),
        ('{"n": 12345678901234567890123}', False, {"n": 12345678901234567890123}),
    ],
)
def test_arguments_are_an_object_or_nothing(raw: str, cut: bool, expected: object) -> None:
    assert parse_arguments(raw, cut=cut) == expected


def test_broken_arguments_are_sent_back_as_an_object() -> None:
    assert replayed_arguments(ToolCallBlock("c", "t", None, '{"a": ')) == {"INVALID_JSON": '{"a": '}
