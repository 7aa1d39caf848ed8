"""Cut streaming Markdown into blocks as early as is safe.

A block is finished when a later block began on a complete line: CommonMark never reopens it. Only what follows
the last finished block is parsed again when text arrives. A top-level list is finished item by item, an open
fence line by line, and a block that grows beyond `LONGEST_BLOCK` is cut at a place that depends on the text
alone, so that the result is the same for every chunking.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from mcp_tui.ui.widgets.code_body import CodeBody, language_of

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LONGEST_BLOCK = 8192
CUT_FROM = 4096

_KINDS = {
    "paragraph_open": "paragraph",
    "heading_open": "heading",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "blockquote_open": "quote",
    "table_open": "table",
    "fence": "fence",
    "code_block": "fence",
    "hr": "rule",
}


@dataclass(frozen=True, slots=True)
class Block:
    """One top-level block, or one or more items of a top-level list."""

    kind: str
    source: str
    """Its Markdown: rows of finished blocks are made from it again when the width changes, because tokens of a
    long answer are many small objects that every garbage collection would walk."""
    tokens: tuple[Token, ...] = ()
    """Only of an open block."""
    continued: bool = False
    """Goes on with the list of the block before it."""
    ordinal: int | None = None
    """Number of the first item of a continued ordered list."""
    code: CodeBody | None = None


@dataclass(slots=True)
class _Extent:
    """A top-level block within the parsed text: its tokens and lines (end exclusive)."""

    kind: str
    tokens: list[Token]
    start: int
    end: int


@dataclass(slots=True)
class _Fence:
    body: CodeBody
    marker: str
    indent: int

    def closed_by(self, line: str) -> bool:
        text = line.strip(" \t")
        indent = line[: len(line) - len(line.lstrip(" \t"))]
        return (
            len(indent) <= 3 and "\t" not in indent and len(text) >= len(self.marker) and set(text) == {self.marker[0]}
        )

    def content(self, line: str) -> str:
        spaces = len(line) - len(line.lstrip(" "))
        return line[min(self.indent, spaces) :]


def parsed(block: Block) -> tuple[Token, ...]:
    return block.tokens or tuple(_parser().parse(block.source))


def prepare() -> None:
    """Import the parser: on a thread, before the first answer needs it."""
    _parser().parse("")


@cache
def _parser() -> MarkdownIt:
    # Late: the first frame shows no Markdown.
    from markdown_it import MarkdownIt

    # Reference definitions may stand anywhere in a document and change what was shown long before.
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("reference")


_TABLE_HEAD_LINES = 2
_FENCE_OPEN = re.compile(r"^( {0,3})(`{3,}|~{3,})")


class BlockSplitter:
    def __init__(self) -> None:
        self._text = ""
        self._fence: _Fence | None = None
        self._in_list = False
        """The text begins with an item of the list whose earlier items are finished."""
        self._ordinal: int | None = None

    def update(self, text: str) -> tuple[list[Block], list[Block]]:
        """Take the next fragment; the blocks that finished with it, and the open ones as they look now."""
        self._text += text
        return self._advance(end=False)

    def finish(self) -> list[Block]:
        """The end of the text: all that was open is finished."""
        finished, remaining = self._advance(end=True)
        self._text = ""
        return finished + remaining

    def _advance(self, *, end: bool) -> tuple[list[Block], list[Block]]:
        finished: list[Block] = []
        while True:
            if self._fence is not None:
                closed = self._feed_fence(self._fence, end=end)
                block = Block("fence", "", code=self._fence.body)
                if not closed:
                    return finished, [block]
                finished.append(block)
                self._fence = None
            if not self._text:
                return finished, []
            extents = _extents(_parser().parse(self._text))
            lines = self._text.split("\n")
            if self._cut_oversize(extents, lines, finished):
                continue
            if extents and (fence := _open_fence(extents[-1], lines)) is not None and not end:
                self._freeze(extents[:-1], lines, finished)
                self._text = "\n".join(lines[extents[-1].start + 1 :])
                self._in_list = False
                self._fence = fence
                continue
            return finished, self._settle(extents, lines, finished, end=end)

    def _feed_fence(self, fence: _Fence, *, end: bool) -> bool:
        *complete, partial = self._text.split("\n")
        for index, line in enumerate(complete):
            if fence.closed_by(line):
                fence.body.partial = ""
                self._text = "\n".join([*complete[index + 1 :], partial])
                return True
            fence.body.lines.append(fence.content(line))
        if end:
            if partial and not fence.closed_by(partial):
                fence.body.lines.append(fence.content(partial))
            fence.body.partial = ""
            self._text = ""
            return True
        self._text = partial
        # What may become the closing marker is not shown as code.
        closing = bool(partial.strip()) and set(partial.strip()) == {fence.marker[0]}
        fence.body.partial = "" if closing else fence.content(partial)
        return False

    def _cut_oversize(self, extents: Sequence[_Extent], lines: list[str], finished: list[Block]) -> bool:
        """Finish the first piece of the first block that is too long; False when there is none."""
        for index, extent in enumerate(extents):
            if extent.kind == "fence":
                continue
            for start, end in _units(extent):
                source = "\n".join(lines[start:end])
                if len(source) <= LONGEST_BLOCK:
                    continue
                before = _head(extent, start)
                self._freeze([*extents[:index], *before], lines, finished)
                cut = source.find("\n", CUT_FROM, LONGEST_BLOCK) + 1
                cut = cut or source.find(" ", CUT_FROM, LONGEST_BLOCK) + 1 or CUT_FROM
                piece = _extents(_parser().parse(source[:cut]))
                self._freeze(piece, source[:cut].split("\n"), finished)
                head = source.split("\n")[:_TABLE_HEAD_LINES] if extent.kind == "table" else []
                if 2 * len("\n".join(head)) > cut:
                    head = []  # repeating it would leave a text as long as before
                self._text = "\n".join([*head, source[cut:], *lines[end:]])
                self._in_list = False
                return True
        return False

    def _settle(self, extents: Sequence[_Extent], lines: list[str], finished: list[Block], *, end: bool) -> list[Block]:
        """Finish what cannot change any more; the blocks that still can, as they look now."""
        last = len(lines) - 1
        """The line that is still being written."""

        def safe(extent: _Extent) -> bool:
            # The line under a table's head makes it a table: both must be complete.
            return end or extent.start + (1 if extent.kind == "table" else 0) < last

        keep = len(extents) - 1
        while keep > 0 and not safe(extents[keep]):
            keep -= 1
        if keep > 0:
            self._freeze(extents[:keep], lines, finished)
            cut = extents[keep].start
            self._text = "\n".join(lines[cut:])
            self._in_list = False
            extents = [_shifted(extent, cut) for extent in extents[keep:]]
            lines = lines[cut:]
            last -= cut
        if extents and extents[0].kind == "list":
            starts = [start for start, _ in _units(extents[0])]
            cuts = [start for start in starts[1:] if start < last and not lines[start][:1].isspace()]
            if cuts:
                cut = cuts[-1]
                self._freeze(_head(extents[0], cut), lines, finished)
                extents = [_shifted(_rest(extents[0], cut), cut), *(_shifted(e, cut) for e in extents[1:])]
                lines = lines[cut:]
                self._text = "\n".join(lines)
                self._in_list = True
        blocks: list[Block] = []
        continued, ordinal = self._in_list, self._ordinal
        for extent in extents:
            source = "\n".join(lines[extent.start : extent.end])
            tokens = () if end else tuple(extent.tokens)
            blocks.append(_block(extent, continued, ordinal, source, tokens))
            continued, ordinal = False, None
        return blocks

    def _freeze(self, extents: Sequence[_Extent], lines: Sequence[str], finished: list[Block]) -> None:
        for extent in extents:
            continued = self._in_list and extent.kind == "list"
            source = "\n".join(lines[extent.start : extent.end])
            finished.append(_block(extent, continued, self._ordinal if continued else None, source))
            if extent.kind == "list":
                start = self._ordinal if continued else _start_number(extent)
                self._ordinal = None if start is None else start + len(_units(extent))
            self._in_list = False


def _block(
    extent: _Extent,
    continued: bool,
    ordinal: int | None,
    source: str,
    tokens: tuple[Token, ...] = (),
) -> Block:
    code: CodeBody | None = None
    if extent.kind == "fence":
        token = extent.tokens[0]
        lines = token.content.split("\n")
        if lines and not lines[-1]:
            lines.pop()
        code = CodeBody(language_of(token.info), lines)
    in_list = continued and extent.kind == "list"
    return Block(extent.kind, source, tokens, in_list, ordinal if in_list else None, code)


def _extents(tokens: list[Token]) -> list[_Extent]:
    extents: list[_Extent] = []
    group: list[Token] = []
    for token in tokens:
        group.append(token)
        if token.level == 0 and token.nesting <= 0:
            opening = group[0]
            start, end = opening.map or (0, 0)
            extents.append(_Extent(_KINDS.get(opening.type, "paragraph"), group, start, end))
            group = []
    return extents


def _units(extent: _Extent) -> list[tuple[int, int]]:
    """Lines of the pieces a block may be cut into: the items of a list, else the whole."""
    if extent.kind != "list":
        return [(extent.start, extent.end)]
    return [
        (token.map[0], token.map[1])
        for token in extent.tokens
        if token.type == "list_item_open" and token.level == 1 and token.map
    ]


def _head(extent: _Extent, line: int) -> list[_Extent]:
    """The items of a list before the one that starts at `line`; nothing for other blocks."""
    if extent.kind != "list" or line <= extent.start:
        return []
    index = _item_index(extent, line)
    tokens = [*extent.tokens[:index], extent.tokens[-1]]
    return [_Extent("list", tokens, extent.start, line)]


def _rest(extent: _Extent, line: int) -> _Extent:
    index = _item_index(extent, line)
    return _Extent("list", [extent.tokens[0], *extent.tokens[index:]], line, extent.end)


def _item_index(extent: _Extent, line: int) -> int:
    return next(
        index
        for index, token in enumerate(extent.tokens)
        if token.type == "list_item_open" and token.level == 1 and token.map and token.map[0] == line
    )


def _shifted(extent: _Extent, lines: int) -> _Extent:
    """The extent after `lines` lines before it were removed. Token maps inside shift too: they are shared."""
    for token in extent.tokens:
        if token.map and token.nesting >= 0 and lines:
            token.map = [token.map[0] - lines, token.map[1] - lines]
    return _Extent(extent.kind, extent.tokens, extent.start - lines, extent.end - lines)


def _start_number(extent: _Extent) -> int | None:
    opening = extent.tokens[0]
    return int(opening.attrs.get("start", 1)) if opening.type == "ordered_list_open" else None


def _open_fence(extent: _Extent, lines: list[str]) -> _Fence | None:
    """The fence that is still open at the end of the text, if this block is one."""
    if extent.kind != "fence" or extent.tokens[0].type != "fence" or extent.start + 1 >= len(lines):
        return None
    opening = _FENCE_OPEN.match(lines[extent.start])
    if opening is None:
        return None
    token = extent.tokens[0]
    fence = _Fence(CodeBody(language_of(token.info)), token.markup, len(opening[1]))
    closed = any(fence.closed_by(line) for line in lines[extent.start + 1 : -1])
    return None if closed else fence
