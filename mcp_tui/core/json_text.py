"""JSON as people write and paste it: strict first, then a forgiving reading that says what it repaired.

Forgiven: code fences, `//` `/* */` `#` comments, trailing and missing-at-the-end commas, single and typographic
quotes, keys without quotes, Python's True, False and None, a byte order mark, text before or after a fence.
Integers keep every digit. NaN and Infinity are no JSON and stay errors.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from mcp_tui.core.json_reader import JsonReader, ReadError
from mcp_tui.core.json_values import as_list, as_object
from mcp_tui.core.text import json_escaped

MAX_FORGIVING_CHARS = 2_000_000
"""Longer texts are read strictly only: the forgiving reader is pure Python."""
MAX_DEPTH = 200

_FENCE = re.compile(r"```[ \t]*[\w.+-]*[ \t]*\n(.*?)(?:\n[ \t]*)?```", re.DOTALL)
_OPEN_FENCE = re.compile(r"\s*```[ \t]*[\w.+-]*[ \t]*\n")
_SENTENCES = {
    "colon": "a colon is missing after the key",
    "comma": "a comma or {closing} is missing here",
    "comment": "this comment has no end",
    "depth": "nested deeper than {most} levels",
    "digits": "{found} is no number and has no quotes",
    "end colon": "the text ends where a colon should stand",
    "end item": "the text ends where a value or {closing} should stand",
    "end key": "the text ends where a key or {closing} should stand",
    "end value": "the text ends where a value should stand",
    "extra": "there is more text after the end of the value",
    "key": "a key in double quotes is missing here",
    "number": "the number is too long",
    "quote": "the text opened here has no closing quote",
    "unclosed ]": "the bracket opened here is never closed with {closing}",
    "unclosed }": "the bracket opened here is never closed with {closing}",
    "unicode": "\\u needs four hexadecimal digits",
    "value": "{found!r} cannot start a value",
    "word": "{found!r} needs quotes, or is no JSON value",
}


class JsonTextError(ValueError):
    """`line` and `column` are 1-based; `offset` counts characters from 0."""

    def __init__(self, reason: str, text: str, offset: int) -> None:
        offset = max(0, min(offset, len(text)))
        self.reason = reason
        self.offset = offset
        self.line = text.count("\n", 0, offset) + 1
        self.column = offset - (text.rfind("\n", 0, offset) + 1) + 1
        super().__init__(f"line {self.line}, column {self.column}: {reason}")


@dataclass(frozen=True, slots=True)
class Parsed:
    """`repairs`: what had to be forgiven, each named once, in order."""

    value: Any
    repairs: tuple[str, ...] = ()


class _DuplicateKeys:
    def __init__(self) -> None:
        self.names: list[str] = []

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        decoded = dict(pairs)
        if len(decoded) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    self.names.append(key)
                seen.add(key)
        return decoded


def parse(text: str) -> Parsed:
    """Strict JSON, else the forgiving reading. JsonTextError points at the strict reader's first trouble."""
    duplicates = _DuplicateKeys()

    def no_constant(name: str) -> NoReturn:
        raise JsonTextError(f"{name} is not a JSON number", text, 0)

    too_deep = JsonTextError(f"nested deeper than {MAX_DEPTH} levels", text, 0)
    try:
        value = json.loads(text, parse_constant=no_constant, object_pairs_hook=duplicates.pairs)
    except json.JSONDecodeError as error:
        strict = JsonTextError(_plain(error.msg), text, error.pos)
    except RecursionError:
        raise too_deep from None
    except JsonTextError as error:
        strict = error
    except ValueError:  # more digits than int() takes
        strict = JsonTextError(_SENTENCES["number"], text, 0)
    else:
        if text.count("[") + text.count("{") > MAX_DEPTH and _deep(value):
            raise too_deep
        return Parsed(value, tuple(f"the key {name!r} stood twice, the last one counts" for name in duplicates.names))
    if len(text) > MAX_FORGIVING_CHARS:
        raise strict
    return _forgive(text, strict)


