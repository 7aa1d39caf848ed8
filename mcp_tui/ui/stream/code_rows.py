"""The code of one fence as rows."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style

from mcp_tui.ui.stream.code_body import CodeBody, Line, Role
from mcp_tui.ui.stream.rows import Palette, Row, Span, chop, prefix

COPY_MARK = " copy "
"""Stands at the right of a fence's first row where there is room: a click copies the code."""


class CodeRows:
    """Rows of a `CodeBody` at one width and palette; final lines are laid out once."""

    def __init__(
        self,
        body: CodeBody,
        width: int,
        palette: Palette,
        *,
        above: Sequence[Row] = (),
        first: Sequence[Span] = (),
        rest: Sequence[Span] = (),
    ) -> None:
        """above: rows that belong to what it stands in. first, rest: what stands left of its first row, of others."""
        self.body = body
        self._first = first
        self._rest = rest
        self._width = width
        self._lead = ((" ", palette.code),)
        self._plain = palette.code
        self._copy = (COPY_MARK, palette.code_mark)
        self._styles: dict[Role, Style] = {
            "": palette.code,
            "keyword": palette.code_keyword,
            "name": palette.code_name,
            "string": palette.code_string,
            "number": palette.code_number,
            "comment": palette.code_comment,
            "added": palette.code_added,
            "removed": palette.code_removed,
        }
        self._final: list[Row] = list(above)
        self._final_lines = 0

    @property
    def final(self) -> int:
        """How many rows at the start can never change at this width and palette."""
        return len(self._final)

    def rows(self) -> list[Row]:
        final = self.body.final_lines()
        while self._final_lines < len(final):
            self._final.extend(self._layout(final[self._final_lines], first=not self._final_lines))
            self._final_lines += 1
        rows = list(self._final)
        lines = self.body.open_lines()
        for index, line in enumerate(lines):
            rows.extend(self._layout(line, first=not self._final_lines and not index))
        if not self._final_lines and not lines:
            rows.append(Row(self._lead, lead=1, fill=self._plain, code=self.body).prefixed(self._first))
        return rows

    def _layout(self, line: Line, *, first: bool) -> list[Row]:
        spans = [(text.replace("\t", "    "), self._styles[role]) for role, text in line]
        rows = prefix(chop(spans, self._width - 2, fill=self._plain), self._lead, self._lead)
        if self._rest:
            rows = prefix(rows, self._first if first else self._rest, self._rest)
        for row in rows:
            row.code = self.body
        if first:
            rows[0].tail = self._copy
        return rows
