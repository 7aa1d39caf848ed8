"""Frozen dataclasses as JSON values and back, by their type hints.

Only what differs from a field's default is written. Reading is lenient about time: fields that are not known any
more are left out, fields that came later get their defaults. A union of dataclasses is told apart by `kind`.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from mcp_tui.core.json_values import is_list, is_object

_Value = TypeVar("_Value")
_Step = Callable[[Any], Any]

KIND = "kind"


class PlainError(ValueError):
    """The value does not fit the type."""


def to_plain(hint: Any, value: object) -> Any:
    """`value`, which is of type `hint`, as JSON."""
    return _steps(hint)[0](value)


def from_plain(hint: type[_Value], plain: object) -> _Value:
    """PlainError for what `to_plain` cannot have written."""
    try:
        return cast("_Value", _steps(hint)[1](plain))
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise PlainError(f"no {getattr(hint, '__name__', hint)}: {error}") from error


@cache
def _steps(hint: Any) -> tuple[_Step, _Step]:
    """(write, read) for a type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if origin is tuple:
        write, read = _steps(arguments[0])
        return lambda value: [write(item) for item in value], lambda plain: tuple(read(item) for item in _list(plain))
    if origin is Literal:
        return _same, _one_of(arguments)
    if isinstance(hint, type) and is_dataclass(hint):
        return _dataclass(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return lambda value: value.value, hint
    if isinstance(hint, type) and hint in (str, int, float, bool):
        return _same, _scalar(hint)
    if (origin or hint) in (dict, Mapping):
        return _same, _object
    if origin in (list, frozenset, set) or hint in (list, tuple):
        raise TypeError(f"{hint} has no JSON form here")
    return _same, _same


def _same(value: Any) -> Any:
    return value


def _list(plain: object) -> list[Any]:
    if not is_list(plain):
        raise PlainError(f"{type(plain).__name__} is no list")
    return plain


def _object(plain: object) -> dict[str, Any]:
    if not is_object(plain):
        raise PlainError(f"{type(plain).__name__} is no object")
    return plain


def _scalar(kind: type) -> _Step:
    accepted = (int, float) if kind is float else (kind,)

    def read(plain: Any) -> Any:
        if not isinstance(plain, accepted) or (isinstance(plain, bool) and kind is not bool):
            raise PlainError(f"{type(plain).__name__} is no {kind.__name__}")
        return plain

    return read


def _one_of(values: tuple[Any, ...]) -> _Step:
    def read(plain: Any) -> Any:
        if plain not in values:
            raise PlainError(f"{plain!r} is none of {values}")
        return plain

    return read


def _union(arguments: tuple[Any, ...]) -> tuple[_Step, _Step]:
    optional = type(None) in arguments
    members = [member for member in arguments if member is not type(None)]
    if len(members) == 1:
        write, read = _steps(members[0])
    elif all(isinstance(member, type) and is_dataclass(member) for member in members):
        write, read = _tagged({member.__name__: member for member in members})
    else:
        write = read = _same
    if not optional:
        return write, read
    return (lambda value: None if value is None else write(value)), (
        lambda plain: None if plain is None else read(plain)
    )


def _tagged(members: Mapping[str, type]) -> tuple[_Step, _Step]:
    def write(value: Any) -> Any:
        name = type(value).__name__
        return {KIND: name, **_steps(members[name])[0](value)}

    def read(plain: Any) -> Any:
        return _steps(members[_object(plain)[KIND]])[1](plain)

    return write, read


def _dataclass(kind: type) -> tuple[_Step, _Step]:
    # The types of the fields are strings until asked for, and may name types that are defined later.
    steps: dict[str, tuple[_Step, _Step, object]] = {}

    def prepared() -> dict[str, tuple[_Step, _Step, object]]:
        if not steps:
            hints = get_type_hints(kind)
            for field in fields(kind):
                default: object = field.default_factory() if field.default_factory is not MISSING else field.default
                steps[field.name] = (*_steps(hints[field.name]), default)
        return steps

    def write(value: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, (write_field, _, default) in prepared().items():
            item = getattr(value, name)
            # Of the same type too: 0 equals False.
            if default is MISSING or type(item) is not type(default) or item != default:
                found[name] = write_field(item)
        return found

    def read(plain: Any) -> Any:
        known = prepared()
        given = {name: known[name][1](item) for name, item in _object(plain).items() if name in known}
        return kind(**given)

    return write, read
