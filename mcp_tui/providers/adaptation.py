"""What a model was found not to accept, remembered for the next request.

Models of one vendor differ in the parameters they take, and the lists change faster than releases. A 400 that
names one optional parameter is answered by sending the request again without it, once; the column's log shows it
as a failed attempt. Never dropped: what the answer depends on (model, messages, tools).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from mcp_tui.core.types import JsonObject
from mcp_tui.providers.faults import ErrorBody

_OPTIONAL = (
    "temperature", "top_p", "top_k", "seed", "random_seed", "stop_sequences", "stop", "stream_options",
    "reasoning_effort", "parallel_tool_calls", "thinking", "output_config", "max_completion_tokens", "max_tokens",
)  # fmt: skip
_COMPLAINT = re.compile(
    r"unsupported|not supported|does not support|doesn't support|deprecated|unknown|unrecognized|unexpected|invalid"
    r"|not permitted|not allowed|extra (?:inputs|fields)|extra_forbidden|only the default|cannot be|may not be",
    re.IGNORECASE,
)
_OUTPUT_CAP = re.compile(r"max_tokens.{0,80}?(\d+)\s*>\s*(\d+)", re.DOTALL)
_SHORT_IDS = re.compile(r"tool call id.{0,120}length of 9", re.IGNORECASE | re.DOTALL)
_LEGAL_SHORT_ID = re.compile(r"[a-zA-Z0-9]{9}")


@dataclass(frozen=True, slots=True)
class Amendment:
    """One change to request bodies. `summary` completes the sentence "Retrying ..."."""

    parameter: str
    summary: str
    apply: Callable[[JsonObject], JsonObject]


class Adaptations:
    """Per model, in the order found."""

    def __init__(self) -> None:
        self._known: dict[str, list[Amendment]] = {}

    def applied(self, model: str, body: JsonObject) -> JsonObject:
        """A changed copy; the body itself stays."""
        for amendment in self._known.get(model, ()):
            body = amendment.apply(body)
        return body

    def learn(self, model: str, sent: JsonObject, status: int | None, reason: ErrorBody | None) -> Amendment | None:
        """The amendment that answers this refusal of `sent`; None when there is none that changes anything."""
        if status not in (400, 422) or reason is None:
            return None
        amendment = _amendment_for(sent, reason)
        if amendment is None or amendment.apply(sent) == sent:
            return None
        self._known.setdefault(model, []).append(amendment)
        return amendment


def _amendment_for(sent: JsonObject, reason: ErrorBody) -> Amendment | None:
    text = reason.words
    if _SHORT_IDS.search(text):
        return Amendment("tool_call_id", "with tool call ids of nine characters", shorten_call_ids)
    if (cap := _OUTPUT_CAP.search(text)) and int(cap[2]) > 0:
        return _setting("max_tokens", int(cap[2]))
    # gpt-5.6 on chat/completions: "To use function tools, ... set reasoning_effort to 'none'".
    if "tools" in sent and re.search(r"reasoning_effort.{0,40}['\"`]none", text, re.DOTALL):
        return _setting("reasoning_effort", "none")
    if "max_tokens" in sent and "max_completion_tokens" in text:
        return _renaming("max_tokens", "max_completion_tokens")
    if not _COMPLAINT.search(text):
        return None
    if "reasoning_content" in text:
        return Amendment("reasoning_content", "without earlier reasoning", _without_reasoning)
    if re.search(r"\bstrict\b", f"{reason.param} {reason.message}"):
        return Amendment("strict", "without `strict`", _without_strict)
    named = [name for name in _OPTIONAL if name in sent and _names(reason, name)]
    if not named:
        return None
    if named[0] == "max_completion_tokens":
        return _renaming("max_completion_tokens", "max_tokens")
    return _dropping(named[0])


def _names(reason: ErrorBody, parameter: str) -> bool:
    if reason.param:
        return re.split(r"[.\[]", reason.param)[0] == parameter
    return re.search(rf"(?<![\w-]){parameter}(?![\w-])", reason.message) is not None


def _dropping(name: str) -> Amendment:
    def apply(body: JsonObject) -> JsonObject:
        return {key: value for key, value in body.items() if key != name}

    return Amendment(name, f"without `{name}`", apply)


def _renaming(old: str, new: str) -> Amendment:
    def apply(body: JsonObject) -> JsonObject:
        return {new if key == old else key: value for key, value in body.items()}

    return Amendment(old, f"with `{new}` instead of `{old}`", apply)


def _setting(name: str, value: str | int) -> Amendment:
    def apply(body: JsonObject) -> JsonObject:
        if name == "reasoning_effort" and "tools" not in body:
            return body
        if name == "max_tokens" and body.get("max_tokens", 0) <= value:
            return body
        return {**body, name: value}

    return Amendment(name, f"with `{name}` {value}", apply)


def _without_reasoning(body: JsonObject) -> JsonObject:
    return {**body, "messages": [_less(message, "reasoning_content") for message in _objects(body, "messages")]}


def _without_strict(body: JsonObject) -> JsonObject:
    if "tools" not in body:
        return body
    tools = [
        {**tool, "function": _less(tool["function"], "strict")} if isinstance(tool.get("function"), dict) else tool
        for tool in _objects(body, "tools")
    ]
    return {**body, "tools": tools}


def with_call_ids(body: JsonObject, of: Callable[[str], str]) -> JsonObject:
    """A chat-completions body with every tool call id replaced by `of(id)`."""
    messages: list[JsonObject] = []
    for message in _objects(body, "messages"):
        if isinstance(message.get("tool_call_id"), str):
            message = {**message, "tool_call_id": of(message["tool_call_id"])}
        if calls := _objects(message, "tool_calls"):
            message = {**message, "tool_calls": [{**call, "id": of(str(call.get("id")))} for call in calls]}
        messages.append(message)
    return {**body, "messages": messages}


def shorten_call_ids(body: JsonObject) -> JsonObject:
    """Every tool call id matches `[a-zA-Z0-9]{9}` (Mistral's rule)."""
    return with_call_ids(body, short_id)


def short_id(call_id: str) -> str:
    """The id itself when it is legal, else nine characters that depend on it alone."""
    if _LEGAL_SHORT_ID.fullmatch(call_id):
        return call_id
    return hashlib.sha256(call_id.encode("utf-8", "replace")).hexdigest()[:9]


def _objects(body: JsonObject, key: str) -> list[JsonObject]:
    value: Any = body.get(key)
    return cast("list[JsonObject]", value) if isinstance(value, list) else []


def _less(body: JsonObject, name: str) -> JsonObject:
    return {key: value for key, value in body.items() if key != name}
