"""What servers ask of the person while they work: elicitation, sampling, roots. Texts are raw; faces clean them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from mcp_tui.core.json_values import as_text, is_list, is_object
from mcp_tui.core.types import JsonObject


class RequestKind(StrEnum):
    FORM = "form"
    """elicitation/create with a schema."""
    URL = "url"
    """elicitation/create with an address to visit."""
    SAMPLING = "sampling"
    """sampling/createMessage."""
    ROOTS = "roots"
    """roots/list: answered from the configuration; only the history shows it."""


@dataclass(frozen=True, slots=True)
class ServerRequest:
    id: str
    """Unique in this process."""
    server: str
    kind: RequestKind
    params: JsonObject
    """As they came, with their wire keys."""
    cause: str = ""
    """The request of ours it belongs to, such as `tools/call book`; several when that is not known; "" = none."""
    origin: str = ""
    """Who made that request, as in the wire log: `run r1 column c2 call t1s1c1`, `workbench`."""
    asked_at: float = 0.0
    """Monotonic."""
    round: int = 0
    """1-based round of input for the same call (2026-07-28); 0 = the older kind of request."""
    required: bool = False
    """The call was refused until this address was visited (-32042); an accept makes it again."""
    waits_for_finish: bool = False
    """Accepting says that the person has finished there, not only that it was opened."""

    @property
    def message(self) -> str:
        """What an elicitation says to the person."""
        return str(self.params.get("message") or "")

    @property
    def url(self) -> str:
        return str(self.params.get("url") or "") if self.kind is RequestKind.URL else ""

    @property
    def elicitation_id(self) -> str:
        return as_text(self.params.get("elicitationId"))

    @property
    def schema(self) -> JsonObject:
        """Of a form; an object schema whatever was sent."""
        value = self.params.get("requestedSchema")
        return value if is_object(value) else {"type": "object", "properties": {}}


USER_REJECTED = -1
REJECTED_MESSAGE = "User rejected sampling request"
"""What the specification has for a declined sampling request; there is no result that says so."""

Action = Literal["accept", "decline", "cancel"]


@dataclass(frozen=True, slots=True)
class Reply:
    """content: of a form its fields, of sampling the whole CreateMessageResult (wire keys)."""

    action: Action
    content: JsonObject | None = None


DECLINED = Reply("decline")


class Fate(StrEnum):
    ANSWERED = "answered"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"
    """Nobody waits for an answer any more; `SettledRequest.why` says why."""


@dataclass(frozen=True, slots=True)
class SettledRequest:
    request: ServerRequest
    fate: Fate
    settled_at: float
    reply: Reply | None = None
    by: str = ""
    """Who answered: `by hand`, a model's name, `configuration`."""
    why: str = ""
    completed: bool | None = None
    """Of an address that was opened: the server said that it is done; None = it says no such thing."""


def form_fault(content: Mapping[str, object]) -> str:
    """Why these fields cannot be an elicitation's answer, or "". The protocol has flat objects only."""
    for name, value in content.items():
        if is_list(value):
            if all(isinstance(item, str) for item in value):
                continue
            return f"{name}: a list may only hold texts"
        if value is None or isinstance(value, str | bool | int):
            continue
        if isinstance(value, float):
            if math.isfinite(value):
                continue
            return f"{name}: {value} is no JSON number"
        return f"{name}: only texts, numbers, booleans and lists of texts can be sent"
    return ""


_PARTS: Mapping[str, tuple[tuple[str, type], ...]] = {
    "text": (("text", str),),
    "image": (("data", str), ("mimeType", str)),
    "audio": (("data", str), ("mimeType", str)),
    "tool_use": (("id", str), ("name", str), ("input", dict)),
}


def message_fault(result: JsonObject, *, tools: bool) -> str:
    """Why this is no CreateMessageResult, or "". tools: the request offered tools, so the answer may use them."""
    if result.get("role") not in ("assistant", "user"):
        return '`role` must be "assistant"'
    if not isinstance(result.get("model"), str) or not result["model"]:
        return "`model` must say what answered"
    stop: Any = result.get("stopReason")
    if stop is not None and not isinstance(stop, str):
        return "`stopReason` must be a text"
    content: Any = result.get("content")
    if is_list(content) and not tools:
        return "`content` must be one block: the server offered no tools"
    parts = content if is_list(content) else [content]
    for part in parts:
        if not is_object(part):
            return '`content` must be a block, such as {"type": "text", "text": ...}'
        needed = _PARTS.get(str(part.get("type")))
        if needed is None or (part.get("type") == "tool_use" and not tools):
            return f"a block of type {part.get('type')!r} cannot be sent here"
        for key, kind in needed:
            if not isinstance(part.get(key), kind):
                return f"a {part['type']} block needs `{key}`"
    return ""


def offers_tools(request: ServerRequest) -> bool:
    return bool(request.params.get("tools"))
