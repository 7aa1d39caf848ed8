"""Just enough of SQL's lexical rules to find parameters and the end of a statement.

It makes messages clear and rewrites `:name`. It protects nothing: that is the database's own work.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Literal

Sort = Literal["code", "quoted", "comment", "parameter", "end"]
_TOKEN = re.compile(
    r"""
      (?P<escaped>\b[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z))
    | (?P<text>'(?:[^']|'')*(?:'|\Z))
    | (?P<name>"(?:[^"]|"")*(?:"|\Z))
    | (?P<line>--[^\n]*)
    | (?P<block>/\*)
    | (?P<dollar>(?<![\w$])\$(?P<tag>[A-Za-z_]\w*|)\$)
    | (?P<cast>::)
    | (?P<parameter>(?<![\w:]):[A-Za-z_]\w*)
    | (?P<end>;)
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")


def tokens(sql: str) -> Iterator[tuple[Sort, str]]:
    """The text in pieces that joined give it back. A quote that is not closed reaches to the end."""
    place = 0
    while found := _TOKEN.search(sql, place):
        if found.start() > place:
            yield "code", sql[place : found.start()]
        end, sort = found.end(), _sort(found)
        if found["block"]:
            end = _block_end(sql, end)
        elif found["dollar"]:
            closing = sql.find(found["dollar"], end)
            end = len(sql) if closing < 0 else closing + len(found["dollar"])
        yield sort, sql[found.start() : end]
        place = end
    if place < len(sql):
        yield "code", sql[place:]


def _sort(found: re.Match[str]) -> Sort:
    if found["line"] or found["block"]:
        return "comment"
    if found["parameter"]:
        return "parameter"
    if found["end"]:
        return "end"
    return "code" if found["cast"] else "quoted"


def _block_end(sql: str, place: int) -> int:
    """Comments nest in PostgreSQL."""
    depth = 1
    for edge in _BLOCK_EDGE.finditer(sql, place):
        depth += 1 if edge[0] == "/*" else -1
        if not depth:
            return edge.end()
    return len(sql)


def is_single(sql: str) -> bool:
    """Whether nothing but blanks and comments follows the first `;`."""
    ended = False
    for sort, text in tokens(sql):
        if sort == "end":
            ended = True
        elif ended and sort != "comment" and text.strip():
            return False
    return True


def first_word(sql: str) -> str:
    """In capitals, "" when there is none."""
    for sort, text in tokens(sql):
        if sort == "code" and (found := re.search(r"[A-Za-z]+", text)):
            return found[0].upper()
    return ""


def without_end(sql: str) -> str:
    """The statement without what follows it, for use inside another one."""
    kept: list[str] = []
    for sort, text in tokens(sql):
        if sort == "end":
            break
        kept.append(text)
    return "".join(kept).rstrip()


def pyformat(sql: str, names: Collection[str]) -> str:
    """For psycopg: `:name` of a known parameter as `%(name)s`, every percent sign doubled."""
    return "".join(
        f"%({text[1:]})s" if sort == "parameter" and text[1:] in names else text.replace("%", "%%")
        for sort, text in tokens(sql)
    )
