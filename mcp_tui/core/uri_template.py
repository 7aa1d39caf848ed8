"""URI templates (RFC 6570, all four levels) with text values: the variables, and the expansion."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

_EXPRESSION = re.compile(r"\{([+#./;?&]?)([^{}]*)\}")
_UNRESERVED = "-._~"
_RESERVED = _UNRESERVED + ":/?#[]@!$&'()*+,;=%"


@dataclass(frozen=True, slots=True)
class _Operator:
    first: str
    separator: str
    named: bool
    if_empty: str
    safe: str


_OPERATORS = {
    "": _Operator("", ",", False, "", _UNRESERVED),
    "+": _Operator("", ",", False, "", _RESERVED),
    "#": _Operator("#", ",", False, "", _RESERVED),
    ".": _Operator(".", ".", False, "", _UNRESERVED),
    "/": _Operator("/", "/", False, "", _UNRESERVED),
    ";": _Operator(";", ";", True, "", _UNRESERVED),
    "?": _Operator("?", "&", True, "=", _UNRESERVED),
    "&": _Operator("&", "&", True, "=", _UNRESERVED),
}


def _names(expression: str) -> list[tuple[str, int | None]]:
    """(name, prefix length) of each variable in one expression; the explode mark is dropped."""
    names: list[tuple[str, int | None]] = []
    for part in expression.split(","):
        name, _, prefix = part.strip().partition(":")
        name = name.rstrip("*").strip()
        if name:
            names.append((name, int(prefix) if prefix.isdigit() else None))
    return names


def variables(template: str) -> tuple[str, ...]:
    """The names in order of their first appearance."""
    found = (name for match in _EXPRESSION.finditer(template) for name, _ in _names(match.group(2)))
    return tuple(dict.fromkeys(found))


def required(template: str) -> frozenset[str]:
    """The names without which the URI makes no sense: all but those of query and fragment expressions."""
    return frozenset(
        name
        for match in _EXPRESSION.finditer(template)
        if match.group(1) not in ("?", "&", "#")
        for name, _ in _names(match.group(2))
    )


def expand(template: str, values: Mapping[str, str]) -> str:
    """The URI; a variable that is not in `values` is undefined and leaves no trace."""

    def replace(match: re.Match[str]) -> str:
        operator = _OPERATORS[match.group(1)]
        parts: list[str] = []
        for name, prefix in _names(match.group(2)):
            if name not in values:
                continue
            text = values[name] if prefix is None else values[name][:prefix]
            encoded = quote(text.encode("utf-8", "replace"), safe=operator.safe)
            if not operator.named:
                parts.append(encoded)
            elif text:
                parts.append(f"{name}={encoded}")
            else:
                parts.append(f"{name}{operator.if_empty}")
        return operator.first + operator.separator.join(parts) if parts else ""

    return _EXPRESSION.sub(replace, template)
