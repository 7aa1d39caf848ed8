"""The neutral form of a conversation with a model, and of what a model streams back.

Each wire format keeps what only it understands in `opaque` (signatures, encrypted reasoning, thought
signatures), tagged with its format, and replays it unchanged; other formats drop it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.state import RateLimits, Usage
from mcp_tui.core.types import JsonObject


@dataclass(frozen=True, slots=True)
class Opaque:
    """A part that must be sent back exactly as it came, to the same format only."""

    format: str
    value: JsonObject


@dataclass(frozen=True, slots=True)
class TextBlock:
    text: str
    opaque: Opaque | None = None


@dataclass(frozen=True, slots=True)
class ImageBlock:
    mime_type: str
    data_b64: str


@dataclass(frozen=True, slots=True)
class FileBlock:
    """A document, recording or film, as a whole. Text files are TextBlocks: every model reads those."""

    mime_type: str
    """Lower case, without parameters."""
    data_b64: str
    name: str
    """A file name for people and models, without directories."""
    pages: int | None = None
    """Of a document that says how many it has."""

    @property
    def size_bytes(self) -> int:
        return len(self.data_b64) * 3 // 4 - self.data_b64[-2:].count("=")


@dataclass(frozen=True, slots=True)
class ReasoningBlock:
    text: str
    opaque: Opaque | None = None


@dataclass(frozen=True, slots=True)
class ToolCallBlock:
    id: str
    """As the provider gave it, or made by the adapter when it gave none; unique within the message."""
    name: str
    """The provider-facing name; runs/ maps it to (server, tool)."""
    arguments: JsonObject | None
    """None when the JSON was invalid or truncated: never execute."""
    arguments_raw: str
    opaque: Opaque | None = None


Content: TypeAlias = TextBlock | ImageBlock | FileBlock
"""What a person or a tool gives a model to read."""


@dataclass(frozen=True, slots=True)
class ToolResultBlock:
    call_id: str
    name: str
    content: tuple[Content, ...]
    is_error: bool


@dataclass(frozen=True, slots=True)
class OpaqueBlock:
    """A block nothing but its own format understands (server tool use, redacted thinking ...)."""

    opaque: Opaque


Block: TypeAlias = TextBlock | ImageBlock | FileBlock | ReasoningBlock | ToolCallBlock | ToolResultBlock | OpaqueBlock


@dataclass(frozen=True, slots=True)
class Message:
    """role `user` also carries tool results (all results of one step in one message)."""

    role: Literal["user", "assistant"]
    blocks: tuple[Block, ...]

    @property
    def text(self) -> str:
        return "".join(block.text for block in self.blocks if isinstance(block, TextBlock))

    @property
    def tool_calls(self) -> tuple[ToolCallBlock, ...]:
        return tuple(block for block in self.blocks if isinstance(block, ToolCallBlock))


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as offered to a model: name already legal (`^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$`)."""

    name: str
    description: str
    input_schema: JsonObject


@dataclass(frozen=True, slots=True)
class ModelParams:
    """None = not sent."""

    max_tokens: int | None = None
    temperature: float | None = None
    effort: str | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatRequest:
    model: str
    """The provider's own model id."""
    messages: tuple[Message, ...]
    system: str = ""
    tools: tuple[ToolSpec, ...] = ()
    params: ModelParams = field(default_factory=ModelParams)


class StopReason(StrEnum):
    STOP = "stop"
    TOOL_CALLS = "tool_calls"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"
    PAUSE = "pause"
    """The provider wants the same conversation sent again to go on (Anthropic pause_turn)."""
    CONTEXT_OVERFLOW = "context_overflow"
    INCOMPLETE = "incomplete"
    """The stream ended without saying why: the answer may be cut."""
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    text: str


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ToolCallStarted:
    key: int
    """0-based order of the call within the message."""
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    key: int
    arguments: str
    """The next fragment of the arguments' JSON text."""


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """A try failed before its first event and the next follows after `wait_s`."""

    attempt: int
    wait_s: float
    error: ErrorInfo


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """The request is about to be sent; the first is attempt 1."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something about the request that a person should know: what of it was not sent. One sentence."""

    text: str
    unsent: str = ""
    """The field of ModelParams it is about, when that was not sent at all."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of every stream, also of one that failed: what came until then is in `message`."""

    message: Message
    stop: StopReason
    stop_raw: str | None
    """The provider's own word, or None when it said nothing."""
    usage: Usage | None
    error: ErrorInfo | None = None
    refusal: str = ""
    cost_usd: float | None = None
    """Only where the provider itself reports a cost."""
    model: str = ""
    """The model the provider says answered."""
    response_id: str = ""
    attempts: int = 1
    rate_limits: RateLimits | None = None
    """What the headers of the newest answer said; None when they said nothing."""


ChatEvent: TypeAlias = (
    TextDelta
    | ReasoningDelta
    | RefusalDelta
    | ToolCallStarted
    | ToolCallDelta
    | AttemptStarted
    | AttemptFailed
    | Noticed
    | Finished
)
