"""Arguments are checked before they are sent: what is no JSON breaks the connection or arrives as something else."""

from __future__ import annotations

import math
from typing import Any, cast

from mcp_tui.core.errors import AppError, ErrorKind

_MAX_DEPTH = 200


def encoding_problem(value: object) -> str:
    """Why `value` is not JSON, with its path, or "". (A lone surrogate ends a stdio connection; NaN becomes null.)"""
    stack: list[tuple[str, object, int]] = [("", value, 0)]
    while stack:
        path, item, depth = stack.pop()
        where = path.lstrip(".") or "the value"
        if item is None or isinstance(item, bool | int):
            continue
        if isinstance(item, float):
            if not math.isfinite(item):
                return f"{where} is {item}, which JSON does not have"
        elif isinstance(item, str):
            if not _encodable(item):
                return f"{where} holds half of a surrogate pair, which is no text"
        elif depth >= _MAX_DEPTH:
            return f"{where} is nested more than {_MAX_DEPTH} deep"
        elif isinstance(item, dict):
            for key, inner in cast("dict[Any, Any]", item).items():
                if not isinstance(key, str) or not _encodable(key):
                    return f"{where} has a key that is no text: {key!r}"
                stack.append((f"{path}.{key}", inner, depth + 1))
        elif isinstance(item, list | tuple):
            entries = cast("list[Any]", item)
            stack.extend((f"{path}[{number}]", inner, depth + 1) for number, inner in enumerate(entries))
        else:
            return f"{where} is a {type(item).__name__}, which JSON does not have"
    return ""


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_arguments(title: str, arguments: object) -> None:
    """AppError `bad_arguments` unless `arguments` is an object that JSON can carry unchanged."""
    problem = encoding_problem(cast("object", arguments)) if isinstance(arguments, dict) else "they are no JSON object"
    if problem:
        raise AppError(title, f"The arguments cannot be sent: {problem}", kind=ErrorKind.USAGE, code="bad_arguments")
