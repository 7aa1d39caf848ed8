"""A conversation in the form every provider accepts: each tool call followed by its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from mcp_tui.core.chat import Block, Message, TextBlock, ToolCallBlock, ToolResultBlock

NO_RESULT = "No result: the call did not finish."


def repaired(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages, with missing tool results filled in and results without a call turned into text.

    All vendors refuse a whole request for one call without its result; a turn that was stopped, or a cut answer,
    leaves such calls behind. They also want an id to name one call in the whole conversation, which servers that
    count from zero in each answer do not care about.
    """
    messages = _with_unique_ids(messages)
    result: list[Message] = []
    calls: set[str] = set()
    for at, message in enumerate(messages):
        if message.role == "user":
            result.append(_without_strays(message, calls))
            calls = set()
            continue
        result.append(message)
        calls = {call.id for call in message.tool_calls}
        following = messages[at + 1] if at + 1 < len(messages) else None
        answered: set[str] = set()
        if following is not None and following.role == "user":
            answered = {block.call_id for block in following.blocks if isinstance(block, ToolResultBlock)}
        missing = tuple(
            ToolResultBlock(call.id, call.name, (TextBlock(NO_RESULT),), True)
            for call in message.tool_calls
            if call.id not in answered
        )
        if missing:
            result.append(Message("user", missing))
    return _merged(result)


def _with_unique_ids(messages: Sequence[Message]) -> Sequence[Message]:
    """The same messages, with an id that an earlier message used replaced in the call and in its result."""
    used: set[str] = set()
    renamed: dict[str, str] = {}
    result: list[Message] = []
    for message in messages:
        if message.role == "assistant":
            renamed = {}
            for call in message.tool_calls:
                renamed[call.id] = _unused(call.id, used)
            used.update(renamed.values())
        blocks: list[Block] = []
        for block in message.blocks:
            if isinstance(block, ToolCallBlock) and renamed[block.id] != block.id:
                block = replace(block, id=renamed[block.id])
            elif isinstance(block, ToolResultBlock):
                block = replace(block, call_id=renamed.get(block.call_id, block.call_id))
            blocks.append(block)
        result.append(Message(message.role, tuple(blocks)))
    return result


def _unused(call_id: str, used: set[str]) -> str:
    if call_id not in used:
        return call_id
    return next(name for n in count(2) if (name := f"{call_id}-{n}") not in used)


def _without_strays(message: Message, calls: set[str]) -> Message:
    seen: set[str] = set()
    blocks: list[Block] = []
    for block in message.blocks:
        if not isinstance(block, ToolResultBlock):
            blocks.append(block)
        elif block.call_id in calls and block.call_id not in seen:
            seen.add(block.call_id)
            blocks.append(block)
        else:
            blocks.append(TextBlock(f"Result of {block.name}:\n"))
            blocks.extend(block.content)
    return Message("user", tuple(blocks))


def _merged(messages: list[Message]) -> tuple[Message, ...]:
    """Neighbouring user messages as one: results stay with the results, and roles alternate."""
    result: list[Message] = []
    for message in messages:
        if result and message.role == "user" == result[-1].role:
            blocks = result[-1].blocks + message.blocks
            results = tuple(block for block in blocks if isinstance(block, ToolResultBlock))
            rest = tuple(block for block in blocks if not isinstance(block, ToolResultBlock))
            result[-1] = Message("user", results + rest)
        else:
            result.append(message)
    return tuple(result)
