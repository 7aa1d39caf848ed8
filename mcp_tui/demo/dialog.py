"""A request to a demo model, whatever format it came in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from mcp_tui.core.figures import CHARS_PER_TOKEN
from mcp_tui.core.json_values import is_integer, is_list, is_object
from mcp_tui.core.types import JsonObject

_ATTACHED = re.compile(r"\[attached resource (\w+): .*?\[end of attached resource \1\]", re.DOTALL)


class RefusedError(Exception):
    """The request is wrong; each format wraps it in its vendor's error body.

    kind: the vendor-neutral reason, "invalid" or "not_found".
    """

    def __init__(
        self, message: str, *, kind: str = "invalid", param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code


@dataclass(frozen=True, slots=True)
class OfferedTool:
    name: str
    description: str
    schema: JsonObject


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """A call of the current turn with its result, as the client replayed both."""

    name: str
    arguments: JsonObject
    text: str
    is_error: bool
    images: int = 0


@dataclass(frozen=True, slots=True)
class Dialog:
    """The newest turn of a conversation. `steps`: the calls made since its prompt, one tuple per model step."""

    model: str
    prompt: str
    attached: int
    """Characters of resources attached to the prompt."""
    steps: tuple[tuple[ToolOutcome, ...], ...]
    tools: tuple[OfferedTool, ...]
    messages: int
    input_tokens: int
    max_tokens: int | None
    stream: bool
    include_usage: bool = True
    reasoning: bool = True

    @property
    def outcomes(self) -> tuple[ToolOutcome, ...]:
        return tuple(outcome for step in self.steps for outcome in step)


@dataclass(frozen=True, slots=True)
class Call:
    id: str
    name: str
    arguments: JsonObject


@dataclass(frozen=True, slots=True)
class Utterance:
    """One step of a model, before it is cut into tokens. With calls the model waits for their results."""

    reasoning: str
    text: str
    calls: tuple[Call, ...] = ()


def split_attachments(text: str) -> tuple[str, int]:
    """The prompt proper and the number of characters attached to it."""
    prompt = _ATTACHED.sub("", text)
    return prompt.strip(), len(text) - len(prompt)


def estimate_tokens(raw_chars: int) -> int:
    """Of the request's JSON: a rough count, as real tokenizers are not at hand."""
    return max(1, raw_chars // CHARS_PER_TOKEN)


def expect_object(value: Any, where: str) -> JsonObject:
    if not is_object(value):
        raise RefusedError(f"{where}: expected an object", param=where)
    return value


def expect_list(value: Any, where: str) -> list[Any]:
    if not is_list(value):
        raise RefusedError(f"{where}: expected an array", param=where)
    return value


def expect_text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise RefusedError(f"{where}: expected a string", param=where)
    return value


def expect_count(value: Any, where: str) -> int:
    if not is_integer(value) or value < 1:
        raise RefusedError(f"{where}: expected an integer of at least 1", param=where)
    return value
