"""Variables in configuration texts.

`${VAR}`, `${env:VAR}` and `${VAR:-default}` (the default also counts for an empty variable, and may hold
variables itself). `${input:ID}` is what a person answered. `${userHome}`, `${workspaceFolder}`,
`${workspaceFolderBasename}`, `${pathSeparator}` and `${/}` as other clients write them. `$${` stands for a plain
`${`. A bare `$VAR` is plain text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_INPUT = re.compile(r"\$\{input:([^{}]*)\}")
_MAX_DEPTH = 16


@dataclass(frozen=True, slots=True)
class Scope:
    """What variables stand for."""

    environ: Mapping[str, str]
    cwd: Path
    inputs: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Answered inputs of the file that is read."""
    inert: bool = False
    """Replace nothing and read no other file: for files that are not trusted."""

    def lookup(self, name: str) -> str | None:
        match name:
            case "userHome":
                return self.environ.get("HOME") or str(Path.home())
            case "workspaceFolder":
                return str(self.cwd)
            case "workspaceFolderBasename":
                return self.cwd.name
            case "pathSeparator" | "/":
                return os.sep
            case _ if name.startswith("input:"):
                return self.inputs.get(name.removeprefix("input:"))
            case _:
                return self.environ.get(name.removeprefix("env:"))


class UnresolvedError(Exception):
    """A reference without a value. `reference` is what stands between the braces."""

    def __init__(self, reference: str, reason: str) -> None:
        super().__init__(reference, reason)
        self.reference = reference
        self.reason = reason
        """One clause, such as "is not set"."""


def expand(text: str, scope: Scope) -> str:
    """The text with every variable replaced, once: values are not expanded again. Raises UnresolvedError."""
    return text if scope.inert else _expand(text, scope, 0)


def input_ids(value: object) -> list[str]:
    """The ids of the inputs that the texts in any JSON value refer to, each once, in order."""
    found: dict[str, None] = {}
    left = [value]
    while left:
        item = left.pop(0)
        if isinstance(item, str):
            found.update(dict.fromkeys(_INPUT.findall(item)))
        elif isinstance(item, Mapping):
            left.extend(cast("Mapping[str, object]", item).values())
        elif isinstance(item, list | tuple):
            left.extend(cast("Sequence[object]", item))
    return list(found)


def _expand(text: str, scope: Scope, depth: int) -> str:
    if "${" not in text:
        return text
    if depth > _MAX_DEPTH:
        raise UnresolvedError(text[:40], "is nested too deep")
    pieces: list[str] = []
    at = 0
    while (start := text.find("${", at)) >= 0:
        if start > at and text[start - 1] == "$":
            pieces.append(f"{text[at : start - 1]}${{")
            at = start + 2
            continue
        pieces.append(text[at:start])
        end = _closing(text, start + 2)
        pieces.append(_value(text[start + 2 : end], scope, depth))
        at = end + 1
    pieces.append(text[at:])
    return "".join(pieces)


def _closing(text: str, at: int) -> int:
    """The offset of the brace that closes the reference whose body starts at `at`."""
    start = at
    depth = 1
    while at < len(text):
        if text.startswith("${", at):
            depth += 1
            at += 1
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
        at += 1
    raise UnresolvedError(text[start:][:40], "has no closing brace")


def _value(body: str, scope: Scope, depth: int) -> str:
    name, marker, default = body.partition(":-")
    known = scope.lookup(name)
    if marker:
        return known or _expand(default, scope, depth + 1)
    if known is not None:
        return known
    if _NAME.match(name.removeprefix("env:")):
        raise UnresolvedError(name.removeprefix("env:"), "is not set")
    if name.startswith("input:"):
        raise UnresolvedError(name, "is not answered")
    raise UnresolvedError(name, "is no variable this program knows")
