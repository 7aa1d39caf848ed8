"""Tool calls of a Chat Completions stream, put together from fragments that follow no common rule.

Seen in the wild: the whole call in one chunk; id and name in the first fragment only, or in every one; a later
fragment with an empty name or id, or with a fresh random id; no index at all; the same index for two calls; the
old `function_call` beside or instead of `tool_calls`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

from mcp_tui.core.chat import Opaque, ToolCallBlock, ToolCallDelta, ToolCallStarted
from mcp_tui.core.json_values import as_list, as_object, as_text, is_integer, is_object
from mcp_tui.core.text_buffer import Pieces
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.call_arguments import is_whole, parse_arguments
from mcp_tui.providers.surrogates import encodable


class _Call:
    def __init__(self, key: int) -> None:
        self.key = key
        self.given_id = ""
        self.id = ""
        """Ours: the given one, unless it is missing or taken."""
        self.name = ""
        self.fragments = Pieces()
        self.started = False
        self.extra: JsonObject | None = None

    @property
    def raw(self) -> str:
        return self.fragments.text

    @property
    def is_whole(self) -> bool:
        # The cheap look first: this is asked for every fragment of servers that repeat the name.
        return (self.fragments.last or self.raw).rstrip().endswith("}") and is_whole(self.raw)


class CallAssembler:
    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._modern = False

    def __len__(self) -> int:
        return len(self._calls)

    def feed(self, delta: JsonObject) -> Iterator[ToolCallStarted | ToolCallDelta]:
        """The events of one chunk's `delta`."""
        fragments = as_list(delta.get("tool_calls"))
        touched: set[int] = set()
        self._modern = self._modern or bool(fragments)
        for item in fragments:
            if is_object(item):
                yield from self._fragment(item, touched)
        legacy: Any = delta.get("function_call")
        if isinstance(legacy, dict) and not self._modern:
            yield from self._fragment({"index": -1, "function": legacy}, touched)

    def close(self) -> Iterator[ToolCallStarted | ToolCallDelta]:
        """Calls that never got a name: announced all the same, the run answers them with an error."""
        for call in self._calls:
            if not call.started:
                yield from self._start(call)

    def blocks(self, *, cut: bool, origin: JsonObject, format_name: str) -> tuple[ToolCallBlock, ...]:
        blocks: list[ToolCallBlock] = []
        for call in self._calls:
            last = call is self._calls[-1]
            raw = encodable(call.raw)
            arguments = parse_arguments(raw, cut=cut and last)
            opaque = None
            if call.extra is not None:
                opaque = Opaque(format_name, {**origin, "extra_content": call.extra})
            blocks.append(ToolCallBlock(call.id, call.name, arguments, raw, opaque))
        return tuple(blocks)

    def _fragment(self, item: JsonObject, touched: set[int]) -> Iterator[ToolCallStarted | ToolCallDelta]:
        function = as_object(item.get("function"))
        name = as_text(function.get("name"))
        call_id = as_text(item.get("id"))
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            arguments = json.dumps(arguments)
        text = as_text(arguments)
        index: Any = item.get("index")
        if not is_integer(index):
            index = None
        call = self._find(index, call_id, name, text, touched)
        if call is None:
            call = _Call(len(self._calls))
            self._calls.append(call)
        if index is not None:
            self._by_index[index] = call
        touched.add(call.key)
        if not call.started:
            call.given_id = call.given_id or call_id
            call.name = call.name or encodable(name)
        extra: Any = item.get("extra_content")
        if is_object(extra):
            call.extra = extra
        if text:
            call.fragments.append(text)
        if call.started:
            if text:
                yield ToolCallDelta(call.key, encodable(text))
        elif call.name:
            yield from self._start(call)

    def _find(self, index: int | None, call_id: str, name: str, text: str, touched: set[int]) -> _Call | None:
        """The call a fragment belongs to; None when it begins a new one."""
        if index is not None:
            call = self._by_index.get(index)
        elif call_id:
            call = next((known for known in self._calls if known.given_id == call_id), None)
            if call is None and not name and self._calls:
                call = self._calls[-1]  # some servers invent an id for every fragment
        else:
            call = self._calls[-1] if self._calls else None
        if call is None or not name or not call.name:
            return call
        if call_id and call.given_id and call_id != call.given_id:
            return None
        # The name again: a server that repeats it in every fragment, or the next call. What is whole cannot go
        # on, and one chunk does not hold two fragments of one call.
        other = name != call.name and not call_id
        return None if other or call.key in touched or (text.strip() and call.is_whole) else call

    def _start(self, call: _Call) -> Iterator[ToolCallStarted | ToolCallDelta]:
        taken = {other.id for other in self._calls if other.started}
        call.id = encodable(call.given_id)
        if not call.id or call.id in taken:
            call.id = f"call_{uuid.uuid4().hex[:24]}"
        call.started = True
        yield ToolCallStarted(call.key, call.id, call.name)
        if raw := call.raw:
            yield ToolCallDelta(call.key, encodable(raw))
