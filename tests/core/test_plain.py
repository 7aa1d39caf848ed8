"""Dataclasses as JSON and back."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_tui.core.chat import (
    Block,
    FileBlock,
    ImageBlock,
    Message,
    ModelParams,
    Opaque,
    OpaqueBlock,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolResultBlock,
)
from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.core.plain import PlainError, from_plain, to_plain
from mcp_tui.core.state import CallRecord, CallStatus, Metrics, Progress, Usage

_OPAQUE = Opaque("anthropic-messages", {"kind": "TextBlock", "signature": "s", "nested": [{"kind": 1}]})
_BLOCKS: tuple[Block, ...] = (
    TextBlock("a\ud800b", _OPAQUE),
    ImageBlock("image/png", "AAAA"),
    FileBlock("application/pdf", "AAAA", "a.pdf", 3),
    ReasoningBlock("r", _OPAQUE),
    ToolCallBlock("1", "t", {"kind": "Opaque", "n": 10**40, "none": None}, "{}"),
    ToolCallBlock("2", "t", None, '{"a'),
    ToolResultBlock("1", "t", (TextBlock("x"), ImageBlock("image/png", "A"), FileBlock("a/b", "A", "n")), True),
    OpaqueBlock(_OPAQUE),
)


def test_every_kind_of_block_survives() -> None:
    assert {type(block) for block in _BLOCKS} == set(get_args(Block)), "a new block needs an example here"
    message = Message("assistant", _BLOCKS)
    assert from_plain(Message, json.loads(json.dumps(to_plain(Message, message)))) == message


def test_only_what_differs_from_the_defaults_is_written() -> None:
    assert to_plain(Metrics, Metrics()) == {}
    assert to_plain(Metrics, Metrics(Usage(3), cost_usd=0.5)) == {"usage": {"input_tokens": 3}, "cost_usd": 0.5}
    assert to_plain(ModelParams, ModelParams(stop=("a",))) == {"stop": ["a"]}


def test_records_survive_with_enums_and_numbers_of_any_size() -> None:
    error, progress = ErrorInfo("a", kind=ErrorKind.TOOL), Progress(1, None, "m")
    arguments = {"n": 10**40, "f": 0.1}
    record = CallRecord(
        "1", 2, "s", "t", arguments, "{}", CallStatus.ERROR, True, 1.5, None, progress, {"isError": True}, error, "note"
    )
    assert from_plain(CallRecord, json.loads(json.dumps(to_plain(CallRecord, record)))) == record


def test_fields_that_are_not_known_any_more_are_left_out() -> None:
    assert from_plain(Usage, {"input_tokens": 3, "invented_later": 1}) == Usage(3)


@pytest.mark.parametrize(
    ("kind", "plain"),
    [
        (Message, {"role": "system", "blocks": []}),
        (Message, {"role": "user"}),
        (Message, {"role": "user", "blocks": [{"kind": "Nothing"}]}),
        (Message, {"role": "user", "blocks": [{"kind": "TextBlock", "text": 3}]}),
        (Message, {"role": "user", "blocks": "text"}),
        (Message, []),
        (Usage, {"input_tokens": "3"}),
        (Usage, {"input_tokens": True}),
        (CallRecord, {"id": "1"}),
        (ErrorInfo, {"title": "a", "kind": "unheard of"}),
    ],
)
def test_what_was_never_written_is_refused(kind: type, plain: object) -> None:
    with pytest.raises(PlainError):
        from_plain(kind, plain)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), _JSON, max_size=4), st.text())
def test_arguments_come_back_as_they_were(arguments: dict[str, object], raw: str) -> None:
    block = ToolCallBlock("1", "t", arguments, raw)
    message = Message("assistant", (block,))
    assert from_plain(Message, json.loads(json.dumps(to_plain(Message, message)))) == message