def _deep(value: Any) -> bool:
    """Whether it is nested deeper than MAX_DEPTH."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [inner for item in level for inner in (*as_list(item), *as_object(item).values())]
    return bool(level)


def _forgive(text: str, strict: JsonTextError) -> Parsed:
    repairs: list[str] = []
    body, start = text, 0
    fence = _FENCE.search(text)
    if fence is not None:
        body, start = fence.group(1), fence.start(1)
        repairs.append("a code fence")
    elif opened := _OPEN_FENCE.match(text):
        body, start = text[opened.end() :], opened.end()
        repairs.append("a code fence")
    reader = JsonReader(body, max_depth=MAX_DEPTH, forgiving=True)
    try:
        value = reader.document()
    except ReadError as error:
        if not body.strip():
            raise JsonTextError("nothing is written here", text, 0) from None
        # The forgiving reader got further than the strict one: its place is the real one.
        at = error.opened if error.fault.startswith("unclosed") and error.opened is not None else error.offset
        raise JsonTextError(error.reason(_SENTENCES), text, start + at) from strict
    return Parsed(value, tuple(dict.fromkeys((*repairs, *reader.repairs))))


def _plain(message: str) -> str:
    """The decoder's message in words of this interface."""
    return {
        "Expecting value": "a value is missing here",
        "Expecting property name enclosed in double quotes": "a key in double quotes is missing here",
        "Expecting ',' delimiter": "a comma or a closing bracket is missing here",
        "Expecting ':' delimiter": "a colon is missing after the key",
        "Extra data": "there is more text after the end of the value",
    }.get(message, message[:1].lower() + message[1:])


def dump(value: Any, *, indent: int | None = 2) -> str:
    """JSON text of a decoded value: characters as they are, but those that a reader cannot see as escapes."""
    return json_escaped(json.dumps(value, indent=indent, ensure_ascii=False))


def dump_start(value: Any, *, max_chars: int) -> tuple[str, bool]:
    """The first `max_chars` of the indented JSON text, and whether that is all of it.

    Costs time in proportion to what is returned, whatever the size of `value` (except for a single long text).
    """
    return _start(json.JSONEncoder(indent=2, ensure_ascii=False), value, max_chars)


def compact_start(value: Any, *, max_chars: int) -> tuple[str, bool]:
    """As `dump_start`, on one line."""
    return _start(json.JSONEncoder(ensure_ascii=False), value, max_chars)


def _start(encoder: json.JSONEncoder, value: Any, max_chars: int) -> tuple[str, bool]:
    pieces: list[str] = []
    length = 0
    for piece in encoder.iterencode(value):
        pieces.append(piece)
        length += len(piece)
        if length > max_chars:
            return "".join(pieces)[:max_chars], False
    return "".join(pieces), True


PIECE_NODES = 5_000
"""Values that are encoded in one go: a few milliseconds."""
_encode_plain = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def dump_gently(value: Any) -> str:
    """Compact ASCII JSON of a value of any size, for threads beside an event loop.

    `json.dumps` holds the interpreter until it is done: half a second for 20 MB of small objects, in which no key is
    answered. Here it is let go between pieces.
    """
    pieces: list[str] = []
    _dump_pieces(value, pieces)
    return "".join(pieces)


def _dump_pieces(value: Any, pieces: list[str]) -> None:
    if not isinstance(value, dict | list) or _nodes(value) <= PIECE_NODES:
        pieces.append(_encode_plain(value))
    elif isinstance(value, dict):
        mark = "{"
        for name, inner in cast("dict[str, Any]", value).items():
            # Encoded with its name: JSON forgives names that are no texts, and so must this.
            pieces.append(mark + _encode_plain({name: 0})[1:-2])
            _dump_pieces(inner, pieces)
            mark = ","
        pieces.append("}")
    else:
        _dump_items(cast("list[Any]", value), pieces)


def _dump_items(items: list[Any], pieces: list[str]) -> None:
    group: list[Any] = []
    weight = 0
    mark = "["

    def flush() -> None:
        nonlocal weight, mark
        if group:
            pieces.append(mark + _encode_plain(group)[1:-1])
            group.clear()
            weight, mark = 0, ","

    for item in items:
        nodes = _nodes(item)
        if weight + nodes > PIECE_NODES:
            flush()
        if nodes > PIECE_NODES:
            pieces.append(mark)
            _dump_pieces(item, pieces)
            mark = ","
        else:
            group.append(item)
            weight += nodes
    flush()
    pieces.append("]")


def _nodes(value: Any) -> int:
    """How many values it holds; stops counting past `PIECE_NODES`."""
    count = 0
    waiting = [value]
    while waiting and count <= PIECE_NODES:
        node = waiting.pop()
        count += 1
        if isinstance(node, dict):
            inner = cast("dict[str, Any]", node)
            count += len(inner)
            if count <= PIECE_NODES:
                waiting.extend(inner.values())
        elif isinstance(node, list):
            items = cast("list[Any]", node)
            if len(items) > PIECE_NODES:
                return PIECE_NODES + 1
            waiting.extend(items)
    return count
