"""Lay out finished or open Markdown blocks as rows of one width in the theme's styles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rich.cells import cell_len
from rich.style import Style

from mcp_tui.ui.widgets.code_body import CodeBody, CodeRows, language_of
from mcp_tui.ui.widgets.markdown_blocks import Block, parsed
from mcp_tui.ui.widgets.rows import BOLD, ITALIC, STRIKE, Palette, Row, Span, prefix, width_of, wrap

if TYPE_CHECKING:
    from markdown_it.token import Token

NARROWEST_COLUMN = 5
COLUMN_GAP = 2
_LINKABLE = ("http", "https", "mailto")
_BULLETS = ("•", "-", "·")


def gap_between(before: str, kind: str, *, nested: bool = False) -> int:
    """Blank rows between two neighbouring blocks."""
    if not before or "rule" in (before, kind):
        return 0
    if before == "heading":
        return 1 if kind in ("table", "fence") else 0
    if before == "paragraph" and kind == "list":
        return 0
    if nested and kind in ("list", "fence"):
        return 0
    return 1


def block_rows(block: Block, width: int, palette: Palette) -> list[Row]:
    if block.code is not None:
        return CodeRows(block.code, width, palette).rows()
    return _Layout(block, palette).rows(width)


class _Layout:
    """Walks the tokens of one block, in order, once."""

    def __init__(self, block: Block, palette: Palette) -> None:
        self._tokens = parsed(block)
        self._ordinal = block.ordinal
        self._palette = palette
        self._at = 0
        self._depth = 0

    def rows(self, width: int) -> list[Row]:
        return self._container(width, self._palette.text, "")

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _container(self, width: int, base: Style, closing: str) -> list[Row]:
        """The blocks up to the token type `closing`, or up to the end."""
        rows: list[Row] = []
        before = ""
        while self._at < len(self._tokens):
            token = self._next()
            if token.type == closing:
                break
            kind, block = self._block(token, max(4, width), base)
            if not kind:
                continue
            if rows and gap_between(before, kind, nested=True):
                rows.append(Row())
            rows.extend(block)
            before = kind
        return rows

    def _block(self, token: Token, width: int, base: Style) -> tuple[str, list[Row]]:
        palette = self._palette
        match token.type:
            case "paragraph_open":
                rows = wrap(self._inline(self._next(), base), width)
                self._at += 1
                return "paragraph", rows
            case "heading_open":
                style = palette.heading if token.tag in ("h1", "h2") else palette.subheading
                rows = wrap(self._inline(self._next(), style), width)
                self._at += 1
                return "heading", rows
            case "bullet_list_open" | "ordered_list_open":
                return "list", self._list(token, width, base)
            case "blockquote_open":
                bar = (("│ ", palette.rule),)
                rows = self._container(width - 2, palette.quote, "blockquote_close")
                return "quote", prefix(rows or [Row()], bar, bar)
            case "table_open":
                return "table", self._table(width, base)
            case "fence" | "code_block":
                lines = token.content.split("\n")
                if lines and not lines[-1]:
                    lines.pop()
                return "fence", CodeRows(CodeBody(language_of(token.info), lines), width, palette).rows()
            case "hr":
                return "rule", [Row([("─" * width, palette.rule)])]
            case "inline":
                return "paragraph", wrap(self._inline(token, base), width)
            case _:
                return "", []

    def _list(self, opening: Token, width: int, base: Style) -> list[Row]:
        ordered = opening.type == "ordered_list_open"
        number = int(opening.attrs.get("start", 1)) if ordered else 0
        if self._depth == 0 and self._ordinal is not None and ordered:
            number = self._ordinal
        bullet = _BULLETS[min(self._depth, len(_BULLETS) - 1)]
        closing = opening.type.replace("_open", "_close")
        rows: list[Row] = []
        self._depth += 1
        while self._at < len(self._tokens):
            token = self._next()
            if token.type == closing:
                break
            if token.type != "list_item_open":
                continue
            mark = f"{number}. " if ordered else f"{bullet} "
            number += 1
            item = self._container(width - len(mark), base, "list_item_close")
            lead = ((mark, self._palette.bullet),)
            rows.extend(prefix(item or [Row()], lead, ((" " * len(mark), self._palette.text),)))
        self._depth -= 1
        return rows

    def _inline(self, token: Token, base: Style) -> list[Span]:
        spans: list[Span] = []
        styles = [base]
        target = ""
        text_of_link = ""
        for child in token.children or ():
            match child.type:
                case "text" | "text_special":
                    if child.content:
                        spans.append((child.content.replace("\t", "    "), styles[-1]))
                        text_of_link += child.content
                case "softbreak" | "hardbreak":
                    spans.append(("\n", styles[-1]))
                case "code_inline":
                    # Emphasis around code stays; colours are the code's own.
                    extra = Style(bold=styles[-1].bold, italic=styles[-1].italic)
                    spans.append((child.content.replace("\t", "    "), self._palette.code_inline + extra))
                    text_of_link += child.content
                case "strong_open":
                    styles.append(styles[-1] + BOLD)
                case "em_open":
                    styles.append(styles[-1] + ITALIC)
                case "s_open":
                    styles.append(styles[-1] + STRIKE)
                case "link_open":
                    target, text_of_link = str(child.attrs.get("href", "")), ""
                    styles.append(self._link_style(target, styles[-1]))
                case "link_close":
                    styles.pop()
                    spans.extend(self._destination(target, text_of_link))
                    target = ""
                case "strong_close" | "em_close" | "s_close":
                    styles.pop()
                case "image":
                    spans.append((f"[image: {child.content or 'no description'}]", self._palette.muted))
                    spans.extend(self._destination(str(child.attrs.get("src", "")), child.content))
                case _:
                    if child.content:
                        spans.append((child.content, styles[-1]))
        return spans

    def _link_style(self, target: str, around: Style) -> Style:
        style = self._palette.link + Style(bold=around.bold, italic=around.italic)
        # A terminal link, opened only by the person; other schemes stay plain text.
        return style + Style(link=target) if urlsplit(target).scheme in _LINKABLE else style

    def _destination(self, target: str, text: str) -> list[Span]:
        """Where a link leads, unless its text says so: a text may claim another place."""
        host = urlsplit(target).netloc or target
        if not host or host in text:
            return []
        return [(f" ({host})", self._palette.muted)]

    def _table(self, width: int, base: Style) -> list[Row]:
        table: list[list[list[Span]]] = []
        aligns: list[str] = []
        while self._at < len(self._tokens):
            token = self._next()
            if token.type == "table_close":
                break
            if token.type == "tr_open":
                table.append([])
            elif token.type in ("th_open", "td_open"):
                style = self._palette.table_head if token.type == "th_open" else base
                if token.type == "th_open":
                    aligns.append(str(token.attrs.get("style", "")).removeprefix("text-align:"))
                table[-1].append(self._inline(self._next(), style))
        if not table or not table[0]:
            return []
        widths = column_widths(table, width)
        if widths is None:
            return self._records(table, width, base)
        rows: list[Row] = []
        for index, cells in enumerate(table):
            rows.extend(self._table_row(cells, widths, aligns, base))
            if index == 0:
                total = sum(widths) + COLUMN_GAP * (len(widths) - 1)
                rows.append(Row([("─" * total, self._palette.rule)], lead=total))
        return rows

    def _table_row(
        self, cells: Sequence[list[Span]], widths: Sequence[int], aligns: Sequence[str], base: Style
    ) -> list[Row]:
        columns = [wrap(cell, size) for cell, size in zip(cells, widths, strict=False)]
        rows: list[Row] = []
        for line in range(max((len(column) for column in columns), default=0)):
            spans: list[Span] = []
            for index, column in enumerate(columns):
                content = list(column[line].spans) if line < len(column) else []
                space = widths[index] - width_of(content)
                if aligns[index] == "right":
                    content = [(" " * space, base), *content]
                elif index + 1 < len(columns):
                    content.append((" " * space, base))
                if index:
                    spans.append((" " * COLUMN_GAP, base))
                spans.extend(content)
            rows.append(Row(spans))
        return rows

    def _records(self, table: Sequence[Sequence[list[Span]]], width: int, base: Style) -> list[Row]:
        """A table with more columns than fit: every row becomes lines `head: value`."""
        heads = table[0]
        rows: list[Row] = []
        for cells in table[1:] or [[[] for _ in heads]]:
            first = True
            for head, cell in zip(heads, cells, strict=False):
                mark = "• " if first else "  "
                lead = ((mark, self._palette.bullet),)
                spans = [*head, (": ", self._palette.table_head), *cell]
                rows.extend(prefix(wrap(spans, width - 2), lead, (("  ", base),)))
                first = False
        return rows


def column_widths(table: Sequence[Sequence[list[Span]]], width: int) -> list[int] | None:
    """Cells per column, at most `width` together with the gaps; None when that leaves too little for each."""
    count = len(table[0])
    available = width - COLUMN_GAP * (count - 1)
    if available < NARROWEST_COLUMN * count and available < _natural(table, count):
        return None
    natural = [1] * count
    least = [1] * count
    for cells in table:
        for index, cell in enumerate(cells[:count]):
            natural[index] = max(natural[index], width_of(cell))
            words = "".join(text for text, _ in cell).split()
            least[index] = max(least[index], max((cell_len(word) for word in words), default=1))
    if sum(natural) <= available:
        return natural
    least = [min(size, max(NARROWEST_COLUMN, available // count)) for size in least]
    widths = [min(a, b) for a, b in zip(least, natural, strict=True)]
    spare = available - sum(widths)
    wanted = [a - b for a, b in zip(natural, widths, strict=True)]
    total = sum(wanted)
    if total:
        widths = [size + spare * want // total for size, want in zip(widths, wanted, strict=True)]
    return widths


def _natural(table: Sequence[Sequence[list[Span]]], count: int) -> int:
    return sum(
        max((width_of(cells[index]) for cells in table if index < len(cells)), default=1) for index in range(count)
    )
