"""One output item of a Responses stream: what came of it in deltas, and what it is when done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum, auto
from typing import Any

from mcp_tui.core.json_values import as_object, is_list, is_object, objects
from mcp_tui.core.text_buffer import Pieces
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.surrogates import SurrogateJoiner, encodable


class Kind(Enum):
    TEXT = auto()
    REFUSAL = auto()
    SUMMARY = auto()
    REASONING = auto()
    ARGUMENTS = auto()


TYPE_OF: dict[Kind, str] = {
    Kind.TEXT: "message",
    Kind.REFUSAL: "message",
    Kind.SUMMARY: "reasoning",
    Kind.REASONING: "reasoning",
    Kind.ARGUMENTS: "function_call",
}


class _Part:
    def __init__(self) -> None:
        self.pieces = Pieces()
        self.joiner = SurrogateJoiner()

    @property
    def text(self) -> str:
        return self.pieces.text


class Item:
    def __init__(self, raw: JsonObject) -> None:
        self.raw = raw
        """As it was announced."""
        self.final: JsonObject | None = None
        """As it was when done."""
        self.type = str(raw.get("type"))
        self.parts: dict[tuple[Kind, int], _Part] = {}
        self.lead = ""
        """White space before its text that is ours: it stands between this item and the one before."""
        self.shown: Kind | None = None
        """The kind of reasoning that is shown: a server that sends the same thought twice is counted once."""
        self.call_key: int | None = None
        self.call_id = ""
        self.name = ""
        self.replayable = True

    @property
    def began(self) -> bool:
        return any(part.pieces for part in self.parts.values())

    def part(self, kind: Kind, index: int) -> _Part:
        part = self.parts.get((kind, index))
        if part is None:
            part = self.parts[kind, index] = _Part()
        return part

    def streamed(self, kind: Kind, index: int = 0) -> str:
        part = self.parts.get((kind, index))
        return part.text if part is not None else ""

    def shows(self, kind: Kind) -> bool:
        self.shown = self.shown or kind
        return kind is self.shown

    def shown_text(self) -> str:
        """The answer in it, without refusals."""
        return self._whole(Kind.TEXT, "")

    def shown_reasoning(self, gap: str) -> str:
        return self._whole(self.shown, gap) if self.shown is not None else ""

    def arguments(self) -> str:
        return self._whole(Kind.ARGUMENTS, "")

    def _whole(self, kind: Kind, gap: str) -> str:
        done = [text for found, _, text in texts_of(self.final or {}) if found is kind and text]
        pieces = done or [part.text for (found, _), part in self.parts.items() if found is kind and part.pieces]
        return self.lead + gap.join(pieces) if pieces else ""


def texts_of(item: JsonObject) -> Iterator[tuple[Kind, int, str]]:
    """Every text in a whole item: (kind, index within the item, text)."""
    match item.get("type"):
        case "message":
            for index, part in enumerate(objects(item.get("content"))):
                if part.get("type") == "refusal":
                    yield Kind.REFUSAL, index, _text(part.get("refusal"))
                else:
                    yield Kind.TEXT, index, _text(part.get("text"))
        case "reasoning":
            for index, part in enumerate(objects(item.get("summary"))):
                yield Kind.SUMMARY, index, _text(part.get("text"))
            for index, part in enumerate(objects(item.get("content"))):
                yield Kind.REASONING, index, _text(part.get("text"))
        case "function_call":
            arguments = item.get("arguments")
            yield Kind.ARGUMENTS, 0, json.dumps(arguments) if isinstance(arguments, dict) else _text(arguments)
        case _:
            return


def unpacked_parallel(item: JsonObject) -> tuple[tuple[str, str], ...]:
    """(name, arguments as JSON) of each call packed into one named `parallel`; empty when it is something else.

    OpenAI's models are trained with such a wrapper, and some let it through:
    `{"tool_uses": [{"recipient_name": "functions.NAME", "parameters": {...}}]}`.
    """
    try:
        packed: Any = json.loads(_text(item.get("arguments")))
    except (ValueError, RecursionError):
        return ()
    uses: Any = packed.get("tool_uses") if is_object(packed) else None
    if not is_list(uses):
        return ()
    calls: list[tuple[str, str]] = []
    for use in uses:
        fields = as_object(use)
        name, parameters = _text(fields.get("recipient_name")), fields.get("parameters", {})
        if not name or not isinstance(parameters, dict):
            return ()
        calls.append((encodable(name.removeprefix("functions.")), json.dumps(parameters)))
    return tuple(calls)


def _text(value: object) -> str:
    return encodable(value) if isinstance(value, str) else ""
