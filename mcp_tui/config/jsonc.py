"""JSON with comments and trailing commas, as editors write it. Keeps positions; refuses what JSON refuses."""

from __future__ import annotations

from pathlib import Path

from mcp_tui.config.document import Document, DocumentSyntaxError, LineIndex
from mcp_tui.core.json_reader import JsonReader, ReadError
from mcp_tui.core.json_values import is_object

_MAX_DEPTH = 100
_SENTENCES = {
    "colon": "a colon is expected after the key {key!r}",
    "comma": "a comma or {closing} is expected",
    "comment": "the comment is never closed",
    "depth": "nested deeper than {most} levels",
    "end colon": "a colon is expected after the key {key!r}",
    "end item": "the list is never closed",
    "end key": "the object is never closed",
    "end value": "the file ends where a value is expected",
    "escape": "invalid escape in the text",
    "extra": "unexpected text after the end of the value",
    "key": "a key in double quotes is expected",
    "number": "the number is too long",
    "quote": "the text is never closed with a quote",
    "unclosed ]": "the list is never closed",
    "unclosed }": "the object is never closed",
    "value": "a value is expected, not {found!r}",
    "word": "a value is expected, not {found!r}",
}


def parse(text: str, path: Path) -> Document:
    """The document of a JSON or JSONC text. DocumentSyntaxError names the first fault."""
    text = text.removeprefix("\ufeff")
    reader = JsonReader(text, max_depth=_MAX_DEPTH)
    index = LineIndex(text)
    try:
        value = reader.document()
    except ReadError as error:
        # What is never closed is shown where it opens.
        at = error.offset if error.opened is None else error.opened
        raise DocumentSyntaxError(error.reason(_SENTENCES), index.line(at), index.column(at)) from error
    if not is_object(value):
        raise DocumentSyntaxError("the top level must be an object", 1, 1)
    lines = {keys: index.line(at) for keys, at in reader.places.items()}
    duplicates = tuple((keys, index.line(at)) for keys, at in reader.duplicates)
    return Document(path, value, lines, duplicates)
