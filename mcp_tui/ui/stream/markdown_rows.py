"""Lay out finished or open Markdown blocks as rows of one width in the theme's styles."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.style import Style

from mcp_tui.ui.stream.code_body import CodeBody, language_of
from mcp_tui.ui.stream.code_rows import CodeRows
from mcp_tui.ui.stream.links import Link, bare_links, host_of, link_style
from mcp_tui.ui.stream.markdown_blocks import Block, parsed
from mcp_tui.ui.stream.markdown_containers import TASK, Container
from mcp_tui.ui.stream.rows import BOLD, ITALIC, STRIKE, UNDERLINE, Palette, Row, Span, prefix, shorten, width_of, wrap

if TYPE_CHECKING:
    from markdown_it.token import Token

NARROWEST_COLUMN = 5
COLUMN_GAP = 2
NARROWEST_TEXT = 4
BOX_CELLS = 4
LONGEST_PLACE = 60
"""Cells of an address without a host."""
_BREAK = re.compile(r"[ \t]*<br\s*/?>[ \t]*", re.IGNORECASE)
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


@dataclass(slots=True)
class Place:
    """Where a part of a long item or quote is drawn, in the look that the whole has in one piece."""

    width: int
    base: Style
    first: list[Span] = field(default_factory=list[Span])
    """What stands left of its first row."""
    rest: list[Span] = field(default_factory=list[Span])
    above: list[Row] = field(default_factory=list[Row])
    depth: int = 0
    """Lists around it."""
    boxed: bool = False
    """The box of its task is drawn."""

    @classmethod
    def of(cls, block: Block, width: int, palette: Palette) -> Place:
        place = cls(width, palette.text)
        for frame in block.frames:
            place._enter(frame.container, frame.opens, palette)
            if frame.after and gap_between(frame.after, frame.kind, nested=True):
                place.above.append(Row(place.rest, lead=_length(place.rest)))
        return place

    def _enter(self, container: Container, opens: bool, palette: Palette) -> None:
        self.width = max(NARROWEST_TEXT, self.width)
        first, rest = (_bar if container.kind == "quote" else self._mark)(container, palette)
        if self.width - width_of(rest) < NARROWEST_TEXT:
            if container.kind == "list" and opens:
                # The mark stands alone, as in one piece.
                self.above.append(Row([*self.first, *first], lead=_length([*self.first, *first])))
                self.first = list(self.rest)
        else:
            self.first += first if opens else rest
            self.rest += rest
            self.width -= width_of(rest)
        if container.kind == "quote":
            self.base = palette.quote
        else:
            self.depth += 1

    def _mark(self, item: Container, palette: Palette) -> tuple[list[Span], list[Span]]:
        mark, look, self.boxed = item_mark(item.number, self.depth, item.done, self.width, palette)
        return [(mark, look)], [(" " * len(mark), palette.text)]


def _bar(quote: Container, palette: Palette) -> tuple[list[Span], list[Span]]:
    bar: Span = ("│ ", palette.rule)
    return [bar], [bar]


def _length(spans: Sequence[Span]) -> int:
    return sum(len(text) for text, _ in spans)


def item_mark(
    number: int | None, depth: int, done: bool | None, width: int, palette: Palette
) -> tuple[str, Style, bool]:
    """What stands before an item, its style, and whether that is the box of a task."""
    mark = f"{_BULLETS[min(depth, len(_BULLETS) - 1)]} " if number is None else f"{number}. "
    if done is None or width - len(mark) - BOX_CELLS < NARROWEST_TEXT:
        return mark, palette.bullet, False
    # The box says more than a bullet would.
    return f"{'' if number is None else mark}[{'x' if done else ' '}] ", palette.ok if done else palette.bullet, True


def block_rows(block: Block, width: int, palette: Palette) -> list[Row]:
    place = Place.of(block, width, palette)
    if block.code is not None:
        return placed_code(block.code, place, palette).rows()
    rows = _Layout(block, palette, place).rows()
    return [*place.above, *prefix(rows, place.first, place.rest)] if block.frames else rows


def placed_code(code: CodeBody, place: Place, palette: Palette) -> CodeRows:
    return CodeRows(code, place.width, palette, above=place.above, first=place.first, rest=place.rest)


class _Layout:
    """Walks the tokens of one block, in order, once."""

    def __init__(self, block: Block, palette: Palette, place: Place) -> None:
        self._tokens = parsed(block)
        self._ordinal = block.ordinal
        self._palette = palette
        self._place = place
        self._at = 0
        self._depth = place.depth
        self._links = 0
        self._skip = 0
        """Characters of the next text that were drawn already."""
        if place.boxed and block.frames[-1].opens:
            self._task()

    def rows(self) -> list[Row]:
        return self._container(self._place.width, self._place.base, "")

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
            kind, block = self._block(token, max(NARROWEST_TEXT, width), base)
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
                style = style + UNDERLINE if token.tag == "h1" else style
                rows = wrap(self._inline(self._next(), style), width)
                self._at += 1
                return "heading", rows
            case "bullet_list_open" | "ordered_list_open":
                return "list", self._list(token, width, base)
            case "blockquote_open":
                bar = (("│ ", palette.rule),) if width - 2 >= NARROWEST_TEXT else ()
                rows = self._container(width - 2 if bar else width, palette.quote, "blockquote_close")
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
        if self._depth == self._place.depth and self._ordinal is not None and ordered:
            number = self._ordinal
        depth = self._depth
        closing = opening.type.replace("_open", "_close")
        rows: list[Row] = []
        self._depth += 1
        while self._at < len(self._tokens):
            token = self._next()
            if token.type == closing:
                break
            if token.type != "list_item_open":
                continue
            done = self._task()
            mark, look, boxed = item_mark(number if ordered else None, depth, done, width, self._palette)
            if not boxed:
                self._skip = 0
            number += 1
            lead = ((mark, look),)
            if width - len(mark) < NARROWEST_TEXT:
                # Nested too deep for the width: the mark stands alone, nothing moves further to the right.
                rows.append(Row(lead, lead=len(mark)))
                rows.extend(self._container(width, base, "list_item_close"))
                continue
            item = self._container(width - len(mark), base, "list_item_close")
            rows.extend(prefix(item or [Row()], lead, ((" " * len(mark), self._palette.text),)))
        self._depth -= 1
        return rows

    def _task(self) -> bool | None:
        """Whether the item that begins here is a task, and if so a done one; its box is then left out of the text."""
        if self._at + 1 >= len(self._tokens) or self._tokens[self._at].type != "paragraph_open":
            return None
        children = self._tokens[self._at + 1].children
        match = TASK.match(children[0].content) if children and children[0].type == "text" else None
        if match is None:
            return None
        self._skip = match.end()
        return match[1] != " "

    def _inline(self, token: Token, base: Style) -> list[Span]:
        spans: list[Span] = []
        styles = [base]
        link: Link | None = None
        text_of_link = ""
        for child in token.children or ():
            match child.type:
                case "text" | "text_special":
                    text, self._skip = child.content[self._skip :], 0
                    if text:
                        text = _BREAK.sub("\n", text.replace("\t", "    "))
                        spans.extend([(text, styles[-1])] if link else self._text(text, styles[-1]))
                        text_of_link += text
                case "softbreak" | "hardbreak":
                    spans.append(("\n", styles[-1]))
                case "code_inline":
                    around = styles[-1]
                    # Emphasis around code stays; colours are the code's own.
                    look = self._palette.code_inline + Style(bold=around.bold, italic=around.italic)
                    if link:
                        look = link_style(look + UNDERLINE, link, around.bold, around.italic)
                    spans.append((child.content.replace("\t", "    "), look))
                    text_of_link += child.content
                case "strong_open":
                    styles.append(styles[-1] + BOLD)
                case "em_open":
                    styles.append(styles[-1] + ITALIC)
                case "s_open":
                    styles.append(styles[-1] + STRIKE)
                case "link_open":
                    link, text_of_link = self._new_link(str(child.attrs.get("href", ""))), ""
                    styles.append(link_style(self._palette.link, link, styles[-1].bold, styles[-1].italic))
                case "link_close":
                    styles.pop()
                    if link is not None:
                        spans.extend(self._destination(link, text_of_link))
                    link = None
                case "strong_close" | "em_close" | "s_close":
                    styles.pop()
                case "image":
                    text = f"[image: {child.content or 'no description'}]"
                    source = self._new_link(str(child.attrs.get("src", "")))
                    spans.append((text, link_style(self._palette.muted, link or source, None, None)))
                    spans.extend(self._destination(source, child.content))
                case _:
                    if child.content:
                        spans.append((child.content, styles[-1]))
        return spans

    def _text(self, text: str, style: Style) -> list[Span]:
        """Plain text, with the addresses in it as links."""
        if "://" not in text:
            return [(text, style)]
        spans: list[Span] = []
        at = 0
        for start, end in bare_links(text):
            link = self._new_link(text[start:end])
            spans.append((text[at:start], style))
            spans.append((text[start:end], link_style(self._palette.link, link, style.bold, style.italic)))
            at = end
        return [*spans, (text[at:], style)]

    def _new_link(self, address: str) -> Link:
        self._links += 1
        return Link(address, self._links)

    def _destination(self, link: Link, text: str) -> list[Span]:
        """Where a link leads, unless its text says so: a text may claim another place."""
        place = host_of(link.address) or shorten(link.address, LONGEST_PLACE)
        if not place or place in text:
            return []
        return [(f" ({place})", link_style(self._palette.muted, replace(link, said=False), None, None))]

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
                before = space if aligns[index] == "right" else space // 2 if aligns[index] == "center" else 0
                if before:
                    content.insert(0, (" " * before, base))
                if index + 1 < len(columns):
                    content.append((" " * (space - before), base))
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
            text = "".join(text for text, _ in cell)
            natural[index] = max(natural[index], _widest_line(text))
            words = text.split()
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
    texts = [["".join(text for text, _ in cell) for cell in cells] for cells in table]
    return sum(
        max((_widest_line(cells[index]) for cells in texts if index < len(cells)), default=1) for index in range(count)
    )


def _widest_line(text: str) -> int:
    return max(cell_len(line) for line in text.split("\n"))
