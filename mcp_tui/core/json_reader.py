"""A JSON reader that knows where everything stands, for texts of people: files with comments, pasted pieces.

Plain: comments and trailing commas, otherwise what JSON allows. Forgiving: whatever can be meant by it, too, and
`repairs` says what. The sentences about faults are those of whoever reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]

_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_CONSTANTS: dict[str, tuple[Any, str]] = {"true": (True, ""), "false": (False, ""), "null": (None, "")}
_SPACE = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")

_FORGIVEN_CONSTANTS: dict[str, tuple[Any, str]] = _CONSTANTS | {
    "True": (True, "Python's True"),
    "False": (False, "Python's False"),
    "None": (None, "Python's None"),
    "undefined": (None, "undefined"),
}
_FORGIVEN_SPACE = re.compile(r"(?:[\s\u200b]+|(?://|#)[^\n]*|/\*.*?\*/)*", re.DOTALL)
_FORGIVEN_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_FORGIVEN_WORD = re.compile(r"[^\W\d][\w$-]*|\$[\w$-]*")
_QUOTES = {'"': '"', "'": "'", "“": "”", "„": "“”", "‘": "’", "`": "`"}
_UNITS = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/", "\\": "\\", "0": "\0"}


class ReadError(Exception):
    """`fault` is the key of a sentence, in which `parts` stand. Offsets count characters from 0.

    opened: of a bracket that is never closed.
    """

    def __init__(self, fault: str, offset: int, opened: int | None = None, **parts: object) -> None:
        super().__init__(fault)
        self.fault = fault
        self.offset = offset
        self.opened = opened
        self._parts = parts

    def reason(self, sentences: Mapping[str, str]) -> str:
        return sentences[self.fault].format_map(self._parts)


class JsonReader:
    """Of one text, read once. Deeper nesting than `max_depth` is a fault, and so is a number of too many digits."""

    def __init__(self, text: str, *, max_depth: int, forgiving: bool = False) -> None:
        self.places: dict[KeyPath, int] = {}
        """The offset of each key and list entry."""
        self.duplicates: list[tuple[KeyPath, int]] = []
        """Keys that stood twice (the last one counts), with the offset of the one that lost."""
        self.repairs: list[str] = []
        self._text = text
        self._at = 0
        self._max_depth = max_depth
        self._forgiving = forgiving
        self._space = _FORGIVEN_SPACE if forgiving else _SPACE
        self._numbers = _FORGIVEN_NUMBER if forgiving else _NUMBER
        self._words = _FORGIVEN_WORD if forgiving else _WORD
        self._constants = _FORGIVEN_CONSTANTS if forgiving else _CONSTANTS

    def document(self) -> Any:
        """The only value of the text. ReadError."""
        if self._forgiving and self._text.startswith("\ufeff"):
            self._at = 1
            self.repairs.append("a byte order mark")
        value = self._value(())
        self._skip()
        if self._forgiving and self._text[self._at : self._at + 1] in (",", ";"):
            self._at += 1
            self.repairs.append("a trailing comma")
            self._skip()
        if self._at < len(self._text):
            raise ReadError("extra", self._at)
        return value

    def _skip(self) -> None:
        """Over white space and comments."""
        if found := self._space.match(self._text, self._at):
            self._at = found.end()
            if found.group().replace("\u200b", " ").strip():
                self.repairs.append("comments")
        if self._text.startswith("/*", self._at):
            raise ReadError("comment", self._at)

    def _peek(self, fault: str, opened: int | None = None, **parts: object) -> str:
        """The next character after space and comments. fault: when there is none."""
        self._skip()
        if self._at >= len(self._text):
            raise ReadError(fault, self._at, opened, **parts)
        return self._text[self._at]

    def _value(self, path: KeyPath) -> Any:
        first = self._peek("end value")
        if len(path) > self._max_depth:
            raise ReadError("depth", self._at, most=self._max_depth)
        if first == "{":
            return self._object(path)
        if first == "[":
            return self._array(path)
        if first == '"' or (self._forgiving and first in _QUOTES):
            return self._string()
        if number := self._numbers.match(self._text, self._at):
            return self._number(number)
        word = self._words.match(self._text, self._at)
        if word is None:
            raise ReadError("value", self._at, found=first)
        if word.group() not in self._constants:
            raise ReadError("word", self._at, found=word.group()[:40])
        value, repair = self._constants[word.group()]
        self._at = word.end()
        if repair:
            self.repairs.append(repair)
        return value

    def _object(self, path: KeyPath) -> dict[str, Any]:
        opened = self._at
        self._at += 1
        result: dict[str, Any] = {}
        while (first := self._peek("end key", opened, closing="}")) != "}":
            start = self._at
            key = self._key(first)
            keys = (*path, key)
            if self._peek("end colon", key=key[:40]) not in (":=" if self._forgiving else ":"):
                raise ReadError("colon", self._at, key=key[:40])
            self._at += 1
            if key in result:
                self.duplicates.append((keys, self.places[keys]))
                self.repairs.append(f"the key {key!r} stood twice, the last one counts")
            self.places[keys] = start
            result[key] = self._value(keys)
            self._separator("}", opened)
        self._at += 1
        return result

    def _key(self, first: str) -> str:
        if first == '"' or (self._forgiving and first in _QUOTES):
            return self._string()
        word = self._words.match(self._text, self._at) if self._forgiving else None
        if word is None:
            raise ReadError("key", self._at)
        self._at = word.end()
        self.repairs.append("keys without quotes")
        return word.group()

    def _array(self, path: KeyPath) -> list[Any]:
        opened = self._at
        self._at += 1
        result: list[Any] = []
        while self._peek("end item", opened, closing="]") != "]":
            keys = (*path, len(result))
            self.places[keys] = self._at
            result.append(self._value(keys))
            self._separator("]", opened)
        self._at += 1
        return result

    def _separator(self, closing: str, opened: int) -> None:
        """Over a comma; a closing bracket may follow it, or stand in its place."""
        following = self._peek("unclosed " + closing, opened, closing=closing)
        if following == ",":
            self._at += 1
            self._skip()
            if self._text.startswith(closing, self._at):
                self.repairs.append("a trailing comma")
        elif following != closing:
            raise ReadError("comma", self._at, closing=closing)

    def _number(self, match: re.Match[str]) -> int | float:
        literal = match.group()
        after = self._text[match.end() : match.end() + 1]
        if self._forgiving and (after.isalnum() or after == "_"):
            raise ReadError("digits", self._at, found=literal[:40] + after)
        if _NUMBER.fullmatch(literal) is None:
            self.repairs.append("a number in another notation")
        try:
            value = float(literal) if any(c in literal for c in ".eE") else int(literal)
        except ValueError as error:  # more digits than int() takes
            raise ReadError("number", self._at) from error
        self._at = match.end()
        return value

    def _string(self) -> str:
        found = _STRING.match(self._text, self._at)
        if found is None and not self._forgiving:
            raise ReadError("quote", self._at)
        if found is not None:
            try:
                # strict=False takes a raw tab, which hand-written files have.
                value: str = json.loads(found.group(), strict=False)
            except json.JSONDecodeError as error:
                if not self._forgiving:
                    raise ReadError("escape", self._at + error.pos) from error
            else:
                self._at = found.end()
                return value
        return self._forgiven_string()

    def _forgiven_string(self) -> str:
        text, start = self._text, self._at
        closing = _QUOTES[text[start]]
        if text[start] != '"':
            self.repairs.append("single quotes" if text[start] in "'`" else "typographic quotes")
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
                self.repairs.append("a line break inside a text")
            parts.append(character)
            self._at += 1
        raise ReadError("quote", start)

    def _escape(self) -> str:
        text = self._text
        follow = text[self._at + 1 : self._at + 2]
        if follow == "u":
            units = _UNITS.match(text, self._at)
            if units is None:
                raise ReadError("unicode", self._at)
            self._at = units.end()
            return json.loads(f'"{units.group()}"')
        self._at += 2
        if follow == "\n":
            return ""
        if follow not in _ESCAPES and follow not in "\"'":
            self.repairs.append("an unknown escape")
            return "\\" + follow
        return _ESCAPES.get(follow, follow)
