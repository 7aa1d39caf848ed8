"""JSON with comments and trailing commas, as editors write it. Keeps positions; refuses what JSON refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

from mcp_tui.config.document import Document, DocumentSyntaxError, KeyPath, LineIndex
from mcp_tui.core.json_values import is_object

_SPACE = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_MAX_DEPTH = 100


def parse(text: str, path: Path) -> Document:
    """The document of a JSON or JSONC text. DocumentSyntaxError names the first fault."""
    return _Parser(text.removeprefix("\ufeff"), path).document()


class _Parser:
    def __init__(self, text: str, path: Path) -> None:
        self._text = text
        self._path = path
        self._at = 0
        self._index = LineIndex(text)
        self._lines: dict[KeyPath, int] = {}
        self._duplicates: list[tuple[KeyPath, int]] = []

    def document(self) -> Document:
        value = self._value(())
        self._skip()
        if self._at < len(self._text):
            raise self._fault("unexpected text after the end of the value")
        if not is_object(value):
            raise DocumentSyntaxError("the top level must be an object", 1, 1)
        return Document(self._path, value, self._lines, tuple(self._duplicates))

    def _fault(self, reason: str, offset: int | None = None) -> DocumentSyntaxError:
        at = self._at if offset is None else offset
        return DocumentSyntaxError(reason, self._index.line(at), self._index.column(at))

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        if found:
            self._at = found.end()
        if self._text.startswith("/*", self._at):
            raise self._fault("the comment is never closed")

    def _peek(self) -> str:
        """The next character after space and comments; "" at the end."""
        self._skip()
        return self._text[self._at : self._at + 1]

    def _value(self, path: KeyPath) -> object:
        first = self._peek()
        if len(path) > _MAX_DEPTH:
            raise self._fault(f"nested deeper than {_MAX_DEPTH} levels")
        if first == "{":
            return self._object(path)
        if first == "[":
            return self._array(path)
        if first == '"':
            return self._string()
        if found := _NUMBER.match(self._text, self._at):
            try:
                number: int | float = json.loads(found.group())
            except ValueError as error:  # more digits than int() takes
                raise self._fault("the number is too long") from error
            self._at = found.end()
            return number
        found = _WORD.match(self._text, self._at)
        if found and found.group() in _CONSTANTS:
            self._at = found.end()
            return _CONSTANTS[found.group()]
        if not first:
            raise self._fault("the file ends where a value is expected")
        raise self._fault(f"a value is expected, not {(found.group() if found else first)[:40]!r}")

    def _string(self) -> str:
        found = _STRING.match(self._text, self._at)
        if not found:
            raise self._fault("the text is never closed with a quote")
        try:
            # strict=False takes a raw tab, which hand-written files have.
            value: str = json.loads(found.group(), strict=False)
        except json.JSONDecodeError as error:
            raise self._fault("invalid escape in the text", self._at + error.pos) from error
        self._at = found.end()
        return value

    def _object(self, path: KeyPath) -> dict[str, object]:
        opened = self._at
        self._at += 1
        result: dict[str, object] = {}
        while (first := self._peek()) != "}":
            if first != '"':
                if not first:
                    raise self._fault("the object is never closed", opened)
                raise self._fault("a key in double quotes is expected")
            key_at = self._at
            key = self._string()
            keys = (*path, key)
            if key in result:
                self._duplicates.append((keys, self._lines[keys]))
            self._lines[keys] = self._index.line(key_at)
            if self._peek() != ":":
                raise self._fault(f"a colon is expected after the key {key[:40]!r}")
            self._at += 1
            result[key] = self._value(keys)
            self._separator("}", opened, "object")
        self._at += 1
        return result

    def _array(self, path: KeyPath) -> list[object]:
        opened = self._at
        self._at += 1
        result: list[object] = []
        while (first := self._peek()) != "]":
            if not first:
                raise self._fault("the list is never closed", opened)
            keys = (*path, len(result))
            self._lines[keys] = self._index.line(self._at)
            result.append(self._value(keys))
            self._separator("]", opened, "list")
        self._at += 1
        return result

    def _separator(self, closer: str, opened: int, what: str) -> None:
        """Step over a comma; a closing bracket may follow it, or stand in its place."""
        following = self._peek()
        if following == ",":
            self._at += 1
        elif not following:
            raise self._fault(f"the {what} is never closed", opened)
        elif following != closer:
            raise self._fault(f"a comma or {closer} is expected")
