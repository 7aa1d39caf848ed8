"""One turn of one column: a user message and all that followed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from mcp_tui.core.chat import (
    FileBlock,
    ImageBlock,
    Message,
    StopReason,
    TextBlock,
    ToolCallBlock,
    ToolResultBlock,
)
from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.state import CallRecord, ColumnStatus, ToolInfo
from mcp_tui.core.text_buffer import Pieces
from mcp_tui.runs.naming import is_legal, legalised
from mcp_tui.runs.toolbox import Offered

NOT_RUN = "This call was not run: the turn ended before it."


@dataclass(slots=True, eq=False)
class Turn:
    number: int
    prompt: str
    user: Message
    follow_up: list[Message] = field(default_factory=list[Message])
    """Assistant messages and tool results after the user message, ready to be sent again."""
    status: ColumnStatus = ColumnStatus.IDLE
    error: ErrorInfo | None = None
    stop: StopReason | None = None
    step: int = 0
    offered: Offered = field(default_factory=dict[str, ToolInfo])
    """The tools of the newest request."""
    calls: dict[str, CallRecord] = field(default_factory=dict[str, CallRecord])
    """By record id, in the order the models made them."""
    segments: list[Pieces] = field(default_factory=list[Pieces])
    """The text of each step; a step after PAUSE continues the one before."""
    reasoning_segments: list[Pieces] = field(default_factory=list[Pieces])
    unsaved: Pieces = field(default_factory=Pieces)
    """Text of the step that streams now, not yet in `follow_up`."""
    open_calls: tuple[ToolCallBlock, ...] = ()
    """Calls of the newest assistant message whose results are not in `follow_up` yet."""
    results: dict[int, ToolResultBlock] = field(default_factory=dict[int, ToolResultBlock])
    """Results of `open_calls` so far, by position."""

    @property
    def text(self) -> str:
        return _joined(self.segments)

    @property
    def reasoning(self) -> str:
        return _joined(self.reasoning_segments)

    def begin_step(self, *, continues: bool) -> None:
        self.step += 1
        self.unsaved.clear()
        if not (continues and self.segments):
            self.segments.append(Pieces())
            self.reasoning_segments.append(Pieces())

    def add_text(self, text: str, *, reasoning: bool) -> None:
        (self.reasoning_segments if reasoning else self.segments)[-1].append(text)
        if not reasoning:
            self.unsaved.append(text)

    def keep(self, message: Message) -> None:
        """An assistant message that goes on: with tool calls, to be continued, or complete."""
        self.unsaved.clear()
        if not message.blocks:
            return
        blocks = tuple(
            replace(block, name=legalised(block.name))
            if isinstance(block, ToolCallBlock) and not is_legal(block.name)
            else block
            for block in message.blocks
        )
        kept = Message(message.role, blocks)
        self.follow_up.append(kept)
        self.open_calls = kept.tool_calls
        self.results = {}

    def keep_partial(self) -> None:
        """What was said before the stream broke, as plain text: half a signed part could not be replayed."""
        text = self.unsaved.text
        self.unsaved.clear()
        if text.strip():
            self.follow_up.append(Message("assistant", (TextBlock(text),)))

    def close_calls(self) -> None:
        """Put all results of the open calls into one message, in call order.

        Providers refuse a conversation in which a call has no result, so one that is missing is made up.
        """
        if not self.open_calls:
            return
        self.follow_up.append(
            Message(
                "user",
                tuple(
                    self.results.get(position)
                    or ToolResultBlock(call.id, call.name, (TextBlock(NOT_RUN),), is_error=True)
                    for position, call in enumerate(self.open_calls)
                ),
            )
        )
        self.open_calls = ()
        self.results = {}

    def messages(self) -> list[Message]:
        return [self.user, *self.follow_up]


def conversation(turns: Iterable[Turn]) -> tuple[Message, ...]:
    """All messages in order. Prompts without an answer between them become one message: some chat templates
    insist on alternating roles."""
    merged: list[Message] = []
    for turn in turns:
        for message in turn.messages():
            last = merged[-1] if merged else None
            if last is not None and _is_prompt(last) and _is_prompt(message):
                merged[-1] = Message("user", (*last.blocks, *message.blocks))
            else:
                merged.append(message)
    return tuple(merged)


def _is_prompt(message: Message) -> bool:
    return message.role == "user" and all(isinstance(b, TextBlock | ImageBlock | FileBlock) for b in message.blocks)


def _joined(segments: list[Pieces]) -> str:
    return "\n\n".join(pieces.text for pieces in segments if pieces.text)
