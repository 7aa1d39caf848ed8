"""Arguments of a call from the command line: KEY=VALUE by the tool's schema, KEY:=JSON, and --args."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, cast

from mcp_tui.core.argument_document import text_to_value
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.form_fields import ABSENT, Field, SchemaReader, Shape
from mcp_tui.core.json_values import is_integer, is_list, is_number, is_object
from mcp_tui.core.names import closest, known_names_hint
from mcp_tui.core.types import JsonObject

_TRUE = frozenset({"true", "yes", "on", "1", "y"})
_FALSE = frozenset({"false", "no", "off", "0", "n"})
_SHAPE_WORDS = {
    Shape.INTEGER: "a whole number",
    Shape.NUMBER: "a number",
    Shape.BOOLEAN: "true or false",
    Shape.OBJECT: "a JSON object",
    Shape.LIST: "a JSON list",
    Shape.NULL: "null",
}


def bad(detail: str, hint: str = "") -> AppError:
    return AppError("Arguments", detail, hint, kind=ErrorKind.USAGE, code="bad_arguments")


def read_text(source: str, *, what: str) -> str:
    """The text itself, `@FILE`, or `-` for stdin. AppError (usage)."""
    if source == "-":
        if sys.stdin.isatty():
            raise AppError(what, "`-` reads stdin, which is a terminal", "pipe a text in", kind=ErrorKind.USAGE)
        data = sys.stdin.buffer.read()
        name = "stdin"
    elif source.startswith("@"):
        name = source[1:]
        try:
            data = Path(name).read_bytes()
        except OSError as error:
            raise AppError(what, f"cannot read {name}: {error.strerror}", kind=ErrorKind.USAGE) from error
    else:
        return source
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AppError(what, f"{name} is no UTF-8 text", kind=ErrorKind.USAGE) from error


def parse_json(text: str, *, what: str) -> Any:
    """Strict JSON. AppError (usage) with line and column."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise bad(f"{what} is not valid JSON: {error.msg[:1].lower()}{error.msg[1:]} at {place}") from error
    except (ValueError, RecursionError) as error:
        raise bad(f"{what} is not valid JSON: {error}") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def parse_object(source: str | None, *, what: str) -> JsonObject | None:
    """--args as JSON, @FILE or `-`; None when it was not given."""
    if source is None:
        return None
    value = parse_json(read_text(source, what="Arguments"), what=what)
    if not is_object(value):
        raise bad(f"{what} must be a JSON object", 'for example --args \'{"name": "value"}\'')
    return value


def split_pair(pair: str) -> tuple[str, str, bool]:
    """KEY, VALUE, and whether VALUE is JSON (`KEY:=JSON`)."""
    key, equals, value = pair.partition("=")
    as_json = key.endswith(":")
    key = key.removesuffix(":")
    if not equals or not key:
        raise bad(f"{pair!r} is not KEY=VALUE", "KEY:=JSON gives any JSON value, --args a whole object")
    return key, value, as_json


def build(schema: JsonObject, pairs: Sequence[str], given: JsonObject | None) -> JsonObject:
    """The arguments of a tool call; pairs win over `given` (--args).

    A value that does not fit its field is an AppError (usage), since the text was surely not meant; KEY:=JSON and
    --args are sent as they are. Required arguments are checked only when --args was not used.
    """
    reader = SchemaReader(schema)
    root = reader.root()
    fields = {field.name: field for field in reader.properties(root)}
    result: JsonObject = dict(given or {})
    repeated: set[str] = set()
    for pair in pairs:
        key, text, as_json = split_pair(pair)
        if as_json:
            result[key] = parse_json(text, what=f"the value of {key}")
            continue
        field = fields.get(key) or reader.extra(root, key)
        if field is None:
            if fields or schema.get("additionalProperties") is False:
                raise bad(f"the tool has no argument {key!r}", _unknown_hint(key, list(fields)))
            result[key] = text
            continue
        value = _value(reader, field, text)
        if field.shape is Shape.LIST and key in repeated:
            cast("list[Any]", result[key]).extend(cast("list[Any]", value))
        else:
            result[key] = value
        repeated.add(key)
    if given is None:
        _check_required(fields, result)
    return result


def _unknown_hint(key: str, names: Sequence[str]) -> str:
    if closest(key, names) is None and not names:
        return "it takes none; KEY:=JSON sends it anyhow"
    return f"{known_names_hint(key, names, what='arguments')}; KEY:=JSON sends it anyhow"


def _check_required(fields: Mapping[str, Field], result: JsonObject) -> None:
    missing = [f.name for f in fields.values() if f.required and f.default is ABSENT and f.name not in result]
    if missing:
        example = " ".join(f"{name}=…" for name in missing)
        raise bad(f"missing: {', '.join(missing)}", f"give {example}; --args '{{}}' calls it anyhow")


def _value(reader: SchemaReader, field: Field, text: str) -> Any:
    if field.shape in (Shape.TEXT, Shape.LINES):
        return text
    if field.shape is Shape.BOOLEAN:
        lowered = text.strip().lower()
        if lowered in _TRUE | _FALSE:
            return lowered in _TRUE
    value = text_to_value(field, text)
    if value is ABSENT:
        value = text
    if value is None and field.nullable:
        return None
    if field.shape is Shape.LIST:
        return value if is_list(value) else _list(reader, field, text)
    if not _fits(field, value):
        expected = _SHAPE_WORDS.get(field.shape) or f"one of {', '.join(c.label for c in field.choices[:12])}"
        raise bad(f"{field.name} must be {expected}, not {text!r}", f"{field.name}:=JSON sends any value")
    return value


def _list(reader: SchemaReader, field: Field, text: str) -> list[Any]:
    """`a,b,c`, each by the schema of the list's items; one value is a list of one."""
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    items = [reader.item(field, index) for index in range(len(parts))]
    if any(item.shape in (Shape.OBJECT, Shape.LIST) for item in items):
        raise bad(f"{field.name} must be a JSON list, not {text!r}", f"write {field.name}:='[...]'")
    return [_value(reader, item, part) for item, part in zip(items, parts, strict=True)]


def _fits(field: Field, value: object) -> bool:
    match field.shape:
        case Shape.INTEGER:
            return is_integer(value)
        case Shape.NUMBER:
            return is_number(value)
        case Shape.BOOLEAN:
            return isinstance(value, bool)
        case Shape.OBJECT:
            return isinstance(value, dict)
        case Shape.NULL:
            return value is None
        case Shape.CHOICE:
            # True == 1: kinds must agree too.
            return any(value == choice.value and type(value) is type(choice.value) for choice in field.choices)
        case _:
            return True
