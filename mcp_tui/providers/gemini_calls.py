"""Function calls of a Gemini stream: whole, or (Vertex, `streamFunctionCallArguments`) in pieces.

In pieces: `{name, willContinue: true}`, then `{partialArgs: [{jsonPath, stringValue | numberValue | boolValue |
nullValue, willContinue?}], willContinue: true}` ..., then one without willContinue.
"""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any, cast

from mcp_tui.core.json_values import as_list, as_object, as_text, is_list, is_object
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.call_arguments import parse_arguments
from mcp_tui.providers.surrogates import encodable, encodable_json

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[(?:'([^']*)'|\"([^\"]*)\")\]")
_MAX_STEPS = 64


class PathError(ValueError):
    """A jsonPath that leads nowhere, or a value that does not fit there."""


class GeminiCall:
    def __init__(self, key: int, call_id: str, part: JsonObject) -> None:
        self.key = key
        self.id = call_id
        fields = as_object(part.get("functionCall"))
        self.name = encodable(as_text(fields.get("name")))
        self.given_id = as_text(fields.get("id"))
        self.open = False
        """More pieces follow."""
        self.part = dict(part)
        """The part to send back: the last signature, and what the other keys said first."""
        self._args: Any = {}
        self._in_pieces = False
        self._broken = False
        self.take(part)

    def take(self, part: JsonObject) -> None:
        """The first piece or a further one."""
        fields = as_object(part.get("functionCall"))
        self.open = fields.get("willContinue") is True
        for key, value in part.items():
            if key != "functionCall" and value is not None:
                self.part[key] = value
        if fields.get("args") is not None:
            self._args = fields["args"]
        for piece in as_list(fields.get("partialArgs")):
            self._in_pieces = True
            try:
                self._args = _placed(self._args, as_object(piece))
            except PathError:
                self._broken = True
        self._in_pieces = self._in_pieces or self.open

    @property
    def raw(self) -> str:
        return json.dumps(encodable_json(self._args), ensure_ascii=False)

    @property
    def arguments(self) -> JsonObject | None:
        """None when the call is not whole, or its arguments are no object."""
        return None if self.open or self._broken else parse_arguments(self.raw, cut=True)

    def replay(self) -> JsonObject | None:
        """The part as it came; pieces put together into one."""
        if self.open or self._broken:
            return None
        if not self._in_pieces:
            return self.part
        whole: JsonObject = {"name": self.name, "args": self._args}
        if self.given_id:
            whole["id"] = self.given_id
        return {**self.part, "functionCall": whole}


def _placed(root: Any, piece: JsonObject) -> Any:
    """`root` with the piece's value at its place; a string goes on where one stands already."""
    path = as_text(piece.get("jsonPath"))
    if not path.startswith("$"):
        raise PathError(path)
    steps: list[str | int] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None or len(steps) >= _MAX_STEPS:
            raise PathError(path)
        steps.append(int(match[2]) if match[2] else match[1] or match[3] or match[4] or "")
        at = match.end()
    if not steps:
        raise PathError(path)
    holder: Any = root
    for step, following in pairwise(steps):
        inner: Any = _at(holder, step)
        if inner is None:
            inner = cast("Any", [] if isinstance(following, int) else {})
            _put(holder, step, inner)
        holder = inner
    value = _value(piece)
    before = _at(holder, steps[-1])
    if isinstance(value, str) and isinstance(before, str):
        value = before + value
    _put(holder, steps[-1], value)
    return root


def _value(piece: JsonObject) -> Any:
    for key in ("stringValue", "numberValue", "boolValue"):
        if key in piece:
            return piece[key]
    if "nullValue" in piece:
        return None
    raise PathError("no value")


def _at(holder: Any, step: str | int) -> Any:
    if is_object(holder) and isinstance(step, str):
        return holder.get(step)
    if is_list(holder) and isinstance(step, int):
        return holder[step] if step < len(holder) else None
    raise PathError(str(step))


def _put(holder: Any, step: str | int, value: Any) -> None:
    if is_object(holder) and isinstance(step, str):
        holder[step] = value
    elif is_list(holder) and isinstance(step, int):
        if step > len(holder):
            raise PathError(str(step))  # a far index must not fill the memory
        holder[step : step + 1] = [value]
    else:
        raise PathError(str(step))
