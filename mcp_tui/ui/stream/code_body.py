"""The code of one fence, coloured piece by piece so that a long fence stays cheap while it streams.

Colouring restarts at checkpoints. Where a checkpoint stands depends on the code alone, never on how it was cut
into fragments: each is found by lexing a window of fixed size, and the lines before it are final.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from pygments.lexer import Lexer

PIECE_LINES = 12
WINDOW_LINES = 24
LONGEST_WINDOW = 384
"""A string or comment longer than this is coloured anew from the cut on."""
_PROBE = "0"
"""A line that is a number, unless it stands within a string or comment."""
LONGEST_LINE = 1000
"""Longer lines are shown plain: lexers may need quadratic time on them."""

Role: TypeAlias = Literal["", "keyword", "name", "string", "number", "comment", "added", "removed"]
Token: TypeAlias = tuple[Role, str]
Line: TypeAlias = tuple[Token, ...]

_ROLES: dict[str, Role] = {
    "Token.Keyword": "keyword",
    "Token.Operator.Word": "keyword",
    "Token.Name.Function": "name",
    "Token.Name.Class": "name",
    "Token.Name.Decorator": "name",
    "Token.Name.Tag": "name",
    "Token.Name.Builtin": "name",
    "Token.Name.Exception": "name",
    "Token.Name.Attribute": "name",
    "Token.Literal.String": "string",
    "Token.Literal.Number": "number",
    "Token.Literal.Date": "number",
    "Token.Keyword.Constant": "number",
    "Token.Comment": "comment",
    "Token.Generic.Prompt": "comment",
    "Token.Generic.Output": "",
    "Token.Generic.Inserted": "added",
    "Token.Generic.Deleted": "removed",
    "Token.Generic.Heading": "keyword",
    "Token.Generic.Subheading": "keyword",
}
_LANGUAGE = re.compile(r"[{.]*([A-Za-z0-9_+#-]{1,32})")


@lru_cache(maxsize=256)
def _role(name: str) -> Role:
    while name and name not in _ROLES:
        name = name.rpartition(".")[0]
    return _ROLES.get(name, "")


def language_of(info: str) -> str:
    """The language a fence names, "" when it names none."""
    match = _LANGUAGE.match(info.strip())
    return match[1].lower() if match else ""


@lru_cache(maxsize=64)
def _lexer(language: str) -> Lexer | None:
    if not language or language in ("text", "txt", "plain", "plaintext", "output", "none"):
        return None
    # Late: pygments and its lexers are needed only once a fence is on screen.
    from pygments.lexers import get_lexer_by_name  # pyright: ignore[reportUnknownVariableType]  untyped options
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=True)
    except ClassNotFound:
        return None


def prepare() -> None:
    """Import what colours the most usual languages: on a thread, before the first answer needs it (75 ms each)."""
    for language in ("python", "json", "bash"):
        _lex(language, ("",))


@lru_cache(maxsize=256)
def _lex(language: str, code: tuple[str, ...]) -> tuple[Line, ...]:
    """Tokens per line; as many lines as `code` has."""
    lexer = _lexer(language)
    if lexer is None or any(len(line) > LONGEST_LINE for line in code):
        return tuple((("", line),) for line in code)
    lines: list[Line] = []
    line: list[Token] = []
    for kind, value in lexer.get_tokens("\n".join(code)):
        role = _role(str(kind))
        first, *rest = value.split("\n")
        if first:
            line.append((role, first))
        for part in rest:
            lines.append(tuple(line))
            line = [(role, part)] if part else []
    if line:
        lines.append(tuple(line))
    missing = len(code) - len(lines)
    lines.extend(() for _ in range(missing))
    return tuple(lines[: len(code)])


def _open_role(tokens: Sequence[Line], index: int) -> Role | None:
    """The role in which the text before line `index` ends, if it is one that may go on over lines."""
    for line in reversed(tokens[:index]):
        if line:
            role = line[-1][0]
            return role if role in ("string", "comment") else None
    return None


def _checkpoint(lines: Sequence[str], tokens: Sequence[Line], *, last: bool) -> int | None:
    """Where the next piece begins within this window; None when nothing in it is safe and it may grow."""
    fallback: int | None = None
    for index in range(PIECE_LINES, len(lines)):
        inside = bool(tokens[index]) and _open_role(tokens, index) == tokens[index][0][0]
        if inside:
            continue
        if lines[index] and not lines[index][0].isspace():
            return index
        fallback = index if fallback is None else fallback
    if fallback is not None:
        return fallback
    return len(lines) if last else None


class CodeBody:
    """The lines of a fence, growing or complete."""

    def __init__(self, language: str, lines: Sequence[str] = (), *, whole: str | None = None) -> None:
        """whole: what to copy where `lines` is only the beginning of it."""
        self.language = language
        self._whole = whole
        self.lines: list[str] = list(lines)
        self.partial = ""
        """The unfinished last line of an open fence."""
        self._coloured: list[Line] = []

    @property
    def source(self) -> str:
        if self._whole is not None:
            return self._whole
        return "\n".join(self.lines + ([self.partial] if self.partial else []))

    def final_lines(self) -> list[Line]:
        """The lines whose colours cannot change any more."""
        while True:
            start = len(self._coloured)
            size = WINDOW_LINES
            while True:
                if start + size > len(self.lines):
                    return self._coloured
                window = tuple(self.lines[start : start + size])
                tokens = _lex(self.language, window)
                cut = _checkpoint(window, tokens, last=size >= LONGEST_WINDOW)
                if cut is not None:
                    break
                size *= 2
            self._coloured.extend(tokens[:cut])

    def open_lines(self) -> tuple[Line, ...]:
        """The lines after the final ones, coloured as they look now.

        The unfinished last line is coloured alone, or as what goes on from the line above: lexing all open lines
        again for each of its fragments was half of what a streaming fence cost.
        """
        rest = tuple(self.lines[len(self.final_lines()) :])
        if not self.partial:
            return _lex(self.language, rest)
        *above, probe = _lex(self.language, (*rest, _PROBE))
        role = probe[0][0] if probe else ""
        if role in ("string", "comment"):
            return (*above, ((role, self.partial),))
        return (*above, *_lex(self.language, (self.partial,)))
