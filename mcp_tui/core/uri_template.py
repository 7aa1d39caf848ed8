"""URI templates (RFC 6570, all four levels) with text values: the variables, and the expansion.

What is no expression stays as it stands: braces without a partner, reserved operators (`{!x}`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

_EXPRESSION = re.compile(r"\{([+#./;?&]?)((?![!@|])[^{}=]*)\}")
_PREFIX = re.compile(r"[1-9][0-9]{0,3}\Z")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_RESERVED = "-._~:/?#[]@!$&'()*+,;="


def _names(expression: str) -> list[tuple[str, int | None]]:
    """(name, prefix length) of each variable in one expression; the explode mark is dropped."""
    names: list[tuple[str, int | None]] = []
    for part in expression.split(","):
        name, _, prefix = part.strip().partition(":")
        name = name.rstrip("*").strip()
        if name:
            names.append((name, int(prefix) if _PREFIX.match(prefix) else None))
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
    pieces: list[str] = []
    at = 0
    for match in _EXPRESSION.finditer(template):
        pieces += (_escaped(template[at : match.start()], "{}"), _expanded(match.group(1), match.group(2), values))
        at = match.end()
    return "".join((*pieces, _escaped(template[at:], "{}")))


def _expanded(operator: str, expression: str, values: Mapping[str, str]) -> str:
    import uritemplate

    asked: list[str] = []
    texts: dict[str, Any] = {}
    for number, (name, prefix) in enumerate(_names(expression)):
        if name not in values:
            continue
        text = values[name].encode("utf-8", "replace").decode()
        if operator in ("+", "#"):
            # For the library one escape in a value means that all of it is escaped. These names are not written.
            name, text, prefix = f"v{number}", _escaped(text[:prefix]), None
        texts[name] = text
        asked.append(name if prefix is None else f"{name}:{prefix}")
    return uritemplate.expand(f"{{{operator}{','.join(asked)}}}", texts) if asked else ""


def _escaped(text: str, also: str = "") -> str:
    """What no URI can hold is percent-encoded, a `%` that begins no escape too. also: is left as it is."""
    return quote(_LONE_PERCENT.sub("%25", text), safe=_RESERVED + "%" + also, errors="replace")
