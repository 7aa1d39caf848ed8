"""What a model was found not to accept, remembered for the next request.

Models of one vendor differ in the parameters they take, and the lists change faster than releases. A 400 that
names one optional parameter is answered by sending the request again without it, once; the column's log shows it
as a failed attempt. Never dropped: what the answer depends on (model, messages, tools). Images and files that a
model cannot read are another matter: see `media`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mcp_tui.core.json_values import as_list, is_object
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.output_cap import capped, stated_cap
from mcp_tui.providers.provider_error import ErrorBody

_OPTIONAL = (
    "temperature", "top_p", "top_k", "seed", "random_seed", "stop_sequences", "stop", "stream_options",
    "reasoning_effort", "parallel_tool_calls", "thinking", "output_config", "max_completion_tokens", "max_tokens",
    "max_output_tokens", "include", "reasoning.effort", "reasoning.summary", "reasoning", "store",
    "generationConfig.temperature", "generationConfig.seed", "generationConfig.stopSequences",
    "generationConfig.maxOutputTokens", "generationConfig.thinkingConfig.thinkingLevel",
    "generationConfig.thinkingConfig.thinkingBudget", "generationConfig.thinkingConfig.includeThoughts",
    "generationConfig.thinkingConfig",
)  # fmt: skip
"""Paths into the body; the narrower one first, where one holds the other."""
_ALSO_NAMED = {
    "include": r"encrypted content is not supported",
    "generationConfig.thinkingConfig.thinkingBudget": r"budget -?\d+ is invalid",
    "generationConfig.thinkingConfig": r"\bthinking (?:is|mode)\b",
}
"""How refusals speak of a parameter without its name."""
_COMPLAINT = re.compile(
    r"unsupported|not supported|does not support|doesn't support|deprecated|unknown|unrecognized|unexpected|invalid"
    r"|not permitted|not allowed|not enabled|cannot find field"
    r"|extra (?:inputs|fields)|extra_forbidden|only the default|cannot be|may not be|may only|must be one of",
    re.IGNORECASE,
)
_SHORT_IDS = re.compile(r"tool call id.{0,120}length of 9", re.IGNORECASE | re.DOTALL)
_LEGAL_SHORT_ID = re.compile(r"[a-zA-Z0-9]{9}")


@dataclass(frozen=True, slots=True)
class Amendment:
    """One change to request bodies. `summary` completes the sentence "Retrying ..."."""

    parameter: str
    summary: str
    apply: Callable[[JsonObject], JsonObject]
    cap: int | None = None
    """The output tokens it lowers a request to."""
    lasting: bool = True
    """False: for this request only."""


class Adaptations:
    """Per model, in the order found."""

    def __init__(self) -> None:
        self._known: dict[str, list[Amendment]] = {}

    def applied(self, model: str, body: JsonObject) -> JsonObject:
        """A changed copy; the body itself stays."""
        for amendment in self._known.get(model, ()):
            body = amendment.apply(body)
        return body

    def cap(self, model: str) -> int | None:
        """The most output tokens the model is known to write."""
        return min((known.cap for known in self._known.get(model, ()) if known.cap is not None), default=None)

    def learn(self, model: str, sent: JsonObject, status: int | None, reason: ErrorBody | None) -> Amendment | None:
        """The amendment that answers this refusal of `sent`; None when there is none that changes anything."""
        if status not in (400, 422) or reason is None:
            return None
        amendment = _amendment_for(sent, reason)
        if amendment is None or amendment.apply(sent) == sent:
            return None
        if amendment.lasting:
            self._known.setdefault(model, []).append(amendment)
        return amendment


def _amendment_for(sent: JsonObject, reason: ErrorBody) -> Amendment | None:
    text = reason.words
    if _SHORT_IDS.search(text):
        return Amendment("tool_call_id", "with tool call ids of nine characters", shorten_call_ids)
    if (cap := stated_cap(sent, text)) is not None:
        tokens = cap.tokens
        summary = f"with at most {tokens:,} tokens of output"
        return Amendment("max_tokens", summary, lambda body: capped(body, tokens), tokens, cap.lasting)
    # gpt-5.6 on chat/completions: "To use function tools, ... set reasoning_effort to 'none'".
    if "tools" in sent and re.search(r"reasoning_effort.{0,40}['\"`]none", text, re.DOTALL):
        return _no_reasoning_with_tools()
    if "max_tokens" in sent and "max_completion_tokens" in text:
        return _renaming("max_tokens", "max_completion_tokens")
    if not _COMPLAINT.search(text):
        return None
    if "reasoning_content" in text:
        return Amendment("reasoning_content", "without earlier reasoning", _without_reasoning)
    if "input" in sent and re.search(r"encrypted.?content", text) and re.search(r"verif|decrypt|invalid", text):
        return Amendment("encrypted_content", "without earlier reasoning", _without_reasoning_items)
    if re.search(r"\bstrict\b", f"{reason.param} {reason.message}"):
        return Amendment("strict", "without `strict`", _without_strict)
    named = [name for name in _OPTIONAL if _holds(sent, name) and _names(reason, name)]
    if not named:
        return None
    if named[0] == "max_completion_tokens":
        return _renaming("max_completion_tokens", "max_tokens")
    return _dropping(named[0])


def _names(reason: ErrorBody, path: str) -> bool:
    if reason.param:
        # "stop[0]", "reasoning.effort"; of chat/completions' parameters only the first part counts.
        param = reason.param.partition("[")[0]
        return param == path or ("." not in path and param.partition(".")[0] == path)
    if (other := _ALSO_NAMED.get(path)) and re.search(other, reason.message, re.IGNORECASE):
        return True
    leaf = path.rpartition(".")[2]
    # Gemini writes thinkingLevel as thinking_level and as "Thinking level".
    spelt = re.sub(r"(?<=[a-z])(?=[A-Z])", r"[_ ]?", leaf)
    flags = re.IGNORECASE if "." in path else 0
    return re.search(rf"(?<![\w-]){spelt}(?![\w-])", reason.message, flags) is not None


def _holds(body: JsonObject, path: str) -> bool:
    value: Any = body
    for step in path.split("."):
        if not is_object(value) or step not in value:
            return False
        value = value[step]
    return True


def _dropping(path: str) -> Amendment:
    return Amendment(path, f"without `{path}`", lambda body: _without(body, path))


def _without(body: JsonObject, path: str) -> JsonObject:
    """Objects that become empty go too."""
    head, _, rest = path.partition(".")
    inner: Any = body.get(head)
    if rest and is_object(inner) and (left := _without(inner, rest)):
        return {**body, head: left}
    if rest and not is_object(inner):
        return body
    return _less(body, head)


def _renaming(old: str, new: str) -> Amendment:
    def apply(body: JsonObject) -> JsonObject:
        return {new if key == old else key: value for key, value in body.items()}

    return Amendment(old, f"with `{new}` instead of `{old}`", apply)


def _no_reasoning_with_tools() -> Amendment:
    def apply(body: JsonObject) -> JsonObject:
        return {**body, "reasoning_effort": "none"} if "tools" in body else body

    return Amendment("reasoning_effort", "with `reasoning_effort` none", apply)


def _without_reasoning(body: JsonObject) -> JsonObject:
    return {**body, "messages": [_less(message, "reasoning_content") for message in _objects(body, "messages")]}


def _without_reasoning_items(body: JsonObject) -> JsonObject:
    """Of openai-responses. Without its reasoning an item may not go by its id."""
    items = [item for item in _objects(body, "input") if item.get("type") != "reasoning"]
    return {**body, "input": [_less(item, "id") for item in items]}


def _without_strict(body: JsonObject) -> JsonObject:
    if "tools" not in body:
        return body
    tools = [
        {**tool, "function": _less(tool["function"], "strict")}
        if isinstance(tool.get("function"), dict)
        else _less(tool, "strict")
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
    return as_list(body.get(key))


def _less(body: JsonObject, name: str) -> JsonObject:
    return {key: value for key, value in body.items() if key != name}
