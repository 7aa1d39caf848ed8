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

from mcp_tui.core.text import json_escaped

MAX_FORGIVING_CHARS = 2_000_000
"""Longer texts are read strictly only: the forgiving reader is pure Python."""
MAX_DEPTH = 200

_FENCE = re.compile(r"```[ \t]*[\w.+-]*[ \t]*\n(.*?)(?:\n[ \t]*)?```", re.DOTALL)
_OPEN_FENCE = re.compile(r"\s*```[ \t]*[\w.+-]*[ \t]*\n")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_STRICT_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?\Z")
_WORD = re.compile(r"[^\W\d][\w$-]*|\$[\w$-]*")
_QUOTES = {'"': '"', "'": "'", "“": "”", "„": "“”", "‘": "’", "`": "`"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/", "\\": "\\", "0": "\0"}
_WORDS: dict[str, tuple[Any, str]] = {
    "true": (True, ""),
    "false": (False, ""),
    "null": (None, ""),
    "True": (True, "Python's True"),
    "False": (False, "Python's False"),
    "None": (None, "Python's None"),
    "undefined": (None, "undefined"),
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
    try:
        value = json.loads(text, parse_constant=_no_constant, object_pairs_hook=duplicates.pairs)
        return Parsed(value, tuple(f"the key {name!r} stood twice, the last one counts" for name in duplicates.names))
    except json.JSONDecodeError as error:
        strict = JsonTextError(_plain(error.msg), text, error.pos)
    except RecursionError:
        raise JsonTextError(f"nested deeper than {MAX_DEPTH} levels", text, 0) from None
    except ValueError as error:
        strict = JsonTextError(str(error), text, 0)
    if len(text) > MAX_FORGIVING_CHARS:
        raise strict
    return _forgive(text, strict)


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
    reader = _Reader(body, repairs)
    try:
        value = reader.document()
    except _ReadError as error:
        if not body.strip():
            raise JsonTextError("nothing is written here", text, 0) from None
        # The forgiving reader got further than the strict one: its place is the real one.
        raise JsonTextError(error.reason, text, start + error.offset) from strict
    return Parsed(value, tuple(dict.fromkeys(repairs)))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _plain(message: str) -> str:
    """The decoder's message in words of this interface."""
    return {
        "Expecting value": "a value is missing here",
        "Expecting property name enclosed in double quotes": "a key in double quotes is missing here",
        "Expecting ',' delimiter": "a comma or a closing bracket is missing here",
        "Expecting ':' delimiter": "a colon is missing after the key",
        "Extra data": "there is more text after the end of the value",
    }.get(message, message[:1].lower() + message[1:])


class _ReadError(Exception):
    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset


class _Reader:
    """A recursive reader; `repairs` collects what it forgave."""

    def __init__(self, text: str, repairs: list[str]) -> None:
        self._text = text
        self._at = 0
        self._repairs = repairs

    def document(self) -> Any:
        if self._text.startswith("\ufeff"):
            self._at = 1
            self._repairs.append("a byte order mark")
        value = self._value(0)
        self._skip()
        if self._at < len(self._text) and self._text[self._at] in ",;":
            self._at += 1
            self._repairs.append("a trailing comma")
            self._skip()
        if self._at < len(self._text):
            raise _ReadError("there is more text after the end of the value", self._at)
        return value

    def _skip(self) -> None:
        """Over white space and comments."""
        text, end = self._text, len(self._text)
        while self._at < end:
            character = text[self._at]
            if character.isspace() or character == "\u200b":
                self._at += 1
            elif character == "#" or text.startswith("//", self._at):
                stop = text.find("\n", self._at)
                self._at = end if stop < 0 else stop + 1
                self._repairs.append("comments")
            elif text.startswith("/*", self._at):
                stop = text.find("*/", self._at + 2)
                if stop < 0:
                    raise _ReadError("this comment has no end", self._at)
                self._at = stop + 2
                self._repairs.append("comments")
            else:
                return

    def _peek(self, expected: str) -> str:
        self._skip()
        if self._at >= len(self._text):
            raise _ReadError(f"the text ends where {expected} should stand", self._at)
        return self._text[self._at]

    def _value(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise _ReadError(f"nested deeper than {MAX_DEPTH} levels", self._at)
        character = self._peek("a value")
        if character == "{":
            return self._object(depth)
        if character == "[":
            return self._array(depth)
        if character in _QUOTES:
            return self._string()
        number = _NUMBER.match(self._text, self._at)
        if number is not None:
            return self._number(number)
        word = _WORD.match(self._text, self._at)
        if word is not None and word.group() in _WORDS:
            value, repair = _WORDS[word.group()]
            self._at = word.end()
            if repair:
                self._repairs.append(repair)
            return value
        if word is not None:
            raise _ReadError(f"{word.group()[:40]!r} needs quotes, or is no JSON value", self._at)
        raise _ReadError(f"{character!r} cannot start a value", self._at)

    def _object(self, depth: int) -> dict[str, Any]:
        start = self._at
        self._at += 1
        result: dict[str, Any] = {}
        while True:
            character = self._peek("a key or }")
            if character == "}":
                self._at += 1
                return result
            key = self._key(character)
            if self._peek("a colon") not in ":=":
                raise _ReadError("a colon is missing after the key", self._at)
            self._at += 1
            if key in result:
                self._repairs.append(f"the key {key!r} stood twice, the last one counts")
            result[key] = self._value(depth + 1)
            if self._separated("}", start):
                return result

    def _key(self, character: str) -> str:
        if character in _QUOTES:
            return self._string()
        word = _WORD.match(self._text, self._at)
        if word is None:
            raise _ReadError("a key in double quotes is missing here", self._at)
        self._at = word.end()
        self._repairs.append("keys without quotes")
        return word.group()

    def _array(self, depth: int) -> list[Any]:
        start = self._at
        self._at += 1
        result: list[Any] = []
        while True:
            if self._peek("a value or ]") == "]":
                self._at += 1
                return result
            result.append(self._value(depth + 1))
            if self._separated("]", start):
                return result

    def _separated(self, closing: str, start: int) -> bool:
        """After an entry: over the comma (False), or over the closing bracket (True)."""
        self._skip()
        if self._at >= len(self._text):
            raise _ReadError(f"the bracket opened here is never closed with {closing}", start)
        character = self._text[self._at]
        if character == closing:
            self._at += 1
            return True
        if character != ",":
            raise _ReadError(f"a comma or {closing} is missing here", self._at)
        self._at += 1
        self._skip()
        if self._at < len(self._text) and self._text[self._at] == closing:
            self._repairs.append("a trailing comma")
        return False

    def _number(self, match: re.Match[str]) -> int | float:
        literal = match.group()
        strict = _STRICT_NUMBER.match(literal)
        if strict is None:
            self._repairs.append("a number in another notation")
        after = self._text[match.end() : match.end() + 1]
        if after.isalnum() or after == "_":
            raise _ReadError(f"{literal[:40]}{after} is no number and has no quotes", self._at)
        try:
            value: int | float = float(literal) if any(c in literal for c in ".eE") else int(literal)
        except ValueError as error:
            raise _ReadError(str(error), self._at) from error
        self._at = match.end()
        return value

    def _string(self) -> str:
        text, start = self._text, self._at
        closing = _QUOTES[text[start]]
        if text[start] != '"':
            self._repairs.append("single quotes" if text[start] in "'`" else "typographic quotes")
        self._at += 1
        parts: list[str] = []
        while self._at < len(text):
            character = text[self._at]
            if character in closing:
                self._at += 1
                return "".join(parts)
            if character == "\\":
                parts.append(self._escape())
                continue
            if character == "\n" and text[start] == '"':
                self._repairs.append("a line break inside a text")
            parts.append(character)
            self._at += 1
        raise _ReadError("the text opened here has no closing quote", start)

    def _escape(self) -> str:
        text = self._text
        follow = text[self._at + 1 : self._at + 2]
        if follow == "u":
            digits = text[self._at + 2 : self._at + 6]
            if len(digits) != 4 or any(c not in "0123456789abcdefABCDEF" for c in digits):
                raise _ReadError("\\u needs four hexadecimal digits", self._at)
            code = int(digits, 16)
            self._at += 6
            if 0xD800 <= code < 0xDC00 and text.startswith("\\u", self._at):
                low = text[self._at + 2 : self._at + 6]
                if len(low) == 4 and low[0] in "dD" and low[1] in "cdefCDEF":
                    self._at += 6
                    return chr(0x10000 + ((code - 0xD800) << 10) + (int(low, 16) - 0xDC00))
            return chr(code)
        self._at += 2
        if follow == "\n":
            return ""
        if follow not in _ESCAPES and follow not in "\"'":
            self._repairs.append("an unknown escape")
            return "\\" + follow
        return _ESCAPES.get(follow, follow)


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
