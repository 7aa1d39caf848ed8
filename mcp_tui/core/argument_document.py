"""The arguments of a call as a document: places in it, texts to values and back, and where it starts.

A place is a path of object keys and list positions. ABSENT means the place is not in the document.
"""

from __future__ import annotations

import copy
import re
from typing import Any, TypeAlias

from mcp_tui.core import json_text
from mcp_tui.core.form_fields import ABSENT, Field, SchemaReader, Shape
from mcp_tui.core.json_values import as_object, is_list, is_object
from mcp_tui.core.types import JsonObject

Path: TypeAlias = tuple[str | int, ...]

MAX_PREFILL_DEPTH = 6

_INTEGER = re.compile(r"[-+]?\d+\Z")
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?\Z")


def get_at(document: object, path: Path) -> Any:
    """ABSENT when any step is missing or of another kind."""
    node = document
    for step in path:
        if isinstance(step, str) and is_object(node):
            node = node.get(step, ABSENT)
        elif isinstance(step, int) and is_list(node) and 0 <= step < len(node):
            node = node[step]
        else:
            return ABSENT
    return node


def set_at(document: JsonObject, path: Path, value: object) -> None:
    """Put a value there, in place; objects missing on the way are made. `path` is not empty.

    A list position one past the end appends; a parent of the wrong kind is replaced.
    """
    node: Any = document
    for index, step in enumerate(path[:-1]):
        following: Any = get_at(node, (step,))
        wanted: Any = {} if isinstance(path[index + 1], str) else []
        if type(following) is not type(wanted):
            following = wanted
            _put(node, step, following)
        node = following
    _put(node, path[-1], value)


def _put(node: Any, step: str | int, value: object) -> None:
    if isinstance(step, str):
        node[step] = value
    elif step >= len(node):
        node.append(value)
    else:
        node[step] = value


def delete_at(document: JsonObject, path: Path) -> None:
    """Take the place out of the document; nothing happens when it is not there."""
    parent = get_at(document, path[:-1])
    step = path[-1]
    if is_object(parent) and isinstance(step, str):
        parent.pop(step, None)
    elif is_list(parent) and isinstance(step, int) and 0 <= step < len(parent):
        del parent[step]


def move_item(document: JsonObject, path: Path, by: int) -> bool:
    """Move a list entry up (-1) or down (1); False at the end of the list."""
    items, index = get_at(document, path[:-1]), path[-1]
    if not is_list(items) or not isinstance(index, int):
        return False
    other = index + by
    if not 0 <= other < len(items):
        return False
    items[index], items[other] = items[other], items[index]
    return True


def text_to_value(field: Field, text: str) -> Any:
    """What a typed text means for this field. What fits no rule stays text, so that nothing typed is lost
    and a server can be tried with wrong input; validation says what is wrong. An empty text is ABSENT.
    """
    if field.shape in (Shape.TEXT, Shape.LINES):
        return text if text else ABSENT
    stripped = text.strip()
    if not stripped:
        return ABSENT
    if field.shape is Shape.CHOICE:
        for choice in field.choices:
            if stripped in (choice.label, json_text.dump(choice.value, indent=None)):
                return copy.deepcopy(choice.value)
    plain = stripped.replace("_", "") if field.shape is Shape.INTEGER else stripped
    if field.shape in (Shape.INTEGER, Shape.NUMBER) and _INTEGER.match(plain) and plain.isascii():
        try:
            return int(plain)
        except ValueError:  # more digits than the interpreter converts
            return text
    if field.shape is Shape.NUMBER and _NUMBER.match(stripped) and stripped.isascii():
        number = float(stripped)
        return number if number - number == 0 else text
    try:
        return json_text.parse(stripped).value
    except json_text.JsonTextError:
        return text


def value_to_text(field: Field, value: object) -> str:
    """A text that `text_to_value` reads as the same value."""
    if value is ABSENT:
        return ""
    if isinstance(value, str):
        if field.shape in (Shape.TEXT, Shape.LINES):
            return value
        read = text_to_value(field, value)
        return value if isinstance(read, str) and read == value else json_text.dump(value, indent=None)
    return json_text.dump(value, indent=2 if field.shape is Shape.JSON else None)


def edited_text(field: Field, text: str, *, inside_list: bool) -> Any:
    """`text_to_value` for an input: a list entry cannot be absent, so there empty is "" or null."""
    value = text_to_value(field, text)
    if value is ABSENT and inside_list:
        return "" if field.shape in (Shape.TEXT, Shape.LINES) else None
    return value


def starting_value(reader: SchemaReader, field: Field, depth: int = 0) -> Any:
    """What a place holds before anybody typed: the default, a required constant, the frame of a required
    object or list; otherwise ABSENT.
    """
    # A default of null says no more than leaving it out does.
    if field.default is not ABSENT and (field.default is not None or field.required):
        return copy.deepcopy(field.default)
    if not field.required or depth > MAX_PREFILL_DEPTH:
        return ABSENT
    return frame(reader, field, depth)


def frame(reader: SchemaReader, field: Field, depth: int = 0) -> Any:
    """What a place holds when it is opened by hand or required: an object with its defaults, an empty list."""
    if field.shape is Shape.OBJECT:
        result: JsonObject = {}
        for member in reader.properties(field):
            value = starting_value(reader, member, depth + 1)
            if value is not ABSENT:
                result[member.name] = value
        return result
    if field.shape is Shape.LIST:
        return []
    if field.shape is Shape.CHOICE and len(field.choices) == 1:
        return copy.deepcopy(field.choices[0].value)
    if field.shape is Shape.VARIANTS and depth == 0 and field.variants:
        return frame(reader, reader.variant(field, 0), 1)
    return ABSENT


def new_item(reader: SchemaReader, field: Field) -> Any:
    """The value of a fresh list entry or map member: it must be something."""
    value = starting_value(reader, field)
    if value is ABSENT:
        value = frame(reader, field)
    if value is not ABSENT:
        return value
    if field.shape in (Shape.TEXT, Shape.LINES):
        return ""
    if field.shape is Shape.CHOICE and field.choices:
        return copy.deepcopy(field.choices[0].value)
    return False if field.shape is Shape.BOOLEAN else None


def starting_arguments(reader: SchemaReader) -> JsonObject:
    """The document a form starts with."""
    return as_object(frame(reader, reader.root()))


def path_text(path: Path) -> str:
    """`filters[2].name`: list positions are 1-based, as people count."""
    text = ""
    for step in path:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if text else step
    return text
